//! Early stopping: keeps the best watched loss.

/// The best watched loss so far.
#[derive(Clone, Debug, Default)]
pub struct BestLoss {
    pub best: Option<f64>,
    pub best_epoch: Option<usize>,
    /// The number of epochs since it improved.
    pub since: usize,
}

impl BestLoss {
    /// Records the loss of an epoch and returns whether it is the best so far.
    pub fn improves(&mut self, loss: f64, min_delta: f64, epoch: usize) -> bool {
        let better = self.best.map_or(!loss.is_nan(), |best| loss < best - min_delta);
        if better {
            (self.best, self.best_epoch, self.since) = (Some(loss), Some(epoch), 0);
        } else {
            self.since += 1;
        }
        better
    }
}
