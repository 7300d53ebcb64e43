//! Training settings: `Fit` and its parts, schedules, metrics.
//!
//! Uses `network` and `data`.

mod answer;
mod cancel;
mod checkpoint;
mod early_stopping;
mod engine_choice;
mod fit;
mod metric;
mod on_non_finite;
mod schedule;

pub use self::answer::Answer;
pub use self::cancel::Cancel;
pub use self::checkpoint::Checkpoint;
pub use self::early_stopping::EarlyStopping;
pub use self::engine_choice::EngineChoice;
pub use self::fit::Fit;
pub(crate) use self::fit::Validation;
pub use self::metric::{Counts, Metric, Scores};
pub(crate) use self::metric::{Measured, Scale, confusion};
pub use self::on_non_finite::OnNonFinite;
pub(crate) use self::schedule::Plateau;
pub use self::schedule::Schedule;
