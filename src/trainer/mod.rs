//! The trainer: training inside an application, on its device and in its command buffers.
//!
//! Uses `model`, from whose weights it starts, and the modules below.

mod clock;
mod readback;
mod tensor_buffer;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod trainer;

pub use self::readback::Readback;
pub use self::tensor_buffer::TensorBuffer;
pub use self::trainer::Trainer;
