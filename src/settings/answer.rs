//! What a log callback returns.

/// What the closure of [`fit_with`](crate::Model::fit_with) may return: nothing, or
/// [`ControlFlow`](std::ops::ControlFlow) to stop training.
pub trait Answer {
    /// Whether training continues.
    fn continues(&self) -> bool;
}

impl Answer for () {
    fn continues(&self) -> bool {
        true
    }
}

impl Answer for std::ops::ControlFlow<()> {
    fn continues(&self) -> bool {
        self.is_continue()
    }
}
