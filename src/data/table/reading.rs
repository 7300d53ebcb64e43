//! How a cell is read: which words mean a missing value, and how numbers are written.

use std::sync::Arc;

use super::missing::is_missing;
use super::written::Written;

/// How the cells of a column are read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// The words that mean a missing value, ignoring case.
    missing: Arc<[String]>,
    /// Those of them that are numbers, such as -999.
    missing_numbers: Arc<[f64]>,
    written: Written,
}

/// What a cell means. It takes the space of an f64, since tables have millions of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value(f64);

/// A NaN that stands for a word. It is compared by its bits.
const WORD: u64 = 0x7ff8_0000_0000_0001;

impl Value {
    pub const MISSING: Self = Self(f64::NAN);
    pub const WORD: Self = Self(f64::from_bits(WORD));

    /// A number. NaN is a word here, for what is missing is said otherwise.
    pub fn number(number: f64) -> Self {
        if number.is_nan() { Self::WORD } else { Self(number) }
    }

    pub fn as_number(self) -> Option<f64> {
        Some(self.0).filter(|number| !number.is_nan())
    }

    pub fn is_word(self) -> bool {
        self.0.to_bits() == WORD
    }

    pub fn is_missing(self) -> bool {
        self.0.is_nan() && !self.is_word()
    }
}

impl Reading {
    pub fn new(missing: Arc<[String]>, written: Written) -> Self {
        let missing_numbers =
            missing.iter().filter_map(|word| word.parse().ok()).filter(|number: &f64| !number.is_nan()).collect();
        Self { missing, missing_numbers, written }
    }

    /// Whether numbers have a decimal comma.
    pub fn has_decimal_commas(&self) -> bool {
        self.written == Written::Comma
    }

    /// Reads a cell of a column of numbers.
    pub fn value(&self, cell: &str) -> Value {
        // Most cells are plain numbers, so the words are compared last.
        match self.written.number(cell) {
            // Rust also reads `nan` and `-nan`.
            Some(number) if !number.is_nan() => self.number(number),
            _ if self.is_missing(cell) || is_dash(cell) => Value::MISSING,
            _ => Value::WORD,
        }
    }

    /// Reads a number of an array.
    pub fn number(&self, number: f64) -> Value {
        if self.missing_numbers.contains(&number) { Value::MISSING } else { Value::number(number) }
    }

    /// Whether a cell is missing in a column of any kind.
    pub fn is_missing(&self, cell: &str) -> bool {
        is_missing(cell, &self.missing)
    }
}

/// What stands for a missing number in columns of numbers, besides the words.
pub(super) fn is_dash(cell: &str) -> bool {
    matches!(cell, "-" | "." | "--" | "–" | "—")
}
