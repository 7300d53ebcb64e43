//! Infers from its cells whether a column has numbers, and how they are written.

use std::borrow::Cow;

use super::columns::{Column, Columns};
use super::dates;
use super::notice::TableNotice;
use super::reading::{Reading, is_dash};
use super::table::Table;
use super::written::{Mark, Written};
use crate::error::Error;

impl Columns {
    /// How the numbers of a column are written, as [`Schema::infer`](crate::Schema::infer) infers it; none for text.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`].
    pub fn written(&self, table: &Table, column: impl Into<Column>) -> Result<Option<Written>, Error> {
        let column = table.find(column)?;
        Ok(if self.categorical.iter().any(|listed| table.find(listed.clone()) == Ok(column)) {
            None
        } else {
            infer_target(table, column, self).written
        })
    }
}

/// What a column has.
pub(super) struct Inferred {
    /// How its numbers are written; none for text.
    pub written: Option<Written>,
    pub notices: Vec<TableNotice>,
    /// The decimal sign that its cells show beyond doubt.
    pub decimal: Option<char>,
    /// Whether only the decimal sign is in doubt.
    pub doubtful: bool,
}

/// Infers what the target has. Where its decimal sign is in doubt, the other columns may show it.
pub(super) fn infer_target(table: &Table, column: usize, columns: &Columns) -> Inferred {
    let inferred = infer(table, column, columns, None);
    if !inferred.doubtful {
        return inferred;
    }
    let others: Vec<Inferred> =
        (0..table.names().len()).filter(|other| *other != column).map(|other| infer(table, other, columns, None)).collect();
    infer(table, column, columns, shown_decimal(table, others.iter()))
}

/// The decimal sign that the columns show, or the delimiter.
pub(super) fn shown_decimal<'a>(table: &Table, columns: impl Iterator<Item = &'a Inferred>) -> Option<char> {
    let (mut point, mut comma) = (false, false);
    for column in columns {
        point |= column.decimal == Some('.');
        comma |= column.decimal == Some(',');
    }
    match (point, comma) {
        (true, false) => Some('.'),
        (false, true) => Some(','),
        (false, false) => table.shown_decimal(),
        (true, true) => None,
    }
}

/// A column is numeric if at least this share of its filled cells are numbers, in percent.
const NUMERIC: usize = 98;

/// Whether a count is at least 98 % of another.
fn is_most(count: usize, of: usize) -> bool {
    of > 0 && 100 * count as u128 >= NUMERIC as u128 * of as u128
}

/// Infers what a column has. `decimal` is the sign that the other columns of the table suggest.
pub(super) fn infer(table: &Table, column: usize, columns: &Columns, decimal: Option<char>) -> Inferred {
    let name = || table.names()[column].clone();
    let none = |notices| Inferred { written: None, notices, decimal: None, doubtful: false };
    let plain = Reading::new(columns.missing_words.clone(), Written::Plain);
    let seen = Seen::of(table, column, &plain);
    if seen.filled == 0 {
        return none(vec![TableNotice::Empty { column: name() }]);
    }
    if let Some(inferred) =
        columns.date_format.as_ref().and_then(|_| infer_dates(table, column, columns, (&plain, seen.filled), true))
    {
        return inferred;
    }
    if seen.words == 0 && columns.decimal.or(decimal) != Some(',') {
        // `1.234` may be 1234, where other columns have a decimal comma.
        let is_point = || rows(table, column, &plain).any(|cell| cell.contains('.') && Mark::of(&cell) == Mark::Point);
        let decimal = (seen.has_fractions && is_point()).then_some('.');
        let doubtful = seen.has_fractions && decimal.is_none();
        return Inferred { written: Some(Written::Plain), notices: seen.notices(&name()), decimal, doubtful };
    }
    let marks = Marks::of(table, column, &plain, seen.filled);
    if let Some(marks) = &marks {
        let point = is_most(marks.point, seen.filled);
        let comma = is_most(marks.comma, seen.filled);
        let shown = marks.shown();
        let written = match (point, comma) {
            (true, true) if !marks.doubtful => Some(Written::Point),
            (true, true) => match columns.decimal.or(shown).or(decimal) {
                Some(',') => Some(Written::Comma),
                Some(_) => Some(Written::Point),
                None => None,
            },
            (true, false) if columns.decimal != Some(',') => Some(Written::Point),
            (false, true) if columns.decimal != Some('.') => Some(Written::Comma),
            _ => None,
        };
        if let Some(written) = written {
            let reading = Reading::new(columns.missing_words.clone(), written.clone());
            let seen_so = Seen::of(table, column, &reading);
            let mut notices = seen_so.notices(&name());
            // What is read otherwise than a plain number is said.
            let example = rows(table, column, &plain).find_map(|cell| {
                let number = written.number(&cell)?;
                (cell.parse().ok() != Some(number)).then(|| (cell.into_owned(), number))
            });
            if let Some((cell, number)) = example {
                notices.insert(0, TableNotice::Written { column: name(), cell, written: written.clone(), number });
                return Inferred { written: Some(written), notices, decimal: shown, doubtful: false };
            }
            return Inferred { written: Some(Written::Plain), notices, decimal: shown, doubtful: false };
        }
        if point && comma {
            let cell = rows(table, column, &plain).find(|cell| Mark::of(cell) == Mark::Doubtful).unwrap_or_default().into_owned();
            let notices = vec![TableNotice::DoubtfulNumbers { column: name(), cell }];
            return Inferred { written: None, notices, decimal: None, doubtful: true };
        }
    }
    if let Some(inferred) = infer_dates(table, column, columns, (&plain, seen.filled), false) {
        return inferred;
    }
    if seen.words == 0 {
        return Inferred { written: Some(Written::Plain), notices: seen.notices(&name()), decimal: Some('.'), doubtful: false };
    }
    let mostly = seen.filled - seen.words > seen.filled / 2;
    none(match seen.word {
        Some((cell, line)) if mostly => vec![TableNotice::MostlyNumbers { column: name(), count: seen.words, cell, line }],
        _ => vec![],
    })
}

/// Infers whether the cells are dates: in the given format only, or in any.
fn infer_dates(
    table: &Table,
    column: usize,
    columns: &Columns,
    (plain, filled): (&Reading, usize),
    only_given: bool,
) -> Option<Inferred> {
    let first = rows(table, column, plain).next()?.into_owned();
    let fits = |reads: &dyn Fn(&str) -> bool| {
        // The first cells tell most columns of words apart.
        let some = rows(table, column, plain).take(50).filter(|cell| reads(cell)).count();
        some > 0 && is_most(rows(table, column, plain).filter(|cell| reads(cell)).count(), filled)
    };
    let inferred = |written: Written| {
        let reading = Reading::new(columns.missing_words.clone(), written.clone());
        let name = table.names()[column].clone();
        let mut notices = Seen::of(table, column, &reading).notices(&name);
        let example = rows(table, column, plain).find_map(|cell| Some((cell.to_string(), written.number(&cell)?)));
        let (cell, number) = example.unwrap_or((first.clone(), f64::NAN));
        notices.insert(0, TableNotice::Written { column: name, cell, written: written.clone(), number });
        Inferred { written: Some(written), notices, decimal: None, doubtful: false }
    };
    if let Some(format) = &columns.date_format
        && fits(&|cell| dates::as_written(cell, format).is_some())
    {
        return Some(inferred(Written::DateAs(format.clone())));
    }
    if only_given {
        return None;
    }
    if fits(&|cell| dates::iso(cell).is_some()) {
        return Some(inferred(Written::Date));
    }
    let formats: Vec<String> = dates::FORMATS
        .iter()
        .flat_map(|format| ["", " %H:%M", " %H:%M:%S"].map(|time| format!("{format}{time}")))
        .filter(|format| fits(&|cell| dates::fits(cell, format)))
        .collect();
    match formats.as_slice() {
        [] => None,
        [format] => Some(inferred(Written::DateAs(format.clone()))),
        _ => {
            let notices = vec![TableNotice::DoubtfulDates { column: table.names()[column].clone(), cell: first }];
            Some(Inferred { written: None, notices, decimal: None, doubtful: false })
        }
    }
}

/// The cells of a column that are not missing.
fn rows<'a>(table: &'a Table, column: usize, reading: &'a Reading) -> impl Iterator<Item = Cow<'a, str>> {
    (0..table.rows()).map(move |row| table.cell(row, column)).filter(|cell| !reading.is_missing(cell) && !is_dash(cell))
}

/// What the cells of a column are, read in one way.
struct Seen {
    /// The cells that are not missing.
    filled: usize,
    /// Those of them that are not numbers.
    words: usize,
    /// The first of those, and its line.
    word: Option<(String, u64)>,
    dashes: usize,
    dash: Option<String>,
    has_fractions: bool,
}

impl Seen {
    fn of(table: &Table, column: usize, reading: &Reading) -> Self {
        let mut seen = Self { filled: 0, words: 0, word: None, dashes: 0, dash: None, has_fractions: false };
        let values = table.values(column, reading);
        let is_text = table.whole.columns[column].are_text();
        for row in 0..table.rows() {
            let value = values.get(table.at(row));
            if value.is_missing() {
                if is_text && is_dash(&table.cell(row, column)) {
                    seen.dashes += 1;
                    seen.dash.get_or_insert_with(|| table.cell(row, column).into_owned());
                }
                continue;
            }
            seen.filled += 1;
            match value.as_number() {
                Some(number) => seen.has_fractions |= number.fract() != 0.0,
                None => {
                    seen.words += 1;
                    seen.word.get_or_insert_with(|| {
                        let line = table.line(row).unwrap_or(1 + table.at(row) as u64);
                        (table.cell(row, column).into_owned(), line)
                    });
                }
            }
        }
        seen
    }

    /// What is to be said of a column of numbers.
    fn notices(self, column: &str) -> Vec<TableNotice> {
        let column = column.to_owned();
        let words =
            self.word.map(|(cell, line)| TableNotice::NotNumbers { column: column.clone(), count: self.words, cell, line });
        let dashes = self.dash.map(|cell| TableNotice::Dashes { column, count: self.dashes, cell });
        words.into_iter().chain(dashes).collect()
    }
}

/// How many cells are numbers with a decimal point, and how many with a decimal comma.
struct Marks {
    point: usize,
    comma: usize,
    only_point: usize,
    only_comma: usize,
    doubtful: bool,
}

impl Marks {
    /// None if it is clear that most cells are neither.
    fn of(table: &Table, column: usize, plain: &Reading, filled: usize) -> Option<Self> {
        let mut marks = Self { point: 0, comma: 0, only_point: 0, only_comma: 0, doubtful: false };
        let mut neither = 0;
        for cell in rows(table, column, plain) {
            let mark = Mark::of(&cell);
            marks.point += usize::from(matches!(mark, Mark::Either | Mark::Point | Mark::Doubtful));
            marks.comma += usize::from(matches!(mark, Mark::Either | Mark::Comma | Mark::Doubtful));
            marks.only_point += usize::from(mark == Mark::Point);
            marks.only_comma += usize::from(mark == Mark::Comma);
            marks.doubtful |= mark == Mark::Doubtful;
            neither += usize::from(mark == Mark::None);
            if !is_most(filled - neither, filled) {
                return None;
            }
        }
        Some(marks)
    }

    /// The decimal sign that the cells show.
    fn shown(&self) -> Option<char> {
        match (self.only_point, self.only_comma) {
            (1.., 0) => Some('.'),
            (0, 1..) => Some(','),
            _ => None,
        }
    }
}
