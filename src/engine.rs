//! The engines, as the trainer sees them: run so many steps, hand back losses and parameters.

use crate::device::Device;
use crate::error::Error;
use crate::loss::Loss;
use crate::matrix::Matrix;
use crate::network::{Layout, Network};
use crate::plan::{Id, Limits, Plan, Table};
use crate::reference::Reference;
use crate::staged::{self, Staged, TABLE_ROWS};

/// What trains a network on one set of data.
pub enum Engine {
    Staged(Box<StagedEngine>),
    Cpu(CpuEngine),
}

/// The most values that the CPU engine holds at once: 16 GiB of them.
const MOST_ON_CPU: u64 = 2 << 30;

/// What one step needs to know beyond the plan.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub learning_rate: f64,
}

/// The staged engine in training.
pub struct StagedEngine {
    pub staged: Staged,
    parameters: (Id, usize),
    losses: Id,
    /// The losses on the device that have not been read.
    unread: usize,
}

/// The CPU engine in training.
pub struct CpuEngine {
    reference: Reference,
    inputs: Vec<f64>,
    targets: Vec<f64>,
    unread: Vec<f64>,
}

/// The losses since the last reading, and all parameters.
pub struct End {
    pub losses: Vec<f64>,
    pub parameters: Vec<f64>,
}

impl Engine {
    /// The device's engine, with data and parameters in place, and room for so many losses between two readings. The `limits` are the
    /// device's, but may choose how products are computed.
    pub async fn training(
        device: &Device,
        (network, layout, parameters): (&Network, &Layout, &[f64]),
        loss: Loss,
        (inputs, targets): (&Matrix<'_>, &Matrix<'_>),
        room: usize,
        limits: Limits,
    ) -> Result<Self, Error> {
        let table = Table { steps: TABLE_ROWS, losses: room };
        let plan = Plan::training(network, loss, inputs.rows(), table, limits)?;
        let Some(gpu) = &device.gpu else {
            // It computes without the plan, but on the same tensors, in f64: what is too large for it is refused as well.
            let values = plan.buffers.iter().map(|buffer| buffer.len as u64).sum::<u64>();
            if values > MOST_ON_CPU {
                return Err(Error::TooLarge {
                    what: "training on the CPU engine".into(),
                    limit: format!("{MOST_ON_CPU} values of 8 bytes"),
                    got: values.to_string(),
                });
            }
            return Ok(Self::Cpu(CpuEngine {
                reference: Reference::new(network, loss, layout, parameters),
                inputs: widened(inputs.values()),
                targets: widened(targets.values()),
                unread: Vec::new(),
            }));
        };
        let staged = Staged::new(gpu.clone(), plan, layout.len + room).await?;
        staged.write(staged.plan.find("parameters"), &narrowed(parameters))?;
        staged.write(staged.plan.find("inputs"), inputs.values())?;
        staged.write(staged.plan.find("targets"), targets.values())?;
        let (parameters, losses) = ((staged.plan.find("parameters"), layout.len), staged.plan.find("losses"));
        Ok(Self::Staged(Box::new(StagedEngine { staged, parameters, losses, unread: 0 })))
    }

    /// Takes those steps.
    pub async fn run(&mut self, steps: &[Step]) -> Result<(), Error> {
        match self {
            Self::Staged(engine) => {
                let slots = engine.unread..;
                let rows: Vec<_> = steps
                    .iter()
                    .zip(slots)
                    .map(|(step, slot)| staged::Step { learning_rate: step.learning_rate as f32, loss_slot: slot as u32 })
                    .collect();
                engine.unread += steps.len();
                engine.staged.run(&rows).await
            }
            Self::Cpu(engine) => {
                for step in steps {
                    engine.unread.push(engine.reference.step(&engine.inputs, &engine.targets, step.learning_rate));
                }
                Ok(())
            }
        }
    }

    /// The losses since the last reading.
    pub async fn losses(&mut self) -> Result<Vec<f64>, Error> {
        match self {
            Self::Staged(engine) => {
                let read = engine.staged.read(&[(engine.losses, std::mem::take(&mut engine.unread))]).await?;
                Ok(widened(&read[0]))
            }
            Self::Cpu(engine) => Ok(std::mem::take(&mut engine.unread)),
        }
    }

    /// The losses since the last reading, and the parameters, in one readback.
    pub async fn finish(mut self, layout: &Layout) -> Result<End, Error> {
        match &mut self {
            Self::Staged(engine) => {
                let read = engine.staged.read(&[(engine.losses, engine.unread), engine.parameters]).await?;
                Ok(End { losses: widened(&read[0]), parameters: widened(&read[1]) })
            }
            Self::Cpu(engine) => {
                Ok(End { losses: std::mem::take(&mut engine.unread), parameters: engine.reference.parameters(layout) })
            }
        }
    }
}

/// f32 as f64.
pub fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// f64 as the nearest f32.
pub fn narrowed(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}
