//! The CPU engine: training with the reference.

mod engine;
pub mod reference;

pub use self::engine::{CpuEngine, evaluate};
