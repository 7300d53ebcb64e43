//! Waiting in a browser, which tells futures by itself that the device is done: nobody has to ask.

use web_time::Instant;

use super::opening::Gpu;
use crate::error::Error;

/// Elsewhere says what the work that is being polled waits for.
pub fn awaits(_: Option<(wgpu::SubmissionIndex, Instant)>) {}

impl Gpu {
    /// Waits for `work`.
    pub async fn drive<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        work.await.map_err(|error| self.cause(error))
    }
}
