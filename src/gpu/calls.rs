//! Guards calls of the driver, which can fail in three ways: with an error that an error scope catches, with a panic,
//! or because the device has had a fault.

use super::guard::{guard, said};
use super::opening::Gpu;
use crate::error::Error;

impl Gpu {
    /// Returns the device's first fault as an error.
    pub fn check(&self) -> Result<(), Error> {
        self.faults.check()
    }

    /// Records that the device is lost, as reported by its owner.
    pub fn lost(&self, message: &str) {
        self.faults.lose(message);
    }

    /// Runs a call whose errors only reach the handlers. A panic in it is a permanent fault.
    pub fn call<T>(&self, what: &str, call: impl FnOnce() -> T) -> Result<T, Error> {
        self.check()?;
        guard(what, call).map_err(|error| self.faults.fail(error))
    }

    /// Runs a call within error scopes and returns the driver's error. The device stays usable.
    pub(super) async fn scoped<T>(&self, what: &str, bytes: u64, call: impl FnOnce() -> T) -> Result<T, Error> {
        self.check()?;
        // Error scopes belong to this thread; their results may be awaited on another.
        let (result, errors) = {
            let [internal, memory, validation] =
                [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation]
                    .map(|filter| self.device.push_error_scope(filter));
            let result = guard(what, call);
            // Scopes are popped in reverse order.
            (result, (validation.pop(), memory.pop(), internal.pop()))
        };
        // After an out-of-memory error, using the object in the same call is a validation error too. Memory is reported
        // first.
        let (validation, memory, internal) = (errors.0.await, errors.1.await, errors.2.await);
        let error = memory.or(validation).or(internal);
        self.check()?;
        // A panic during a call is a permanent fault, whatever else was reported.
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

    /// The cause of an error. On a lost device, a call may first fail with its own error, and the loss be reported by
    /// the next poll.
    pub(super) fn cause(&self, error: Error) -> Error {
        #[cfg(not(target_arch = "wasm32"))]
        self.wait_for_a_loss(&error);
        self.check().err().unwrap_or(error)
    }

    /// Polls the device to see whether anything has happened.
    pub(super) fn look(&self) -> Result<(), Error> {
        if let Err(panic) = guard("polling the device", || self.device.poll(wgpu::PollType::Poll)) {
            self.faults.fail(panic);
        }
        self.check()
    }
}
