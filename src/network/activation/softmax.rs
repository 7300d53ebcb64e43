//! Softmax of a whole row: the only activation that is not elementwise. It is allowed in the last layer only.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::onnx_node::{Attribute, Node};

/// The softmax of a row with one element, for calls with a single x. shaders/softmax.wgsl and
/// shaders/softmax_delta.wgsl do whole rows.
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
        // src/file/c.rs writes the softmax of a row.
        c: "",
    }),
});
