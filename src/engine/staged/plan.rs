//! The plan of a training and of its validation.

use crate::data::Order;
use crate::engine::steps::Batches;
use crate::engine::task::{DataShape, Frame};
use crate::error::Error;
use crate::plan::{Evaluation, Plan, Source, Table, Training};

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
    let source = |order: Order, rows: DataShape, gathered| match gathered {
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
