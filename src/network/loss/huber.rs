//! Huber's loss with δ = 1: squared near the target, absolute far from it. P. J. Huber, 1964.

use super::definition::{Definition, Descends, Formulas, Over};
use crate::network::expression::Expression;
use crate::network::expression::Variable::{T, Y};

pub(super) static DEFINITION: Definition = Definition {
    name: "huber",
    from_output: Formulas {
        formula: "(y - t)² / 2 where |y - t| ≤ 1, else |y - t| - 1/2",
        wgsl_value: Expression::new("select(abs(y - t) - 0.5, 0.5 * (y - t) * (y - t), abs(y - t) <= 1.0)", &[Y, T], &[]),
        wgsl_gradient: Expression::new("select((y - t) / abs(y - t), y - t, abs(y - t) <= 1.0)", &[Y, T], &[]),
        gradient_formula: "y - t, held between -1 and 1",
        value: |_, y, t| {
            let error = (y - t).abs();
            if error <= 1.0 { 0.5 * error * error } else { error - 0.5 }
        },
        gradient: |_, y, t| (y - t).clamp(-1.0, 1.0),
    },
    fused: None,
    descends: Descends::Mean,
    over: Over::Mean,
    targets: (f32::MIN, f32::MAX),
};
