//! Inference: prediction, evaluation, and explaining an epoch stage by stage.
//!
//! Uses `train` and the modules below it.

mod evaluate;
mod explain;
mod predict;
mod predictor;
mod resident;
mod subject;

pub use self::evaluate::{Evaluation, evaluate};
pub use self::explain::{Stage, explain};
pub use self::predict::predict;
pub use self::predictor::Predictor;
pub use self::subject::Subject;
