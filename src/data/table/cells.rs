//! The cells of a column: text as it was read, or an array's numbers.

use std::borrow::Cow;
use std::collections::TryReserveError;
use std::sync::OnceLock;

use super::reading::{Reading, Value};

/// A column: its cells, and their numbers once they have been read as such.
#[derive(Debug)]
pub(super) struct ColumnCells {
    cells: Cells,
    /// Text is read as numbers once, since that takes longer than all else that is done with it.
    read: OnceLock<(Reading, Vec<Value>)>,
}

/// The cells of a column.
#[derive(Debug)]
pub(super) enum Cells {
    /// All cells concatenated, and the end of each.
    Text { text: String, ends: Ends },
    /// Floats; NaN is a missing value.
    Single(Vec<f32>),
    /// Doubles; NaN is a missing value.
    Double(Vec<f64>),
    /// Integers.
    Integers(Vec<i64>),
}

/// The ends of the cells, in bytes. A table has millions of them, so they are as small as the text allows.
#[derive(Debug)]
pub(super) enum Ends {
    Short(Vec<u32>),
    Long(Vec<u64>),
}

impl Ends {
    fn get(&self, at: usize) -> usize {
        match self {
            Self::Short(ends) => ends[at] as usize,
            Self::Long(ends) => ends[at] as usize,
        }
    }

    #[inline]
    fn push(&mut self, end: usize) -> Result<(), TryReserveError> {
        if let (Self::Short(ends), Err(_)) = (&*self, u32::try_from(end)) {
            let mut long = Vec::new();
            long.try_reserve(ends.len() + 1)?;
            long.extend(ends.iter().map(|end| u64::from(*end)));
            *self = Self::Long(long);
        }
        match self {
            Self::Short(ends) => {
                ends.try_reserve(1)?;
                ends.push(end as u32);
            }
            Self::Long(ends) => {
                ends.try_reserve(1)?;
                ends.push(end as u64);
            }
        }
        Ok(())
    }
}

impl Cells {
    pub fn text() -> Self {
        Self::Text { text: String::new(), ends: Ends::Short(Vec::new()) }
    }
}

impl From<Cells> for ColumnCells {
    fn from(cells: Cells) -> Self {
        Self { cells, read: OnceLock::new() }
    }
}

impl ColumnCells {
    /// Appends a cell to a text column; an error if there is no memory.
    #[inline]
    pub fn push(&mut self, cell: &str) -> Result<(), TryReserveError> {
        if let Cells::Text { text, ends } = &mut self.cells {
            text.try_reserve(cell.len())?;
            text.push_str(cell);
            ends.push(text.len())?;
        }
        Ok(())
    }

    /// The memory that the cells take, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.cells {
            Cells::Text { text, ends: Ends::Short(ends) } => text.capacity() + 4 * ends.capacity(),
            Cells::Text { text, ends: Ends::Long(ends) } => text.capacity() + 8 * ends.capacity(),
            Cells::Single(numbers) => 4 * numbers.len(),
            Cells::Double(numbers) => 8 * numbers.len(),
            Cells::Integers(numbers) => 8 * numbers.len(),
        }
    }

    /// Whether the cells are an array's integers.
    pub fn are_integers(&self) -> bool {
        matches!(self.cells, Cells::Integers(_))
    }

    /// Whether the cells are text, which has to be read.
    pub fn are_text(&self) -> bool {
        matches!(self.cells, Cells::Text { .. })
    }

    /// A cell as text.
    pub fn get(&self, row: usize) -> Cow<'_, str> {
        match &self.cells {
            Cells::Text { text, ends } => {
                let start = if row == 0 { 0 } else { ends.get(row - 1) };
                Cow::Borrowed(&text[start..ends.get(row)])
            }
            Cells::Single(numbers) if numbers[row].is_nan() => Cow::Borrowed(""),
            Cells::Double(numbers) if numbers[row].is_nan() => Cow::Borrowed(""),
            Cells::Single(numbers) => Cow::Owned(numbers[row].to_string()),
            Cells::Double(numbers) => Cow::Owned(numbers[row].to_string()),
            Cells::Integers(numbers) => Cow::Owned(numbers[row].to_string()),
        }
    }

    /// What the cells mean, by row.
    pub fn values<'a>(&'a self, reading: &'a Reading) -> Values<'a> {
        Values { reading, numbers: self.numbers(reading) }
    }

    fn numbers(&self, reading: &Reading) -> Numbers<'_> {
        match &self.cells {
            Cells::Single(numbers) => Numbers::Single(numbers),
            Cells::Double(numbers) => Numbers::Double(numbers),
            Cells::Integers(numbers) => Numbers::Integers(numbers),
            Cells::Text { ends, .. } => {
                let rows = match ends {
                    Ends::Short(ends) => ends.len(),
                    Ends::Long(ends) => ends.len(),
                };
                let read = || (0..rows).map(|row| reading.value(&self.get(row))).collect::<Vec<_>>();
                let (known, values) = self.read.get_or_init(|| (reading.clone(), read()));
                if known == reading { Numbers::Read(Cow::Borrowed(values)) } else { Numbers::Read(Cow::Owned(read())) }
            }
        }
    }
}

/// What the cells of a column mean.
pub(super) struct Values<'a> {
    reading: &'a Reading,
    numbers: Numbers<'a>,
}

enum Numbers<'a> {
    Single(&'a [f32]),
    Double(&'a [f64]),
    Integers(&'a [i64]),
    Read(Cow<'a, [Value]>),
}

impl Values<'_> {
    pub fn get(&self, row: usize) -> Value {
        let number = |number: f64| if number.is_nan() { Value::MISSING } else { self.reading.number(number) };
        match &self.numbers {
            Numbers::Single(numbers) => number(numbers[row].into()),
            Numbers::Double(numbers) => number(numbers[row]),
            Numbers::Integers(numbers) => number(numbers[row] as f64),
            Numbers::Read(values) => values[row],
        }
    }
}
