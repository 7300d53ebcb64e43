//! The CPU engine: training with the reference.

mod engine;
mod plain;
mod product;
pub mod reference;

pub use self::engine::{CpuEngine, evaluate};
