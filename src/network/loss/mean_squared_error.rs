//! Mean squared error.

use super::definition::{Definition, Descends, Formulas, Over};
use crate::network::expression::Expression;
use crate::network::expression::Variable::{T, Y};

pub(super) static DEFINITION: Definition = Definition {
    name: "mean_squared_error",
    from_output: Formulas {
        formula: "(y - t)²",
        wgsl_value: Expression::new("(y - t) * (y - t)", &[Y, T], &[]),
        wgsl_gradient: Expression::new("2.0 * (y - t)", &[Y, T], &[]),
        gradient_formula: "2 (y - t)",
        value: |_, y, t| (y - t) * (y - t),
        gradient: |_, y, t| 2.0 * (y - t),
    },
    fused: None,
    descends: Descends::Mean,
    over: Over::Mean,
    targets: (f32::MIN, f32::MAX),
};
