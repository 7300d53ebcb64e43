//! Stopping before the last epoch.

/// Stops training before the last epoch when the monitored loss has not improved for some epochs. The monitored loss is
/// that of the validation rows if there are any, and otherwise the training loss.
///
/// ```
/// use shaderprop::EarlyStopping;
/// let stopping = EarlyStopping::patience(5).min_delta(1e-4).restore_best(false);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    pub(crate) patience: usize,
    pub(crate) min_delta: f64,
    pub(crate) restore_best: bool,
}

impl EarlyStopping {
    /// Stops after this many epochs without improvement, at least 1. By default the best weights are restored at the
    /// end.
    pub fn patience(epochs: usize) -> Self {
        Self { patience: epochs, min_delta: 0.0, restore_best: true }
    }

    /// Sets how far below the best loss a loss must be to count as an improvement. The default is 0.
    #[must_use]
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = delta;
        self
    }

    /// Sets whether the weights of the best epoch are restored at the end. The default is true. The snapshot is kept on
    /// the device.
    #[must_use]
    pub fn restore_best(mut self, restore: bool) -> Self {
        self.restore_best = restore;
        self
    }
}
