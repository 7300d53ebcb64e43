//! Hyperbolic tangent.

use std::borrow::Cow;

use super::Definition;

pub(super) static DEFINITION: Definition = Definition {
    name: Cow::Borrowed("tanh"),
    formula: Cow::Borrowed("tanh x"),
    // Some drivers answer NaN far out, where the value is ±1 to the last bit of an f32 anyway.
    wgsl_value: Cow::Borrowed("select(tanh(x), sign(x), abs(x) > 10.0)"),
    wgsl_derivative: Cow::Borrowed("1.0 - y * y"),
    derivative_formula: Cow::Borrowed("(1 - y²)"),
    value: f64::tanh,
    derivative: |_, y| 1.0 - y * y,
};
