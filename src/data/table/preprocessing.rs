//! Preprocessing: turns tables into matrices, as fitted on the training rows, and outputs back into predictions.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Table;
use super::cells::{Value, is_missing};
use super::columns::{Column, Columns, Missing, Scaling, Target};
use crate::data::matrix::{Matrix, argmax};
use crate::display::{listed, short};
use crate::error::Error;

/// Turns tables into a network's inputs and its outputs back into predictions. Like a fitted scikit-learn transformer,
/// it learns categories, replacements for missing values, scales and classes from the training rows, and applies them
/// to any table with the same columns.
///
/// ```
/// use shaderprop::{Columns, Csv, Preprocessing, Table};
/// let table = Table::from_csv("size,colour,kind\n1,red,a\n3,blue,b\n".as_bytes(), &Csv::new())?;
/// let preprocessing = Preprocessing::fit(&table, &Columns::classes("kind"))?;
/// // Four inputs: the size, and one each for blue, red and any other colour.
/// assert_eq!((preprocessing.inputs(), preprocessing.outputs()), (4, 2));
/// let data = preprocessing.transform(&table)?;
/// assert_eq!(data.inputs.row(0), [-1.0, 0.0, 1.0, 0.0]);
/// assert_eq!(data.targets.values(), [0.0, 1.0]);
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    /// The columns that are inputs, in the order of the network's inputs.
    pub(crate) features: Vec<Feature>,
    pub(crate) target: FittedTarget,
}

/// An input column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feature {
    pub name: String,
    pub kind: FeatureKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum FeatureKind {
    /// x becomes (x − shift) / scale; `missing` replaces missing values.
    Number { shift: f64, scale: f64, missing: Option<f64> },
    /// One-hot: a column for each category, and one for all others; `missing` is the index of the category that
    /// replaces missing values.
    Categories { names: Vec<String>, missing: Option<usize> },
}

/// The target column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum FittedTarget {
    /// Classification: the class names of that column.
    Classes { column: String, names: Vec<String> },
    /// Regression: predictions are y · scale + shift.
    Number { column: String, shift: f64, scale: f64 },
}

/// The inputs and targets of a network, made from a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dataset {
    /// The inputs: one row for each row of the table.
    pub inputs: Matrix<'static>,
    /// The targets: one column of class indices or of scaled numbers.
    pub targets: Matrix<'static>,
}

/// What a model predicts for the rows of a table.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Predictions {
    /// Classification: the most likely class of each row, and the probability of each class.
    Classes {
        /// The class name of each row.
        classes: Vec<String>,
        /// The probabilities: one column for each of [`Preprocessing::classes`].
        probabilities: Matrix<'static>,
    },
    /// Regression: one number for each row, in the target's units.
    Numbers(Vec<f64>),
}

/// The smallest f64 that rounds to no finite f32: half a step beyond the largest of these.
pub(crate) const BEYOND_F32: f64 = 3.402_823_567_797_336_6e38;

impl Preprocessing {
    /// Fits the preprocessing to a table of training rows.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`]; [`Error::Cell`] for a cell that is missing where that is an error, or not finite;
    /// [`Error::Setting`] for a target with only one class, or if no column is an input.
    pub fn fit(table: &Table, columns: &Columns) -> Result<Self, Error> {
        if table.rows() == 0 {
            return Err(Error::Shape {
                what: "a table to learn from".into(),
                expected: "at least one row".into(),
                got: "none".into(),
                advice: "give some rows".into(),
            });
        }
        let find = |columns: &[Column]| columns.iter().map(|column| table.find(column.clone())).collect::<Result<Vec<_>, _>>();
        let target = match &columns.target {
            Target::Classes(column) | Target::Number(column) => table.find(column.clone())?,
        };
        let (dropped, categorical) = (find(&columns.dropped)?, find(&columns.categorical)?);
        for (what, listed) in [("dropped", &dropped), ("categorical", &categorical)] {
            if listed.contains(&target) {
                return Err(Error::Setting {
                    what: format!("{what} columns"),
                    expected: "columns other than the target".into(),
                    got: table.names[target].clone(),
                });
            }
        }
        let mut features = Vec::new();
        // The minimum and the maximum of all numbers.
        let mut range = (f64::INFINITY, f64::NEG_INFINITY);
        for column in (0..table.names.len()).filter(|column| *column != target && !dropped.contains(column)) {
            let kind = match is_number(table, column) && !categorical.contains(&column) {
                true => fit_number(table, column, columns, &mut range)?,
                false => fit_categories(table, column, columns)?,
            };
            features.push(Feature { name: table.names[column].clone(), kind });
        }
        if columns.scaling == Scaling::MinMaxTogether {
            for feature in &mut features {
                if let FeatureKind::Number { shift, scale, .. } = &mut feature.kind {
                    (*shift, *scale) = from_0_to_1(range);
                }
            }
        }
        if features.is_empty() {
            return Err(Error::Setting {
                what: "columns".into(),
                expected: "at least one that is neither the target nor dropped".into(),
                got: "none".into(),
            });
        }
        let column = table.names[target].clone();
        let target = match columns.target {
            Target::Classes(_) => FittedTarget::Classes { names: fit_classes(table, target)?, column },
            Target::Number(_) => {
                let (values, _) = numbers(table, target, None)?;
                let (shift, scale) = moments(&values);
                FittedTarget::Number { column, shift, scale }
            }
        };
        Ok(Self { features, target })
    }

    /// The number of inputs that a network needs.
    pub fn inputs(&self) -> usize {
        let width = |feature: &Feature| match &feature.kind {
            FeatureKind::Number { .. } => 1,
            FeatureKind::Categories { names, .. } => names.len() + 1,
        };
        self.features.iter().map(width).sum()
    }

    /// The number of outputs that a network needs: the number of classes, or 1.
    pub fn outputs(&self) -> usize {
        self.classes().map_or(1, <[String]>::len)
    }

    /// The name of the target column.
    pub fn target(&self) -> &str {
        match &self.target {
            FittedTarget::Classes { column, .. } | FittedTarget::Number { column, .. } => column,
        }
    }

    /// The class names in the order of their indices: sorted, numerically if all are numbers.
    pub fn classes(&self) -> Option<&[String]> {
        match &self.target {
            FittedTarget::Classes { names, .. } => Some(names),
            FittedTarget::Number { .. } => None,
        }
    }

    /// Transforms a table with all columns into inputs and targets.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`] and [`Error::Cell`].
    pub fn transform(&self, table: &Table) -> Result<Dataset, Error> {
        let inputs = self.transform_inputs(table)?;
        let targets = match &self.target {
            FittedTarget::Classes { column, names } => {
                let column = table.find(column.as_str())?;
                let places: HashMap<&str, usize> = names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
                let class = |row: usize| {
                    let place = places.get(&*table.cell(row, column));
                    let expected = || format!("one of the classes {}", listed(names));
                    place.map(|place| *place as f32).ok_or_else(|| table.refuse(row, column, &expected()))
                };
                (0..table.rows()).map(class).collect::<Result<Vec<_>, _>>()?
            }
            FittedTarget::Number { column, shift, scale } => {
                let (values, _) = numbers(table, table.find(column.as_str())?, None)?;
                values.iter().map(|value| ((value - shift) / scale) as f32).collect()
            }
        };
        Ok(Dataset { inputs, targets: Matrix::column(targets) })
    }

    /// Transforms a table into inputs only. The table need not have the target column.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`] and [`Error::Cell`].
    pub fn transform_inputs(&self, table: &Table) -> Result<Matrix<'static>, Error> {
        let (rows, width) = (table.rows(), self.inputs());
        let too_large = || Error::TooLarge {
            what: "inputs".into(),
            limit: format!("{MOST_VALUES} values"),
            got: format!("{rows} rows of {width}"),
        };
        let len = rows.checked_mul(width).filter(|len| *len <= MOST_VALUES).ok_or_else(too_large)?;
        let mut values = vec![0.0; len];
        let mut first = 0;
        let places: HashMap<&str, usize> = table.names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        for feature in &self.features {
            let column = places.get(feature.name.as_str()).copied().map_or_else(|| table.find(feature.name.as_str()), Ok)?;
            match &feature.kind {
                FeatureKind::Number { shift, scale, missing } => {
                    for (row, value) in numbers(table, column, *missing)?.0.iter().enumerate() {
                        values[row * width + first] = ((value - shift) / scale) as f32;
                    }
                    first += 1;
                }
                FeatureKind::Categories { names, missing } => {
                    for row in 0..rows {
                        let cell = table.cell(row, column);
                        let place = match (is_missing(&cell), missing) {
                            (true, Some(missing)) => *missing,
                            (true, None) => return Err(table.refuse(row, column, "a category, where missing ones are refused")),
                            // Unknown categories go to the last column.
                            (false, _) => names.binary_search_by(|name| name.as_str().cmp(&*cell)).unwrap_or(names.len()),
                        };
                        values[row * width + first + place] = 1.0;
                    }
                    first += names.len() + 1;
                }
            }
        }
        Matrix::new(rows, width, values)
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

/// Prints a line for each column, and one for the target.
impl fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.features.iter().map(|feature| name(&feature.name).chars().count()).max().unwrap_or(0);
        for Feature { name: feature, kind } in &self.features {
            write!(f, "{:longest$}  ", name(feature))?;
            match kind {
                FeatureKind::Number { shift, scale, missing } => {
                    write!(f, "number: (x - {shift}) / {scale}")?;
                    missing.map_or(Ok(()), |missing| write!(f, "; missing: {missing}"))?;
                }
                FeatureKind::Categories { names, missing } => {
                    write!(f, "{} categories: {}", names.len(), listed(names))?;
                    let stand_in = |place: usize| names.get(place).map_or("another".into(), |stand_in| name(stand_in));
                    missing.map_or(Ok(()), |missing| write!(f, "; missing: {}", stand_in(missing)))?;
                }
            }
            writeln!(f)?;
        }
        match &self.target {
            FittedTarget::Classes { column, names } => {
                write!(f, "target {}  {} classes: {}", name(column), names.len(), listed(names))
            }
            FittedTarget::Number { column, shift, scale } => write!(f, "target {}  number: y * {scale} + {shift}", name(column)),
        }
    }
}

/// A name as it is shown.
fn name(text: &str) -> String {
    short(text, 40)
}

impl Preprocessing {
    /// The numeric input columns, in the order of the network's inputs: the name, the shift that is subtracted and the
    /// scale that is divided by.
    pub fn numbers(&self) -> Vec<(&str, f64, f64)> {
        let number = |feature: &'_ Feature| match feature.kind {
            FeatureKind::Number { shift, scale, .. } => Some((shift, scale)),
            FeatureKind::Categories { .. } => None,
        };
        self.features
            .iter()
            .filter_map(|feature| number(feature).map(|(shift, scale)| (feature.name.as_str(), shift, scale)))
            .collect()
    }

    /// The categorical input columns, in the order of the network's inputs: the name, and the categories seen in
    /// fitting.
    pub fn categories(&self) -> Vec<(&str, &[String])> {
        fn categories(feature: &Feature) -> Option<(&str, &[String])> {
            match &feature.kind {
                FeatureKind::Number { .. } => None,
                FeatureKind::Categories { names, .. } => Some((feature.name.as_str(), names.as_slice())),
            }
        }
        self.features.iter().filter_map(categories).collect()
    }

    /// The factor from the scaled target to the target's own units.
    pub(crate) fn unit(&self) -> f64 {
        match &self.target {
            FittedTarget::Classes { .. } => 1.0,
            FittedTarget::Number { scale, .. } => *scale,
        }
    }

    /// Checks a preprocessing that was read from a file.
    pub(crate) fn check(&self) -> Result<(), String> {
        let refuse = |what: &str| Err(format!("a preprocessing {what}"));
        // The network computes in f32.
        let finite = |value: f64| (value as f32).is_finite();
        let scales = |shift: f64, scale: f64| finite(shift) && scale.is_finite() && scale > 0.0;
        let once_each = |names: Vec<&String>| names.iter().collect::<HashSet<_>>().len() == names.len();
        if self.features.is_empty() || !once_each(self.features.iter().map(|feature| &feature.name).collect()) {
            return refuse("without columns, or with two of a name");
        }
        for feature in &self.features {
            match &feature.kind {
                FeatureKind::Number { shift, scale, missing } => {
                    if !scales(*shift, *scale) || missing.is_some_and(|value| !finite(value)) {
                        return refuse("with a scale or a stand-in for missing numbers that is none");
                    }
                }
                FeatureKind::Categories { names, missing } => {
                    let sorted = names.windows(2).all(|pair| pair[0] < pair[1]);
                    let known = !names.iter().any(|name| is_missing(name));
                    if !sorted || !known || names.len() > MOST_CATEGORIES || missing.is_some_and(|place| place > names.len()) {
                        return refuse(
                            "with categories that are not in order, too many, a word for missing values, or lack the one for these",
                        );
                    }
                }
            }
        }
        match &self.target {
            FittedTarget::Classes { names, .. } if names.len() < 2 || !once_each(names.iter().collect()) => {
                refuse("with fewer than two classes, or two of a name")
            }
            FittedTarget::Number { shift, scale, .. } if !scales(*shift, *scale) => {
                refuse("with a scale of the target that is none")
            }
            _ => Ok(()),
        }
    }
}

/// The maximum number of categories of a column. A column with more is probably a name or free text.
const MOST_CATEGORIES: usize = 1000;

/// The maximum number of values that a table may become: 16 GiB of them, or as many as can be addressed.
const MOST_VALUES: usize = if usize::BITS < 64 { isize::MAX as usize / 4 } else { (1u64 << 32) as usize };

/// Whether all cells that are not missing are numbers, and there is at least one.
fn is_number(table: &Table, column: usize) -> bool {
    let cells = &table.columns[column];
    let mut values = (0..table.rows()).map(|row| cells.value(row)).filter(|value| *value != Value::Missing).peekable();
    values.peek().is_some() && values.all(|value| matches!(value, Value::Number(_)))
}

/// A column's numbers with missing ones replaced, and the rows where they were missing. An error where there is no
/// replacement.
fn numbers(table: &Table, column: usize, missing: Option<f64>) -> Result<(Vec<f64>, Vec<usize>), Error> {
    let (mut values, mut rows) = (Vec::with_capacity(table.rows()), Vec::new());
    for row in 0..table.rows() {
        match (table.columns[column].value(row), missing) {
            (Value::Missing, Some(missing)) => {
                values.push(missing);
                rows.push(row);
            }
            (Value::Missing, None) => return Err(table.refuse(row, column, "a number, where missing ones are refused")),
            // The network computes in f32.
            (Value::Number(value), _) if (value as f32).is_finite() => values.push(value),
            _ => return Err(table.refuse(row, column, "a finite number")),
        }
    }
    Ok((values, rows))
}

/// The mean and the standard deviation. For a constant column these are the value itself and 1: a rounded mean would
/// leave residues.
fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / values.len() as f64;
    let varies = values.iter().any(|value| *value != values[0]);
    if varies && variance > 0.0 { (mean, variance.sqrt()) } else { (values[0], 1.0) }
}

/// The shift and the scale that map the minimum to 0 and the maximum to 1.
fn from_0_to_1((least, greatest): (f64, f64)) -> (f64, f64) {
    (least, if greatest > least { greatest - least } else { 1.0 })
}

/// The median: the middle value, or the mean of the two middle ones. Reorders the values.
fn median(values: &mut [f64]) -> f64 {
    let (middle, even) = (values.len() / 2, values.len().is_multiple_of(2));
    let (before, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = before.iter().copied().max_by(f64::total_cmp).filter(|_| even).unwrap_or(upper);
    (lower + upper) / 2.0
}

fn fit_number(table: &Table, column: usize, columns: &Columns, range: &mut (f64, f64)) -> Result<FeatureKind, Error> {
    let refused = columns.missing == Missing::Error;
    let (mut values, missing_rows) = numbers(table, column, Some(f64::NAN).filter(|_| !refused))?;
    let mut present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let own = present
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), value| (value.min(least), value.max(greatest)));
    *range = (range.0.min(own.0), range.1.max(own.1));
    let missing = match columns.missing {
        Missing::Error => None,
        Missing::Median => Some(median(&mut present)),
        // Finds runs of equal numbers and takes the first of the longest.
        Missing::MostFrequent => {
            present.sort_by(f64::total_cmp);
            let longest =
                present.chunk_by(|a, b| a == b).fold(&present[..0], |best, run| if run.len() > best.len() { run } else { best });
            longest.first().copied()
        }
    };
    for row in missing_rows {
        values[row] = missing.unwrap_or(f64::NAN);
    }
    let (shift, scale) = match columns.scaling {
        // The common scale is known once all columns are.
        Scaling::None | Scaling::MinMaxTogether => (0.0, 1.0),
        Scaling::Standardise => moments(&values),
        Scaling::MinMax => from_0_to_1(own),
    };
    Ok(FeatureKind::Number { shift, scale, missing })
}

fn fit_categories(table: &Table, column: usize, columns: &Columns) -> Result<FeatureKind, Error> {
    let mut cells: Vec<Cow<'_, str>> = Vec::new();
    for row in 0..table.rows() {
        let cell = table.cell(row, column);
        match is_missing(&cell) {
            true if columns.missing == Missing::Error => {
                return Err(table.refuse(row, column, "a category, where missing ones are refused"));
            }
            true => (),
            false => cells.push(cell),
        }
    }
    cells.sort_unstable();
    let runs: Vec<&[Cow<'_, str>]> = cells.chunk_by(|a, b| a == b).collect();
    let names: Vec<String> = runs.iter().map(|run| run[0].clone().into_owned()).collect();
    if names.len() > MOST_CATEGORIES {
        let word = cells.iter().find(|cell| cell.parse::<f64>().is_err()).unwrap_or(&cells[0]);
        return Err(Error::Setting {
            what: format!("column `{}`, which is categorical because it contains `{word}`", table.names[column]),
            expected: format!("at most {MOST_CATEGORIES} categories; drop the column or correct it"),
            got: names.len().to_string(),
        });
    }
    let most = (0..runs.len()).fold(0, |best, i| if runs[i].len() > runs[best].len() { i } else { best });
    // In a column without any value, a missing one counts as unknown.
    let missing = (columns.missing != Missing::Error).then_some(most);
    Ok(FeatureKind::Categories { names, missing })
}

fn fit_classes(table: &Table, column: usize) -> Result<Vec<String>, Error> {
    let mut names = HashSet::new();
    for row in 0..table.rows() {
        let cell = table.cell(row, column);
        // A word for missing values may be the name of a class, such as `None`.
        if cell.is_empty() {
            return Err(table.refuse(row, column, "a class"));
        }
        if !names.contains(&*cell) {
            names.insert(cell.into_owned());
        }
    }
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_unstable();
    if names.len() < 2 {
        return Err(Error::Setting {
            what: format!("the classes of column {}", table.names[column]),
            expected: "at least 2".into(),
            got: listed(&names),
        });
    }
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let number = |name: &String| name.parse::<f64>().unwrap_or(f64::NAN);
        names.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    Ok(names)
}
