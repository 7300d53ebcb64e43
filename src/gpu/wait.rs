//! Waits for the device, with or without blocking this thread. In a browser, futures are woken by the browser.
//! Elsewhere the device must be polled: by this thread if it blocks, and otherwise by the thread in `poller.rs`.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::awaited::{Awaited, PATIENCE, poll_awaiting, wait_for};
use super::guard::guard;
use super::opening::Gpu;
use super::readback::READBACK;
use crate::error::Error;

/// How long to wait for the report of a loss after a readback was refused.
const LOSS_IS_TOLD: Duration = Duration::from_secs(1);

impl Gpu {
    /// Runs `work` to completion on this thread, and waits for the device whenever the work does.
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

    /// Awaits `work` without blocking. It is polled again when what it waits for is done, or the device has had a
    /// fault.
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
            // Work of other kinds wakes the future itself.
            let watched = watch.set(&awaited, context.waker(), &self.device, &self.faults);
            // If no thread can be started, this one waits.
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

    /// Polls the device for a loss after an error that may be caused by one.
    pub(super) fn wait_for_a_loss(&self, error: &Error) {
        // A refused readback is caused by a loss that another thread may be reporting just now.
        let patience = match error {
            Error::Driver { what, .. } if what == READBACK => LOSS_IS_TOLD,
            _ => Duration::ZERO,
        };
        let since = Instant::now();
        while self.look().is_ok() && since.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for everything submitted. Returns whether the device is not hanging.
    pub(super) fn comes_to_its_end(&self) -> bool {
        if matches!(self.check(), Err(Error::Timeout { .. })) {
            return false;
        }
        let since = Instant::now();
        while let Some(left) = PATIENCE.checked_sub(since.elapsed()) {
            let all = wgpu::PollType::Wait { submission_index: None, timeout: Some(left) };
            // A driver may give up early.
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
