//! What an engine is given, and what it gives back.

use crate::data::Data;
use crate::kernel::{Limits, Weights};
use crate::network::{Layout, Network};
use crate::settings::{Fit, Measured, Scores};

/// What is trained, from where and on what.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    pub frame: Frame<'a>,
    /// Flat, where training begins.
    pub parameters: &'a [f64],
    /// What the optimizer keeps, flat; empty where it begins.
    pub slots: &'a [Vec<f64>],
    pub data: &'a Data<'a>,
    pub validation: Option<&'a Data<'a>>,
}

/// All that planning needs to know of a training: what it is, but no number of it.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    pub network: &'a Network,
    pub layout: &'a Layout,
    pub fit: &'a Fit,
    pub rows: DataShape,
    pub validation: Option<DataShape>,
    /// What is counted of the outputs, in training and over the validation rows.
    pub scores: Scores,
    /// How many epochs' losses there is room for between two readings.
    pub room: usize,
    /// The snapshots that will be taken.
    pub snapshots: &'a [Snapshot],
    /// Whether parameters that are no numbers are looked for wherever losses are read.
    pub scanned: bool,
    /// The device's, but may choose how products are computed.
    pub limits: Limits,
}

/// What planning needs to know of data.
#[derive(Clone, Copy, Debug)]
pub struct DataShape {
    pub count: usize,
    /// Whether targets are one class index a row.
    pub classes: bool,
    pub weights: Weights,
    /// What all rows weigh together.
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
    /// Those of the best epoch.
    Best,
    /// Those of the last epoch that was looked at.
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
    /// One an epoch.
    pub epochs: Vec<f64>,
    /// What was measured in the last of them.
    pub measured: Measured,
    /// Whether all parameters are numbers, as far as that is looked at.
    pub finite: bool,
}
