//! Training: the loop, its start and its results, stopping, checkpoints.
//!
//! Uses `engine`, `file` (a checkpoint's bytes) and the modules below them.

mod checkpoint;
mod diverged;
mod frame;
mod history;
mod readout;
mod run;
mod start;
mod state;
mod summary;
mod training;
mod training_data;
mod watch;

pub use self::checkpoint::{circumstances, read as read_checkpoint, settings as checkpoint_settings};
pub use self::frame::{Task, frame};
pub use self::history::{Ended, History, Log};
pub use self::start::{Start, Trained};
pub use self::state::State;
pub use self::summary::{LayerSummary, Summary};
pub(crate) use self::summary::{kernels, planned};
pub use self::training::train;
pub use self::training_data::TrainingData;
