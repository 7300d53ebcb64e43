//! Training: the loop, its start and its results, stopping, checkpoints.
//!
//! Uses `engine`, `file` (a checkpoint's bytes) and the modules below them.

mod best_loss;
mod checkpoint;
mod diverged;
mod history;
mod readout;
mod start;
mod state;
mod summary;
mod task;
mod training;
mod training_data;
mod training_loop;

pub use self::checkpoint::{circumstances, read as read_checkpoint, settings as checkpoint_settings};
pub use self::history::{Ended, History, Log};
pub use self::start::{Start, Trained};
pub use self::state::State;
pub use self::summary::{LayerSummary, Summary};
pub(crate) use self::summary::{kernels, planned};
pub use self::task::{Task, frame};
pub use self::training_data::TrainingData;
pub use self::training_loop::train;
