//! The summary of a network and of the memory that training needs, before anything is allocated.

use std::collections::BTreeSet;
use std::fmt;

use super::task::{Task, frame};
use crate::data::{Data, Split};
use crate::engine::choice;
use crate::engine::fused::Size;
use crate::engine::staged::{Gathered, plan, ways};
use crate::engine::{DataShape, TrainingShape};
use crate::error::Error;
use crate::kernel::{Limits, Weights};
use crate::network::Network;
use crate::settings::{Fit, Validation};

/// Summarises a network and the memory that training needs, as returned by [`Model::summary`](crate::Model::summary).
/// It implements `Display`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The layers, first to last.
    pub layers: Vec<LayerSummary>,
    /// The number of weights and biases.
    pub parameters: usize,
    /// The number of weights and biases in layers that are not frozen.
    pub trained: usize,
    /// The bytes that training allocates on the device; `None` on the CPU engine. Data that does not fit on the device
    /// is not included: it is uploaded batch by batch. Targets of categorical cross-entropy are assumed to be class
    /// indices.
    pub device_bytes: Option<u64>,
}

/// One layer of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerSummary {
    /// The name: `layers.{i}`.
    pub name: String,
    /// The activation and other settings of the layer.
    pub kind: String,
    /// The number of outputs.
    pub units: usize,
    /// The number of weights and biases.
    pub parameters: usize,
}

impl Summary {
    /// The summary of training that network with those settings on that many rows, on a device with those limits.
    pub(crate) fn new(network: &Network, fit: &Fit, rows: usize, limits: Option<Limits>) -> Result<Self, Error> {
        let layout = network.layout()?;
        let shapes = network.shapes().zip(network.layers());
        let layers: Vec<_> = shapes
            .enumerate()
            .map(|(i, ((ins, outs), layer))| {
                let mut kind = layer.activation.name().to_owned();
                if layer.dropout > 0.0 {
                    kind += &format!(", dropout {}", layer.dropout);
                }
                if let Some(decay) = layer.weight_decay {
                    kind += &format!(", weight decay {decay}");
                }
                if layer.frozen {
                    kind += ", frozen";
                }
                LayerSummary { name: format!("layers.{i}"), kind, units: outs, parameters: (ins + 1) * outs }
            })
            .collect();
        let parameters = layers.iter().map(|layer| layer.parameters).sum();
        let trained =
            network.layers().iter().zip(&layers).filter(|(dense, _)| !dense.frozen).map(|(_, layer)| layer.parameters).sum();
        let device_bytes = match limits {
            None => None,
            Some(limits) => {
                let frame = planned(Task { network, layout: &layout, fit }, rows, limits)?;
                Some(match choice::choose(&frame).fused {
                    Some(fused) => {
                        let weights = if fused.weighted { fused.rows } else { 0 };
                        fused.bytes(&Size::of(&frame, &fused), weights).0
                    }
                    None => staged_bytes(&frame)?,
                })
            }
        };
        Ok(Self { layers, parameters, trained, device_bytes })
    }
}

/// The frame for planning a training on that many rows, of which only the number is known.
pub(crate) fn planned<'a>(task: Task<'a>, rows: usize, limits: Limits) -> Result<TrainingShape<'a>, Error> {
    let Task { network, fit, .. } = task;
    let equal =
        |count: usize| DataShape { count, classes: fit.loss.takes_classes(), weights: Weights::Equal, total: count as f64 };
    let (train, validation) = match &fit.validation {
        None => (rows, None),
        Some(Validation::Split(share)) => {
            let held = Split::new(rows).held(*share)?;
            (rows - held, Some(equal(held)))
        }
        Some(Validation::Data(given)) => {
            let data = Data::named("validation ", network, fit.loss, (&given.0).into(), (&given.1).into())?;
            (rows, Some(DataShape::of(&data)))
        }
    };
    let weighted = fit.sample_weights.is_some() || fit.class_weights.is_some();
    let weights = if weighted { Weights::Given } else { Weights::Equal };
    Ok(frame(task, DataShape { weights, ..equal(train) }, validation, limits))
}

/// The labels of the kernels that a training run dispatches.
pub(crate) fn kernels(task: Task<'_>, rows: usize, limits: Limits) -> Result<BTreeSet<String>, Error> {
    let frame = planned(task, rows, limits)?;
    if let Some(fused) = choice::choose(&frame).fused {
        return Ok([fused.label()].into());
    }
    let planned = ways(&frame).into_iter().map(|gathered| plan(&frame, gathered)).find(Result::is_ok);
    let planned = planned.unwrap_or_else(|| plan(&frame, Gathered::default()))?;
    Ok(planned.plan.dispatches.iter().map(|dispatch| dispatch.kernel.label()).collect())
}

/// The bytes that the staged engine allocates.
fn staged_bytes(frame: &TrainingShape<'_>) -> Result<u64, Error> {
    let counts = frame.scores.counts.map_or(0, |counts| counts.len(frame.network.outputs()));
    let readable = frame.layout.len + frame.room * frame.scores.losses() + counts + usize::from(frame.scanned);
    let planned = |gathered| plan(frame, gathered).map(|planned| planned.plan.total_bytes(readable));
    let mut tried = ways(frame).into_iter().map(planned);
    // The first way that fits; if none does, the error of the last one.
    tried.find(Result::is_ok).unwrap_or_else(|| planned(Gathered::default()))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = |of: fn(&LayerSummary) -> usize| self.layers.iter().map(of).max().unwrap_or(0);
        let (name, kind) = (longest(|layer| layer.name.len()), longest(|layer| layer.kind.chars().count()));
        for layer in &self.layers {
            writeln!(f, "{:name$}  {:kind$}  (rows, {})  {} parameters", layer.name, layer.kind, layer.units, layer.parameters)?;
        }
        write!(f, "{} parameters, {} of them trained", self.parameters, self.trained)?;
        match self.device_bytes {
            Some(bytes) => write!(f, "; {:.1} MiB on the device", bytes as f64 / 1_048_576.0),
            None => Ok(()),
        }
    }
}
