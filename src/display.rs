//! Shortens text from files and tables for messages and printed tables: one line of limited length.

/// Shortens a text to at most `most` characters.
pub fn short(text: &str, most: usize) -> String {
    let line = |most: usize| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most);
    if text.chars().nth(most).is_some() { line(most - 1).chain(['…']).collect() } else { line(most).collect() }
}

/// The first ten names, and how many more there are.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const MOST: usize = 10;
    let first: Vec<String> = names.iter().take(MOST).map(|name| short(name.as_ref(), 60)).collect();
    match names.len().saturating_sub(MOST) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Shortens a message that quotes a file.
pub fn brief(message: &str) -> String {
    short(message, 200)
}

/// A name from a file, in quotes.
pub fn shown(name: &str) -> String {
    let short: String = name.chars().take(60).collect();
    format!("{short:?}{}", if short.len() < name.len() { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(short("abcdef", 6), "abcdef");
        assert_eq!(short("abcdefg", 6), "abcde…");
        assert_eq!(short("a\u{85}b\n", 9), "a b ");
    }
}
