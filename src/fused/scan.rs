//! What looks at a network's numbers on the device: shaders/finite.wgsl, for the fused engine.

use super::population::recorded;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::plan::ONE_WORKGROUP;
use crate::shader::Kernel;

/// A dispatch over all parameters, and the word that it leaves.
pub struct Scan {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    workgroups: usize,
    /// 0 if all are numbers.
    pub word: wgpu::Buffer,
}

impl Scan {
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

    /// The dispatch. The word stays what it is once something was found: the training ends there.
    pub fn commands(&self, gpu: &Gpu) -> Result<wgpu::CommandBuffer, Error> {
        recorded(gpu, &self.pipeline, &self.bind_group, self.workgroups)
    }
}
