//! Early stopping: the best of the watched losses.

/// The best of the watched losses.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    pub best: Option<f64>,
    pub best_epoch: Option<usize>,
    /// Epochs since it improved.
    pub since: usize,
}

impl Watch {
    /// Takes note of an epoch's loss, and says whether it is the best yet.
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
