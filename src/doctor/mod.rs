//! Checks a driver: whether it computes what the CPU engine computes, and how fast it is.
//!
//! Uses `model` and the rooms below it, as an application does.
//!
//! Drivers have faults, and a network that trains on wrong gradients still trains. An application that is to run on machines which nobody has tried
//! can check their drivers once, when it is installed or when its driver changes:
//!
//! ```
//! use shaderprop::{Device, DeviceChoice, Error, doctor};
//!
//! let device = Device::open_or_cpu(&DeviceChoice::from_env())?;
//! match doctor::check(&device) {
//!     Ok(report) if report.passed() => println!("{} kernels are right", report.kernels.len()),
//!     Ok(report) => println!("do not use this driver:\n{report}"),
//!     // There is no driver to check.
//!     Err(Error::NeedsAdapter { .. }) => println!("training on the CPU"),
//!     Err(error) => return Err(error),
//! }
//! # Ok::<(), Error>(())
//! ```
//!
//! The command `shaderprop doctor` prints such a report.

mod cases;
mod compare;
pub(crate) mod peak;
mod report;
mod speed;
mod trainings;

pub use self::report::{KernelReport, Report};
pub use self::speed::{Speed, speed};
pub use self::trainings::Progress;
use crate::error::Error;
use crate::gpu::Device;

/// Checks a device by training on it: each kernel's results against those of the CPU engine, gradients against central differences, and whether
/// repeated trainings give the same bits. Takes some seconds.
///
/// What the driver refuses is a failure in the report, and no error here.
///
/// # Errors
/// [`Error::NeedsAdapter`] on the CPU engine, which is what others are compared with.
///
/// ```
/// use shaderprop::{Device, Error, doctor};
/// assert!(matches!(doctor::check(&Device::cpu()), Err(Error::NeedsAdapter { .. })));
/// ```
pub fn check(device: &Device) -> Result<Report, Error> {
    check_with(device, |_| ())
}

/// [`check`] with a function that is called before each training.
///
/// # Errors
/// As [`check`].
pub fn check_with(device: &Device, progress: impl FnMut(Progress<'_>)) -> Result<Report, Error> {
    if device.gpu.is_none() {
        return Err(needs_adapter());
    }
    let mut report = trainings::check_kernels(device, progress);
    report.check_gradients(trainings::gradients(device));
    report.check_determinism(trainings::same_bits(device));
    Ok(report)
}

fn needs_adapter() -> Error {
    Error::NeedsAdapter { what: "checking a driver".into() }
}
