//! Cells of a model's columns of numbers that are not numbers: counted, told, and refused where there are many.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Map, Value, json};
use shaderprop::UnreadCells;

use crate::data::count_of;
use crate::talk::{Failure, Talk, short};

/// The cells that could not be read.
#[derive(Default)]
pub struct Unread {
    /// Those of each column that has any.
    columns: BTreeMap<String, UnreadCells>,
    /// The number of rows, where the table was read in pieces.
    rows: usize,
}

impl Unread {
    /// Adds those of more rows.
    pub fn add(&mut self, found: Vec<UnreadCells>) {
        for cells in found {
            match self.columns.get_mut(&cells.column) {
                Some(known) => known.count += cells.count,
                None => {
                    self.columns.insert(cells.column.clone(), cells);
                }
            }
        }
    }

    /// Adds rows to those that were read.
    pub fn add_rows(&mut self, rows: usize) {
        self.rows += rows;
    }

    /// Prints the counts, even where little else is printed; an error if they are more than 1 % of a column.
    pub fn tell(&self, lenient: bool) -> Result<(), Failure> {
        for cells in self.columns.values() {
            let (column, cell) = (short(&cells.column, 60), short(&cells.cell, 60));
            let rows = self.rows.max(cells.rows);
            if !lenient && 100 * cells.count > rows {
                return Err(Failure::Run(format!(
                    "column `{column}`: expected {}, as in training, but {} of {rows} cells have something else, such as `{cell}` in \
                     line {}; correct them, or give --lenient to treat them as missing",
                    cells.expected, cells.count, cells.line
                )));
            }
            let _ = writeln!(
                std::io::stderr(),
                "warning: column `{column}` has {} without a number, such as `{cell}` in line {}; treated as missing",
                count_of(cells.count, "cell"),
                cells.line
            );
        }
        Ok(())
    }

    /// Prints how many cells have a category that was not in training.
    pub fn tell_unknown(&self, talk: Talk) {
        for cells in self.columns.values() {
            talk.say(format!(
                "notice: column `{}` has {} of {} with a category that was not in training, such as `{}` in line {}",
                short(&cells.column, 60),
                cells.count,
                count_of(self.rows.max(cells.rows), "cell"),
                short(&cells.cell, 60),
                cells.line
            ));
        }
    }

    /// The count of each column.
    pub fn json(&self) -> Value {
        Value::Object(self.columns.iter().map(|(column, cells)| (column.clone(), json!(cells.count))).collect::<Map<_, _>>())
    }
}
