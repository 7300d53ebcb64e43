//! The fused engine: many epochs of one small network, or of thousands, in one dispatch.
//!
//! A network's numbers stay in registers for a whole dispatch. [`population`] runs many networks, [`training`] runs
//! one, and [`choice`] decides when to use this engine.

mod choice;
mod population;
mod training;

pub use self::choice::{Differing, choose, kernel};
pub use self::population::{Epochs, Kept, Member, PackedRows, Population, Read, Size};
pub use self::training::FusedEngine;
