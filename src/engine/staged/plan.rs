//! Plans a training run and its validation for the staged engine.

use crate::data::Order;
use crate::engine::setup::{DataShape, Snapshot, TrainingShape};
use crate::engine::steps::Batches;
use crate::error::Error;
use crate::plan::{EvaluationIds, EvaluationStep, Id, Plan, Planned, Source, TableSize, TrainingIds, TrainingStep};

/// The maximum number of rows of a step table. An epoch with more steps takes long enough to be split.
const LONGEST_TABLE: usize = 65_536;

/// The number of rows of a step table for short epochs.
const SHORT_TABLE: usize = 4096;

/// The order in which a plan's programs pass over all rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passes {
    /// The program of full batches.
    program: usize,
    /// The number of full batches.
    times: usize,
    /// The program of the smaller last batch.
    rest: Option<usize>,
}

impl Passes {
    pub fn list(self) -> Vec<usize> {
        let mut list = vec![self.program; self.times];
        list.extend(self.rest);
        list
    }
}

/// Where the data is: on the device, from which rows are gathered, or on the host, from which they are streamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Whether the training rows are on the device.
    pub training: bool,
    /// Whether the validation rows are on the device.
    pub validation: bool,
}

/// The plan of a training run and its validation: one program for full batches, one for the smaller last batch, and the
/// same for the validation rows.
pub struct StagedPlan {
    pub plan: Plan,
    pub gathered: Gathered,
    pub ids: TrainingIds,
    /// The programs of an epoch, in order.
    pub epoch: Passes,
    pub validation: Option<ValidationPlan>,
    pub snapshots: Vec<(Snapshot, Id)>,
    pub look: Option<Look>,
}

/// The part of the plan for validation.
pub struct ValidationPlan {
    pub ids: EvaluationIds,
    /// The programs of a pass over the validation rows, in order.
    pub epoch: Passes,
}

/// The program that checks the parameters for NaN and infinite values.
#[derive(Clone, Copy)]
pub struct Look {
    pub program: usize,
    /// Not 0 if a parameter is not finite.
    pub not_finite: Id,
}

/// The possible locations of the data, in the order in which they are tried. What does not fit is streamed batch by
/// batch, validation rows first.
pub fn ways(frame: &TrainingShape<'_>) -> Vec<Gathered> {
    let batches = Batches::of(frame.fit, frame.rows.count);
    let training = batches.size < batches.rows;
    let validation = frame.validation.is_some();
    let ways = [(training, validation), (training, false), (false, false)];
    let mut ways: Vec<_> = ways.into_iter().map(|(training, validation)| Gathered { training, validation }).collect();
    ways.dedup();
    ways
}

/// Plans a training run with the data in that location.
pub fn plan(frame: &TrainingShape<'_>, gathered: Gathered) -> Result<StagedPlan, Error> {
    let TrainingShape { network, fit, scores, limits, .. } = *frame;
    let batches = Batches::of(fit, frame.rows.count);
    let training = |rows| TrainingStep {
        network,
        loss: fit.loss,
        rows,
        source: source(batches.order, frame.rows, gathered.training),
        weights: frame.rows.weights,
        samples: batches.rows,
        total: frame.rows.total,
        optimizer: fit.optimizer,
        weight_decay: fit.decay(),
        clip_norm: fit.clip_norm,
        seed: fit.seed,
        scores,
    };
    // As many whole epochs as are needed and fit in a short table, or one longer epoch if it fits in a long table.
    let steps = batches.steps();
    let epochs = frame.fit.epochs.min(SHORT_TABLE / steps).max(1);
    let size = TableSize { steps: (epochs * steps).min(LONGEST_TABLE), losses: frame.room * scores.losses() };
    let Planned { mut plan, ids } = Plan::training(&training(batches.size), size, limits)?;
    let mut epoch = Passes { program: 0, times: batches.rows / batches.size, rest: None };
    if let Some(rest) = batches.rest() {
        epoch.rest = Some(plan.programs().len());
        plan.and(Plan::training(&training(rest), size, limits)?);
    }
    let validation = match frame.validation {
        Some(rows) => Some(plan_validation(&mut plan, frame, rows, gathered.validation)?),
        None => None,
    };
    let mut snapshots = Vec::new();
    for snapshot in frame.snapshots {
        snapshots.push((*snapshot, plan.flat(snapshot.name(), frame.layout.len)?.whole));
    }
    let mut look = None;
    if frame.scanned {
        let program = plan.programs().len();
        look = Some(Look { program, not_finite: plan.and(Plan::look(network, limits)?).not_finite });
    }
    Ok(StagedPlan { plan, gathered, ids, epoch, validation, snapshots, look })
}

/// Adds the passes over the validation rows.
fn plan_validation(plan: &mut Plan, frame: &TrainingShape<'_>, rows: DataShape, gathered: bool) -> Result<ValidationPlan, Error> {
    let TrainingShape { network, fit, scores, limits, .. } = *frame;
    let count = rows.count;
    let size = Batches::of(fit, frame.rows.count).size.min(count);
    let pieces = Batches { rows: count, size, order: Order { rows: count, seed: None } };
    let evaluation = |rows_of_piece| EvaluationStep {
        network,
        loss: fit.loss,
        rows: rows_of_piece,
        source: source(pieces.order, rows, gathered),
        samples: count,
        pieces: pieces.steps(),
        scores,
    };
    let mut epoch = Passes { program: plan.programs().len(), times: count / size, rest: None };
    let ids = plan.and(Plan::evaluation(&evaluation(size), limits)?);
    if let Some(rest) = pieces.rest() {
        epoch.rest = Some(plan.programs().len());
        plan.and(Plan::evaluation(&evaluation(rest), limits)?);
    }
    Ok(ValidationPlan { ids, epoch })
}

fn source(order: Order, rows: DataShape, gathered: bool) -> Source {
    match gathered {
        true => Source::Gathered { order, classes: rows.classes },
        false => Source::Given,
    }
}
