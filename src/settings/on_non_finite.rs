//! What happens when the loss or a weight is no longer finite.

/// What to do when the loss or a weight is no longer finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnNonFinite {
    /// Stop with [`Error::Diverged`](crate::Error::Diverged). The model keeps the weights of the previous log point, or
    /// otherwise those that it was resumed with or had before the call. The optimizer state is then reset.
    #[default]
    Stop,
    /// Continue training.
    Continue,
}
