//! The inputs and outputs of an engine.

use crate::data::Data;
use crate::kernel::{Limits, Weights};
use crate::network::{Layout, Network};
use crate::settings::{Fit, Measured, Scores};

/// Everything that an engine needs to start a training run.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    pub frame: TrainingShape<'a>,
    /// The initial parameters, flat.
    pub parameters: &'a [f64],
    /// The optimizer state, flat; empty at the start.
    pub slots: &'a [Vec<f64>],
    pub data: &'a Data<'a>,
    pub validation: Option<&'a Data<'a>>,
}

/// Everything that planning needs to know about a training run: its shapes and settings, not its numbers.
#[derive(Clone, Copy)]
pub struct TrainingShape<'a> {
    pub network: &'a Network,
    pub layout: &'a Layout,
    pub fit: &'a Fit,
    pub rows: DataShape,
    pub validation: Option<DataShape>,
    /// What is counted in training and validation.
    pub scores: Scores,
    /// The number of epochs whose losses can be kept until they are read.
    pub room: usize,
    /// The snapshots that will be taken.
    pub snapshots: &'a [Snapshot],
    /// Whether parameters are checked for NaN and infinite values whenever losses are read.
    pub scanned: bool,
    /// The device's limits, with a choice of how products are computed.
    pub limits: Limits,
}

/// What planning needs to know about data.
#[derive(Clone, Copy, Debug)]
pub struct DataShape {
    pub count: usize,
    /// Whether targets are class indices, one for each row.
    pub classes: bool,
    pub weights: Weights,
    /// The total weight of all rows.
    pub total: f64,
}

impl DataShape {
    pub fn of(data: &Data<'_>) -> Self {
        let weights = if data.weights.is_some() { Weights::Given } else { Weights::Equal };
        Self { count: data.inputs.rows(), classes: data.classes, weights, total: data.total_weight() }
    }
}

/// A copy of the parameters that stays on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// The parameters of the best epoch.
    Best,
    /// The parameters of the last epoch that was checked.
    Good,
}

impl Snapshot {
    pub fn name(self) -> &'static str {
        match self {
            Snapshot::Best => "best parameters",
            Snapshot::Good => "good parameters",
        }
    }
}

/// The losses since the last reading.
pub struct Losses {
    /// One loss for each epoch.
    pub epochs: Vec<f64>,
    /// The metrics of the last epoch.
    pub measured: Measured,
    /// Whether all parameters are finite; true if that is not checked.
    pub finite: bool,
}
