//! Softmax, of a whole row: the one activation that is not taken element by element, and stands last only.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::onnx_node::{Attribute, Node};

/// Of a row of one, as what is asked for a single x means: shaders/softmax.wgsl and shaders/softmax_delta.wgsl do whole rows.
pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "softmax".into(),
    formula: "e^x / sum of e^x over the row".into(),
    wgsl_value: Expression::new("1.0", &[], &[]),
    wgsl_derivative: Expression::new("0.0", &[], &[]),
    derivative_formula: "softmax's".into(),
    value: Arc::new(|_| 1.0),
    derivative: Arc::new(|_, _| 0.0),
    exports: Some(Exports {
        onnx: &[Node { op: "Softmax", inputs: &["x"], attributes: &[("axis", Attribute::Int(-1))] }],
        // A row's, which src/file/c.rs writes.
        c: "",
    }),
});
