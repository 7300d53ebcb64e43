//! The engines behind one interface: take so many steps, hand back losses, what was measured, and parameters.

use super::cpu::CpuEngine;
use super::fused::{self, FusedEngine};
use super::name::Engine;
use super::staged::{Gathered, StagedEngine, plan, ways};
use super::steps::{Batches, Step};
use super::task::{Losses, Setup, Snapshot};
use crate::error::Error;
use crate::gpu::Device;
use crate::settings::{EngineChoice, Measured};

/// An engine in training: of one network on one set of data.
pub enum Running {
    Staged(Box<StagedEngine>),
    Fused(Box<FusedEngine>),
    Cpu(Box<CpuEngine>),
}

/// The most values that the CPU engine holds at once: 16 GiB of them.
const MOST_ON_CPU: u64 = 2 << 30;

impl Running {
    /// The device's engine, with data and parameters in place.
    pub async fn training(device: &Device, setup: Setup<'_>) -> Result<Self, Error> {
        let batches = Batches::of(setup.frame.fit, setup.data.inputs.rows());
        let parts = batches.size < batches.rows;
        let Some(gpu) = &device.gpu else {
            if setup.frame.fit.engine == EngineChoice::Fused {
                log::warn!("training on the CPU engine: the device runs no shaders");
            }
            // It computes without the plan, but on the same tensors, in f64: what is too large for it is refused as well.
            let gathered = Gathered { training: parts, validation: true };
            let values = plan(&setup.frame, gathered)?.plan.total_bytes(0) / 4;
            if values > MOST_ON_CPU {
                return Err(Error::TooLarge {
                    what: "training on the CPU engine".into(),
                    limit: format!("{MOST_ON_CPU} values of 8 bytes"),
                    got: values.to_string(),
                });
            }
            return Ok(Self::Cpu(Box::new(CpuEngine::new(&setup, batches))));
        };
        let choice = fused::choose(&setup.frame);
        if let Some(fused) = &choice.fused {
            return Ok(Self::Fused(Box::new(FusedEngine::new(gpu, &setup, fused).await?)));
        }
        if setup.frame.fit.engine == EngineChoice::Fused {
            log::warn!("training on the staged engine: {}", choice.why);
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
                    // What is said at last is what the smallest way was refused for.
                    log::info!("{error}; trying with less of the data on the device");
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or(Error::NoAdapter))
    }

    /// Which it is.
    pub fn name(&self) -> Engine {
        match self {
            Self::Staged(_) => Engine::Staged,
            Self::Fused(_) => Engine::Fused,
            Self::Cpu(_) => Engine::Cpu,
        }
    }

    /// Takes those steps, whole epochs, and gives how many it took: fewer where it was cancelled. Returns before the device has done them.
    pub async fn run(&mut self, steps: &[Step]) -> Result<usize, Error> {
        match self {
            Self::Staged(engine) => engine.run(steps).await,
            Self::Fused(engine) => engine.run(steps).await,
            Self::Cpu(engine) => Ok(engine.run(steps)),
        }
    }

    /// The losses of the whole epochs since the last reading, and what was measured in the last of them; the parameters are read along with them
    /// where they will be asked for.
    pub async fn losses(&mut self, with_parameters: bool) -> Result<Losses, Error> {
        match self {
            Self::Staged(engine) => engine.losses(with_parameters).await,
            Self::Fused(engine) => engine.losses(with_parameters).await,
            Self::Cpu(engine) => Ok(engine.losses()),
        }
    }

    /// What is measured of the validation rows now; nothing without any, or where it was cancelled.
    pub async fn validate(&mut self) -> Result<Option<Measured>, Error> {
        match self {
            Self::Staged(engine) => engine.validate().await,
            // It is not chosen where something is measured.
            Self::Fused(_) => Ok(None),
            Self::Cpu(engine) => Ok(engine.validate()),
        }
    }

    /// Keeps a copy of the parameters as they are now.
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

    /// The parameters as they are, or as they were when the snapshot was taken.
    pub async fn parameters(&mut self, snapshot: Option<Snapshot>) -> Result<Vec<f64>, Error> {
        match self {
            Self::Staged(engine) => engine.parameters(snapshot).await,
            Self::Fused(engine) => engine.parameters(snapshot).await,
            Self::Cpu(engine) => Ok(engine.parameters(snapshot)),
        }
    }

    /// What the optimizer keeps of each parameter, slot by slot.
    pub async fn slots(&mut self) -> Result<Vec<Vec<f64>>, Error> {
        match self {
            Self::Staged(engine) => engine.slots().await,
            Self::Fused(engine) => engine.slots().await,
            Self::Cpu(engine) => Ok(engine.slots()),
        }
    }
}
