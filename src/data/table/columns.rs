//! The meaning of a table's columns: the target, types, scaling and missing values.

/// Selects a column by name or by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The column's name.
    Name(String),
    /// The column's index, from 0.
    Index(usize),
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl From<String> for Column {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<usize> for Column {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// How missing values are handled. These cells are missing: empty ones, and `NA`, `N/A`, `NaN`, `null`, `None` and `?`
/// in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Missing values are an error that names the row and the column. This is the default.
    #[default]
    Error,
    /// Missing numbers are replaced by the median of the fitted rows, missing categories by the most frequent one.
    Median,
    /// Missing values are replaced by the most frequent value of the fitted rows; the smallest of equally frequent
    /// ones.
    MostFrequent,
}

/// How numeric columns are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scaling {
    /// Standardise to a mean of 0 and a standard deviation of 1. A constant column becomes 0. This is the default.
    #[default]
    Standardise,
    /// Scale each column so that the minimum of the fitted rows is 0 and the maximum 1. A constant column becomes 0.
    MinMax,
    /// Scale all numeric columns together, so that their common minimum is 0 and their common maximum 1. Use it for
    /// pixels, where some columns hardly vary.
    MinMaxTogether,
    /// Leave the numbers as they are.
    None,
}

/// The target of the training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Classification: the class of a row.
    Classes(Column),
    /// Regression: a number.
    Number(Column),
}

/// Describes a table's columns: the target, and how the other columns become inputs. A column is numeric if all its
/// cells are numbers, apart from missing ones. Every other column is categorical: it is one-hot encoded, with one more
/// column for categories that were not seen in fitting.
///
/// ```
/// use shaderprop::{Columns, Missing, Scaling};
/// let columns = Columns::classes("species").drop(["id"]).categorical(["year"]).missing(Missing::Median);
/// let prices = Columns::number("price").scaling(Scaling::MinMax);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    pub(crate) target: Target,
    pub(crate) dropped: Vec<Column>,
    pub(crate) categorical: Vec<Column>,
    pub(crate) missing: Missing,
    pub(crate) scaling: Scaling,
}

impl Columns {
    fn new(target: Target) -> Self {
        Self { target, dropped: vec![], categorical: vec![], missing: Missing::default(), scaling: Scaling::default() }
    }

    /// Classification: the distinct cells of the `target` column are the classes.
    pub fn classes(target: impl Into<Column>) -> Self {
        Self::new(Target::Classes(target.into()))
    }

    /// Regression: the `target` column holds the numbers to learn. They are standardised, and predictions are scaled
    /// back.
    pub fn number(target: impl Into<Column>) -> Self {
        Self::new(Target::Number(target.into()))
    }

    /// Leaves these columns out.
    #[must_use]
    pub fn drop<C: Into<Column>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.dropped.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Treats these columns as categorical, even if their cells are numbers.
    #[must_use]
    pub fn categorical<C: Into<Column>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.categorical.extend(columns.into_iter().map(Into::into));
        self
    }

    /// Sets how missing values are handled. By default they are an error. A missing target is always an error; of a target
    /// with classes, only empty cells are missing, since a class may be called `None`.
    #[must_use]
    pub fn missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }

    /// Sets how numeric columns are scaled. By default they are standardised.
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }
}
