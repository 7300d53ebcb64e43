//! Gradient descent with Nesterov momentum: I. Sutskever et al., ICML 2013, in PyTorch's form.

use super::definition::{Definition, no_corrections};

pub(super) const DEFINITION: Definition = Definition {
    name: "nesterov",
    constants: &["momentum"],
    slots: &["velocities"],
    formula: "velocity = momentum · velocity + gradient, parameter = parameter - learning_rate · (gradient + momentum · velocity)",
    wgsl: "let velocity = MOMENTUM * velocities[i] + g;
velocities[i] = velocity;
parameters[i] = parameters[i] - step.learning_rate * (g + MOMENTUM * velocity);",
    decoupled: false,
    defaults: (0.01, 0.0),
    update: |parameter, [velocity, _], gradient, rates| {
        let [momentum, ..] = rates.constants;
        *velocity = momentum * *velocity + gradient;
        *parameter -= rates.learning_rate * (gradient + momentum * *velocity);
    },
    corrections: no_corrections,
};
