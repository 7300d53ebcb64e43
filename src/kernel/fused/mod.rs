//! The fused kernel: the training of a whole small network in one dispatch. [`network`] describes it and the
//! distribution of its numbers over the lanes, and [`emit`] writes its WGSL.

mod emit;
mod network;

pub use self::network::{Fused, LanePlace, Lanes, Layer};
