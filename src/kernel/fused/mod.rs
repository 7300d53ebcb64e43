//! The fused kernel: the training of a whole small network in one dispatch. [`network`] describes it and the
//! distribution of its numbers over the lanes, [`emit`] writes its WGSL, and [`packing`] arranges what it reads.

mod emit;
mod network;
mod packing;

pub use self::network::{Fused, LanePlace, Lanes, Layer};
