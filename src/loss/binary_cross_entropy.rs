//! Binary cross-entropy, from probabilities and, fused with the sigmoid, from x.

use super::{Definition, Descends, Formulas};
use crate::activation::Activation;

/// How close a probability may come to 0 and 1 before its logarithm is taken. Keras takes 1e-7, of which an f32 makes this
/// at the upper end; it is exact at both.
const EPSILON: f64 = 1.0 / 8_388_608.0;

pub(super) const DEFINITION: Definition = Definition {
    name: "binary_cross_entropy",
    from_output: Formulas {
        formula: "-t ln y - (1 - t) ln(1 - y)",
        wgsl_value: "-t * log(probability(y)) - (1.0 - t) * log(1.0 - probability(y))",
        // Held fast at the bounds, the loss no longer depends on y there.
        wgsl_gradient: "select(0.0, (y - t) / (probability(y) * (1.0 - probability(y))), probability(y) == y)",
        wgsl_helpers: "fn probability(y: f32) -> f32 {\n    return clamp(y, 1.0 / 8388608.0, 1.0 - 1.0 / 8388608.0);\n}\n",
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
            // ln(1 + e^x) - t x, with the large part of the logarithm taken out.
            wgsl_value: "max(x, 0.0) - x * t + log_of_1_plus(exp(-abs(x)))",
            wgsl_gradient: "y - t",
            wgsl_helpers: LOG_OF_1_PLUS,
            gradient_formula: "y - t",
            value: |x, _, t| x.max(0.0) - x * t + (-x.abs()).exp().ln_1p(),
            gradient: |_, y, t| y - t,
        },
    )),
    descends: Descends::Mean,
    targets: (0.0, 1.0),
};

/// WGSL's `log` is only good to 2⁻²¹ near 1, where a trained network's losses are. The series
/// ln(1 + e) = 2 (s + s³/3 + s⁵/5 + …) with s = e / (2 + e) is good to the last bits, since s ≤ 1/3 for e ≤ 1.
const LOG_OF_1_PLUS: &str = "\
// ln(1 + e) for e from 0 to 1: 2 (s + s³/3 + s⁵/5 + …) with s = e / (2 + e), at most 1/3.
fn log_of_1_plus(e: f32) -> f32 {
    let s = e / (2.0 + e);
    let q = s * s;
    let tail = 1.0 / 9.0 + q * (1.0 / 11.0 + q * (1.0 / 13.0 + q * (1.0 / 15.0)));
    return 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * tail))));
}
";
