//! Gathers rows and converts between f32 and f64.

/// The given rows of `columns` values, one after the other.
pub fn gather<T: Copy>(values: &[T], rows: &[usize], columns: usize) -> Vec<T> {
    rows.iter().flat_map(|row| &values[row * columns..(row + 1) * columns]).copied().collect()
}

/// Converts f32 to f64.
pub fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// Rounds f64 to f32.
pub fn narrowed(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}
