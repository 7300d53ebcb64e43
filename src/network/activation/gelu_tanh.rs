//! Gaussian error linear unit, approximated by a hyperbolic tangent: D. Hendrycks and K. Gimpel, 2016.

use std::f64::consts::PI;
use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::MathFunction::{GeluArgument, GeluSlope, Logistic};
use crate::network::expression::Variable::X;
use crate::network::onnx_node::{Attribute, Node};

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "gelu_tanh".into(),
    formula: "x (1 + tanh u) / 2, u = √(2/π) (x + 0.044715 x³)".into(),
    wgsl_value: Expression::new("x * logistic(gelu_argument(x))", &[X], &[Logistic, GeluArgument]),
    wgsl_derivative: Expression::new(
        "logistic(gelu_argument(x)) + x * logistic(gelu_argument(x)) * logistic(-gelu_argument(x)) * gelu_slope(x)",
        &[X],
        &[Logistic, GeluArgument, GeluSlope],
    ),
    derivative_formula: "((1 + tanh u) / 2 + x (1 - tanh² u) u' / 2)".into(),
    // (1 + tanh u) / 2 is 1 / (1 + e^-2u), which keeps its precision where it is small.
    value: Arc::new(|x| x / (1.0 + (-2.0 * argument(x)).exp())),
    derivative: Arc::new(|x, _| {
        let (above, below) = (1.0 / (1.0 + (-2.0 * argument(x)).exp()), 1.0 / (1.0 + (2.0 * argument(x)).exp()));
        let slope = (2.0 / PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
        above + 2.0 * x * above * below * slope
    }),
    exports: Some(Exports {
        onnx: &[Node { op: "Gelu", inputs: &["x"], attributes: &[("approximate", Attribute::Text("tanh"))] }],
        c: "x / (1.0f + expf(-1.5957691f * (x + 0.044715f * x * x * x)))",
    }),
});

fn argument(x: f64) -> f64 {
    (2.0 / PI).sqrt() * (x + 0.044715 * x * x * x)
}
