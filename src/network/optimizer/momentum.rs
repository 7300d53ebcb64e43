//! Gradient descent with momentum: B. T. Polyak, 1964, in PyTorch's form.

use super::{Definition, Optimizer, no_corrections};

pub(super) const DEFINITION: Definition = Definition {
    name: "momentum",
    slots: &["velocities"],
    formula: "velocity = momentum · velocity + gradient, parameter = parameter - learning_rate · velocity",
    wgsl: "let velocity = MOMENTUM * velocities[i] + g;
velocities[i] = velocity;
parameters[i] = parameters[i] - step.learning_rate * velocity;",
    decoupled: false,
    defaults: (0.01, 0.0),
    update: |parameter, [velocity, _], gradient, rates| {
        let Optimizer::Momentum { momentum } = rates.optimizer else { return };
        *velocity = momentum * *velocity + gradient;
        *parameter -= rates.learning_rate * *velocity;
    },
    corrections: no_corrections,
};
