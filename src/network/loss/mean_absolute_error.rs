//! Mean absolute error.

use super::definition::{Definition, Descends, Formulas, Over};
use crate::network::expression::Expression;
use crate::network::expression::Variable::{T, Y};

pub(super) static DEFINITION: Definition = Definition {
    name: "mean_absolute_error",
    from_output: Formulas {
        formula: "|y - t|",
        wgsl_value: Expression::new("abs(y - t)", &[Y, T], &[]),
        // Not sign(y - t): drivers may return 0 for a NaN, which would hide a fault.
        wgsl_gradient: Expression::new("select((y - t) / abs(y - t), 0.0, y == t)", &[Y, T], &[]),
        gradient_formula: "sign(y - t)",
        value: |_, y, t| (y - t).abs(),
        gradient: |_, y, t| if y == t { 0.0 } else { (y - t).signum() },
    },
    fused: None,
    descends: Descends::Mean,
    over: Over::Mean,
    targets: (f32::MIN, f32::MAX),
};
