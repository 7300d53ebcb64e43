//! The activation functions: one file each, with everything that is known of it.
//!
//! To add one: write its file beside these (its formulas in WGSL and in Rust), and name it in [`Activation`],
//! [`Activation::ALL`] and [`Activation::definition`]. The tests go through [`Activation::ALL`].

mod identity;
mod relu;
mod sigmoid;
mod tanh;

/// What a layer applies to its sums x = inputs · weight + bias.
///
/// # Examples
/// ```
/// use shaderprop::Activation;
/// assert_eq!(Activation::Sigmoid.name(), "sigmoid");
/// assert_eq!(Activation::Relu.value(-2.0), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// y = 1 / (1 + e⁻ˣ), between 0 and 1.
    Sigmoid,
    /// y = tanh x, between −1 and 1.
    Tanh,
    /// y = max(x, 0).
    Relu,
    /// y = x.
    Identity,
}

/// Everything about one activation. `x` is the value before it, `y` the value after it.
pub(crate) struct Definition {
    /// The name that files, messages and shaders use.
    pub name: &'static str,
    /// y, as people write it.
    pub formula: &'static str,
    /// y as a WGSL expression of `x`.
    pub wgsl_value: &'static str,
    /// dy/dx as a WGSL expression of `x` and `y`; an activation that needs no `x` spares its storing.
    pub wgsl_derivative: &'static str,
    /// dy/dx, as people write it.
    pub derivative_formula: &'static str,
    /// y of x, for the reference.
    pub value: fn(f64) -> f64,
    /// dy/dx of x and y, for the reference.
    pub derivative: fn(f64, f64) -> f64,
}

impl Activation {
    /// Every activation, for tests and tables.
    pub const ALL: &[Activation] = &[Activation::Sigmoid, Activation::Tanh, Activation::Relu, Activation::Identity];

    pub(crate) fn definition(self) -> &'static Definition {
        match self {
            Activation::Sigmoid => &sigmoid::DEFINITION,
            Activation::Tanh => &tanh::DEFINITION,
            Activation::Relu => &relu::DEFINITION,
            Activation::Identity => &identity::DEFINITION,
        }
    }

    /// Its name: `sigmoid`, `tanh`, `relu`, `identity`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// y of x, in f64, as the reference computes it.
    pub fn value(self, x: f64) -> f64 {
        (self.definition().value)(x)
    }

    /// dy/dx, in f64, as the reference computes it; `y` is [`value`](Self::value) of `x`.
    pub fn derivative(self, x: f64, y: f64) -> f64 {
        (self.definition().derivative)(x, y)
    }
}
