//! What a log callback returns.

/// What the closure of [`fit_with`](crate::Model::fit_with) may return: nothing, or
/// [`ControlFlow`](std::ops::ControlFlow) to stop the training.
pub trait Answer {
    /// Whether training continues.
    fn goes_on(&self) -> bool;
}

impl Answer for () {
    fn goes_on(&self) -> bool {
        true
    }
}

impl Answer for std::ops::ControlFlow<()> {
    fn goes_on(&self) -> bool {
        self.is_continue()
    }
}
