//! Guards calls of the driver, which can fail in three ways: with an error that an error scope catches, with a panic,
//! or because the device has had a fault.

use super::guard::{guard, said};
use super::opening::Gpu;
use crate::error::Error;

impl Gpu {
    /// The device's first fault, if it has had one.
    pub fn check(&self) -> Result<(), Error> {
        self.faults.check()
    }

    /// Takes note that the device is gone, as its owner tells.
    pub fn lost(&self, message: &str) {
        self.faults.lose(message);
    }

    /// Runs a call that reports its errors to nobody but the handlers; a panic in it is a fault for good.
    pub fn call<T>(&self, what: &str, call: impl FnOnce() -> T) -> Result<T, Error> {
        self.check()?;
        guard(what, call).map_err(|error| self.faults.fail(error))
    }

    /// Runs a call of which the driver may report an error, and returns that error; the device stays usable.
    pub(super) async fn scoped<T>(&self, what: &str, bytes: u64, call: impl FnOnce() -> T) -> Result<T, Error> {
        self.check()?;
        // The scopes are this thread's; what they say may be waited for on another.
        let (result, errors) = {
            let [internal, memory, validation] =
                [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation]
                    .map(|filter| self.device.push_error_scope(filter));
            let result = guard(what, call);
            // Last pushed, first popped.
            (result, (validation.pop(), memory.pop(), internal.pop()))
        };
        // What there was no memory for is invalid where it is used next, in the same call.
        let (validation, memory, internal) = (errors.0.await, errors.1.await, errors.2.await);
        let error = memory.or(validation).or(internal);
        self.check()?;
        // A panic half way through a call is a fault for good, whatever else was said.
        let result = result.map_err(|error| self.faults.fail(error))?;
        match error {
            None => Ok(result),
            Some(wgpu::Error::OutOfMemory { .. }) if bytes > 0 => Err(Error::OutOfMemory { what: what.into(), bytes, taken: 0 }),
            Some(error) => {
                let (message, cause) = said(error);
                Err(Error::Driver { what: what.into(), message, cause })
            }
        }
    }

    /// What is behind an error: on a lost device a call may fail first with an error of its own, and the loss be told by the next poll.
    pub(super) fn cause(&self, error: Error) -> Error {
        #[cfg(not(target_arch = "wasm32"))]
        self.wait_for_a_loss(&error);
        self.check().err().unwrap_or(error)
    }

    /// Asks the device whether something has happened.
    pub(super) fn look(&self) -> Result<(), Error> {
        if let Err(panic) = guard("polling the device", || self.device.poll(wgpu::PollType::Poll)) {
            self.faults.fail(panic);
        }
        self.check()
    }
}
