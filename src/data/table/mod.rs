//! Tables as people have them: columns with names, cells of text out of CSV, or the numbers of arrays.

mod cells;
mod columns;
mod csv;
mod lines;
mod preprocessing;

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use self::cells::Cells;
pub(crate) use self::cells::MISSING;
pub use self::columns::{Column, Columns, Missing, Scaling};
pub use self::csv::{Csv, TableReader};
pub(crate) use self::preprocessing::{BEYOND_F32, Feature, FeatureKind, Goal};
pub use self::preprocessing::{Dataset, Predictions, Preprocessing};
use super::matrix::Matrix;
use super::read::Array;
use crate::error::Error;

/// A table: named columns, and rows of cells. What they mean is said by [`Columns`].
///
/// ```
/// use shaderprop::{Csv, Table};
/// let table = Table::from_csv("size,colour\n1.5,red\n2,blue\n".as_bytes(), &Csv::new())?;
/// assert_eq!((table.rows(), table.names()), (2, ["size".to_owned(), "colour".to_owned()].as_slice()));
/// assert_eq!(table.cell(1, 1), "blue");
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What messages call it: a path.
    source: String,
    names: Vec<String>,
    /// One for each name, all of the same length.
    columns: Vec<Cells>,
    /// Where each row was.
    places: Vec<Place>,
}

/// Where a row stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Counted from 1, below the header.
    row: u64,
    /// Counted from 1, if it has lines.
    line: Option<u64>,
}

impl Table {
    fn empty(source: String, names: Vec<String>) -> Self {
        Self { source, columns: names.iter().map(|_| Cells::text()).collect(), names, places: Vec::new() }
    }

    /// Reads a CSV file, plain or gzipped.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, has no rows, rows of different lengths or two columns of a name.
    pub fn read_csv(path: impl AsRef<Path>, csv: &Csv) -> Result<Self, Error> {
        Self::all(TableReader::open(path, csv)?)
    }

    /// Reads CSV.
    ///
    /// # Errors
    /// As [`read_csv`](Self::read_csv).
    pub fn from_csv(mut text: impl Read, csv: &Csv) -> Result<Self, Error> {
        let mut whole = Vec::new();
        text.read_to_end(&mut whole).map_err(|error| Error::file(Path::new("table"), "a table", error))?;
        Self::all(TableReader::new(std::io::Cursor::new(whole), csv)?)
    }

    fn all(mut reader: TableReader) -> Result<Self, Error> {
        let all = reader.read(usize::MAX)?;
        all.ok_or_else(|| Error::file(Path::new(reader.source()), "a table", "none: it has no rows"))
    }

    /// The table of arrays: inputs, whose columns are called `0`, `1` and so on, and targets if there are any, a number for each row, called
    /// `target`. NaN is a missing value. Messages call it by `source`.
    ///
    /// # Errors
    /// [`Error::Shape`] for inputs without rows or columns, and for targets that are not one number for each row.
    ///
    /// ```
    /// use shaderprop::{Array, Table};
    /// // Two rows of two bytes: type 8, two dimensions.
    /// let path = std::env::temp_dir().join("shaderprop-doc-table.idx");
    /// std::fs::write(&path, [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4])?;
    /// let table = Table::from_arrays("pixels", Array::read_idx(&path)?, None)?;
    /// assert_eq!((table.rows(), &*table.names()[1], &*table.cell(1, 0)), (2, "1", "3"));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_arrays(source: impl Into<String>, inputs: Array, targets: Option<Array>) -> Result<Self, Error> {
        let inputs = inputs.into_matrix()?;
        let (rows, width) = (inputs.rows(), inputs.columns());
        let shape = |what: &str, expected: String, got: String| Error::Shape {
            what: what.into(),
            expected,
            got,
            advice: "give a row of inputs, and one target, for each".into(),
        };
        if rows == 0 || width == 0 {
            return Err(shape("the inputs of a table", "rows and columns".into(), format!("{rows} rows of {width}")));
        }
        let mut names: Vec<String> = (0..width).map(|column| column.to_string()).collect();
        let mut columns: Vec<Cells> = (0..width).map(|column| Cells::Numbers(column_of(&inputs, column))).collect();
        if let Some(targets) = targets {
            if targets.values.len() != rows {
                return Err(shape("the targets of a table", format!("{rows} numbers"), format!("{:?}", targets.shape)));
            }
            names.push("target".into());
            columns.push(Cells::Numbers(targets.values));
        }
        let places = (1..=rows as u64).map(|row| Place { row, line: None }).collect();
        Ok(Self { source: source.into(), names, columns, places })
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.places.len()
    }

    /// Its columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A cell as text, both counted from 0.
    ///
    /// # Panics
    /// If there is no such cell, as slices do.
    pub fn cell(&self, row: usize, column: usize) -> Cow<'_, str> {
        self.columns[column].get(row)
    }

    /// The table of those rows, in that order.
    ///
    /// # Panics
    /// If there is no such row, as slices do.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            source: self.source.clone(),
            names: self.names.clone(),
            columns: self.columns.iter().map(|column| column.select(rows)).collect(),
            places: rows.iter().map(|row| self.places[*row]).collect(),
        }
    }

    /// Where that column stands, counted from 0.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`] offers near names.
    pub fn find(&self, column: impl Into<Column>) -> Result<usize, Error> {
        let name = match column.into() {
            Column::Index(index) if index < self.names.len() => return Ok(index),
            Column::Index(index) => format!("number {index}, from 0"),
            Column::Name(name) => name,
        };
        self.names.iter().position(|own| *own == name).ok_or_else(|| {
            // What is so long was not mistyped, and would take the square of its length.
            let comparable = |own: &str| own.len().max(name.len()) <= 64;
            let distance = |own: &String| match comparable(own) {
                true => strsim::damerau_levenshtein(&own.to_lowercase(), &name.to_lowercase()),
                false => usize::MAX,
            };
            let mut known = self.names.clone();
            known.sort_by_cached_key(distance);
            known.truncate(if known.first().is_some_and(|own| distance(own) <= 2) { 3 } else { 12 });
            Error::UnknownColumn { name, table: self.source.clone(), known }
        })
    }

    /// One more row. The record has a cell for each column.
    fn push(&mut self, record: &::csv::StringRecord, place: Place) {
        self.columns.iter_mut().zip(record).for_each(|(column, cell)| column.push(cell));
        self.places.push(place);
    }

    /// The error for a cell.
    fn refuse(&self, row: usize, column: usize, expected: &str) -> Error {
        let Place { row: number, line } = self.places[row];
        Error::Cell {
            table: self.source.clone(),
            row: number,
            line,
            column: self.names[column].clone(),
            expected: expected.into(),
            got: self.cell(row, column).into(),
        }
    }
}

fn column_of(inputs: &Matrix<'_>, column: usize) -> Vec<f32> {
    (0..inputs.rows()).map(|row| inputs.row(row)[column]).collect()
}
