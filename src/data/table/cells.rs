//! The cells of a column: text as it was read, or an array's numbers.

use std::borrow::Cow;

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cells {
    /// All cells concatenated, and the end of each.
    Text { text: String, ends: Vec<usize> },
    /// Numbers; NaN is a missing value.
    Numbers(Vec<f32>),
}

/// The meaning of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Missing,
    Number(f64),
    Word,
}

/// What counts as a missing value, ignoring case.
pub(crate) const MISSING: &[&str] = &["", "na", "n/a", "nan", "null", "none", "?"];

pub(super) fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing))
}

impl Cells {
    pub fn text() -> Self {
        Self::Text { text: String::new(), ends: Vec::new() }
    }

    /// A cell as text.
    pub fn get(&self, row: usize) -> Cow<'_, str> {
        match self {
            Self::Text { text, ends } => {
                let start = if row == 0 { 0 } else { ends[row - 1] };
                Cow::Borrowed(&text[start..ends[row]])
            }
            Self::Numbers(numbers) if numbers[row].is_nan() => Cow::Borrowed(""),
            Self::Numbers(numbers) => Cow::Owned(numbers[row].to_string()),
        }
    }

    pub fn value(&self, row: usize) -> Value {
        if let Self::Numbers(numbers) = self {
            return if numbers[row].is_nan() { Value::Missing } else { Value::Number(numbers[row].into()) };
        }
        let cell = self.get(row);
        match cell.parse() {
            _ if is_missing(&cell) => Value::Missing,
            Ok(number) => Value::Number(number),
            Err(_) => Value::Word,
        }
    }

    /// Appends a cell to a text column.
    pub fn push(&mut self, cell: &str) {
        match self {
            Self::Text { text, ends } => {
                text.push_str(cell);
                ends.push(text.len());
            }
            Self::Numbers(numbers) => numbers.push(cell.parse().unwrap_or(f32::NAN)),
        }
    }

    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(rows.iter().map(|row| numbers[*row]).collect()),
            Self::Text { .. } => {
                let mut selected = Self::text();
                rows.iter().for_each(|row| selected.push(&self.get(*row)));
                selected
            }
        }
    }
}
