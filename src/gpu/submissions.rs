//! Commands: recording, submitting, and waiting for them.

use std::sync::atomic::Ordering;

use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};
use web_time::Instant;

#[cfg(not(target_arch = "wasm32"))]
use super::awaited::awaits;
#[cfg(target_arch = "wasm32")]
use super::browser::awaits;
use super::opening::Gpu;
use crate::error::Error;

/// The name of recording in messages.
pub const RECORDING: &str = "recording commands";

/// Submitted work, and the channel that reports its end.
pub struct Submission {
    index: wgpu::SubmissionIndex,
    done: OneshotReceiver<()>,
}

impl Gpu {
    /// An encoder to measure the time of recording. [`record`](Self::record) records what is run.
    pub fn encoder(&self) -> Result<wgpu::CommandEncoder, Error> {
        self.call(RECORDING, || self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()))
    }

    /// Records a command buffer.
    pub fn record(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<wgpu::CommandBuffer, Error> {
        self.call(RECORDING, || {
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            record(&mut encoder);
            encoder.finish()
        })
    }

    /// Submits command buffers to the device.
    pub fn submit(&self, commands: Vec<wgpu::CommandBuffer>) -> Result<Submission, Error> {
        self.command_buffers.fetch_add(commands.len() as u64, Ordering::Relaxed);
        let (sender, done) = oneshot_channel();
        let index = self.call("submitting commands", || {
            let index = self.queue.submit(commands);
            self.queue.on_submitted_work_done(move || {
                // Fails only if nobody is waiting any more.
                let _ = sender.send(());
            });
            index
        })?;
        Ok(Submission { index, done })
    }

    /// Waits until the device has finished that work.
    pub async fn finished(&self, submission: Submission) -> Result<(), Error> {
        self.answer("the device's work", submission.index, submission.done).await
    }

    /// Waits for the value that a callback sends once that submission is done.
    pub(super) async fn answer<T>(
        &self,
        what: &str,
        index: wgpu::SubmissionIndex,
        receiver: OneshotReceiver<T>,
    ) -> Result<T, Error> {
        awaits(Some((index, Instant::now())));
        let answer = receiver.receive().await;
        awaits(None);
        self.check()?;
        answer.ok_or_else(|| self.faults.fail(Error::DeviceLost { message: format!("it dropped {what} without a response") }))
    }
}
