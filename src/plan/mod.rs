//! From shapes and limits to dispatches: pure, and tested as such.
//!
//! Uses `network`, `data` (the order of rows), `settings` (what is counted) and `kernel`.

mod build;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod plan;
mod products;
mod stages;
mod task;

pub use self::plan::{Dispatch, Id, Operand, Plan, Tensor, VERSION};
pub(crate) use self::plan::{ONE_WORKGROUP, PARAMS_STRIDE, readable};
pub(crate) use self::task::{EVALUATION, NOT_FINITE};
pub use self::task::{Evaluation, Outputs, Piece, Slot, Source, Table, Training};
