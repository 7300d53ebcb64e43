//! What is asked of a trained network: predictions, evaluation, an epoch explained stage by stage.
//!
//! Uses `train` and the rooms below it.

mod explain;

pub use self::explain::Stage;
pub(crate) use self::explain::step;
