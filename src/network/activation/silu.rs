//! Sigmoid linear unit, also called swish.

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::MathFunction::Logistic;
use crate::network::expression::Variable::X;
use crate::network::onnx_node::Node;

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "silu".into(),
    formula: "x / (1 + e^-x)".into(),
    wgsl_value: Expression::new("x * logistic(x)", &[X], &[Logistic]),
    wgsl_derivative: Expression::new("logistic(x) * (1.0 + x * logistic(-x))", &[X], &[Logistic]),
    derivative_formula: "σ(x) (1 + x σ(-x))".into(),
    value: Arc::new(|x| x / (1.0 + (-x).exp())),
    derivative: Arc::new(|x, _| (1.0 + x / (1.0 + x.exp())) / (1.0 + (-x).exp())),
    exports: Some(Exports {
        onnx: &[
            Node { op: "Sigmoid", inputs: &["x"], attributes: &[] },
            Node { op: "Mul", inputs: &["x", "y"], attributes: &[] },
        ],
        c: "x / (1.0f + expf(-x))",
    }),
});
