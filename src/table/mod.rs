//! Tables as people have them: columns with names, cells of text, out of CSV.

mod columns;
mod preprocessing;

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

pub use columns::{Column, Columns, Missing, Scaling};
pub(crate) use preprocessing::{BEYOND_F32, Feature, FeatureKind, Goal, MISSING};
pub use preprocessing::{Dataset, Predictions, Preprocessing};

use crate::error::Error;
use crate::read::{open, refused};

/// A table of text: named columns, and rows of cells. What they mean is said by [`Columns`].
///
/// ```
/// use shaderprop::{Csv, Table};
/// let table = Table::from_csv("size,colour\n1.5,red\n2,blue\n".as_bytes(), &Csv::new())?;
/// assert_eq!((table.rows(), table.names()), (2, ["size".to_owned(), "colour".to_owned()].as_slice()));
/// assert_eq!(table.cell(1, 1), "blue");
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What messages call it: a path.
    source: String,
    names: Vec<String>,
    /// Row by row.
    cells: Vec<String>,
}

/// How a CSV file is written: with a header and commas, where nothing else is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Csv {
    header: bool,
    delimiter: u8,
}

impl Default for Csv {
    fn default() -> Self {
        Self { header: true, delimiter: b',' }
    }
}

impl Csv {
    /// With a header and commas.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the first line has the columns' names. Without, they are called `0`, `1` and so on.
    #[must_use]
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// What stands between cells.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }
}

impl Table {
    /// Reads a CSV file, plain or gzipped.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, has no rows, rows of different lengths or two columns of a name.
    pub fn read_csv(path: impl AsRef<Path>, csv: &Csv) -> Result<Self, Error> {
        let path = path.as_ref();
        let table = Self::parse(open(path)?, csv).map_err(|message| refused(path, "a table", message))?;
        Ok(Self { source: path.display().to_string(), ..table })
    }

    /// Reads CSV.
    ///
    /// # Errors
    /// As [`read_csv`](Self::read_csv).
    pub fn from_csv(text: impl Read, csv: &Csv) -> Result<Self, Error> {
        Self::parse(text, csv).map_err(|message| refused(Path::new("table"), "a table", message))
    }

    fn parse(text: impl Read, csv: &Csv) -> Result<Self, String> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(csv.header).delimiter(csv.delimiter).trim(csv::Trim::All).from_reader(text);
        let message = |error: csv::Error| match error.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                let line = pos.as_ref().map_or(0, csv::Position::line);
                format!("{len} cells in line {line}, where the lines before have {expected_len}")
            }
            csv::ErrorKind::Utf8 { pos, .. } => {
                format!("text that is not UTF-8, in line {}", pos.as_ref().map_or(0, csv::Position::line))
            }
            _ => error.to_string(),
        };
        let mut names: Vec<String> = Vec::new();
        if csv.header {
            let header = reader.headers().map_err(message)?;
            // A byte order mark is no part of a name.
            names.extend(header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()));
        }
        let mut cells = Vec::new();
        for record in reader.records() {
            let record = record.map_err(message)?;
            if names.is_empty() {
                names.extend((0..record.len()).map(|column| column.to_string()));
            }
            cells.extend(record.iter().map(str::to_owned));
        }
        if cells.is_empty() {
            return Err("none: it has no rows".into());
        }
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(format!("two columns named `{name}`"));
        }
        Ok(Self { source: "table".into(), names, cells })
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.cells.len() / self.names.len()
    }

    /// Its columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A cell, both counted from 0.
    ///
    /// # Panics
    /// If there is no such cell, as slices do.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        assert!(column < self.names.len(), "column {column} of a table of {}", self.names.len());
        &self.cells[row * self.names.len() + column]
    }

    /// The table of those rows, in that order.
    ///
    /// # Panics
    /// If there is no such row, as slices do.
    pub fn select(&self, rows: &[usize]) -> Self {
        let columns = self.names.len();
        let cells = rows.iter().flat_map(|row| &self.cells[row * columns..(row + 1) * columns]).cloned().collect();
        Self { source: self.source.clone(), names: self.names.clone(), cells }
    }

    /// Which column that is; near names are offered where there is none.
    pub(crate) fn find(&self, column: &Column) -> Result<usize, Error> {
        let name = match column {
            Column::Index(index) if *index < self.names.len() => return Ok(*index),
            Column::Index(index) => format!("number {index}, from 0"),
            Column::Name(name) => name.clone(),
        };
        self.names.iter().position(|own| *own == name).ok_or_else(|| {
            let distance = |own: &String| strsim::damerau_levenshtein(&own.to_lowercase(), &name.to_lowercase());
            let mut known = self.names.clone();
            known.sort_by_key(distance);
            known.truncate(if known.first().is_some_and(|own| distance(own) <= 2) { 3 } else { 12 });
            Error::UnknownColumn { name, table: self.source.clone(), known }
        })
    }

    /// The error for a cell, rows counted from 1 below the header.
    fn refuse(&self, row: usize, column: usize, expected: &str) -> Error {
        Error::Cell {
            table: self.source.clone(),
            row: row + 1,
            column: self.names[column].clone(),
            expected: expected.into(),
            got: self.cell(row, column).into(),
        }
    }
}
