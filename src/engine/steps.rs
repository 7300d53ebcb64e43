//! The steps of an epoch and their rows.

use crate::data::Order;
use crate::settings::Fit;

/// What a step needs to know besides the plan.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub learning_rate: f64,
    /// The learning rate as a factor for the rate that was set, and a shift that is added.
    pub rates: [f64; 2],
    /// The number of the step since the optimizer started, from 1.
    pub number: u64,
    /// The epoch since the model was created, from 0.
    pub epoch: u32,
    /// The batch within the epoch, from 0.
    pub batch: u32,
}

/// How the rows of an epoch are divided into batches.
#[derive(Clone, Copy, Debug)]
pub struct Batches {
    pub rows: usize,
    /// The number of rows in a full batch.
    pub size: usize,
    pub order: Order,
}

impl Batches {
    pub fn of(fit: &Fit, rows: usize) -> Self {
        let size = fit.batch_size.unwrap_or(rows).min(rows);
        // A single batch contains all rows, so their order does not matter.
        let seed = Some(fit.seed).filter(|_| fit.shuffle && size < rows);
        Self { rows, size, order: Order { rows, seed } }
    }

    /// The number of steps in an epoch.
    pub fn steps(&self) -> usize {
        self.rows.div_ceil(self.size)
    }

    /// The number of rows in the last batch, if it is smaller.
    pub fn rest(&self) -> Option<usize> {
        Some(self.rows % self.size).filter(|rest| *rest > 0)
    }

    /// The indices of the rows of a batch.
    pub fn rows_of(&self, epoch: u32, batch: u32) -> Vec<usize> {
        let first = batch as usize * self.size;
        (first..self.rows.min(first + self.size)).map(|place| self.order.row(epoch, place)).collect()
    }
}
