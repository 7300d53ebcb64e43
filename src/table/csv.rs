//! CSV: how a file is written, and reading it, all at once or some rows at a time.

use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::path::Path;

use super::{Place, Table};
use crate::error::Error;
use crate::read::{open, refused};

/// How a CSV file is written: with a header and commas, where nothing else is set.
///
/// ```
/// use shaderprop::{Csv, Table};
/// // Neither a header nor commas: both are seen from the first line.
/// let table = Table::from_csv("5.1;red\n4.9;blue\n".as_bytes(), &Csv::guess())?;
/// assert_eq!((table.rows(), table.names()), (2, ["0".to_owned(), "1".to_owned()].as_slice()));
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Csv {
    /// None where the first line tells.
    header: Option<bool>,
    delimiter: Option<u8>,
}

impl Default for Csv {
    fn default() -> Self {
        Self { header: Some(true), delimiter: Some(b',') }
    }
}

impl Csv {
    /// With a header and commas.
    pub fn new() -> Self {
        Self::default()
    }

    /// As the first line suggests: cells are parted by whichever of comma, semicolon, tab and `|` is in it most often, and it is a header
    /// unless one of its cells is a number.
    pub fn guess() -> Self {
        Self { header: None, delimiter: None }
    }

    /// Whether the first line has the columns' names. Without, they are called `0`, `1` and so on.
    #[must_use]
    pub fn header(mut self, header: bool) -> Self {
        self.header = Some(header);
        self
    }

    /// What stands between cells.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = Some(delimiter);
        self
    }
}

/// A CSV file that is read some rows at a time, so that its length is no limit.
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
    records: csv::Reader<Box<dyn Read>>,
    /// The next one, where it had to be read for the number of its cells.
    next: Option<csv::StringRecord>,
    /// The rows that were read.
    rows: u64,
}

/// As much of a file's beginning as is looked at for its first line.
const FIRST_LINE: usize = 1 << 20;

impl TableReader {
    /// Opens a CSV file, plain or gzipped.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, is empty or has two columns of a name.
    pub fn open(path: impl AsRef<Path>, csv: &Csv) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::begin(open(path)?, csv, path.display().to_string())
    }

    /// Reads CSV from anywhere.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(text: impl Read + 'static, csv: &Csv) -> Result<Self, Error> {
        Self::begin(Box::new(text), csv, "table".into())
    }

    fn begin(mut text: Box<dyn Read>, csv: &Csv, source: String) -> Result<Self, Error> {
        let refuse = |message: String| refused(Path::new(&source), "a table", message);
        let mut head = Vec::new();
        let mut chunk = [0; 8192];
        while head.len() < FIRST_LINE && !head.trim_ascii_start().contains(&b'\n') {
            match text.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => head.extend(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => (),
                Err(error) => return Err(refuse(error.to_string())),
            }
        }
        // A byte order mark is no part of a name.
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        // Empty lines are no rows.
        let first = head.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
        let delimiter = csv.delimiter.unwrap_or_else(|| likely_delimiter(first));
        let builder = || {
            let mut builder = csv::ReaderBuilder::new();
            builder.has_headers(false).delimiter(delimiter).trim(csv::Trim::All);
            builder
        };
        let header = csv.header.unwrap_or_else(|| {
            let cells = builder().from_reader(first).into_records().next();
            !cells.is_some_and(|cells| cells.is_ok_and(|cells| cells.iter().any(is_finite_number)))
        });
        let mut reader = builder().from_reader(Box::new(Cursor::new(head).chain(text)) as Box<dyn Read>);
        let mut record = csv::StringRecord::new();
        let more = reader.read_record(&mut record).map_err(|error| refuse(described(&error)))?;
        if !more {
            return Err(refuse("none: it has no rows".into()));
        }
        let names: Vec<String> = match header {
            true => record.iter().map(str::to_owned).collect(),
            false => (0..record.len()).map(|column| column.to_string()).collect(),
        };
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(refuse(format!("two columns named `{name}`")));
        }
        let next = (!header).then_some(record);
        Ok(Self { source, names, header, records: reader, next, rows: 0 })
    }

    /// What messages call it.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Its columns' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether they were in the first line.
    pub fn has_header(&self) -> bool {
        self.header
    }

    /// The next so many rows, or as many as there are; nothing at the end.
    ///
    /// # Errors
    /// [`Error::File`] for rows of other lengths than the first, for text that is not UTF-8, and if the file cannot be read any further.
    pub fn read(&mut self, rows: usize) -> Result<Option<Table>, Error> {
        let mut table = Table::empty(self.source.clone(), self.names.clone());
        let mut record = csv::StringRecord::new();
        while table.rows() < rows {
            match self.next.take() {
                Some(next) => record = next,
                None => {
                    let more = self.records.read_record(&mut record);
                    if !more.map_err(|error| refused(Path::new(&self.source), "a table", described(&error)))? {
                        break;
                    }
                }
            }
            self.rows += 1;
            let line = record.position().map(csv::Position::line);
            table.push(&record, Place { row: self.rows, line });
        }
        Ok(Some(table).filter(|table| table.rows() > 0))
    }
}

fn likely_delimiter(line: &[u8]) -> u8 {
    let count = |delimiter: u8| {
        let mut quoted = false;
        let unquoted = line.iter().filter(|byte| {
            quoted ^= **byte == b'"';
            !quoted && **byte == delimiter
        });
        unquoted.count()
    };
    // A comma in each cell is one in its number.
    let better = |best: u8, other: u8| {
        let room = usize::from(best == b',');
        count(other) > 0 && count(other) + room >= count(best)
    };
    [b';', b'\t', b'|'].into_iter().fold(b',', |best, other| if better(best, other) { other } else { best })
}

fn is_finite_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok_and(f64::is_finite)
}

fn described(error: &csv::Error) -> String {
    let line = |pos: &Option<csv::Position>| pos.as_ref().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            format!("{len} cells in line {}, where the lines before have {expected_len}", line(pos))
        }
        csv::ErrorKind::Utf8 { pos, .. } => format!("text that is not UTF-8, in line {}", line(pos)),
        _ => error.to_string(),
    }
}
