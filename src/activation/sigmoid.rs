//! Sigmoid, also called the logistic function.

use std::borrow::Cow;

use super::Definition;

pub(super) static DEFINITION: Definition = Definition {
    name: Cow::Borrowed("sigmoid"),
    formula: Cow::Borrowed("1 / (1 + e^-x)"),
    // With e = e^-|x| nothing overflows, and both arms are the formula above: for x < 0 it is multiplied by e^x / e^x.
    wgsl_value: Cow::Borrowed("select(exp(-abs(x)), 1.0, x >= 0.0) / (1.0 + exp(-abs(x)))"),
    wgsl_derivative: Cow::Borrowed("y * (1.0 - y)"),
    derivative_formula: Cow::Borrowed("y (1 - y)"),
    value: |x| 1.0 / (1.0 + (-x).exp()),
    derivative: |_, y| y * (1.0 - y),
};
