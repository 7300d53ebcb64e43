//! What was inferred of a table's columns that its user should know.

use std::fmt;

use super::dates;
use super::written::Written;
use crate::display::short;

/// What [`Schema::infer`](crate::Schema::infer) inferred of a column that may not be meant so. The text says what was
/// assumed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TableNotice {
    /// A column of numbers with a few cells that are none. They are treated as missing.
    NotNumbers {
        /// The column's name.
        column: String,
        /// The number of such cells.
        count: usize,
        /// The first of them.
        cell: String,
        /// Its line in the file, counted from 1; for a table without lines, its row.
        line: u64,
    },
    /// A column of numbers with dashes or dots, which are treated as missing.
    Dashes {
        /// The column's name.
        column: String,
        /// The number of such cells.
        count: usize,
        /// The first of them.
        cell: String,
    },
    /// A column of numbers that are not written plainly, or of dates.
    Written {
        /// The column's name.
        column: String,
        /// A cell.
        cell: String,
        /// How it is written.
        written: Written,
        /// The number that it was read as.
        number: f64,
    },
    /// A column that is treated as text, since its numbers could be read in two ways.
    DoubtfulNumbers {
        /// The column's name.
        column: String,
        /// A cell, such as `1,234`.
        cell: String,
    },
    /// A column that is treated as text, since its dates could be read in two ways.
    DoubtfulDates {
        /// The column's name.
        column: String,
        /// A cell, such as `01/02/2001`.
        cell: String,
    },
    /// A column of numbers with a few that are so large that all others look alike once they are scaled.
    Outliers {
        /// The column's name.
        column: String,
        /// The cell that is farthest from the others.
        cell: String,
        /// Its line in the file, counted from 1; for a table without lines, its row.
        line: u64,
    },
    /// A column without any value.
    Empty {
        /// The column's name.
        column: String,
    },
    /// A column that is treated as text, although most of its cells are numbers.
    MostlyNumbers {
        /// The column's name.
        column: String,
        /// The number of cells that are not numbers.
        count: usize,
        /// The first of them.
        cell: String,
        /// Its line in the file, counted from 1; for a table without lines, its row.
        line: u64,
    },
}

impl TableNotice {
    /// The name of the column.
    pub fn column(&self) -> &str {
        match self {
            Self::NotNumbers { column, .. }
            | Self::Dashes { column, .. }
            | Self::Written { column, .. }
            | Self::DoubtfulNumbers { column, .. }
            | Self::DoubtfulDates { column, .. }
            | Self::Outliers { column, .. }
            | Self::Empty { column }
            | Self::MostlyNumbers { column, .. } => column,
        }
    }
}

impl fmt::Display for TableNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |text: &str| short(text, 60);
        let column = name(self.column());
        match self {
            Self::NotNumbers { count: 1, cell, line, .. } => {
                write!(f, "`{column}` has numbers, but `{}` in line {line}, which is treated as missing", name(cell))
            }
            Self::NotNumbers { count, cell, line, .. } => write!(
                f,
                "`{column}` has numbers, but also {count} cells that are none, such as `{}` in line {line}; they are treated as missing",
                name(cell)
            ),
            Self::Dashes { count, cell, .. } => {
                let cells = if *count == 1 { "cell" } else { "cells" };
                write!(
                    f,
                    "`{column}` has numbers, and {count} {cells} with `{}` or the like, which are treated as missing",
                    name(cell)
                )
            }
            Self::Written { cell, number, written: Written::Date | Written::DateAs(_), .. } => {
                write!(f, "`{column}` has dates; `{}` is read as {}", name(cell), dates::shown(*number))
            }
            Self::Written { cell, number, .. } => write!(f, "`{column}` has numbers; `{}` is read as {number}", name(cell)),
            Self::DoubtfulNumbers { cell, .. } => {
                write!(
                    f,
                    "`{column}` is treated as text, since `{}` may have a decimal sign or a thousands separator",
                    name(cell)
                )
            }
            Self::DoubtfulDates { cell, .. } => {
                write!(f, "`{column}` is treated as text, since in `{}` the day or the month may come first", name(cell))
            }
            Self::Empty { .. } => write!(f, "`{column}` has no values"),
            Self::Outliers { cell, line, .. } => write!(
                f,
                "`{column}` has `{}` in line {line}, so far from the other numbers that those are nearly equal once they are scaled",
                name(cell)
            ),
            Self::MostlyNumbers { count, cell, line, .. } => {
                let are =
                    if *count == 1 { "1 of its cells is not a number" } else { &format!("{count} of its cells are not numbers") };
                write!(f, "`{column}` is treated as text, since {are}: `{}` in line {line}", name(cell))
            }
        }
    }
}
