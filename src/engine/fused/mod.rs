//! The fused engine: many epochs of a small network, or of thousands of them, in one dispatch.
//!
//! A network's numbers stay in registers from the beginning of a dispatch to its end. [`population`] runs many networks, [`training`] one,
//! and [`choice`] says when.

mod choice;
mod population;
mod training;

pub use self::choice::{Differing, choose, kernel};
pub use self::population::{Epochs, Kept, Member, PackedRows, Population, Read, Size};
pub use self::training::FusedEngine;
