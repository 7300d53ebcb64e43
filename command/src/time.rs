//! Times in a table's cells, as far as a split by time needs them: which one is later.

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    Number,
    Date,
}

/// The first day of the year 2000. Counted from there, an f64 tells microseconds of our time apart.
const DAY_0: i64 = 730_120;

/// Reads a time: a number, or a date of ISO 8601 with or without the time of day, such as `2024-03-31`, `2024-03`,
/// `2024-03-31 18:30` or `2024-03-31T18:30:05.25+02:00`. Dates become seconds, in UTC unless they give an offset.
pub fn read(cell: &str) -> Option<(Time, f64)> {
    if let Ok(number) = cell.parse::<f64>() {
        return number.is_finite().then_some((Time::Number, number));
    }
    let (date, clock) = cell.split_once(['T', 't', ' ']).map_or((cell, None), |(date, clock)| (date, Some(clock.trim())));
    let seconds = clock.map_or(Some(0.0), seconds)?;
    Some((Time::Date, (days(date)? - DAY_0) as f64 * 86_400.0 + seconds))
}

/// A number of exactly so many digits within that range.
fn number(text: &str, digits: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && range.contains(number))
}

/// The number of days from the beginning of the year 1 to a date, in the Gregorian calendar.
fn days(date: &str) -> Option<i64> {
    let mut fields = date.split('-');
    let year = number(fields.next()?, 4, 1..=9999)?;
    let month = number(fields.next()?, 2, 1..=12)?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = &lengths[..month as usize];
    let (length, before) = before.split_last()?;
    let day = fields.next().map_or(Some(1), |day| number(day, 2, 1..=*length))?;
    let years = year - 1;
    let whole = 365 * years + years / 4 - years / 100 + years / 400 + before.iter().sum::<i64>() + day;
    fields.next().is_none().then_some(whole)
}

/// The seconds from the beginning of the day, in UTC.
fn seconds(text: &str) -> Option<f64> {
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let (clock, offset) = text.find(['+', '-']).map_or((text, ""), |place| text.split_at(place));
    let offset = match (offset.strip_prefix('+'), offset.strip_prefix('-')) {
        (Some(ahead), _) => minutes(ahead)?,
        (_, Some(behind)) => -minutes(behind)?,
        _ => 0,
    };
    let mut fields = clock.trim_end().split(':');
    let minutes = 60 * number(fields.next()?, 2, 0..=24)? + number(fields.next()?, 2, 0..=59)?;
    let seconds = match fields.next().map(|seconds| seconds.split_once(['.', ',']).unwrap_or((seconds, "0"))) {
        // 60 is a leap second.
        Some((whole, part)) if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => {
            number(whole, 2, 0..=60)? as f64 + format!("0.{part}").parse::<f64>().ok()?
        }
        Some(_) => return None,
        None => 0.0,
    };
    fields.next().is_none().then_some(((minutes - offset) * 60) as f64 + seconds)
}

/// The minutes of an offset from UTC: `02:00`, `0200` or `02`.
fn minutes(offset: &str) -> Option<i64> {
    let (hours, rest) = offset.split_at_checked(2)?;
    let minutes = if rest.is_empty() { 0 } else { number(rest.strip_prefix(':').unwrap_or(rest), 2, 0..=59)? };
    Some(60 * number(hours, 2, 0..=23)? + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_order() {
        let sorted = [
            "0001-01-01",
            "1899-12-31",
            "1900-02-28T23:59:59",
            "1900-03-01",
            "2023-12-31 23:59:59.999999",
            "2024-01",
            "2024-02-28T12:00",
            "2024-02-29",
            "2024-02-29T23:15+00:30",
            "2024-03-01T00:30:00+01:00",
            "2024-02-29T23:45Z",
            "2024-03-01t00:00z",
            "2024-03-01 00:00:00,5",
            "2024-02-29T22:00:01-0200",
            "2024-02-29 20:00:02 -04",
            "9999-12-31T24:00",
        ];
        let read = |cell: &str| read(cell).unwrap_or_else(|| panic!("{cell}"));
        for pair in sorted.windows(2) {
            let [(kind, earlier), (_, later)] = [read(pair[0]), read(pair[1])];
            assert!(earlier < later && kind == Time::Date, "{pair:?}: {earlier} {later}");
        }
        assert_eq!(read("2024-03-01T00:00+01:00"), read("2024-02-29T23:00:00.000Z"));
        assert_eq!(read("2000-03-01").1 - read("2000-02-28").1, 2.0 * 86_400.0);
        assert_eq!(read("2000-01-01").1, 0.0);
        assert_eq!((read("-7.5"), read("20240331")), ((Time::Number, -7.5), (Time::Number, 20_240_331.0)));
    }

    #[test]
    fn other_texts_are_no_times() {
        for cell in [
            "",
            "?",
            "nan",
            "inf",
            "soon",
            "2024-13-01",
            "2024-02-30",
            "2023-02-29",
            "1900-02-29",
            "2024-00-01",
            "2024-1-1",
            "2024-01-01-01",
            "31.03.2024",
            "03/31/2024",
            "2024-03-31T",
            "2024-03-31T25:00",
            "2024-03-31T12",
            "2024-03-31T12:60",
            "2024-03-31T12:00:61",
            "2024-03-31T12:00:00.",
            "2024-03-31T12:00:00.5x",
            "2024-03-31T12:00+",
            "2024-03-31T12:00+1",
            "2024-03-31T12:00+01:60",
            "2024-03-31T12:00:00:00",
            "2024-03-31 12:00 PM",
            "-2024-03-31",
            "２024-03-31",
            "2024-03-3é",
        ] {
            assert_eq!(read(cell), None, "{cell}");
        }
    }
}
