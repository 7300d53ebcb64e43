//! The one owner of wgpu: devices, memory, pipelines, submissions, readbacks, and what can go wrong in each.
//!
//! Uses `kernel`, whose modules it compiles once a device.

mod device;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod gpu;
mod guard;
mod pace;
mod state;
#[cfg(not(target_arch = "wasm32"))]
mod wait;

#[cfg(not(target_arch = "wasm32"))]
pub use self::device::devices;
pub use self::device::{Device, DeviceChoice, DeviceInfo, DeviceKind, DeviceLimits};
pub use self::gpu::{Allocated, Gpu, RECORDING, Region, SUBMISSIONS, Submission, UPLOAD, features};
pub(crate) use self::guard::lock;
pub use self::guard::silence_caught_panics;
pub use self::pace::{Habit, Pace};
