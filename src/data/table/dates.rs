//! Dates and times as numbers: days since 1 January 1970, in UTC.
//!
//! This is less than a crate for dates has. Such a crate would add 15 kB to what the page in the browser loads.

/// Formats that are recognised where all cells of a column fit only one of them. ISO 8601 is recognised before.
pub(super) const FORMATS: &[&str] = &["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y"];

/// The codes of a format, as in C's `strftime`.
pub(super) const CODES: &str = "%Y %y %m %d %b %H %I %M %S %f %p %z %%";

const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

/// The parts of a date and a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Parts {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    /// Whether it is afternoon, of a clock with twelve hours.
    afternoon: Option<bool>,
    minute: i64,
    second: f64,
    /// The minutes by which the clock is ahead of UTC.
    ahead: i64,
}

/// The days of a date or time in ISO 8601, such as `2020-01-31`, `2020-01`, `2020-01-31 12:30` or
/// `2020-01-31T12:30:00.5+02:00`.
pub(super) fn iso(cell: &str) -> Option<f64> {
    let bytes = cell.as_bytes();
    if bytes.len() < 7 || bytes[4] != b'-' || !bytes[0].is_ascii_digit() {
        return None;
    }
    let mut rest = cell;
    let year = digits(&mut rest, 4, 4)?;
    take(&mut rest, '-')?;
    let mut parts = Parts { year: Some(year), month: Some(digits(&mut rest, 2, 2)?), day: Some(1), ..Parts::default() };
    if rest.is_empty() {
        // A month begins with its first day.
        return parts.days();
    }
    take(&mut rest, '-')?;
    parts.day = Some(digits(&mut rest, 2, 2)?);
    if rest.is_empty() {
        return parts.days();
    }
    rest = rest.strip_prefix(['T', 't', ' '])?;
    parts.hour = digits(&mut rest, 2, 2)?;
    take(&mut rest, ':')?;
    parts.minute = digits(&mut rest, 2, 2)?;
    if take(&mut rest, ':').is_some() {
        parts.second = seconds(&mut rest)?;
    }
    parts.ahead = zone(&mut rest)?;
    rest.is_empty().then(|| parts.days()).flatten()
}

/// The days of a date or time in a format.
pub(super) fn as_written(cell: &str, format: &str) -> Option<f64> {
    let (mut rest, mut parts) = (cell, Parts::default());
    let mut codes = format.chars();
    while let Some(code) = codes.next() {
        if code != '%' {
            match code.is_whitespace() {
                true => rest = rest.trim_start(),
                false => take(&mut rest, code)?,
            }
            continue;
        }
        match codes.next()? {
            'Y' => parts.year = Some(digits(&mut rest, 4, 4)?),
            // As in POSIX: 69 is 1969, and 68 is 2068.
            'y' => parts.year = Some(digits(&mut rest, 2, 2)?).map(|year| if year < 69 { 2000 + year } else { 1900 + year }),
            'm' => parts.month = Some(digits(&mut rest, 1, 2)?),
            'd' => parts.day = Some(digits(&mut rest, 1, 2)?),
            'b' => parts.month = Some(month(&mut rest)?),
            'H' | 'I' => parts.hour = digits(&mut rest, 1, 2)?,
            'M' => parts.minute = digits(&mut rest, 1, 2)?,
            'S' => parts.second = seconds(&mut rest)?,
            'f' => parts.second += fraction(&mut rest)?,
            'p' => {
                let half = rest.get(..2)?.to_ascii_lowercase();
                parts.afternoon = Some(match half.as_str() {
                    "am" => false,
                    "pm" => true,
                    _ => return None,
                });
                rest = &rest[2..];
            }
            'z' => parts.ahead = zone(&mut rest)?,
            '%' => take(&mut rest, '%')?,
            _ => return None,
        }
    }
    rest.is_empty().then(|| parts.days()).flatten()
}

/// Whether a format has only codes that are known, and a year. A month and a day may be missing.
pub(super) fn is_format(format: &str) -> bool {
    let mut codes = format.chars();
    let mut has_year = false;
    while let Some(code) = codes.next() {
        if code != '%' {
            continue;
        }
        match codes.next() {
            Some('Y' | 'y') => has_year = true,
            Some('m' | 'd' | 'b' | 'H' | 'I' | 'M' | 'S' | 'f' | 'p' | 'z' | '%') => (),
            _ => return false,
        }
    }
    has_year
}

impl Parts {
    fn days(&self) -> Option<f64> {
        let (year, month, day) = (self.year?, self.month.unwrap_or(1), self.day.unwrap_or(1));
        let hour = match self.afternoon {
            None => self.hour,
            Some(afternoon) if (1..=12).contains(&self.hour) => self.hour % 12 + if afternoon { 12 } else { 0 },
            Some(_) => return None,
        };
        // 60 is a leap second, and 24:00 the end of the day.
        if hour > 24 || self.minute > 59 || self.second >= 61.0 {
            return None;
        }
        let seconds = ((hour * 60 + self.minute - self.ahead) * 60) as f64 + self.second;
        Some(date(year, month, day)? as f64 + seconds / 86_400.0)
    }
}

/// The number of days from 1 January 1970 to a date, in the Gregorian calendar.
fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    let before: i64 = lengths[..month as usize - 1].iter().sum();
    let years = year - 1;
    // 1970 begins 719,162 days after the year 1.
    Some(365 * years + years / 4 - years / 100 + years / 400 + before + day - 1 - 719_162)
}

/// A number of days since 1970 as a date, with the time if it is not midnight, in ISO 8601.
pub(super) fn shown(days: f64) -> String {
    let (whole, seconds) = (days.floor() as i64, ((days - days.floor()) * 86_400.0).round() as i64);
    // No year has more than 366 days, so that this is not too late.
    let mut year = 1 + (whole + 719_162).max(0) / 366;
    while date(year + 1, 1, 1).is_some_and(|next| next <= whole) {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| date(year, *month, 1).is_some_and(|first| first <= whole)).unwrap_or(1);
    let day = whole - date(year, month, 1).unwrap_or(whole) + 1;
    let clock = format!(" {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}{}", if seconds == 0 { "" } else { &clock })
}

/// Takes a character off the front.
fn take(rest: &mut &str, character: char) -> Option<()> {
    *rest = rest.strip_prefix(character)?;
    Some(())
}

/// Takes a number of `least` to `most` digits off the front.
fn digits(rest: &mut &str, least: usize, most: usize) -> Option<i64> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(count);
    *rest = after;
    (count >= least).then(|| number.parse().ok()).flatten()
}

/// Takes seconds off the front, which may have decimals.
fn seconds(rest: &mut &str) -> Option<f64> {
    let whole = digits(rest, 1, 2)? as f64;
    match rest.strip_prefix(['.', ',']) {
        Some(after) => {
            *rest = after;
            Some(whole + fraction(rest)?)
        }
        None => Some(whole),
    }
}

/// Takes the decimals of a second off the front.
fn fraction(rest: &mut &str) -> Option<f64> {
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (decimals, after) = rest.split_at(count);
    *rest = after;
    (count > 0).then(|| format!("0.{decimals}").parse().ok()).flatten()
}

/// Takes a zone off the front: `Z`, `+02:00`, `-0230`, `+02` or none. Returns the minutes by which it is ahead of UTC.
fn zone(rest: &mut &str) -> Option<i64> {
    let trimmed = rest.trim_start();
    if let Some(after) = trimmed.strip_prefix(['Z', 'z']) {
        *rest = after;
        return Some(0);
    }
    let sign = match trimmed.chars().next() {
        None => return Some(0),
        Some('+') => 1,
        Some('-') => -1,
        Some(_) => return None,
    };
    *rest = &trimmed[1..];
    let hours = digits(rest, 2, 2)?;
    let _ = take(rest, ':');
    let minutes = if rest.is_empty() { 0 } else { digits(rest, 2, 2)? };
    (hours < 24 && minutes < 60).then_some(sign * (60 * hours + minutes))
}

/// Takes the English name of a month off the front, in full or its first three letters.
fn month(rest: &mut &str) -> Option<i64> {
    let count = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (name, after) = rest.split_at(count);
    let name = name.to_ascii_lowercase();
    *rest = after.strip_prefix('.').unwrap_or(after);
    let place = MONTHS.iter().position(|month| *month == name || (name.len() == 3 && month.starts_with(&name)))?;
    Some(place as i64 + 1)
}

/// Whether a cell fits one of [`FORMATS`].
pub(super) fn fits(cell: &str, format: &str) -> bool {
    as_written(cell, format).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_days() {
        for (cell, expected) in [
            ("1970-01-01", Some(0.0)),
            ("1970-01-02", Some(1.0)),
            ("1969-12-31", Some(-1.0)),
            ("2000-03-01", Some(11017.0)),
            ("2000-02-29", Some(11016.0)),
            ("1900-02-29", None),
            ("2023-02-29", None),
            ("1970-02", Some(31.0)),
            ("1970-13", None),
            ("1970-00-01", None),
            ("1970-01-00", None),
            ("1970-01-02T12:00", Some(1.5)),
            ("1970-01-02T24:00", Some(2.0)),
            ("1970-01-02 12:00:00", Some(1.5)),
            ("1970-01-02t12:00:00,000z", Some(1.5)),
            ("1970-01-02T12:00:00.000Z", Some(1.5)),
            ("1970-01-02T12:00:00+06:00", Some(1.25)),
            ("1970-01-02 12:00 -0600", Some(1.75)),
            ("1970-01-02T12:00-06", Some(1.75)),
            ("1970-13-01", None),
            ("1970-1-1", None),
            ("1970-01-02T", None),
            ("1970-01-02T12", None),
            ("1970-01-02T25:00", None),
            ("1970-01-02T12:60", None),
            ("1970-01-02T12:00:61", None),
            ("1970-01-02T12:00:00.", None),
            ("1970-01-02T12:00+1", None),
            ("1970-01-02T12:00+01:60", None),
            ("1970-01-02X", None),
            ("1970-01-0é", None),
            ("１970-01-01", None),
            ("", None),
            ("1.5", None),
        ] {
            assert_eq!(iso(cell), expected, "{cell}");
        }
        for (cell, format, expected) in [
            ("02/01/1970", "%d/%m/%Y", Some(1.0)),
            ("01/02/1970", "%m/%d/%Y", Some(1.0)),
            ("2/1/1970", "%d/%m/%Y", Some(1.0)),
            ("2 Jan 1970 06:00", "%d %b %Y %H:%M", Some(1.25)),
            ("january 2, 1970", "%b %d, %Y", Some(1.0)),
            ("02.01.70 6:00 PM", "%d.%m.%y %I:%M %p", Some(1.75)),
            ("02.01.70 12:00 am", "%d.%m.%y %I:%M %p", Some(1.0)),
            ("02.01.70 13:00 am", "%d.%m.%y %I:%M %p", None),
            ("02.01.68", "%d.%m.%y", Some(35795.0)),
            ("19700102", "%Y%m%d", Some(1.0)),
            ("1970", "%Y", Some(0.0)),
            ("1970-01-02 12:00:00.5 +0000", "%Y-%m-%d %H:%M:%S %z", Some(1.5 + 0.5 / 86_400.0)),
            ("1970-01-02 12h", "%Y-%m-%d %Hh", Some(1.5)),
            ("02/01/1970x", "%d/%m/%Y", None),
            ("32/01/1970", "%d/%m/%Y", None),
            ("02/01/70", "%d/%m/%Y", None),
            ("2 Jannuary 1970", "%d %b %Y", None),
            ("é", "%p", None),
        ] {
            assert_eq!(as_written(cell, format), expected, "{cell} as {format}");
        }
        for date in ["0001-01-01", "1899-12-31", "1970-01-01", "2000-02-29", "2024-12-31", "2025-01-01 06:07:08", "9999-12-31"] {
            assert_eq!(shown(iso(date).expect("a date")), date);
        }
        for format in ["%d/%m/%Y", "%Y", "%y%m", "%d %b %Y %H:%M:%S.%f %z %%"] {
            assert!(is_format(format), "{format}");
        }
        for format in ["", "%", "%d/%m", "%Y-%q", "year"] {
            assert!(!is_format(format), "{format}");
        }
    }
}
