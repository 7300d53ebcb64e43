//! Finds columns whose largest numbers make all others nearly equal once they are scaled.

use super::notice::TableNotice;
use super::reading::Reading;
use super::table::Table;

/// What most numbers are is told from at most this many rows, at even distances.
const SAMPLE: usize = 4096;

/// The share of the numbers that may be far from the others, at either end.
const FAR: f64 = 0.02;

/// A standard deviation of more than this many times the range of the other numbers comes of a few.
const FLATTENED: f64 = 5.0;

/// The notice for a column of numbers, if one is due.
pub(super) fn notice(table: &Table, column: usize, reading: &Reading) -> Option<TableNotice> {
    let values = table.values(column, reading);
    let number = |row: usize| values.get(table.at(row)).as_number();
    let step = table.rows().div_ceil(SAMPLE).max(1);
    let mut sample: Vec<f64> = (0..table.rows()).step_by(step).filter_map(number).collect();
    // With few rows, any of them may be far from the others.
    if sample.len() < 20 {
        return None;
    }
    sample.sort_by(f64::total_cmp);
    let far = ((FAR * sample.len() as f64) as usize).max(1);
    let (low, middle, high) = (sample[far], sample[sample.len() / 2], sample[sample.len() - 1 - far]);
    let range = high - low;
    if !(range > 0.0 && range.is_finite()) {
        return None;
    }
    let (mut count, mut squares) = (0.0, 0.0);
    for number in (0..table.rows()).filter_map(number) {
        let distance = (number - middle) / range;
        count += 1.0;
        squares += distance * distance;
    }
    let deviation: f64 = squares / count;
    if deviation <= FLATTENED * FLATTENED {
        return None;
    }
    let distance = |row: &usize| number(*row).map_or(0.0, |number| (number - middle).abs());
    let at = (0..table.rows()).max_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0);
    Some(TableNotice::Outliers {
        column: table.names()[column].clone(),
        cell: table.cell(at, column).into_owned(),
        line: table.line(at).unwrap_or(1 + table.at(at) as u64),
    })
}
