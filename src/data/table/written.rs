//! How numbers are written in a column: plainly, with a decimal comma, with thousands separators and signs, or as dates.

use serde::{Deserialize, Serialize};

use super::dates;
use crate::display::short;

/// How the numbers of a column are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Written {
    /// As in a program: `-1.5`, `1e-3`. This is the default.
    #[default]
    Plain,
    /// With a decimal point, and maybe thousands separators, a currency sign, a percent sign or an exponent after `D`:
    /// `$1,234.50`, `45.8%` (which is 45.8), `1.5D+03`.
    Point,
    /// The same with a decimal comma: `1.234,50 €`.
    Comma,
    /// Dates or times in ISO 8601, such as `2020-01-31` or `2020-01-31T12:30:00Z`. They become days since 1970.
    Date,
    /// Dates or times in this format, which is that of C's `strftime`, such as `%d/%m/%Y`.
    DateAs(String),
}

impl Written {
    /// The number in a cell; none for other text. It may be infinite.
    ///
    /// ```
    /// use shaderprop::Written;
    /// assert_eq!(Written::Comma.number("1.234,50 €"), Some(1234.5));
    /// assert_eq!(Written::Date.number("1970-02-01"), Some(31.0));
    /// assert_eq!(Written::Plain.number("1,5"), None);
    /// ```
    pub fn number(&self, cell: &str) -> Option<f64> {
        match self {
            Self::Plain => cell.parse().ok(),
            Self::Point => cell.parse().ok().or_else(|| marked(cell, '.')),
            Self::Comma => marked(cell, ','),
            Self::Date => dates::iso(cell),
            Self::DateAs(format) => dates::as_written(cell, format),
        }
    }

    /// What the cells are, as in `numbers with a decimal comma`.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Plain => "numbers".into(),
            Self::Point => "numbers with a decimal point and signs".into(),
            Self::Comma => "numbers with a decimal comma".into(),
            Self::Date => "dates such as 2020-01-31".into(),
            Self::DateAs(format) => format!("dates written {}", short(format, 40)),
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// Signs and codes of currencies.
const CURRENCIES: &[&str] = &["$", "€", "£", "¥", "₹", "₽", "₩", "USD", "EUR", "GBP", "CHF", "JPY"];

/// A number with marks: a currency, percent, thousands separators, parentheses for a negative one. Groups have three
/// digits, but for the first one.
fn marked(cell: &str, decimal: char) -> Option<f64> {
    let (cell, in_parentheses) = match cell.strip_prefix('(').and_then(|cell| cell.strip_suffix(')')) {
        Some(inner) => (inner, true),
        None => (cell, false),
    };
    let (mut cell, mut signs) = (cell.trim(), 0);
    let mut sign = '+';
    // The sign may be before or after the currency.
    for _ in 0..2 {
        if let Some(first) = cell.chars().next().filter(|first| "+-−".contains(*first)) {
            (sign, signs) = (first, signs + 1);
            cell = cell[first.len_utf8()..].trim_start();
        }
        if let Some(rest) = CURRENCIES.iter().find_map(|currency| cell.strip_prefix(currency)) {
            cell = rest.trim_start();
        }
    }
    if let Some(rest) = cell.strip_suffix('%').or_else(|| CURRENCIES.iter().find_map(|currency| cell.strip_suffix(currency))) {
        cell = rest.trim_end();
    }
    if signs + usize::from(in_parentheses) > 1 {
        return None;
    }
    let (mantissa, exponent) = match cell.find(['e', 'E', 'd', 'D']) {
        // `2D6` is a code; Fortran writes `2.0D+06`.
        Some(at) if cell[at..].starts_with(['d', 'D']) && !cell[..at].contains(decimal) => return None,
        Some(at) => (&cell[..at], cell[at + 1..].parse::<i32>().ok()?),
        None => (cell, 0),
    };
    let (whole, fraction) = mantissa.split_once(decimal).unwrap_or((mantissa, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = ungrouped(whole, decimal)?;
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let minus = if sign == '+' && !in_parentheses { "" } else { "-" };
    format!("{minus}{whole}.{fraction}e{exponent}").parse().ok()
}

/// The digits of a whole number without the separators of its groups; none if it is not one.
fn ungrouped(whole: &str, decimal: char) -> Option<String> {
    let separates = |c: char| (c == if decimal == '.' { ',' } else { '.' }) || " '’\u{a0}\u{202f}\u{2009}".contains(c);
    let groups: Vec<&str> = whole.split(separates).collect();
    let separators: Vec<char> = whole.chars().filter(|c| separates(*c)).collect();
    let is_digits = groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_digit()));
    let is_grouped = groups.len() == 1
        || ((1..=3).contains(&groups[0].len())
            // No number begins with a zero and has thousands.
            && !groups[0].starts_with('0')
            && groups[1..].iter().all(|group| group.len() == 3)
            && separators.windows(2).all(|pair| pair[0] == pair[1]));
    (is_digits && is_grouped).then(|| groups.concat())
}

/// What a cell says of the decimal sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is a number either way, and the same one.
    Either,
    /// It is a number with a decimal point only.
    Point,
    /// It is a number with a decimal comma only.
    Comma,
    /// It is a different number each way, such as `1,234`.
    Doubtful,
    /// It is no number.
    None,
}

impl Mark {
    pub fn of(cell: &str) -> Self {
        match (Written::Point.number(cell), Written::Comma.number(cell)) {
            (Some(point), Some(comma)) if point == comma => Self::Either,
            (Some(_), Some(_)) => Self::Doubtful,
            (Some(_), None) => Self::Point,
            (None, Some(_)) => Self::Comma,
            (None, None) => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_marks() {
        for (cell, point, comma) in [
            ("1,234", Some(1234.0), Some(1.234)),
            ("1.234", Some(1.234), Some(1234.0)),
            ("1.234,5", None, Some(1234.5)),
            ("1,234.5", Some(1234.5), None),
            ("0,35", None, Some(0.35)),
            ("$320735", Some(320735.0), Some(320735.0)),
            ("-$1,234.50", Some(-1234.5), None),
            ("$-5", Some(-5.0), Some(-5.0)),
            ("(1,200)", Some(-1200.0), Some(-1.2)),
            ("45.8%", Some(45.8), None),
            ("45,8 %", None, Some(45.8)),
            ("12 €", Some(12.0), Some(12.0)),
            ("1.234,50 €", None, Some(1234.5)),
            ("1.5D+03", Some(1500.0), None),
            ("1 234 567", Some(1234567.0), Some(1234567.0)),
            ("12'345.6", Some(12345.6), None),
            ("1,23,456", None, None),
            ("1,234,567", Some(1234567.0), None),
            ("12,34", None, Some(12.34)),
            ("", None, None),
            ("-", None, None),
            ("$", None, None),
            ("%", None, None),
            ("()", None, None),
            ("--5", None, None),
            ("1,", None, Some(1.0)),
            ("word", None, None),
            ("e", None, None),
            ("1e5", Some(1e5), Some(1e5)),
            ("2020-01-02", None, None),
            ("1 EUR", Some(1.0), Some(1.0)),
        ] {
            assert_eq!((Written::Point.number(cell), Written::Comma.number(cell)), (point, comma), "{cell}");
        }
        assert_eq!(Mark::of("0,346"), Mark::Comma);
        assert_eq!(Mark::of("1,346"), Mark::Doubtful);
        assert_eq!(Mark::of("0.346"), Mark::Point);
        assert_eq!(Mark::of("-0,346"), Mark::Comma);
        assert_eq!(Mark::of("7"), Mark::Either);
    }
}
