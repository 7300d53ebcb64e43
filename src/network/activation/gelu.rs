//! Gaussian error linear unit, the exact form: D. Hendrycks and K. Gimpel, 2016.

use std::f64::consts::{PI, SQRT_2};
use std::sync::{Arc, LazyLock};

use super::definition::{Definition, Exports};
use crate::network::expression::Expression;
use crate::network::expression::MathFunction::{NormalCdf, NormalDensity};
use crate::network::expression::Variable::X;
use crate::network::onnx_node::Node;

pub(super) static DEFINITION: LazyLock<Definition> = LazyLock::new(|| Definition {
    name: "gelu".into(),
    formula: "x Φ(x), with Φ the normal distribution's".into(),
    wgsl_value: Expression::new("x * normal_cdf(x)", &[X], &[NormalCdf]),
    wgsl_derivative: Expression::new("normal_cdf(x) + x * normal_density(x)", &[X], &[NormalCdf, NormalDensity]),
    derivative_formula: "(Φ(x) + x φ(x))".into(),
    value: Arc::new(|x| x * cdf(x)),
    derivative: Arc::new(|x, _| cdf(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt()),
    exports: Some(Exports {
        onnx: &[Node { op: "Gelu", inputs: &["x"], attributes: &[] }],
        c: "0.5f * x * erfcf(-0.70710678f * x)",
    }),
});

/// The cumulative distribution function Φ of the standard normal distribution.
fn cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}
