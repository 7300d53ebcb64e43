//! Which tensors of a plan are what: what planning gives back beside the plan, so that nobody looks for a tensor by its name.

use super::tensors::Id;

/// The words of a row of the step table.
pub(super) const STEP_COLUMNS: usize = 8;

/// The step table, the cursor in it, and the losses that steps leave.
#[derive(Clone, Copy, Debug)]
pub struct StepTable {
    /// A row for each step.
    pub steps: Id,
    /// The row of the step that runs.
    pub cursor: Id,
    /// Where losses go.
    pub losses: Id,
}

/// The rows of a step, and the data that they come from.
#[derive(Clone, Debug)]
pub struct BatchIds {
    /// The rows' inputs.
    pub inputs: Id,
    /// Their targets.
    pub targets: Id,
    /// Their weights, if they have any.
    pub weights: Option<Id>,
    /// The data on the device; none where rows are given.
    pub data: Vec<Piece>,
}

/// Rows of the data that can be bound together.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Their inputs.
    pub inputs: Id,
    /// Their targets, or class indices.
    pub targets: Id,
    /// Their weights, if they have any.
    pub weights: Option<Id>,
}

/// What a layer has in the forward pass.
#[derive(Clone, Debug)]
pub struct LayerIds {
    /// What goes into it.
    pub inputs: Id,
    /// Its weights.
    pub weight: Id,
    /// Its biases.
    pub bias: Id,
    /// x, the sums before the activation, where they have a place.
    pub sums: Option<Id>,
    /// y.
    pub outputs: Id,
}

/// The tensors of a training step.
#[derive(Clone, Debug)]
pub struct TrainingIds {
    /// What differs from step to step.
    pub table: StepTable,
    /// The rows.
    pub batch: BatchIds,
    /// All weights and biases.
    pub parameters: Id,
    /// What the optimizer keeps, flat as the parameters.
    pub slots: Vec<Id>,
    /// What is counted of the outputs, if anything is.
    pub counts: Option<Id>,
    /// First to last.
    pub layers: Vec<LayerIds>,
}

/// The tensors of an evaluation step.
#[derive(Clone, Debug)]
pub struct EvaluationIds {
    /// What differs from step to step.
    pub table: StepTable,
    /// The rows.
    pub batch: BatchIds,
    /// All weights and biases.
    pub parameters: Id,
    /// What is counted of the outputs, if anything is.
    pub counts: Option<Id>,
}

/// The tensors of a prediction.
#[derive(Clone, Debug)]
pub struct PredictionIds {
    /// The rows.
    pub inputs: Id,
    /// All weights and biases.
    pub parameters: Id,
    /// First to last.
    pub layers: Vec<LayerIds>,
}

/// The tensors of a look at the parameters.
#[derive(Clone, Copy, Debug)]
pub struct LookIds {
    /// Not 0 if some parameter is no number.
    pub not_finite: Id,
}

/// Those of a plan that begins with given parameters.
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

/// Ids that can be those of a part of a larger plan.
pub trait Ids {
    /// Adds so much to each of them.
    fn shift(&mut self, by: usize);
}

/// Those of a plan that nobody asks for.
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
    LookIds: not_finite;
}
