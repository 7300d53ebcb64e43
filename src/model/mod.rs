//! What users work with: a model, a sweep of many models, cross-validation.
//!
//! Uses all modules below.

#[cfg(not(target_arch = "wasm32"))]
mod cross_validation;
mod files;
mod inference;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod model;
mod predictor;
mod sweep;
mod tables;
mod training;

#[cfg(not(target_arch = "wasm32"))]
pub use self::cross_validation::{Fold, cross_validate};
pub use self::model::Model;
pub use self::sweep::{Member, MemberHistory, Sweep, SweepHistory, SweepLog};
