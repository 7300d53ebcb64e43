//! The staged engine: replays a plan with one dispatch for each stage of a step.

mod plan;
mod replay;
mod training;

pub use self::plan::{Gathered, plan, ways};
pub use self::replay::{Staged, Step};
pub use self::training::{Measuring, StagedEngine, evaluation_steps, read_measured};
