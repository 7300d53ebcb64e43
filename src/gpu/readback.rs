//! Reads data back from the device.

use std::sync::atomic::Ordering;

use futures_intrusive::channel::shared::oneshot_channel;

use super::guard::said;
use super::opening::Gpu;
use crate::error::Error;

/// The name of a readback in messages.
pub(super) const READBACK: &str = "a readback";

/// A part of a buffer, in bytes.
pub struct Region<'a> {
    /// The buffer.
    pub buffer: &'a wgpu::Buffer,
    /// The offset of the part.
    pub offset: u64,
    /// The size of the part.
    pub size: u64,
}

impl Gpu {
    /// Copies those regions to the host in one readback, through `staging`, which must be large enough for all of them.
    pub async fn read(&self, staging: &wgpu::Buffer, regions: &[Region<'_>]) -> Result<Vec<Vec<u8>>, Error> {
        self.read_after(Vec::new(), staging, regions).await
    }

    /// The same after those command buffers, in one submission.
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
                // Fails only if nobody is waiting any more.
                let _ = sender.send(result);
            });
            index
        })?;
        // Until it is mapped, the waiting future may be dropped.
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
        // A lost device still maps. The data is valid only if nothing has gone wrong by now.
        self.check()?;
        bytes
    }
}

/// A readback in progress. If its future is dropped, the buffer is unmapped, because the next copy to it would be
/// refused otherwise.
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
