//! Applies a preprocessing: tables to inputs and targets, outputs to predictions.

use std::collections::{HashMap, HashSet};

use super::super::cells::Values;
use super::super::reading::{Reading, Value};
use super::super::spelling::{canonical, has_spellings};
use super::super::table::Table;
use super::super::target::with_target;
use super::super::written::Written;
use super::{ByPlace, Dataset, Feature, FeatureKind, FittedTarget, MOST_VALUES, Predictions, Preprocessing, UnreadCells};
use crate::data::matrix::{Matrix, argmax};
use crate::display::{listed, short};
use crate::error::Error;

impl Preprocessing {
    /// Transforms a table with all columns into inputs and targets. In columns of numbers, cells that are not finite
    /// numbers are treated as missing; [`unread`](Self::unread) counts them.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`]; [`Error::Cell`] for a class that was not fitted, a target that is not a number, a cell
    /// that is missing where that is an error, and a number that is too large once it is scaled; [`Error::Shape`] for a
    /// table without column names that has another number of columns; [`Error::TooLarge`] and [`Error::OutOfMemory`].
    pub fn transform(&self, table: &Table) -> Result<Dataset, Error> {
        let inputs = self.transform_inputs(table)?;
        let column = self.find(table, self.target())?;
        let targets = match &self.target {
            FittedTarget::Classes { names, .. } => {
                let places = Names::of(names);
                let class = |row: usize| {
                    let expected = || format!("one of the classes {}", listed(names));
                    let place = places.find(&table.cell(row, column));
                    place.map(|place| place as f32).ok_or_else(|| table.refuse(row, column, &expected()))
                };
                (0..table.rows()).map(class).collect::<Result<Vec<_>, _>>()?
            }
            FittedTarget::Number { shift, scale, written, .. } => {
                let reading = Reading::new(self.missing_words.clone(), written.clone());
                let values = table.values(column, &reading);
                let number = |row: usize| {
                    let value = values.get(table.at(row)).as_number().map(|value| ((value - shift) / scale) as f32);
                    value.filter(|value| value.is_finite()).ok_or_else(|| table.refuse(row, column, "a finite number"))
                };
                (0..table.rows()).map(number).collect::<Result<Vec<_>, _>>()?
            }
        };
        Ok(Dataset { inputs, targets: Matrix::column(targets) })
    }

    /// Transforms a table into inputs only. The table need not have the target column.
    ///
    /// # Errors
    /// The same as [`transform`](Self::transform).
    pub fn transform_inputs(&self, table: &Table) -> Result<Matrix<'static>, Error> {
        let (rows, width) = (table.rows(), self.inputs());
        let too_large = || Error::TooLarge {
            what: "inputs".into(),
            limit: format!("{MOST_VALUES} values"),
            got: format!("{rows} rows of {width}"),
        };
        let len = rows.checked_mul(width).filter(|len| *len <= MOST_VALUES).ok_or_else(too_large)?;
        let mut values: Vec<f32> = Vec::new();
        let refused =
            |_| Error::OutOfMemory { what: format!("the inputs, {rows} rows of {width}"), bytes: 4 * len as u64, taken: 0 };
        values.try_reserve_exact(len).map_err(refused)?;
        values.resize(len, 0.0);
        let readings: Vec<Reading> = self.features.iter().map(|feature| self.reading(feature)).collect();
        let places = self.places(table)?;
        let filled = self.features.iter().zip(&readings).zip(&places);
        let columns: Vec<Filling<'_>> =
            filled.map(|((feature, reading), place)| Filling::of(table, *place, feature, reading)).collect();
        // Block by block, so that a block stays in the cache while all columns write to it.
        for begin in (0..rows).step_by(BLOCK) {
            let mut first = 0;
            for (column, feature) in columns.iter().zip(&self.features) {
                for row in begin..(begin + BLOCK).min(rows) {
                    let inputs = &mut values[row * width + first..][..feature.width()];
                    column.fill(row, inputs).map_err(|expected| table.refuse(row, column.place, expected))?;
                }
                first += feature.width();
            }
        }
        Matrix::new(rows, width, values)
    }

    /// How the cells of a feature are read.
    fn reading(&self, feature: &Feature) -> Reading {
        let written = match &feature.kind {
            FeatureKind::Number { written, .. } => written.clone(),
            FeatureKind::Categories { .. } => Written::Plain,
        };
        Reading::new(self.missing_words.clone(), written)
    }

    /// Counts the cells in columns of numbers that are not finite numbers, although they are not missing. They are
    /// treated as missing.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`]; [`Error::Shape`] for a table without column names that has another number of columns.
    ///
    /// ```
    /// use shaderprop::{Columns, Csv, Missing, Preprocessing, Table};
    /// let read = |text: &'static str| Table::from_csv(text.as_bytes(), &Csv::new());
    /// let columns = Columns::classes("kind").missing(Missing::Median);
    /// let preprocessing = Preprocessing::fit(&read("size,kind\n1,a\n2,b\n")?, &columns)?;
    /// let unread = preprocessing.unread(&read("size\n1\nlarge\n")?)?;
    /// assert_eq!((unread[0].count, unread[0].rows, unread[0].cell.as_str()), (1, 2, "large"));
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn unread(&self, table: &Table) -> Result<Vec<UnreadCells>, Error> {
        let mut unread = Vec::new();
        for (feature, column) in self.features.iter().zip(self.places(table)?) {
            if matches!(feature.kind, FeatureKind::Categories { .. }) {
                continue;
            }
            let reading = self.reading(feature);
            let cells = Numbers::of(table, column, &reading);
            let mut bad = (0..table.rows()).filter(|row| {
                let value = cells.get(*row);
                value.is_word() || value.as_number().is_some_and(f64::is_infinite)
            });
            let Some(row) = bad.next() else { continue };
            let count = 1 + bad.count();
            unread.push(UnreadCells::of(table, (row, column), count, feature.expected()));
        }
        Ok(unread)
    }

    /// The class of each row, as its index in [`classes`](Self::classes); none for classes that were not fitted, and
    /// for regression.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`] for a table without the target.
    pub fn class_of_rows(&self, table: &Table) -> Result<Vec<Option<usize>>, Error> {
        let column = self.find(table, self.target())?;
        let names = Names::of(self.classes().unwrap_or_default());
        Ok((0..table.rows()).map(|row| names.find(&table.cell(row, column))).collect())
    }

    /// The rows of a table that have a target, to evaluate on. A word for missing values is a target if it is one of the
    /// classes.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`] for a table without the target; [`Error::Setting`] for one where it is missing in every row.
    pub fn rows_with_target(&self, table: &Table) -> Result<Table, Error> {
        let column = self.find_target(table)?;
        let names = self.classes().map(Names::of);
        let written = self.target_written().cloned().unwrap_or_default();
        let reading = Reading::new(self.missing_words.clone(), written);
        with_target(table, column, |row| {
            let cell = table.cell(*row, column);
            match &names {
                Some(names) => !cell.is_empty() && (!reading.is_missing(&cell) || names.find(&cell).is_some()),
                None => !reading.value(&cell).is_missing(),
            }
        })
    }

    /// The index of the target in a table.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`] for a table without the target; [`Error::Shape`] for a table without column names that has
    /// another number of columns.
    pub fn find_target(&self, table: &Table) -> Result<usize, Error> {
        self.find(table, self.target())
    }

    /// Counts the cells in columns of text whose categories were not in the fitted rows, for columns that have any. They are
    /// treated as one more category.
    ///
    /// # Errors
    /// The same as [`unread`](Self::unread).
    pub fn unknown_categories(&self, table: &Table) -> Result<Vec<UnreadCells>, Error> {
        let mut unknown = Vec::new();
        for (feature, column) in self.features.iter().zip(self.places(table)?) {
            let FeatureKind::Categories { names, .. } = &feature.kind else { continue };
            let (reading, known) = (self.reading(feature), Names::of(names));
            let mut rows = (0..table.rows()).filter(|row| {
                let cell = table.cell(*row, column);
                !reading.is_missing(&cell) && known.find(&cell).is_none()
            });
            if let Some(row) = rows.next() {
                let count = 1 + rows.count();
                unknown.push(UnreadCells::of(table, (row, column), count, "a category that was in training".into()));
            }
        }
        Ok(unknown)
    }

    /// The index in the table of each feature.
    fn places(&self, table: &Table) -> Result<Vec<usize>, Error> {
        let places: HashMap<&str, usize> = table.names().iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        let by_place = self.by_place(table);
        let find = |name: &str| match (by_place, places.get(name)) {
            (None, Some(place)) => Ok(*place),
            _ => self.place(table, name, by_place),
        };
        self.features.iter().map(|feature| find(&feature.name)).collect()
    }

    /// The index of a column in a table.
    fn find(&self, table: &Table, name: &str) -> Result<usize, Error> {
        self.place(table, name, self.by_place(table))
    }

    /// The columns of the training, if those of this table are told by their place: in a model without column names they
    /// are, unless the table has the model's numbers as names, and no others.
    fn by_place(&self, table: &Table) -> Option<ByPlace> {
        self.by_place.filter(|by_place| {
            let is_number =
                |name: &String| name.parse().is_ok_and(|place: usize| place < by_place.width) || name == self.target();
            let names: HashSet<&String> = table.names().iter().collect();
            table.is_by_place()
                || !table.names().iter().all(is_number)
                || !self.features.iter().all(|feature| names.contains(&feature.name))
        })
    }

    /// The index of a column in a table. Without column names, the table may lack the target, so that the columns after
    /// it are one place before.
    fn place(&self, table: &Table, name: &str, by_place: Option<ByPlace>) -> Result<usize, Error> {
        let by_place = match by_place {
            Some(by_place) => by_place,
            None if self.by_place.is_none() && table.is_by_place() && table.find(name).is_err() => {
                return Err(Error::Setting {
                    what: "a table without column names".into(),
                    expected: format!("the names of the columns in training, such as `{}`", short(name, 60)),
                    got: "none in the first line".into(),
                });
            }
            _ => return table.find(name),
        };
        let (width, expected) = (table.names().len(), by_place.width);
        if width != expected && width + 1 != expected {
            return Err(Error::Shape {
                what: format!("the columns of {}", table.whole.source),
                expected: format!("{expected}, as in training, where they had no names, or {} without the target", expected - 1),
                got: width.to_string(),
                advice: "give the columns of the training in the same order".into(),
            });
        }
        let place = match name.parse::<usize>() {
            Ok(place) if place < by_place.width => place,
            // The target of arrays has a name.
            _ => by_place.target,
        };
        match (width == expected, place.cmp(&by_place.target)) {
            (true, _) | (false, std::cmp::Ordering::Less) => Ok(place),
            (false, std::cmp::Ordering::Greater) => Ok(place - 1),
            (false, std::cmp::Ordering::Equal) => table.find(format!("{name} (the target)")),
        }
    }

    /// Turns a network's outputs back into class names or numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of columns is not [`outputs`](Self::outputs).
    pub fn interpret(&self, outputs: Matrix<'static>) -> Result<Predictions, Error> {
        if outputs.columns() != self.outputs() {
            return Err(Error::Shape {
                what: "a network's outputs".into(),
                expected: format!("{}", self.outputs()),
                got: outputs.columns().to_string(),
                advice: "give the network as many units in its last layer as Preprocessing::outputs says".into(),
            });
        }
        Ok(match &self.target {
            FittedTarget::Classes { names, .. } => {
                let classes = (0..outputs.rows()).map(|row| names[argmax(outputs.row(row))].clone()).collect();
                Predictions::Classes { classes, probabilities: outputs }
            }
            FittedTarget::Number { shift, scale, .. } => {
                Predictions::Numbers(outputs.values().iter().map(|y| f64::from(*y) * scale + shift).collect())
            }
        })
    }
}

/// The rows that are transformed together.
const BLOCK: usize = 256;

/// A column whose cells become inputs.
struct Filling<'a> {
    table: &'a Table,
    place: usize,
    cells: Filled<'a>,
}

enum Filled<'a> {
    Numbers { values: Numbers<'a>, shift: f64, scale: f64, missing: Option<f64>, indicator: bool },
    Categories { known: Names<'a>, reading: &'a Reading, missing: Option<usize>, others: usize },
}

impl<'a> Filling<'a> {
    fn of(table: &'a Table, place: usize, feature: &'a Feature, reading: &'a Reading) -> Self {
        let cells = match &feature.kind {
            FeatureKind::Number { shift, scale, missing, indicator, .. } => Filled::Numbers {
                values: Numbers::of(table, place, reading),
                shift: *shift,
                scale: *scale,
                missing: *missing,
                indicator: *indicator,
            },
            FeatureKind::Categories { names, missing } => {
                Filled::Categories { known: Names::of(names), reading, missing: *missing, others: names.len() }
            }
        };
        Self { table, place, cells }
    }

    /// Writes a row's inputs, which are zeros before; an error says what was expected.
    fn fill(&self, row: usize, inputs: &mut [f32]) -> Result<(), &'static str> {
        match &self.cells {
            Filled::Numbers { values, shift, scale, missing, indicator } => {
                let value = values.get(row);
                let present = value.as_number().filter(|number| number.is_finite());
                let number = match (present, missing) {
                    (Some(number), _) => number,
                    (None, Some(missing)) => *missing,
                    (None, None) if value.is_missing() => return Err("a number, where missing ones are refused"),
                    (None, None) => return Err("a finite number"),
                };
                let scaled = ((number - shift) / scale) as f32;
                if !scaled.is_finite() {
                    return Err("a number that an f32 can hold once it is scaled");
                }
                inputs[0] = scaled;
                if *indicator && present.is_none() {
                    inputs[1] = 1.0;
                }
            }
            Filled::Categories { known, reading, missing, others } => {
                let cell = self.table.cell(row, self.place);
                let place = match (reading.is_missing(&cell), missing) {
                    (true, Some(missing)) => *missing,
                    (true, None) => return Err("a category, where missing ones are refused"),
                    // Unknown categories go to the last column.
                    (false, _) => known.find(&cell).unwrap_or(*others),
                };
                inputs[place] = 1.0;
            }
        }
        Ok(())
    }
}

/// The numbers of a column, read as in training.
struct Numbers<'a> {
    table: &'a Table,
    column: usize,
    values: Values<'a>,
    /// Whether cells with a point are words: training had decimal commas, where these are thousands separators, but here
    /// the column has points only, and commas separate the cells.
    points_are_words: bool,
}

impl<'a> Numbers<'a> {
    fn of(table: &'a Table, column: usize, reading: &'a Reading) -> Self {
        let has = |sign: char| (0..table.rows()).any(|row| table.cell(row, column).contains(sign));
        let may_be_points = reading.has_decimal_commas() && table.shown_decimal() == Some('.');
        let points_are_words = may_be_points && has('.') && !has(',');
        Self { table, column, values: table.values(column, reading), points_are_words }
    }

    fn get(&self, row: usize) -> Value {
        match self.points_are_words && self.table.cell(row, self.column).contains('.') {
            true => Value::WORD,
            false => self.values.get(self.table.at(row)),
        }
    }
}

/// Finds names in any spelling.
struct Names<'a> {
    exact: HashMap<&'a str, usize>,
    canonical: HashMap<std::borrow::Cow<'a, str>, usize>,
}

impl<'a> Names<'a> {
    fn of(names: &'a [String]) -> Self {
        let exact = names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        // Of names that differ in their spelling only, which older models may have, the first.
        let have_spellings = names.iter().filter(|name| !name.is_empty()).all(|name| has_spellings(name));
        let spelled = names.iter().enumerate().rev().filter(|_| have_spellings);
        let canonical = spelled.map(|(place, name)| (canonical(name), place)).collect();
        Self { exact, canonical }
    }

    fn find(&self, cell: &str) -> Option<usize> {
        self.exact.get(cell).or_else(|| self.canonical.get(&canonical(cell))).copied()
    }
}
