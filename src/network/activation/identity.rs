//! Identity, for a linear layer.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::Variable::X;
use crate::network::onnx_node::Node;

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "identity".into(),
    formula: "x".into(),
    wgsl_value: Expression::new("x", &[X], &[]),
    wgsl_derivative: Expression::new("1.0", &[], &[]),
    derivative_formula: "1".into(),
    value: Arc::new(|x| x),
    derivative: Arc::new(|_, _| 1.0),
    exports: Some(Exports { onnx: &[Node { op: "Identity", inputs: &["x"], attributes: &[] }], c: "x" }),
});
