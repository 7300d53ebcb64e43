//! The plain matrix product: what the CPU engine's products must agree with.

/// c = a·b, with a of shape (m, k) and b of shape (k, n).
pub fn matmul(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize)) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for row in 0..m {
        for term in 0..k {
            for column in 0..n {
                c[row * n + column] += a[row * k + term] * b[term * n + column];
            }
        }
    }
    c
}

/// The transpose of a, which has the shape (rows, columns).
pub fn transpose(a: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let mut t = vec![0.0; a.len()];
    for row in 0..rows {
        for column in 0..columns {
            t[column * rows + row] = a[row * columns + column];
        }
    }
    t
}
