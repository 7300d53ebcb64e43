//! Hyperbolic tangent.

use super::Definition;

pub(super) const DEFINITION: Definition = Definition {
    name: "tanh",
    formula: "tanh x",
    // Some drivers answer NaN far out, where the value is ±1 to the last bit of an f32 anyway.
    wgsl_value: "select(tanh(x), sign(x), abs(x) > 10.0)",
    wgsl_derivative: "1.0 - y * y",
    derivative_formula: "1 - y²",
    value: f64::tanh,
    derivative: |_, y| 1.0 - y * y,
};
