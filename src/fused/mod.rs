//! The fused engine: many epochs of a small network, or of thousands of them, in one dispatch.
//!
//! A network's numbers stay in registers from the beginning of a dispatch to its end. [`kernel`] says who holds which of them, [`emit`]
//! writes the WGSL, [`population`] runs it for many networks, [`scan`] looks for what is no number, [`single`] for one, and [`choice`] says when.

mod choice;
mod emit;
mod kernel;
mod population;
mod scan;
mod single;

pub use choice::{Differing, Engine, EngineReport, choose, kernel};
pub use kernel::{Fused, Lanes, Layer};
pub use population::{Kept, Member, Population, Read, Rows, Size};
pub use single::FusedEngine;
