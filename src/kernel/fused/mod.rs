//! The fused kernel: the training of a whole small network in one dispatch. [`network`] says what it is made of and who holds which
//! number, [`emit`] writes its WGSL.

mod emit;
mod network;

pub use self::network::{Fused, LanePlace, Lanes, Layer};
