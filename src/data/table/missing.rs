//! The words that mean a missing value.

use std::sync::{Arc, LazyLock};

/// The words that mean a missing value by default, besides empty cells; in any case. They are those of pandas, and `?`,
/// `NaT` and `\N`.
pub(super) const WORDS: &[&str] = &[
    "na", "n/a", "nan", "-nan", "null", "none", "?", "<na>", "#n/a", "#na", "#n/a n/a", "nat", "\\n", "1.#ind", "-1.#ind",
    "1.#qnan", "-1.#qnan",
];

/// The words of models that say nothing of them.
pub(super) const FORMER_WORDS: &[&str] = &["na", "n/a", "nan", "null", "none", "?"];

/// A list of words.
pub(super) fn list(words: &[&str]) -> Arc<[String]> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The list of [`WORDS`].
pub(super) fn usual() -> Arc<[String]> {
    static USUAL: LazyLock<Arc<[String]>> = LazyLock::new(|| list(WORDS));
    USUAL.clone()
}

/// Whether a cell is missing: it is empty, or one of these words in any case.
pub(super) fn is_missing(cell: &str, words: &[String]) -> bool {
    cell.is_empty() || words.iter().any(|word| cell.eq_ignore_ascii_case(word))
}
