//! What training reports: the loss of every epoch, and the log on the way.

/// What [`fit`](crate::Model::fit) returns.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The loss of every epoch, of the weights before its update; `loss[0]` belongs to epoch 1.
    pub loss: Vec<f64>,
}

/// A log point, handed to the closure of [`fit_with`](crate::Model::fit_with).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Log {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Its loss, of the weights before its update.
    pub loss: f64,
}

/// What [`evaluate`](crate::Model::evaluate) returns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The loss over all rows.
    pub loss: f64,
    /// The share of outputs that are on their target's side, for targets of 0 and 1: Keras's binary accuracy. An output above a half
    /// counts as 1, any other as 0; a target that is neither is never met. (Keras's `"accuracy"` is another one, the categorical, where
    /// there are several outputs.)
    pub accuracy: f64,
}
