//! Waiting for the device: on this thread, or without blocking it. A browser tells a future by itself that the device is done; elsewhere
//! somebody has to ask the device, which is this thread where it blocks, and otherwise the thread of `poller.rs`.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::awaited::{Awaited, PATIENCE, poll_awaiting, wait_for};
use super::guard::guard;
use super::opening::Gpu;
use super::readback::READBACK;
use crate::error::Error;

/// How long the loss of a device is waited for once a readback was refused.
const LOSS_IS_TOLD: Duration = Duration::from_secs(1);

impl Gpu {
    /// Runs `work` to its end on this thread, waiting for the device whenever the work does.
    pub fn block_on<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut work = pin!(work);
        let mut awaited = None;
        pollster::block_on(poll_fn(|context| {
            if let Poll::Ready(done) = poll_awaiting(work.as_mut(), &mut awaited, context) {
                return Poll::Ready(done.map_err(|error| self.cause(error)));
            }
            match self.wait(&awaited) {
                Ok(()) => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(self.cause(error))),
            }
        }))
    }

    /// Waits for `work` without blocking. It is polled again when what it waits for has come, or the device has had a fault.
    pub async fn drive<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut work = pin!(work);
        let mut awaited = None;
        let mut watch = self.poller.watch();
        poll_fn(|context| {
            if let Poll::Ready(done) = poll_awaiting(work.as_mut(), &mut awaited, context) {
                return Poll::Ready(done.map_err(|error| self.cause(error)));
            }
            if let Err(error) = self.check() {
                return Poll::Ready(Err(self.cause(error)));
            }
            // Other work than the device's wakes the future by itself.
            let watched = watch.set(&awaited, context.waker(), &self.device, &self.faults);
            // Where no thread can be had, this one waits.
            match if watched { Ok(()) } else { self.wait(&awaited) } {
                Ok(()) if watched => Poll::Pending,
                Ok(()) => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(self.cause(error))),
            }
        })
        .await
    }

    /// Asks the device for its loss after an error that may come of one.
    pub(super) fn wait_for_a_loss(&self, error: &Error) {
        // What refuses a readback of ours is a loss on its way: another thread may be telling of it just now.
        let patience = match error {
            Error::Driver { what, .. } if what == READBACK => LOSS_IS_TOLD,
            _ => Duration::ZERO,
        };
        let since = Instant::now();
        while self.look().is_ok() && since.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for all that was submitted; whether the device does not hang.
    pub(super) fn comes_to_its_end(&self) -> bool {
        if matches!(self.check(), Err(Error::Timeout { .. })) {
            return false;
        }
        let since = Instant::now();
        while let Some(left) = PATIENCE.checked_sub(since.elapsed()) {
            let all = wgpu::PollType::Wait { submission_index: None, timeout: Some(left) };
            // A driver may give up before its time.
            if !matches!(guard("waiting for the device", || self.device.poll(all)), Ok(Err(wgpu::PollError::Timeout))) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    /// One round of waiting for the device on this thread.
    fn wait(&self, awaited: &Awaited) -> Result<(), Error> {
        self.check()?;
        wait_for(&self.device, awaited, PATIENCE).map(drop).map_err(|error| self.faults.fail(error))
    }
}
