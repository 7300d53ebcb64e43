//! Tracks the submission that a piece of work waits for. The calls that wait set it, and whoever polls the device on
//! their behalf waits for it.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::guard::{guard, said};
use crate::error::Error;

/// How long the device may take to answer; browsers have their own limit. A submission is meant to take a quarter of a
/// second, so a device that takes this long hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A submission that work waits for, and since when.
pub type Awaited = Option<(wgpu::SubmissionIndex, Instant)>;

thread_local! {
    /// What the work that is being polled on this thread waits for. Between polls it is kept by the work's future,
    /// which may continue on another thread or be dropped.
    static AWAITED: RefCell<Awaited> = const { RefCell::new(None) };
}

/// Sets what the work that is being polled waits for.
pub fn awaits(awaited: Awaited) {
    AWAITED.set(awaited);
}

/// Polls work once. `awaited` is what it waits for, before and after.
pub fn poll_awaiting<F: Future>(work: Pin<&mut F>, awaited: &mut Awaited, context: &mut Context<'_>) -> Poll<F::Output> {
    let outer = AWAITED.replace(awaited.take());
    let polled = work.poll(context);
    *awaited = AWAITED.replace(outer);
    polled
}

/// Waits for a submission, or for everything submitted, but no longer than `longest`. Returns whether it is done. An
/// error is permanent.
pub fn wait_for(device: &wgpu::Device, awaited: &Awaited, longest: Duration) -> Result<bool, Error> {
    let (submission_index, since) = awaited.clone().unzip();
    let overdue = || Error::Timeout { what: "the device's work".into(), seconds: PATIENCE.as_secs() };
    let Some(left) = PATIENCE.checked_sub(since.map_or(Duration::ZERO, |since| since.elapsed())) else {
        return Err(overdue());
    };
    let wait = wgpu::PollType::Wait { submission_index, timeout: Some(left.min(longest)) };
    // `poll` panics when the device is lost, and no handler is called.
    match guard("waiting for the device", || device.poll(wait)) {
        Ok(Ok(_)) => Ok(true),
        // The driver may also have given up early; then it is polled again.
        Ok(Err(wgpu::PollError::Timeout)) if since.is_some_and(|since| since.elapsed() < PATIENCE) => Ok(false),
        Ok(Err(wgpu::PollError::Timeout)) => Err(overdue()),
        Ok(Err(error)) => {
            let (message, cause) = said(error);
            Err(Error::DeviceFailed { message, cause })
        }
        Err(panicked) => Err(panicked),
    }
}
