//! The engines that train: their common interface, and the staged, the fused and the CPU engine behind it.
//!
//! Uses `plan`, `gpu`, `kernel`, `settings`, `data` and `network`.

pub mod choice;
pub mod cpu;
pub mod fused;
mod loaded;
mod name;
mod numbers;
mod running;
mod setup;
pub mod staged;
mod steps;

pub use self::name::{Engine, EngineReport};
pub use self::numbers::{narrowed, widened};
pub use self::running::Running;
pub use self::setup::{DataShape, Losses, Setup, Snapshot, TrainingShape};
pub use self::steps::{Batches, Step};
