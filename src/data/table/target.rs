//! The target of a table: whether it is a class or a number, and the rows that have one.

use std::collections::BTreeMap;
use std::fmt;

use super::columns::{Columns, Target};
use super::kinds;
use super::missing::{self, is_missing};
use super::notice::TableNotice;
use super::reading::Reading;
use super::table::Table;
use super::written::Written;
use crate::display::short;
use crate::error::Error;

/// What [`Columns::infer_target`] inferred.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InferredTarget {
    /// The columns, with a target of classes or of numbers.
    pub columns: Columns,
    /// The rows that have a target.
    pub rows: Table,
    /// Whether the target is a class.
    pub is_class: bool,
    /// How the target's numbers are written, whether they are classes or not; none for words.
    pub written: Option<Written>,
    /// What may not be meant so.
    pub notices: Vec<TargetNotice>,
}

/// What was inferred of a target that may not be meant so. The text says what was assumed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TargetNotice {
    /// Rows without a target were left out.
    LeftOut {
        /// The target's name.
        column: String,
        /// The number of rows.
        rows: usize,
    },
    /// A word that usually means a missing value is a class, since many rows have it.
    WordIsClass {
        /// The target's name.
        column: String,
        /// The word.
        word: String,
        /// The number of rows.
        rows: usize,
    },
    /// The target is treated as text, for a reason that holds for any column.
    Column(TableNotice),
    /// Whole numbers were taken for numbers, but may be classes.
    MayBeClasses {
        /// The target's name.
        column: String,
        /// How many different ones there are.
        values: usize,
    },
    /// Whole numbers were taken for classes, but may be counts.
    MayBeCounts {
        /// The target's name.
        column: String,
        /// How many different ones there are.
        values: usize,
    },
}

impl fmt::Display for TargetNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |text: &str| short(text, 60);
        match self {
            Self::LeftOut { column, rows: 1 } => write!(f, "left out 1 row without `{}`", name(column)),
            Self::LeftOut { column, rows } => write!(f, "left out {rows} rows without `{}`", name(column)),
            Self::WordIsClass { column, word, rows } => {
                let have = if *rows == 1 { "row has" } else { "rows have" };
                write!(f, "`{}` is a class of `{}`, since {rows} {have} it", name(word), name(column))
            }
            Self::Column(notice) => notice.fmt(f),
            Self::MayBeClasses { column, values } => {
                write!(f, "`{}` has {values} different whole numbers, which are taken for numbers, not for classes", name(column))
            }
            Self::MayBeCounts { column, values } => write!(
                f,
                "`{}` has {values} different whole numbers, some of them rare, which are taken for classes, not for counts",
                name(column)
            ),
        }
    }
}

/// Whole numbers are classes if there are at most this many different ones.
const FEW: usize = 20;

/// With more different numbers than this, nobody means classes.
const MOST_CLASSES: usize = 1000;

impl Columns {
    /// Infers whether the target is a class or a number, and leaves out the rows without a target.
    ///
    /// The target is a class if it is text, an array of integers, or at most 20 different whole numbers with at least
    /// three rows each on average. In text, only empty cells are missing, and those of the usual words that are in less
    /// than 1 % of the rows; if other [words](Columns::missing_words) were given, all of these. `is_class` decides otherwise.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`]; [`Error::Setting`] for a target that is missing in every row.
    ///
    /// ```
    /// use shaderprop::{Columns, Csv, Table};
    /// let table = Table::from_csv("size,kind\n1,a\n2,b\n3,\n".as_bytes(), &Csv::new())?;
    /// let inferred = Columns::number("kind").infer_target(&table, None)?;
    /// assert_eq!((inferred.is_class, inferred.rows.rows()), (true, 2));
    /// assert_eq!(inferred.notices[0].to_string(), "left out 1 row without `kind`");
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn infer_target(&self, table: &Table, is_class: Option<bool>) -> Result<InferredTarget, Error> {
        let column = match &self.target {
            Target::Classes(column) | Target::Number(column) => table.find(column.clone())?,
        };
        let name = table.names()[column].clone();
        let inferred = kinds::infer_target(table, column, self);
        let (written, of_column) = (inferred.written, inferred.notices);
        // As classes, numbers are text like any other.
        let as_text = written.is_none() || is_class == Some(true);
        let is_word = |cell: &str| is_missing(cell, &self.missing_words);
        let mut notices = Vec::new();
        let mut words = BTreeMap::new();
        if written.is_none() && is_class != Some(true) {
            notices.extend(of_column.iter().take(1).cloned().map(TargetNotice::Column));
        }
        // Words that were given are missing, however many rows have them.
        if as_text && is_class != Some(false) && self.missing_words == missing::usual() {
            words = frequent(table, column, is_word);
            notices.extend(words.iter().map(|(word, rows)| TargetNotice::WordIsClass {
                column: name.clone(),
                word: word.clone(),
                rows: *rows,
            }));
        }
        let reading = Reading::new(self.missing_words.clone(), written.clone().unwrap_or_default());
        let has_target = |row: &usize| {
            let cell = table.cell(*row, column);
            match as_text {
                true => !cell.is_empty() && (!is_word(&cell) || words.contains_key(&*cell)),
                false => reading.value(&cell).as_number().is_some(),
            }
        };
        let rows = with_target(table, column, has_target)?;
        if rows.rows() < table.rows() {
            notices.push(TargetNotice::LeftOut { column: name.clone(), rows: table.rows() - rows.rows() });
        }
        let (classes, labels) = rows.categories(column);
        let integers = table.are_integers(column);
        // Each row has a number here, so that the classes are numbers too.
        let numbers: Vec<f64> = match written {
            Some(Written::Plain) => classes.iter().filter_map(|cell| cell.parse().ok()).collect(),
            _ => Vec::new(),
        };
        let whole = written == Some(Written::Plain) && numbers.iter().all(|number| number.fract() == 0.0);
        let repeated = 3 * classes.len() <= rows.rows().max(6);
        let inferred = as_text || integers || (classes.len() <= FEW && whole && repeated);
        if is_class.is_none() && inferred && written.is_some() {
            // Of a target of numbers, this is said with the other columns.
            let is_word = |notice: &&TableNotice| matches!(notice, TableNotice::NotNumbers { .. });
            notices.extend(of_column.iter().filter(is_word).cloned().map(TargetNotice::Column));
        }
        if is_class.is_none() && !integers && whole && repeated {
            let values = classes.len();
            if !inferred && values <= MOST_CLASSES {
                notices.push(TargetNotice::MayBeClasses { column: name, values });
            } else if inferred && look_like_counts(&numbers, &labels) {
                notices.push(TargetNotice::MayBeCounts { column: name, values });
            }
        }
        let is_class = is_class.unwrap_or(inferred);
        let mut columns = self.clone();
        columns.target = if is_class { Target::Classes(column.into()) } else { Target::Number(column.into()) };
        Ok(InferredTarget { columns, rows, is_class, written, notices })
    }
}

/// The rows that have a target.
pub(super) fn with_target(table: &Table, column: usize, has_target: impl FnMut(&usize) -> bool) -> Result<Table, Error> {
    let rows: Vec<usize> = (0..table.rows()).filter(has_target).collect();
    if rows.is_empty() {
        return Err(Error::Setting {
            what: format!("the target `{}`", short(&table.names()[column], 60)),
            expected: "a value in at least one row".into(),
            got: format!("none in {} rows", table.rows()),
        });
    }
    Ok(if rows.len() == table.rows() { table.clone() } else { table.select(&rows) })
}

/// The words for missing values that at least 1 % of the rows have, if other rows have other text.
fn frequent(table: &Table, column: usize, is_word: impl Fn(&str) -> bool) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut others = false;
    for row in 0..table.rows() {
        let cell = table.cell(row, column);
        if is_word(&cell) && !cell.is_empty() {
            *counts.entry(cell.into_owned()).or_default() += 1;
        } else {
            others |= !cell.is_empty();
        }
    }
    counts.retain(|_, count| others && 100 * *count >= table.rows());
    counts
}

/// Whether whole numbers look like counts: at least eight different ones, none negative, and the rarest at most a fifth
/// as frequent as the most frequent one. Classes are more even, as a rule.
fn look_like_counts(classes: &[f64], labels: &[usize]) -> bool {
    let mut rows = vec![0usize; classes.len()];
    labels.iter().for_each(|label| rows[*label] += 1);
    let (least, most) = (rows.iter().min().copied().unwrap_or(0), rows.iter().max().copied().unwrap_or(0));
    classes.len() >= 8 && !classes.iter().any(|class| *class < 0.0) && 5 * least <= most
}
