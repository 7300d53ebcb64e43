//! The engines that train: their common interface, and the staged, the fused and the CPU engine behind it.
//!
//! Uses `plan`, `gpu`, `kernel`, `settings`, `data` and `network`.

pub mod cpu;
pub mod fused;
mod loaded;
mod name;
mod numbers;
mod running;
pub mod staged;
mod steps;
mod task;

pub use self::name::{Engine, EngineReport};
pub use self::numbers::{narrowed, widened};
pub use self::running::Running;
pub use self::steps::{Batches, Step};
pub use self::task::{DataShape, Frame, Losses, Setup, Snapshot};
