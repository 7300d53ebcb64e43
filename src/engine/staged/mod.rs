//! The staged engine: replays a plan with one dispatch for each stage of a step.

mod engine;
mod plan;
mod replay;

pub use self::engine::{Measuring, StagedEngine, evaluation_steps, read_measured};
pub use self::plan::{Gathered, plan, ways};
pub use self::replay::{Staged, Step};
