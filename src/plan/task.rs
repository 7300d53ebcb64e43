//! What a plan is asked for: a step of training or of an evaluation.

use crate::data::Order;
use crate::kernel::Weights;
use crate::network::{Loss, Network, Optimizer};
use crate::settings::Scores;

/// What a training step does.
#[derive(Clone, Debug)]
pub struct TrainingStep<'a> {
    /// What is trained.
    pub network: &'a Network,
    /// What is made small.
    pub loss: Loss,
    /// The rows of the batch.
    pub rows: usize,
    /// Where they come from.
    pub source: Source,
    /// Whether they have weights.
    pub weights: Weights,
    /// The rows of an epoch.
    pub samples: usize,
    /// The weights of these together: as many as there are rows, if these count the same.
    pub total: f64,
    /// How the parameters are changed.
    pub optimizer: Optimizer,
    /// The weight decay of layers that have none of their own.
    pub weight_decay: f64,
    /// The largest norm of all gradients together.
    pub clip_norm: Option<f64>,
    /// What dropout's random numbers depend on.
    pub seed: u64,
    /// What is counted of the outputs.
    pub scores: Scores,
}

/// What an evaluation step does.
#[derive(Clone, Debug)]
pub struct EvaluationStep<'a> {
    /// What is evaluated.
    pub network: &'a Network,
    /// By which loss.
    pub loss: Loss,
    /// The rows of a piece.
    pub rows: usize,
    /// Where they come from.
    pub source: Source,
    /// The rows of all pieces.
    pub samples: usize,
    /// How many pieces there are.
    pub pieces: usize,
    /// What is counted of the outputs.
    pub scores: Scores,
}

/// Where the rows of a batch come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// They are written into `inputs`, `targets` and `weights` before the step.
    Given,
    /// They are copied out of data on the device, which has this order.
    Gathered {
        /// Which row stands where.
        order: Order,
        /// Whether targets are one class index a row.
        classes: bool,
    },
}

impl<'a> TrainingStep<'a> {
    /// Plain gradient descent on given rows that count the same.
    pub fn new(network: &'a Network, loss: Loss, rows: usize) -> Self {
        Self {
            network,
            loss,
            rows,
            source: Source::Given,
            weights: Weights::Equal,
            samples: rows,
            total: rows as f64,
            optimizer: Optimizer::Sgd,
            weight_decay: 0.0,
            clip_norm: None,
            seed: 0,
            scores: Scores::default(),
        }
    }
}

impl<'a> EvaluationStep<'a> {
    /// The loss alone, of given rows.
    pub fn new(network: &'a Network, loss: Loss, rows: usize) -> Self {
        Self { network, loss, rows, source: Source::Given, samples: rows, pieces: 1, scores: Scores::default() }
    }
}

/// How long the step table and the row of losses are.
#[derive(Clone, Copy, Debug)]
pub struct TableSize {
    /// Rows of the step table.
    pub steps: usize,
    /// Losses that can wait to be read.
    pub losses: usize,
}
