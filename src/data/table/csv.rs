//! Reads CSV, all at once or some rows at a time, and describes how a file is written.

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Read};
use std::path::Path;

use super::encoding::{Decoded, Encoding};
use super::guess::{CsvNotice, Sample};
use super::lines::{Counted, Lines};
use super::records::{Uninterrupted, records, separated, trim};
use super::shape::Shape;
use super::table::{Place, Rows, Table};
use crate::data::read::open;
use crate::display::short;
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
    /// A file with a header and commas. Lines above it that begin with `#` are left out, as with any other description.
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
    /// number far outside the column's range, a new word over repeated ones. If that does not decide, it is a header
    /// unless one of its cells is a number. Titles above the header are left out.
    ///
    /// [`TableReader::notices`] tells what was not clear, and what was left out.
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
    delimiter: u8,
    notices: Vec<CsvNotice>,
    shape: Shape,
    /// The cells of the header.
    titles: csv::StringRecord,
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
    /// [`Error::File`] if it cannot be read, is empty, or has more than 1,048,576 columns; [`Error::Setting`] for a
    /// delimiter that is a quote, a line end, or not ASCII.
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
        let mut sample = Sample::read(&mut text).map_err(|error| Error::file(Path::new(&source), "a table", error))?;
        if let Some(what) = sample.what_else() {
            return Err(Error::file(Path::new(&source), "a table of text, such as CSV", what));
        }
        let Layout { delimiter, header, shape, lines_above, notices } = Layout::of(&mut sample, csv);
        let lines = Lines::after(lines_above);
        let rest = Decoded::new(text, sample.encoding, sample.rest);
        let whole = Counted::new(separated(Cursor::new(sample.text).chain(rest), delimiter), END, lines.clone());
        let records = records(Box::new(whole) as Box<dyn Read>, delimiter);
        let (record, titles) = (csv::StringRecord::new(), csv::StringRecord::new());
        let mut reader = Self {
            source,
            names: vec![],
            header,
            delimiter,
            notices,
            shape,
            titles,
            records,
            lines,
            record,
            failed: None,
            ahead: !header,
            rows: 0,
        };
        loop {
            if reader.next()?.is_none() {
                return Err(reader.refuse("none: it has no rows".into()));
            }
            // A line without text holds no names.
            if !header || reader.record.iter().any(|cell| !cell.is_empty()) {
                break;
            }
        }
        let cells = reader.shape.empty_from.unwrap_or(reader.record.len()).min(reader.record.len());
        if cells > MOST_COLUMNS {
            return Err(reader.refuse(format!("{cells} columns, but at most {MOST_COLUMNS} are allowed")));
        }
        if header {
            reader.titles = reader.record.clone();
            let marked = reader.shape.marked_header;
            let title = |title: &'_ str| if marked { title.trim_start_matches(['#', ' ']).to_owned() } else { title.to_owned() };
            let titles: Vec<String> = reader.record.iter().take(cells).map(title).collect();
            let (names, renamed) = different(&titles);
            reader.names = names;
            reader.notices.extend(renamed);
            if reader.shape.units {
                reader.next()?;
            }
        } else {
            reader.names = (0..cells).map(|column| column.to_string()).collect();
        }
        Ok(reader)
    }

    /// The column names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the column names come from the first line.
    pub fn has_header(&self) -> bool {
        self.header
    }

    /// What was inferred of the file but not beyond doubt, and what was left out of it. [`Csv::header`] and
    /// [`Csv::delimiter`] decide the former.
    ///
    /// ```
    /// use shaderprop::{Csv, CsvNotice, TableReader};
    /// let reader = TableReader::new("name,city\nAda,London\nBlaise,Paris\n".as_bytes(), &Csv::guess())?;
    /// assert_eq!(reader.notices(), [CsvNotice::Header { assumed: true }]);
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn notices(&self) -> &[CsvNotice] {
        &self.notices
    }

    /// Reads up to `rows` more rows. Returns `None` at the end.
    ///
    /// # Errors
    /// [`Error::File`] for rows that differ in length from the first or are longer than 32 MiB, for a second header, for a
    /// quote that is not closed, for text that is not UTF-8 after text that is, and if the file cannot be read any
    /// further. After an error, every call returns it again.
    pub fn read(&mut self, rows: usize) -> Result<Option<Table>, Error> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let read = self.read_on(rows);
        self.failed = read.as_ref().err().cloned();
        read
    }

    fn read_on(&mut self, rows: usize) -> Result<Option<Table>, Error> {
        let mut table = Rows::new(self.source.clone(), self.names.clone(), !self.header, self.delimiter);
        while table.len() < rows {
            let line = match std::mem::take(&mut self.ahead) {
                true => Some(self.lines.line()),
                false => self.next()?,
            };
            let Some(line) = line else { break };
            self.rows += 1;
            table.push(&self.record, Place { row: self.rows, line: Some(line) })?;
        }
        Ok((table.len() > 0).then(|| table.into_table()))
    }

    /// Reads the next record that is no comment, and returns the line it begins in; `None` at the end.
    fn next(&mut self) -> Result<Option<u64>, Error> {
        loop {
            let line = self.next_record()?;
            // A row of the table may begin so, too.
            let is_comment = line.is_some() && self.shape.comments && !self.names.is_empty() && self.record[0].starts_with('#');
            if !is_comment || self.has_all_cells() {
                return line.map(|line| self.check(line)).transpose();
            }
        }
    }

    /// Whether the record has as many cells as the table.
    fn has_all_cells(&self) -> bool {
        self.record.len() == self.names.len() + usize::from(self.shape.row_names)
    }

    /// Reads the next record and returns the line it begins in; `None` at the end.
    fn next_record(&mut self) -> Result<Option<u64>, Error> {
        let read = self.records.read_record(&mut self.record);
        let more = read.map_err(|error| {
            self.refuse(match error.kind() {
                csv::ErrorKind::Utf8 { pos, .. } => {
                    let line = pos.as_ref().map_or(0, |pos| self.lines.of(pos.byte()));
                    format!("text that is not UTF-8, in line {line}, where the lines before are; convert the file to UTF-8")
                }
                _ => error.to_string(),
            })
        })?;
        trim(&mut self.record);
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
        Ok(Some(line))
    }

    /// Checks the record that begins in that line, and takes its row name off.
    fn check(&mut self, line: u64) -> Result<u64, Error> {
        if self.names.is_empty() {
            return Ok(line);
        }
        if self.header && self.record == self.titles {
            return Err(self.refuse(format!("a second header in line {line}; remove it, or split the file")));
        }
        if self.shape.row_names {
            self.record = self.record.iter().skip(1).collect();
        }
        let (cells, columns) = (self.record.len(), self.names.len());
        let is_empty_at_end = self.shape.empty_from == Some(columns) && cells == columns + 1;
        if is_empty_at_end && !self.record[columns].is_empty() {
            return Err(self.refuse(format!(
                "a cell `{}` in the last column in line {line}, which has no name and is empty before",
                short(&self.record[columns], 60)
            )));
        }
        if cells != columns && !is_empty_at_end {
            let cells = if cells == 1 { "1 cell".into() } else { format!("{cells} cells") };
            return Err(self.refuse(format!("{cells} in line {line}, but {columns} in the lines before")));
        }
        Ok(line)
    }

    fn refuse(&self, message: String) -> Error {
        Error::file(Path::new(&self.source), "a table", message)
    }
}

/// How a file is laid out, by its first lines.
struct Layout {
    delimiter: u8,
    header: bool,
    shape: Shape,
    /// The number of lines before the header or the first row. They are taken out of the sample.
    lines_above: u64,
    notices: Vec<CsvNotice>,
}

impl Layout {
    fn of(sample: &mut Sample, csv: &Csv) -> Self {
        let mut notices = Vec::new();
        if sample.encoding != Encoding::Utf8 {
            notices.push(CsvNotice::Encoding(sample.encoding));
        }
        let told = sample.take_delimiter();
        let mut lines_above = u64::from(told.is_some());
        let (delimiter, of_delimiter) = match csv.delimiter.or(told) {
            Some(delimiter) => (delimiter, None),
            None => sample.delimiter(),
        };
        let mut shape = Shape::above(&sample.lines(delimiter), csv.header.is_none());
        if shape.above > 0 {
            let (lines, first) = sample.take_lines(shape.above);
            lines_above += lines;
            notices.push(CsvNotice::Above { lines: shape.above, first });
        }
        let records = sample.records(delimiter);
        let (header, of_header) = match csv.header {
            Some(header) => (header, None),
            None if shape.marked_header => (true, None),
            None => sample.header(&records),
        };
        shape.look(&records, header);
        if header && !shape.row_names {
            shape.look_for_units(&records);
        }
        notices.extend(of_delimiter.into_iter().chain(of_header));
        if shape.row_names {
            notices.push(CsvNotice::RowNames);
        }
        if shape.empty_from.is_some() {
            notices.push(CsvNotice::EmptyColumn);
        }
        if shape.units {
            let first = records[1].iter().find(|unit| !unit.is_empty()).unwrap_or_default().to_owned();
            notices.push(CsvNotice::Units { first });
        }
        Self { delimiter, header, shape, lines_above, notices }
    }
}

impl Table {
    /// Reads a CSV file, plain or gzipped.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, has no rows or has rows of different lengths.
    pub fn read_csv(path: impl AsRef<Path>, csv: &Csv) -> Result<Self, Error> {
        Self::all(TableReader::open(path, csv)?)
    }

    /// Reads a table from any reader of CSV.
    ///
    /// # Errors
    /// The same as [`read_csv`](Self::read_csv).
    pub fn from_csv(mut text: impl Read, csv: &Csv) -> Result<Self, Error> {
        let mut whole = Vec::new();
        text.read_to_end(&mut whole).map_err(|error| Error::file(Path::new("table"), "a table", error))?;
        Self::all(TableReader::new(std::io::Cursor::new(whole), csv)?)
    }

    fn all(mut reader: TableReader) -> Result<Self, Error> {
        let all = reader.read(usize::MAX)?;
        all.ok_or_else(|| Error::file(Path::new(&reader.source), "a table", "none: it has no rows"))
    }
}

/// Column names of which no two are the same: the second `a` becomes `a.1`, and a name that is missing `unnamed_` with
/// the index of its column.
fn different(titles: &[String]) -> (Vec<String>, Option<CsvNotice>) {
    let mut taken: HashSet<String> = titles.iter().cloned().collect();
    let (mut seen, mut renamed, mut count) = (HashMap::new(), None, 0);
    let mut names = Vec::with_capacity(titles.len());
    for (column, title) in titles.iter().map(String::as_str).enumerate() {
        if !title.is_empty() && !seen.contains_key(title) {
            seen.insert(title, 1);
            names.push(title.to_owned());
            continue;
        }
        let nth = |n: usize| if title.is_empty() { format!("unnamed_{}", column + n - 1) } else { format!("{title}.{n}") };
        // Equal titles are counted on, so that many of them do not take quadratic time.
        let first = if title.is_empty() { 1 } else { seen.get(title).copied().unwrap_or(1) };
        let next = (first..).find(|n| !taken.contains(&nth(*n))).unwrap_or(first);
        seen.insert(title, next + 1);
        let name = nth(next);
        taken.insert(name.clone());
        count += 1;
        renamed.get_or_insert_with(|| (title.to_owned(), name.clone()));
        names.push(name);
    }
    (names, renamed.map(|(from, to)| CsvNotice::Renamed { from, to, count }))
}
