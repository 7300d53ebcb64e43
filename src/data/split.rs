//! Splits rows: holding out a part, or into folds.

use rand::Rng;

use super::samples::check_rows;
use crate::error::Error;
use crate::random::{Philox, SPLIT};

/// Splits rows at random for testing or cross-validation. A stratified split keeps the classes in the same proportions
/// in each part.
///
/// ```
/// use shaderprop::Split;
/// let parts = Split::new(100).seed(1).hold_out(0.2)?;
/// assert_eq!((parts.train.len(), parts.test.len()), (80, 20));
/// let folds = Split::stratified(&[0, 1, 0, 1, 0, 1, 0, 1]).k_fold(4)?;
/// assert!(folds.iter().all(|fold| fold.test.len() == 2));
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Split {
    rows: usize,
    classes: Option<Vec<usize>>,
    seed: u64,
}

/// The row indices of both parts, each in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parts {
    /// The rows to train on.
    pub train: Vec<usize>,
    /// The rows to test on.
    pub test: Vec<usize>,
}

impl Split {
    /// A random split of `rows` rows.
    pub fn new(rows: usize) -> Self {
        Self { rows, classes: None, seed: 0 }
    }

    /// A stratified split of rows with these classes: all parts have the classes in the same proportions, as far as
    /// possible.
    pub fn stratified(classes: &[usize]) -> Self {
        Self { rows: classes.len(), classes: Some(classes.to_vec()), seed: 0 }
    }

    /// The seed of the split. The default is 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The number of rows that are split.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Holds out a share of the rows for testing and leaves the others for training.
    ///
    /// # Errors
    /// [`Error::Setting`] for a share that leaves one part without rows; [`Error::TooLarge`] for 2³² rows or more.
    pub fn hold_out(&self, share: f64) -> Result<Parts, Error> {
        let held = self.held(share)? as u128;
        // Picks rows at even distances in an order sorted by class. The number picked is within one of the share in
        // each class, and exact for all rows.
        let picked = |i: usize| (i as u128 + 1) * held / self.rows as u128 > i as u128 * held / self.rows as u128;
        Ok(parts(&self.order(), picked))
    }

    /// The number of rows in that share.
    pub(crate) fn held(&self, share: f64) -> Result<usize, Error> {
        check_rows(self.rows)?;
        let held = (self.rows as f64 * share).round();
        if held >= 1.0 && held < self.rows as f64 {
            return Ok(held as usize);
        }
        Err(Error::Setting {
            what: format!("the share held out of {} rows", self.rows),
            expected: "a share that leaves rows in both parts".into(),
            got: share.to_string(),
        })
    }

    /// Splits the rows into `k` folds. Each fold is the test part once, while the other folds are the training part.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 2 folds or more folds than rows; [`Error::TooLarge`] for 2³² rows or more.
    pub fn k_fold(&self, k: usize) -> Result<Vec<Parts>, Error> {
        check_rows(self.rows)?;
        if k < 2 || k > self.rows {
            return Err(Error::Setting {
                what: "the number of folds".into(),
                expected: format!("a number from 2 to {}, the number of rows", self.rows),
                got: k.to_string(),
            });
        }
        let order = self.order();
        Ok((0..k).map(|fold| parts(&order, |i| i % k == fold)).collect())
    }

    /// The rows in a random order, sorted by class where there are classes.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows).collect();
        let mut stream = Philox::new(self.seed, SPLIT, 0, 0);
        // The shuffle of R. A. Fisher and F. Yates, 1938.
        for i in (1..self.rows).rev() {
            order.swap(i, ((u128::from(stream.next_u64()) * (i as u128 + 1)) >> 64) as usize);
        }
        if let Some(classes) = &self.classes {
            order.sort_by_key(|row| classes[*row]);
        }
        order
    }
}

/// Divides the rows of an order by whether their position is picked.
fn parts(order: &[usize], picked: impl Fn(usize) -> bool) -> Parts {
    let mut parts = Parts { train: Vec::new(), test: Vec::new() };
    for (i, row) in order.iter().enumerate() {
        (if picked(i) { &mut parts.test } else { &mut parts.train }).push(*row);
    }
    parts.train.sort_unstable();
    parts.test.sort_unstable();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_part_and_classes_keep_their_shares() {
        let classes: Vec<usize> = (0..103).map(|i| if i % 10 == 0 { 2 } else { i % 2 }).collect();
        for (split, stratified) in [(Split::new(103), false), (Split::stratified(&classes), true)] {
            for seed in 0..20 {
                let split = split.clone().seed(seed);
                let mut all = vec![split.hold_out(0.3).expect("parts")];
                assert_eq!(all[0].test.len(), 31);
                let folds = split.k_fold(5).expect("folds");
                let mut tested: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
                tested.sort_unstable();
                assert!(tested.into_iter().eq(0..103), "each row is tested once");
                all.extend(folds);
                for parts in all {
                    let mut rows = [parts.train.clone(), parts.test.clone()].concat();
                    rows.sort_unstable();
                    assert!(rows.into_iter().eq(0..103));
                    let share = parts.test.len() as f64 / 103.0;
                    for class in 0..3 {
                        let count = |rows: &[usize]| rows.iter().filter(|row| classes[**row] == class).count() as f64;
                        let off = count(&parts.test) - share * (count(&parts.test) + count(&parts.train));
                        assert!(!stratified || off.abs() <= 1.0, "class {class} is off by {off}");
                    }
                }
            }
        }
        assert_ne!(Split::new(50).hold_out(0.5), Split::new(50).seed(1).hold_out(0.5));
    }

    #[test]
    fn parts_without_rows_are_refused() {
        for share in [0.0, 1.0, -1.0, 0.001, 0.999, f64::NAN] {
            assert!(Split::new(10).hold_out(share).is_err(), "{share}");
        }
        for k in [0, 1, 11] {
            assert!(Split::new(10).k_fold(k).is_err(), "{k}");
        }
    }
}
