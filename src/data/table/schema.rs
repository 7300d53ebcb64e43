//! The schema of a table: what each column is used for, and how its cells are read.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::columns::{Column, Columns, Missing, Scaling, Target};
use super::dates;
use super::kinds::{self, Inferred};
use super::missing;
use super::notice::TableNotice;
use super::outliers;
use super::parallel;
use super::reading::Reading;
use super::table::Table;
use super::written::Written;
use crate::display::short;
use crate::error::Error;
use crate::memory::Reserve;

/// What the columns of a table are used for, and how their cells are read. It is inferred from a whole table, before
/// that is split, so that the split decides nothing of it. It can be written to a file, edited and read again.
///
/// ```
/// use shaderprop::{ColumnKind, Columns, Csv, Schema, Table};
/// let table = Table::from_csv("size,price\n1,\"$1,500\"\n2,$900\n".as_bytes(), &Csv::new())?;
/// let schema = Schema::infer(&table, &Columns::number("price"))?;
/// assert_eq!(schema.columns()[1].kind, ColumnKind::Number);
/// assert_eq!(schema.notices()[0].to_string(), "`price` has numbers; `$1,500` is read as 1500");
/// let preprocessing = schema.fit(&table.select(&[0]))?;
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// How missing values are handled.
    #[serde(default)]
    pub(super) missing: Missing,
    /// The words that mean a missing value.
    #[serde(default = "missing::usual")]
    pub(super) missing_words: Arc<[String]>,
    #[serde(default)]
    pub(super) scaling: Scaling,
    #[serde(rename = "column")]
    pub(super) columns: Vec<SchemaColumn>,
    #[serde(skip)]
    notices: Vec<TableNotice>,
}

/// A column of a [`Schema`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SchemaColumn {
    /// The column's name.
    pub name: String,
    /// What it is used for.
    #[serde(rename = "use", default)]
    pub used: ColumnUse,
    /// What its cells are.
    pub kind: ColumnKind,
    /// How its numbers are written.
    #[serde(default, skip_serializing_if = "Written::is_plain")]
    pub written: Written,
}

/// What a column is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnUse {
    /// The network sees it. This is the default.
    #[default]
    Input,
    /// The network learns it.
    Target,
    /// It is left out.
    Ignored,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnKind {
    /// Numbers or dates.
    Number,
    /// Categories; in the target, classes.
    Category,
}

impl Schema {
    /// Infers the schema of a table. [`notices`](Self::notices) tells what may not be meant so.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`]; [`Error::Setting`] for a target that is also dropped or categorical, or if no column is
    /// an input; [`Error::Cell`] for a number that is infinite.
    pub fn infer(table: &Table, columns: &Columns) -> Result<Self, Error> {
        let find = |columns: &[Column]| columns.iter().map(|column| table.find(column.clone())).collect::<Result<Vec<_>, _>>();
        let target = match &columns.target {
            Target::Classes(column) | Target::Number(column) => table.find(column.clone())?,
        };
        let is_class = matches!(columns.target, Target::Classes(_));
        let (dropped, categorical) = (find(&columns.dropped)?, find(&columns.categorical)?);
        for (what, listed) in [("dropped", &dropped), ("categorical", &categorical)] {
            if listed.contains(&target) {
                return Err(Error::Setting {
                    what: format!("{what} columns"),
                    expected: "columns other than the target".into(),
                    got: table.names()[target].clone(),
                });
            }
        }
        let is_inferred =
            |column: usize| !(dropped.contains(&column) || categorical.contains(&column) || (column == target && is_class));
        let width = table.names().len();
        // Each column of text is read as numbers once.
        let text = table.whole.columns.iter().filter(|column| column.are_text()).count();
        drop(Reserve::new("the numbers of a table", 8 * (text as u64).saturating_mul(table.rows() as u64))?);
        let infer = |column: usize, decimal| is_inferred(column).then(|| kinds::infer(table, column, columns, decimal));
        let mut inferred: Vec<Option<Inferred>> = parallel::map(width, table.rows(), |column| infer(column, None));
        if inferred.iter().flatten().any(|column| column.doubtful) {
            // The other columns may show the sign.
            let decimal = kinds::shown_decimal(table, inferred.iter().flatten());
            for (column, inferred) in inferred.iter_mut().enumerate().filter(|_| decimal.is_some()) {
                if inferred.as_ref().is_some_and(|inferred| inferred.doubtful) {
                    *inferred = infer(column, decimal);
                }
            }
        }
        let mut schema = Self {
            missing: columns.missing,
            missing_words: columns.missing_words.clone(),
            scaling: columns.scaling,
            columns: Vec::with_capacity(width),
            notices: Vec::new(),
        };
        for (column, inferred) in inferred.into_iter().enumerate() {
            let used = match () {
                () if column == target => ColumnUse::Target,
                () if dropped.contains(&column) => ColumnUse::Ignored,
                () => ColumnUse::Input,
            };
            let written = match inferred {
                Some(inferred) => {
                    schema.notices.extend(inferred.notices);
                    inferred.written
                }
                None => None,
            };
            // A target that should be numbers is refused where its first word is.
            let is_number = written.is_some() || (used == ColumnUse::Target && !is_class);
            schema.columns.push(SchemaColumn {
                name: table.names()[column].clone(),
                used,
                kind: if is_number { ColumnKind::Number } else { ColumnKind::Category },
                written: written.unwrap_or_default(),
            });
        }
        schema.check(table)?;
        let far = parallel::map(width, table.rows(), |column| {
            let of = &schema.columns[column];
            let is_number = of.used == ColumnUse::Input && of.kind == ColumnKind::Number;
            is_number.then(|| outliers::notice(table, column, &schema.reading(of))).flatten()
        });
        schema.notices.extend(far.into_iter().flatten());
        Ok(schema)
    }

    /// The columns, in the order of the table.
    pub fn columns(&self) -> &[SchemaColumn] {
        &self.columns
    }

    /// What was inferred that may not be meant so.
    pub fn notices(&self) -> &[TableNotice] {
        &self.notices
    }

    /// Leaves out a column.
    pub fn ignore(&mut self, name: &str) {
        self.columns.iter_mut().filter(|column| column.name == name).for_each(|column| column.used = ColumnUse::Ignored);
    }

    /// The words that mean a missing value, besides empty cells.
    pub fn missing_words(&self) -> &[String] {
        &self.missing_words
    }

    /// How the numbers of a column are read.
    pub(super) fn reading(&self, column: &SchemaColumn) -> Reading {
        Reading::new(self.missing_words.clone(), column.written.clone())
    }

    /// Checks that the schema, which may have been edited, fits a whole table.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`] for a column that the table does not have; [`Error::Setting`] unless there are one target and
    /// at least one input; [`Error::Cell`] for a number that is infinite.
    pub fn check(&self, table: &Table) -> Result<(), Error> {
        self.check_columns(table)?;
        let infinite = parallel::map(self.columns.len(), table.rows(), |i| {
            let column = &self.columns[i];
            if column.kind != ColumnKind::Number || column.used == ColumnUse::Ignored {
                return Ok(());
            }
            let (place, reading) = (table.find(column.name.as_str())?, self.reading(column));
            let values = table.values(place, &reading);
            let (mut filled, mut words, mut word) = (0, 0, None);
            for row in 0..table.rows() {
                let value = values.get(table.at(row));
                if value.as_number().is_some_and(f64::is_infinite) {
                    return Err(table.refuse(row, place, "a finite number"));
                }
                filled += usize::from(!value.is_missing());
                if value.is_word() {
                    words += 1;
                    word.get_or_insert(row);
                }
            }
            // A target is refused where its first word is, and inferred columns have fewer.
            match word {
                Some(row) if 100 * words > 2 * filled && column.used == ColumnUse::Input => {
                    Err(table.refuse(row, place, "a number, as in at least 98 % of a column of numbers"))
                }
                _ => Ok(()),
            }
        });
        infinite.into_iter().collect()
    }

    pub(super) fn check_columns(&self, table: &Table) -> Result<(), Error> {
        let setting =
            |what: &str, expected: &str, got: String| Err(Error::Setting { what: what.into(), expected: expected.into(), got });
        let targets = self.columns.iter().filter(|column| column.used == ColumnUse::Target).count();
        if targets != 1 {
            return setting("the targets of a schema", "1", targets.to_string());
        }
        if !self.columns.iter().any(|column| column.used == ColumnUse::Input) {
            return setting("columns", "at least one that is neither the target nor dropped", "none".into());
        }
        let mut seen = HashSet::new();
        if let Some(column) = self.columns.iter().find(|column| !seen.insert(column.name.as_str())) {
            return setting("the columns of a schema", "each once", format!("`{}` twice", column.name));
        }
        for column in &self.columns {
            if let Written::DateAs(format) = &column.written
                && !dates::is_format(format)
            {
                return setting("the format of dates", &format!("one of the codes {}", dates::CODES), format.clone());
            }
            table.find(column.name.as_str())?;
        }
        Ok(())
    }
}

/// Prints a line for each column.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |column: &SchemaColumn| short(&column.name, 40);
        let longest = self.columns.iter().map(|column| name(column).chars().count()).max().unwrap_or(0);
        for (i, column) in self.columns.iter().enumerate() {
            let used = match column.used {
                ColumnUse::Input => "input",
                ColumnUse::Target => "target",
                ColumnUse::Ignored => "ignored",
            };
            let kind = match column.kind {
                ColumnKind::Category if column.used == ColumnUse::Target => "classes".into(),
                ColumnKind::Category => "categories".into(),
                ColumnKind::Number => column.written.described(),
            };
            write!(f, "{}{:longest$}  {used:7}  {kind}", if i == 0 { "" } else { "\n" }, name(column))?;
        }
        Ok(())
    }
}
