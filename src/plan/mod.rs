//! Planning: from shapes and limits to dispatches, as pure functions that can be tested without a device.
//!
//! Uses `network`, `data` (the order of rows), `settings` (what is counted) and `kernel`.

mod dispatch;
mod estimate;
mod fused;
mod ids;
mod pieces;
mod products;
mod program;
mod stages;
mod steps;
mod task;
mod tensors;

pub(crate) use self::dispatch::PARAMS_STRIDE;
pub use self::dispatch::{Dispatch, Operand};
pub use self::fused::{FiniteCheckProgram, FusedIds, FusedRun, FusedTraining, Orders};
pub use self::ids::{BatchIds, EvaluationIds, LayerIds, Piece, PlansParameters, PredictionIds, StepTable, TrainingIds};
pub use self::products::{Ending, Factors};
pub use self::program::{Plan, Planned, VERSION};
pub use self::stages::{Chance, Dropout, LossOf, Outputs, Slot, Update};
pub use self::task::{EvaluationStep, Source, TableSize, TrainingStep};
pub(crate) use self::tensors::readable;
pub use self::tensors::{Id, PlannedTensor};
