//! Columns that tell the target without saying anything about new rows: the number of the row, and what orders the
//! target because the table was sorted or recorded class by class.

use std::collections::BTreeMap;

use shaderprop::Table;

use crate::data::Target;
use crate::talk::{Talk, listed, short};

/// Tables with fewer rows have no such columns: a few numbers may be in order by chance.
const FEWEST_ROWS: usize = 20;

/// How many rows two of the classes need, and all on average. A single row is often the first or the last by chance.
const ROWS_PER_CLASS: usize = 3;

/// The columns that number the rows: their numbers grow or fall by the same step from row to row. To be called before
/// rows are left out.
pub fn row_numbers(table: &Table) -> Vec<usize> {
    if table.rows() < FEWEST_ROWS {
        return Vec::new();
    }
    let numbers_rows = |column: &usize| {
        let number = |row: usize| number(table, row, *column);
        let (Some(first), Some(second)) = (number(0), number(1)) else { return false };
        let step = second - first;
        // Decimal steps such as 0.1 are rounded.
        let near = |value: f64, row: usize| (value - (first + step * row as f64)).abs() <= 1e-6 * step.abs();
        step != 0.0 && (2..table.rows()).all(|row| number(row).is_some_and(|value| near(value, row)))
    };
    (0..table.names().len()).filter(numbers_rows).collect()
}

/// Prints a notice for the `inputs` that number the rows, and for those that order the target.
pub fn tell(table: &Table, target: &Target, row_numbers: &[usize], inputs: &[usize], talk: Talk) {
    // A single input is all that there is to learn from.
    if inputs.len() < 2 {
        return;
    }
    let (numbering, others): (Vec<usize>, Vec<usize>) = inputs.iter().partition(|column| row_numbers.contains(column));
    let ordering: Vec<usize> = others.into_iter().filter(|column| orders(table, target, *column)).collect();
    let named = |columns: &[usize]| {
        let name = |column: &usize| match table.names()[*column].as_str() {
            // As in a table that pandas has written with its index.
            "" => format!("column {column}, which has no name,"),
            name => format!("`{}`", short(name, 60)),
        };
        listed(&columns.iter().map(name).collect::<Vec<_>>())
    };
    let target = short(&table.names()[target.place], 60);
    match numbering.as_slice() {
        [] => (),
        [one] => talk.say(format!(
            "notice: {} numbers the rows, which says nothing about new ones; leave it out with --drop",
            named(&[*one])
        )),
        more => talk.say(format!(
            "notice: {} number the rows, which says nothing about new ones; leave them out with --drop",
            named(more)
        )),
    }
    if !ordering.is_empty() {
        talk.say(format!(
            "notice: in the order of {}, the rows are in the order of `{target}` too, as if they had been numbered after sorting; unless it \
             is a measurement, leave it out with --drop",
            named(&ordering)
        ));
    }
}

/// Whether the target is in order if the rows are sorted by a column that looks like a number of the rows.
fn orders(table: &Table, target: &Target, column: usize) -> bool {
    let rows = table.rows();
    if rows < FEWEST_ROWS {
        return false;
    }
    let Some(order) = order(table, column) else { return false };
    match target.labels.as_slice() {
        [] => {
            // A measurement may well grow with the target. So it has to be whole numbers.
            let whole = |row: usize| number(table, row, column).is_some_and(|value| value.fract() == 0.0);
            let values: Vec<f64> = order.iter().map_while(|row| number(table, *row, target.place)).collect();
            let grows = values.windows(2).all(|pair| pair[0] <= pair[1]) || values.windows(2).all(|pair| pair[0] >= pair[1]);
            values.len() == rows && values.first() != values.last() && grows && (0..rows).all(whole)
        }
        labels => {
            let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
            labels.iter().for_each(|label| *counts.entry(*label).or_default() += 1);
            let common = counts.values().filter(|count| **count >= ROWS_PER_CLASS).count();
            let blocks = 1 + order.windows(2).filter(|pair| labels[pair[0]] != labels[pair[1]]).count();
            blocks == counts.len() && common >= 2 && rows >= ROWS_PER_CLASS * counts.len()
        }
    }
}

/// The order of the rows by a column, if it may be the number of the row: if the numbers grow or fall from row to row,
/// or if they are the first whole numbers, in any order.
fn order(table: &Table, column: usize) -> Option<Vec<usize>> {
    let rows = table.rows();
    let number = |row: usize| number(table, row, column);
    let falls = number(1)? < number(0)?;
    let mut previous = number(0)?;
    let follows = |row: usize| {
        number(row).is_some_and(|value| {
            let follows = if falls { value < previous } else { value > previous };
            previous = value;
            follows
        })
    };
    if (1..rows).all(follows) {
        return Some((0..rows).collect());
    }
    // From 0, or from 1 to the number of rows: different numbers from 0 to there leave out one, which is one of these
    // two unless a row was taken away.
    let mut order = vec![usize::MAX; rows + 1];
    for row in 0..rows {
        let value = number(row).filter(|value| value.fract() == 0.0 && (0.0..=rows as f64).contains(value))?;
        if std::mem::replace(&mut order[value as usize], row) != usize::MAX {
            return None;
        }
    }
    order.retain(|row| *row != usize::MAX);
    Some(order)
}

/// A cell as a finite number.
fn number(table: &Table, row: usize, column: usize) -> Option<f64> {
    table.cell(row, column).parse().ok().filter(|value: &f64| value.is_finite())
}
