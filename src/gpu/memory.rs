//! Device memory: buffers, joint allocations, and uploads.

use super::opening::Gpu;
use crate::error::Error;

/// The number of bytes that are uploaded at a time.
pub const UPLOAD: usize = 32 << 20;

/// Up to this many bytes are written through wgpu.
const SMALL: usize = 1 << 20;

/// Buffers that are allocated together. If they do not all fit, those already allocated are freed, and the error gives
/// the total size needed.
pub struct Room<'a> {
    gpu: &'a Gpu,
    what: &'a str,
    needed: u64,
    taken: u64,
    allocated: Allocated,
}

/// Buffers that are destroyed when this is dropped. A browser would free them only when it collects garbage, without
/// knowing how large a buffer is. Elsewhere a buffer is freed with its last handle.
#[derive(Default)]
pub struct Allocated(Vec<wgpu::Buffer>);

impl Drop for Allocated {
    fn drop(&mut self) {
        self.0.iter().for_each(wgpu::Buffer::destroy);
    }
}

impl Room<'_> {
    /// The allocated buffers, to be kept by their user.
    pub fn allocated(self) -> Allocated {
        self.allocated
    }

    /// Allocates one of the buffers, as [`Gpu::buffer`] does.
    pub async fn buffer(&mut self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, Error> {
        let Self { gpu, what, needed, taken, .. } = *self;
        let buffer = gpu.buffer(label, bytes, usage).await.map_err(|error| match error {
            Error::OutOfMemory { .. } => Error::OutOfMemory { what: what.into(), bytes: needed, taken },
            error => error,
        })?;
        self.taken += bytes;
        if cfg!(target_arch = "wasm32") {
            self.allocated.0.push(buffer.clone());
        }
        Ok(buffer)
    }
}

impl Gpu {
    /// Allocates a zeroed storage buffer, or one of another `usage`, that can be written from the host and copied.
    pub async fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, Error> {
        self.scoped(label, bytes, || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: bytes,
                usage,
                mapped_at_creation: false,
            })
        })
        .await
    }

    /// Starts a joint allocation of that many bytes in all.
    pub fn room<'a>(&'a self, what: &'a str, needed: u64) -> Room<'a> {
        Room { gpu: self, what, needed, taken: 0, allocated: Allocated::default() }
    }

    /// A buffer with that content, to be copied from. Unlike data written to a buffer, the content is there for exactly
    /// the commands it is meant for, whenever they are submitted.
    pub async fn filled(&self, label: &str, content: &[u8]) -> Result<wgpu::Buffer, Error> {
        let filled = || {
            let size = content.len() as u64;
            let usage = wgpu::BufferUsages::COPY_SRC;
            let buffer =
                self.device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: true });
            // If there was no memory, the error scope reports it.
            if let Ok(mut view) = buffer.get_mapped_range_mut(..) {
                view.copy_from_slice(content);
            }
            buffer.unmap();
            buffer
        };
        self.scoped(label, content.len() as u64, filled).await
    }

    /// Writes to a buffer, after everything submitted before and before everything submitted later.
    pub fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.call("writing to a buffer", || self.queue.write_buffer(buffer, offset, bytes))
    }

    /// Uploads data in pieces. Each piece waits in a staging buffer allocated here, so that too little memory is an
    /// ordinary error and does not lose the device. On an application's device it waits in wgpu's staging memory for
    /// the application's next submission.
    pub async fn upload(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        // In a browser, creating a buffer without enough memory throws an exception.
        if self.adopted || bytes.len() <= SMALL || cfg!(target_arch = "wasm32") {
            return self.write(buffer, offset, bytes);
        }
        for (i, part) in bytes.chunks(UPLOAD).enumerate() {
            let from = self.filled("data on its way", part).await?;
            let (at, size) = (offset + (i * UPLOAD) as u64, part.len() as u64);
            let commands = self.record(|encoder| encoder.copy_buffer_to_buffer(&from, 0, buffer, at, size))?;
            let submission = self.submit(vec![commands])?;
            self.finished(submission).await?;
        }
        Ok(())
    }
}
