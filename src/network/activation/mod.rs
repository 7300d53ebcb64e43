//! The activation functions: one file each, with everything that is known of it.
//!
//! To add one: write its file beside these (its formulas in WGSL and in Rust), and name it in [`Activation`],
//! [`Activation::ALL`] and [`Activation::definition`]. The tests go through [`Activation::ALL`].

mod definition;
mod elu;
mod gelu;
mod gelu_tanh;
mod identity;
mod leaky_relu;
mod relu;
mod sigmoid;
mod silu;
mod softmax;
mod softplus;
mod tanh;

use std::borrow::Cow;
use std::sync::Arc;

pub use self::definition::Definition;
use crate::error::Error;
use crate::network::expression::Expression;

/// What a layer applies to its sums x = inputs · weight + bias.
///
/// ```
/// use shaderprop::Activation;
/// assert_eq!(Activation::Sigmoid.name(), "sigmoid");
/// assert_eq!(Activation::Relu.value(-2.0), 0.0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// y = 1 / (1 + e⁻ˣ), between 0 and 1.
    Sigmoid,
    /// y = tanh x, between −1 and 1.
    Tanh,
    /// y = max(x, 0).
    Relu,
    /// y = x, below zero x / 100: PyTorch's slope. (Keras's is 0.3.)
    LeakyRelu,
    /// y = x, below zero eˣ − 1.
    Elu,
    /// y = x Φ(x), with Φ the normal distribution: the exact one, as in PyTorch and Keras.
    Gelu,
    /// Its approximation by a hyperbolic tangent: PyTorch's `approximate="tanh"`.
    GeluTanh,
    /// y = x / (1 + e⁻ˣ), also called swish.
    Silu,
    /// y = ln(1 + eˣ).
    Softplus,
    /// y = x.
    Identity,
    /// y = eˣ / Σ eˣ over the row, for the last layer alone: the probabilities of classes.
    Softmax,
    /// One of your own: see [`Activation::custom`].
    Custom(Arc<Definition>),
}

impl Activation {
    /// Every built-in activation that is taken element by element, which is all but softmax; for tests and tables.
    pub const ALL: &[Activation] = &[
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::LeakyRelu,
        Activation::Elu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Silu,
        Activation::Softplus,
        Activation::Identity,
    ];

    /// An activation of your own: its name, y as a WGSL expression of `x`, dy/dx as a WGSL expression of `x` (before) and `y` (after),
    /// and the same two as Rust functions, which the CPU engine uses. What is called a derivative is multiplied into the delta as it
    /// is; nothing checks that it is one.
    ///
    /// The name has ASCII letters, digits and underscores, and is not that of a built-in activation; the WGSL has no comments; a
    /// network otherwise is refused with [`Error::Setting`]. Two with the same name and WGSL are equal: Rust functions cannot be
    /// compared. A network does not take two of the same name that differ.
    ///
    /// WGSL that does not compile is [`Error::Shader`] from the first call that runs it, and the device stays
    /// usable.
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Fit, Init, Model, Network};
    ///
    /// let softsign = Activation::custom(
    ///     "softsign",
    ///     "x / (1.0 + abs(x))",
    ///     "(1.0 - abs(y)) * (1.0 - abs(y))",
    ///     |x| x / (1.0 + x.abs()),
    ///     |_, y| (1.0 - y.abs()) * (1.0 - y.abs()),
    /// );
    /// let network = Network::new(1).dense(4, softsign).dense(1, Activation::Identity);
    /// let mut model = Model::new(&Device::cpu(), &network, &Init::default())?;
    /// model.fit(&[[0.0], [1.0]], &[[1.0], [0.0]], &Fit::new().learning_rate(0.1).epochs(10))?;
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn custom(
        name: impl Into<Cow<'static, str>>,
        wgsl_value: impl Into<Cow<'static, str>>,
        wgsl_derivative: impl Into<Cow<'static, str>>,
        value: impl Fn(f64) -> f64 + Send + Sync + 'static,
        derivative: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
    ) -> Self {
        let (wgsl_value, wgsl_derivative) = (wgsl_value.into(), wgsl_derivative.into());
        Self::Custom(Arc::new(Definition {
            name: name.into(),
            formula: wgsl_value.clone(),
            derivative_formula: format!("({wgsl_derivative})").into(),
            wgsl_value: Expression::inspected(wgsl_value),
            wgsl_derivative: Expression::inspected(wgsl_derivative),
            value: Arc::new(value),
            derivative: Arc::new(derivative),
            exports: None,
        }))
    }

    /// Refuses a name that messages, files or shaders could not carry, or that means a built-in activation.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let name = self.name();
        let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let taken = Self::named(name).is_some();
        let Self::Custom(definition) = self else { return Ok(()) };
        if !fits || taken {
            return Err(Error::Setting {
                what: "the name of a custom activation".into(),
                expected: "ASCII letters, digits and underscores, and no built-in activation's".into(),
                got: format!("{name:?}"),
            });
        }
        // A comment could name what the expression does not use, or hide its end.
        for Expression { wgsl, .. } in [&definition.wgsl_value, &definition.wgsl_derivative] {
            if wgsl.contains("//") || wgsl.contains("/*") {
                return Err(Error::Setting {
                    what: format!("the WGSL of activation {name}"),
                    expected: "an expression without comments".into(),
                    got: format!("{wgsl:?}"),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn definition(&self) -> &Definition {
        match self {
            Activation::Sigmoid => &sigmoid::DEFINITION,
            Activation::Tanh => &tanh::DEFINITION,
            Activation::Relu => &relu::DEFINITION,
            Activation::LeakyRelu => &leaky_relu::DEFINITION,
            Activation::Elu => &elu::DEFINITION,
            Activation::Gelu => &gelu::DEFINITION,
            Activation::GeluTanh => &gelu_tanh::DEFINITION,
            Activation::Silu => &silu::DEFINITION,
            Activation::Softplus => &softplus::DEFINITION,
            Activation::Identity => &identity::DEFINITION,
            Activation::Softmax => &softmax::DEFINITION,
            Activation::Custom(definition) => definition,
        }
    }

    /// The built-in activation of that name.
    ///
    /// ```
    /// use shaderprop::Activation;
    /// assert_eq!(Activation::named("gelu_tanh"), Some(Activation::GeluTanh));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().chain([&Self::Softmax]).find(|activation| activation.name() == name).cloned()
    }

    /// Its name: `sigmoid`, `tanh`, `relu`, `leaky_relu`, `elu`, `gelu`, `gelu_tanh`, `silu`, `softplus`, `identity`, `softmax`,
    /// or a custom one's.
    pub fn name(&self) -> &str {
        &self.definition().name
    }

    /// y of x, in f64, as the reference computes it. Softmax is taken of a row, and x for one of a single element.
    pub fn value(&self, x: f64) -> f64 {
        (self.definition().value)(x)
    }

    /// dy/dx, in f64, as the reference computes it; `y` is [`value`](Self::value) of `x`.
    pub fn derivative(&self, x: f64, y: f64) -> f64 {
        (self.definition().derivative)(x, y)
    }
}
