//! The activation functions: one file for each, with its complete definition.
//!
//! To add one, write its file here, with its formulas in WGSL, Rust, C and ONNX, and name it in the `mod` lines,
//! [`Activation`], [`Activation::ALL`] and [`Activation::definition`]. The tests iterate over [`Activation::ALL`];
//! CONTRIBUTING.md lists the places outside of `src`.

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

/// The activation function of a layer, applied to x = inputs · weight + bias.
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
    /// y = x for x ≥ 0, and x / 100 below: PyTorch's default slope. (Keras's is 0.3.)
    LeakyRelu,
    /// y = x for x ≥ 0, and eˣ − 1 below.
    Elu,
    /// y = x Φ(x), where Φ is the normal cumulative distribution function: the exact form, as in PyTorch and Keras.
    Gelu,
    /// GELU approximated by a hyperbolic tangent: PyTorch's `approximate="tanh"`.
    GeluTanh,
    /// y = x / (1 + e⁻ˣ), also called swish.
    Silu,
    /// y = ln(1 + eˣ).
    Softplus,
    /// y = x.
    Identity,
    /// y = eˣ / Σ eˣ over the row, for the last layer only: the class probabilities.
    Softmax,
    /// A custom activation: see [`Activation::custom`].
    Custom(Arc<Definition>),
}

impl Activation {
    /// All built-in elementwise activations, which are all but softmax, for tests and tables.
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

    /// Creates a custom activation. It takes a name, y as a WGSL expression of `x`, dy/dx as a WGSL expression of `x`
    /// (the input) and `y` (the output), and the same two as Rust functions for the CPU engine. The backward pass
    /// multiplies by the given derivative as it is; nothing checks that it is correct.
    ///
    /// The name consists of ASCII letters, digits and underscores and must not be that of a built-in activation. The
    /// WGSL must not contain comments. Otherwise a network is refused with [`Error::Setting`]. Two custom activations
    /// with the same name and WGSL are equal, since Rust functions cannot be compared. A network must not contain two
    /// different ones with the same name.
    ///
    /// WGSL that does not compile is [`Error::Shader`] from the first call that runs it; the device stays usable.
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

    /// Refuses a name that messages, files or shaders could not hold, or that belongs to a built-in activation.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let name = self.name();
        let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let taken = Self::named(name).is_some();
        let Self::Custom(definition) = self else { return Ok(()) };
        if !fits || taken {
            return Err(Error::Setting {
                what: "the name of a custom activation".into(),
                expected: "ASCII letters, digits and underscores, and not the name of a built-in activation".into(),
                got: format!("{name:?}"),
            });
        }
        // A comment could mention a variable that the expression does not use, or hide the end of the expression.
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

    /// Looks up a built-in activation by name.
    ///
    /// ```
    /// use shaderprop::Activation;
    /// assert_eq!(Activation::named("gelu_tanh"), Some(Activation::GeluTanh));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().chain([&Self::Softmax]).find(|activation| activation.name() == name).cloned()
    }

    /// The name that [`named`](Self::named) looks up, such as `leaky_relu`: that of the variant in snake case, or a
    /// custom activation's own.
    pub fn name(&self) -> &str {
        &self.definition().name
    }

    /// Computes y of x in f64, as the reference does. Softmax is that of a row with the single element x.
    pub fn value(&self, x: f64) -> f64 {
        (self.definition().value)(x)
    }

    /// Computes dy/dx in f64, as the reference does. `y` is [`value`](Self::value) of `x`.
    pub fn derivative(&self, x: f64, y: f64) -> f64 {
        (self.definition().derivative)(x, y)
    }
}
