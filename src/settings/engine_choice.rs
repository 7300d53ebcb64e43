//! Which engine trains.

/// Selects the engine on a device that runs shaders. The engines agree within rounding.
/// [`Model::engine`](crate::Model::engine) tells which one will train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineChoice {
    /// The fused engine if it supports the training and is faster, which depends only on the network, the rows and the
    /// adapter. In a [`Sweep`](crate::Sweep): the fused engine whenever it supports the training.
    #[default]
    Auto,
    /// One dispatch for each stage of a step.
    Staged,
    /// Many epochs in one dispatch. If this engine does not support the training, the staged engine trains, with a
    /// warning in the log.
    Fused,
}
