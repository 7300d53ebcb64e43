//! The CPU engine: the reference in training.

mod engine;
pub mod reference;

pub use self::engine::{CpuEngine, evaluate};
