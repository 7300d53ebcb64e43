//! Networks in training on a device: the buffers of a fused kernel, its dispatches, and what comes back.

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
use crate::plan::{FusedIds, FusedRun, FusedTraining, Id, LookProgram, Orders, PARAMS_STRIDE, Plan, Planned};
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
    /// What their order in an epoch depends on, if they are shuffled.
    pub seed: u64,
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
    /// What each epoch's order depends on.
    order: Order,
    plan: Plan,
    ids: FusedIds,
    loaded: Loaded,
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
}

/// The share of what a dispatch may take that it is given before anything was measured.
const UNMEASURED: f64 = 0.25;

/// The most places that the orders of a dispatch's epochs have.
const MOST_PLACES: usize = 1 << 19;

/// The most rows of a dispatch's step table.
const MOST_STEPS: usize = 1 << 16;

/// The plan's dispatch that trains.
const TRAINING: usize = 0;

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
            // The parameters of its dispatches, and small buffers of those that look and order.
            PARAMS_STRIDE as u64,
            if scanned { PARAMS_STRIDE as u64 + 8 } else { 0 },
            if self.shuffled { (PARAMS_STRIDE + size_of::<staged::Step>() + 4) as u64 } else { 0 },
        ];
        // Copies are buffers of their own.
        let longest = buffers[..9].iter().copied().max().unwrap_or(0);
        (buffers.into_iter().fold(0, u64::saturating_add), longest)
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

    /// What is trained.
    pub fn fused(&self) -> &Fused {
        &self.fused
    }

    /// Sets what each network has of its own.
    pub fn write_members(&self, members: &[Member]) -> Result<(), Error> {
        self.gpu.write(self.buffer(self.ids.members), 0, bytemuck::cast_slice(members))
    }

    /// Sets the networks' numbers, packed.
    pub async fn write_parameters(&self, packed: &[f32]) -> Result<(), Error> {
        self.gpu.upload(self.buffer(self.ids.parameters), 0, bytemuck::cast_slice(packed)).await
    }

    /// Sets the last losses, of those that will not be trained any more.
    pub fn write_losses(&self, losses: &[f32]) -> Result<(), Error> {
        self.gpu.write(self.buffer(self.ids.losses), 0, bytemuck::cast_slice(losses))
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

    /// Fills the orders of so many epochs, where rows are shuffled.
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
        let mut wanted = vec![(self.ids.losses, self.networks * (1 + slots))];
        if parameters {
            wanted.push((self.ids.parameters, self.plan.len(self.ids.parameters)));
        }
        if let Some(LookProgram { dispatches, not_finite }) = &self.ids.look {
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

    /// All numbers of all networks, packed; those of a snapshot if one is named.
    pub async fn read_parameters(&mut self, snapshot: Option<usize>) -> Result<Vec<f32>, Error> {
        let commands = self.rest().await?;
        let id = snapshot.map_or(self.ids.parameters, |snapshot| self.ids.copies[snapshot]);
        Ok(self.read(commands, &[(id, self.plan.len(id))]).await?.remove(0))
    }

    /// What waits, to go with a readback.
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

    /// Copies the networks as they are now.
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
