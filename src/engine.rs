//! The engines, as the trainer sees them: take so many steps, hand back losses, what was measured, and parameters.

use std::sync::Arc;

use crate::data::Data;
use crate::device::Device;
use crate::error::Error;
use crate::fit::{EngineChoice, Fit, OnNonFinite};
use crate::fused::{self, FusedEngine};
use crate::gpu::Gpu;
use crate::loss::Loss;
use crate::metric::{Measured, largest};
use crate::network::{Layout, Network};
use crate::order::Order;
use crate::plan::{Counts, EVALUATION, Evaluation, Id, Limits, NOT_FINITE, Plan, Scores, Source, Table, Training};
use crate::reference::{Batch, Chance, Passed, Reference, Update};
use crate::shader::Weights;
use crate::staged::{self, Staged};

/// An engine in training: of one network on one set of data.
pub enum Running {
    Staged(Box<StagedEngine>),
    Fused(Box<FusedEngine>),
    Cpu(Box<CpuEngine>),
}

/// The most values that the CPU engine holds at once: 16 GiB of them.
const MOST_ON_CPU: u64 = 2 << 30;

/// The most rows of a step table: an epoch of more steps takes long enough to be cut there.
const LONGEST_TABLE: usize = 65_536;

/// What is trained, from where and on what.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    pub frame: Frame<'a>,
    /// Flat, where training begins.
    pub parameters: &'a [f64],
    /// What the optimizer keeps, flat; empty where it begins.
    pub slots: &'a [Vec<f64>],
    pub data: &'a Data<'a>,
    pub validation: Option<&'a Data<'a>>,
}

/// All that planning needs to know of a training: what it is, but no number of it.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub network: &'a Network,
    pub layout: &'a Layout,
    pub fit: &'a Fit,
    pub rows: Rows,
    pub validation: Option<Rows>,
    /// What is counted of the outputs, in training and over the validation rows.
    pub scores: Scores,
    /// How many epochs' losses there is room for between two readings.
    pub room: usize,
    /// The snapshots that will be taken.
    pub snapshots: &'a [Snapshot],
    /// Whether parameters that are no numbers are looked for wherever losses are read.
    pub scanned: bool,
    /// The device's, but may choose how products are computed.
    pub limits: Limits,
}

/// What planning needs to know of data.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    pub count: usize,
    /// Whether targets are one class index a row.
    pub classes: bool,
    pub weights: Weights,
    /// What all rows weigh together.
    pub total: f64,
}

impl Rows {
    pub fn of(data: &Data<'_>) -> Self {
        let weights = if data.weights.is_some() { Weights::Given } else { Weights::Equal };
        Self { count: data.inputs.rows(), classes: data.classes, weights, total: data.total_weight() }
    }
}

/// A copy of the parameters that stays on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// Those of the best epoch.
    Best,
    /// Those of the last epoch that was looked at.
    Good,
}

impl Snapshot {
    fn name(self) -> &'static str {
        match self {
            Snapshot::Best => "best parameters",
            Snapshot::Good => "good parameters",
        }
    }
}

/// What one step needs to know beyond the plan.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub learning_rate: f64,
    /// The same as a multiple of the learning rate that was set, and what is added to that.
    pub rates: [f64; 2],
    /// The step since the optimizer began, counted from 1.
    pub number: u64,
    /// The epoch since the model began, from 0.
    pub epoch: u32,
    /// The step in it, from 0.
    pub batch: u32,
}

/// All parameters, and what the optimizer keeps.
pub struct End {
    pub parameters: Vec<f64>,
    pub slots: Vec<Vec<f64>>,
}

/// The losses since the last reading.
pub struct Losses {
    /// One an epoch.
    pub epochs: Vec<f64>,
    /// What was measured in the last of them.
    pub measured: Measured,
    /// The parameters, where they came along.
    pub parameters: Option<Vec<f64>>,
    /// Whether all parameters are numbers, as far as that is looked at.
    pub finite: bool,
}

/// How the rows of an epoch become batches.
#[derive(Clone, Copy, Debug)]
pub struct Batches {
    pub rows: usize,
    /// Of a full one.
    pub size: usize,
    pub order: Order,
}

impl Batches {
    pub fn of(fit: &Fit, rows: usize) -> Self {
        let size = fit.batch_size.unwrap_or(rows).min(rows);
        // A single batch has all rows, in whichever order.
        let seed = Some(fit.seed).filter(|_| fit.shuffle && size < rows);
        Self { rows, size, order: Order { rows, seed } }
    }

    /// Steps in an epoch.
    pub fn steps(&self) -> usize {
        self.rows.div_ceil(self.size)
    }

    /// The rows of the last batch, if it is a shorter one.
    fn rest(&self) -> Option<usize> {
        Some(self.rows % self.size).filter(|rest| *rest > 0)
    }

    /// Which rows of the data a batch has.
    fn rows_of(&self, epoch: u32, batch: u32) -> Vec<usize> {
        let first = batch as usize * self.size;
        (first..self.rows.min(first + self.size)).map(|place| self.order.row(epoch, place)).collect()
    }
}

/// The staged engine in training.
pub struct StagedEngine {
    pub staged: Staged,
    batches: Batches,
    /// The plan's programs in the order of an epoch.
    epoch: Vec<usize>,
    /// The rows, where they do not fit the device and are uploaded batch by batch.
    streamed: Option<Streamed>,
    validation: Option<Validation>,
    layout_len: usize,
    scores: Scores,
    loss_slots: usize,
    /// The program that looks at the parameters, if that is done.
    look: Option<usize>,
    /// The epochs whose losses are on the device and have not been read.
    unread: usize,
    fit: Fit,
}

/// Data that stays on the host.
struct Streamed {
    inputs: Vec<f32>,
    targets: Vec<f32>,
    weights: Option<Vec<f32>>,
    columns: [usize; 2],
}

/// The validation rows on the device.
struct Validation {
    steps: Vec<staged::Step>,
    epoch: Vec<usize>,
    streamed: Option<Streamed>,
    size: usize,
}

impl Streamed {
    fn of(data: &Data<'_>, outputs: usize) -> Self {
        Self {
            inputs: data.inputs.values().to_vec(),
            targets: data.dense_targets(outputs).into_owned(),
            weights: data.weights.clone(),
            columns: [data.inputs.columns(), outputs],
        }
    }

    /// Writes those rows where the plan's given ones are.
    fn write(&self, staged: &Staged, prefix: &str, rows: &[usize]) -> Result<(), Error> {
        let find = |name: &str| staged.plan.find(&format!("{prefix}{name}"));
        staged.write(find("inputs"), &gather(&self.inputs, rows, self.columns[0]))?;
        staged.write(find("targets"), &gather(&self.targets, rows, self.columns[1]))?;
        if let Some(weights) = &self.weights {
            staged.write(find("weights"), &gather(weights, rows, 1))?;
        }
        Ok(())
    }
}

/// In which order a plan's programs go over all rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passes {
    /// That of full batches.
    program: usize,
    /// How many there are.
    times: usize,
    /// That of the shorter last batch.
    rest: Option<usize>,
}

impl Passes {
    fn list(self) -> Vec<usize> {
        let mut list = vec![self.program; self.times];
        list.extend(self.rest);
        list
    }
}

/// Whether the training's and the validation's rows are on the device, in the order in which this is tried: data that does not fit goes through
/// it batch by batch, the validation's first.
pub fn ways(frame: &Frame<'_>) -> Vec<[bool; 2]> {
    let batches = Batches::of(frame.fit, frame.rows.count);
    let parts = batches.size < batches.rows;
    let mut ways = vec![[parts, frame.validation.is_some()], [parts, false], [false, false]];
    ways.dedup();
    ways
}

/// The plan of a training and of its validation: a program for full batches, one for the rest, and the same for the validation rows. Also
/// the order of these programs in an epoch, and in a pass over the validation rows. `gathered` says whether the training's and the
/// validation's rows are on the device.
pub fn plan(frame: &Frame<'_>, gathered: [bool; 2]) -> Result<(Plan, Passes, Passes), Error> {
    let Frame { network, fit, scores, limits, .. } = *frame;
    let batches = Batches::of(fit, frame.rows.count);
    let source = |order: Order, rows: Rows, gathered| match gathered {
        true => Source::Gathered { order, classes: rows.classes },
        false => Source::Given,
    };
    let training = |rows| Training {
        network,
        loss: fit.loss,
        rows,
        source: source(batches.order, frame.rows, gathered[0]),
        weights: frame.rows.weights,
        samples: batches.rows,
        total: frame.rows.total,
        optimizer: fit.optimizer,
        weight_decay: fit.decay(),
        clip_norm: fit.clip_norm,
        seed: fit.seed,
        scores,
    };
    // Whole epochs, as many as are taken and fit a short table; one longer epoch if it fits a long one.
    let steps = batches.steps();
    let epochs = frame.fit.epochs.min(SHORT_TABLE / steps).max(1);
    let table = Table { steps: (epochs * steps).min(LONGEST_TABLE), losses: frame.room * scores.losses() };
    let mut plan = Plan::training(&training(batches.size), table, limits)?;
    let mut programs = 1;
    let mut epoch = Passes { program: 0, times: batches.rows / batches.size, rest: None };
    if let Some(rest) = batches.rest() {
        plan = plan.and(Plan::training(&training(rest), table, limits)?);
        epoch.rest = Some(programs);
        programs += 1;
    }
    let mut passes = Passes::default();
    if let Some(rows) = frame.validation {
        let count = rows.count;
        let pieces = Batches { rows: count, size: batches.size.min(count), order: Order { rows: count, seed: None } };
        let evaluation = |rows_of_piece| Evaluation {
            network,
            loss: fit.loss,
            rows: rows_of_piece,
            source: source(pieces.order, rows, gathered[1]),
            samples: count,
            pieces: pieces.steps(),
            scores,
        };
        plan = plan.and(Plan::evaluation(&evaluation(pieces.size), limits)?);
        passes = Passes { program: programs, times: count / pieces.size, rest: None };
        if let Some(rest) = pieces.rest() {
            plan = plan.and(Plan::evaluation(&evaluation(rest), limits)?);
            passes.rest = Some(programs + 1);
        }
    }
    for snapshot in frame.snapshots {
        let buffer = plan.buffer(snapshot.name(), frame.layout.len, &limits)?;
        plan.view(snapshot.name(), buffer, 0, 1, frame.layout.len);
    }
    if frame.scanned {
        plan = plan.and(Plan::look(network, limits)?);
    }
    Ok((plan, epoch, passes))
}

/// The rows of a step table of short epochs.
const SHORT_TABLE: usize = 4096;

impl Running {
    /// The device's engine, with data and parameters in place.
    pub async fn training(device: &Device, setup: Setup<'_>) -> Result<Self, Error> {
        let batches = Batches::of(setup.frame.fit, setup.data.inputs.rows());
        let parts = batches.size < batches.rows;
        let Some(gpu) = &device.gpu else {
            if setup.frame.fit.engine == EngineChoice::Fused {
                log::warn!("training on the CPU engine: the device runs no shaders");
            }
            // It computes without the plan, but on the same tensors, in f64: what is too large for it is refused as well.
            let (plan, ..) = plan(&setup.frame, [parts, true])?;
            let values = plan.total_bytes(0) / 4;
            if values > MOST_ON_CPU {
                return Err(Error::TooLarge {
                    what: "training on the CPU engine".into(),
                    limit: format!("{MOST_ON_CPU} values of 8 bytes"),
                    got: values.to_string(),
                });
            }
            return Ok(Self::Cpu(Box::new(CpuEngine::new(&setup, batches))));
        };
        let choice = fused::choose(&setup.frame);
        if let Some(fused) = &choice.fused {
            return Ok(Self::Fused(Box::new(FusedEngine::new(gpu, &setup, fused).await?)));
        }
        if setup.frame.fit.engine == EngineChoice::Fused {
            log::warn!("training on the staged engine: {}", choice.why);
        }
        let mut refused = None;
        for gathered in ways(&setup.frame) {
            let planned = match plan(&setup.frame, gathered) {
                Ok(planned) => StagedEngine::new(gpu, &setup, batches, gathered, planned).await,
                Err(error) => Err(error),
            };
            match planned {
                Ok(engine) => return Ok(Self::Staged(Box::new(engine))),
                Err(error @ (Error::TooLarge { .. } | Error::OutOfMemory { .. })) => {
                    // What is said at last is what the smallest way was refused for.
                    log::info!("{error}; trying with less of the data on the device");
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or(Error::NoAdapter))
    }

    /// Which it is.
    pub fn name(&self) -> fused::Engine {
        match self {
            Self::Staged(_) => fused::Engine::Staged,
            Self::Fused(_) => fused::Engine::Fused,
            Self::Cpu(_) => fused::Engine::Cpu,
        }
    }

    /// Takes those steps: whole epochs.
    pub async fn run(&mut self, steps: &[Step]) -> Result<(), Error> {
        match self {
            Self::Staged(engine) => engine.run(steps).await,
            Self::Fused(engine) => engine.run(steps).await,
            Self::Cpu(engine) => {
                steps.iter().for_each(|step| engine.step(step));
                Ok(())
            }
        }
    }

    /// The losses of the epochs since the last reading, and what was measured in the last of them. If it is the `last` reading the
    /// parameters come with it, in the same readback.
    pub async fn losses(&mut self, last: bool) -> Result<Losses, Error> {
        match self {
            Self::Staged(engine) => engine.losses(last).await,
            Self::Fused(engine) => engine.losses(last).await,
            Self::Cpu(engine) => Ok(engine.losses()),
        }
    }

    /// What the validation rows give now, if there are any.
    pub async fn validate(&mut self) -> Result<Option<Measured>, Error> {
        match self {
            Self::Staged(engine) => engine.validate().await,
            // It is not chosen where something is measured.
            Self::Fused(_) => Ok(None),
            Self::Cpu(engine) => Ok(engine.validate()),
        }
    }

    /// Copies the parameters as they are now.
    pub fn keep(&mut self, snapshot: Snapshot) -> Result<(), Error> {
        match self {
            Self::Staged(engine) => {
                let (from, to) = (engine.staged.plan.find("parameters"), engine.staged.plan.find(snapshot.name()));
                engine.staged.copy(from, to)
            }
            Self::Fused(engine) => engine.keep(snapshot),
            Self::Cpu(engine) => {
                engine.snapshots[snapshot as usize] = engine.reference.parameters(&engine.layout);
                Ok(())
            }
        }
    }

    /// The parameters as they are, or as they were when the snapshot was taken, and what the optimizer keeps. `read` are the parameters
    /// as they are, if they have been read already.
    pub async fn finish(&mut self, snapshot: Option<Snapshot>, read: Option<Vec<f64>>) -> Result<End, Error> {
        match self {
            Self::Staged(engine) => {
                let parameters = match (snapshot, read) {
                    (None, Some(read)) => read,
                    (snapshot, _) => engine.read_flat(snapshot.map_or("parameters", Snapshot::name)).await?,
                };
                let mut slots = Vec::new();
                for slot in engine.fit.optimizer.definition().slots {
                    slots.push(engine.read_flat(&format!("optimizer.{slot}")).await?);
                }
                Ok(End { parameters, slots })
            }
            Self::Fused(engine) => engine.finish(snapshot).await,
            Self::Cpu(engine) => {
                let slots = 0..engine.fit.optimizer.definition().slots.len();
                Ok(End {
                    parameters: match snapshot {
                        Some(snapshot) => engine.snapshots[snapshot as usize].clone(),
                        None => engine.reference.parameters(&engine.layout),
                    },
                    slots: slots.map(|slot| engine.reference.slot(&engine.layout, slot)).collect(),
                })
            }
        }
    }
}

impl StagedEngine {
    pub async fn new(
        gpu: &Arc<Gpu>,
        setup: &Setup<'_>,
        batches: Batches,
        [gathered, validation_gathered]: [bool; 2],
        (plan, epoch, passes): (Plan, Passes, Passes),
    ) -> Result<Self, Error> {
        let Setup { frame: Frame { network, layout, fit, scores, room, .. }, data, .. } = *setup;
        let counts = scores.counts.map_or(0, |counts| counts.len(network.outputs()));
        let look = setup.frame.scanned.then(|| plan.programs().len() - 1);
        let readable = layout.len + room * scores.losses() + counts + usize::from(look.is_some());
        let mut staged = Staged::new(gpu.clone(), plan, readable).await?;
        let find = |staged: &Staged, name: &str| staged.plan.find(name);
        staged.upload_wide(find(&staged, "parameters"), setup.parameters).await?;
        for (name, values) in fit.optimizer.definition().slots.iter().zip(setup.slots) {
            staged.upload_wide(find(&staged, &format!("optimizer.{name}")), values).await?;
        }
        let mut streamed = None;
        if gathered {
            write_pieces(&mut staged, "data.inputs", data.inputs.values()).await?;
            write_pieces(&mut staged, "data.targets", data.targets.values()).await?;
            if let Some(weights) = &data.weights {
                write_pieces(&mut staged, "data.weights", weights).await?;
            }
        } else if batches.size < batches.rows {
            streamed = Some(Streamed::of(data, network.outputs()));
        } else {
            staged.upload(find(&staged, "inputs"), data.inputs.values()).await?;
            staged.upload(find(&staged, "targets"), &data.dense_targets(network.outputs())).await?;
            if let Some(weights) = &data.weights {
                staged.upload(find(&staged, "weights"), weights).await?;
            }
        }
        let mut validation = None;
        if let Some(data) = setup.validation {
            let size = batches.size.min(data.inputs.rows());
            let mut streamed = None;
            if validation_gathered {
                write_pieces(&mut staged, "evaluation.data.inputs", data.inputs.values()).await?;
                write_pieces(&mut staged, "evaluation.data.targets", data.targets.values()).await?;
            } else {
                streamed = Some(Streamed::of(data, network.outputs()));
            }
            let epoch = passes.list();
            validation = Some(Validation { steps: evaluation_steps(epoch.len(), size), epoch, streamed, size });
        }
        let loss_slots = scores.losses();
        Ok(Self {
            staged,
            batches,
            epoch: epoch.list(),
            streamed,
            validation,
            layout_len: layout.len,
            scores,
            loss_slots,
            look,
            unread: 0,
            fit: fit.clone(),
        })
    }

    async fn run(&mut self, steps: &[Step]) -> Result<(), Error> {
        let rows: Vec<_> = steps
            .iter()
            .enumerate()
            .map(|(i, step)| {
                let slot = (self.unread + i / self.epoch.len()) * self.loss_slots;
                self.row(step, slot)
            })
            .collect();
        self.unread += steps.len() / self.epoch.len();
        let Some(streamed) = &self.streamed else {
            return self.staged.run(&rows, &self.epoch).await;
        };
        for (step, row) in steps.iter().zip(&rows) {
            streamed.write(&self.staged, "", &self.batches.rows_of(step.epoch, step.batch))?;
            self.staged.run(&[*row], &self.epoch[step.batch as usize..][..1]).await?;
        }
        Ok(())
    }

    /// Puts a step's rows where it takes them, if they are not on the device; gives its row of the step table.
    pub fn first_batch(&self, step: &Step) -> Result<staged::Step, Error> {
        if let Some(streamed) = &self.streamed {
            streamed.write(&self.staged, "", &self.batches.rows_of(step.epoch, step.batch))?;
        }
        Ok(self.row(step, 0))
    }

    /// The program of a step.
    pub fn program(&self, step: &Step) -> usize {
        self.epoch[step.batch as usize]
    }

    /// The row of the step table for a step whose loss goes there.
    pub fn row(&self, step: &Step, loss_slot: usize) -> staged::Step {
        let optimizer = &self.fit.optimizer;
        staged::Step {
            learning_rate: step.learning_rate as f32,
            corrections: (optimizer.definition().corrections)(optimizer, step.number).map(|value| value as f32),
            loss_slot: loss_slot as u32,
            adds: u32::from(step.batch > 0),
            first: (step.batch as usize * self.batches.size) as u32,
            epoch: step.epoch,
            batch: step.batch,
        }
    }

    async fn losses(&mut self, last: bool) -> Result<Losses, Error> {
        let losses = (self.staged.plan.find("losses"), std::mem::take(&mut self.unread) * self.loss_slots);
        let parameters = last.then(|| (self.staged.plan.find("parameters"), self.layout_len));
        let read = read_measured(&mut self.staged, losses, self.scores, "", (parameters, self.look)).await?;
        let epochs = read.losses.chunks(self.loss_slots);
        let measured = Measured { losses: epochs.clone().next_back().unwrap_or_default().to_vec(), counts: read.counts };
        let (parameters, finite) = (read.parameters, read.finite);
        Ok(Losses { epochs: epochs.map(|losses| losses[0]).collect(), measured, parameters, finite })
    }

    async fn validate(&mut self) -> Result<Option<Measured>, Error> {
        let Some(validation) = &self.validation else { return Ok(None) };
        match &validation.streamed {
            None => {
                self.staged.write_steps(EVALUATION, &validation.steps)?;
                self.staged.replay_epochs(&validation.epoch, 1).await?;
            }
            Some(streamed) => {
                for (piece, program) in validation.epoch.iter().enumerate() {
                    let first = piece * validation.size;
                    let rows = streamed.inputs.len() / streamed.columns[0];
                    let rows: Vec<usize> = (first..rows.min(first + validation.size)).collect();
                    streamed.write(&self.staged, EVALUATION, &rows)?;
                    self.staged.write_steps(EVALUATION, &validation.steps[piece..=piece])?;
                    self.staged.replay_epochs(&[*program], 1).await?;
                }
            }
        }
        let losses = (self.staged.plan.find("evaluation.losses"), self.loss_slots);
        let read = read_measured(&mut self.staged, losses, self.scores, EVALUATION, (None, None)).await?;
        Ok(Some(Measured { losses: read.losses, counts: read.counts }))
    }

    async fn read_flat(&mut self, name: &str) -> Result<Vec<f64>, Error> {
        let id = self.staged.plan.find(name);
        Ok(widened(&self.staged.read(&[(id, self.layout_len)]).await?[0]))
    }
}

/// Writes data to the pieces that it is planned in.
async fn write_pieces(staged: &mut Staged, name: &str, values: &[f32]) -> Result<(), Error> {
    let (mut rest, mut piece) = (values, 0);
    while !rest.is_empty() {
        let id = staged.plan.find(&format!("{name}.{piece}"));
        let (first, after) = rest.split_at(staged.plan.tensors[id.0].rows * staged.plan.tensors[id.0].columns);
        staged.upload(id, first).await?;
        (rest, piece) = (after, piece + 1);
    }
    Ok(())
}

/// The rows of the step table of an evaluation in so many pieces.
pub fn evaluation_steps(pieces: usize, size: usize) -> Vec<staged::Step> {
    let step = |piece: usize| staged::Step {
        adds: u32::from(piece > 0),
        first: (piece * size) as u32,
        batch: piece as u32,
        ..staged::Step::default()
    };
    (0..pieces).map(step).collect()
}

/// What was read back at once.
pub struct Read {
    pub losses: Vec<f64>,
    pub counts: Vec<u64>,
    pub parameters: Option<Vec<f64>>,
    pub finite: bool,
}

/// Losses, counts and where they are asked for the parameters and what the program `look` says of them, in one readback; the counts begin
/// again.
pub async fn read_measured(
    staged: &mut Staged,
    losses: (Id, usize),
    scores: Scores,
    prefix: &str,
    (parameters, look): (Option<(Id, usize)>, Option<usize>),
) -> Result<Read, Error> {
    let counts = scores.counts.map(|_| staged.plan.find(&format!("{prefix}counts")));
    let mut wanted = vec![losses];
    wanted.extend(counts.map(|counts| (counts, staged.plan.tensors[counts.0].columns)));
    wanted.extend(look.map(|_| (staged.plan.find(NOT_FINITE), 1)));
    wanted.extend(parameters);
    let read = staged.read_words(look, &wanted).await?;
    if let Some(counts) = counts {
        staged.clear(counts)?;
    }
    let floats = |words: &[u32]| words.iter().map(|word| f64::from(f32::from_bits(*word))).collect();
    Ok(Read {
        losses: floats(&read[0]),
        counts: counts.map_or(vec![], |_| read[1].iter().map(|count| u64::from(*count)).collect()),
        finite: look.is_none() || read[1 + usize::from(counts.is_some())] == [0],
        parameters: parameters.map(|_| floats(&read[read.len() - 1])),
    })
}

/// The CPU engine in training.
pub struct CpuEngine {
    reference: Reference,
    layout: Layout,
    batches: Batches,
    /// Inputs, targets, weights.
    data: (Vec<f64>, Vec<f64>, Option<Vec<f64>>),
    validation: Option<(Vec<f64>, Vec<f64>)>,
    columns: [usize; 2],
    total: f64,
    scores: Scores,
    snapshots: [Vec<f64>; 2],
    losses: Vec<f64>,
    measured: Measured,
    fit: Fit,
}

impl CpuEngine {
    fn new(setup: &Setup<'_>, batches: Batches) -> Self {
        let Setup { frame: Frame { network, layout, fit, .. }, data, .. } = *setup;
        let outputs = network.outputs();
        let mut reference = Reference::new(network, fit.loss, layout, setup.parameters);
        for (slot, values) in setup.slots.iter().enumerate() {
            reference.set_slot(layout, slot, values);
        }
        let wide = |data: &Data<'_>| (widened(data.inputs.values()), widened(&data.dense_targets(outputs)));
        let (inputs, targets) = wide(data);
        Self {
            reference,
            layout: layout.clone(),
            batches,
            data: (inputs, targets, data.weights.as_deref().map(widened)),
            validation: setup.validation.map(wide),
            columns: [network.inputs(), outputs],
            total: data.total_weight(),
            scores: setup.frame.scores,
            snapshots: [vec![], vec![]],
            losses: Vec::new(),
            measured: Measured::default(),
            fit: fit.clone(),
        }
    }

    fn step(&mut self, step: &Step) {
        let (inputs, targets, weights) = &self.data;
        let rows = self.batches.rows_of(step.epoch, step.batch);
        let (inputs, targets) = (gather(inputs, &rows, self.columns[0]), gather(targets, &rows, self.columns[1]));
        let weights = weights.as_ref().map(|weights| gather(weights, &rows, 1));
        let batch = Batch { inputs: &inputs, targets: &targets, weights: weights.as_deref() };
        let how = Update {
            optimizer: self.fit.optimizer,
            learning_rate: step.learning_rate,
            weight_decay: self.fit.decay(),
            step: step.number,
        };
        let chance = Chance { seed: self.fit.seed, epoch: step.epoch, batch: step.batch };
        let passed = self.reference.step(&batch, &how, self.fit.clip_norm, &chance);
        let means = (self.total, self.batches.rows);
        if step.batch == 0 {
            self.measured = Measured::default();
        }
        measure(&self.reference, &passed, &batch, self.scores, means, &mut self.measured);
        if step.batch as usize + 1 == self.batches.steps() {
            self.losses.push(self.measured.losses[0]);
        }
    }

    fn losses(&mut self) -> Losses {
        let numbers = || self.reference.parameters(&self.layout).iter().all(|value| (*value as f32).is_finite());
        let finite = self.fit.on_non_finite == OnNonFinite::Continue || numbers();
        Losses { epochs: std::mem::take(&mut self.losses), measured: self.measured.clone(), parameters: None, finite }
    }

    fn validate(&self) -> Option<Measured> {
        let (inputs, targets) = self.validation.as_ref()?;
        Some(evaluate(&self.reference, inputs, targets, self.scores))
    }
}

/// What the reference measures over rows.
pub fn evaluate(reference: &Reference, inputs: &[f64], targets: &[f64], scores: Scores) -> Measured {
    let batch = Batch { inputs, targets, weights: None };
    let rows = inputs.len() / reference.layers[0].ins;
    let mut measured = Measured::default();
    measure(reference, &reference.forward(inputs, None), &batch, scores, (rows as f64, rows), &mut measured);
    measured
}

/// Adds what a pass over rows gave to what was measured: its part of the epoch's means, which are over that weight and so many rows.
fn measure(
    reference: &Reference,
    passed: &[Passed],
    batch: &Batch<'_>,
    scores: Scores,
    (total, samples): (f64, usize),
    measured: &mut Measured,
) {
    let columns = reference.layers[passed.len() - 1].outs;
    let outputs = &passed[passed.len() - 1].outputs;
    measured.losses.resize(scores.losses(), 0.0);
    measured.losses[0] += reference.loss(passed, batch) / total;
    if scores.errors {
        let equal = Batch { weights: None, ..*batch };
        measured.losses[1] += reference.loss_by(Loss::MeanSquaredError, passed, &equal) / samples as f64;
        measured.losses[2] += reference.loss_by(Loss::MeanAbsoluteError, passed, &equal) / samples as f64;
    }
    let Some(counts) = scores.counts else { return };
    measured.counts.resize(counts.len(columns), 0);
    match counts {
        Counts::Binary => {
            for (y, t) in outputs.iter().zip(batch.targets).filter(|(_, t)| **t == 0.0 || **t == 1.0) {
                measured.counts[2 * *t as usize + usize::from(*y > 0.5)] += 1;
            }
        }
        Counts::Classes { confusion } => {
            for (y, t) in outputs.chunks(columns).zip(batch.targets.chunks(columns)) {
                let (own, taken) = (largest(t), largest(y));
                // Nothing compares with a NaN: it is larger than what is to be right, and never right itself.
                let smaller = |i: usize| if i < own { y[i] < y[own] } else { y[i] <= y[own] };
                let rank = (0..columns).filter(|i| *i != own && !smaller(*i)).count();
                measured.counts[rank] += 1;
                if confusion {
                    measured.counts[columns + own * columns + taken] += 1;
                }
            }
        }
    }
}

/// Those rows of so many columns, one after the other.
fn gather<T: Copy>(values: &[T], rows: &[usize], columns: usize) -> Vec<T> {
    rows.iter().flat_map(|row| &values[row * columns..(row + 1) * columns]).copied().collect()
}

/// f32 as f64.
pub fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// f64 as the nearest f32.
pub fn narrowed(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}
