//! Finds columns whose largest numbers make all others nearly equal once they are scaled.

use super::notice::TableNotice;
use super::reading::Reading;
use super::table::Table;

/// The quartiles are those of at most this many rows, at even distances.
const SAMPLE: usize = 4096;

/// A standard deviation of more than this many times the distance of the quartiles comes of a few numbers.
const FLATTENED: f64 = 20.0;

/// The notice for a column of numbers, if one is due.
pub(super) fn notice(table: &Table, column: usize, reading: &Reading) -> Option<TableNotice> {
    let values = table.values(column, reading);
    let number = |row: usize| values.get(table.at(row)).as_number();
    let step = table.rows().div_ceil(SAMPLE).max(1);
    let mut sample: Vec<f64> = (0..table.rows()).step_by(step).filter_map(number).collect();
    // With few rows, quartiles say little.
    if sample.len() < 20 {
        return None;
    }
    sample.sort_by(f64::total_cmp);
    let (low, middle, high) = (sample[sample.len() / 4], sample[sample.len() / 2], sample[3 * sample.len() / 4]);
    let range = high - low;
    if !(range > 0.0 && range.is_finite()) {
        return None;
    }
    let (mut count, mut squares, mut farthest, mut at) = (0.0, 0.0, 0.0, 0);
    for row in 0..table.rows() {
        let Some(number) = number(row) else { continue };
        let distance = ((number - middle) / range).abs();
        count += 1.0;
        squares += distance * distance;
        if distance > farthest {
            (farthest, at) = (distance, row);
        }
    }
    let deviation: f64 = squares / count;
    (deviation > FLATTENED * FLATTENED).then(|| TableNotice::Outliers {
        column: table.names()[column].clone(),
        cell: table.cell(at, column).into_owned(),
        line: table.line(at).unwrap_or(1 + table.at(at) as u64),
    })
}
