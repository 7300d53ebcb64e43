//! Rectified linear unit.

use std::borrow::Cow;

use super::Definition;

pub(super) static DEFINITION: Definition = Definition {
    name: Cow::Borrowed("relu"),
    formula: Cow::Borrowed("max(x, 0)"),
    // Not max(x, 0.0): drivers may answer 0 for max(NaN, 0), and hide that something went wrong.
    wgsl_value: Cow::Borrowed("select(x, 0.0, x <= 0.0)"),
    wgsl_derivative: Cow::Borrowed("select(0.0, 1.0, y > 0.0)"),
    derivative_formula: Cow::Borrowed("(1 where y > 0, else 0)"),
    value: |x| if x > 0.0 { x } else { 0.0 },
    derivative: |_, y| if y > 0.0 { 1.0 } else { 0.0 },
};
