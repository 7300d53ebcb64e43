//! What looks at a network's numbers on the device: shaders/finite.wgsl, for the fused engine.

use super::population::recorded;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::kernel::Kernel;
use crate::plan::ONE_WORKGROUP;

/// A dispatch over all that networks hold, and the word that it leaves.
pub struct Scan {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    workgroups: usize,
    /// 0 if all of it is numbers.
    pub word: wgpu::Buffer,
}

impl Scan {
    /// The bytes of its buffers, and of what its word is read back through.
    pub const BYTES: u64 = 16 + 4 + 4;

    pub async fn new(gpu: &Gpu, parameters: &wgpu::Buffer) -> Result<Self, Error> {
        use wgpu::BufferUsages as Usage;
        let pipeline = gpu.pipeline(&Kernel::Finite).await?;
        let count = parameters.size() / 4;
        let params = gpu.buffer("params", 16, Usage::UNIFORM | Usage::COPY_DST).await?;
        gpu.write(&params, 0, &(count as u32).to_le_bytes())?;
        let word = gpu.buffer("not_finite", 4, Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC).await?;
        let entries: Vec<_> = [(&params, 0), (parameters, 1), (&word, 2)]
            .map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .into();
        let bind_group = gpu.bind_group(&Kernel::Finite.label(), &pipeline, &entries).await?;
        Ok(Self { pipeline, bind_group, workgroups: (count as usize).div_ceil(ONE_WORKGROUP), word })
    }

    /// The dispatches. What the optimizer keeps lies among the parameters, and may be infinite where no parameter is.
    pub fn commands(&self, gpu: &Gpu) -> Result<[wgpu::CommandBuffer; 2], Error> {
        let cleared = gpu.record(|encoder| encoder.clear_buffer(&self.word, 0, None))?;
        Ok([cleared, recorded(gpu, &self.pipeline, &self.bind_group, self.workgroups)?])
    }
}
