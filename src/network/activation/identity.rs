//! Identity: a layer that is linear.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::onnx_node::Node;

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "identity".into(),
    formula: "x".into(),
    wgsl_value: "x".into(),
    wgsl_derivative: "1.0".into(),
    derivative_formula: "1".into(),
    value: Arc::new(|x| x),
    derivative: Arc::new(|_, _| 1.0),
    exports: Some(Exports { onnx: &[Node { op: "Identity", inputs: &["x"], attributes: &[] }], c: "x" }),
});
