//! Adam: D. P. Kingma and J. Ba, ICLR 2015, in PyTorch's form.

use super::definition::{Constants, Definition, Rates};

pub(super) const DEFINITION: Definition = Definition {
    name: "adam",
    constants: &["beta_1", "beta_2", "epsilon"],
    slots: &["means", "squares"],
    formula: "mean = beta_1 · mean + (1 - beta_1) · gradient, square = beta_2 · square + (1 - beta_2) · gradient², \
              parameter = parameter - learning_rate · mean / correction_1 / (√(square / correction_2) + epsilon)",
    wgsl: "let mean = BETA_1 * means[i] + (1.0 - BETA_1) * g;
let square = BETA_2 * squares[i] + (1.0 - BETA_2) * g * g;
means[i] = mean;
squares[i] = square;
let denominator = sqrt(square) / sqrt(step.correction_2) + EPSILON;
parameters[i] = parameters[i] - step.learning_rate / step.correction_1 * mean / denominator;",
    decoupled: false,
    defaults: (0.001, 0.0),
    update,
    corrections,
};

/// The update of Adam, and of AdamW after its decay.
pub(super) fn update(parameter: &mut f64, [mean, square]: [&mut f64; 2], gradient: f64, rates: &Rates) {
    let [beta_1, beta_2, epsilon] = rates.constants;
    *mean = beta_1 * *mean + (1.0 - beta_1) * gradient;
    *square = beta_2 * *square + (1.0 - beta_2) * gradient * gradient;
    let (mean, square) = (*mean / rates.corrections[0], *square / rates.corrections[1]);
    *parameter -= rates.learning_rate * mean / (square.sqrt() + epsilon);
}

/// The bias corrections 1 − βᵗ of both moments, whose running means start from zero.
pub(super) fn corrections([beta_1, beta_2, _]: Constants, step: u64) -> [f64; 2] {
    [beta_1, beta_2].map(|beta| 1.0 - beta.powf(step as f64))
}
