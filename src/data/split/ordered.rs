//! Splits rows by a key such as the time: training sees earlier rows than testing.

use std::cmp::Ordering;

/// Rows sorted by a key.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// The rows by key, lowest first; the earlier row of two with equal keys first.
    pub rows: Vec<usize>,
    /// The positions at which the order can be cut: where the key differs from the one before.
    pub cuts: Vec<usize>,
}

impl Ordered {
    /// Sorts the rows; the first row whose key cannot be compared, such as NaN, if there is one.
    pub fn new<K: PartialOrd>(keys: &[K]) -> Result<Self, usize> {
        if let Some(row) = keys.iter().position(|key| key.partial_cmp(key).is_none()) {
            return Err(row);
        }
        let compared = |a: usize, b: usize| keys[a].partial_cmp(&keys[b]).unwrap_or(Ordering::Equal);
        let mut rows: Vec<usize> = (0..keys.len()).collect();
        rows.sort_by(|a, b| compared(*a, *b));
        let cuts = (1..rows.len()).filter(|i| compared(rows[i - 1], rows[*i]) != Ordering::Equal).collect();
        Ok(Self { rows, cuts })
    }

    /// Where to cut to hold out about that many rows; there is a cut.
    pub fn cut(&self, held: usize) -> usize {
        self.cuts[self.nearest(self.rows.len() - held, 0, self.cuts.len())]
    }

    /// Where the test part of each fold begins; there are at least as many cuts as folds.
    pub fn folds(&self, k: usize) -> Vec<usize> {
        let each = self.rows.len() / (k + 1);
        let mut next = 0;
        let cut = |fold: usize| {
            // Leaves a cut for each later fold.
            let cut = self.nearest(self.rows.len() - (k - fold) * each, next, self.cuts.len() - (k - fold - 1));
            next = cut + 1;
            self.cuts[cut]
        };
        (0..k).map(cut).collect()
    }

    /// The cut that is nearest to a position, of those from `first` to before `end`; the later one of two.
    fn nearest(&self, position: usize, first: usize, end: usize) -> usize {
        let above = first + self.cuts[first..end].partition_point(|cut| *cut < position);
        match above {
            above if above == first => first,
            above if above == end => end - 1,
            above if self.cuts[above] - position <= position - self.cuts[above - 1] => above,
            above => above - 1,
        }
    }
}
