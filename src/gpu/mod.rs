//! The GPU: devices, memory, pipelines, submissions, readbacks and their faults. Only this room holds wgpu objects.
//!
//! Uses `kernel`, whose modules it compiles once for each device.

mod adapters;
#[cfg(not(target_arch = "wasm32"))]
mod awaited;
#[cfg(target_arch = "wasm32")]
mod browser;
mod calls;
mod choice;
mod clock;
mod device;
mod faults;
mod guard;
mod info;
mod memory;
mod opening;
mod pace;
mod pipelines;
#[cfg(not(target_arch = "wasm32"))]
mod poller;
mod readback;
mod submissions;
#[cfg(not(target_arch = "wasm32"))]
mod wait;

pub use self::adapters::features;
pub use self::choice::DeviceChoice;
pub use self::device::Device;
#[cfg(not(target_arch = "wasm32"))]
pub use self::device::devices;
pub(crate) use self::guard::lock;
pub use self::guard::silence_caught_panics;
pub use self::info::{DeviceInfo, DeviceKind, DeviceLimits};
pub use self::memory::{Allocated, UPLOAD};
pub use self::opening::Gpu;
pub use self::pace::{ANY, Pace, PaceRules, SUBMISSIONS};
pub use self::readback::Region;
pub use self::submissions::{RECORDING, Submission};
