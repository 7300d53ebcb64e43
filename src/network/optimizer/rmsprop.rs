//! RMSprop: T. Tieleman and G. Hinton, 2012, in PyTorch's form.

use super::definition::{Definition, no_corrections};

pub(super) const DEFINITION: Definition = Definition {
    name: "rmsprop",
    constants: &["rho", "epsilon"],
    slots: &["squares"],
    formula: "square = rho · square + (1 - rho) · gradient², parameter = parameter - learning_rate · gradient / (√square + epsilon)",
    wgsl: "let square = RHO * squares[i] + (1.0 - RHO) * g * g;
squares[i] = square;
parameters[i] = parameters[i] - step.learning_rate * g / (sqrt(square) + EPSILON);",
    decoupled: false,
    defaults: (0.01, 0.0),
    update: |parameter, [square, _], gradient, rates| {
        let [rho, epsilon, _] = rates.constants;
        *square = rho * *square + (1.0 - rho) * gradient * gradient;
        *parameter -= rates.learning_rate * gradient / (square.sqrt() + epsilon);
    },
    corrections: no_corrections,
};
