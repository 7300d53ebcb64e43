//! Splits rows: holding out a part, or into folds.

mod groups;
mod ordered;

use rand::Rng;

use self::groups::Groups;
use self::ordered::Ordered;
use super::samples::check_rows;
use crate::error::Error;
use crate::random::{Philox, SPLIT};

/// Splits rows for testing or cross-validation: at random, group by group, or by time. A stratified split keeps the
/// classes in the same proportions in each part.
///
/// | | like scikit-learn's |
/// |---|---|
/// | [`Split::new`] | `ShuffleSplit`, `KFold` |
/// | [`Split::stratified`] | `StratifiedShuffleSplit`, `StratifiedKFold` |
/// | [`Split::grouped`] | `GroupShuffleSplit`, `GroupKFold` |
/// | [`Split::stratified_grouped`] | `StratifiedGroupKFold` |
/// | [`Split::ordered`] | `TimeSeriesSplit` |
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
    way: Way,
    seed: u64,
}

/// How rows are split.
#[derive(Clone, Debug)]
enum Way {
    /// Row by row; with classes that keep their shares, if there are any.
    Rows(Option<Vec<usize>>),
    /// Group by group.
    Groups(Groups),
    /// There is not one class for each row: their number.
    OtherClasses(usize),
    /// By a key.
    Ordered(Ordered),
    /// The key of that row cannot be compared.
    Unordered(usize),
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
        Self { rows, way: Way::Rows(None), seed: 0 }
    }

    /// A stratified split of rows with these classes: all parts have the classes in the same proportions, as far as
    /// possible.
    pub fn stratified(classes: &[usize]) -> Self {
        Self { rows: classes.len(), way: Way::Rows(Some(classes.to_vec())), seed: 0 }
    }

    /// A random split of rows in groups, such as several rows of each patient. All rows of a group are in the same
    /// part, so that testing is on groups that training has not seen. The parts have the number of rows that was asked
    /// for as far as the sizes of the groups allow; no part is empty.
    ///
    /// ```
    /// use shaderprop::Split;
    /// let patients = ["ann", "ann", "bob", "cem", "cem", "cem", "dan", "eva"];
    /// let parts = Split::grouped(&patients).seed(1).hold_out(0.25)?;
    /// assert_eq!(parts.test.len(), 2);
    /// assert!(parts.test.iter().all(|test| parts.train.iter().all(|train| patients[*test] != patients[*train])));
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn grouped<G: Ord>(groups: &[G]) -> Self {
        Self { rows: groups.len(), way: Way::Groups(Groups::new(groups, None)), seed: 0 }
    }

    /// A random split of rows in groups, as [`grouped`](Self::grouped), that also keeps the classes in the same
    /// proportions in each part as far as the groups allow.
    ///
    /// ```
    /// use shaderprop::Split;
    /// let (classes, patients) = ([0, 0, 1, 1, 0, 0, 1, 1], [7, 7, 8, 8, 9, 9, 10, 10]);
    /// for fold in Split::stratified_grouped(&classes, &patients).k_fold(2)? {
    ///     assert_eq!(fold.test.iter().filter(|row| classes[**row] == 1).count(), 2);
    /// }
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn stratified_grouped<G: Ord>(classes: &[usize], groups: &[G]) -> Self {
        let way = match classes.len() == groups.len() {
            true => Way::Groups(Groups::new(groups, Some(classes))),
            false => Way::OtherClasses(classes.len()),
        };
        Self { rows: groups.len(), way, seed: 0 }
    }

    /// A split of rows by a key such as the time: the rows with the greatest keys are held out, so that testing is on
    /// rows later than those of training. Rows with equal keys are in the same part, so a part may have more or fewer
    /// rows than asked for. Nothing is random: the seed has no effect.
    ///
    /// ```
    /// use shaderprop::Split;
    /// let years = [2021, 2024, 2022, 2024, 2020];
    /// let parts = Split::ordered(&years).hold_out(0.4)?;
    /// assert_eq!((parts.train, parts.test), (vec![0, 2, 4], vec![1, 3]));
    /// // Each fold is tested on rows that come after those of its training.
    /// let folds = Split::ordered(&years).k_fold(2)?;
    /// assert_eq!((&folds[0].train, &folds[0].test), (&vec![0, 4], &vec![2]));
    /// assert_eq!((&folds[1].train, &folds[1].test), (&vec![0, 2, 4], &vec![1, 3]));
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn ordered<K: PartialOrd>(keys: &[K]) -> Self {
        Self { rows: keys.len(), way: Ordered::new(keys).map_or_else(Way::Unordered, Way::Ordered), seed: 0 }
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
    /// [`Error::Setting`] for a share that leaves one part without rows, and for rows that cannot be split: all in one
    /// group, all with equal keys, or with a key such as NaN. [`Error::Shape`] if there is not one class for each row;
    /// [`Error::TooLarge`] for 2³² rows or more.
    pub fn hold_out(&self, share: f64) -> Result<Parts, Error> {
        let held = self.held(share)?;
        self.check(2)?;
        Ok(match &self.way {
            Way::Groups(groups) => {
                let held = groups.held_out(share, self.seed);
                self.parts(|row| held[groups.of(row)])
            }
            Way::Ordered(ordered) => parts_at(&ordered.rows, ordered.cut(held)),
            _ => {
                let held = held as u128;
                // Picks rows at even distances in an order sorted by class. The number picked is within one of the
                // share in each class, and exact for all rows.
                let picked = |i: usize| (i as u128 + 1) * held / self.rows as u128 > i as u128 * held / self.rows as u128;
                parts(&self.order(), picked)
            }
        })
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
    /// An [ordered](Self::ordered) split trains on earlier rows only, as scikit-learn's `TimeSeriesSplit`. The rows are
    /// cut into `k + 1` parts by their keys. Each part but the first is the test part once, while all the parts before
    /// it are the training part. So the training parts grow from fold to fold, and the first part is never tested on.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than 2 folds, and for more folds than rows, groups, or cuts between different keys;
    /// and as [`hold_out`](Self::hold_out).
    pub fn k_fold(&self, k: usize) -> Result<Vec<Parts>, Error> {
        check_rows(self.rows)?;
        let (most, of) = match &self.way {
            Way::Groups(groups) => (groups.len(), "the number of groups"),
            Way::Ordered(ordered) => (ordered.cuts.len(), "one less than the number of different keys"),
            _ => (self.rows, "the number of rows"),
        };
        self.check(if matches!(self.way, Way::Ordered(_)) { 3 } else { 2 })?;
        if k < 2 || k > most {
            return Err(Error::Setting {
                what: "the number of folds".into(),
                expected: format!("a number from 2 to {most}, {of}"),
                got: k.to_string(),
            });
        }
        Ok(match &self.way {
            Way::Groups(groups) => {
                let folds = groups.folds(k, self.seed);
                (0..k).map(|fold| self.parts(|row| folds[groups.of(row)] == fold)).collect()
            }
            Way::Ordered(ordered) => {
                let begins = ordered.folds(k);
                let ends = begins[1..].iter().copied().chain([self.rows]);
                begins.iter().zip(ends).map(|(begin, end)| parts_at(&ordered.rows[..end], *begin)).collect()
            }
            _ => {
                let order = self.order();
                (0..k).map(|fold| parts(&order, |i| i % k == fold)).collect()
            }
        })
    }

    /// Checks that there are at least as many groups or different keys as parts.
    fn check(&self, least: usize) -> Result<(), Error> {
        let (what, got) = match &self.way {
            Way::Groups(groups) => ("the number of different groups to split", groups.len()),
            Way::Ordered(ordered) => ("the number of different keys to split by", (ordered.cuts.len() + 1).min(self.rows)),
            Way::Unordered(row) => {
                return Err(Error::Setting {
                    what: format!("the key of row {row}, counting from 0"),
                    expected: "one that can be compared with the others".into(),
                    got: "one that cannot, such as NaN".into(),
                });
            }
            Way::OtherClasses(classes) => {
                return Err(Error::Shape {
                    what: "the classes of a split".into(),
                    expected: format!("{}, the number of rows", self.rows),
                    got: classes.to_string(),
                    advice: "give a class and a group for each row".into(),
                });
            }
            Way::Rows(_) => return Ok(()),
        };
        match got >= least {
            true => Ok(()),
            false => Err(Error::Setting { what: what.into(), expected: format!("at least {least}"), got: got.to_string() }),
        }
    }

    /// The parts by whether a row is in the test part.
    fn parts(&self, tested: impl Fn(usize) -> bool) -> Parts {
        let (test, train) = (0..self.rows).partition(|row| tested(*row));
        Parts { train, test }
    }

    /// The rows in a random order, sorted by class where there are classes.
    fn order(&self) -> Vec<usize> {
        let mut order = shuffled(self.rows, self.seed);
        if let Way::Rows(Some(classes)) = &self.way {
            order.sort_by_key(|row| classes[*row]);
        }
        order
    }
}

/// The numbers below `count` in a random order.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut stream = Philox::new(seed, SPLIT, 0, 0);
    // The shuffle of R. A. Fisher and F. Yates, 1938.
    for i in (1..count).rev() {
        order.swap(i, ((u128::from(stream.next_u64()) * (i as u128 + 1)) >> 64) as usize);
    }
    order
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

/// Divides the rows of an order at a position.
fn parts_at(order: &[usize], cut: usize) -> Parts {
    parts(order, |i| i >= cut)
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

    /// All parts of a split: one held out by that share, and folds.
    fn all_parts(split: &Split, share: f64, k: usize) -> Vec<Parts> {
        [vec![split.hold_out(share).expect("parts")], split.k_fold(k).expect("folds")].concat()
    }

    /// The row numbers are those below `rows`, each once.
    fn is_all(rows: usize, parts: &[&[usize]]) -> bool {
        let mut all = parts.concat();
        all.sort_unstable();
        all.into_iter().eq(0..rows)
    }

    /// Numbers below `below` that look random.
    fn drawn(seed: u64, count: usize, below: u64) -> Vec<usize> {
        let mut stream = Philox::new(seed, 77, 0, 0);
        (0..count).map(|_| (stream.next_u64() % below) as usize).collect()
    }

    #[test]
    fn groups_are_on_one_side_and_shares_are_as_even_as_they_allow() {
        let mut different = 0;
        for seed in 0..200 {
            // Groups of one row to most rows: the product of two numbers is uneven.
            let rows = 20 + 7 * seed as usize;
            let most = 3 + seed % 40;
            let groups: Vec<usize> =
                drawn(seed, rows, most).iter().zip(drawn(seed + 1000, rows, most)).map(|(a, b)| a * b).collect();
            let sizes: Vec<usize> = (0..=*groups.iter().max().expect("rows"))
                .map(|group| groups.iter().filter(|own| **own == group).count())
                .filter(|size| *size > 0)
                .collect();
            let (largest, smallest) = (*sizes.iter().max().expect("groups"), *sizes.iter().min().expect("groups"));
            for share in [0.1, 0.25, 0.5, 0.8] {
                let split = Split::grouped(&groups).seed(seed);
                let k = 2 + seed as usize % (sizes.len() - 1).min(8);
                let all = all_parts(&split, share, k);
                for parts in &all {
                    assert!(is_all(rows, &[&parts.train, &parts.test]) && !parts.train.is_empty() && !parts.test.is_empty());
                    assert!(parts.test.iter().all(|test| parts.train.iter().all(|train| groups[*train] != groups[*test])));
                }
                // No single group that changes sides would bring the share closer, unless a side had none left.
                let off = (all[0].test.len() as f64 - share * rows as f64).abs();
                assert!(off <= (largest as f64 / 2.0).max(smallest as f64), "{share} of {rows} rows is off by {off}: {sizes:?}");
                // Each group is in one fold, and the folds differ by one group at most.
                let tests: Vec<&[usize]> = all[1..].iter().map(|fold| fold.test.as_slice()).collect();
                assert!(is_all(rows, &tests));
                let lengths: Vec<usize> = tests.iter().map(|test| test.len()).collect();
                assert!(lengths.iter().max() <= lengths.iter().min().map(|least| least + largest).as_ref(), "{lengths:?}");
                assert_eq!(all, all_parts(&split, share, k), "the same seed gives the same split");
                different += usize::from(all[0] != split.clone().seed(seed + 1).hold_out(share).expect("parts"));
            }
        }
        assert!(different > 600, "other seeds give other splits: {different}");
    }

    /// The same seed gives the same split in later versions, too.
    #[test]
    fn splits_by_groups_stay_the_same() {
        let (groups, classes): (Vec<usize>, Vec<usize>) = (0..24).map(|row| (row * row % 10, row % 3)).unzip();
        let parts =
            |split: Split| (split.hold_out(0.25).expect("parts").test, split.k_fold(3).expect("folds").swap_remove(1).test);
        assert_eq!(parts(Split::grouped(&groups).seed(3)), (vec![1, 9, 11, 19, 21], vec![0, 3, 7, 10, 13, 17, 20, 23]));
        assert_eq!(
            parts(Split::stratified_grouped(&classes, &groups).seed(3)),
            (vec![1, 9, 11, 19, 21], vec![3, 5, 7, 13, 15, 17, 23])
        );
    }

    #[test]
    fn groups_of_one_row_are_rows() {
        for rows in [2, 3, 10, 101] {
            let groups: Vec<usize> = (0..rows).collect();
            for share in [0.1, 0.3, 0.5, 0.9] {
                if let Ok(parts) = Split::new(rows).hold_out(share) {
                    let grouped = Split::grouped(&groups).hold_out(share).expect("parts");
                    assert!(grouped.test.len().abs_diff(parts.test.len()) <= 1, "{share} of {rows}: {grouped:?}");
                }
            }
            let folds = Split::grouped(&groups).k_fold(2).expect("folds");
            assert_eq!(folds[0].test.len(), rows.div_ceil(2));
        }
    }

    /// With two groups, each side has one, whatever the share. The smaller one is held out by a small share.
    #[test]
    fn two_groups_are_one_for_each_side() {
        let groups: Vec<&str> = (0..100).map(|row| if row < 90 { "a" } else { "b" }).collect();
        for seed in 0..20 {
            for (share, test) in [(0.01, 10), (0.2, 10), (0.4, 10), (0.8, 90), (0.99, 90)] {
                let parts = Split::grouped(&groups).seed(seed).hold_out(share).expect("parts");
                assert_eq!(parts.test.len(), test, "{share}, seed {seed}");
            }
        }
    }

    /// Stratified groups have the shares of their classes closer than groups alone, and where it is possible exactly.
    #[test]
    fn stratified_groups_keep_the_shares_of_classes() {
        let off = |parts: &Parts, classes: &[usize], share: f64| -> f64 {
            let count = |rows: &[usize], class: usize| rows.iter().filter(|row| classes[**row] == class).count() as f64;
            let total = |class: usize| count(&parts.test, class) + count(&parts.train, class);
            (0..3).map(|class| (count(&parts.test, class) / total(class).max(1.0) - share).abs()).sum()
        };
        let (mut plain, mut stratified) = ((0.0, 0.0), (0.0, 0.0));
        for seed in 0..100 {
            let rows = 300;
            let groups = drawn(seed, rows, 30);
            // The classes depend on the group, the third one is rare.
            let classes: Vec<usize> = groups.iter().map(|group| if *group < 4 { 2 } else { group % 2 }).collect();
            let with = Split::stratified_grouped(&classes, &groups).seed(seed);
            let without = Split::grouped(&groups).seed(seed);
            for (split, sums) in [(without, &mut plain), (with, &mut stratified)] {
                let all = all_parts(&split, 0.25, 4);
                for parts in &all {
                    assert!(parts.test.iter().all(|test| parts.train.iter().all(|train| groups[*train] != groups[*test])));
                }
                sums.0 += off(&all[0], &classes, 0.25);
                sums.1 += all[1..].iter().map(|fold| off(fold, &classes, 0.25)).sum::<f64>() / 4.0;
            }
        }
        assert!(stratified.0 < 0.5 * plain.0 && stratified.1 < 0.5 * plain.1, "{stratified:?}, without classes {plain:?}");
        // Eight groups of four rows, of which half have each class.
        let (groups, classes): (Vec<usize>, Vec<usize>) = (0..32).map(|row| (row / 4, row / 4 % 2)).unzip();
        for seed in 0..20 {
            for parts in all_parts(&Split::stratified_grouped(&classes, &groups).seed(seed), 0.25, 4) {
                assert_eq!(off(&parts, &classes, 0.25) - (0.25f64).abs(), 0.0, "class 2 has no rows; the others are exact");
            }
        }
    }

    #[test]
    fn ordered_splits_train_on_earlier_rows_and_keep_ties_together() {
        for seed in 0..200 {
            let rows = 12 + 5 * seed as usize;
            // From many ties to none.
            let keys: Vec<f64> = drawn(seed, rows, 4 + seed * seed * 10).iter().map(|key| *key as f64 / 7.0 - 3.0).collect();
            let mut different = keys.clone();
            different.sort_by(f64::total_cmp);
            different.dedup();
            let longest = different.iter().map(|key| keys.iter().filter(|own| *own == key).count()).max().expect("rows");
            let latest = |rows: &[usize]| rows.iter().map(|row| keys[*row]).fold(f64::NEG_INFINITY, f64::max);
            let earliest = |rows: &[usize]| rows.iter().map(|row| keys[*row]).fold(f64::INFINITY, f64::min);
            let split = Split::ordered(&keys).seed(seed);
            for share in [0.1, 0.3, 0.5, 0.9] {
                let parts = split.hold_out(share).expect("parts");
                assert!(is_all(rows, &[&parts.train, &parts.test]) && latest(&parts.train) < earliest(&parts.test));
                let off = (parts.test.len() as f64 - share * rows as f64).abs();
                // At the ends there is only one cut to choose.
                assert!(off <= longest as f64, "{share} of {rows} rows is off by {off}, the longest tie has {longest}");
                assert_eq!(Ok(parts), Split::ordered(&keys).hold_out(share), "the seed has no effect");
            }
            let k = 2 + seed as usize % (different.len() - 2).min(9);
            let folds = split.k_fold(k).expect("folds");
            assert_eq!(folds.len(), k);
            let mut before = folds[0].train.clone();
            for fold in &folds {
                before.sort_unstable();
                assert!(fold.train == before && !fold.train.is_empty() && !fold.test.is_empty());
                assert!(latest(&fold.train) < earliest(&fold.test));
                before.extend(&fold.test);
            }
            assert!(is_all(rows, &[&before]), "the last fold ends with the last row");
        }
    }

    /// Without ties, the folds are those of scikit-learn's TimeSeriesSplit(n_splits=3) for 10 and 11 rows.
    #[test]
    fn ordered_folds_are_those_of_time_series_split() {
        for (rows, begins) in [(10, [4, 6, 8]), (11, [5, 7, 9])] {
            let keys: Vec<usize> = (0..rows).collect();
            for (fold, begin) in Split::ordered(&keys).k_fold(3).expect("folds").iter().zip(begins) {
                assert!(fold.train.iter().copied().eq(0..begin) && fold.test.iter().copied().eq(begin..begin + 2), "{fold:?}");
            }
        }
    }

    #[test]
    fn rows_that_cannot_be_split_are_refused() {
        let message = |split: &Split| split.hold_out(0.5).expect_err("refused").to_string();
        assert!(message(&Split::grouped(&["a"; 8])).contains("different groups to split: expected at least 2, got 1"));
        assert!(message(&Split::ordered(&[3.5; 8])).contains("different keys to split by: expected at least 2, got 1"));
        assert!(message(&Split::ordered(&[1.0, f64::NAN, 2.0])).contains("the key of row 1"));
        assert!(message(&Split::stratified_grouped(&[0, 1], &[1, 2, 3])).contains("classes of a split: expected 3"));
        let folds = |split: &Split, k: usize| split.k_fold(k).expect_err("refused").to_string();
        assert!(folds(&Split::grouped(&[1, 2, 2, 3]), 4).contains("from 2 to 3, the number of groups"));
        assert!(folds(&Split::ordered(&[1, 2, 2, 3]), 3).contains("from 2 to 2, one less"));
        assert!(folds(&Split::ordered(&[1, 2, 2]), 2).contains("expected at least 3, got 2"));
        for split in [Split::grouped::<u8>(&[]), Split::ordered::<u8>(&[])] {
            assert!(split.hold_out(0.5).is_err() && split.k_fold(2).is_err());
        }
        for share in [0.0, 1.0, -1.0, 0.001, 0.999, f64::NAN] {
            assert!(Split::grouped(&[1, 2, 3]).hold_out(share).is_err(), "{share}");
            assert!(Split::ordered(&[1, 2, 3]).hold_out(share).is_err(), "{share}");
        }
    }
}
