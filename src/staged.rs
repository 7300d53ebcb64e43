//! The staged engine: replays a plan on a GPU, one dispatch a stage, one command buffer a step.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};

use crate::error::Error;
use crate::gpu::{Gpu, Region, Submission};
use crate::plan::{Id, Plan};

/// A row of the step table: `Step` in shaders/step.wgsl.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Step {
    /// How far the step goes.
    pub learning_rate: f32,
    /// Which element of `losses` takes its loss.
    pub loss_slot: u32,
}

/// A plan with its buffers, pipelines and bind groups, ready to run.
pub struct Staged {
    gpu: Arc<Gpu>,
    /// What it replays.
    pub plan: Plan,
    buffers: Vec<wgpu::Buffer>,
    dispatches: Vec<Recorded>,
    staging: wgpu::Buffer,
    in_flight: VecDeque<InFlight>,
    /// How many times longer than the plan's estimate the device takes; decides how much goes into a submission.
    slowness: f64,
    last_finished: Instant,
}

/// A dispatch, as it goes into a command buffer.
struct Recorded {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    workgroups: u32,
    nanoseconds: u64,
}

struct InFlight {
    submission: Submission,
    submitted: Instant,
    nanoseconds: u64,
}

/// The rows of the step table that are uploaded at once.
pub const TABLE_ROWS: usize = 4096;

/// How long a submission may take: under the 250 ms after which others on the device notice.
const LONGEST_SUBMISSION: f64 = 0.2e9;

/// The most command buffers in a submission: few enough that the device soon has work while the next ones are recorded.
const LARGEST_SUBMISSION: usize = 64;

/// The most submissions that wait on the device.
const MOST_IN_FLIGHT: usize = 3;

/// Uniform buffers are bound at multiples of this, the coarsest alignment that WebGPU allows a device to ask.
const PARAMS_STRIDE: usize = 256;

impl Staged {
    /// Allocates and compiles all that the plan needs; up to `readable` elements can then be read at once without allocating.
    pub async fn new(gpu: Arc<Gpu>, plan: Plan, readable: usize) -> Result<Self, Error> {
        use wgpu::BufferUsages as Usage;
        let mut buffers = Vec::with_capacity(plan.buffers.len());
        for buffer in &plan.buffers {
            let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
            buffers.push(gpu.buffer(&buffer.name, buffer.len as u64 * 4, usage).await?);
        }
        let mut words = vec![0u32; plan.dispatches.len() * PARAMS_STRIDE / 4];
        for (row, dispatch) in words.chunks_mut(PARAMS_STRIDE / 4).zip(&plan.dispatches) {
            row[..dispatch.params.len()].copy_from_slice(&dispatch.params);
        }
        let params = gpu.buffer("params", words.len() as u64 * 4, Usage::UNIFORM | Usage::COPY_DST).await?;
        gpu.write(&params, 0, bytemuck::cast_slice(&words))?;

        let mut dispatches = Vec::with_capacity(plan.dispatches.len());
        for (i, dispatch) in plan.dispatches.iter().enumerate() {
            let pipeline = gpu.pipeline(dispatch.kernel).await?;
            let binding = |buffer, offset: usize, elements: usize| {
                let size = std::num::NonZero::new(elements as u64 * 4);
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: offset as u64, size })
            };
            let mut entries =
                vec![wgpu::BindGroupEntry { binding: 0, resource: binding(&params, i * PARAMS_STRIDE, dispatch.params.len()) }];
            for operand in &dispatch.operands {
                let tensor = &plan.tensors[operand.tensor.0];
                let resource = binding(&buffers[tensor.buffer], tensor.offset * 4, tensor.rows * tensor.columns);
                entries.push(wgpu::BindGroupEntry { binding: operand.binding, resource });
            }
            let bind_group = gpu.bind_group(&dispatch.kernel.label(), &pipeline, &entries).await?;
            let (workgroups, nanoseconds) = (dispatch.workgroups, dispatch.nanoseconds);
            dispatches.push(Recorded { pipeline, bind_group, workgroups, nanoseconds });
        }
        let staging = staging(&gpu, readable).await?;
        let (in_flight, last_finished) = (VecDeque::new(), Instant::now());
        Ok(Self { gpu, plan, buffers, dispatches, staging, in_flight, slowness: 1.0, last_finished })
    }

    /// Writes a tensor; it takes effect before the next run.
    pub fn write(&self, tensor: Id, values: &[f32]) -> Result<(), Error> {
        let tensor = &self.plan.tensors[tensor.0];
        assert_eq!(values.len(), tensor.rows * tensor.columns, "values for {}", tensor.name);
        self.gpu.write(&self.buffers[tensor.buffer], tensor.offset as u64 * 4, bytemuck::cast_slice(values))
    }

    /// Writes the step table, at most [`TABLE_ROWS`] rows of it, and sets the cursor to its first.
    pub fn write_steps(&self, steps: &[Step]) -> Result<(), Error> {
        let buffer = |name| &self.buffers[self.plan.tensors[self.plan.find(name).0].buffer];
        self.gpu.write(buffer("steps"), 0, bytemuck::cast_slice(steps))?;
        self.gpu.write(buffer("cursor"), 0, &[0; 4])
    }

    /// Runs as many steps as there are rows; returns when all are submitted, not when they are done.
    pub async fn run(&mut self, steps: &[Step]) -> Result<(), Error> {
        for rows in steps.chunks(TABLE_ROWS) {
            self.write_steps(rows)?;
            self.replay(rows.len()).await?;
        }
        Ok(())
    }

    /// Runs the plan that many times: one command buffer each, several to a submission, and one cut into several only where it
    /// would make a submission too long.
    pub async fn replay(&mut self, times: usize) -> Result<(), Error> {
        let mut commands = Vec::with_capacity(LARGEST_SUBMISSION);
        let mut nanoseconds = 0;
        for _ in 0..times {
            let mut next = 0;
            while next < self.dispatches.len() {
                let start = next;
                while next < self.dispatches.len() {
                    let with_this = nanoseconds + self.dispatches[next].nanoseconds;
                    if nanoseconds > 0 && with_this as f64 * self.slowness > LONGEST_SUBMISSION {
                        break;
                    }
                    nanoseconds = with_this;
                    next += 1;
                }
                if next > start {
                    commands.push(self.record(start..next));
                }
                if next < self.dispatches.len() || commands.len() == LARGEST_SUBMISSION {
                    self.submit(commands.drain(..), nanoseconds).await?;
                    nanoseconds = 0;
                }
            }
        }
        if !commands.is_empty() {
            self.submit(commands.drain(..), nanoseconds).await?;
        }
        Ok(())
    }

    /// A command buffer with those dispatches.
    fn record(&self, range: Range<usize>) -> wgpu::CommandBuffer {
        let mut encoder = self.gpu.encoder();
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for dispatch in &self.dispatches[range] {
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.bind_group, &[]);
            pass.dispatch_workgroups(dispatch.workgroups, 1, 1);
        }
        drop(pass);
        encoder.finish()
    }

    async fn submit(&mut self, commands: impl Iterator<Item = wgpu::CommandBuffer>, nanoseconds: u64) -> Result<(), Error> {
        if self.in_flight.len() == MOST_IN_FLIGHT
            && let Some(oldest) = self.in_flight.pop_front()
        {
            self.gpu.finished(oldest.submission).await?;
            self.learn(oldest.submitted, oldest.nanoseconds);
        }
        let submitted = Instant::now();
        let submission = self.gpu.submit(commands)?;
        self.in_flight.push_back(InFlight { submission, submitted, nanoseconds });
        Ok(())
    }

    /// Compares a submission's time with its estimate. Only the size of later submissions depends on it.
    fn learn(&mut self, submitted: Instant, nanoseconds: u64) {
        let now = Instant::now();
        let taken = now.duration_since(submitted.max(self.last_finished)).max(Duration::from_micros(1));
        self.last_finished = now;
        let slowness = taken.as_nanos() as f64 / nanoseconds.max(1) as f64;
        self.slowness = (0.5 * self.slowness + 0.5 * slowness).clamp(0.01, 100.0);
    }

    /// Reads the first `count` elements of each tensor, in one readback.
    pub async fn read(&mut self, wanted: &[(Id, usize)]) -> Result<Vec<Vec<f32>>, Error> {
        let total = wanted.iter().map(|(_, count)| count).sum::<usize>();
        if total as u64 * 4 > self.staging.size() {
            self.staging = staging(&self.gpu, total).await?;
        }
        let regions: Vec<_> = wanted
            .iter()
            .map(|(id, count)| {
                let tensor = &self.plan.tensors[id.0];
                Region { buffer: &self.buffers[tensor.buffer], offset: tensor.offset as u64 * 4, size: *count as u64 * 4 }
            })
            .collect();
        let read = self.gpu.read(&self.staging, &regions).await?;
        // What came before the readback is done.
        self.in_flight.clear();
        self.last_finished = Instant::now();
        Ok(read.iter().map(|bytes| bytemuck::pod_collect_to_vec(bytes)).collect())
    }

    /// Runs one dispatch alone: for looking at a step stage by stage.
    pub async fn run_one(&mut self, index: usize) -> Result<(), Error> {
        let commands = [self.record(index..index + 1)];
        self.submit(commands.into_iter(), self.dispatches[index].nanoseconds).await
    }
}

async fn staging(gpu: &Gpu, elements: usize) -> Result<wgpu::Buffer, Error> {
    gpu.buffer("staging", elements.max(1) as u64 * 4, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST).await
}
