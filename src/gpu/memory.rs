//! Memory on the device: buffers, what is allocated together, and what goes into them.

use super::opening::Gpu;
use crate::error::Error;

/// The bytes that are uploaded at a time.
pub const UPLOAD: usize = 32 << 20;

/// So few bytes are written by way of wgpu.
const SMALL: usize = 1 << 20;

/// What is allocated together: where it does not all fit, what was allocated is freed, and the error says how much was needed in all.
pub struct Room<'a> {
    gpu: &'a Gpu,
    what: &'a str,
    needed: u64,
    taken: u64,
    allocated: Allocated,
}

/// Buffers that are given back once this is dropped: a browser does that when it collects its garbage, which does not know how large a buffer is.
/// Elsewhere a buffer's last handle gives it back.
#[derive(Default)]
pub struct Allocated(Vec<wgpu::Buffer>);

impl Drop for Allocated {
    fn drop(&mut self) {
        self.0.iter().for_each(wgpu::Buffer::destroy);
    }
}

impl Room<'_> {
    /// What was allocated, to be kept by whatever uses it.
    pub fn allocated(self) -> Allocated {
        self.allocated
    }

    /// One of them, as [`Gpu::buffer`] allocates it.
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
    /// A zeroed storage buffer, or one of another `usage`, that can be written from the host and copied.
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

    /// Room for buffers of so many bytes in all, which are allocated together.
    pub fn room<'a>(&'a self, what: &'a str, needed: u64) -> Room<'a> {
        Room { gpu: self, what, needed, taken: 0, allocated: Allocated::default() }
    }

    /// A buffer with that content, to be copied from: unlike what is written to a buffer, it is there for the commands that it is meant
    /// for, whenever they are submitted.
    pub async fn filled(&self, label: &str, content: &[u8]) -> Result<wgpu::Buffer, Error> {
        let filled = || {
            let size = content.len() as u64;
            let usage = wgpu::BufferUsages::COPY_SRC;
            let buffer =
                self.device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: true });
            // Where there was no memory, the scope knows.
            if let Ok(mut view) = buffer.get_mapped_range_mut(..) {
                view.copy_from_slice(content);
            }
            buffer.unmap();
            buffer
        };
        self.scoped(label, content.len() as u64, filled).await
    }

    /// Writes to a buffer, after all that was submitted before and before all that is submitted later.
    pub fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.call("writing to a buffer", || self.queue.write_buffer(buffer, offset, bytes))
    }

    /// Writes as much as there is, some of it at a time: each part waits in a buffer of ours, so that too little memory for it is an error like
    /// any other, and not the device's loss. On an application's device it waits in one of wgpu's, for that one's next submission.
    pub async fn upload(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        // In a browser a buffer that there is no memory for cannot even be asked for: it throws.
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
