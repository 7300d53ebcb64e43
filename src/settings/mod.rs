//! Settings of a training: `Fit` and its parts, schedules, metrics.
//!
//! Uses `network` and `data`.

mod fit;
mod metric;
mod schedule;

pub(crate) use self::fit::Validation;
pub use self::fit::{Answer, Cancel, Checkpoint, EarlyStopping, EngineChoice, Fit, OnNonFinite};
pub use self::metric::{Counts, Metric, Scores};
pub(crate) use self::metric::{Measured, Scale, confusion};
pub(crate) use self::schedule::Plateau;
pub use self::schedule::Schedule;
