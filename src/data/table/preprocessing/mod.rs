//! Preprocessing: turns tables into matrices, as fitted on the training rows, and outputs back into predictions.

mod check;
mod fit;
mod show;
mod transform;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::missing;
use super::table::Table;
use super::written::Written;
use crate::data::matrix::Matrix;
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
    /// The words that mean a missing value.
    pub(crate) missing_words: Arc<[String]>,
    /// For tables without column names.
    pub(crate) by_place: Option<ByPlace>,
}

/// The columns of a table that has no names for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ByPlace {
    /// The number of columns, with the target.
    pub width: usize,
    /// The index of the target.
    pub target: usize,
}

/// The words of a preprocessing that says nothing of them.
pub(crate) fn former_missing_words() -> Arc<[String]> {
    missing::list(missing::FORMER_WORDS)
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
    /// x becomes (x − shift) / scale; `missing` replaces missing values. With an indicator, one more input is 1 where
    /// the value was missing, and 0 elsewhere.
    Number {
        shift: f64,
        scale: f64,
        missing: Option<f64>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        indicator: bool,
        #[serde(default, skip_serializing_if = "Written::is_plain")]
        written: Written,
    },
    /// One-hot: a column for each category, and one for all others; `missing` is the index of the category that
    /// replaces missing values. Where that is a category of its own, its name is empty.
    Categories { names: Vec<String>, missing: Option<usize> },
}

/// The target column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum FittedTarget {
    /// Classification: the class names of that column.
    Classes { column: String, names: Vec<String> },
    /// Regression: predictions are y · scale + shift.
    Number {
        column: String,
        shift: f64,
        scale: f64,
        #[serde(default, skip_serializing_if = "Written::is_plain")]
        written: Written,
    },
}

impl Feature {
    /// What its cells are, for a message.
    fn expected(&self) -> String {
        match &self.kind {
            FeatureKind::Categories { .. } => "categories".into(),
            FeatureKind::Number { written, .. } => written.described(),
        }
    }

    /// The number of inputs that the column becomes.
    pub(crate) fn width(&self) -> usize {
        match &self.kind {
            FeatureKind::Number { indicator, .. } => 1 + usize::from(*indicator),
            FeatureKind::Categories { names, .. } => names.len() + 1,
        }
    }
}

/// Cells in a column of numbers that are not finite numbers, or in a column of text whose categories are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadCells {
    /// The column's name.
    pub column: String,
    /// The number of such cells.
    pub count: usize,
    /// The number of rows of the table.
    pub rows: usize,
    /// The first of the cells.
    pub cell: String,
    /// Its line in the file, counted from 1; for a table without lines, its row.
    pub line: u64,
    /// What the model expects, as in `numbers with a decimal comma`.
    pub expected: String,
}

impl UnreadCells {
    fn of(table: &Table, (row, column): (usize, usize), count: usize, expected: String) -> Self {
        Self {
            column: table.names()[column].clone(),
            count,
            rows: table.rows(),
            cell: table.cell(row, column).into_owned(),
            line: table.line(row).unwrap_or(1 + table.at(row) as u64),
            expected,
        }
    }

    /// Whether they are more than 1 % of the column's cells. Then it probably has something else than in training.
    pub fn is_too_many(&self) -> bool {
        100 * self.count > self.rows
    }

    /// The error for too many.
    pub(crate) fn refused(&self) -> Error {
        Error::Setting {
            what: format!("column `{}`", self.column),
            expected: format!("{}, as in training, in at least 99 % of its cells", self.expected),
            got: format!("other text in {} of {}, such as `{}` in line {}", self.count, self.rows, self.cell, self.line),
        }
    }
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

impl Preprocessing {
    /// The number of inputs that a network needs.
    pub fn inputs(&self) -> usize {
        self.features.iter().map(Feature::width).sum()
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

    /// The words that mean a missing value, besides empty cells.
    pub fn missing_words(&self) -> &[String] {
        &self.missing_words
    }

    /// How the numbers of the target are written; none for classes.
    pub fn target_written(&self) -> Option<&Written> {
        match &self.target {
            FittedTarget::Classes { .. } => None,
            FittedTarget::Number { written, .. } => Some(written),
        }
    }

    /// The class names in the order of their indices: sorted, numerically if all are numbers.
    pub fn classes(&self) -> Option<&[String]> {
        match &self.target {
            FittedTarget::Classes { names, .. } => Some(names),
            FittedTarget::Number { .. } => None,
        }
    }

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
}

/// The maximum number of categories of a column. A column with more is probably a name or free text.
const MOST_CATEGORIES: usize = 1000;

/// The maximum number of values that a table may become: 16 GiB of them, or as many as can be addressed.
const MOST_VALUES: usize = if usize::BITS < 64 { isize::MAX as usize / 4 } else { (1u64 << 32) as usize };
