//! Softplus, a smooth max(x, 0).

use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::MathFunction::{LogOf1Plus, Logistic};
use crate::network::expression::Variable::X;
use crate::network::onnx_node::Node;

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "softplus".into(),
    formula: "ln(1 + e^x)".into(),
    wgsl_value: Expression::new("max(x, 0.0) + log_of_1_plus(exp(-abs(x)))", &[X], &[LogOf1Plus]),
    wgsl_derivative: Expression::new("logistic(x)", &[X], &[Logistic]),
    derivative_formula: "σ(x)".into(),
    value: Arc::new(|x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
    derivative: Arc::new(|x, _| 1.0 / (1.0 + (-x).exp())),
    exports: Some(Exports {
        onnx: &[Node { op: "Softplus", inputs: &["x"], attributes: &[] }],
        c: "fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)))",
    }),
});
