//! Trains one network with the fused engine: a sweep of one.

use std::sync::Arc;

use super::population::{Epochs, Kept, Member, PackedRows, Population, Rates, Size};
use crate::engine::setup::{Losses, Setup, Snapshot, TrainingShape};
use crate::engine::steps::Step;
use crate::error::Error;
use crate::gpu::Gpu;
use crate::kernel::{Fused, LanePlace};
use crate::network::Layout;
use crate::settings::Fit;
use crate::settings::Measured;

/// The fused engine in a training run.
pub struct FusedEngine {
    population: Population,
    layout: Layout,
    places: Vec<LanePlace>,
    fit: Fit,
    snapshots: Vec<Snapshot>,
    /// The number of epochs whose losses are on the device and have not been read.
    unread: u32,
    /// The packed network, if it has been read already.
    end: Option<Vec<f32>>,
    stepped: bool,
}

impl Fused {
    /// The row of the step table for a step.
    pub fn rates(fit: &Fit, step: &Step) -> Rates {
        let corrections = fit.optimizer.corrections(step.number);
        let [scale, shift] = step.rates.map(|rate| rate as f32);
        Rates { scale, shift, corrections: corrections.map(|correction| correction as f32) }
    }
}

impl Size {
    /// The settings of training one network.
    pub fn of(frame: &TrainingShape<'_>, fused: &Fused) -> Self {
        let longest = fused.longest(&frame.limits, frame.fit.epochs);
        Self { networks: 1, kept: frame.room, copies: frame.snapshots.len(), longest, scanned: frame.scanned }
    }
}

impl FusedEngine {
    pub async fn new(gpu: &Arc<Gpu>, setup: &Setup<'_>, fused: &Fused) -> Result<Self, Error> {
        let frame = &setup.frame;
        let (weights, total) = match &setup.data.weights {
            Some(weights) => fused.pack_weights(weights),
            None => (Vec::new(), setup.data.total_weight()),
        };
        let rows = PackedRows {
            inputs: &fused.pack_inputs(setup.data.inputs.values()),
            targets: &fused.pack_targets(&setup.data.dense_targets(frame.network.outputs())),
            weights: &weights,
            seed: frame.fit.seed,
        };
        let population = Population::new(gpu, &frame.limits, fused, &Size::of(frame, fused), &rows).await?;
        let mut values = frame.layout.dense(setup.parameters);
        setup.slots.iter().for_each(|slot| values.extend(frame.layout.dense(slot)));
        population.write_parameters(&fused.pack([values.as_slice()].into_iter())).await?;
        population.write_members(&[Member {
            learning_rate: frame.fit.base_rate() as f32,
            weight_decay: frame.fit.decay() as f32,
            loss_scale: fused.loss_scale(total),
            rows: fused.rows as f32,
            epochs: u32::MAX,
            weights: 0,
        }])?;
        Ok(Self {
            population,
            layout: frame.layout.clone(),
            places: fused.places(),
            fit: frame.fit.clone(),
            snapshots: frame.snapshots.to_vec(),
            unread: 0,
            end: None,
            stepped: fused.stepped,
        })
    }

    pub async fn run(&mut self, steps: &[Step]) -> Result<usize, Error> {
        let Some(first) = steps.first() else { return Ok(0) };
        let batches = self.population.fused().batches();
        let rates: Vec<_> = match self.stepped {
            true => steps.iter().map(|step| Fused::rates(&self.fit, step)).collect(),
            false => Vec::new(),
        };
        let epochs = Epochs { before: first.epoch, count: steps.len() / batches, rates: &rates };
        let kept = Kept { every: 1, wait: 0, slot: self.unread };
        let taken = self.population.train(&epochs, kept, self.fit.cancel.as_ref()).await?.epochs;
        self.unread += taken as u32;
        self.end = None;
        Ok(taken * batches)
    }

    pub async fn losses(&mut self, with_parameters: bool) -> Result<Losses, Error> {
        let unread = std::mem::take(&mut self.unread) as usize;
        let read = self.population.read_losses(unread, with_parameters).await?;
        self.end = read.parameters;
        let epochs: Vec<f64> = read.losses[1..].iter().map(|loss| f64::from(*loss)).collect();
        let measured = Measured { losses: epochs.last().copied().into_iter().collect(), counts: Vec::new() };
        Ok(Losses { epochs, measured, finite: read.finite })
    }

    fn place_of(&self, snapshot: Snapshot) -> Option<usize> {
        self.snapshots.iter().position(|planned| *planned == snapshot)
    }

    pub fn keep(&mut self, snapshot: Snapshot) -> Result<(), Error> {
        self.place_of(snapshot).map_or(Ok(()), |copy| self.population.keep(copy))
    }

    pub async fn parameters(&mut self, snapshot: Option<Snapshot>) -> Result<Vec<f64>, Error> {
        let mut all = match snapshot.and_then(|snapshot| self.place_of(snapshot)) {
            Some(copy) => {
                let packed = self.population.read_parameters(Some(copy)).await?;
                self.tensors(&packed)
            }
            None => self.all().await?,
        };
        Ok(all.swap_remove(0))
    }

    pub async fn slots(&mut self) -> Result<Vec<Vec<f64>>, Error> {
        Ok(self.all().await?.split_off(1))
    }

    /// The current parameters, then the optimizer's slots. They are read together, once.
    async fn all(&mut self) -> Result<Vec<Vec<f64>>, Error> {
        if self.end.is_none() {
            self.end = Some(self.population.read_parameters(None).await?);
        }
        Ok(self.tensors(self.end.as_deref().unwrap_or_default()))
    }

    fn tensors(&self, packed: &[f32]) -> Vec<Vec<f64>> {
        let fused = self.population.fused();
        let values = fused.unpack(&self.places, packed, 0, 1);
        values.chunks(fused.parameters()).map(|values| self.layout.spread(values)).collect()
    }
}
