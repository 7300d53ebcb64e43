//! The definition of a loss.

use crate::network::activation::Activation;
use crate::network::expression::Expression;

/// The complete definition of one loss. `y` is the output, `t` the target, `x` the input of the last activation.
pub struct Definition {
    /// The name in files, messages and shaders.
    pub name: &'static str,
    /// Its formulas in terms of the output, for any activation.
    pub from_output: Formulas,
    /// Fused formulas for this loss with one activation, where they are better than the two applied in turn.
    pub fused: Option<(Activation, Formulas)>,
    /// Whether the gradient is that of the mean, or of the sum over outputs and rows.
    pub descends: Descends,
    /// Whether the loss of a row is the mean over the outputs, or their sum.
    pub over: Over,
    /// The range of valid targets.
    pub targets: (f32, f32),
}

/// What the gradient is taken of.
#[derive(PartialEq, Eq)]
pub enum Descends {
    Mean,
    Sum,
}

/// How the losses of a row's outputs are reduced.
#[derive(PartialEq, Eq)]
pub enum Over {
    Mean,
    Sum,
}

/// Probabilities are clamped to this distance from 0 and 1 before their logarithm is taken. Keras uses 1e-7, which
/// rounds to this value near 1 in f32. This value is exact at both ends.
pub const EPSILON: f64 = 1.0 / 8_388_608.0;

/// The loss of one element and its gradient, in WGSL and for the reference.
pub struct Formulas {
    /// The loss, for people to read.
    pub formula: &'static str,
    /// The loss as a WGSL expression of `x`, `y` and `t`.
    pub wgsl_value: Expression,
    /// ∂loss/∂y (fused: ∂loss/∂x) as a WGSL expression of `x`, `y` and `t`.
    pub wgsl_gradient: Expression,
    /// The gradient, for people to read.
    pub gradient_formula: &'static str,
    /// The loss of (x, y, t), for the reference.
    pub value: fn(f64, f64, f64) -> f64,
    /// ∂loss/∂y (fused: ∂loss/∂x) of (x, y, t), for the reference.
    pub gradient: fn(f64, f64, f64) -> f64,
}
