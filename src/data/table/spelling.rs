//! Different spellings of the same class or category, such as `1` and `1.0`.

use std::borrow::Cow;

/// The spelling that stands for all that mean the same: `1` for `1.0`, `+1` and `01`; `0` for `-0`; `true` for `True`.
/// Numbers with an exponent are left as they are: codes such as `12E4` look like them.
pub(super) fn canonical(cell: &str) -> Cow<'_, str> {
    if cell.eq_ignore_ascii_case("true") {
        return Cow::Borrowed("true");
    }
    if cell.eq_ignore_ascii_case("false") {
        return Cow::Borrowed("false");
    }
    let Some((negative, whole, fraction)) = decimal(cell) else { return Cow::Borrowed(cell) };
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let sign = if negative && !(whole.is_empty() && fraction.is_empty()) { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    let parts = [sign, whole, point, fraction];
    // Most numbers are written so already.
    if parts.iter().map(|part| part.len()).sum::<usize>() == cell.len()
        && !cell.starts_with('+')
        && !cell.ends_with('.')
        && cell.trim_start_matches('-').starts_with(|first: char| first.is_ascii_digit())
    {
        return Cow::Borrowed(cell);
    }
    Cow::Owned(parts.concat())
}

/// Whether a number is negative, and its digits before and after the point; none for other text and with an exponent.
fn decimal(cell: &str) -> Option<(bool, &str, &str)> {
    let (negative, digits) = match cell.as_bytes().first() {
        Some(b'-') => (true, &cell[1..]),
        Some(b'+') => (false, &cell[1..]),
        _ => (false, cell),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = is_digits(whole) && is_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    is_number.then_some((negative, whole, fraction))
}

/// Whether a cell is a number or a truth value. Only where all cells are, different spellings are the same: `1.1` and
/// `1.10` may be versions, where others are text.
pub(super) fn has_spellings(cell: &str) -> bool {
    decimal(cell).is_some() || cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false")
}

/// The usual spellings of each name, with its place. Where names are text, each has one.
pub(crate) fn all_spellings(names: &[String]) -> Vec<(String, usize)> {
    let own = names.iter().cloned().zip(0..);
    // The category of missing values has no name.
    if !names.iter().filter(|name| !name.is_empty()).all(|name| has_spellings(name)) {
        return own.collect();
    }
    let spellings = own.flat_map(|(name, place)| usual_spellings(&name).into_iter().map(move |spelling| (spelling, place)));
    // A spelling of one name may be another name, in older models.
    spellings.filter(|(spelling, place)| spelling == &names[*place] || !names.contains(spelling)).collect()
}

/// The usual spellings of a category: as it is, in the shortest way, and a whole number with `.0`; for `true` and
/// `false`, those in small letters, in capital ones, and with a capital one first. Exports have these, since they only
/// compare text. The first is the name itself, and each is there once.
fn usual_spellings(name: &str) -> Vec<String> {
    let short = canonical(name).into_owned();
    let mut spellings = vec![name.to_owned(), short.clone()];
    if short == "true" || short == "false" {
        let capital = short[..1].to_uppercase() + &short[1..];
        spellings.extend([short.to_uppercase(), capital]);
    } else if decimal(&short).is_some_and(|(_, _, fraction)| fraction.is_empty()) {
        spellings.push(format!("{short}.0"));
    }
    let mut seen = std::collections::HashSet::new();
    spellings.retain(|spelling| seen.insert(spelling.clone()));
    spellings
}

#[cfg(test)]
mod tests {
    use super::{canonical, has_spellings};

    #[test]
    fn equal_numbers_have_one_spelling_and_other_text_keeps_its_own() {
        for (cell, expected) in [
            ("1", "1"),
            ("1.0", "1"),
            ("01", "1"),
            ("+1", "1"),
            ("1.", "1"),
            ("-0", "0"),
            ("-0.0", "0"),
            (".5", "0.5"),
            ("0.50", "0.5"),
            (".50", "0.5"),
            ("+.5", "0.5"),
            ("-.50", "-0.5"),
            ("-.5", "-0.5"),
            ("00", "0"),
            ("-01.10", "-1.1"),
            ("90071992547409931.0", "90071992547409931"),
            ("True", "true"),
            ("FALSE", "false"),
            ("12E4", "12E4"),
            ("1.2.3", "1.2.3"),
            ("-", "-"),
            (".", "."),
            ("", ""),
            ("+", "+"),
            ("yes", "yes"),
            ("1,0", "1,0"),
        ] {
            assert_eq!(canonical(cell), expected, "{cell}");
            assert_eq!(
                has_spellings(cell),
                cell.to_lowercase() == "true"
                    || cell.to_lowercase() == "false"
                    || cell.parse::<f64>().is_ok() && !cell.contains('E'),
                "{cell}"
            );
            assert_eq!(canonical(&canonical(cell)), canonical(cell), "{cell}");
        }
    }
}
