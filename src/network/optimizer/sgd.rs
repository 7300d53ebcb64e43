//! Plain gradient descent.

use super::definition::{Definition, no_corrections};

pub(super) const DEFINITION: Definition = Definition {
    name: "sgd",
    constants: &[],
    slots: &[],
    formula: "parameter = parameter - learning_rate · gradient",
    wgsl: "parameters[i] = parameters[i] - step.learning_rate * g;",
    decoupled: false,
    defaults: (0.01, 0.0),
    update: |parameter, _, gradient, rates| *parameter -= rates.learning_rate * gradient,
    corrections: no_corrections,
};
