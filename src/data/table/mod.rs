//! Tables: named columns of cells, from CSV files or from arrays.

mod cells;
mod columns;
mod csv;
mod guess;
mod lines;
mod preprocessing;
mod records;

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use self::cells::Cells;
pub(crate) use self::cells::MISSING;
pub use self::columns::{Column, Columns, Missing, Scaling};
pub use self::csv::{Csv, TableReader};
pub use self::guess::CsvDoubt;
pub(crate) use self::preprocessing::{BEYOND_F32, Feature, FeatureKind, FittedTarget};
pub use self::preprocessing::{Dataset, Predictions, Preprocessing};
use super::matrix::Matrix;
use super::read::Array;
use crate::error::Error;

/// A table of named columns and rows of cells. [`Columns`] describes what the columns mean.
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
    /// The name of the source in messages: a path.
    source: String,
    names: Vec<String>,
    /// The cells of each column; all columns have the same length.
    columns: Vec<Cells>,
    /// The position of each row in its file.
    places: Vec<Place>,
}

/// The position of a row in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// The row, counted from 1 below the header.
    row: u64,
    /// The line, counted from 1, if the file has lines.
    line: Option<u64>,
}

impl Table {
    fn empty(source: String, names: Vec<String>) -> Self {
        Self { source, columns: names.iter().map(|_| Cells::text()).collect(), names, places: Vec::new() }
    }

    /// Reads a CSV file, plain or gzipped.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, has no rows, has rows of different lengths or two columns with the same
    /// name.
    pub fn read_csv(path: impl AsRef<Path>, csv: &Csv) -> Result<Self, Error> {
        Self::all(TableReader::open(path, csv)?)
    }

    /// Reads a table from any reader of CSV.
    ///
    /// # Errors
    /// The same as [`read_csv`](Self::read_csv).
    pub fn from_csv(mut text: impl Read, csv: &Csv) -> Result<Self, Error> {
        let mut whole = Vec::new();
        text.read_to_end(&mut whole).map_err(|error| Error::file(Path::new("table"), "a table", error))?;
        Self::all(TableReader::new(std::io::Cursor::new(whole), csv)?)
    }

    fn all(mut reader: TableReader) -> Result<Self, Error> {
        let all = reader.read(usize::MAX)?;
        all.ok_or_else(|| Error::file(Path::new(reader.source()), "a table", "none: it has no rows"))
    }

    /// Creates a table from arrays. The columns of the inputs are called `0`, `1` and so on. Optional targets, one
    /// number for each row, become the column `target`. NaN is a missing value. `source` names the table in messages.
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

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.places.len()
    }

    /// The column names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A cell as text. Row and column are counted from 0.
    ///
    /// # Panics
    /// If there is no such cell, as for slices.
    pub fn cell(&self, row: usize, column: usize) -> Cow<'_, str> {
        self.columns[column].get(row)
    }

    /// A new table of the given rows, in the given order.
    ///
    /// # Panics
    /// If there is no such row, as for slices.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            source: self.source.clone(),
            names: self.names.clone(),
            columns: self.columns.iter().map(|column| column.select(rows)).collect(),
            places: rows.iter().map(|row| self.places[*row]).collect(),
        }
    }

    /// The index of a column, counted from 0.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`], which suggests similar names.
    pub fn find(&self, column: impl Into<Column>) -> Result<usize, Error> {
        let name = match column.into() {
            Column::Index(index) if index < self.names.len() => return Ok(index),
            Column::Index(index) => format!("number {index}, from 0"),
            Column::Name(name) => name,
        };
        self.names.iter().position(|own| *own == name).ok_or_else(|| {
            // Such a long name was not mistyped, and comparing it would take time quadratic in its length.
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

    /// Appends a row. The record has one cell for each column.
    fn push(&mut self, record: &::csv::StringRecord, place: Place) {
        self.columns.iter_mut().zip(record).for_each(|(column, cell)| column.push(cell));
        self.places.push(place);
    }

    /// The error that refuses a cell: it names the cell's column, row and line, quotes it, and says what was expected.
    ///
    /// # Panics
    /// If there is no such cell, as for slices.
    ///
    /// ```
    /// use shaderprop::{Csv, Table};
    /// let table = Table::from_csv("day,size\n2024-03-31,1\ntoday,2\n".as_bytes(), &Csv::new())?;
    /// let error = table.refuse(1, 0, "a date").to_string();
    /// assert!(error.contains("line 3, row 2, column `day`: expected a date, got `today`"), "{error}");
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn refuse(&self, row: usize, column: usize, expected: &str) -> Error {
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
