//! What is known of each loss.

use crate::network::activation::Activation;
use crate::network::expression::Expression;

/// Everything about one loss. `y` is the output, `t` the target, `x` the sum before the last activation.
pub struct Definition {
    /// The name that files, messages and shaders use.
    pub name: &'static str,
    /// Its formulas from the output, whatever activation made it.
    pub from_output: Formulas,
    /// Formulas for one activation and this loss together, where these are better than the two in a row.
    pub fused: Option<(Activation, Formulas)>,
    /// Whether the gradient is that of the mean, or of the sum over outputs and rows.
    pub descends: Descends,
    /// Whether the loss of a row is the mean over the outputs, or their sum.
    pub over: Over,
    /// The least and the greatest target it has a meaning for.
    pub targets: (f32, f32),
}

/// What the gradient is taken of.
#[derive(PartialEq, Eq)]
pub enum Descends {
    Mean,
    Sum,
}

/// What becomes of the outputs' losses in a row.
#[derive(PartialEq, Eq)]
pub enum Over {
    Mean,
    Sum,
}

/// How close a probability may come to 0 and 1 before its logarithm is taken. Keras takes 1e-7, of which an f32 makes this
/// at the upper end; it is exact at both.
pub const EPSILON: f64 = 1.0 / 8_388_608.0;

/// A loss of one element and its gradient, in WGSL and for the reference.
pub struct Formulas {
    /// The loss, as people write it.
    pub formula: &'static str,
    /// The loss as a WGSL expression of `x`, `y` and `t`.
    pub wgsl_value: Expression,
    /// ∂loss/∂y (fused: ∂loss/∂x) as a WGSL expression of `x`, `y` and `t`.
    pub wgsl_gradient: Expression,
    /// The gradient, as people write it.
    pub gradient_formula: &'static str,
    /// The loss of (x, y, t), for the reference.
    pub value: fn(f64, f64, f64) -> f64,
    /// ∂loss/∂y (fused: ∂loss/∂x) of (x, y, t), for the reference.
    pub gradient: fn(f64, f64, f64) -> f64,
}
