//! Trains many networks on a device: the buffers of a fused kernel, its dispatches, and its readbacks.

use std::sync::Arc;
use std::time::Duration;

use bytemuck::{Pod, Zeroable};
use web_time::Instant;

use crate::data::Order;
use crate::engine::loaded::Loaded;
use crate::engine::staged;
use crate::error::Error;
use crate::gpu::{Gpu, Pace, Region, SUBMISSIONS, Submission};
use crate::kernel::{Fused, LONGEST_LOOP, Limits, WORKGROUP_SIZE};
use crate::plan::{FiniteCheckProgram, FusedIds, FusedRun, FusedTraining, Id, Orders, PARAMS_STRIDE, Plan, Planned};
use crate::settings::Cancel;

/// The settings of one network: `Member` in the kernel.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Member {
    pub learning_rate: f32,
    pub weight_decay: f32,
    /// 1 / the total weight that the logged loss is a mean over.
    pub loss_scale: f32,
    /// The number of rows of a batch that contains all rows.
    pub rows: f32,
    /// The last epoch; after it the network no longer changes.
    pub epochs: u32,
    /// The index where its sample weights begin.
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

/// The epochs whose losses are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The number of epochs between two kept losses.
    pub every: u32,
    /// The number of epochs until the next one.
    pub wait: u32,
    /// The number of losses kept so far.
    pub slot: u32,
}

impl Kept {
    /// The state after that many more epochs.
    fn after(self, epochs: u32) -> Self {
        if self.wait >= epochs {
            return Self { wait: self.wait - epochs, ..self };
        }
        let since = epochs - 1 - self.wait;
        Self { wait: self.every - 1 - since % self.every, slot: self.slot + 1 + since / self.every, ..self }
    }
}

/// The training rows, packed as the kernel reads them.
pub struct PackedRows<'a> {
    pub inputs: &'a [f32],
    pub targets: &'a [f32],
    /// The sample weights of all networks that have any, one after the other.
    pub weights: &'a [f32],
    /// The seed of the row order, if rows are shuffled.
    pub seed: u64,
}

/// The sizes of the buffers.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub networks: usize,
    /// The number of losses kept for each network until they are read, in addition to its last one.
    pub kept: usize,
    /// The number of snapshots of the parameters.
    pub copies: usize,
    /// The maximum number of epochs in a dispatch: see [`Fused::longest`].
    pub longest: usize,
    /// Whether parameters are checked for NaN and infinite values.
    pub scanned: bool,
}

/// Epochs to train.
pub struct Epochs<'a> {
    /// The number of epochs trained before.
    pub before: u32,
    pub count: usize,
    /// A row for each step, if the kernel reads a step table.
    pub rates: &'a [Rates],
}

/// How far a call of `train` came.
pub struct Taken {
    pub epochs: usize,
    /// Which losses are kept next.
    pub kept: Kept,
}

/// The losses of all networks that were read back, and what was read with them.
pub struct Read {
    /// The last losses, then the kept ones.
    pub losses: Vec<f32>,
    /// All numbers of all networks, packed, if requested.
    pub parameters: Option<Vec<f32>>,
    /// Whether all parameters and optimizer state are finite; true if that is not checked.
    pub finite: bool,
}

/// The networks of one kernel on a device.
pub struct Population {
    gpu: Arc<Gpu>,
    fused: Fused,
    networks: usize,
    /// The row order of each epoch.
    order: Order,
    plan: Plan,
    ids: FusedIds,
    loaded: Loaded,
    /// The number of networks that fill the device.
    filling: usize,
    /// The maximum number of epochs in a dispatch.
    longest: usize,
    /// The maximum time of a dispatch.
    longest_dispatch: Duration,
    /// The estimated time of one epoch of one network, in nanoseconds, when the device is full.
    estimate: f64,
    most_workgroups: usize,
    /// Measured time for the estimated nanoseconds.
    pace: Pace,
    /// The last submission, when it was made, and the number of network-epochs whose time it will measure.
    in_flight: Option<(Submission, Instant, f64)>,
    /// The command buffers of the next submission, and their number of network-epochs.
    waiting: (Vec<wgpu::CommandBuffer>, f64),
    /// Whether the next submission fills the device.
    filled: bool,
}

/// The share of the maximum time that the first dispatch is given, before anything is measured.
const UNMEASURED: f64 = 0.25;

/// The maximum number of positions in the orders of a dispatch's epochs.
const MOST_PLACES: usize = 1 << 19;

/// The maximum number of rows in a dispatch's step table.
const MOST_STEPS: usize = 1 << 16;

/// The index of the plan's training dispatch.
const TRAINING: usize = 0;

/// The size of a number in bytes.
const NUMBER: usize = 4;

impl Fused {
    /// The maximum number of epochs in a dispatch, of `epochs` in all; 0 if not even one fits.
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

    /// The device memory needed in bytes, in all and for the longest buffer.
    pub fn bytes(&self, size: &Size, weights: usize) -> (u64, u64) {
        let &Size { networks, kept, copies, longest, scanned } = size;
        let number = |count: usize, each: usize| (count as u64).saturating_mul(each as u64).saturating_mul(NUMBER as u64);
        let parameters = number(networks, self.network_numbers());
        let losses = number(networks, kept.saturating_add(1));
        let buffers = [
            // Parameters and losses share one readback buffer.
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
            // The parameters of its dispatches, and the small buffers of the finiteness check and of the orders.
            PARAMS_STRIDE as u64,
            if scanned { PARAMS_STRIDE as u64 + 8 } else { 0 },
            if self.shuffled { (PARAMS_STRIDE + size_of::<staged::Step>() + 4) as u64 } else { 0 },
        ];
        // Snapshots are separate buffers.
        let longest = buffers[..9].iter().copied().max().unwrap_or(0);
        (buffers.into_iter().fold(0, u64::saturating_add), longest)
    }

    /// The rough time of one epoch of one network in nanoseconds, when many share the device.
    pub fn nanoseconds(&self, limits: &Limits) -> f64 {
        let row = 20.0 + 4.0 * self.numbers() as f64;
        let epoch = self.rows as f64 * row + self.batches() as f64 * 10.0 * self.numbers() as f64 + 50.0;
        // For a single network on a GPU, each operation waits for the one before.
        if limits.software { epoch } else { 4.0 * epoch }
    }

    /// The number of networks that fill a device.
    fn filling(&self, limits: &Limits) -> usize {
        let lanes = if limits.software { 4096 } else { 1 << 17 };
        (lanes / self.lanes.count()).max(1)
    }
}

impl Population {
    /// Allocates and compiles what `networks` networks need.
    pub async fn new(gpu: &Arc<Gpu>, limits: &Limits, fused: &Fused, size: &Size, rows: &PackedRows<'_>) -> Result<Self, Error> {
        let &Size { networks, kept, copies, longest, scanned } = size;
        let training = FusedTraining {
            fused,
            networks,
            kept,
            copies,
            longest,
            weights: rows.weights.len(),
            member: size_of::<Member>() / NUMBER,
            scanned,
        };
        let Planned { plan, ids } = Plan::fused(&training, *limits)?;
        let readable = plan.len(ids.parameters) + plan.len(ids.losses) + usize::from(scanned);
        let loaded = Loaded::new(gpu, &plan, "fused", readable).await?;
        for (id, values) in [(Some(ids.inputs), rows.inputs), (Some(ids.targets), rows.targets), (ids.weights, rows.weights)] {
            if let Some(id) = id {
                gpu.upload(loaded.buffer(&plan, id), 0, bytemuck::cast_slice(values)).await?;
            }
        }
        Ok(Self {
            gpu: gpu.clone(),
            fused: fused.clone(),
            networks,
            order: Order { rows: fused.rows, seed: Some(rows.seed) },
            plan,
            ids,
            loaded,
            filling: fused.filling(limits),
            longest,
            longest_dispatch: Duration::from_nanos(limits.fused_dispatch),
            estimate: fused.nanoseconds(limits),
            most_workgroups: limits.workgroups as usize,
            pace: Pace::new(SUBMISSIONS),
            in_flight: None,
            waiting: (Vec::new(), 0.0),
            filled: true,
        })
    }

    fn buffer(&self, id: Id) -> &wgpu::Buffer {
        self.loaded.buffer(&self.plan, id)
    }

    /// The kernel.
    pub fn fused(&self) -> &Fused {
        &self.fused
    }

    /// Sets the settings of each network.
    pub fn write_members(&self, members: &[Member]) -> Result<(), Error> {
        self.gpu.write(self.buffer(self.ids.members), 0, bytemuck::cast_slice(members))
    }

    /// Sets the packed numbers of the networks.
    pub async fn write_parameters(&self, packed: &[f32]) -> Result<(), Error> {
        self.gpu.upload(self.buffer(self.ids.parameters), 0, bytemuck::cast_slice(packed)).await
    }

    /// Sets the last losses, for networks that are no longer trained.
    pub fn write_losses(&self, losses: &[f32]) -> Result<(), Error> {
        self.gpu.write(self.buffer(self.ids.losses), 0, bytemuck::cast_slice(losses))
    }

    /// Trains all networks for those epochs, or fewer if it is cancelled. It returns before all work is done or even
    /// submitted; readbacks wait for it.
    pub async fn train(&mut self, epochs: &Epochs<'_>, mut kept: Kept, cancel: Option<&Cancel>) -> Result<Taken, Error> {
        let batches = self.fused.batches();
        let mut done = 0;
        while done < epochs.count && !cancel.is_some_and(Cancel::is_cancelled) {
            let count = self.epochs_at_once().min(epochs.count - done);
            let first_epoch = epochs.before + done as u32;
            // The waiting commands still read the old tables.
            self.submit().await?;
            if let Some(steps) = self.ids.steps {
                let rows = &epochs.rates[done * batches..(done + count) * batches];
                self.gpu.write(self.buffer(steps), 0, bytemuck::cast_slice(rows))?;
            }
            self.compute_orders(first_epoch, count)?;
            let mut first = 0;
            while first < self.networks {
                let end = (first + self.networks_at_once(count)).min(self.networks);
                let Kept { every, wait, slot } = kept;
                let networks = self.networks;
                let run = FusedRun { networks, first, end, epochs: count, first_epoch, every, wait, slot: 1 + slot };
                self.dispatch(run).await?;
                first = end;
            }
            kept = kept.after(count as u32);
            done += count;
        }
        Ok(Taken { epochs: done, kept })
    }

    /// The number of network-epochs that fit in a dispatch.
    fn budget(&self) -> f64 {
        let fitting = self.pace.fitting(self.longest_dispatch);
        fitting.unwrap_or(UNMEASURED * self.longest_dispatch.as_nanos() as f64) / self.estimate
    }

    /// The number of epochs that fit in a dispatch of as many networks as fill the device. The longer networks stay in
    /// registers, the better.
    fn epochs_at_once(&self) -> usize {
        let networks = self.networks.min(self.filling) as f64;
        ((self.budget() / networks) as usize).clamp(1, self.longest)
    }

    /// The number of networks that fit in a dispatch of that many epochs.
    fn networks_at_once(&self, epochs: usize) -> usize {
        let whole = self.fused.lanes.networks();
        let fitting = (self.budget() / epochs as f64) as usize;
        (fitting / whole).clamp(1, self.most_workgroups) * whole
    }

    /// Computes the row orders of those epochs, if rows are shuffled.
    fn compute_orders(&mut self, epoch: u32, epochs: usize) -> Result<(), Error> {
        let Some(Orders { dispatch, table, list }) = self.ids.orders else { return Ok(()) };
        let ordering = self.plan.ordering(&table, &self.order, list, 0..epochs * self.order.rows);
        self.loaded.set(&self.gpu, dispatch, &ordering)?;
        let step = staged::Step { epoch, ..staged::Step::default() };
        self.gpu.write(self.buffer(table.steps), 0, bytemuck::bytes_of(&step))?;
        self.gpu.submit(vec![self.loaded.record(&self.gpu, [dispatch])?])?;
        Ok(())
    }

    async fn dispatch(&mut self, run: FusedRun) -> Result<(), Error> {
        self.submit().await?;
        self.loaded.set(&self.gpu, TRAINING, &self.ids.run(&self.fused, run))?;
        let networks = run.end - run.first;
        self.waiting.0.push(self.loaded.record(&self.gpu, [TRAINING])?);
        self.waiting.1 += networks as f64 * run.epochs as f64;
        // A submission that does not fill the device does not measure how long many networks take.
        self.filled = networks >= self.filling.min(self.networks);
        Ok(())
    }

    /// Waits for the last submission.
    async fn finish(&mut self) -> Result<(), Error> {
        if let Some((submission, submitted, network_epochs)) = self.in_flight.take() {
            self.gpu.finished(submission).await?;
            if network_epochs > 0.0 {
                self.pace.learn(network_epochs * self.estimate, submitted.elapsed());
            }
        }
        Ok(())
    }

    /// Submits the waiting commands once the device has finished the previous ones, so that the time of each submission
    /// is measured separately.
    async fn submit(&mut self) -> Result<(), Error> {
        // A copy on its own goes with the next dispatch.
        if self.waiting.1 > 0.0 {
            self.finish().await?;
            let (commands, network_epochs) = std::mem::take(&mut self.waiting);
            let submitted = Instant::now();
            let telling = if self.filled { network_epochs } else { 0.0 };
            self.in_flight = Some((self.gpu.submit(commands)?, submitted, telling));
        }
        Ok(())
    }

    /// Reads the last losses of all networks and their kept losses, `slots` rows. The parameters are read in the same
    /// readback if requested.
    pub async fn read_losses(&mut self, slots: usize, parameters: bool) -> Result<Read, Error> {
        let mut commands = self.rest().await?;
        let mut wanted = vec![(self.ids.losses, self.networks * (1 + slots))];
        if parameters {
            wanted.push((self.ids.parameters, self.plan.len(self.ids.parameters)));
        }
        if let Some(FiniteCheckProgram { dispatches, not_finite }) = &self.ids.look {
            let word = self.buffer(*not_finite);
            commands.push(self.gpu.record(|encoder| encoder.clear_buffer(word, 0, None))?);
            commands.push(self.loaded.record(&self.gpu, dispatches.clone())?);
            wanted.push((*not_finite, 1));
        }
        let mut read = self.read(commands, &wanted).await?.into_iter();
        Ok(Read {
            losses: read.next().unwrap_or_default(),
            parameters: if parameters { read.next() } else { None },
            finite: read.next().is_none_or(|word| word.iter().all(|word| word.to_bits() == 0)),
        })
    }

    /// Reads all numbers of all networks, packed: the current ones, or those of a snapshot.
    pub async fn read_parameters(&mut self, snapshot: Option<usize>) -> Result<Vec<f32>, Error> {
        let commands = self.rest().await?;
        let id = snapshot.map_or(self.ids.parameters, |snapshot| self.ids.copies[snapshot]);
        Ok(self.read(commands, &[(id, self.plan.len(id))]).await?.remove(0))
    }

    /// The waiting commands, to be submitted with a readback.
    async fn rest(&mut self) -> Result<Vec<wgpu::CommandBuffer>, Error> {
        self.finish().await?;
        self.waiting.1 = 0.0;
        Ok(std::mem::take(&mut self.waiting.0))
    }

    async fn read(&self, commands: Vec<wgpu::CommandBuffer>, wanted: &[(Id, usize)]) -> Result<Vec<Vec<f32>>, Error> {
        let region =
            |&(id, numbers): &(Id, usize)| Region { buffer: self.buffer(id), offset: 0, size: (numbers * NUMBER) as u64 };
        let regions: Vec<_> = wanted.iter().map(region).collect();
        let read = self.gpu.read_after(commands, &self.loaded.staging, &regions).await?;
        Ok(read.iter().map(|bytes| bytemuck::pod_collect_to_vec(bytes)).collect())
    }

    /// Copies the current networks to a snapshot.
    pub fn keep(&mut self, snapshot: usize) -> Result<(), Error> {
        let (from, to) = (self.buffer(self.ids.parameters), self.buffer(self.ids.copies[snapshot]));
        let commands = self.gpu.record(|encoder| encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size()))?;
        self.waiting.0.push(commands);
        Ok(())
    }
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
                    // The same rule as in the kernel.
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
