//! Cancelling a training run from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A switch to cancel a training run from another thread.
///
/// Training ends after the current step, or within a quarter of a second of device time if steps are shorter. The model
/// keeps the weights reached by then, unless early stopping restores the best weights. The history contains only
/// complete epochs: an epoch that was interrupted, or whose validation rows were not evaluated, is left out, and no
/// [`Checkpoint`](crate::Checkpoint) is written for it. If training had already ended, [`Ended`](crate::Ended) gives the
/// actual reason.
///
/// ```
/// use shaderprop::{Cancel, Fit};
/// let cancel = Cancel::new();
/// let fit = Fit::new().cancel(&cancel);
/// std::thread::spawn(move || cancel.cancel());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl From<Arc<AtomicBool>> for Cancel {
    /// A switch backed by an existing flag, such as one that a signal handler sets.
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }
}

impl Cancel {
    /// A new switch, not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels the training runs that use this switch.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has been cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
