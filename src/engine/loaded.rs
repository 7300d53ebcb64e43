//! A plan loaded on a device: its buffers, and its dispatches with pipelines and bindings. Every engine records planned
//! dispatches into command buffers through this file.

use std::num::NonZero;

use crate::error::Error;
use crate::gpu::{Allocated, Gpu};
use crate::plan::{Dispatch, Id, PARAMS_STRIDE, Plan, PlannedTensor};

/// A plan loaded on a device.
pub struct Loaded {
    /// The plan's buffers.
    pub buffers: Vec<wgpu::Buffer>,
    /// The plan's dispatches.
    pub dispatches: Vec<Recorded>,
    /// The staging buffer for readbacks.
    pub staging: wgpu::Buffer,
    /// The `Params` of all dispatches.
    params: wgpu::Buffer,
    /// All its buffers.
    _allocated: Allocated,
}

/// A dispatch, ready to be recorded.
pub struct Recorded {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    workgroups: [u32; 3],
    /// The estimated time.
    pub nanoseconds: u64,
}

/// The usage of a staging buffer.
pub const STAGING: wgpu::BufferUsages = wgpu::BufferUsages::MAP_READ.union(wgpu::BufferUsages::COPY_DST);

impl Loaded {
    /// Compiles and allocates everything that the plan needs, for the engine of that name. Up to `readable` elements
    /// can then be read at once.
    pub async fn new(gpu: &Gpu, plan: &Plan, engine: &str, readable: usize) -> Result<Self, Error> {
        use wgpu::BufferUsages as Usage;
        // Compile before anything is allocated, since custom WGSL may be wrong.
        let mut pipelines = Vec::with_capacity(plan.dispatches.len());
        for dispatch in &plan.dispatches {
            pipelines.push(gpu.pipeline(&dispatch.kernel).await?);
        }
        let what = format!("buffers of the {engine} engine");
        let mut room = gpu.room(&what, plan.total_bytes(readable));
        let mut buffers = Vec::with_capacity(plan.buffers.len());
        for buffer in &plan.buffers {
            let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
            buffers.push(room.buffer(&buffer.name, buffer.len as u64 * 4, usage).await?);
        }
        let of_params = (plan.dispatches.len() * PARAMS_STRIDE) as u64;
        let params = room.buffer("params", of_params, Usage::UNIFORM | Usage::COPY_DST).await?;
        let staging = room.buffer("staging", readable as u64 * 4, STAGING).await?;
        let mut words = vec![0u32; plan.dispatches.len() * PARAMS_STRIDE / 4];
        for (row, dispatch) in words.chunks_mut(PARAMS_STRIDE / 4).zip(&plan.dispatches) {
            row[..dispatch.params.len()].copy_from_slice(&dispatch.params);
        }
        gpu.write(&params, 0, bytemuck::cast_slice(&words))?;

        let mut dispatches = Vec::with_capacity(plan.dispatches.len());
        for (i, (dispatch, pipeline)) in plan.dispatches.iter().zip(pipelines).enumerate() {
            let binding = |buffer, offset: usize, elements: usize| {
                let size = NonZero::new(elements as u64 * 4);
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: offset as u64, size })
            };
            let mut entries =
                vec![wgpu::BindGroupEntry { binding: 0, resource: binding(&params, i * PARAMS_STRIDE, dispatch.params.len()) }];
            for operand in &dispatch.operands {
                let PlannedTensor { buffer, offset, .. } = plan.tensors[operand.tensor.0];
                let resource = binding(&buffers[buffer], offset * 4, plan.len(operand.tensor));
                entries.push(wgpu::BindGroupEntry { binding: operand.binding, resource });
            }
            let bind_group = gpu.bind_group(&dispatch.kernel.label(), &pipeline, &entries).await?;
            let (workgroups, nanoseconds) = (dispatch.workgroups, dispatch.nanoseconds);
            dispatches.push(Recorded { pipeline, bind_group, workgroups, nanoseconds });
        }
        Ok(Self { buffers, dispatches, staging, params, _allocated: room.allocated() })
    }

    /// The buffer of a tensor of the plan.
    pub fn buffer(&self, plan: &Plan, tensor: Id) -> &wgpu::Buffer {
        &self.buffers[plan.tensors[tensor.0].buffer]
    }

    /// Replaces a dispatch by another of the same kernel on the same tensors. Submissions from now on use its
    /// parameters and workgroups.
    pub fn set(&mut self, gpu: &Gpu, index: usize, dispatch: &Dispatch) -> Result<(), Error> {
        self.dispatches[index].workgroups = dispatch.workgroups;
        gpu.write(&self.params, (index * PARAMS_STRIDE) as u64, bytemuck::cast_slice(&dispatch.params))
    }

    /// Records those dispatches, in that order.
    pub fn record(&self, gpu: &Gpu, order: impl IntoIterator<Item = usize>) -> Result<wgpu::CommandBuffer, Error> {
        gpu.record(|encoder| {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            order.into_iter().for_each(|dispatch| self.dispatches[dispatch].record(&mut pass));
        })
    }
}

impl Recorded {
    /// Records the dispatch into a pass.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = self.workgroups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}
