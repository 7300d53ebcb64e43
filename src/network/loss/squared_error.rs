//! The tutorials' squared error: the mean of squares in the log, half the sum of squares for the gradient.

use super::definition::{Definition, Descends, Formulas, Over};
use crate::network::expression::Expression;
use crate::network::expression::Variable::{T, Y};

pub(super) static DEFINITION: Definition = Definition {
    name: "squared_error",
    from_output: Formulas {
        formula: "(y - t)²",
        wgsl_value: Expression::new("(y - t) * (y - t)", &[Y, T], &[]),
        // The gradient of ½(y - t)², summed over outputs and rows.
        wgsl_gradient: Expression::new("y - t", &[Y, T], &[]),
        gradient_formula: "y - t",
        value: |_, y, t| (y - t) * (y - t),
        gradient: |_, y, t| y - t,
    },
    fused: None,
    descends: Descends::Sum,
    over: Over::Mean,
    targets: (f32::MIN, f32::MAX),
};
