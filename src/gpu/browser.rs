//! Waiting in a browser, which wakes futures itself when the device is done: no polling is needed.

use web_time::Instant;

use super::opening::Gpu;
use crate::error::Error;

/// Outside a browser, this sets what the work that is being polled waits for.
pub fn awaits(_: Option<(wgpu::SubmissionIndex, Instant)>) {}

impl Gpu {
    /// Awaits `work`.
    pub async fn drive<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        work.await.map_err(|error| self.cause(error))
    }
}
