//! The meaning of a table's columns: the target, types, scaling and missing values.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::dates;
use super::missing;
use crate::error::Error;

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

/// How missing values are handled. [`Columns::missing_words`] tells which cells are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Missing {
    /// Missing values are an error that names the row and the column. This is the default.
    #[default]
    Error,
    /// Missing numbers are replaced by the median of the fitted rows, and one more input tells where they were missing,
    /// if they were in at least 30 of the fitted rows. Missing text is a category of its own.
    Indicator,
    /// Missing numbers are replaced by the median of the fitted rows, missing categories by the most frequent one.
    Median,
    /// Missing values are replaced by the most frequent value of the fitted rows; the smallest of equally frequent
    /// ones.
    #[serde(rename = "frequent")]
    MostFrequent,
}

/// How numeric columns are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// Describes a table's columns: the target, and how the other columns become inputs. A column is numeric if at least 98 %
/// of its cells are numbers, apart from missing ones. Every other column is categorical: it is one-hot encoded, with one
/// more column for categories that were not seen in fitting. [`Schema::infer`](crate::Schema::infer) decides.
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
    pub(crate) missing_words: Arc<[String]>,
    pub(crate) scaling: Scaling,
    pub(crate) decimal: Option<char>,
    pub(crate) date_format: Option<String>,
}

impl Columns {
    fn new(target: Target) -> Self {
        Self {
            target,
            dropped: vec![],
            categorical: vec![],
            missing: Missing::default(),
            missing_words: missing::usual(),
            scaling: Scaling::default(),
            decimal: None,
            date_format: None,
        }
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

    /// Sets the words that mean a missing value, ignoring case, besides empty cells. By default they are pandas' words
    /// (`NA`, `N/A`, `NaN`, `-NaN`, `null`, `None`, `<NA>`, `#N/A`, `#N/A N/A`, `#NA`, and Windows' `1.#IND` and `1.#QNAN`
    /// with either sign), `?`, `NaT` and `\N`. In columns of numbers, `-`, `--` and `.` are missing too. A word that is a
    /// number, such as `-999`, also stands for equal numbers.
    ///
    /// ```
    /// use shaderprop::{Columns, Csv, Missing, Preprocessing, Table};
    /// let table = Table::from_csv("size,kind\n1,a\n-999,b\n3,a\n".as_bytes(), &Csv::new())?;
    /// let columns = Columns::classes("kind").missing(Missing::Median).missing_words(["-999"]);
    /// let data = Preprocessing::fit(&table, &columns)?.transform(&table)?;
    /// assert_eq!(data.inputs.row(1), [0.0], "the median of 1 and 3, scaled");
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    #[must_use]
    pub fn missing_words<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.missing_words = words.into_iter().map(Into::into).collect();
        self
    }

    /// The words that mean a missing value by default, in small letters: see [`missing_words`](Self::missing_words).
    pub fn usual_missing_words() -> Vec<String> {
        missing::usual().to_vec()
    }

    /// Sets the decimal sign of numbers that are not written plainly: `.` or `,`. By default it is inferred, column by
    /// column, where the cells leave no doubt.
    ///
    /// # Errors
    /// [`Error::Setting`] for another sign.
    pub fn decimal(mut self, sign: char) -> Result<Self, Error> {
        if !matches!(sign, '.' | ',') {
            return Err(Error::Setting { what: "the decimal sign".into(), expected: "`.` or `,`".into(), got: sign.into() });
        }
        self.decimal = Some(sign);
        Ok(self)
    }

    /// Sets how dates are written, with the codes of C's `strftime`, such as `%d/%m/%Y`: `%Y`, `%y`, `%m`, `%d`, `%b` (an
    /// English month, in full or its first three letters), `%H`, `%I`, `%M`, `%S`, `%f`, `%p`, `%z` and `%%`. Without it, ISO 8601 is recognised, and
    /// other formats where the cells of a column leave no doubt. A date becomes a number: days since 1970.
    ///
    /// # Errors
    /// [`Error::Setting`] for a format that cannot be read.
    pub fn date_format(mut self, format: impl Into<String>) -> Result<Self, Error> {
        let format = format.into();
        if !dates::is_format(&format) {
            return Err(Error::Setting {
                what: "the format of dates".into(),
                expected: format!("a year and other codes of strftime, such as %d/%m/%Y (known are {})", dates::CODES),
                got: format,
            });
        }
        self.date_format = Some(format);
        Ok(self)
    }

    /// Sets how numeric columns are scaled. By default they are standardised.
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }
}
