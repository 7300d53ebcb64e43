//! Mean squared error.

use super::definition::{Definition, Descends, Formulas, Over};

pub(super) const DEFINITION: Definition = Definition {
    name: "mean_squared_error",
    from_output: Formulas {
        formula: "(y - t)²",
        wgsl_value: "(y - t) * (y - t)",
        wgsl_gradient: "2.0 * (y - t)",
        gradient_formula: "2 (y - t)",
        value: |_, y, t| (y - t) * (y - t),
        gradient: |_, y, t| 2.0 * (y - t),
    },
    fused: None,
    descends: Descends::Mean,
    over: Over::Mean,
    targets: (f32::MIN, f32::MAX),
};
