//! Identity: a layer that is linear.

use super::Definition;

pub(super) const DEFINITION: Definition = Definition {
    name: "identity",
    formula: "x",
    wgsl_value: "x",
    wgsl_derivative: "1.0",
    derivative_formula: "1",
    value: |x| x,
    derivative: |_, _| 1.0,
};
