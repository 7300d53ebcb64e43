//! A network that stays in memory while rows pass through it: on the device, or on the CPU engine.

use std::ops::Range;

use super::subject::Subject;
use crate::engine::cpu::{self, reference::Reference};
use crate::engine::staged::{Measuring, Staged, evaluation_steps, read_measured};
use crate::engine::{narrowed, widened};
use crate::error::Error;
use crate::kernel::Limits;
use crate::memory::Reserve;
use crate::network::{Layout, Loss, Network};
use crate::plan::{self, EvaluationIds, EvaluationStep, LayerIds, Plan, Planned, PlansParameters, PredictionIds};
use crate::settings::{Measured, Scores};

/// A network with its weights in place, for a fixed number of rows at a time.
pub struct Resident<I> {
    rows: usize,
    on: On<I>,
}

/// Where it computes.
enum On<I> {
    /// On the device: the tensors of a plan with those ids.
    Device(Box<Staged>, I),
    Cpu {
        reference: Box<Reference>,
        /// On the CPU: the numbers to compute with.
        inputs: Vec<f64>,
    },
}

impl<I: PlansParameters> Resident<I> {
    /// Returns the cached network if it is for that number of rows. Otherwise its memory is freed first, since the
    /// device may not have memory for two.
    pub fn kept(at_hand: &mut Option<Self>, rows: usize) -> Option<&mut Self> {
        *at_hand = at_hand.take().filter(|resident| resident.rows == rows);
        at_hand.as_mut()
    }

    /// `plan` also returns how many numbers are read at once.
    async fn new(
        subject: &Subject<'_>,
        loss: Loss,
        rows: usize,
        plan: impl FnOnce(Limits) -> Result<(Planned<I>, usize), Error>,
    ) -> Result<Self, Error> {
        let &Subject { device, network, layout, parameters } = subject;
        let on = match &device.gpu {
            Some(gpu) => {
                let (Planned { plan, ids }, readable) = plan(device.limits())?;
                On::Device(Box::new(Staged::new(gpu.clone(), plan, readable).await?), ids)
            }
            None => On::Cpu { reference: Box::new(Reference::new(network, loss, layout, parameters)), inputs: Vec::new() },
        };
        let resident = Self { rows, on };
        resident.upload_parameters(parameters).await?;
        Ok(resident)
    }

    async fn upload_parameters(&self, parameters: &[f64]) -> Result<(), Error> {
        match &self.on {
            On::Device(staged, ids) => staged.upload_wide(ids.parameters(), parameters).await,
            On::Cpu { .. } => Ok(()),
        }
    }
}

impl Resident<PredictionIds> {
    /// For predictions of `rows` rows. The outputs of those layers are read at once.
    pub async fn prediction(subject: &Subject<'_>, rows: usize, layers: Range<usize>) -> Result<Self, Error> {
        let plan = |limits| {
            let plan = Plan::prediction(subject.network, rows, limits)?;
            let outputs = subject.network.layers()[layers].iter().map(|layer| layer.units).fold(0, usize::saturating_add);
            Ok((plan, plan::readable("the outputs of all layers", rows, outputs, &limits)?))
        };
        Self::new(subject, Loss::default(), rows, plan).await
    }

    /// Sets the weights.
    pub async fn set_parameters(&mut self, network: &Network, layout: &Layout, parameters: &[f64]) -> Result<(), Error> {
        if let On::Cpu { reference, .. } = &mut self.on {
            **reference = Reference::new(network, Loss::default(), layout, parameters);
        }
        self.upload_parameters(parameters).await
    }

    /// Sets the input rows.
    pub async fn set_inputs(&mut self, values: &[f32]) -> Result<(), Error> {
        match &mut self.on {
            On::Device(staged, ids) => staged.upload(ids.inputs, values).await,
            On::Cpu { inputs, reference } => {
                reserve_pass(reference, values.len())?;
                *inputs = widened(values);
                Ok(())
            }
        }
    }

    /// Computes the outputs of those layers, each row by row.
    pub async fn outputs(&mut self, layers: Range<usize>) -> Result<Vec<Vec<f32>>, Error> {
        match &mut self.on {
            On::Device(staged, ids) => {
                staged.replay(1).await?;
                let whole = |layer: &LayerIds| (layer.outputs, staged.plan.len(layer.outputs));
                let wanted: Vec<_> = ids.layers[layers].iter().map(whole).collect();
                staged.read(&wanted).await
            }
            On::Cpu { reference, inputs } => {
                let passed = reference.forward(inputs, None);
                Ok(passed[layers].iter().map(|layer| narrowed(&layer.outputs)).collect())
            }
        }
    }
}

impl Resident<EvaluationIds> {
    /// For the evaluation of `rows` rows with that loss.
    pub async fn evaluation(subject: &Subject<'_>, loss: Loss, scores: Scores, rows: usize) -> Result<Self, Error> {
        let task = EvaluationStep { scores, ..EvaluationStep::new(subject.network, loss, rows) };
        let counts = scores.counts.map_or(0, |counts| counts.len(subject.network.outputs()));
        Self::new(subject, loss, rows, |limits| Ok((Plan::evaluation(&task, limits)?, scores.losses() + counts))).await
    }

    /// Evaluates as many rows as it was made for.
    pub async fn evaluate(&mut self, inputs: &[f32], targets: &[f32], scores: Scores) -> Result<Measured, Error> {
        match &mut self.on {
            On::Device(staged, ids) => {
                staged.upload(ids.batch.inputs, inputs).await?;
                staged.upload(ids.batch.targets, targets).await?;
                staged.write_steps(&ids.table, &evaluation_steps(1, self.rows))?;
                staged.replay(1).await?;
                let read = read_measured(staged, &Measuring::of(ids, scores.losses())).await?;
                Ok(Measured { losses: read.losses, counts: read.counts })
            }
            On::Cpu { reference, .. } => {
                reserve_pass(reference, inputs.len())?;
                Ok(cpu::evaluate(reference, &widened(inputs), &widened(targets), scores))
            }
        }
    }
}

/// Checks that there is memory for a forward pass of the reference: the inputs, and two numbers for each unit and row.
fn reserve_pass(reference: &Reference, inputs: usize) -> Result<(), Error> {
    let width = reference.layers.first().map_or(1, |layer| layer.ins.max(1));
    let units: usize = reference.layers.iter().map(|layer| layer.outs).sum();
    let values = inputs.saturating_add(2usize.saturating_mul(inputs / width).saturating_mul(units));
    Reserve::new("a forward pass on the CPU engine", 8 * values as u64).map(drop)
}
