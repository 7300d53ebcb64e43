//! The steps of an epoch, and the rows of each.

use crate::data::Order;
use crate::settings::Fit;

/// What one step needs to know beyond the plan.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub learning_rate: f64,
    /// The same as a multiple of the learning rate that was set, and what is added to that.
    pub rates: [f64; 2],
    /// The step since the optimizer began, counted from 1.
    pub number: u64,
    /// The epoch since the model began, from 0.
    pub epoch: u32,
    /// The step in it, from 0.
    pub batch: u32,
}

/// How the rows of an epoch become batches.
#[derive(Clone, Copy, Debug)]
pub struct Batches {
    pub rows: usize,
    /// Of a full one.
    pub size: usize,
    pub order: Order,
}

impl Batches {
    pub fn of(fit: &Fit, rows: usize) -> Self {
        let size = fit.batch_size.unwrap_or(rows).min(rows);
        // A single batch has all rows, in whichever order.
        let seed = Some(fit.seed).filter(|_| fit.shuffle && size < rows);
        Self { rows, size, order: Order { rows, seed } }
    }

    /// Steps in an epoch.
    pub fn steps(&self) -> usize {
        self.rows.div_ceil(self.size)
    }

    /// The rows of the last batch, if it is a shorter one.
    pub fn rest(&self) -> Option<usize> {
        Some(self.rows % self.size).filter(|rest| *rest > 0)
    }

    /// Which rows of the data a batch has.
    pub fn rows_of(&self, epoch: u32, batch: u32) -> Vec<usize> {
        let first = batch as usize * self.size;
        (first..self.rows.min(first + self.size)).map(|place| self.order.row(epoch, place)).collect()
    }
}
