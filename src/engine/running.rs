//! The interface of the engines: run steps, return losses, metrics and parameters.

use super::choice;
use super::cpu::CpuEngine;
use super::fused::FusedEngine;
use super::name::Engine;
use super::setup::{Losses, Setup, Snapshot};
use super::staged::{Gathered, StagedEngine, plan, ways};
use super::steps::{Batches, Step};
use crate::error::Error;
use crate::gpu::Device;
use crate::settings::{EngineChoice, Measured};

/// An engine in a training run of one network on one data set.
pub enum Running {
    Staged(Box<StagedEngine>),
    Fused(Box<FusedEngine>),
    Cpu(Box<CpuEngine>),
}

/// The maximum number of values that the CPU engine holds at once: 16 GiB of them.
const MOST_ON_CPU: u64 = 2 << 30;

impl Running {
    /// Starts the device's engine, with data and parameters uploaded.
    pub async fn training(device: &Device, setup: Setup<'_>) -> Result<Self, Error> {
        let batches = Batches::of(setup.frame.fit, setup.data.inputs.rows());
        let parts = batches.size < batches.rows;
        let Some(gpu) = &device.gpu else {
            if setup.frame.fit.engine == EngineChoice::Fused {
                log::warn!("training on the CPU engine: the device runs no shaders");
            }
            // The CPU engine does not use the plan, but it holds the same tensors in f64. What is too large to plan is
            // refused here too.
            let gathered = Gathered { training: parts, validation: true };
            let values = plan(&setup.frame, gathered)?.plan.total_bytes(0) / 4;
            if values > MOST_ON_CPU {
                return Err(Error::TooLarge {
                    what: "training on the CPU engine".into(),
                    limit: format!("{MOST_ON_CPU} values of 8 bytes"),
                    got: values.to_string(),
                });
            }
            return Ok(Self::Cpu(Box::new(CpuEngine::new(&setup, batches)?)));
        };
        let chosen = choice::choose(&setup.frame);
        if let Some(fused) = &chosen.fused {
            return Ok(Self::Fused(Box::new(FusedEngine::new(gpu, &setup, fused).await?)));
        }
        if setup.frame.fit.engine == EngineChoice::Fused {
            log::warn!("training on the staged engine: {}", chosen.reason);
        }
        let mut refused = None;
        for gathered in ways(&setup.frame) {
            let planned = match plan(&setup.frame, gathered) {
                Ok(planned) => StagedEngine::new(gpu, &setup, batches, planned).await,
                Err(error) => Err(error),
            };
            match planned {
                Ok(engine) => return Ok(Self::Staged(Box::new(engine))),
                Err(error @ (Error::TooLarge { .. } | Error::OutOfMemory { .. })) => {
                    // The error that is returned is that of the smallest layout.
                    log::info!("{error}; trying with less of the data on the device");
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or(Error::NoAdapter))
    }

    /// The engine's name.
    pub fn name(&self) -> Engine {
        match self {
            Self::Staged(_) => Engine::Staged,
            Self::Fused(_) => Engine::Fused,
            Self::Cpu(_) => Engine::Cpu,
        }
    }

    /// Runs those steps, which are whole epochs, and returns how many it ran: fewer if it is cancelled. It returns
    /// before the device has finished them.
    pub async fn run(&mut self, steps: &[Step]) -> Result<usize, Error> {
        match self {
            Self::Staged(engine) => engine.run(steps).await,
            Self::Fused(engine) => engine.run(steps).await,
            Self::Cpu(engine) => Ok(engine.run(steps)),
        }
    }

    /// Reads the losses of the complete epochs since the last reading, and the metrics of the last one. The parameters
    /// are read with them if they will be needed.
    pub async fn losses(&mut self, with_parameters: bool) -> Result<Losses, Error> {
        match self {
            Self::Staged(engine) => engine.losses(with_parameters).await,
            Self::Fused(engine) => engine.losses(with_parameters).await,
            Self::Cpu(engine) => Ok(engine.losses()),
        }
    }

    /// Evaluates the validation rows now. Returns `None` without validation rows, or if it is cancelled.
    pub async fn validate(&mut self) -> Result<Option<Measured>, Error> {
        match self {
            Self::Staged(engine) => engine.validate().await,
            // The fused engine is not chosen if anything is validated.
            Self::Fused(_) => Ok(None),
            Self::Cpu(engine) => Ok(engine.validate()),
        }
    }

    /// Takes a snapshot of the current parameters on the device.
    pub fn keep(&mut self, snapshot: Snapshot) -> Result<(), Error> {
        match self {
            Self::Staged(engine) => engine.keep(snapshot),
            Self::Fused(engine) => engine.keep(snapshot),
            Self::Cpu(engine) => {
                engine.keep(snapshot);
                Ok(())
            }
        }
    }

    /// Reads the current parameters, or those of a snapshot.
    pub async fn parameters(&mut self, snapshot: Option<Snapshot>) -> Result<Vec<f64>, Error> {
        match self {
            Self::Staged(engine) => engine.parameters(snapshot).await,
            Self::Fused(engine) => engine.parameters(snapshot).await,
            Self::Cpu(engine) => Ok(engine.parameters(snapshot)),
        }
    }

    /// Reads the optimizer state of each parameter, slot by slot.
    pub async fn slots(&mut self) -> Result<Vec<Vec<f64>>, Error> {
        match self {
            Self::Staged(engine) => engine.slots().await,
            Self::Fused(engine) => engine.slots().await,
            Self::Cpu(engine) => Ok(engine.slots()),
        }
    }
}
