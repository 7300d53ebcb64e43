//! Replays a plan on a GPU. An epoch is one command buffer, or several if it takes too long for one.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytemuck::{Pod, Zeroable};
use web_time::Instant;

use crate::engine::loaded::{Loaded, STAGING};
use crate::error::Error;
use crate::gpu::{Gpu, Pace, RECORDING, Region, Submission, UPLOAD};
use crate::memory::Reserve;
use crate::plan::{Id, Plan, PlannedTensor, StepTable};
use crate::settings::Cancel;

/// A row of the step table: `Step` in shaders/step.wgsl.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub struct Step {
    /// The learning rate.
    pub learning_rate: f32,
    /// The bias corrections of the optimizer's moments.
    pub corrections: [f32; 2],
    /// The element of `losses` that receives its loss.
    pub loss_slot: u32,
    /// 1 if the loss is added to that element instead of replacing it.
    pub adds: u32,
    /// The position of the batch's first row in the epoch's order.
    pub first: u32,
    /// The epoch, from 0.
    pub epoch: u32,
    /// The batch within the epoch, from 0.
    pub batch: u32,
}

/// A plan with its buffers, pipelines and bind groups, ready to run.
pub struct Staged {
    gpu: Arc<Gpu>,
    /// The plan.
    pub plan: Plan,
    loaded: Loaded,
    /// The dispatches of each of the plan's programs.
    programs: Vec<Range<usize>>,
    in_flight: VecDeque<InFlight>,
    /// Copies that wait for the next submission. In a submission of their own they would cost as much as a small
    /// network's epoch.
    copies: Vec<wgpu::CommandBuffer>,
    last_finished: Instant,
    /// Measured time for the estimated nanoseconds.
    pace: Pace,
}

/// A submission in flight, and its estimate.
struct InFlight {
    submission: Submission,
    submitted: Instant,
    nanoseconds: u64,
}

/// The maximum time of a submission: under the 250 ms after which other programs on the device notice. In a browser the
/// same device draws the page.
const LONGEST_SUBMISSION: Duration = Duration::from_millis(if cfg!(target_arch = "wasm32") { 20 } else { 200 });

/// The same if training can be cancelled: everything in flight should end within a quarter of a second.
const LONGEST_CANCELLABLE: Duration = Duration::from_millis(if cfg!(target_arch = "wasm32") { 20 } else { 60 });

/// The maximum number of command buffers in a submission: few enough that the device soon has work while the next ones
/// are recorded.
const LARGEST_SUBMISSION: usize = 64;

/// The maximum number of submissions in flight.
const MOST_IN_FLIGHT: usize = 3;

impl Staged {
    /// Allocates and compiles everything that the plan needs. Up to `readable` elements can then be read at once
    /// without allocating.
    pub async fn new(gpu: Arc<Gpu>, plan: Plan, readable: usize) -> Result<Self, Error> {
        let loaded = Loaded::new(&gpu, &plan, "staged", readable.max(1)).await?;
        let (in_flight, last_finished, pace) = (VecDeque::new(), Instant::now(), gpu.pace());
        let programs = plan.programs();
        Ok(Self { gpu, plan, loaded, programs, in_flight, copies: Vec::new(), last_finished, pace })
    }

    /// Writes a tensor, before the next run.
    pub fn write(&self, tensor: Id, values: &[f32]) -> Result<(), Error> {
        self.write_words(tensor, bytemuck::cast_slice(values))
    }

    /// Writes the first elements of a tensor.
    fn write_words(&self, tensor: Id, values: &[u32]) -> Result<(), Error> {
        let tensor = &self.plan.tensors[tensor.0];
        assert!(values.len() <= tensor.rows * tensor.columns, "values for {}", tensor.name);
        self.gpu.write(&self.loaded.buffers[tensor.buffer], tensor.offset as u64 * 4, bytemuck::cast_slice(values))
    }

    /// Uploads a whole tensor of any length.
    pub async fn upload(&self, tensor: Id, values: &[f32]) -> Result<(), Error> {
        let PlannedTensor { buffer, offset, .. } = self.plan.tensors[tensor.0];
        self.gpu.upload(&self.loaded.buffers[buffer], offset as u64 * 4, bytemuck::cast_slice(values)).await
    }

    /// Uploads f64 values, converting them to f32 piece by piece.
    pub async fn upload_wide(&self, tensor: Id, values: &[f64]) -> Result<(), Error> {
        let PlannedTensor { buffer, offset, .. } = self.plan.tensors[tensor.0];
        for (i, part) in values.chunks(UPLOAD / 4).enumerate() {
            let at = (offset * 4 + i * UPLOAD) as u64;
            // Twice the size, since another piece waits in the driver's memory.
            Reserve::new("parameters on their way to the device", 2 * UPLOAD.min(part.len() * 4) as u64)?;
            let narrow: Vec<f32> = part.iter().map(|value| *value as f32).collect();
            self.gpu.upload(&self.loaded.buffers[buffer], at, bytemuck::cast_slice(&narrow)).await?;
        }
        Ok(())
    }

    /// Sets all elements of a tensor to zero.
    pub fn clear(&self, tensor: Id) -> Result<(), Error> {
        let PlannedTensor { rows, columns, .. } = self.plan.tensors[tensor.0];
        self.write_words(tensor, &vec![0; rows * columns])
    }

    /// Writes a step table, at most as many rows as it has, and resets its cursor.
    pub fn write_steps(&self, table: &StepTable, steps: &[Step]) -> Result<(), Error> {
        self.write_words(table.steps, bytemuck::cast_slice(steps))?;
        self.write_words(table.cursor, &[0])
    }

    /// The buffer of a tensor, and its offset and size in bytes.
    pub fn place(&self, tensor: Id) -> (&wgpu::Buffer, u64, u64) {
        let tensor = &self.plan.tensors[tensor.0];
        (&self.loaded.buffers[tensor.buffer], tensor.offset as u64 * 4, (tensor.rows * tensor.columns) as u64 * 4)
    }

    /// The maximum number of steps in a table.
    pub fn rows(&self, table: &StepTable) -> usize {
        self.plan.tensors[table.steps.0].rows
    }

    /// Records those steps, at most as many as the table has, into another owner's command buffer. Each step comes with
    /// its program. The pass writes those timestamps.
    pub async fn record_steps(
        &self,
        table: &StepTable,
        encoder: &mut wgpu::CommandEncoder,
        steps: &[(Step, usize)],
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) -> Result<(), Error> {
        let rows: Vec<Step> = steps.iter().map(|(step, _)| *step).collect();
        let rows = self.gpu.filled("rows of steps", bytemuck::cast_slice(&rows)).await?;
        let (buffer, at, _) = self.place(table.steps);
        let (cursor, start, size) = self.place(table.cursor);
        self.gpu.call(RECORDING, || {
            encoder.copy_buffer_to_buffer(&rows, 0, buffer, at, rows.size());
            encoder.clear_buffer(cursor, start, Some(size));
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some("training"), timestamp_writes });
            for (_, program) in steps {
                self.loaded.dispatches[self.programs[*program].clone()].iter().for_each(|dispatch| dispatch.record(&mut pass));
            }
        })
    }

    /// Copies one flat buffer to another of the same length, before the next run or readback.
    pub fn copy(&mut self, from: Id, to: Id) -> Result<(), Error> {
        let (from, to) = (&self.plan.tensors[from.0], &self.plan.tensors[to.0]);
        let (from, to, bytes) = (&self.loaded.buffers[from.buffer], &self.loaded.buffers[to.buffer], from.columns as u64 * 4);
        let commands = self.gpu.record(|encoder| encoder.copy_buffer_to_buffer(from, 0, to, 0, bytes))?;
        self.copies.push(commands);
        Ok(())
    }

    /// Runs one step for each row, or fewer if it is cancelled, and returns how many. The steps cycle through the
    /// plan's programs in the order of `epoch`. It returns once they are submitted, not when they are done.
    pub async fn run(
        &mut self,
        table: &StepTable,
        steps: &[Step],
        epoch: &[usize],
        cancel: Option<&Cancel>,
    ) -> Result<usize, Error> {
        let most = self.rows(table);
        // Whole epochs at once, if one fits in the table.
        let whole = (most / epoch.len()).max(1) * epoch.len();
        let mut taken = 0;
        for rows in steps.chunks(whole) {
            // An epoch that is longer than the table is run in parts.
            for (part, rows) in rows.chunks(most).enumerate() {
                let first = part * most;
                let programs = &epoch[first..epoch.len().min(first + rows.len())];
                self.write_steps(table, rows)?;
                let run = self.replay_epochs(programs, rows.len().div_ceil(programs.len()), cancel).await?;
                taken += run;
                if run < rows.len() {
                    return Ok(taken);
                }
            }
        }
        Ok(taken)
    }

    /// Runs the plan's first program that many times.
    pub async fn replay(&mut self, times: usize) -> Result<(), Error> {
        self.replay_epochs(&[0], times, None).await.map(|_| ())
    }

    /// Runs those programs in order, that many times: one command buffer for each repetition, several in a submission.
    /// A repetition is split into several only if it alone would make a submission too long, between programs where
    /// possible. Returns how many programs were run: fewer if it is cancelled.
    pub async fn replay_epochs(&mut self, epoch: &[usize], times: usize, cancel: Option<&Cancel>) -> Result<usize, Error> {
        let longest = if cancel.is_some() { LONGEST_CANCELLABLE } else { LONGEST_SUBMISSION };
        let dispatches: Vec<Vec<usize>> = epoch.iter().map(|program| self.programs[*program].clone().collect()).collect();
        let estimate = |dispatch: &usize| self.loaded.dispatches[*dispatch].nanoseconds;
        let estimates: Vec<Vec<u64>> = dispatches.iter().map(|order| order.iter().map(estimate).collect()).collect();
        let order = dispatches.concat();
        let whole: u64 = estimates.iter().flatten().sum();
        let mut commands = Vec::with_capacity(LARGEST_SUBMISSION);
        let mut nanoseconds = 0;
        let mut budget = self.budget(longest);
        let mut cuts = cuts(&estimates, budget);
        for time in 0..times {
            // The budget changes after each measurement.
            if budget != self.budget(longest) {
                budget = self.budget(longest);
                cuts = self::cuts(&estimates, budget);
            }
            if commands.len() == LARGEST_SUBMISSION || (nanoseconds > 0 && nanoseconds + whole > budget) {
                self.submit(std::mem::take(&mut commands), std::mem::take(&mut nanoseconds)).await?;
                if cancel.is_some_and(Cancel::is_cancelled) {
                    return Ok(time * epoch.len());
                }
            }
            for cut in &cuts {
                if cut.dispatches.start > 0 {
                    self.submit(std::mem::take(&mut commands), std::mem::take(&mut nanoseconds)).await?;
                    if let Some(program) = cut.begins.filter(|_| cancel.is_some_and(Cancel::is_cancelled)) {
                        return Ok(time * epoch.len() + program);
                    }
                }
                nanoseconds += cut.nanoseconds;
                commands.push(self.record(&order[cut.dispatches.clone()])?);
            }
        }
        self.submit(commands, nanoseconds).await?;
        Ok(times * epoch.len())
    }

    /// The estimated time that fits in a submission of that length; a tenth of it until the device's speed is known.
    fn budget(&self, longest: Duration) -> u64 {
        self.pace.fitting(longest).map_or(longest.as_nanos() as u64 / 10, |fitting| fitting as u64)
    }

    /// Records those dispatches into a command buffer.
    fn record(&self, order: &[usize]) -> Result<wgpu::CommandBuffer, Error> {
        self.loaded.record(&self.gpu, order.iter().copied())
    }

    /// Submits command buffers after waiting until few enough submissions are in flight: one while the device's speed
    /// is unknown.
    async fn submit(&mut self, commands: Vec<wgpu::CommandBuffer>, nanoseconds: u64) -> Result<(), Error> {
        let most = if self.pace.is_known() { MOST_IN_FLIGHT } else { 1 };
        while self.in_flight.len() >= most {
            let Some(oldest) = self.in_flight.pop_front() else { break };
            self.gpu.finished(oldest.submission).await?;
            self.learn(oldest.submitted, oldest.nanoseconds);
        }
        let submitted = Instant::now();
        let mut all = std::mem::take(&mut self.copies);
        all.extend(commands);
        let submission = self.gpu.submit(all)?;
        self.in_flight.push_back(InFlight { submission, submitted, nanoseconds });
        Ok(())
    }

    /// Compares what has just finished with its estimate.
    fn learn(&mut self, submitted: Instant, nanoseconds: u64) {
        let now = Instant::now();
        let taken = now.duration_since(submitted.max(self.last_finished));
        self.last_finished = now;
        self.pace.learn(nanoseconds as f64, taken);
        self.gpu.set_pace(&self.pace);
    }

    /// Reads the first `count` elements of each tensor, in one readback.
    pub async fn read(&mut self, wanted: &[(Id, usize)]) -> Result<Vec<Vec<f32>>, Error> {
        let read = self.read_words(None, wanted).await?;
        Ok(read.iter().map(|words| bytemuck::pod_collect_to_vec(words)).collect())
    }

    /// Reads raw words. If a program is given, it runs first, in the same submission.
    pub async fn read_words(&mut self, program: Option<usize>, wanted: &[(Id, usize)]) -> Result<Vec<Vec<u32>>, Error> {
        let total = wanted.iter().map(|(_, count)| count).sum::<usize>();
        if total == 0 && program.is_none() {
            return Ok(vec![Vec::new(); wanted.len()]);
        }
        if total as u64 * 4 > self.loaded.staging.size() {
            self.loaded.staging = self.gpu.buffer("staging", total as u64 * 4, STAGING).await?;
        }
        let regions: Vec<_> = wanted
            .iter()
            .map(|(id, count)| {
                let tensor = &self.plan.tensors[id.0];
                Region { buffer: &self.loaded.buffers[tensor.buffer], offset: tensor.offset as u64 * 4, size: *count as u64 * 4 }
            })
            .collect();
        let mut commands = std::mem::take(&mut self.copies);
        if let Some(program) = program {
            commands.push(self.record(&self.programs[program].clone().collect::<Vec<_>>())?);
        }
        let read = self.gpu.read_after(commands, &self.loaded.staging, &regions).await?;
        // Everything before the readback is done.
        if let Some(submitted) = self.in_flight.front().map(|oldest| oldest.submitted) {
            let nanoseconds = self.in_flight.drain(..).map(|work| work.nanoseconds).sum();
            self.learn(submitted, nanoseconds);
        }
        Ok(read.iter().map(|bytes| bytemuck::pod_collect_to_vec(bytes)).collect())
    }

    /// Runs one training step that changes nothing, and measures each dispatch separately if the adapter has
    /// timestamps.
    pub async fn times(&mut self, table: &StepTable) -> Result<Vec<Option<Duration>>, Error> {
        self.write_steps(table, &[Step { corrections: [1.0; 2], ..Step::default() }])?;
        let mut times = Vec::with_capacity(self.programs[0].len());
        for dispatch in &self.loaded.dispatches[self.programs[0].clone()] {
            times.push(self.gpu.timed(|pass| dispatch.record(pass)).await?);
        }
        Ok(times)
    }

    /// Runs a single dispatch, to explain a step stage by stage.
    pub async fn run_one(&mut self, index: usize) -> Result<(), Error> {
        let commands = vec![self.record(&[index])?];
        self.gpu.finished(self.gpu.submit(commands)?).await
    }
}

/// A part of an epoch that goes into one command buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cut {
    /// The range of the epoch's dispatches, all programs in sequence.
    dispatches: Range<usize>,
    /// The program that it begins with, if it begins at the start of one.
    begins: Option<usize>,
    nanoseconds: u64,
}

/// Splits an epoch of programs by their estimates. It stays whole if it fits the budget. Otherwise it is split between
/// programs, and a program is split only if it does not fit by itself.
fn cuts(programs: &[Vec<u64>], budget: u64) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::new();
    let (mut first, mut joins) = (0, false);
    for (program, estimates) in programs.iter().enumerate() {
        let fits = estimates.iter().sum::<u64>() <= budget;
        let own = if fits { std::iter::once(0..estimates.len()).collect() } else { ranges(estimates, budget) };
        for range in own {
            let nanoseconds: u64 = estimates[range.clone()].iter().sum();
            let begins = (range.start == 0).then_some(program);
            let dispatches = first + range.start..first + range.end;
            match cuts.last_mut() {
                // Parts of a split program are not joined with others, so that each program starts a part.
                Some(last) if joins && fits && last.nanoseconds + nanoseconds <= budget => {
                    last.dispatches.end = dispatches.end;
                    last.nanoseconds += nanoseconds;
                }
                _ => cuts.push(Cut { dispatches, begins, nanoseconds }),
            }
        }
        (first, joins) = (first + estimates.len(), fits);
    }
    cuts
}

/// Splits the dispatches of a program into as few ranges as fit the budget, none empty.
fn ranges(estimates: &[u64], budget: u64) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut sum) = (0, 0);
    for (i, estimate) in estimates.iter().enumerate() {
        if i > start && sum + estimate > budget {
            ranges.push(start..i);
            (start, sum) = (i, 0);
        }
        sum += estimate;
    }
    ranges.push(start..estimates.len());
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_cut_only_where_it_is_too_long_and_between_programs_where_that_will_do() {
        let parts = |programs: &[&[u64]], budget| -> Vec<(usize, usize, Option<usize>)> {
            let programs: Vec<Vec<u64>> = programs.iter().map(|program| program.to_vec()).collect();
            let parts = cuts(&programs, budget).into_iter();
            parts.map(|cut| (cut.dispatches.start, cut.dispatches.end, cut.begins)).collect()
        };
        assert_eq!(parts(&[&[1, 2, 3]], 6), [(0, 3, Some(0))]);
        assert_eq!(parts(&[&[1, 2, 3]], 5), [(0, 2, Some(0)), (2, 3, None)]);
        assert_eq!(parts(&[&[9, 1, 9, 1]], 5), [(0, 1, Some(0)), (1, 2, None), (2, 3, None), (3, 4, None)]);
        assert_eq!(parts(&[&[9]], 0), [(0, 1, Some(0))]);
        assert_eq!(parts(&[&[1, 2], &[1, 2], &[1]], 7), [(0, 5, Some(0))]);
        assert_eq!(parts(&[&[1, 2], &[1, 2], &[1]], 5), [(0, 2, Some(0)), (2, 5, Some(1))]);
        assert_eq!(parts(&[&[1], &[4, 4], &[1, 1]], 5), [(0, 1, Some(0)), (1, 2, Some(1)), (2, 3, None), (3, 5, Some(2))]);
    }
}
