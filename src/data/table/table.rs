//! A table: named columns of cells, and the position of each row in its file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::cells::{Cells, ColumnCells, Values};
use super::columns::Column;
use super::reading::Reading;
use super::spelling::{canonical, has_spellings};
use crate::data::read::{Array, Numbers};
use crate::error::Error;

/// A table of named columns and rows of cells. [`Columns`](crate::Columns) describes what the columns mean.
///
/// ```
/// use shaderprop::{Csv, Table};
/// let table = Table::from_csv("size,colour\n1.5,red\n2,blue\n".as_bytes(), &Csv::new())?;
/// assert_eq!((table.rows(), table.names()), (2, ["size".to_owned(), "colour".to_owned()].as_slice()));
/// assert_eq!(table.cell(1, 1), "blue");
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone)]
pub struct Table {
    pub(super) whole: Arc<Whole>,
    /// The rows that belong to the table, in this order; none for all.
    rows: Option<Vec<usize>>,
}

/// The cells that a table and its selections share.
pub(super) struct Whole {
    /// The name of the source in messages: a path.
    pub(super) source: String,
    names: Vec<String>,
    /// The cells of each column; all columns have the same length.
    pub(super) columns: Vec<ColumnCells>,
    /// The position of each row in its file.
    places: Vec<Place>,
    /// Whether the columns have no names, but are numbered.
    is_by_place: bool,
    /// The delimiter, if the table was CSV.
    delimiter: Option<u8>,
}

/// The position of a row in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The row, counted from 1 below the header.
    pub row: u64,
    /// The line, counted from 1, if the file has lines.
    pub line: Option<u64>,
}

/// Two tables are equal if they have the same names and the same cells.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
            && self.rows() == other.rows()
            && (0..self.rows()).all(|row| (0..self.names().len()).all(|column| self.cell(row, column) == other.cell(row, column)))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("source", &self.whole.source)
            .field("names", &self.whole.names)
            .field("rows", &self.rows())
            .finish_non_exhaustive()
    }
}

impl Table {
    /// Creates a table from arrays. The columns of the inputs are called `0`, `1` and so on. Optional targets, one
    /// number for each row, become the column `target`. One-hot targets, with a 1 among zeros in each row, become the
    /// index of the 1. NaN is a missing value. `source` names the table in messages.
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
        let (rows, width) = inputs.rows_and_width();
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
        let mut columns = inputs.into_columns(width);
        if let Some(targets) = targets {
            let targets = if targets.len() == rows {
                targets
            } else {
                targets.into_indices().map_err(|targets| {
                    let expected = format!("{rows} numbers, or {rows} rows of a 1 among zeros");
                    shape("the targets of a table", expected, format!("{:?}", targets.shape))
                })?
            };
            if targets.len() != rows {
                return Err(shape("the targets of a table", format!("{rows} numbers"), format!("{:?}", targets.shape)));
            }
            names.push("target".into());
            columns.extend(targets.into_columns(1));
        }
        let places = (1..=rows as u64).map(|row| Place { row, line: None }).collect();
        let columns = columns.into_iter().map(|column| match column {
            Numbers::Single(numbers) => Cells::Single(numbers),
            Numbers::Double(numbers) => Cells::Double(numbers),
            Numbers::Integers(numbers) => Cells::Integers(numbers),
        });
        let columns = columns.map(ColumnCells::from).collect();
        let whole = Whole { source: source.into(), names, columns, places, is_by_place: true, delimiter: None };
        Ok(Self { whole: Arc::new(whole), rows: None })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows.as_ref().map_or(self.whole.places.len(), Vec::len)
    }

    /// The column names.
    pub fn names(&self) -> &[String] {
        &self.whole.names
    }

    /// Whether the columns have no names but are numbered, as in a CSV file without header and in arrays.
    pub fn is_by_place(&self) -> bool {
        self.whole.is_by_place
    }

    /// Whether a column is an array of integers, such as labels. The column is counted from 0.
    ///
    /// # Panics
    /// If there is no such column, as for slices.
    pub fn are_integers(&self, column: usize) -> bool {
        self.whole.columns[column].are_integers()
    }

    /// A cell as text. Row and column are counted from 0.
    ///
    /// # Panics
    /// If there is no such cell, as for slices.
    pub fn cell(&self, row: usize, column: usize) -> Cow<'_, str> {
        self.whole.columns[column].get(self.at(row))
    }

    /// The distinct cells of a column, sorted, and which of them each row has. If all are numbers or truth values,
    /// spellings of the same one are the same, such as `1` and `1.0`, or `True` and `true`. The column is counted from 0.
    ///
    /// # Panics
    /// If there is no such column, as for slices.
    ///
    /// ```
    /// use shaderprop::{Csv, Table};
    /// let table = Table::from_csv("y\n1\n0\n1.0\n".as_bytes(), &Csv::new())?;
    /// assert_eq!(table.categories(0), (vec!["0".to_owned(), "1".to_owned()], vec![1, 0, 1]));
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn categories(&self, column: usize) -> (Vec<String>, Vec<usize>) {
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut rows = Vec::with_capacity(self.rows());
        let have_spellings = (0..self.rows()).all(|row| has_spellings(&self.cell(row, column)));
        for row in 0..self.rows() {
            let cell = self.cell(row, column);
            let name = if have_spellings { canonical(&cell) } else { Cow::Borrowed(&*cell) };
            let next = places.len();
            rows.push(match places.get(&*name) {
                Some(place) => *place,
                None => *places.entry(name.into_owned()).or_insert(next),
            });
        }
        // From the order of the rows to that of the names.
        let mut sorted = vec![0; places.len()];
        places.values().enumerate().for_each(|(at, place)| sorted[*place] = at);
        rows.iter_mut().for_each(|place| *place = sorted[*place]);
        (places.into_keys().collect(), rows)
    }

    /// The decimal sign that the delimiter suggests: the commas of a comma-separated file are in quotes, which a writer of
    /// decimal commas avoids.
    pub(super) fn shown_decimal(&self) -> Option<char> {
        (self.whole.delimiter == Some(b',')).then_some('.')
    }

    /// A new table of the given rows, in the given order.
    ///
    /// # Panics
    /// If there is no such row, as for slices.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self { whole: self.whole.clone(), rows: Some(rows.iter().map(|row| self.at(*row)).collect()) }
    }

    /// The row of the whole table.
    pub(super) fn at(&self, row: usize) -> usize {
        self.rows.as_ref().map_or(row, |rows| rows[row])
    }

    /// What the cells of a column mean, by row of the whole table.
    pub(super) fn values<'a>(&'a self, column: usize, reading: &'a Reading) -> Values<'a> {
        self.whole.columns[column].values(reading)
    }

    /// The line of a row in its file, if that has lines.
    ///
    /// # Panics
    /// If there is no such row, as for slices.
    pub fn line(&self, row: usize) -> Option<u64> {
        self.whole.places[self.at(row)].line
    }

    /// The index of a column, counted from 0.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`], which suggests similar names.
    pub fn find(&self, column: impl Into<Column>) -> Result<usize, Error> {
        let name = match column.into() {
            Column::Index(index) if index < self.whole.names.len() => return Ok(index),
            Column::Index(index) => format!("number {index}, from 0"),
            Column::Name(name) => name,
        };
        self.whole.names.iter().position(|own| *own == name).ok_or_else(|| {
            // Such a long name was not mistyped, and comparing it would take time quadratic in its length.
            let comparable = |own: &str| own.len().max(name.len()) <= 64;
            let distance = |own: &String| match comparable(own) {
                true => strsim::damerau_levenshtein(&own.to_lowercase(), &name.to_lowercase()),
                false => usize::MAX,
            };
            let mut known = self.whole.names.clone();
            known.sort_by_cached_key(distance);
            known.truncate(if known.first().is_some_and(|own| distance(own) <= 2) { 3 } else { 12 });
            Error::UnknownColumn { name, table: self.whole.source.clone(), known }
        })
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
        let Place { row: number, line } = self.whole.places[self.at(row)];
        Error::Cell {
            table: self.whole.source.clone(),
            row: number,
            line,
            column: self.whole.names[column].clone(),
            expected: expected.into(),
            got: self.cell(row, column).into(),
        }
    }
}

/// Collects the rows of a table.
pub(super) struct Rows(Whole);

impl Rows {
    /// A table without rows yet.
    pub fn new(source: String, names: Vec<String>, is_by_place: bool, delimiter: u8) -> Self {
        let columns = names.iter().map(|_| Cells::text().into()).collect();
        Self(Whole { source, columns, names, places: Vec::new(), is_by_place, delimiter: Some(delimiter) })
    }

    pub fn len(&self) -> usize {
        self.0.places.len()
    }

    /// Appends a row. The record has one cell for each column, or more.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn push(&mut self, record: &csv::StringRecord, place: Place) -> Result<(), Error> {
        let pushed = self.0.columns.iter_mut().zip(record).try_for_each(|(column, cell)| column.push(cell));
        if pushed.and_then(|()| self.0.places.try_reserve(1)).is_err() {
            // Twice as much is asked for as there is already.
            let bytes: usize = self.0.columns.iter().map(ColumnCells::bytes).sum();
            return Err(Error::OutOfMemory {
                what: format!("the table {}", self.0.source),
                bytes: 2 * bytes as u64,
                taken: bytes as u64,
            });
        }
        self.0.places.push(place);
        Ok(())
    }

    pub fn into_table(self) -> Table {
        Table { whole: Arc::new(self.0), rows: None }
    }
}
