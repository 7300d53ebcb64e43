//! The row order of an epoch: a permutation that can be computed for each position independently.

use crate::random::{Philox, SHUFFLE};

/// The order in which an epoch visits `rows` rows: as given, or shuffled by a seed. It is the same as in
/// shaders/order.wgsl, whose head explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The number of rows.
    pub rows: usize,
    /// The seed of the shuffle; `None` keeps the rows in the given order.
    pub seed: Option<u64>,
}

/// The number of mixing rounds for fewer than 64 rows, and from 64 rows on. With sixteen rounds, the orders of up to
/// six rows are equally likely within 2 %, by an exact count over everything the rounds can do. With ten rounds the
/// test below fails.
const ROUNDS: [u32; 2] = [16, 8];

impl Order {
    /// The ranges of the two digits that a position is written with, and the number of rounds that mix them.
    pub fn digits(&self) -> (u32, u32, u32) {
        let root = self.rows.isqrt();
        let y = (root + usize::from(root * root < self.rows)).max(1);
        let x = self.rows.div_ceil(y).max(1);
        (x as u32, y as u32, if self.seed.is_some() { ROUNDS[usize::from(self.rows >= 64)] } else { 0 })
    }

    /// The row at that position of that epoch. All are counted from 0.
    pub fn row(&self, epoch: u32, place: usize) -> usize {
        let (x_range, y_range, rounds) = self.digits();
        let mut place = place as u32;
        loop {
            let (mut x, mut y) = (place / y_range, place % y_range);
            for round in 0..rounds {
                let on_x = round % 2 == 0;
                let digit = if on_x { y } else { x };
                let random = Philox::words(self.seed.unwrap_or(0), [digit, round, epoch, SHUFFLE])[0];
                let below = |range: u32| ((u64::from(random) * u64::from(range)) >> 32) as u32;
                if on_x {
                    x = (x + below(x_range)) % x_range;
                } else {
                    y = (y + below(y_range)) % y_range;
                }
            }
            place = x * y_range + y;
            if (place as usize) < self.rows {
                return place as usize;
            }
        }
    }

    /// All rows in that epoch's order.
    pub fn all(&self, epoch: u32) -> Vec<usize> {
        (0..self.rows).map(|place| self.row(epoch, place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn every_row_comes_once_an_epoch() {
        for rows in (1..70).chain([100, 127, 128, 1000, 1797, 4097]) {
            for epoch in 0..3 {
                let mut order = Order { rows, seed: Some(7) }.all(epoch);
                order.sort_unstable();
                assert!(order.iter().copied().eq(0..rows), "{rows} rows, epoch {epoch}");
            }
        }
        assert!(Order { rows: 100, seed: None }.all(5).into_iter().eq(0..100));
    }

    /// All orders of up to five rows are equally frequent, by a χ² test whose quantile is exceeded once in ten thousand
    /// runs.
    #[test]
    fn all_orders_of_few_rows_are_equally_likely() {
        for (rows, orders, quantile) in [(2, 2.0, 15.1), (3, 6.0, 25.7), (4, 24.0, 55.0), (5, 120.0, 186.0)] {
            let mut counts: HashMap<Vec<usize>, f64> = HashMap::new();
            let draws = 12_000;
            for epoch in 0..draws {
                *counts.entry(Order { rows, seed: Some(3) }.all(epoch)).or_default() += 1.0;
            }
            let expected = f64::from(draws) / orders;
            let missing = orders - counts.len() as f64;
            let chi: f64 = counts.values().map(|n| (n - expected).powi(2) / expected).sum::<f64>() + missing * expected;
            assert!(chi < quantile, "{rows} rows: χ² is {chi}");
        }
    }

    /// In longer orders, the row at each position and the pairs of successive rows are distributed as by chance.
    #[test]
    fn pairs_and_positions_are_as_random_as_expected() {
        for rows in [60, 64] {
            let draws = 6000;
            let (mut places, mut next) = (vec![0.0f64; rows * rows], vec![0.0f64; rows * rows]);
            for epoch in 0..draws {
                let order = Order { rows, seed: Some(11) }.all(epoch);
                for (place, row) in order.iter().enumerate() {
                    places[place * rows + row] += 1.0;
                }
                for pair in order.windows(2) {
                    next[pair[0] * rows + pair[1]] += 1.0;
                }
            }
            let chi = |counts: &[f64], expected: f64| counts.iter().map(|n| (n - expected).powi(2) / expected).sum::<f64>();
            // Each statistic has about (rows - 1)² degrees of freedom, with a standard deviation of √2 (rows - 1). Five
            // are allowed.
            let freedom = (rows as f64 - 1.0).powi(2);
            let most = freedom + 5.0 * (2.0 * freedom).sqrt();
            let placed = chi(&places, f64::from(draws) / rows as f64);
            assert!(placed < most, "places: χ² is {placed}");
            for row in 0..rows {
                assert_eq!(next[row * rows + row], 0.0);
                next[row * rows + row] = f64::from(draws) / rows as f64;
            }
            let followed = chi(&next, f64::from(draws) / rows as f64);
            assert!(followed < most, "neighbours: χ² is {followed}");
        }
    }
}
