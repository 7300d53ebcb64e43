//! Networks in training on a device: the buffers of a fused kernel, its dispatches, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use bytemuck::{Pod, Zeroable};
use web_time::Instant;

use super::scan::Scan;
use crate::data::Order;
use crate::engine::staged;
use crate::error::Error;
use crate::gpu::{Allocated, Gpu, Pace, Region, SUBMISSIONS, Submission};
use crate::kernel::{Fused, Kernel, LONGEST_LOOP, Limits, WORKGROUP_SIZE};
use crate::settings::Cancel;

/// A network's row: `Member` in the kernel.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Member {
    pub learning_rate: f32,
    pub weight_decay: f32,
    /// One over what the logged loss is a mean over.
    pub loss_scale: f32,
    /// The rows of a batch of all of them.
    pub rows: f32,
    /// The epoch after which it does not change any more.
    pub epochs: u32,
    /// Where its rows' weights begin.
    pub weights: u32,
}

/// A row of the step table: the learning rate is λ · scale + shift.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Rates {
    pub scale: f32,
    pub shift: f32,
    pub corrections: [f32; 2],
}

/// `Params` in the kernel.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
struct Params {
    networks: u32,
    first: u32,
    end: u32,
    epochs: u32,
    first_epoch: u32,
    every: u32,
    wait: u32,
    slot: u32,
    words: u32,
}

/// Which epochs' losses are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// One in so many.
    pub every: u32,
    /// The first of them after so many epochs.
    pub wait: u32,
    /// How many have been kept before.
    pub slot: u32,
}

impl Kept {
    /// The same after so many epochs.
    fn after(self, epochs: u32) -> Self {
        if self.wait >= epochs {
            return Self { wait: self.wait - epochs, ..self };
        }
        let since = epochs - 1 - self.wait;
        Self { wait: self.every - 1 - since % self.every, slot: self.slot + 1 + since / self.every, ..self }
    }
}

/// What networks are trained on, packed as their kernel reads it.
pub struct PackedRows<'a> {
    pub inputs: &'a [f32],
    pub targets: &'a [f32],
    /// One after the other for all who have weights.
    pub weights: &'a [f32],
}

/// How much there is of what is allocated.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub networks: usize,
    /// The losses of each that can wait to be read, beside its last.
    pub kept: usize,
    /// The snapshots of the parameters that can be taken.
    pub copies: usize,
    /// The epochs of a dispatch: see [`Fused::longest`].
    pub longest: usize,
    /// Whether parameters that are no numbers are looked for.
    pub scanned: bool,
}

/// Epochs to train.
pub struct Epochs<'a> {
    /// How many came before.
    pub before: u32,
    pub count: usize,
    /// A row for each step, where the kernel reads any.
    pub rates: &'a [Rates],
}

/// How far a training came.
pub struct Taken {
    pub epochs: usize,
    /// Which losses are kept next.
    pub kept: Kept,
}

/// What came back of the losses of all networks, and with them.
pub struct Read {
    /// The last ones, then those kept.
    pub losses: Vec<f32>,
    /// All numbers of all networks, packed, if they were asked for.
    pub parameters: Option<Vec<f32>>,
    /// Whether all parameters are numbers, and what the optimizer keeps of them, as far as that is looked at.
    pub finite: bool,
}

/// Networks of one kernel on a device.
pub struct Population {
    gpu: Arc<Gpu>,
    fused: Fused,
    networks: usize,
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    params: wgpu::Buffer,
    members: wgpu::Buffer,
    parameters: wgpu::Buffer,
    losses: wgpu::Buffer,
    steps: Option<wgpu::Buffer>,
    orders: Option<Orders>,
    copies: Vec<wgpu::Buffer>,
    scan: Option<Scan>,
    staging: wgpu::Buffer,
    /// The networks that fill the device.
    filling: usize,
    /// The epochs that a dispatch can take.
    longest: usize,
    /// And how long.
    longest_dispatch: Duration,
    /// What a network is thought to take for an epoch, in nanoseconds, when as many are trained as fill the device.
    estimate: f64,
    most_workgroups: usize,
    /// How long the nanoseconds of the estimate take.
    pace: Pace,
    /// What the device was given last, when, and how many network-epochs that tells the pace of.
    in_flight: Option<(Submission, Instant, f64)>,
    /// What goes to the device with the next submission, and how many network-epochs that is.
    waiting: (Vec<wgpu::CommandBuffer>, f64),
    /// Whether what waits fills the device.
    filled: bool,
    /// Nearly all of its buffers: what computes orders and looks for what is no number has small ones of its own.
    _allocated: Allocated,
}

/// What computes the order of the rows in many epochs: shaders/order.wgsl.
struct Orders {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    params: wgpu::Buffer,
    step: wgpu::Buffer,
    order: Order,
}

/// The share of what a dispatch may take that it is given before anything was measured.
const UNMEASURED: f64 = 0.25;

/// The most places that the orders of a dispatch's epochs have.
const MOST_PLACES: usize = 1 << 19;

/// The most rows of a dispatch's step table.
const MOST_STEPS: usize = 1 << 16;

/// Bytes of a number.
const NUMBER: usize = 4;

impl Fused {
    /// The epochs that a dispatch takes at most, of so many in all; none if not even one fits.
    pub fn longest(&self, limits: &Limits, epochs: usize) -> usize {
        let mut longest = epochs.min((LONGEST_LOOP - self.rounds_of_words()) / self.rounds());
        let longest_buffer = (limits.binding.min(limits.buffer) / 4) as usize;
        if self.shuffled {
            let dispatched = limits.workgroups as usize * WORKGROUP_SIZE as usize;
            longest = longest.min(MOST_PLACES.min(longest_buffer).min(dispatched) / self.rows);
        }
        if self.stepped {
            longest = longest.min(MOST_STEPS.min(longest_buffer / 4) / self.batches());
        }
        longest
    }

    /// The bytes on the device for that; also the longest buffer's.
    pub fn bytes(&self, size: &Size, weights: usize) -> (u64, u64) {
        let &Size { networks, kept, copies, longest, scanned } = size;
        let number = |count: usize, each: usize| (count as u64).saturating_mul(each as u64).saturating_mul(NUMBER as u64);
        let parameters = number(networks, self.network_numbers());
        let losses = number(networks, kept.saturating_add(1));
        let buffers = [
            // What both are read back through.
            parameters.saturating_add(losses),
            parameters,
            losses,
            number(networks, size_of::<Member>() / NUMBER),
            number(self.rows, self.input_words() * 4),
            number(self.rows, self.lanes.count() * self.target_words() * 4),
            number(weights, 1),
            if self.shuffled { number(longest, self.rows) } else { 0 },
            if self.stepped { number(longest, self.batches() * 4) } else { 0 },
            number(copies, networks.saturating_mul(self.network_numbers())),
            size_of::<Params>() as u64,
            if scanned { Scan::BYTES } else { 0 },
            if self.shuffled { Orders::BYTES } else { 0 },
        ];
        // Copies are buffers of their own.
        let longest = buffers[..9].iter().copied().max().unwrap_or(0);
        (buffers.into_iter().fold(0, u64::saturating_add), longest)
    }

    /// The numbers that a network has in the buffer of parameters.
    pub fn network_numbers(&self) -> usize {
        self.words() * 4 * self.lanes.count()
    }

    /// A rough time in nanoseconds for an epoch of a network, when many share the device.
    pub fn nanoseconds(&self, limits: &Limits) -> f64 {
        let row = 20.0 + 4.0 * self.numbers() as f64;
        let epoch = self.rows as f64 * row + self.batches() as f64 * 10.0 * self.numbers() as f64 + 50.0;
        // Of one that is alone, on a GPU, each operation waits for the one before it.
        if limits.software { epoch } else { 4.0 * epoch }
    }

    /// As many networks fill a device.
    fn filling(&self, limits: &Limits) -> usize {
        let lanes = if limits.software { 4096 } else { 1 << 17 };
        (lanes / self.lanes.count()).max(1)
    }
}

impl Population {
    /// Allocates and compiles what so many networks need.
    pub async fn new(
        gpu: &Arc<Gpu>,
        limits: &Limits,
        fused: &Fused,
        size: &Size,
        rows: &PackedRows<'_>,
        seed: u64,
    ) -> Result<Self, Error> {
        use wgpu::BufferUsages as Usage;
        let pipeline = gpu.pipeline(&Kernel::Fused(Box::new(fused.clone()))).await?;
        let storage = Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC;
        let bytes = |numbers: usize| (numbers * NUMBER) as u64;
        let &Size { networks, kept, copies, longest, scanned } = size;
        let mut room = gpu.room("buffers of the fused engine", fused.bytes(size, rows.weights.len()).0);
        let params = room.buffer("params", size_of::<Params>() as u64, Usage::UNIFORM | Usage::COPY_DST).await?;
        let members = room.buffer("members", (networks * size_of::<Member>()) as u64, storage).await?;
        let parameters = room.buffer("parameters", bytes(networks * fused.network_numbers()), storage).await?;
        let losses = room.buffer("losses", bytes(networks * (1 + kept)), storage).await?;
        let mut buffers = vec![(0, params.clone()), (1, members.clone())];
        for (binding, name, values) in [(2, "inputs", rows.inputs), (3, "targets", rows.targets)] {
            let buffer = room.buffer(name, bytes(values.len()), storage).await?;
            gpu.upload(&buffer, 0, bytemuck::cast_slice(values)).await?;
            buffers.push((binding, buffer));
        }
        buffers.extend([(4, parameters.clone()), (5, losses.clone())]);
        let mut orders = None;
        if fused.shuffled {
            let order = Order { rows: fused.rows, seed: Some(seed) };
            let places = room.buffer("order", bytes(longest * fused.rows), storage).await?;
            orders = Some(Orders::new(gpu, order, &places).await?);
            buffers.push((6, places));
        }
        let mut steps = None;
        if fused.stepped {
            let buffer = room.buffer("steps", (longest * fused.batches() * size_of::<Rates>()) as u64, storage).await?;
            steps = Some(buffer.clone());
            buffers.push((7, buffer));
        }
        if fused.weighted {
            let buffer = room.buffer("weights", bytes(rows.weights.len()), storage).await?;
            gpu.upload(&buffer, 0, bytemuck::cast_slice(rows.weights)).await?;
            buffers.push((8, buffer));
        }
        let entry = |(binding, buffer): &(u32, wgpu::Buffer)| (*binding, buffer.clone());
        let buffers: Vec<_> = buffers.iter().map(entry).collect();
        let entries: Vec<_> = buffers
            .iter()
            .map(|(binding, buffer)| wgpu::BindGroupEntry { binding: *binding, resource: buffer.as_entire_binding() })
            .collect();
        let bind_group = gpu.bind_group(&fused.label(), &pipeline, &entries).await?;
        let mut snapshots = Vec::new();
        for _ in 0..copies {
            snapshots.push(room.buffer("snapshot", parameters.size(), storage).await?);
        }
        let scan = if scanned { Some(Scan::new(gpu, &parameters).await?) } else { None };
        let read = parameters.size() + losses.size() + scan.as_ref().map_or(0, |scan| scan.word.size());
        let staging = room.buffer("staging", read, Usage::MAP_READ | Usage::COPY_DST).await?;
        Ok(Self {
            gpu: gpu.clone(),
            fused: fused.clone(),
            networks,
            pipeline,
            bind_group,
            params,
            members,
            parameters,
            losses,
            steps,
            orders,
            copies: snapshots,
            scan,
            staging,
            filling: fused.filling(limits),
            longest,
            longest_dispatch: Duration::from_nanos(limits.fused_dispatch),
            estimate: fused.nanoseconds(limits),
            most_workgroups: limits.workgroups as usize,
            pace: Pace::new(SUBMISSIONS),
            in_flight: None,
            waiting: (Vec::new(), 0.0),
            filled: true,
            _allocated: room.allocated(),
        })
    }

    /// What is trained.
    pub fn fused(&self) -> &Fused {
        &self.fused
    }

    /// Sets what each network has of its own.
    pub fn write_members(&self, members: &[Member]) -> Result<(), Error> {
        self.gpu.write(&self.members, 0, bytemuck::cast_slice(members))
    }

    /// Sets the networks' numbers, packed.
    pub async fn write_parameters(&self, packed: &[f32]) -> Result<(), Error> {
        self.gpu.upload(&self.parameters, 0, bytemuck::cast_slice(packed)).await
    }

    /// Sets the last losses, of those that will not be trained any more.
    pub fn write_losses(&self, losses: &[f32]) -> Result<(), Error> {
        self.gpu.write(&self.losses, 0, bytemuck::cast_slice(losses))
    }

    /// Trains all for those epochs, or fewer where it is cancelled. Returns before all is done, or even submitted: readbacks wait for it.
    pub async fn train(&mut self, epochs: &Epochs<'_>, mut kept: Kept, cancel: Option<&Cancel>) -> Result<Taken, Error> {
        let batches = self.fused.batches();
        let mut done = 0;
        while done < epochs.count && !cancel.is_some_and(Cancel::is_cancelled) {
            let count = self.epochs_at_once().min(epochs.count - done);
            let first_epoch = epochs.before + done as u32;
            // What waits reads the tables as they are.
            self.submit().await?;
            if let Some(steps) = &self.steps {
                let rows = &epochs.rates[done * batches..(done + count) * batches];
                self.gpu.write(steps, 0, bytemuck::cast_slice(rows))?;
            }
            if let Some(orders) = &self.orders {
                orders.compute(&self.gpu, first_epoch, count)?;
            }
            let mut first = 0;
            while first < self.networks {
                let end = (first + self.networks_at_once(count)).min(self.networks);
                let params = Params {
                    networks: self.networks as u32,
                    first: first as u32,
                    end: end as u32,
                    epochs: count as u32,
                    first_epoch,
                    every: kept.every,
                    wait: kept.wait,
                    slot: 1 + kept.slot,
                    words: self.fused.words() as u32,
                };
                self.dispatch(&params).await?;
                first = end;
            }
            kept = kept.after(count as u32);
            done += count;
        }
        Ok(Taken { epochs: done, kept })
    }

    /// How many network-epochs fit a dispatch.
    fn budget(&self) -> f64 {
        let fitting = self.pace.fitting(self.longest_dispatch);
        fitting.unwrap_or(UNMEASURED * self.longest_dispatch.as_nanos() as f64) / self.estimate
    }

    /// As many epochs as fit a dispatch of the networks that fill the device: the longer they stay on the chip, the better.
    fn epochs_at_once(&self) -> usize {
        let networks = self.networks.min(self.filling) as f64;
        ((self.budget() / networks) as usize).clamp(1, self.longest)
    }

    /// The networks that fit a dispatch of so many epochs.
    fn networks_at_once(&self, epochs: usize) -> usize {
        let whole = self.fused.lanes.networks();
        let fitting = (self.budget() / epochs as f64) as usize;
        (fitting / whole).clamp(1, self.most_workgroups) * whole
    }

    async fn dispatch(&mut self, params: &Params) -> Result<(), Error> {
        self.submit().await?;
        self.gpu.write(&self.params, 0, bytemuck::bytes_of(params))?;
        let networks = (params.end - params.first) as usize;
        let workgroups = networks.div_ceil(self.fused.lanes.networks());
        self.waiting.0.push(recorded(&self.gpu, &self.pipeline, &self.bind_group, workgroups)?);
        self.waiting.1 += networks as f64 * f64::from(params.epochs);
        // What does not fill the device says nothing of how long many take.
        self.filled = networks >= self.filling.min(self.networks);
        Ok(())
    }

    /// Waits for what the device was given.
    async fn finish(&mut self) -> Result<(), Error> {
        if let Some((submission, submitted, network_epochs)) = self.in_flight.take() {
            self.gpu.finished(submission).await?;
            if network_epochs > 0.0 {
                self.pace.learn(network_epochs * self.estimate, submitted.elapsed());
            }
        }
        Ok(())
    }

    /// Hands on what waits, once the device has done what it was given before: what is measured is then a dispatch's own time.
    async fn submit(&mut self) -> Result<(), Error> {
        // A copy alone goes with the next dispatch.
        if self.waiting.1 > 0.0 {
            self.finish().await?;
            let (commands, network_epochs) = std::mem::take(&mut self.waiting);
            let submitted = Instant::now();
            let telling = if self.filled { network_epochs } else { 0.0 };
            self.in_flight = Some((self.gpu.submit(commands)?, submitted, telling));
        }
        Ok(())
    }

    /// The last losses of all networks, and those kept so far of all of them: `slots` rows. The parameters come with them if they are
    /// asked for, in the same readback.
    pub async fn read_losses(&mut self, slots: usize, parameters: bool) -> Result<Read, Error> {
        let mut commands = self.rest().await?;
        let mut wanted = vec![(&self.losses, self.networks * (1 + slots))];
        if parameters {
            wanted.push((&self.parameters, self.networks * self.fused.network_numbers()));
        }
        if let Some(scan) = &self.scan {
            commands.extend(scan.commands(&self.gpu)?);
            wanted.push((&scan.word, 1));
        }
        let mut read = self.read(commands, &wanted).await?.into_iter();
        Ok(Read {
            losses: read.next().unwrap_or_default(),
            parameters: if parameters { read.next() } else { None },
            finite: read.next().is_none_or(|word| word.iter().all(|word| word.to_bits() == 0)),
        })
    }

    /// All numbers of all networks, packed; those of a snapshot if one is named.
    pub async fn read_parameters(&mut self, snapshot: Option<usize>) -> Result<Vec<f32>, Error> {
        let commands = self.rest().await?;
        let buffer = snapshot.map_or(&self.parameters, |snapshot| &self.copies[snapshot]);
        Ok(self.read(commands, &[(buffer, self.networks * self.fused.network_numbers())]).await?.remove(0))
    }

    /// What waits, to go with a readback.
    async fn rest(&mut self) -> Result<Vec<wgpu::CommandBuffer>, Error> {
        self.finish().await?;
        self.waiting.1 = 0.0;
        Ok(std::mem::take(&mut self.waiting.0))
    }

    async fn read<'a>(
        &'a self,
        commands: Vec<wgpu::CommandBuffer>,
        wanted: &[(&'a wgpu::Buffer, usize)],
    ) -> Result<Vec<Vec<f32>>, Error> {
        let region =
            |&(buffer, numbers): &(&'a wgpu::Buffer, usize)| Region { buffer, offset: 0, size: (numbers * NUMBER) as u64 };
        let regions: Vec<_> = wanted.iter().map(region).collect();
        let read = self.gpu.read_after(commands, &self.staging, &regions).await?;
        Ok(read.iter().map(|bytes| bytemuck::pod_collect_to_vec(bytes)).collect())
    }

    /// Copies the networks as they are now.
    pub fn keep(&mut self, snapshot: usize) -> Result<(), Error> {
        let (from, to) = (&self.parameters, &self.copies[snapshot]);
        let commands = self.gpu.record(|encoder| encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size()))?;
        self.waiting.0.push(commands);
        Ok(())
    }
}

impl Orders {
    /// The bytes of its own buffers.
    const BYTES: u64 = 32 + size_of::<staged::Step>() as u64 + 4;

    async fn new(gpu: &Gpu, order: Order, places: &wgpu::Buffer) -> Result<Self, Error> {
        use wgpu::BufferUsages as Usage;
        let pipeline = gpu.pipeline(&Kernel::Order).await?;
        let params = gpu.buffer("params", 32, Usage::UNIFORM | Usage::COPY_DST).await?;
        let step = gpu.buffer("step", size_of::<staged::Step>() as u64, Usage::STORAGE | Usage::COPY_DST).await?;
        let cursor = gpu.buffer("cursor", 4, Usage::STORAGE | Usage::COPY_DST).await?;
        let entries: Vec<_> = [&params, &step, &cursor, places]
            .into_iter()
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let bind_group = gpu.bind_group(&Kernel::Order.label(), &pipeline, &entries).await?;
        Ok(Self { pipeline, bind_group, params, step, order })
    }

    /// Fills the places of so many epochs.
    fn compute(&self, gpu: &Gpu, epoch: u32, epochs: usize) -> Result<(), Error> {
        let places = epochs * self.order.rows;
        let (x, y, rounds) = self.order.digits();
        let seed = self.order.seed.unwrap_or(0);
        let params = [0, places as u32, self.order.rows as u32, x, y, rounds, seed as u32, (seed >> 32) as u32];
        gpu.write(&self.params, 0, bytemuck::cast_slice(&params))?;
        gpu.write(&self.step, 0, bytemuck::bytes_of(&staged::Step { epoch, ..staged::Step::default() }))?;
        let workgroups = places.div_ceil(WORKGROUP_SIZE as usize);
        gpu.submit(vec![recorded(gpu, &self.pipeline, &self.bind_group, workgroups)?])?;
        Ok(())
    }
}

/// A command buffer of one dispatch.
pub fn recorded(
    gpu: &Gpu,
    pipeline: &wgpu::ComputePipeline,
    bind_group: &wgpu::BindGroup,
    workgroups: usize,
) -> Result<wgpu::CommandBuffer, Error> {
    gpu.record(|encoder| {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bind_group, &[]);
        pass.dispatch_workgroups(workgroups as u32, 1, 1);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_losses_go_on_where_a_dispatch_ended() {
        for (every, wait) in [(1, 0), (3, 0), (3, 2), (10, 7), (1000, 0)] {
            let mut kept = Kept { every, wait, slot: 0 };
            let mut expected = kept;
            for epochs in [1, 2, 3, 5, 8, 40, 1000] {
                kept = kept.after(epochs);
                for _ in 0..epochs {
                    // As the kernel counts.
                    if expected.wait == 0 {
                        expected = Kept { wait: every, slot: expected.slot + 1, ..expected };
                    }
                    expected.wait -= 1;
                }
                assert_eq!(kept, expected, "every {every}, wait {wait}, {epochs} epochs");
            }
        }
    }
}
