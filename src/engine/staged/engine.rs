//! Trains with the staged engine.

use std::sync::Arc;

use super::plan::{Look, StagedPlan};
use super::replay::{self, Staged};
use crate::data::Data;
use crate::engine::numbers::{gather, widened};
use crate::engine::setup::{Losses, Setup, Snapshot, TrainingShape};
use crate::engine::steps::{Batches, Step};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::plan::{BatchIds, EvaluationIds, Id, Piece, StepTable, TrainingIds};
use crate::settings::{Cancel, Fit, Measured};

/// The staged engine in a training run.
pub struct StagedEngine {
    pub staged: Staged,
    /// The tensors of the plan.
    pub ids: TrainingIds,
    batches: Batches,
    /// The plan's programs in the order of an epoch.
    epoch: Vec<usize>,
    /// The rows, if they do not fit on the device and are uploaded batch by batch.
    streamed: Option<Streamed>,
    validation: Option<Validation>,
    layout_len: usize,
    loss_slots: usize,
    /// The check of the parameters, if there is one.
    look: Option<Look>,
    /// The tensors that hold snapshots of the parameters.
    snapshots: Vec<(Snapshot, Id)>,
    /// The number of epochs whose losses are on the device and have not been read.
    unread: usize,
    /// The current parameters, if they have been read.
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
    ids: EvaluationIds,
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

    /// Writes those rows to the tensors of a batch.
    fn write(&self, staged: &Staged, batch: &BatchIds, rows: &[usize]) -> Result<(), Error> {
        staged.write(batch.inputs, &gather(&self.inputs, rows, self.columns[0]))?;
        staged.write(batch.targets, &gather(&self.targets, rows, self.columns[1]))?;
        if let (Some(weights), Some(to)) = (&self.weights, batch.weights) {
            staged.write(to, &gather(weights, rows, 1))?;
        }
        Ok(())
    }
}

impl StagedEngine {
    pub async fn new(gpu: &Arc<Gpu>, setup: &Setup<'_>, batches: Batches, planned: StagedPlan) -> Result<Self, Error> {
        let Setup { frame: TrainingShape { network, layout, fit, scores, room, .. }, data, .. } = *setup;
        let StagedPlan { plan, gathered, ids, epoch, validation: planned_validation, snapshots, look } = planned;
        let counts = scores.counts.map_or(0, |counts| counts.len(network.outputs()));
        let readable = layout.len + room * scores.losses() + counts + usize::from(look.is_some());
        let staged = Staged::new(gpu.clone(), plan, readable).await?;
        staged.upload_wide(ids.parameters, setup.parameters).await?;
        for (slot, values) in ids.slots.iter().zip(setup.slots) {
            staged.upload_wide(*slot, values).await?;
        }
        let mut streamed = None;
        if gathered.training {
            write_pieces(&staged, &ids.batch.data, data).await?;
        } else if batches.size < batches.rows {
            streamed = Some(Streamed::of(data, network.outputs()));
        } else {
            staged.upload(ids.batch.inputs, data.inputs.values()).await?;
            staged.upload(ids.batch.targets, &data.dense_targets(network.outputs())).await?;
            if let (Some(weights), Some(to)) = (&data.weights, ids.batch.weights) {
                staged.upload(to, weights).await?;
            }
        }
        let mut validation = None;
        if let (Some(data), Some(planned)) = (setup.validation, planned_validation) {
            let size = batches.size.min(data.inputs.rows());
            let mut streamed = None;
            if gathered.validation {
                write_pieces(&staged, &planned.ids.batch.data, data).await?;
            } else {
                streamed = Some(Streamed::of(data, network.outputs()));
            }
            let epoch = planned.epoch.list();
            validation = Some(Validation { ids: planned.ids, steps: evaluation_steps(epoch.len(), size), epoch, streamed, size });
        }
        let loss_slots = scores.losses();
        Ok(Self {
            staged,
            ids,
            batches,
            epoch: epoch.list(),
            streamed,
            validation,
            layout_len: layout.len,
            loss_slots,
            look,
            snapshots,
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
            None => self.staged.run(&self.ids.table, &rows, &self.epoch, cancel).await?,
            Some(streamed) => {
                let mut taken = 0;
                for (step, row) in steps.iter().zip(&rows) {
                    streamed.write(&self.staged, &self.ids.batch, &self.batches.rows_of(step.epoch, step.batch))?;
                    self.staged.run(&self.ids.table, &[*row], &self.epoch[step.batch as usize..][..1], None).await?;
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

    /// Uploads the rows of a step if they are not on the device, and returns its row of the step table.
    pub fn first_batch(&self, step: &Step) -> Result<replay::Step, Error> {
        if let Some(streamed) = &self.streamed {
            streamed.write(&self.staged, &self.ids.batch, &self.batches.rows_of(step.epoch, step.batch))?;
        }
        Ok(self.row(step, 0))
    }

    /// The program of a step.
    pub fn program(&self, step: &Step) -> usize {
        self.epoch[step.batch as usize]
    }

    /// The row of the step table for a step whose loss goes to `loss_slot`.
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
        let what = Measuring {
            table: &self.ids.table,
            losses: std::mem::take(&mut self.unread) * self.loss_slots,
            counts: self.ids.counts,
            parameters: with_parameters.then_some(self.ids.parameters),
            look: self.look,
        };
        let read = read_measured(&mut self.staged, &what).await?;
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
                self.staged.write_steps(&validation.ids.table, &validation.steps)?;
                done = self.staged.replay_epochs(&validation.epoch, 1, cancel).await?;
            }
            Some(streamed) => {
                let rows = streamed.inputs.len() / streamed.columns[0];
                for (piece, program) in validation.epoch.iter().enumerate() {
                    let first = piece * validation.size;
                    let rows: Vec<usize> = (first..rows.min(first + validation.size)).collect();
                    streamed.write(&self.staged, &validation.ids.batch, &rows)?;
                    self.staged.write_steps(&validation.ids.table, &validation.steps[piece..=piece])?;
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
        let what = Measuring::of(&validation.ids, self.loss_slots);
        let read = read_measured(&mut self.staged, &what).await?;
        Ok(Some(Measured { losses: read.losses, counts: read.counts }))
    }

    pub fn keep(&mut self, snapshot: Snapshot) -> Result<(), Error> {
        self.place_of(snapshot).map_or(Ok(()), |to| self.staged.copy(self.ids.parameters, to))
    }

    pub async fn parameters(&mut self, snapshot: Option<Snapshot>) -> Result<Vec<f64>, Error> {
        match (snapshot, &self.read) {
            (None, Some(read)) => Ok(read.clone()),
            (None, None) => self.read_flat(self.ids.parameters).await,
            (Some(snapshot), _) => self.read_flat(self.place_of(snapshot).unwrap_or(self.ids.parameters)).await,
        }
    }

    pub async fn slots(&mut self) -> Result<Vec<Vec<f64>>, Error> {
        let mut slots = Vec::new();
        for slot in self.ids.slots.clone() {
            slots.push(self.read_flat(slot).await?);
        }
        Ok(slots)
    }

    /// The tensor of a snapshot, if it is planned.
    fn place_of(&self, snapshot: Snapshot) -> Option<Id> {
        self.snapshots.iter().find(|(planned, _)| *planned == snapshot).map(|(_, id)| *id)
    }

    async fn read_flat(&mut self, id: Id) -> Result<Vec<f64>, Error> {
        Ok(widened(&self.staged.read(&[(id, self.layout_len)]).await?[0]))
    }
}

/// Writes data to its planned pieces.
async fn write_pieces(staged: &Staged, pieces: &[Piece], data: &Data<'_>) -> Result<(), Error> {
    let weights = data.weights.as_deref().unwrap_or_default();
    let (mut inputs, mut targets, mut weights) = (data.inputs.values(), data.targets.values(), weights);
    for piece in pieces {
        staged.upload(piece.inputs, next(staged, piece.inputs, &mut inputs)).await?;
        staged.upload(piece.targets, next(staged, piece.targets, &mut targets)).await?;
        if let Some(to) = piece.weights {
            staged.upload(to, next(staged, to, &mut weights)).await?;
        }
    }
    Ok(())
}

/// Takes as many of the values as a tensor has.
fn next<'a>(staged: &Staged, tensor: Id, rest: &mut &'a [f32]) -> &'a [f32] {
    let (first, after) = rest.split_at(staged.plan.len(tensor));
    *rest = after;
    first
}

/// The rows of the step table for an evaluation in that many pieces.
pub fn evaluation_steps(pieces: usize, size: usize) -> Vec<replay::Step> {
    let step = |piece: usize| replay::Step {
        adds: u32::from(piece > 0),
        first: (piece * size) as u32,
        batch: piece as u32,
        ..replay::Step::default()
    };
    (0..pieces).map(step).collect()
}

/// The results of one readback.
pub struct Read {
    pub losses: Vec<f64>,
    pub counts: Vec<u64>,
    pub parameters: Option<Vec<f64>>,
    pub finite: bool,
}

/// What to read back after measuring.
pub struct Measuring<'a> {
    pub table: &'a StepTable,
    /// The number of losses.
    pub losses: usize,
    pub counts: Option<Id>,
    /// The parameters, if requested.
    pub parameters: Option<Id>,
    /// The check to run on the parameters before they are read.
    pub look: Option<Look>,
}

impl<'a> Measuring<'a> {
    /// The results of an evaluation: that many losses, and its counts.
    pub fn of(ids: &'a EvaluationIds, losses: usize) -> Self {
        Self { table: &ids.table, losses, counts: ids.counts, parameters: None, look: None }
    }
}

/// Reads all of it in one readback and resets the counts.
pub async fn read_measured(staged: &mut Staged, what: &Measuring<'_>) -> Result<Read, Error> {
    let &Measuring { table, losses, counts, parameters, look } = what;
    let whole = |id: Id| (id, staged.plan.len(id));
    let mut wanted = vec![(table.losses, losses)];
    wanted.extend(counts.map(whole));
    wanted.extend(look.map(|look| (look.not_finite, 1)));
    wanted.extend(parameters.map(whole));
    let read = staged.read_words(look.map(|look| look.program), &wanted).await?;
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
