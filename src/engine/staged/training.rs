//! The staged engine in training.

use std::sync::Arc;

use super::plan::Passes;
use super::replay::{self, Staged};
use crate::data::Data;
use crate::engine::numbers::{gather, widened};
use crate::engine::steps::{Batches, Step};
use crate::engine::task::{Frame, Losses, Setup, Snapshot};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::plan::{EVALUATION, Id, NOT_FINITE, Plan};
use crate::settings::{Cancel, Fit, Measured, Scores};

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
    /// The parameters as they are, if they have been read.
    read: Option<Vec<f64>>,
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
    steps: Vec<replay::Step>,
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
            read: None,
            fit: fit.clone(),
        })
    }

    pub async fn run(&mut self, steps: &[Step]) -> Result<usize, Error> {
        let slot = |i: usize| (self.unread + i / self.epoch.len()) * self.loss_slots;
        let rows: Vec<_> = steps.iter().enumerate().map(|(i, step)| self.row(step, slot(i))).collect();
        let cancel = self.fit.cancel.as_ref();
        let taken = match &self.streamed {
            None => self.staged.run(&rows, &self.epoch, cancel).await?,
            Some(streamed) => {
                let mut taken = 0;
                for (step, row) in steps.iter().zip(&rows) {
                    streamed.write(&self.staged, "", &self.batches.rows_of(step.epoch, step.batch))?;
                    self.staged.run(&[*row], &self.epoch[step.batch as usize..][..1], None).await?;
                    taken += 1;
                    if cancel.is_some_and(Cancel::is_cancelled) {
                        break;
                    }
                }
                taken
            }
        };
        self.unread += taken / self.epoch.len();
        self.read = None;
        Ok(taken)
    }

    /// Puts a step's rows where it takes them, if they are not on the device; gives its row of the step table.
    pub fn first_batch(&self, step: &Step) -> Result<replay::Step, Error> {
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
    pub fn row(&self, step: &Step, loss_slot: usize) -> replay::Step {
        let optimizer = &self.fit.optimizer;
        replay::Step {
            learning_rate: step.learning_rate as f32,
            corrections: optimizer.corrections(step.number).map(|value| value as f32),
            loss_slot: loss_slot as u32,
            adds: u32::from(step.batch > 0),
            first: (step.batch as usize * self.batches.size) as u32,
            epoch: step.epoch,
            batch: step.batch,
        }
    }

    pub async fn losses(&mut self, with_parameters: bool) -> Result<Losses, Error> {
        let losses = (self.staged.plan.find("losses"), std::mem::take(&mut self.unread) * self.loss_slots);
        let parameters = with_parameters.then(|| (self.staged.plan.find("parameters"), self.layout_len));
        let read = read_measured(&mut self.staged, losses, self.scores, "", (parameters, self.look)).await?;
        let epochs = read.losses.chunks(self.loss_slots);
        let measured = Measured { losses: epochs.clone().next_back().unwrap_or_default().to_vec(), counts: read.counts };
        self.read = read.parameters;
        Ok(Losses { epochs: epochs.map(|losses| losses[0]).collect(), measured, finite: read.finite })
    }

    pub async fn validate(&mut self) -> Result<Option<Measured>, Error> {
        let Some(validation) = &self.validation else { return Ok(None) };
        let cancel = self.fit.cancel.as_ref();
        let mut done = 0;
        match &validation.streamed {
            None => {
                self.staged.write_steps(EVALUATION, &validation.steps)?;
                done = self.staged.replay_epochs(&validation.epoch, 1, cancel).await?;
            }
            Some(streamed) => {
                let rows = streamed.inputs.len() / streamed.columns[0];
                for (piece, program) in validation.epoch.iter().enumerate() {
                    let first = piece * validation.size;
                    let rows: Vec<usize> = (first..rows.min(first + validation.size)).collect();
                    streamed.write(&self.staged, EVALUATION, &rows)?;
                    self.staged.write_steps(EVALUATION, &validation.steps[piece..=piece])?;
                    done += self.staged.replay_epochs(&[*program], 1, None).await?;
                    if cancel.is_some_and(Cancel::is_cancelled) {
                        break;
                    }
                }
            }
        }
        if done < validation.epoch.len() {
            return Ok(None);
        }
        let losses = (self.staged.plan.find("evaluation.losses"), self.loss_slots);
        let read = read_measured(&mut self.staged, losses, self.scores, EVALUATION, (None, None)).await?;
        Ok(Some(Measured { losses: read.losses, counts: read.counts }))
    }

    pub fn keep(&mut self, snapshot: Snapshot) -> Result<(), Error> {
        let (from, to) = (self.staged.plan.find("parameters"), self.staged.plan.find(snapshot.name()));
        self.staged.copy(from, to)
    }

    pub async fn parameters(&mut self, snapshot: Option<Snapshot>) -> Result<Vec<f64>, Error> {
        match (snapshot, &self.read) {
            (None, Some(read)) => Ok(read.clone()),
            (None, None) => self.read_flat("parameters").await,
            (Some(snapshot), _) => self.read_flat(snapshot.name()).await,
        }
    }

    pub async fn slots(&mut self) -> Result<Vec<Vec<f64>>, Error> {
        let mut slots = Vec::new();
        for slot in self.fit.optimizer.definition().slots {
            slots.push(self.read_flat(&format!("optimizer.{slot}")).await?);
        }
        Ok(slots)
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
pub fn evaluation_steps(pieces: usize, size: usize) -> Vec<replay::Step> {
    let step = |piece: usize| replay::Step {
        adds: u32::from(piece > 0),
        first: (piece * size) as u32,
        batch: piece as u32,
        ..replay::Step::default()
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
