//! The matrix products of the CPU engine, from a library.
//!
//! The bits of a product do not depend on the number of threads: each computes some rows or columns of the result, and
//! the library adds up the terms of an element in blocks of a fixed length, wherever the element is.

use std::borrow::Cow;

use super::plain::{matmul, transpose};

/// A matrix to multiply: a slice in row-major order, or its transpose.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'a> {
    values: &'a [f64],
    /// The shape of the slice.
    shape: [usize; 2],
    transposed: bool,
}

impl<'a> Factor<'a> {
    /// The matrix of that many rows and columns.
    pub fn new(values: &'a [f64], rows: usize, columns: usize) -> Self {
        Self { values, shape: [rows, columns], transposed: false }
    }

    /// Its transpose. Nothing is copied.
    pub fn transposed(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    fn rows(&self) -> usize {
        self.shape[usize::from(self.transposed)]
    }

    fn columns(&self) -> usize {
        self.shape[usize::from(!self.transposed)]
    }

    /// Its values in row-major order.
    fn in_order(&self) -> Cow<'a, [f64]> {
        match self.transposed {
            false => self.values.into(),
            true => transpose(self.values, self.shape[0], self.shape[1]).into(),
        }
    }
}

/// a·b.
pub fn product(a: Factor<'_>, b: Factor<'_>) -> Vec<f64> {
    #[cfg(not(target_arch = "wasm32"))]
    if work(a, b) >= library::LEAST {
        return library::product(a, b, library::pieces(work(a, b)));
    }
    plain(a, b)
}

/// The same by the plain product.
fn plain(a: Factor<'_>, b: Factor<'_>) -> Vec<f64> {
    matmul(&a.in_order(), &b.in_order(), (a.rows(), a.columns(), b.columns()))
}

/// The number of multiply-adds.
fn work(a: Factor<'_>, b: Factor<'_>) -> usize {
    a.rows().saturating_mul(a.columns()).saturating_mul(b.columns())
}

/// A browser's module does without the library: it would be larger, and there the shaders do the work.
#[cfg(not(target_arch = "wasm32"))]
mod library {
    use ndarray::linalg::general_mat_mul;
    use ndarray::{ArrayView2, ArrayViewMut2, Axis};

    use super::Factor;

    /// The multiply-adds from which the library is faster than the plain product.
    pub const LEAST: usize = 1 << 12;

    /// The multiply-adds that are worth a piece of its own: about 0.15 ms. Waking a thread takes up to 0.05 ms.
    const WORTH_A_PIECE: usize = 1 << 22;

    /// The number of pieces for that many multiply-adds: one for each thread. A thread whose core is busy leaves its piece
    /// to another.
    pub fn pieces(work: usize) -> usize {
        match work / WORTH_A_PIECE {
            0..4 => 1,
            most => most.min(rayon_core::current_num_threads()),
        }
    }

    /// a·b, computed in that many pieces, which the threads share.
    pub fn product(a: Factor<'_>, b: Factor<'_>, pieces: usize) -> Vec<f64> {
        let mut c = vec![0.0; a.rows() * b.columns()];
        let result = ArrayViewMut2::from_shape((a.rows(), b.columns()), &mut c);
        if let (Some(a), Some(b), Ok(result)) = (view(a), view(b), result) {
            multiply(a, b, result, pieces);
        }
        c
    }

    fn view<'a>(factor: Factor<'a>) -> Option<ArrayView2<'a, f64>> {
        let view = ArrayView2::from_shape(factor.shape, factor.values).ok()?;
        Some(if factor.transposed { view.reversed_axes() } else { view })
    }

    /// Computes c, or cuts it in two parts for half of the pieces each.
    fn multiply(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, mut c: ArrayViewMut2<'_, f64>, pieces: usize) {
        let (rows, columns) = c.dim();
        if pieces < 2 || rows.max(columns) < 2 {
            return general_mat_mul(1.0, &a, &b, 0.0, &mut c);
        }
        let others = pieces / 2;
        let cut = |length: usize| (length * (pieces - others) / pieces).clamp(1, length - 1);
        let [first, second] = if rows >= columns {
            let (upper, lower) = a.split_at(Axis(0), cut(rows));
            let (c_upper, c_lower) = c.split_at(Axis(0), cut(rows));
            [(upper, b, c_upper), (lower, b, c_lower)]
        } else {
            let (left, right) = b.split_at(Axis(1), cut(columns));
            let (c_left, c_right) = c.split_at(Axis(1), cut(columns));
            [(a, left, c_left), (a, right, c_right)]
        };
        rayon_core::join(
            || multiply(first.0, first.1, first.2, pieces - others),
            || multiply(second.0, second.1, second.2, others),
        );
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    /// Numbers from -1 to 1.
    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        let mut stream = crate::random::Philox::new(seed, 0, 0, 0);
        (0..count).map(|_| 2.0 * f64::from(stream.uniform()) - 1.0).collect()
    }

    /// Calls `check` with a product of each shape, in each of the three forms of a training step.
    fn each(check: impl Fn(Factor<'_>, Factor<'_>)) {
        let sizes = [1, 2, 7, 17, 64, 130];
        let mut shapes: Vec<_> =
            sizes.iter().flat_map(|m| sizes.iter().flat_map(move |n| sizes.map(move |k| (*m, k, *n)))).collect();
        // More terms, rows and columns than the library's blocks have.
        shapes.extend([(9, 2049, 11), (300, 300, 1100), (1, 600, 1030), (1030, 600, 1), (300, 257, 3)]);
        for (m, k, n) in shapes {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            check(Factor::new(&a, m, k), Factor::new(&b, k, n));
            check(Factor::new(&a, k, m).transposed(), Factor::new(&b, k, n));
            check(Factor::new(&a, m, k), Factor::new(&b, n, k).transposed());
        }
    }

    fn bits(values: &[f64]) -> Vec<u64> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn products_agree_with_the_plain_product() {
        each(|a, b| {
            let magnitudes = |factor: Factor<'_>| factor.in_order().iter().map(|value| value.abs()).collect::<Vec<_>>();
            let shape = (a.rows(), a.columns(), b.columns());
            let expected = matmul(&a.in_order(), &b.in_order(), shape);
            let sizes = matmul(&magnitudes(a), &magnitudes(b), shape);
            for got in [product(a, b), library::product(a, b, 1)] {
                assert_eq!(got.len(), expected.len());
                for ((got, expected), size) in got.iter().zip(&expected).zip(&sizes) {
                    // The bound of a sum of k terms in any order, for both of them.
                    let bound = 2.0 * (shape.1 as f64 + 1.0) * f64::EPSILON * size;
                    assert!((got - expected).abs() <= bound, "{shape:?}: {got}, expected {expected} within {bound}");
                }
            }
        });
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads_or_pieces() {
        let pools =
            [1, 2, 3, 7].map(|threads| rayon_core::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads"));
        each(|a, b| {
            let alone = bits(&library::product(a, b, 1));
            for pool in &pools {
                let threads = pool.current_num_threads();
                for pieces in [threads, 2 * threads] {
                    let together = bits(&pool.install(|| library::product(a, b, pieces)));
                    let shape = (a.rows(), a.columns(), b.columns());
                    assert_eq!(together, alone, "{shape:?}, {threads} threads, {pieces} pieces");
                }
            }
        });
        // The size that a product is cut at by itself.
        let (a, b) = (numbers(300 * 301, 1), numbers(301 * 303, 2));
        let (a, b) = (Factor::new(&a, 300, 301), Factor::new(&b, 301, 303));
        assert!(pools[1].install(|| library::pieces(work(a, b))) > 1);
        let alone = bits(&library::product(a, b, 1));
        assert!(pools.iter().all(|pool| bits(&pool.install(|| product(a, b))) == alone));
    }

    #[test]
    fn small_products_are_plain_and_large_ones_take_all_threads() {
        let (a, b) = (numbers(15 * 16, 1), numbers(16 * 16, 2));
        let (a, b) = (Factor::new(&a, 15, 16), Factor::new(&b, 16, 16));
        assert_eq!(bits(&product(a, b)), bits(&plain(a, b)));
        assert_eq!(library::pieces(library::LEAST), 1);
        assert_eq!(library::pieces(usize::MAX), rayon_core::current_num_threads());
    }

    /// A diverging network's products are not hidden.
    #[test]
    fn infinities_and_nan_are_kept() {
        let (mut a, b) = (numbers(40 * 40, 1), numbers(40 * 40, 2));
        (a[0], a[41]) = (f64::NAN, f64::INFINITY);
        let c = product(Factor::new(&a, 40, 40), Factor::new(&b, 40, 40));
        assert!(c[..40].iter().all(|value| value.is_nan()), "row 0");
        assert!(c[40..80].iter().all(|value| value.is_infinite()), "row 1");
        assert!(c[80..].iter().all(|value| value.is_finite()), "the others");
    }
}
