//! The format of a checkpoint: a safetensors file with a description and a checksum.

pub use super::checkpoint_state::{CHECKSUM, PREFIXES, Progress, verify};
pub use super::description::{Description, KEY, MOST_COUNTED, NetworkText};
pub use super::safetensors::{Contents, Tensor, Type, hash_all, header, read, write};
pub use super::tensors::{check_finite, expect_names, file_shape, parameters, tensors};
pub use super::write::{Existing, Target};
