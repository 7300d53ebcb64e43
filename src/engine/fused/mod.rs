//! The fused engine: many epochs of one small network, or of thousands, in one dispatch.
//!
//! A network's numbers stay in registers for a whole dispatch. [`population`] runs many networks, [`engine`] runs one.
//! When it is used, `engine/choice.rs` decides.

mod engine;
mod population;

pub use self::engine::FusedEngine;
pub use self::population::{Epochs, Kept, Member, PackedRows, Population, Read, Size};
