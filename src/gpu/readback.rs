//! Reads data back from the device.

use std::sync::atomic::Ordering;

use futures_intrusive::channel::shared::oneshot_channel;

use super::guard::said;
use super::opening::Gpu;
use crate::error::Error;

/// What a readback is called in messages.
pub(super) const READBACK: &str = "a readback";

/// A part of a buffer, in bytes.
pub struct Region<'a> {
    /// The buffer.
    pub buffer: &'a wgpu::Buffer,
    /// Where the part begins.
    pub offset: u64,
    /// How long it is.
    pub size: u64,
}

impl Gpu {
    /// Copies those regions to the host, in one go, by way of `staging`, which is at least as large as all of them.
    pub async fn read(&self, staging: &wgpu::Buffer, regions: &[Region<'_>]) -> Result<Vec<Vec<u8>>, Error> {
        self.read_after(Vec::new(), staging, regions).await
    }

    /// The same once the device has done those command buffers, which go with it in one submission.
    pub async fn read_after(
        &self,
        mut commands: Vec<wgpu::CommandBuffer>,
        staging: &wgpu::Buffer,
        regions: &[Region<'_>],
    ) -> Result<Vec<Vec<u8>>, Error> {
        self.command_buffers.fetch_add(commands.len() as u64, Ordering::Relaxed);
        self.readbacks.fetch_add(1, Ordering::Relaxed);
        let total: u64 = regions.iter().map(|region| region.size).sum();
        commands.push(self.record(|encoder| {
            let mut to = 0;
            for region in regions {
                encoder.copy_buffer_to_buffer(region.buffer, region.offset, staging, to, region.size);
                to += region.size;
            }
        })?);
        let (sender, mapped) = oneshot_channel();
        let index = self.call(READBACK, || {
            let index = self.queue.submit(commands);
            staging.map_async(wgpu::MapMode::Read, ..total, move |result| {
                // Fails only if nobody waits any more.
                let _ = sender.send(result);
            });
            index
        })?;
        // Until it is mapped, whoever waits for it may go away.
        let mut pending = Pending { gpu: self, staging: Some(staging) };
        let answer = self.answer(READBACK, index, mapped).await;
        pending.staging = None;
        let refused = |(message, cause)| Error::Driver { what: READBACK.into(), message, cause };
        let bytes = answer.and_then(|result| {
            result.map_err(|error| refused(said(error)))?;
            let view = staging.get_mapped_range(..total).map_err(|error| refused(said(error)))?;
            let mut rest = &view[..];
            Ok(regions
                .iter()
                .map(|region| {
                    let (bytes, after) = rest.split_at(region.size as usize);
                    rest = after;
                    bytes.to_vec()
                })
                .collect())
        });
        if bytes.is_ok() {
            self.call(READBACK, || staging.unmap())?;
        }
        // A lost device still maps: what was read is believed only if nothing has gone wrong by now.
        self.check()?;
        bytes
    }
}

/// A readback that nobody has waited for to its end yet. If its future is dropped, the mapping is taken back: what is copied to the same place next
/// would be refused.
struct Pending<'a> {
    gpu: &'a Gpu,
    staging: Option<&'a wgpu::Buffer>,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(staging) = self.staging
            && let Err(error) = self.gpu.call(READBACK, || staging.unmap())
        {
            log::debug!("{error}");
        }
    }
}
