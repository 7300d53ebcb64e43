//! A network that stays in memory while rows go through it: on the device, or on the CPU engine where there is none.

use std::ops::Range;

use super::subject::Subject;
use crate::engine::cpu::{self, reference::Reference};
use crate::engine::staged::{Staged, evaluation_steps, read_measured};
use crate::engine::{narrowed, widened};
use crate::error::Error;
use crate::kernel::Limits;
use crate::network::{Layout, Loss, Network};
use crate::plan::{self, EVALUATION, Evaluation, Plan};
use crate::settings::{Measured, Scores};

/// A network with its weights in place, for so many rows at a time.
pub struct Resident {
    rows: usize,
    on: On,
}

/// What computes.
enum On {
    Device(Box<Staged>),
    Cpu {
        reference: Box<Reference>,
        /// What is computed with.
        inputs: Vec<f64>,
    },
}

impl Resident {
    /// The one at hand, if it is for so many rows. Where it is not its memory goes first: the device may not have room for two.
    pub fn kept(at_hand: &mut Option<Self>, rows: usize) -> Option<&mut Self> {
        *at_hand = at_hand.take().filter(|resident| resident.rows == rows);
        at_hand.as_mut()
    }

    /// For predictions of so many rows: the outputs of those layers are read at once.
    pub async fn prediction(subject: &Subject<'_>, rows: usize, layers: Range<usize>) -> Result<Self, Error> {
        let plan = |limits| {
            let plan = Plan::prediction(subject.network, rows, limits)?;
            let outputs = subject.network.layers()[layers].iter().map(|layer| layer.units).fold(0, usize::saturating_add);
            Ok((plan, plan::readable("the outputs of all layers", rows, outputs, &limits)?))
        };
        Self::new(subject, Loss::default(), rows, plan).await
    }

    /// For the evaluation of so many rows by that loss.
    pub async fn evaluation(subject: &Subject<'_>, loss: Loss, scores: Scores, rows: usize) -> Result<Self, Error> {
        let task = Evaluation { scores, ..Evaluation::new(subject.network, loss, rows) };
        let counts = scores.counts.map_or(0, |counts| counts.len(subject.network.outputs()));
        Self::new(subject, loss, rows, |limits| Ok((Plan::evaluation(&task, limits)?, scores.losses() + counts))).await
    }

    /// `plan` gives how many numbers are read at once too.
    async fn new(
        subject: &Subject<'_>,
        loss: Loss,
        rows: usize,
        plan: impl FnOnce(Limits) -> Result<(Plan, usize), Error>,
    ) -> Result<Self, Error> {
        let &Subject { device, network, layout, parameters } = subject;
        let on = match &device.gpu {
            Some(gpu) => {
                let (plan, readable) = plan(device.limits())?;
                let staged = Staged::new(gpu.clone(), plan, readable).await?;
                On::Device(Box::new(staged))
            }
            None => On::Cpu { reference: Box::new(Reference::new(network, loss, layout, parameters)), inputs: Vec::new() },
        };
        let resident = Self { rows, on };
        resident.upload_parameters(parameters).await?;
        Ok(resident)
    }

    /// The weights from now on.
    pub async fn set_parameters(&mut self, network: &Network, layout: &Layout, parameters: &[f64]) -> Result<(), Error> {
        if let On::Cpu { reference, .. } = &mut self.on {
            **reference = Reference::new(network, Loss::default(), layout, parameters);
        }
        self.upload_parameters(parameters).await
    }

    async fn upload_parameters(&self, parameters: &[f64]) -> Result<(), Error> {
        match &self.on {
            On::Device(staged) => staged.upload_wide(staged.plan.find("parameters"), parameters).await,
            On::Cpu { .. } => Ok(()),
        }
    }

    /// The rows from now on.
    pub async fn set_inputs(&mut self, values: &[f32]) -> Result<(), Error> {
        match &mut self.on {
            On::Device(staged) => staged.upload(staged.plan.find("inputs"), values).await,
            On::Cpu { inputs, .. } => {
                *inputs = widened(values);
                Ok(())
            }
        }
    }

    /// What those layers give for the rows, each row after row.
    pub async fn outputs(&mut self, layers: Range<usize>) -> Result<Vec<Vec<f32>>, Error> {
        match &mut self.on {
            On::Device(staged) => {
                staged.replay(1).await?;
                let wanted: Vec<_> = layers
                    .map(|i| {
                        let id = staged.plan.find(&format!("layers.{i}.output"));
                        (id, staged.plan.tensors[id.0].rows * staged.plan.tensors[id.0].columns)
                    })
                    .collect();
                staged.read(&wanted).await
            }
            On::Cpu { reference, inputs } => {
                let passed = reference.forward(inputs, None);
                Ok(passed[layers].iter().map(|layer| narrowed(&layer.outputs)).collect())
            }
        }
    }

    /// What is measured of those rows, as many as it is for.
    pub async fn evaluate(&mut self, inputs: &[f32], targets: &[f32], scores: Scores) -> Result<Measured, Error> {
        match &mut self.on {
            On::Device(staged) => {
                staged.upload(staged.plan.find("evaluation.inputs"), inputs).await?;
                staged.upload(staged.plan.find("evaluation.targets"), targets).await?;
                staged.write_steps(EVALUATION, &evaluation_steps(1, self.rows))?;
                staged.replay(1).await?;
                let losses = (staged.plan.find("evaluation.losses"), scores.losses());
                let read = read_measured(staged, losses, scores, EVALUATION, (None, None)).await?;
                Ok(Measured { losses: read.losses, counts: read.counts })
            }
            On::Cpu { reference, .. } => Ok(cpu::evaluate(reference, &widened(inputs), &widened(targets), scores)),
        }
    }
}
