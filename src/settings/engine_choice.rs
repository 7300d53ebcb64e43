//! Which engine trains.

/// Selects the engine on a device that runs shaders. The results of the engines agree to within rounding errors.
/// [`Model::engine`](crate::Model::engine) tells which one will be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineChoice {
    /// The fused engine if it supports the settings and is faster, which depends only on the network, the rows and the
    /// adapter. In a [`Sweep`](crate::Sweep): the fused engine whenever it supports the settings.
    #[default]
    Auto,
    /// One dispatch for each stage of a step.
    Staged,
    /// Many epochs in one dispatch. If this engine does not support the settings, the staged engine is used, and a
    /// warning is logged.
    Fused,
}
