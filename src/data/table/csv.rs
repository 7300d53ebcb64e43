//! Reads CSV, all at once or some rows at a time, and describes how a file is written.

use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::path::Path;

use super::guess::{CsvDoubt, Sample};
use super::lines::{Counted, Lines};
use super::records::{Uninterrupted, records};
use super::{Place, Table};
use crate::data::read::open;
use crate::error::Error;

/// Describes how a CSV file is written. By default it has a header and commas.
///
/// ```
/// use shaderprop::{Csv, Table};
/// // No header and no commas: both are inferred from the first lines.
/// let table = Table::from_csv("5.1;red\n4.9;blue\n".as_bytes(), &Csv::guess())?;
/// assert_eq!((table.rows(), table.names()), (2, ["0".to_owned(), "1".to_owned()].as_slice()));
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Csv {
    /// `None` where the first lines decide.
    header: Option<bool>,
    delimiter: Option<u8>,
}

impl Default for Csv {
    fn default() -> Self {
        Self { header: Some(true), delimiter: Some(b',') }
    }
}

impl Csv {
    /// A file with a header and commas.
    pub fn new() -> Self {
        Self::default()
    }

    /// Infers the delimiter and the header from the first lines (64 KiB of them, or 20 longer ones).
    ///
    /// The delimiter is comma, semicolon, tab or `|`: the one that separates the most lines into equally many cells, and
    /// of several, the one that gives the most cells. Characters in quotes do not count. Numbers with a decimal comma
    /// are recognised.
    ///
    /// The first line is data if each of its cells also occurs below in its column. It is a header if its numbers are
    /// 0, 1, 2 and so on (or 1, 2, 3) and a third of them are unlike their columns, or if more of its cells are unlike
    /// their columns than like them: a word over numbers, a whole number over decimal ones and outside their range, a
    /// number far outside the column's range, a new word over repeated ones. If that does not decide, it is a header unless one of its cells is a number.
    /// [`TableReader::doubts`] tells what was not clear.
    pub fn guess() -> Self {
        Self { header: None, delimiter: None }
    }

    /// Sets whether the first line holds the column names. Without a header, the columns are called `0`, `1` and so on.
    #[must_use]
    pub fn header(mut self, header: bool) -> Self {
        self.header = Some(header);
        self
    }

    /// Sets the delimiter between cells.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = Some(delimiter);
        self
    }
}

/// Reads a CSV file some rows at a time, so that it need not fit in memory.
///
/// ```
/// use shaderprop::{Csv, TableReader};
/// let mut reader = TableReader::new("size,colour\n1,red\n2,blue\n3,red\n".as_bytes(), &Csv::new())?;
/// let mut rows = Vec::new();
/// while let Some(table) = reader.read(2)? {
///     rows.push(table.rows());
/// }
/// assert_eq!((reader.names().len(), rows), (2, vec![2, 1]));
/// # Ok::<(), shaderprop::Error>(())
/// ```
pub struct TableReader {
    source: String,
    names: Vec<String>,
    header: bool,
    doubts: Vec<CsvDoubt>,
    records: csv::Reader<Box<dyn Read>>,
    lines: Lines,
    record: csv::StringRecord,
    /// The error that ended the reading before the end of the file.
    failed: Option<Error>,
    /// Whether the current record is the first row. It was read ahead to count its cells.
    ahead: bool,
    /// The number of rows read so far.
    rows: u64,
}

/// The maximum number of columns of a table.
const MOST_COLUMNS: usize = 1 << 20;

/// Text appended to the file: the end of the last line, and one more record. If a quote in the text is never closed,
/// which the csv crate accepts, this record becomes part of that cell and reveals it.
const END: &str = "\nend";

impl TableReader {
    /// Opens a CSV file, plain or gzipped.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, is empty, has two columns with the same name or more than 1,048,576
    /// columns; [`Error::Setting`] for a delimiter that is a quote, a line end, or not ASCII.
    pub fn open(path: impl AsRef<Path>, csv: &Csv) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::begin(open(path)?, csv, path.display().to_string())
    }

    /// Reads CSV from any reader.
    ///
    /// # Errors
    /// The same as [`open`](Self::open).
    pub fn new(text: impl Read + 'static, csv: &Csv) -> Result<Self, Error> {
        Self::begin(Box::new(text), csv, "table".into())
    }

    fn begin(text: Box<dyn Read>, csv: &Csv, source: String) -> Result<Self, Error> {
        if let Some(delimiter) = csv.delimiter.filter(|delimiter| !delimiter.is_ascii() || b"\"\r\n".contains(delimiter)) {
            return Err(Error::Setting {
                what: "the delimiter of a table".into(),
                expected: "an ASCII character other than a quote or a line ending".into(),
                got: format!("{:?}", char::from(delimiter)),
            });
        }
        let mut text = Uninterrupted(text);
        let known = csv.header.is_some() && csv.delimiter.is_some();
        let sample = Sample::read(&mut text, known).map_err(|error| Error::file(Path::new(&source), "a table", error))?;
        let (delimiter, of_delimiter) = csv.delimiter.map_or_else(|| sample.delimiter(), |delimiter| (delimiter, None));
        let (header, of_header) = csv.header.map_or_else(|| sample.header(delimiter), |header| (header, None));
        let doubts = of_delimiter.into_iter().chain(of_header).collect();
        let lines = Lines::default();
        let whole = Counted::new(Cursor::new(sample.text).chain(text), END, lines.clone());
        let records = records(Box::new(whole) as Box<dyn Read>, delimiter);
        let record = csv::StringRecord::new();
        let mut reader =
            Self { source, names: vec![], header, doubts, records, lines, record, failed: None, ahead: !header, rows: 0 };
        loop {
            if reader.next()?.is_none() {
                return Err(reader.refuse("none: it has no rows".into()));
            }
            // A blank line holds no names.
            if !header || reader.record.len() > 1 || !reader.record[0].is_empty() {
                break;
            }
        }
        let cells = reader.record.len();
        if cells > MOST_COLUMNS {
            return Err(reader.refuse(format!("{cells} columns, but at most {MOST_COLUMNS} are allowed")));
        }
        reader.names = match header {
            true => reader.record.iter().map(str::to_owned).collect(),
            false => (0..cells).map(|column| column.to_string()).collect(),
        };
        let mut seen = HashSet::new();
        if let Some(name) = reader.names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(reader.refuse(format!("two columns named `{name}`")));
        }
        Ok(reader)
    }

    /// The name of the source in messages.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// The column names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the column names come from the first line.
    pub fn has_header(&self) -> bool {
        self.header
    }

    /// What was inferred with [`Csv::guess`], but not beyond doubt. [`Csv::header`] and [`Csv::delimiter`] decide it.
    ///
    /// ```
    /// use shaderprop::{Csv, CsvDoubt, TableReader};
    /// let reader = TableReader::new("name,city\nAda,London\nBlaise,Paris\n".as_bytes(), &Csv::guess())?;
    /// assert_eq!(reader.doubts(), [CsvDoubt::Header { assumed: true }]);
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn doubts(&self) -> &[CsvDoubt] {
        &self.doubts
    }

    /// Reads up to `rows` more rows. Returns `None` at the end.
    ///
    /// # Errors
    /// [`Error::File`] for rows that differ in length from the first or are longer than 32 MiB, for a quote that is not
    /// closed, for text that is not UTF-8, and if the file cannot be read any further. After an error, every call
    /// returns it again.
    pub fn read(&mut self, rows: usize) -> Result<Option<Table>, Error> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let read = self.read_on(rows);
        self.failed = read.as_ref().err().cloned();
        read
    }

    fn read_on(&mut self, rows: usize) -> Result<Option<Table>, Error> {
        let mut table = Table::empty(self.source.clone(), self.names.clone());
        while table.rows() < rows {
            let line = match std::mem::take(&mut self.ahead) {
                true => Some(self.lines.line()),
                false => self.next()?,
            };
            let Some(line) = line else { break };
            self.rows += 1;
            table.push(&self.record, Place { row: self.rows, line: Some(line) });
        }
        Ok(Some(table).filter(|table| table.rows() > 0))
    }

    /// Reads the next record and returns the line it begins in; `None` at the end.
    fn next(&mut self) -> Result<Option<u64>, Error> {
        let read = self.records.read_record(&mut self.record);
        let more = read.map_err(|error| {
            self.refuse(match error.kind() {
                csv::ErrorKind::Utf8 { pos, .. } => {
                    let line = pos.as_ref().map_or(0, |pos| self.lines.of(pos.byte()));
                    format!("text that is not UTF-8, in line {line}")
                }
                _ => error.to_string(),
            })
        })?;
        let line = self.record.position().map_or(0, |position| self.lines.of(position.byte()));
        if self.lines.is_behind(self.records.position().byte()) {
            return match self.lines.are_over() {
                true => Ok(None),
                false => Err(self.refuse(format!("a quote that is never closed, in a row that begins in line {line}"))),
            };
        }
        // The text ended, but the appended record did not come back: the text is malformed in a way not foreseen here.
        if !more || self.record.is_empty() {
            return Err(self.refuse(format!("a row without cells in line {line}")));
        }
        let (cells, columns) = (self.record.len(), self.names.len());
        if columns > 0 && cells != columns {
            return Err(self.refuse(format!("{cells} cells in line {line}, but {columns} in the lines before")));
        }
        Ok(Some(line))
    }

    fn refuse(&self, message: String) -> Error {
        Error::file(Path::new(&self.source), "a table", message)
    }
}
