//! Where a training run's state is saved.

use std::path::PathBuf;

/// Saves the complete state of a training run to a file, so that [`Model::resume`](crate::Model::resume) can continue
/// after any interruption. The state is the weights, the optimizer state, the progress of the schedule and of early
/// stopping, and the history. On the same device the final result is bit for bit that of an uninterrupted run.
///
/// A checkpoint is written at a fixed number of epochs and at the end. Each one replaces the one before atomically. None
/// is written within an epoch: if a run is cancelled there, the file keeps the last whole epoch that was saved.
/// [`Model::load`](crate::Model::load) can load the weights from it.
///
/// ```
/// use shaderprop::{Checkpoint, Fit};
/// let fit = Fit::new().epochs(100).checkpoint(Checkpoint::new("run.checkpoint").every(10));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub(crate) path: PathBuf,
    pub(crate) every: usize,
    pub(crate) overwrite: bool,
}

impl Checkpoint {
    /// A checkpoint in that file after every epoch.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), every: 1, overwrite: false }
    }

    /// Sets how many epochs pass between checkpoints, at least 1. The default is 1. For each checkpoint the weights are
    /// read back from the device.
    #[must_use]
    pub fn every(mut self, epochs: usize) -> Self {
        self.every = epochs;
        self
    }

    /// Sets whether a new training run may replace an existing file. The default is false. A training run that is
    /// resumed from the file always replaces it.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }
}
