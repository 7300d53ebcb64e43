//! Binary cross-entropy, computed from probabilities or, fused with the sigmoid, from x.

use super::definition::{Definition, Descends, EPSILON, Formulas, Over};
use crate::network::activation::Activation;
use crate::network::expression::Expression;
use crate::network::expression::MathFunction::{LogOf1Plus, Probability};
use crate::network::expression::Variable::{T, X, Y};

pub(super) static DEFINITION: Definition = Definition {
    name: "binary_cross_entropy",
    from_output: Formulas {
        formula: "-t ln y - (1 - t) ln(1 - y)",
        wgsl_value: Expression::new("-t * log(probability(y)) - (1.0 - t) * log(1.0 - probability(y))", &[Y, T], &[Probability]),
        // Where the probability is clamped, the loss does not depend on y.
        wgsl_gradient: Expression::new(
            "select(0.0, (y - t) / (probability(y) * (1.0 - probability(y))), probability(y) == y)",
            &[Y, T],
            &[Probability],
        ),
        gradient_formula: "(y - t) / (y (1 - y))",
        value: |_, y, t| {
            let p = y.clamp(EPSILON, 1.0 - EPSILON);
            -t * p.ln() - (1.0 - t) * (1.0 - p).ln()
        },
        gradient: |_, y, t| if (EPSILON..=1.0 - EPSILON).contains(&y) { (y - t) / (y * (1.0 - y)) } else { 0.0 },
    },
    fused: Some((
        Activation::Sigmoid,
        Formulas {
            formula: "-t ln y - (1 - t) ln(1 - y), computed as max(x, 0) - t x + ln(1 + e^-|x|)",
            // ln(1 + e^x) - t x, with the large part of the logarithm separated.
            wgsl_value: Expression::new("max(x, 0.0) - x * t + log_of_1_plus(exp(-abs(x)))", &[X, T], &[LogOf1Plus]),
            wgsl_gradient: Expression::new("y - t", &[Y, T], &[]),
            gradient_formula: "y - t",
            value: |x, _, t| x.max(0.0) - x * t + (-x.abs()).exp().ln_1p(),
            gradient: |_, y, t| y - t,
        },
    )),
    descends: Descends::Mean,
    over: Over::Mean,
    targets: (0.0, 1.0),
};
