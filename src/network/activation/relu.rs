//! Rectified linear unit.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::Variable::{X, Y};
use crate::network::onnx_node::Node;

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "relu".into(),
    formula: "max(x, 0)".into(),
    // Not max(x, 0.0): drivers may return 0 for max(NaN, 0), which would hide a fault.
    wgsl_value: Expression::new("select(x, 0.0, x <= 0.0)", &[X], &[]),
    wgsl_derivative: Expression::new("select(0.0, 1.0, y > 0.0)", &[Y], &[]),
    derivative_formula: "(1 where y > 0, else 0)".into(),
    value: Arc::new(|x| if x <= 0.0 { 0.0 } else { x }),
    derivative: Arc::new(|_, y| if y > 0.0 { 1.0 } else { 0.0 }),
    exports: Some(Exports { onnx: &[Node { op: "Relu", inputs: &["x"], attributes: &[] }], c: "x <= 0.0f ? 0.0f : x" }),
});
