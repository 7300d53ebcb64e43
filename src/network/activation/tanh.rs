//! Hyperbolic tangent.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::Variable::{X, Y};
use crate::network::onnx_node::Node;

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "tanh".into(),
    formula: "tanh x".into(),
    // Some drivers return NaN for large |x|, where the f32 result is exactly ±1.
    wgsl_value: Expression::new("select(tanh(x), sign(x), abs(x) > 10.0)", &[X], &[]),
    wgsl_derivative: Expression::new("1.0 - y * y", &[Y], &[]),
    derivative_formula: "(1 - y²)".into(),
    value: Arc::new(f64::tanh),
    derivative: Arc::new(|_, y| 1.0 - y * y),
    exports: Some(Exports { onnx: &[Node { op: "Tanh", inputs: &["x"], attributes: &[] }], c: "tanhf(x)" }),
});
