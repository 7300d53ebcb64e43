//! The plan of a training and of its validation.

use crate::data::Order;
use crate::engine::steps::Batches;
use crate::engine::task::{DataShape, Frame, Snapshot};
use crate::error::Error;
use crate::plan::{EvaluationIds, EvaluationStep, Id, Plan, Planned, Source, TableSize, TrainingIds, TrainingStep};

/// The most rows of a step table: an epoch of more steps takes long enough to be cut there.
const LONGEST_TABLE: usize = 65_536;

/// The rows of a step table of short epochs.
const SHORT_TABLE: usize = 4096;

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
    pub fn list(self) -> Vec<usize> {
        let mut list = vec![self.program; self.times];
        list.extend(self.rest);
        list
    }
}

/// Where data is: on the device, from where its rows are gathered, or on the host, from where they are streamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Whether the training's rows are on the device.
    pub training: bool,
    /// Whether the validation's are.
    pub validation: bool,
}

/// The plan of a training and of its validation: a program for full batches, one for the rest, and the same for the validation rows.
pub struct StagedPlan {
    pub plan: Plan,
    pub gathered: Gathered,
    pub ids: TrainingIds,
    /// The programs of an epoch, in their order.
    pub epoch: Passes,
    pub validation: Option<ValidationPlan>,
    pub snapshots: Vec<(Snapshot, Id)>,
    pub look: Option<Look>,
}

/// The validation's part of it.
pub struct ValidationPlan {
    pub ids: EvaluationIds,
    /// The programs of a pass over its rows, in their order.
    pub epoch: Passes,
}

/// The program that looks at the parameters.
#[derive(Clone, Copy)]
pub struct Look {
    pub program: usize,
    /// Not 0 if some parameter is no number.
    pub not_finite: Id,
}

/// Where data may be, in the order in which this is tried: what does not fit goes through the device batch by batch, the validation's first.
pub fn ways(frame: &Frame<'_>) -> Vec<Gathered> {
    let batches = Batches::of(frame.fit, frame.rows.count);
    let training = batches.size < batches.rows;
    let validation = frame.validation.is_some();
    let ways = [(training, validation), (training, false), (false, false)];
    let mut ways: Vec<_> = ways.into_iter().map(|(training, validation)| Gathered { training, validation }).collect();
    ways.dedup();
    ways
}

/// Plans a training whose data is there.
pub fn plan(frame: &Frame<'_>, gathered: Gathered) -> Result<StagedPlan, Error> {
    let Frame { network, fit, scores, limits, .. } = *frame;
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
    // Whole epochs, as many as are taken and fit a short table; one longer epoch if it fits a long one.
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
fn plan_validation(plan: &mut Plan, frame: &Frame<'_>, rows: DataShape, gathered: bool) -> Result<ValidationPlan, Error> {
    let Frame { network, fit, scores, limits, .. } = *frame;
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
