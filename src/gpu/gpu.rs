//! The one owner of every wgpu call: opening, allocating, compiling, submitting, reading back, and what can go wrong in each.
//!
//! The calls that wait are async and never poll the device; `wait.rs` does, with a timeout, where no browser does.
//! The first fault that no call was waiting for (an uncaptured error, a lost device, a timeout, a panic) is kept, and is the
//! answer to every later call: numbers that come from a broken device are never handed on. A loss replaces the refused calls that it
//! caused.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};
use web_time::Instant;

use super::guard::{Guarded, guard, guarded, lock, one_line};
use super::pace::{Habit, Pace};
use super::state::State;
#[cfg(not(target_arch = "wasm32"))]
use super::wait::awaits;
use crate::error::Error;
use crate::kernel::{Kernel, Limits, Products};

/// What a readback is called in messages.
pub(super) const READBACK: &str = "a readback";

/// What recording is called there.
pub const RECORDING: &str = "recording commands";

/// The bytes that are uploaded at a time.
pub const UPLOAD: usize = 32 << 20;

/// How estimates of submissions follow what is measured: a millisecond of them at least says something.
pub const SUBMISSIONS: Habit = Habit { rise: 0.5, fall: 0.5, growth: 8.0, enough: 1e6, least: 1.0, answers_late: true };

/// So few bytes are written by way of wgpu.
const SMALL: usize = 1 << 20;

/// An opened device with its queue, its pipelines and its faults.
pub struct Gpu {
    pub(super) device: Guarded<wgpu::Device>,
    queue: Guarded<wgpu::Queue>,
    /// Whether it is an application's: it has that one's handlers, is polled by it, and gets no submission but that one's.
    adopted: bool,
    limits: wgpu::Limits,
    software: bool,
    products: Products,
    pub(super) state: State,
    pipelines: Mutex<HashMap<Kernel, wgpu::ComputePipeline>>,
    readbacks: AtomicU64,
    command_buffers: AtomicU64,
    /// How long nanoseconds of an estimate take.
    pace: Mutex<Pace>,
}

/// Work that the device was given, and the channel on which its end is told.
pub struct Submission {
    index: wgpu::SubmissionIndex,
    done: OneshotReceiver<()>,
}

/// A part of a buffer, in bytes.
pub struct Region<'a> {
    /// The buffer.
    pub buffer: &'a wgpu::Buffer,
    /// Where the part begins.
    pub offset: u64,
    /// How long it is.
    pub size: u64,
}

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

/// The adapters that there are: discrete GPUs, integrated ones, others, and software last.
pub async fn adapters() -> Result<Vec<wgpu::Adapter>, Error> {
    let mut adapters = guarded("listing the adapters", async {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
        // We dispatch nothing indirectly, so its validation would only add pipelines of its own.
        descriptor.flags.remove(wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL);
        wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::all()).await
    })
    .await?;
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    Ok(adapters)
}

impl Gpu {
    /// Opens an adapter with all that it has: the defaults are a phone's. In a browser they are what a page is written for.
    pub async fn open(adapter: &wgpu::Adapter) -> Result<Self, Error> {
        if cfg!(target_arch = "wasm32") {
            return Self::open_with(adapter, wgpu::Limits::default(), wgpu::Features::empty()).await;
        }
        Self::open_with(adapter, adapter.limits(), features(adapter)).await
    }

    /// Opens an adapter with those limits and features.
    pub async fn open_with(
        adapter: &wgpu::Adapter,
        required_limits: wgpu::Limits,
        required_features: wgpu::Features,
    ) -> Result<Self, Error> {
        let info = adapter.get_info();
        let (device, queue) = guarded("opening the adapter", async {
            adapter
                .request_device(&wgpu::DeviceDescriptor {
                    label: Some("shaderprop"),
                    required_limits,
                    required_features,
                    ..Default::default()
                })
                .await
        })
        .await?
        .map_err(|error| Error::DeviceRequest { adapter: info.name.clone(), message: one_line(&error.to_string()) })?;

        let gpu = Self::new(device, queue, false);
        let state = gpu.state.clone();
        gpu.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            state.fail(Error::DeviceFailed { message: one_line(&error.to_string()) });
        }));
        let state = gpu.state.clone();
        gpu.device.set_device_lost_callback(move |reason, message| state.lose(&format!("{reason:?} {message}")));
        // In a first submission that finds no memory, wgpu-hal 30.0.1 forgets that two of its semaphores are one, which it frees twice at the end.
        // So there is an empty first one, and where that fails the device stays open for ever.
        if let Err(error) = gpu.submit(vec![]).and_then(|_| gpu.look()) {
            let message = match gpu.cause(error) {
                Error::DeviceLost { message } => message,
                error => error.to_string(),
            };
            std::mem::forget(gpu);
            return Err(Error::DeviceRequest { adapter: info.name, message });
        }
        Ok(gpu)
    }

    /// An application's device: it is given no handler, never polled, and nothing is submitted to it.
    pub fn adopt(device: &wgpu::Device, queue: &wgpu::Queue) -> Self {
        Self::new(device.clone(), queue.clone(), true)
    }

    fn new(device: wgpu::Device, queue: wgpu::Queue, adopted: bool) -> Self {
        let (info, limits) = (device.adapter_info(), device.limits());
        let software = is_software(&info);
        let subgroups = software && device.features().contains(wgpu::Features::SUBGROUP);
        Self {
            software,
            products: Products::of(&info, &limits, subgroups),
            limits,
            device: Guarded::new(device),
            queue: Guarded::new(queue),
            adopted,
            state: State::default(),
            pipelines: Mutex::default(),
            readbacks: AtomicU64::new(0),
            command_buffers: AtomicU64::new(0),
            pace: Mutex::new(Pace::new(SUBMISSIONS)),
        }
    }

    /// Takes note that the device is gone, as its owner tells.
    pub fn lost(&self, message: &str) {
        self.state.lose(message);
    }

    /// A clock for compute passes, if the device has one.
    pub async fn queries(&self, label: &str, count: u32) -> Result<Option<wgpu::QuerySet>, Error> {
        if !self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let descriptor = wgpu::QuerySetDescriptor { label: Some(label), ty: wgpu::QueryType::Timestamp, count };
        self.scoped(label, u64::from(count) * 8, || self.device.create_query_set(&descriptor)).await.map(Some)
    }

    /// How long that many ticks of the clock are.
    pub fn ticks(&self, ticks: u64) -> Duration {
        Duration::from_nanos((ticks as f64 * f64::from(self.queue.get_timestamp_period())) as u64)
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

    /// What the opened device allows.
    pub fn limits(&self) -> &wgpu::Limits {
        &self.limits
    }

    /// Whether it computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.software
    }

    /// What planning has to keep.
    pub fn plan_limits(&self) -> Limits {
        Limits::of(&self.limits, self.software, self.products)
    }

    /// How often data has come back from the device.
    pub fn readbacks(&self) -> u64 {
        self.readbacks.load(Ordering::Relaxed)
    }

    /// How many command buffers of steps it was given.
    pub fn command_buffers(&self) -> u64 {
        self.command_buffers.load(Ordering::Relaxed)
    }

    /// What was learned of how long estimated nanoseconds take: of kernels that may still have to be compiled.
    pub fn pace(&self) -> Pace {
        lock(&self.pace).clone().cold()
    }

    /// Takes note of it for the next who asks.
    pub fn set_pace(&self, pace: &Pace) {
        lock(&self.pace).clone_from(pace);
    }

    /// Takes the device away, as an unplugged cable does: for tests.
    pub fn destroy(&self) {
        self.device.destroy();
    }

    /// The device's first fault, if it has had one.
    pub fn check(&self) -> Result<(), Error> {
        self.state.check()
    }

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

    /// The pipeline of that kernel, compiled when it is first asked for.
    pub async fn pipeline(&self, kernel: &Kernel) -> Result<wgpu::ComputePipeline, Error> {
        if let Some(pipeline) = lock(&self.pipelines).get(kernel) {
            return Ok(pipeline.clone());
        }
        let pipeline = self.compile(&kernel.label(), &kernel.source()).await?;
        lock(&self.pipelines).insert(kernel.clone(), pipeline.clone());
        Ok(pipeline)
    }

    /// A pipeline of that WGSL, whose entry point is `main`.
    pub async fn compile(&self, label: &str, source: &str) -> Result<wgpu::ComputePipeline, Error> {
        let mut tried = None;
        let compiled = self.scoped(label, 0, || {
            let source = wgpu::ShaderSource::Wgsl(source.into());
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(label), source });
            tried = Some(module.clone());
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(label),
                // Derived from the WGSL, where the bindings are declared once.
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // The shaders write workgroup memory before they read it; the zeroing can take compilers a minute.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            })
        });
        match (compiled.await, tried) {
            (Err(error @ Error::Driver { .. }), Some(module)) => {
                Err(shader_error(label.into(), source, &module).await.unwrap_or(error))
            }
            (compiled, _) => compiled,
        }
    }

    /// What binds those buffers to that pipeline.
    pub async fn bind_group(
        &self,
        label: &str,
        pipeline: &wgpu::ComputePipeline,
        entries: &[wgpu::BindGroupEntry<'_>],
    ) -> Result<wgpu::BindGroup, Error> {
        self.scoped(label, 0, || {
            let layout = pipeline.get_bind_group_layout(0);
            self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout: &layout, entries })
        })
        .await
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

    /// An encoder, to measure with how long recording takes; what is run is recorded by [`record`](Self::record).
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

    /// Hands command buffers to the device.
    pub fn submit(&self, commands: Vec<wgpu::CommandBuffer>) -> Result<Submission, Error> {
        self.command_buffers.fetch_add(commands.len() as u64, Ordering::Relaxed);
        let (sender, done) = oneshot_channel();
        let index = self.call("submitting commands", || {
            let index = self.queue.submit(commands);
            self.queue.on_submitted_work_done(move || {
                // Fails only if nobody waits any more.
                let _ = sender.send(());
            });
            index
        })?;
        Ok(Submission { index, done })
    }

    /// Waits until the device has done that work.
    pub async fn finished(&self, submission: Submission) -> Result<(), Error> {
        self.answer("the device's work", submission.index, submission.done).await
    }

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
        let refused = |message: String| Error::Driver { what: READBACK.into(), message };
        let bytes = answer.and_then(|result| {
            result.map_err(|error| refused(one_line(&error.to_string())))?;
            let view = staging.get_mapped_range(..total).map_err(|error| refused(one_line(&error.to_string())))?;
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

    /// Runs a compute pass and measures how long the device takes for it; nothing where the adapter has no clock.
    pub async fn timed(&self, record: impl FnOnce(&mut wgpu::ComputePass<'_>)) -> Result<Option<Duration>, Error> {
        use wgpu::BufferUsages as Usage;
        let Some(set) = self.queries("timestamps", 2).await? else { return Ok(None) };
        let resolved = self.buffer("timestamps", 16, Usage::QUERY_RESOLVE | Usage::COPY_SRC).await?;
        let staging = self.buffer("staging", 16, Usage::MAP_READ | Usage::COPY_DST).await?;
        let timestamp_writes = wgpu::ComputePassTimestampWrites {
            query_set: &set,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        };
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(timestamp_writes) };
        let commands = self.record(|encoder| {
            record(&mut encoder.begin_compute_pass(&descriptor));
            encoder.resolve_query_set(&set, 0..2, &resolved, 0);
        })?;
        self.submit(vec![commands])?;
        let read = self.read(&staging, &[Region { buffer: &resolved, offset: 0, size: 16 }]).await?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&read[0]);
        Ok(Some(self.ticks(ticks[1].saturating_sub(ticks[0]))))
    }

    /// Waits for `work` without blocking: each time it is polled, and the work waits, the device is asked whether something has happened. A browser
    /// tells it by itself.
    pub async fn drive<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        #[cfg(not(target_arch = "wasm32"))]
        return self.polled(work, Self::look_in_time).await;
        #[cfg(target_arch = "wasm32")]
        return work.await.map_err(|error| self.cause(error));
    }

    /// What is behind an error: on a lost device a call may fail first with an error of its own, and the loss be told by the next poll.
    pub(super) fn cause(&self, error: Error) -> Error {
        #[cfg(not(target_arch = "wasm32"))]
        self.wait_for_a_loss(&error);
        self.check().err().unwrap_or(error)
    }

    /// Asks the device whether something has happened.
    pub(super) fn look(&self) -> Result<(), Error> {
        if let Err(panic) = guard("polling the device", || self.device.poll(wgpu::PollType::Poll)) {
            self.state.fail(panic);
        }
        self.check()
    }

    /// Waits for what a callback sends once that submission is done.
    async fn answer<T>(&self, what: &str, index: wgpu::SubmissionIndex, receiver: OneshotReceiver<T>) -> Result<T, Error> {
        awaits(Some((index, Instant::now())));
        let answer = receiver.receive().await;
        awaits(None);
        self.check()?;
        answer.ok_or_else(|| self.state.fail(Error::DeviceLost { message: format!("it dropped {what} without an answer") }))
    }

    /// Runs a call that reports its errors to nobody but the handlers; a panic in it is a fault for good.
    pub fn call<T>(&self, what: &str, call: impl FnOnce() -> T) -> Result<T, Error> {
        self.check()?;
        guard(what, call).map_err(|error| self.state.fail(error))
    }

    /// Runs a call of which the driver may report an error, and returns that error; the device stays usable.
    async fn scoped<T>(&self, what: &str, bytes: u64, call: impl FnOnce() -> T) -> Result<T, Error> {
        self.check()?;
        // The scopes are this thread's; what they say may be waited for on another.
        let (result, errors) = {
            let [internal, memory, validation] =
                [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation]
                    .map(|filter| self.device.push_error_scope(filter));
            let result = guard(what, call);
            // Last pushed, first popped.
            (result, (validation.pop(), memory.pop(), internal.pop()))
        };
        // What there was no memory for is invalid where it is used next, in the same call.
        let (validation, memory, internal) = (errors.0.await, errors.1.await, errors.2.await);
        let error = memory.or(validation).or(internal);
        self.check()?;
        // A panic half way through a call is a fault for good, whatever else was said.
        let result = result.map_err(|error| self.state.fail(error))?;
        match error {
            None => Ok(result),
            Some(wgpu::Error::OutOfMemory { .. }) if bytes > 0 => Err(Error::OutOfMemory { what: what.into(), bytes, taken: 0 }),
            Some(error) => Err(Error::Driver { what: what.into(), message: one_line(&error.to_string()) }),
        }
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

impl Drop for Gpu {
    /// A device that does not answer is left alone: wgpu waits for its queue without end when it drops it. An application's is dropped by that one,
    /// and a browser's by the browser.
    fn drop(&mut self) {
        #[cfg(not(target_arch = "wasm32"))]
        if !self.adopted && !self.comes_to_its_end() {
            self.device.leak();
            self.queue.leak();
        }
    }
}

/// What the compiler has against a module, with the line it points at; nothing if it was not the WGSL that was refused.
async fn shader_error(label: String, source: &str, module: &wgpu::ShaderModule) -> Option<Error> {
    let said = module.get_compilation_info().await.messages;
    let error = said.into_iter().find(|said| said.message_type == wgpu::CompilationMessageType::Error)?;
    let line = error.location.map_or(0, |location| location.line_number);
    let code = source.lines().nth((line as usize).wrapping_sub(1)).unwrap_or_default().trim().to_owned();
    Some(Error::Shader { label, line, code, message: one_line(&error.message) })
}

/// A submission that some work waits for, and since when.
pub(super) type Awaited = Option<(wgpu::SubmissionIndex, Instant)>;

/// A browser polls by itself.
#[cfg(target_arch = "wasm32")]
fn awaits(_: Awaited) {}

/// What training makes use of where an adapter has it: nothing of it is needed.
pub fn features(adapter: &wgpu::Adapter) -> wgpu::Features {
    // Software drivers run a subgroup as the lanes of a CPU's vectors, which our kernels for them make use of.
    let subgroups = if is_software(&adapter.get_info()) { wgpu::Features::SUBGROUP } else { wgpu::Features::empty() };
    adapter.features() & (subgroups | wgpu::Features::TIMESTAMP_QUERY)
}

fn is_software(info: &wgpu::AdapterInfo) -> bool {
    info.device_type == wgpu::DeviceType::Cpu
}
