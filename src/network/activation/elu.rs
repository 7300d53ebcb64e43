//! Exponential linear unit: D.-A. Clevert, T. Unterthiner and S. Hochreiter, ICLR 2016, with α = 1.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::MathFunction::ExpMinus1;
use crate::network::expression::Variable::{X, Y};
use crate::network::onnx_node::Node;

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "elu".into(),
    formula: "x, below 0 e^x - 1".into(),
    wgsl_value: Expression::new("select(exp_minus_1(x), x, x > 0.0)", &[X], &[ExpMinus1]),
    wgsl_derivative: Expression::new("select(y + 1.0, 1.0, y > 0.0)", &[Y], &[]),
    derivative_formula: "(1 where y > 0, else y + 1)".into(),
    value: Arc::new(|x| if x > 0.0 { x } else { x.exp_m1() }),
    derivative: Arc::new(|_, y| if y > 0.0 { 1.0 } else { y + 1.0 }),
    exports: Some(Exports { onnx: &[Node { op: "Elu", inputs: &["x"], attributes: &[] }], c: "x > 0.0f ? x : expm1f(x)" }),
});
