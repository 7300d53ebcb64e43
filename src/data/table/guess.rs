//! Infers from the beginning of a CSV file its delimiter, and whether its first line is a header.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read};

use super::encoding::Encoding;
use super::missing;
use super::records::{records, separated, trim};
use crate::display::short;

/// What a table reader inferred of a file, and what it left out. The text says what was assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsvNotice {
    /// It is not beyond doubt whether the first line holds the column names.
    Header {
        /// Whether it was read as column names.
        assumed: bool,
    },
    /// It is not beyond doubt which character separates the cells.
    Delimiter {
        /// The character that was assumed.
        assumed: char,
        /// Another one that would also separate all rows into the same number of cells.
        other: char,
    },
    /// The cells are separated by blanks, any number of them.
    Blanks,
    /// The text is not UTF-8.
    Encoding(Encoding),
    /// Lines above the header were left out: titles or comments.
    Above {
        /// The number of lines.
        lines: usize,
        /// The first of them.
        first: String,
    },
    /// Each row begins with a name, for which the header has no cell. The names were left out.
    RowNames,
    /// The last column has neither a name nor cells, and was left out.
    EmptyColumn,
    /// The line below the header has units, and was left out.
    Units {
        /// The line's first unit.
        first: String,
    },
    /// Several columns have the same name or none, so that some were renamed.
    Renamed {
        /// The name in the file.
        from: String,
        /// The new name of the first of them.
        to: String,
        /// The number of renamed columns.
        count: usize,
    },
}

impl fmt::Display for CsvNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CsvNotice::Header { assumed: true } => write!(f, "the first line may be data; it was read as column names"),
            CsvNotice::Header { assumed: false } => write!(f, "the first line may be column names; it was read as data"),
            CsvNotice::Delimiter { assumed, other } => {
                write!(f, "the cells may be separated by {other:?}; they were separated by {assumed:?}")
            }
            CsvNotice::Blanks => write!(f, "the cells are separated by blanks"),
            CsvNotice::Encoding(encoding) => write!(f, "the text was read as {}", encoding.name()),
            CsvNotice::Above { lines: 1, first } => write!(f, "left out the first line, `{}`", short(first, 60)),
            CsvNotice::Above { lines, first } => write!(f, "left out the first {lines} lines, from `{}` on", short(first, 60)),
            CsvNotice::RowNames => write!(f, "left out the first cell of each row, which the header has no name for"),
            CsvNotice::EmptyColumn => write!(f, "left out the last column, which is empty"),
            CsvNotice::Units { first } => {
                write!(f, "left out the line below the header, which has units, such as `{}`", short(first, 60))
            }
            CsvNotice::Renamed { from, to, count: 1 } => {
                write!(f, "a column named `{}` was renamed to `{}`, since names must be unique", short(from, 60), short(to, 60))
            }
            CsvNotice::Renamed { from, to, count } => write!(
                f,
                "{count} columns were renamed, such as one named `{}` to `{}`, since names must be unique",
                short(from, 60),
                short(to, 60)
            ),
        }
    }
}

/// The beginning of a text.
pub struct Sample {
    /// The text in UTF-8, without its byte order mark and the lines above the table.
    pub text: Vec<u8>,
    /// The encoding of the text.
    pub encoding: Encoding,
    /// Bytes at the end of the sample that are not converted, since they are part of a character.
    pub rest: Vec<u8>,
    /// Whether it is the whole text.
    whole: bool,
}

/// The size of a sample in bytes, if that is at least [`LINES`] lines.
const SIZE: usize = 1 << 16;

/// The number of lines in a sample, if they have at most [`LONGEST`] bytes.
const LINES: usize = 20;

/// The maximum size of a sample in bytes.
const LONGEST: usize = 1 << 20;

/// Range checks need this many rows: with fewer, the first row may well be the largest.
const ROWS_OF_A_RANGE: usize = 20;

/// The delimiters that are inferred. Of equally good ones, the first.
const DELIMITERS: [u8; 4] = *b",;\t|";

impl Sample {
    /// Reads the sample.
    pub fn read(text: &mut impl Read) -> io::Result<Self> {
        let (mut head, mut chunk, mut whole) = (Vec::new(), [0; 8192], false);
        let mut lines = 0;
        while head.len() < LONGEST && (lines < LINES || head.len() < SIZE) {
            let count = text.read(&mut chunk)?;
            if count == 0 {
                whole = true;
                break;
            }
            head.extend(&chunk[..count]);
            lines += chunk[..count].iter().filter(|byte| **byte == b'\n').count();
        }
        let encoding = Encoding::of(&head);
        let mut text = Vec::new();
        let converted = encoding.decode(&head, whole, &mut text);
        while text.starts_with(b"\xef\xbb\xbf") {
            text.drain(..3);
        }
        Ok(Self { text, encoding, rest: head.split_off(converted), whole })
    }

    /// What a file is that is not a table of text.
    pub fn what_else(&self) -> Option<&'static str> {
        let text = self.text.trim_ascii_start();
        let starts = |with: &[u8]| text.starts_with(with);
        let object = |from: usize| text[from..].trim_ascii_start().starts_with(b"\"");
        match () {
            () if starts(b"PK\x03\x04") => Some("a file of Excel or another archive; save it as CSV"),
            () if starts(b"PAR1") => Some("a Parquet file; save it as CSV"),
            () if starts(b"ARROW1") => Some("an Arrow file; save it as CSV"),
            () if (starts(b"{") && object(1)) || (starts(b"[") && text[1..].trim_ascii_start().starts_with(b"{")) => {
                Some("JSON; save it as CSV")
            }
            () => None,
        }
    }

    /// Removes the first line if it only tells Excel the delimiter: `sep=;`.
    pub fn take_delimiter(&mut self) -> Option<u8> {
        let end = self.text.iter().position(|byte| *byte == b'\n')?;
        match self.text[..end].trim_ascii() {
            [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter] if delimiter.is_ascii() => {
                let delimiter = *delimiter;
                self.text.drain(..=end);
                Some(delimiter)
            }
            _ => None,
        }
    }

    /// The first lines, with the number of cells that the delimiter makes of each. A line ends outside quotes.
    ///
    /// Of a line whose first cell alone is filled, with text, that is 1: spreadsheets pad titles with delimiters.
    pub fn lines(&self, delimiter: u8) -> Vec<(Vec<u8>, usize)> {
        let cells = |line: &[u8]| match delimiter {
            b' ' => line.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty()).count(),
            _ => match line.iter().position(|byte| *byte == delimiter) {
                Some(end) if is_padded(line, end, delimiter) => 1,
                _ => 1 + line.iter().filter(|byte| **byte == delimiter).count(),
            },
        };
        self.without_quoted().into_iter().map(|line| (cells(&line), line)).map(|(cells, line)| (line, cells)).collect()
    }

    /// Removes that many lines that are not blank, and the blank ones before them. Returns the number of physical lines
    /// and the first text.
    pub fn take_lines(&mut self, count: usize) -> (u64, String) {
        let (mut removed, mut found, mut first) = (0, 0, String::new());
        while found < count {
            let end = self.text.iter().position(|byte| *byte == b'\n').map_or(self.text.len(), |end| end + 1);
            let line: Vec<u8> = self.text.drain(..end).collect();
            removed += 1;
            if !line.trim_ascii().is_empty() {
                found += 1;
                if first.is_empty() {
                    first = String::from_utf8_lossy(line.trim_ascii()).into_owned();
                }
            }
            if end == 0 {
                break;
            }
        }
        (removed, first)
    }

    /// The records that are not blank. The last one of a longer text may be incomplete, so it is left out.
    pub fn records(&self, delimiter: u8) -> Vec<csv::StringRecord> {
        let records = records(separated(self.text.as_slice(), delimiter), delimiter).into_byte_records().map_while(Result::ok);
        let mut records: Vec<_> = records.map(csv::StringRecord::from_byte_record_lossy).collect();
        if !self.whole && records.len() > 1 {
            records.pop();
        }
        records.iter_mut().for_each(trim);
        records.retain(|record| record.iter().any(|cell| !cell.is_empty()));
        records
    }

    /// The delimiter that separates the most rows into equally many cells. Of several, the one that gives the most
    /// cells, except for a decimal comma.
    pub fn delimiter(&self) -> (u8, Option<CsvNotice>) {
        let mut text = self.without_quoted();
        // Comments are not separated like the rows, unless that is a header.
        let is_comment = |line: &Vec<u8>| line.trim_ascii_start().starts_with(b"#");
        if text.first().is_some_and(is_comment) && !text.iter().all(is_comment) {
            text.retain(|line| !is_comment(line));
        }
        let fits: Vec<Fit> = DELIMITERS.iter().map(|delimiter| Fit::of(&text, *delimiter)).collect();
        let mut best = 0;
        for other in 1..fits.len() {
            let (old, new) = (&fits[best], &fits[other]);
            let better = if old.cells < 2 || new.cells < 2 {
                new.cells > old.cells
            } else if new.even != old.even {
                new.even > old.even
            } else {
                new.cells > old.cells || (best == 0 && new.decimal_commas)
            };
            if better {
                best = other;
            }
        }
        let rival = (0..fits.len()).find(|other| {
            let (fit, chosen) = (&fits[*other], &fits[best]);
            *other != best && fit.cells > 1 && (fit.cells, fit.even) == (chosen.cells, chosen.even)
        });
        // Blanks separate cells where nothing else does.
        let blanks = Fit::of(&text, b' ');
        if fits[best].cells < 2 && blanks.cells > 1 && blanks.even >= 90 {
            return (b' ', Some(CsvNotice::Blanks));
        }
        let assumed = char::from(DELIMITERS[best]);
        let doubt = rival.filter(|_| !fits[best].decimal_commas);
        (DELIMITERS[best], doubt.map(|other| CsvNotice::Delimiter { assumed, other: char::from(DELIMITERS[other]) }))
    }

    /// The lines, with an x for each byte in quotes: a delimiter there separates nothing. A quote opens at the start of
    /// a cell, and only there; two quotes in quotes are one.
    fn without_quoted(&self) -> Vec<Vec<u8>> {
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        let (mut quoted, mut before) = (false, b'\n');
        for byte in self.text.iter().copied() {
            let opens = b"\n\r ,;\t|\"".contains(&before);
            match byte {
                b'"' if quoted || opens => quoted = !quoted,
                b'\n' if !quoted => lines.push(std::mem::take(&mut line)),
                b'\r' if !quoted => (),
                _ => line.push(if quoted { b'x' } else { byte }),
            }
            before = byte;
        }
        if self.whole || lines.is_empty() {
            lines.push(line);
        }
        lines.retain(|line| !line.iter().all(u8::is_ascii_whitespace));
        lines
    }

    /// Whether the first line is a header.
    pub fn header(&self, records: &[csv::StringRecord]) -> (bool, Option<CsvNotice>) {
        let Some((first, below)) = records.split_first() else { return (true, None) };
        // A header without a name for the first cell of the rows is that of R.
        let longer = below.iter().filter(|record| record.len() == first.len() + 1).count();
        if first.len() > 1 && longer > 0 && longer == below.len() && !first.iter().any(|cell| number(cell).is_some()) {
            return (true, None);
        }
        let below: Vec<_> = below.iter().filter(|record| record.len() == first.len() && *record != first).collect();
        let words_only = !first.iter().any(|cell| number(cell).is_some());
        if below.is_empty() {
            return (words_only, None);
        }
        let columns: Vec<_> = (0..first.len()).map(|column| Below::of(&below, column)).collect();
        let cells = || first.iter().zip(&columns).filter(|(cell, _)| !cell.is_empty());
        if cells().all(|(cell, column)| column.distinct.contains(cell)) {
            return (false, None);
        }
        // Names are different, as a rule. Words over numbers are names even so.
        let mut seen = HashSet::new();
        let repeats = !cells().all(|(cell, _)| seen.insert(cell));
        if repeats && !cells().any(|(cell, column)| number(cell).is_none() && !is_missing(cell) && column.is_numeric()) {
            return (false, None);
        }
        if is_numbered(first) {
            let numbers = cells().filter(|(cell, _)| number(cell).is_some());
            let unlike =
                numbers.clone().filter(|(cell, column)| column.is_written_otherwise(cell) || column.is_unlike(cell)).count();
            if 3 * unlike >= numbers.count() {
                return (true, None);
            }
        }
        let (mut names, mut data) = (0, 0);
        for (cell, column) in cells().filter(|(_, column)| column.filled > 0) {
            let repeats = 2 * column.distinct.len() <= column.filled;
            match (number(cell).is_some(), column.is_numeric()) {
                (false, true) if !is_missing(cell) => names += 2,
                (true, true) if column.is_unlike(cell) => names += 1,
                (true, true) => data += 1,
                (true, false) if column.numbers == 0 => names += 1,
                (false, false) if column.distinct.contains(cell) => data += 1,
                (false, false) if repeats && !is_missing(cell) => names += 1,
                _ => (),
            }
        }
        let header = names > data || (names == data && words_only);
        // A line of numbers may be either, whatever it looks like; so may numbers in sequence.
        let numbers_only = header && cells().all(|(cell, _)| number(cell).is_some());
        let unclear = numbers_only || (!header && is_in_sequence(first));
        let doubtful = unclear || (names > 0 && data > 0) || (names == 0 && data == 0);
        (header, doubtful.then_some(CsvNotice::Header { assumed: header }))
    }
}

/// Whether a line has text up to that position, and nothing but at least two delimiters and blanks after it.
fn is_padded(line: &[u8], end: usize, delimiter: u8) -> bool {
    let (first, rest) = line.split_at(end);
    let is_text = first.iter().any(u8::is_ascii_alphabetic);
    let padding = rest.iter().filter(|byte| **byte == delimiter).count();
    is_text && padding > 1 && rest.iter().all(|byte| *byte == delimiter || byte.is_ascii_whitespace())
}

/// How a delimiter separates the lines of a sample.
struct Fit {
    /// The number of cells in most lines.
    cells: usize,
    /// The number of lines with that many cells, in percent.
    even: usize,
    /// Whether its cells with commas are nearly all numbers with a decimal comma.
    decimal_commas: bool,
}

impl Fit {
    fn of(lines: &[Vec<u8>], delimiter: u8) -> Self {
        let cells = |line: &Vec<u8>| match delimiter {
            b' ' => line.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty()).count(),
            _ => 1 + line.iter().filter(|byte| **byte == delimiter).count(),
        };
        let counts: Vec<usize> = lines.iter().map(cells).collect();
        let lines_of = |cells: usize| counts.iter().filter(|count| **count == cells).count();
        let cells = counts.iter().copied().max_by_key(|cells| (lines_of(*cells), *cells)).unwrap_or(1);
        let with_comma = lines.iter().flat_map(|line| line.split(|byte| *byte == delimiter)).filter(|cell| cell.contains(&b','));
        let (mut commas, mut decimal) = (0, 0);
        for cell in with_comma {
            commas += 1;
            decimal += usize::from(number(String::from_utf8_lossy(cell).trim()).is_some());
        }
        let even = 100 * lines_of(cells) / counts.len().max(1);
        Self { cells, even, decimal_commas: delimiter != b',' && commas > 0 && 10 * decimal >= 9 * commas }
    }
}

/// The cells below the first line in one column.
pub(super) struct Below<'a> {
    filled: usize,
    numbers: usize,
    /// The number of cells that are written as whole numbers.
    whole: usize,
    least: f64,
    greatest: f64,
    distinct: HashSet<&'a str>,
}

impl<'a> Below<'a> {
    pub fn of(records: &[&'a csv::StringRecord], column: usize) -> Self {
        let (least, greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut below = Self { filled: 0, numbers: 0, whole: 0, least, greatest, distinct: HashSet::new() };
        for cell in records.iter().map(|record| &record[column]).filter(|cell| !cell.is_empty() && !is_missing(cell)) {
            below.filled += 1;
            below.distinct.insert(cell);
            if let Some(value) = number(cell) {
                below.numbers += 1;
                below.whole += usize::from(is_whole(cell));
                below.least = below.least.min(value);
                below.greatest = below.greatest.max(value);
            }
        }
        below
    }

    /// Whether at least 98 % of the cells are numbers.
    pub fn is_numeric(&self) -> bool {
        self.filled > 0 && 100 * self.numbers >= 98 * self.filled
    }

    /// Whether a whole number is above numbers with decimals.
    fn is_written_otherwise(&self, cell: &str) -> bool {
        is_whole(cell) && 10 * self.whole < self.numbers
    }

    /// Whether a number does not belong to those below: a whole one over decimals, outside their range, or any other one
    /// far outside it. A whole number in the range may be one of them.
    fn is_unlike(&self, cell: &str) -> bool {
        let Some(value) = number(cell).filter(|_| self.numbers > 0 && !self.distinct.contains(cell)) else { return false };
        let range = self.greatest - self.least;
        let outside = |by: f64| value < self.least - by || value > self.greatest + by;
        (self.is_written_otherwise(cell) && outside(0.0)) || (outside(range) && self.numbers >= ROWS_OF_A_RANGE)
    }
}

/// Whether the numbers of a line are 0, 1, 2 and so on, or 1, 2, 3, at least two of them.
fn is_numbered(line: &csv::StringRecord) -> bool {
    let numbers: Vec<&str> = line.iter().filter(|cell| number(cell).is_some()).collect();
    let counts_from = |first: usize| (first..).zip(&numbers).all(|(count, cell)| count.to_string() == **cell);
    numbers.len() > 1 && (counts_from(0) || counts_from(1))
}

/// Whether the numbers of a line are consecutive whole numbers, such as years.
fn is_in_sequence(line: &csv::StringRecord) -> bool {
    let numbers: Vec<&str> = line.iter().filter(|cell| number(cell).is_some()).collect();
    let first: Option<i64> = numbers.first().and_then(|cell| cell.parse().ok());
    numbers.len() > 1 && first.is_some_and(|first| (first..).zip(&numbers).all(|(count, cell)| count.to_string() == **cell))
}

fn is_missing(cell: &str) -> bool {
    missing::is_missing(cell, &missing::usual())
}

/// A finite number, which may have a decimal comma.
pub(super) fn number(cell: &str) -> Option<f64> {
    let value = cell.parse().ok().or_else(|| cell.replacen(',', ".", 1).parse().ok());
    value.filter(|value: &f64| value.is_finite())
}

fn is_whole(cell: &str) -> bool {
    cell.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}
