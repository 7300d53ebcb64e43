//! Identity: a layer that is linear.

use std::borrow::Cow;

use super::Definition;

pub(super) static DEFINITION: Definition = Definition {
    name: Cow::Borrowed("identity"),
    formula: Cow::Borrowed("x"),
    wgsl_value: Cow::Borrowed("x"),
    wgsl_derivative: Cow::Borrowed("1.0"),
    derivative_formula: Cow::Borrowed("1"),
    value: |x| x,
    derivative: |_, _| 1.0,
};
