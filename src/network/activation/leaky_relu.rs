//! Leaky rectified linear unit, with PyTorch's default slope of 0.01 below zero.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::Variable::{X, Y};
use crate::network::onnx_node::{Attribute, Node};

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "leaky_relu".into(),
    formula: "x, below 0 x / 100".into(),
    wgsl_value: Expression::new("select(0.01 * x, x, x > 0.0)", &[X], &[]),
    wgsl_derivative: Expression::new("select(0.01, 1.0, y > 0.0)", &[Y], &[]),
    derivative_formula: "(1 where y > 0, else 0.01)".into(),
    value: Arc::new(|x| if x > 0.0 { x } else { 0.01 * x }),
    derivative: Arc::new(|_, y| if y > 0.0 { 1.0 } else { 0.01 }),
    exports: Some(Exports {
        onnx: &[Node { op: "LeakyRelu", inputs: &["x"], attributes: &[("alpha", Attribute::Float(0.01))] }],
        c: "x > 0.0f ? x : 0.01f * x",
    }),
});
