//! Dates and times as numbers: days since 1 January 1970, in UTC.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// Formats that are recognised where all cells of a column fit only one of them. ISO 8601 is recognised before.
pub(super) const FORMATS: &[&str] = &["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y"];

/// The days of a date or time in ISO 8601.
pub(super) fn iso(cell: &str) -> Option<f64> {
    let bytes = cell.as_bytes();
    if let ([_, _, _, _, b'-', _, _], true) = (bytes, cell.is_ascii()) {
        // A month begins with its first day.
        return Some(days(NaiveDate::parse_from_str(&format!("{cell}-01"), "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN)));
    }
    if bytes.len() < 10 || bytes[4] != b'-' || !bytes[0].is_ascii_digit() || !cell.is_char_boundary(10) {
        return None;
    }
    let (date, rest) = cell.split_at(10);
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
    if rest.is_empty() {
        return Some(days(date.and_time(NaiveTime::MIN)));
    }
    let time = rest.strip_prefix(['T', ' ', 't'])?;
    let (time, zone) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, ""),
    };
    let time = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|format| NaiveTime::parse_from_str(time.trim_end(), format).ok())?;
    let local = days(date.and_time(time));
    match zone {
        "" | "Z" | "z" => Some(local),
        zone => {
            let of_day = |zone: &str| DateTime::parse_from_str(&format!("1970-01-02 00:00:00 {zone}"), "%Y-%m-%d %H:%M:%S %#z");
            Some(local + days(of_day(zone).ok()?.naive_utc()) - 1.0)
        }
    }
}

/// The days of a date or time in a format.
pub(super) fn as_written(cell: &str, format: &str) -> Option<f64> {
    if let Ok(time) = DateTime::parse_from_str(cell, format) {
        return Some(days(time.naive_utc()));
    }
    let time = NaiveDateTime::parse_from_str(cell, format).ok();
    let time = time.or_else(|| Some(NaiveDate::parse_from_str(cell, format).ok()?.and_time(NaiveTime::MIN)))?;
    Some(days(time))
}

/// Whether a cell has a year of four digits in a format. The parser itself also takes shorter ones.
pub(super) fn has_year(cell: &str, format: &str) -> bool {
    let years = cell.split(|c: char| !c.is_ascii_digit()).filter(|part| part.len() == 4).count();
    years == 1 && as_written(cell, format).is_some()
}

/// Whether a format can be used.
pub(super) fn is_format(format: &str) -> bool {
    !format.is_empty() && chrono::format::StrftimeItems::new(format).all(|item| item != chrono::format::Item::Error)
}

fn days(time: NaiveDateTime) -> f64 {
    let utc = time.and_utc();
    (utc.timestamp() as f64 + f64::from(utc.timestamp_subsec_nanos()) / 1e9) / 86_400.0
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
            ("1970-02", Some(31.0)),
            ("1970-13", None),
            ("1970-01-02T12:00", Some(1.5)),
            ("1970-01-02 12:00:00", Some(1.5)),
            ("1970-01-02T12:00:00.000Z", Some(1.5)),
            ("1970-01-02T12:00:00+06:00", Some(1.25)),
            ("1970-01-02T12:00:00-0600", Some(1.75)),
            ("1970-13-01", None),
            ("1970-1-1", None),
            ("1970-01-02T", None),
            ("1970-01-02T25:00", None),
            ("1970-01-02X", None),
            ("1970-01-0é", None),
            ("", None),
            ("1.5", None),
        ] {
            assert_eq!(iso(cell), expected, "{cell}");
        }
        assert_eq!(as_written("02/01/1970", "%d/%m/%Y"), Some(1.0));
        assert_eq!(as_written("01/02/1970", "%m/%d/%Y"), Some(1.0));
        assert_eq!(as_written("2 Jan 1970 06:00", "%d %b %Y %H:%M"), Some(1.25));
        assert!(has_year("02/01/1970", "%d/%m/%Y") && !has_year("02/01/70", "%d/%m/%Y"));
        assert!(is_format("%d/%m/%Y") && !is_format("") && !is_format("%"));
    }
}
