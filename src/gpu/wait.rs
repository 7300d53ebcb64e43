//! Waiting for the device, by asking it again and again: on this thread, or whenever a future is polled. In a browser nobody has to.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::gpu::{Awaited, Gpu, READBACK};
use super::guard::{guard, one_line};
use crate::error::Error;

/// How long the device may take to answer; a browser has a patience of its own. A submission is meant to take a quarter of a second, so this is a device that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the loss of a device is waited for once a readback was refused.
const LOSS_IS_TOLD: Duration = Duration::from_secs(1);

thread_local! {
    /// What the work that is being polled on this thread waits for. Between polls its future keeps it, which may go on on another thread or be dropped.
    static AWAITED: RefCell<Awaited> = const { RefCell::new(None) };
}

/// Says what the work that is being polled waits for from now on.
pub(super) fn awaits(awaited: Awaited) {
    AWAITED.set(awaited);
}

impl Gpu {
    /// Runs `work` to its end on this thread, waiting for the device whenever the work does.
    pub fn block_on<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        pollster::block_on(self.polled(work, Self::poll))
    }

    pub(super) async fn polled<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
        poll: impl Fn(&Self, &Awaited) -> Result<(), Error>,
    ) -> Result<T, Error> {
        let mut work = pin!(work);
        let (mut awaited, mut asked): (Awaited, _) = (None, Instant::now());
        poll_fn(|context| {
            // Patience is for as long as somebody asks: a future may be left alone, and its device be done long since.
            if let Some((_, since)) = &mut awaited {
                *since += asked.elapsed();
            }
            let outer = AWAITED.replace(awaited.take());
            let polled = work.as_mut().poll(context);
            awaited = AWAITED.replace(outer);
            match polled {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.cause(error))),
                Poll::Ready(done) => return Poll::Ready(done),
                Poll::Pending => (),
            }
            let polled = poll(self, &awaited);
            asked = Instant::now();
            match polled {
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

    /// Asks the device whether something has happened, as long as it is not overdue.
    pub(super) fn look_in_time(&self, awaited: &Awaited) -> Result<(), Error> {
        match awaited.as_ref().is_some_and(|(_, since)| since.elapsed() > PATIENCE) {
            true => Err(self.state.fail(overdue())),
            false => self.look(),
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

    /// One round of waiting for the device.
    fn poll(&self, awaited: &Awaited) -> Result<(), Error> {
        self.check()?;
        let (submission_index, since) = awaited.clone().unzip();
        let Some(left) = PATIENCE.checked_sub(since.map_or(Duration::ZERO, |since| since.elapsed())) else {
            return Err(self.state.fail(overdue()));
        };
        // `poll` panics when the device is lost, and no handler sees that.
        match guard("waiting for the device", || self.device.poll(wgpu::PollType::Wait { submission_index, timeout: Some(left) }))
        {
            Ok(Ok(_)) => Ok(()),
            // A driver may give up before its time: it is asked again.
            Ok(Err(wgpu::PollError::Timeout)) if since.is_some_and(|since| since.elapsed() < PATIENCE) => Ok(()),
            Ok(Err(wgpu::PollError::Timeout)) => Err(self.state.fail(overdue())),
            Ok(Err(error)) => Err(self.state.fail(Error::DeviceFailed { message: one_line(&error.to_string()) })),
            Err(error) => Err(self.state.fail(error)),
        }
    }
}

fn overdue() -> Error {
    Error::Timeout { what: "the device's work".into(), seconds: PATIENCE.as_secs() }
}
