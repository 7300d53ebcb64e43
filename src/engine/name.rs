//! The names of the engines.

use std::fmt;

/// The engine that trains a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// One dispatch for each stage of a step.
    #[default]
    Staged,
    /// Many epochs in one dispatch.
    Fused,
    /// The CPU engine, in f64.
    Cpu,
}

/// The engine that will train, and the reason, as returned by [`Model::engine`](crate::Model::engine). It implements
/// `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineReport {
    /// The engine.
    pub engine: Engine,
    /// The reason for choosing it.
    pub reason: String,
}

impl Engine {
    /// The engine's name: `staged`, `fused` or `cpu`.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Staged => "staged",
            Engine::Fused => "fused",
            Engine::Cpu => "cpu",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for EngineReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.engine, self.reason)
    }
}
