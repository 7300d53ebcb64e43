//! Splits groups of rows: a group is in one part only.

use std::collections::BTreeMap;

use super::shuffled;

/// The maximum number of passes over the groups. Most splits need three.
const PASSES: usize = 20;

/// Rows in groups, with or without classes.
#[derive(Clone, Debug)]
pub struct Groups {
    /// The group of each row, counted from 0.
    of: Vec<usize>,
    groups: Vec<Group>,
    /// The number of rows of each class, if the classes are to keep their shares.
    totals: Vec<f64>,
}

/// The rows of a group.
#[derive(Clone, Debug)]
struct Group {
    rows: f64,
    /// The number of rows of each class that occurs.
    classes: Vec<(usize, f64)>,
}

/// A part that groups are put into.
#[derive(Clone)]
struct Part {
    /// The number of rows above the wanted one; below it if negative.
    rows: f64,
    /// The same for each class.
    classes: Vec<f64>,
}

impl Groups {
    /// Groups of rows with equal labels. The `classes` have the same length, or there are none.
    pub fn new<G: Ord>(labels: &[G], classes: Option<&[usize]>) -> Self {
        let of = numbered(labels);
        let classes = classes.map_or(Vec::new(), numbered);
        let count = |numbers: &[usize]| numbers.iter().max().map_or(0, |most| most + 1);
        let mut groups = vec![Group { rows: 0.0, classes: Vec::new() }; count(&of)];
        of.iter().for_each(|group| groups[*group].rows += 1.0);
        let mut totals = vec![0.0; count(&classes)];
        let mut pairs: Vec<_> = of.iter().copied().zip(classes).collect();
        pairs.sort_unstable();
        for run in pairs.chunk_by(|a, b| a == b) {
            let ((group, class), rows) = (run[0], run.len() as f64);
            groups[group].classes.push((class, rows));
            totals[class] += rows;
        }
        Self { of, groups, totals }
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The group of a row.
    pub fn of(&self, row: usize) -> usize {
        self.of[row]
    }

    /// Whether each group is held out. There are at least two groups, and at least one in each part.
    pub fn held_out(&self, share: f64, seed: u64) -> Vec<bool> {
        // The smaller part is filled, so that a group that is larger than this part stays in the other one.
        let (smaller, test) = if share <= 0.5 { (share, true) } else { (1.0 - share, false) };
        let order = shuffled(self.len(), seed);
        let mut part = self.empty(smaller);
        let (mut inside, mut count) = (vec![false; self.len()], 0);
        // Any group is moved if this brings the part closer to its share of the rows and of each class.
        for _ in 0..PASSES {
            let mut moved = false;
            for &group in &order {
                let last = if inside[group] { count == 1 } else { count + 1 == self.len() };
                if last || self.change(&part, group, !inside[group]) >= 0.0 {
                    continue;
                }
                inside[group] = !inside[group];
                count = if inside[group] { count + 1 } else { count - 1 };
                self.put(&mut part, group, inside[group]);
                moved = true;
            }
            if !moved {
                break;
            }
        }
        // All groups are much larger than the share: takes the one that fits best.
        if count == 0
            && let Some(best) =
                order.into_iter().min_by(|a, b| self.change(&part, *a, true).total_cmp(&self.change(&part, *b, true)))
        {
            inside[best] = true;
        }
        inside.into_iter().map(|inside| inside == test).collect()
    }

    /// The fold of each group. There are at least as many groups as folds, and at least one in each fold.
    pub fn folds(&self, k: usize, seed: u64) -> Vec<usize> {
        let mut order = shuffled(self.len(), seed);
        // The largest come first, because the small ones can even out what those leave uneven.
        order.sort_by(|a, b| self.groups[*b].rows.total_cmp(&self.groups[*a].rows));
        let mut parts = vec![self.empty(0.0); k];
        let mut folds = vec![0; self.len()];
        for group in order {
            let changes: Vec<f64> = parts.iter().map(|part| self.change(part, group, true)).collect();
            // An empty fold always has the smallest change.
            let best = (1..k).fold(0, |best, fold| if changes[fold] < changes[best] { fold } else { best });
            self.put(&mut parts[best], group, true);
            folds[group] = best;
        }
        folds
    }

    /// A part without groups that is to have that share.
    fn empty(&self, share: f64) -> Part {
        Part { rows: -share * self.of.len() as f64, classes: self.totals.iter().map(|total| -share * total).collect() }
    }

    /// How much further from its share a part is with a group more, or less: the sum of the squared differences, each
    /// relative to the number of all such rows.
    fn change(&self, part: &Part, group: usize, more: bool) -> f64 {
        let group = &self.groups[group];
        let change = |above: f64, rows: f64, total: f64| rows * (rows + if more { 2.0 * above } else { -2.0 * above }) / total;
        let classes = group.classes.iter().map(|(class, rows)| change(part.classes[*class], *rows, self.totals[*class]));
        change(part.rows, group.rows, self.of.len() as f64) + classes.sum::<f64>()
    }

    fn put(&self, part: &mut Part, group: usize, more: bool) {
        let group = &self.groups[group];
        let sign = if more { 1.0 } else { -1.0 };
        part.rows += sign * group.rows;
        group.classes.iter().for_each(|(class, rows)| part.classes[*class] += sign * rows);
    }
}

/// Numbers for labels, counted from 0 in the order in which they first occur.
fn numbered<G: Ord>(labels: &[G]) -> Vec<usize> {
    let mut numbers = BTreeMap::new();
    let number = |label| {
        let next = numbers.len();
        *numbers.entry(label).or_insert(next)
    };
    labels.iter().map(number).collect()
}
