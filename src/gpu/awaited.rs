//! Tracks the submission that a piece of work waits for. The calls that wait set it, and whoever polls the device on
//! their behalf waits for it.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::guard::{guard, said};
use crate::error::Error;

/// How long the device may take to answer; a browser has a patience of its own. A submission is meant to take a quarter of a second, so this is a
/// device that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A submission that some work waits for, and since when.
pub type Awaited = Option<(wgpu::SubmissionIndex, Instant)>;

thread_local! {
    /// What the work that is being polled on this thread waits for. Between polls its future keeps it, which may go on on another thread or be dropped.
    static AWAITED: RefCell<Awaited> = const { RefCell::new(None) };
}

/// Says what the work that is being polled waits for from now on.
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

/// Waits for what is awaited, or for all that was submitted, but no longer than that; whether it is done. The error is the device's for good.
pub fn wait_for(device: &wgpu::Device, awaited: &Awaited, longest: Duration) -> Result<bool, Error> {
    let (submission_index, since) = awaited.clone().unzip();
    let overdue = || Error::Timeout { what: "the device's work".into(), seconds: PATIENCE.as_secs() };
    let Some(left) = PATIENCE.checked_sub(since.map_or(Duration::ZERO, |since| since.elapsed())) else {
        return Err(overdue());
    };
    let wait = wgpu::PollType::Wait { submission_index, timeout: Some(left.min(longest)) };
    // `poll` panics when the device is lost, and no handler sees that.
    match guard("waiting for the device", || device.poll(wait)) {
        Ok(Ok(_)) => Ok(true),
        // Or the driver has given up before its time: it is asked again.
        Ok(Err(wgpu::PollError::Timeout)) if since.is_some_and(|since| since.elapsed() < PATIENCE) => Ok(false),
        Ok(Err(wgpu::PollError::Timeout)) => Err(overdue()),
        Ok(Err(error)) => {
            let (message, cause) = said(error);
            Err(Error::DeviceFailed { message, cause })
        }
        Err(panicked) => Err(panicked),
    }
}
