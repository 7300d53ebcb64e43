//! Categorical cross-entropy, computed from probabilities or, fused with the softmax, from their logarithms.

use super::definition::{Definition, Descends, EPSILON, Formulas, Over};
use crate::network::activation::Activation;
use crate::network::expression::Expression;
use crate::network::expression::MathFunction::Probability;
use crate::network::expression::Variable::{T, X, Y};

pub(super) static DEFINITION: Definition = Definition {
    name: "categorical_cross_entropy",
    from_output: Formulas {
        formula: "-t ln y, summed over the row",
        wgsl_value: Expression::new("-t * log(probability(y))", &[Y, T], &[Probability]),
        // Where the probability is clamped, the loss does not depend on y.
        wgsl_gradient: Expression::new("select(0.0, -t / probability(y), probability(y) == y)", &[Y, T], &[Probability]),
        gradient_formula: "-t / y",
        value: |_, y, t| -t * y.clamp(EPSILON, 1.0 - EPSILON).ln(),
        gradient: |_, y, t| if (EPSILON..=1.0 - EPSILON).contains(&y) { -t / y } else { 0.0 },
    },
    fused: Some((
        Activation::Softmax,
        Formulas {
            // The softmax stage stores ln y in x, so that no logarithm of an underflowed probability is taken.
            formula: "-t ln y, summed over the row, with x = ln y",
            wgsl_value: Expression::new("-t * x", &[X, T], &[]),
            wgsl_gradient: Expression::new("y - t", &[Y, T], &[]),
            gradient_formula: "y - t",
            value: |x, _, t| -t * x,
            gradient: |_, y, t| y - t,
        },
    )),
    descends: Descends::Mean,
    over: Over::Sum,
    targets: (0.0, 1.0),
};
