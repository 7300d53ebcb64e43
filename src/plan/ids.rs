//! The ids of a plan's tensors. Planning returns them with the plan, so that no tensor is looked up by name.

use super::tensors::Id;

/// The number of words in a row of the step table.
pub(super) const STEP_COLUMNS: usize = 8;

/// The step table, its cursor, and the losses of the steps.
#[derive(Clone, Copy, Debug)]
pub struct StepTable {
    /// One row for each step.
    pub steps: Id,
    /// The row of the current step.
    pub cursor: Id,
    /// The losses.
    pub losses: Id,
}

/// The rows of a step, and the data they come from.
#[derive(Clone, Debug)]
pub struct BatchIds {
    /// The inputs of the rows.
    pub inputs: Id,
    /// The targets of the rows.
    pub targets: Id,
    /// The sample weights, if there are any.
    pub weights: Option<Id>,
    /// The data on the device; empty if rows are given.
    pub data: Vec<Piece>,
}

/// Rows of the data that can be bound together.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The inputs.
    pub inputs: Id,
    /// The targets, or class indices.
    pub targets: Id,
    /// The sample weights, if there are any.
    pub weights: Option<Id>,
}

/// The tensors of a layer in the forward pass.
#[derive(Clone, Debug)]
pub struct LayerIds {
    /// The inputs.
    pub inputs: Id,
    /// The weight.
    pub weight: Id,
    /// The bias.
    pub bias: Id,
    /// x, the sums before the activation, if they are stored.
    pub sums: Option<Id>,
    /// y, the outputs.
    pub outputs: Id,
}

/// The tensors of a training step.
#[derive(Clone, Debug)]
pub struct TrainingIds {
    /// The step table.
    pub table: StepTable,
    /// The rows.
    pub batch: BatchIds,
    /// All weights and biases.
    pub parameters: Id,
    /// The optimizer state, flat like the parameters.
    pub slots: Vec<Id>,
    /// The counts for metrics, if there are any.
    pub counts: Option<Id>,
    /// The layers, first to last.
    pub layers: Vec<LayerIds>,
}

/// The tensors of an evaluation step.
#[derive(Clone, Debug)]
pub struct EvaluationIds {
    /// The step table.
    pub table: StepTable,
    /// The rows.
    pub batch: BatchIds,
    /// All weights and biases.
    pub parameters: Id,
    /// The counts for metrics, if there are any.
    pub counts: Option<Id>,
}

/// The tensors of a prediction.
#[derive(Clone, Debug)]
pub struct PredictionIds {
    /// The rows.
    pub inputs: Id,
    /// All weights and biases.
    pub parameters: Id,
    /// The layers, first to last.
    pub layers: Vec<LayerIds>,
}

/// The tensors of a check of the parameters.
#[derive(Clone, Copy, Debug)]
pub struct FiniteCheckIds {
    /// Not 0 if a parameter is not finite.
    pub not_finite: Id,
}

/// The ids of a plan that starts from given parameters.
pub trait PlansParameters {
    /// All weights and biases.
    fn parameters(&self) -> Id;
}

impl PlansParameters for EvaluationIds {
    fn parameters(&self) -> Id {
        self.parameters
    }
}

impl PlansParameters for PredictionIds {
    fn parameters(&self) -> Id {
        self.parameters
    }
}

/// Ids that can be moved into a larger plan.
pub trait Ids {
    /// Adds `by` to each id.
    fn shift(&mut self, by: usize);
}

/// The ids of a plan that needs none.
impl Ids for () {
    fn shift(&mut self, _: usize) {}
}

impl Ids for Id {
    fn shift(&mut self, by: usize) {
        self.0 += by;
    }
}

impl<T: Ids> Ids for Option<T> {
    fn shift(&mut self, by: usize) {
        self.iter_mut().for_each(|ids| ids.shift(by));
    }
}

impl<T: Ids> Ids for Vec<T> {
    fn shift(&mut self, by: usize) {
        self.iter_mut().for_each(|ids| ids.shift(by));
    }
}

/// Shifts every field.
macro_rules! ids {
    ($($name:ident: $($field:ident),*;)*) => {
        $(impl Ids for $name {
            fn shift(&mut self, by: usize) {
                let Self { $($field),* } = self;
                $($field.shift(by);)*
            }
        })*
    };
}

ids! {
    StepTable: steps, cursor, losses;
    BatchIds: inputs, targets, weights, data;
    Piece: inputs, targets, weights;
    LayerIds: inputs, weight, bias, sums, outputs;
    TrainingIds: table, batch, parameters, slots, counts, layers;
    EvaluationIds: table, batch, parameters, counts;
    PredictionIds: inputs, parameters, layers;
    FiniteCheckIds: not_finite;
}
