//! What a table's columns mean: which is the target, which are numbers, and what becomes of holes.

/// A column by its name, or by its place from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// Its name.
    Name(String),
    /// Its place, from 0.
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

/// What becomes of missing values: empty cells, and `NA`, `N/A`, `NaN`, `null`, `None` and `?` in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// They are refused, with their row and column.
    #[default]
    Error,
    /// In columns of numbers the median of those seen in fitting stands for them, in columns of categories the most frequent.
    Median,
    /// The most frequent value seen in fitting stands for them; of equally frequent ones the smallest.
    MostFrequent,
}

/// How columns of numbers are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scaling {
    /// To a mean of 0 and a standard deviation of 1; a constant column to 0.
    #[default]
    Standardise,
    /// From 0, the least seen in fitting, to 1, the greatest; a constant column to 0.
    MinMax,
    /// From 0, the least of all these columns together, to 1, the greatest: for pixels, of which some columns hardly vary.
    MinMaxTogether,
    /// As they are.
    None,
}

/// What is to be learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Which class a row is of.
    Classes(Column),
    /// A number.
    Number(Column),
}

/// What a table's columns mean. A column is one of numbers if all its cells are, apart from missing ones; else it is one of categories,
/// and becomes a column of 0 and 1 for each category, and one more for those that fitting had not seen.
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

    /// The classes of a column are to be learned: its different cells.
    pub fn classes(target: impl Into<Column>) -> Self {
        Self::new(Target::Classes(target.into()))
    }

    /// The numbers of a column are to be learned. They are standardised, and predictions scaled back.
    pub fn number(target: impl Into<Column>) -> Self {
        Self::new(Target::Number(target.into()))
    }

    /// These columns are left out.
    #[must_use]
    pub fn drop<C: Into<Column>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.dropped.extend(columns.into_iter().map(Into::into));
        self
    }

    /// These columns are of categories, even if their cells are numbers.
    #[must_use]
    pub fn categorical<C: Into<Column>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.categorical.extend(columns.into_iter().map(Into::into));
        self
    }

    /// What becomes of missing values; they are refused where nothing is set. A missing target always is.
    #[must_use]
    pub fn missing(mut self, missing: Missing) -> Self {
        self.missing = missing;
        self
    }

    /// How columns of numbers are scaled; they are standardised where nothing is set.
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }
}
