//! Files: models and checkpoints as safetensors, NPZ, ONNX, JSON and C, and atomic writing.
//!
//! Uses `network`, `data` (preprocessing) and `settings` (the state of a schedule).

#[cfg(not(target_arch = "wasm32"))]
mod atomic;
mod c;
pub mod checkpoint;
mod checkpoint_state;
mod contents;
mod description;
mod format;
mod json;
mod model;
mod npz;
mod onnx;
mod protobuf;
mod safetensors;
mod tensors;
mod write;

#[cfg(not(target_arch = "wasm32"))]
pub use self::atomic::AtomicFile;
pub use self::contents::{Loaded, Saved};
pub use self::format::{Format, Load, Save};
pub use self::model::{EXPECTED, open_model, read_model_from, read_weights, write_model};
pub use self::write::write;
