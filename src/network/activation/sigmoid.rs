//! Sigmoid, also called the logistic function.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::Variable::{X, Y};
use crate::network::onnx_node::Node;

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "sigmoid".into(),
    formula: "1 / (1 + e^-x)".into(),
    // With e = e^-|x| nothing overflows. Both branches equal the formula above: for x < 0 it is multiplied by e^x /
    // e^x.
    wgsl_value: Expression::new("select(exp(-abs(x)), 1.0, x >= 0.0) / (1.0 + exp(-abs(x)))", &[X], &[]),
    wgsl_derivative: Expression::new("y * (1.0 - y)", &[Y], &[]),
    derivative_formula: "y (1 - y)".into(),
    value: Arc::new(|x| 1.0 / (1.0 + (-x).exp())),
    derivative: Arc::new(|_, y| y * (1.0 - y)),
    exports: Some(Exports { onnx: &[Node { op: "Sigmoid", inputs: &["x"], attributes: &[] }], c: "1.0f / (1.0f + expf(-x))" }),
});
