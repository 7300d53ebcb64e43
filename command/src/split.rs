//! The split of the rows: at random, by the groups of a column, or by the times of a column.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use shaderprop::{Columns, Split, Table, Written};

use crate::data::Target;
use crate::talk::{Failure, Talk, listed, short};

/// The rows of the three parts, as indices into the table.
pub struct Parts {
    pub train: Vec<usize>,
    pub validation: Vec<usize>,
    pub test: Vec<usize>,
}

/// The column to split by.
pub struct By {
    pub column: usize,
    /// Its name, for display.
    name: String,
    values: Values,
}

enum Values {
    /// The group of each row, counted from 0 in the order in which they occur.
    Groups(Vec<usize>),
    /// The time of each row.
    Times(Vec<f64>),
}

impl By {
    /// Splits by the cells of a column: rows with equal cells are a group. Missing ones are one group, because such rows
    /// may belong together.
    pub fn groups(table: &Table, column: usize, talk: Talk) -> Self {
        let name = short(&table.names()[column], 60);
        let words = Columns::usual_missing_words();
        let mut known = BTreeMap::new();
        let mut missing = 0;
        let mut group = |row: usize| {
            let cell = table.cell(row, column);
            let is_missing = cell.is_empty() || words.iter().any(|word| cell.eq_ignore_ascii_case(word));
            missing += usize::from(is_missing);
            let next = known.len();
            *known.entry(if is_missing { String::new() } else { cell.into_owned() }).or_insert(next)
        };
        let groups: Vec<usize> = (0..table.rows()).map(&mut group).collect();
        match missing {
            0 => (),
            1 => talk.say(format!("notice: 1 row has no `{name}`; it is a group of its own")),
            _ => talk.say(format!("notice: {missing} rows have no `{name}`; they are one group")),
        }
        if known.len() == table.rows() {
            talk.say(format!("notice: `{name}` is different in every row, so a split by it is like one without it"));
        }
        Self { column, name, values: Values::Groups(groups) }
    }

    /// Splits by the times in a column: numbers, or dates, which are read as in any other column.
    pub fn times(table: &Table, column: usize, columns: &Columns) -> Result<Self, Failure> {
        let name = short(&table.names()[column], 60);
        // What the first row is written like says more of a wrong one than that the column is text.
        let of_first = || {
            let first = table.cell(0, column);
            [Written::Plain, Written::Date].into_iter().find(|written| written.number(&first).is_some())
        };
        let written = columns.written(table, column)?.or_else(of_first).ok_or_else(|| {
            Failure::Run(format!(
                "--split-time `{name}`: expected numbers or dates, got text such as `{}`; choose another column, or give --date-format",
                short(&table.cell(0, column), 60)
            ))
        })?;
        let expected = match &written {
            Written::Date | Written::DateAs(_) => "a date such as 2024-03-31 or 2024-03-31T18:30, as in the other rows",
            _ => "a number, as in the other rows",
        };
        let time = |row: usize| {
            let time = written.number(&table.cell(row, column)).filter(|time| time.is_finite());
            time.ok_or_else(|| Failure::Run(format!("--split-time: {}", table.refuse(row, column, expected))))
        };
        let times = (0..table.rows()).map(time).collect::<Result<Vec<f64>, Failure>>()?;
        Ok(Self { column, name, values: Values::Times(times) })
    }

    /// The option and the column.
    pub fn named(&self) -> String {
        let option = if matches!(self.values, Values::Groups(_)) { "--split-by" } else { "--split-time" };
        format!("{option} `{}`", self.name)
    }

    /// The number of different groups or times in those rows.
    fn different(&self, rows: &[usize]) -> usize {
        match &self.values {
            Values::Groups(groups) => of(groups, rows).into_iter().collect::<HashSet<_>>().len(),
            // Adding 0 makes -0 and 0 the same.
            Values::Times(times) => rows.iter().map(|row| (times[*row] + 0.0).to_bits()).collect::<HashSet<_>>().len(),
        }
    }

    /// The split of those rows.
    fn split(&self, rows: &[usize], labels: &[usize]) -> Split {
        match &self.values {
            Values::Times(times) => Split::ordered(&rows.iter().map(|row| times[*row]).collect::<Vec<_>>()),
            Values::Groups(groups) => {
                let groups = of(groups, rows);
                match labels {
                    [] => Split::grouped(&groups),
                    labels => Split::stratified_grouped(&of(labels, rows), &groups),
                }
            }
        }
    }

    /// Checks that there is something to split by in those rows. The option is the one that asks for the split.
    fn check(&self, table: &Table, rows: &[usize], option: &str) -> Result<(), Failure> {
        if self.different(rows) > 1 {
            return Ok(());
        }
        let cell = short(&table.cell(rows[0], self.column), 60);
        Err(Failure::Arguments(match rows.len() == table.rows() {
            true => format!("{}: all {} rows have `{cell}`; choose another column", self.named(), rows.len()),
            false => format!(
                "{}: the {} rows that are not test rows all have `{cell}`; give {option} 0, or choose another column",
                self.named(),
                rows.len()
            ),
        }))
    }

    /// Prints what is in the parts.
    fn tell(&self, table: &Table, parts: &Parts, talk: Talk) {
        let parts = [(&parts.train, "training"), (&parts.validation, "validation"), (&parts.test, "the test")];
        let parts = parts.into_iter().filter(|(rows, _)| !rows.is_empty());
        let told: Vec<String> = match &self.values {
            Values::Groups(_) => parts.map(|(rows, what)| format!("{} for {what}", self.different(rows))).collect(),
            Values::Times(times) => {
                let last = |rows: &[usize]| rows.iter().copied().max_by(|a, b| times[*a].total_cmp(&times[*b]));
                let cell = |rows: &[usize]| last(rows).map_or("".into(), |row| short(&table.cell(row, self.column), 60));
                parts.map(|(rows, what)| format!("{what} up to {}", cell(rows))).collect()
            }
        };
        let what = if matches!(self.values, Values::Groups(_)) { "groups of" } else { "rows by" };
        talk.say(format!("{what} `{}`: {}", self.name, told.join(", ")));
    }
}

/// The values of those rows.
fn of(values: &[usize], rows: &[usize]) -> Vec<usize> {
    rows.iter().map(|row| values[*row]).collect()
}

/// Splits the rows by the seed, or by a column. For classes the split is stratified, unless it is by time. Every class
/// has a training row, unless the split is by a column: then rows of other classes are left out.
pub fn parts(
    table: &Table,
    target: &Target,
    by: Option<&By>,
    (test, validation): (f64, f64),
    (seed, talk): (u64, Talk),
) -> Result<Parts, Failure> {
    let labels = target.labels.as_slice();
    let hold_out = |rows: Vec<usize>, share: f64, option: &str| -> Result<(Vec<usize>, Vec<usize>), Failure> {
        if share == 0.0 {
            return Ok((rows, Vec::new()));
        }
        let split = match (by, labels) {
            (Some(by), _) => {
                by.check(table, &rows, option)?;
                by.split(&rows, labels)
            }
            (None, []) => Split::new(rows.len()),
            (None, labels) => Split::stratified(&of(labels, &rows)),
        };
        let parts = split.seed(seed).hold_out(share);
        let parts = parts.map_err(|error| Failure::Arguments(format!("{error}; give {option} 0 to hold out no rows")))?;
        Ok((of(&rows, &parts.train), of(&rows, &parts.test)))
    };
    let (rest, test) = hold_out((0..table.rows()).collect(), test, "--test-split")?;
    let (train, validation) = hold_out(rest, validation, "--validation-split")?;
    let parts = Parts { train, validation, test };
    match by {
        None => Ok(with_all_classes(parts, labels)),
        Some(by) => {
            let parts = with_seen_classes(parts, (table, target), by, talk)?;
            by.tell(table, &parts, talk);
            Ok(parts)
        }
    }
}

/// Moves rows to the training part so that it has each class. A class with one or two rows may have none there yet.
fn with_all_classes(parts: Parts, labels: &[usize]) -> Parts {
    let Parts { mut train, validation, test } = parts;
    let mut known: HashSet<usize> = train.iter().filter_map(|row| labels.get(*row)).copied().collect();
    let mut keep = |rows: Vec<usize>| -> Vec<usize> {
        rows.into_iter()
            .filter(|row| match labels.get(*row) {
                Some(label) if known.insert(*label) => {
                    train.push(*row);
                    false
                }
                _ => true,
            })
            .collect()
    };
    let (validation, test) = (keep(validation), keep(test));
    train.sort_unstable();
    Parts { train, validation, test }
}

/// Leaves out rows of classes that no training row has: the network has no output for them. To move them to the training
/// rows would tear groups apart, or train on later rows.
fn with_seen_classes(parts: Parts, (table, target): (&Table, &Target), by: &By, talk: Talk) -> Result<Parts, Failure> {
    let labels = target.labels.as_slice();
    if labels.is_empty() {
        return Ok(parts);
    }
    let known: HashSet<usize> = of(labels, &parts.train).into_iter().collect();
    let column = short(&table.names()[target.place], 60);
    if let (1, Some(row)) = (known.len(), parts.train.first()) {
        let class = short(&table.cell(*row, target.place), 60);
        return Err(Failure::Arguments(format!(
            "{}: all training rows have the class `{class}` of `{column}`; choose another column, or hold out fewer rows",
            by.named()
        )));
    }
    let unseen = |row: &usize| !known.contains(&labels[*row]);
    let left_out: Vec<usize> = parts.validation.iter().chain(&parts.test).copied().filter(unseen).collect();
    if left_out.is_empty() {
        return Ok(parts);
    }
    let names: BTreeSet<String> = left_out.iter().map(|row| table.cell(*row, target.place).into_owned()).collect();
    let names: Vec<String> = names.into_iter().collect();
    talk.say(format!(
        "notice: training never sees these classes of `{column}`: {}; their rows in the validation and the test, which would all be \
         wrong, are left out ({})",
        listed(&names),
        left_out.len()
    ));
    let seen = |rows: Vec<usize>| rows.into_iter().filter(|row| !unseen(row)).collect();
    Ok(Parts { train: parts.train, validation: seen(parts.validation), test: seen(parts.test) })
}

/// Splits the rows into folds, by the seed or by a column.
pub fn folds(
    table: &Table,
    target: &Target,
    by: Option<&By>,
    k: usize,
    (seed, talk): (u64, Talk),
) -> Result<Vec<shaderprop::Parts>, Failure> {
    let rows: Vec<usize> = (0..table.rows()).collect();
    let labels = target.labels.as_slice();
    let split = match (by, labels) {
        (Some(by), labels) => {
            by.check(table, &rows, "--folds")?;
            let different = by.different(&rows);
            let (most, have) = match &by.values {
                Values::Groups(_) => (different, format!("{different} groups are")),
                Values::Times(_) => (different - 1, format!("{different} different times, the first only for training, are")),
            };
            if most < k {
                let fewer = if most < 2 { String::new() } else { format!("give --folds {most}, or ") };
                return Err(Failure::Arguments(format!(
                    "{}: {have} too few for {k} folds; {fewer}choose another column",
                    by.named()
                )));
            }
            by.split(&rows, labels)
        }
        (None, []) => Split::new(rows.len()),
        (None, labels) => Split::stratified(labels),
    };
    let folds = split.seed(seed).k_fold(k)?;
    if by.is_some() && !labels.is_empty() {
        let mut unseen = BTreeSet::new();
        let mut concerned = 0;
        for fold in &folds {
            let known: HashSet<usize> = of(labels, &fold.train).into_iter().collect();
            let missing: Vec<usize> = fold.test.iter().copied().filter(|row| !known.contains(&labels[*row])).collect();
            concerned += usize::from(!missing.is_empty());
            unseen.extend(missing.into_iter().map(|row| table.cell(row, target.place).into_owned()));
        }
        if concerned > 0 {
            let names: Vec<String> = unseen.into_iter().collect();
            talk.say(format!(
                "notice: in {concerned} of {k} folds, training sees no row of some held-out classes of `{}`: {}; they count as wrong",
                short(&table.names()[target.place], 60),
                listed(&names)
            ));
        }
    }
    Ok(folds)
}
