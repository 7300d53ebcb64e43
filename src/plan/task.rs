//! The input of planning: a step of training or of an evaluation.

use crate::data::Order;
use crate::kernel::Weights;
use crate::network::{Loss, Network, Optimizer};
use crate::settings::Scores;

/// The description of a training step.
#[derive(Clone, Debug)]
pub struct TrainingStep<'a> {
    /// The network to train.
    pub network: &'a Network,
    /// The loss to minimise.
    pub loss: Loss,
    /// The number of rows in the batch.
    pub rows: usize,
    /// Where the rows come from.
    pub source: Source,
    /// Whether they have sample weights.
    pub weights: Weights,
    /// The number of rows in an epoch.
    pub samples: usize,
    /// The total weight of an epoch's rows: their number, if they count the same.
    pub total: f64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The weight decay of layers without their own.
    pub weight_decay: f64,
    /// The maximum norm of all gradients together.
    pub clip_norm: Option<f64>,
    /// The seed of dropout.
    pub seed: u64,
    /// What is counted for metrics.
    pub scores: Scores,
}

/// The description of an evaluation step.
#[derive(Clone, Debug)]
pub struct EvaluationStep<'a> {
    /// The network to evaluate.
    pub network: &'a Network,
    /// The loss.
    pub loss: Loss,
    /// The number of rows in a piece.
    pub rows: usize,
    /// Where the rows come from.
    pub source: Source,
    /// The number of rows in all pieces.
    pub samples: usize,
    /// The number of pieces.
    pub pieces: usize,
    /// What is counted for metrics.
    pub scores: Scores,
}

/// Where the rows of a batch come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// They are written to `inputs`, `targets` and `weights` before the step.
    Given,
    /// They are copied from data on the device, in this order.
    Gathered {
        /// The row order.
        order: Order,
        /// Whether targets are class indices, one for each row.
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
    /// The loss only, of given rows.
    pub fn new(network: &'a Network, loss: Loss, rows: usize) -> Self {
        Self { network, loss, rows, source: Source::Given, samples: rows, pieces: 1, scores: Scores::default() }
    }
}

/// The sizes of the step table and of the losses.
#[derive(Clone, Copy, Debug)]
pub struct TableSize {
    /// The number of rows of the step table.
    pub steps: usize,
    /// The number of losses that can be kept until they are read.
    pub losses: usize,
}
