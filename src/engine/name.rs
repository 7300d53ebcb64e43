//! The engines by name.

use std::fmt;

/// What trains a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// A dispatch for each stage of a step.
    #[default]
    Staged,
    /// Many epochs in a dispatch.
    Fused,
    /// The CPU engine, in f64.
    Cpu,
}

/// Which engine trains, and why: what [`Model::engine`](crate::Model::engine) says. It prints itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineReport {
    /// The engine.
    pub engine: Engine,
    /// Why.
    pub why: String,
}

impl Engine {
    /// Its name: `staged`, `fused`, `cpu`.
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
        write!(f, "{}: {}", self.engine, self.why)
    }
}
