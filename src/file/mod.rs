//! Models and checkpoints as bytes: safetensors, NPZ, ONNX, JSON, C; and files that are whole or not there.
//!
//! Uses `network`, `data` (preprocessing) and `settings` (where a schedule stands).

mod c;
pub mod checkpoint;
mod contents;
mod description;
mod format;
mod json;
mod model;
mod npz;
mod onnx;
mod progress;
mod protobuf;
mod safetensors;
mod tensors;
mod write;

pub use self::contents::{Loaded, Saved};
pub use self::format::{Format, Load, Save};
pub use self::model::{EXPECTED, open_model, read_model_from, read_weights, write_model};
pub use self::write::{Existing, Target, write};
