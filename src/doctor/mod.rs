//! The doctor checks a driver: whether it computes the same results as the CPU engine, and how fast it is.
//!
//! Uses `model` and the modules below it, as an application does.
//!
//! Drivers have bugs, and training with slightly wrong gradients may go unnoticed. An application that runs on untested
//! machines can check their drivers once, when it is installed or when a driver changes:
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

/// Checks a device by training on it. The results of each kernel are compared with those of the CPU engine, gradients
/// with central differences, and the bits of repeated training runs with each other. This takes a few seconds.
///
/// If the driver refuses an operation, this is a failure in the report, not an error of this function.
///
/// # Errors
/// [`Error::NeedsAdapter`] on the CPU engine, which is the reference.
///
/// ```
/// use shaderprop::{Device, Error, doctor};
/// assert!(matches!(doctor::check(&Device::cpu()), Err(Error::NeedsAdapter { .. })));
/// ```
pub fn check(device: &Device) -> Result<Report, Error> {
    check_with(device, |_| ())
}

/// Checks a device like [`check`] and reports progress: `progress` is called before each training run.
///
/// # Errors
/// The same as [`check`].
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
