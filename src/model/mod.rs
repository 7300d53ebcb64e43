//! What a user holds: a model, a sweep of many, a predictor, cross-validation.
//!
//! Uses all rooms below.

#[cfg(not(target_arch = "wasm32"))]
mod cross_validation;
mod files;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod model;
mod predictor;
mod sweep;

#[cfg(not(target_arch = "wasm32"))]
pub use self::cross_validation::{Fold, cross_validate};
pub use self::model::Model;
pub use self::predictor::Predictor;
pub use self::sweep::{Member, MemberHistory, Sweep, SweepHistory};
