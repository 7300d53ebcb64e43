//! The CPU engine: trains with the reference.

use super::reference::{Batch, Chance, Passed, Reference, Update};
use crate::data::{Data, argmax};
use crate::engine::numbers::{gather, widened};
use crate::engine::setup::{Losses, Setup, Snapshot, TrainingShape};
use crate::engine::steps::{Batches, Step};
use crate::error::Error;
use crate::memory::Reserve;
use crate::network::{Layout, Loss};
use crate::settings::{Cancel, Counts, Fit, Measured, OnNonFinite, Scores};

/// The CPU engine in a training run.
pub struct CpuEngine {
    reference: Reference,
    layout: Layout,
    batches: Batches,
    /// Inputs and targets, which are widened to f64 batch by batch; sample weights.
    data: (Vec<f32>, Vec<f32>, Option<Vec<f64>>),
    validation: Option<(Vec<f32>, Vec<f32>)>,
    columns: [usize; 2],
    total: f64,
    scores: Scores,
    snapshots: [Vec<f64>; 2],
    losses: Vec<f64>,
    measured: Measured,
    fit: Fit,
}

impl CpuEngine {
    pub fn new(setup: &Setup<'_>, batches: Batches) -> Result<Self, Error> {
        let Setup { frame: TrainingShape { network, layout, fit, .. }, data, .. } = *setup;
        let outputs = network.outputs();
        let mut reference = Reference::new(network, fit.loss, layout, setup.parameters);
        for (slot, values) in setup.slots.iter().enumerate() {
            reference.set_slot(layout, slot, values);
        }
        let copy = |data: &Data<'_>| -> Result<_, Error> {
            let values = data.inputs.values().len() + data.inputs.rows() * outputs;
            drop(Reserve::new("a copy of the rows", 4 * values as u64)?);
            Ok((data.inputs.values().to_vec(), data.dense_targets(outputs).into_owned()))
        };
        let (inputs, targets) = copy(data)?;
        Ok(Self {
            reference,
            layout: layout.clone(),
            batches,
            data: (inputs, targets, data.weights.as_deref().map(widened)),
            validation: setup.validation.map(copy).transpose()?,
            columns: [network.inputs(), outputs],
            total: data.total_weight(),
            scores: setup.frame.scores,
            snapshots: [vec![], vec![]],
            losses: Vec::new(),
            measured: Measured::default(),
            fit: fit.clone(),
        })
    }

    pub fn run(&mut self, steps: &[Step]) -> usize {
        for (i, step) in steps.iter().enumerate() {
            if self.is_cancelled() {
                return i;
            }
            self.step(step);
        }
        steps.len()
    }

    fn is_cancelled(&self) -> bool {
        self.fit.cancel.as_ref().is_some_and(Cancel::is_cancelled)
    }

    fn step(&mut self, step: &Step) {
        let (inputs, targets, weights) = &self.data;
        let rows = self.batches.rows_of(step.epoch, step.batch);
        let inputs = widened(&gather(inputs, &rows, self.columns[0]));
        let targets = widened(&gather(targets, &rows, self.columns[1]));
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
        let measuring =
            Measuring { reference: &self.reference, scores: self.scores, weight: self.total, rows: self.batches.rows };
        if step.batch == 0 {
            self.measured = Measured::default();
        }
        measuring.add(&passed[passed.len() - 1], &batch, &mut self.measured);
        if step.batch as usize + 1 == self.batches.steps() {
            self.losses.push(self.measured.losses[0]);
        }
    }

    pub fn losses(&mut self) -> Losses {
        let numbers = || self.reference.parameters(&self.layout).iter().all(|value| (*value as f32).is_finite());
        let finite = self.fit.on_non_finite == OnNonFinite::Continue || numbers();
        Losses { epochs: std::mem::take(&mut self.losses), measured: self.measured.clone(), finite }
    }

    pub fn validate(&self) -> Option<Measured> {
        let (inputs, targets) = self.validation.as_ref()?;
        // A forward pass computes each row independently, so pieces give the same result up to rounding. The shape
        // determines the pieces.
        let mut all = Passed::default();
        for piece in inputs.chunks(self.piece() * self.columns[0]) {
            if self.is_cancelled() {
                return None;
            }
            let last = self.reference.forward(&widened(piece), None).pop()?;
            all.sums.extend(last.sums);
            all.outputs.extend(last.outputs);
        }
        Some(evaluation(&self.reference, &all, &widened(targets), self.scores))
    }

    /// The number of rows whose forward pass takes well under a tenth of a second.
    fn piece(&self) -> usize {
        (PIECE / self.layout.len.max(1)).max(1)
    }

    pub fn keep(&mut self, snapshot: Snapshot) {
        self.snapshots[snapshot as usize] = self.reference.parameters(&self.layout);
    }

    pub fn parameters(&self, snapshot: Option<Snapshot>) -> Vec<f64> {
        match snapshot {
            Some(snapshot) => self.snapshots[snapshot as usize].clone(),
            None => self.reference.parameters(&self.layout),
        }
    }

    pub fn slots(&self) -> Vec<Vec<f64>> {
        let slots = 0..self.fit.optimizer.definition().slots.len();
        slots.map(|slot| self.reference.slot(&self.layout, slot)).collect()
    }
}

/// The number of multiply-adds between two checks for cancellation.
const PIECE: usize = 1 << 24;

/// Evaluates rows with the reference.
pub fn evaluate(reference: &Reference, inputs: &[f64], targets: &[f64], scores: Scores) -> Measured {
    let last = reference.forward(inputs, None).pop().unwrap_or_default();
    evaluation(reference, &last, targets, scores)
}

/// Evaluates the last layer's outputs.
fn evaluation(reference: &Reference, last: &Passed, targets: &[f64], scores: Scores) -> Measured {
    let batch = Batch { inputs: &[], targets, weights: None };
    let rows = last.outputs.len() / reference.layers[reference.layers.len() - 1].outs;
    let mut measured = Measured::default();
    Measuring { reference, scores, weight: rows as f64, rows }.add(last, &batch, &mut measured);
    measured
}

/// Measures forward passes over the rows of an epoch.
struct Measuring<'a> {
    reference: &'a Reference,
    scores: Scores,
    /// The total weight of all rows, which the loss is a mean over.
    weight: f64,
    /// The number of rows, which errors are means over.
    rows: usize,
}

impl Measuring<'_> {
    /// Adds the last layer's results for some of the rows.
    fn add(&self, last: &Passed, batch: &Batch<'_>, measured: &mut Measured) {
        let &Self { reference, scores, weight, rows } = self;

        let columns = reference.layers[reference.layers.len() - 1].outs;
        let outputs = &last.outputs;
        measured.losses.resize(scores.losses(), 0.0);
        measured.losses[0] += reference.loss_of(reference.loss, last, batch) / weight;
        if scores.errors {
            let equal = Batch { weights: None, ..*batch };
            measured.losses[1] += reference.loss_of(Loss::MeanSquaredError, last, &equal) / rows as f64;
            measured.losses[2] += reference.loss_of(Loss::MeanAbsoluteError, last, &equal) / rows as f64;
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
                    let (own, taken) = (argmax(t), argmax(y));
                    // Comparisons with NaN are false: a NaN counts as larger than the correct output, and is never
                    // correct itself.
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
}
