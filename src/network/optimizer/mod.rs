//! The optimizers: one file for each, with its complete definition.
//!
//! To add one, write its file here, with its update in WGSL and in Rust, and name it in [`Optimizer`] and
//! [`Optimizer::definition`], with its defaults in [`Optimizer::ALL`]. The tests iterate over [`Optimizer::ALL`].

mod adam;
mod adamw;
mod definition;
mod momentum;
mod nesterov;
mod rmsprop;
mod rule;
mod sgd;
mod weight_decay;

pub(crate) use self::definition::Rates;
use self::definition::{Constants, Definition};
pub use self::rule::Rule;

/// The optimizer: how a step updates the weights and biases, given their gradient g and the learning rate λ. Formulas
/// and defaults are PyTorch's.
///
/// Keras differs in two ways. Its Adam adds ε before the correction of the second moment. It also keeps λ inside the
/// velocity, which matters when λ changes from epoch to epoch.
///
/// ```
/// use shaderprop::{Fit, Optimizer};
/// let fit = Fit::new().optimizer(Optimizer::adam());
/// assert_eq!(Optimizer::adam(), Optimizer::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Optimizer {
    /// p ← p − λ g.
    #[default]
    Sgd,
    /// v ← μ v + g, p ← p − λ v.
    Momentum {
        /// μ, from 0 to less than 1.
        momentum: f64,
    },
    /// v ← μ v + g, p ← p − λ (g + μ v).
    Nesterov {
        /// μ, from 0 to less than 1.
        momentum: f64,
    },
    /// s ← ρ s + (1 − ρ) g², p ← p − λ g / (√s + ε).
    RmsProp {
        /// ρ, from 0 to less than 1. (PyTorch calls it alpha.)
        rho: f64,
        /// ε, above 0.
        epsilon: f64,
    },
    /// m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², p ← p − λ m̂ / (√ŝ + ε), with m̂ = m / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ) at step t:
    /// D. P. Kingma and J. Ba, ICLR 2015.
    Adam {
        /// β₁, from 0 to less than 1.
        beta_1: f64,
        /// β₂, from 0 to less than 1.
        beta_2: f64,
        /// ε, above 0.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay δ, which does not go through the gradient: p ← p − λ δ p first. I. Loshchilov
    /// and F. Hutter, ICLR 2019.
    AdamW {
        /// β₁, from 0 to less than 1.
        beta_1: f64,
        /// β₂, from 0 to less than 1.
        beta_2: f64,
        /// ε, above 0.
        epsilon: f64,
    },
}

impl Optimizer {
    /// All optimizers with their defaults, for tests and tables.
    pub const ALL: &[Optimizer] = &[
        Optimizer::Sgd,
        Optimizer::momentum(0.9),
        Optimizer::nesterov(0.9),
        Optimizer::rmsprop(),
        Optimizer::adam(),
        Optimizer::adamw(),
    ];

    /// Plain gradient descent. The default learning rate is 0.01.
    pub const fn sgd() -> Self {
        Self::Sgd
    }

    /// Gradient descent with momentum. The default learning rate is 0.01.
    pub const fn momentum(momentum: f64) -> Self {
        Self::Momentum { momentum }
    }

    /// Gradient descent with Nesterov momentum. The default learning rate is 0.01.
    pub const fn nesterov(momentum: f64) -> Self {
        Self::Nesterov { momentum }
    }

    /// RMSprop with ρ = 0.99 and ε = 1e-8. The default learning rate is 0.01.
    pub const fn rmsprop() -> Self {
        Self::RmsProp { rho: 0.99, epsilon: 1e-8 }
    }

    /// Adam with β₁ = 0.9, β₂ = 0.999 and ε = 1e-8. The default learning rate is 0.001.
    pub const fn adam() -> Self {
        Self::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 }
    }

    /// AdamW with Adam's constants. The default learning rate is 0.001 and the default weight decay 0.01.
    pub const fn adamw() -> Self {
        Self::AdamW { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8 }
    }

    /// The name: `sgd`, `momentum`, `nesterov`, `rmsprop`, `adam`, `adamw`.
    pub fn name(&self) -> &'static str {
        self.definition().name
    }

    /// The default learning rate.
    pub fn default_learning_rate(&self) -> f64 {
        self.definition().defaults.0
    }

    /// The default weight decay.
    pub fn default_weight_decay(&self) -> f64 {
        self.definition().defaults.1
    }

    pub(crate) fn definition(&self) -> &'static Definition {
        match self {
            Optimizer::Sgd => &sgd::DEFINITION,
            Optimizer::Momentum { .. } => &momentum::DEFINITION,
            Optimizer::Nesterov { .. } => &nesterov::DEFINITION,
            Optimizer::RmsProp { .. } => &rmsprop::DEFINITION,
            Optimizer::Adam { .. } => &adam::DEFINITION,
            Optimizer::AdamW { .. } => &adamw::DEFINITION,
        }
    }

    /// The values of its constants.
    fn constants(&self) -> Constants {
        match *self {
            Optimizer::Sgd => [0.0; 3],
            Optimizer::Momentum { momentum } | Optimizer::Nesterov { momentum } => [momentum, 0.0, 0.0],
            Optimizer::RmsProp { rho, epsilon } => [rho, epsilon, 0.0],
            Optimizer::Adam { beta_1, beta_2, epsilon } | Optimizer::AdamW { beta_1, beta_2, epsilon } => {
                [beta_1, beta_2, epsilon]
            }
        }
    }

    /// Its constants by name.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.definition().constants.iter().copied().zip(self.constants())
    }

    /// The two bias corrections of a step, counted from 1, that the moments are divided by; 1 if there are none.
    pub(crate) fn corrections(&self, step: u64) -> [f64; 2] {
        (self.definition().corrections)(self.constants(), step)
    }

    /// The values that the reference's update of that step needs.
    pub(crate) fn rates(&self, learning_rate: f64, weight_decay: f64, step: u64) -> Rates {
        Rates { constants: self.constants(), learning_rate, weight_decay, corrections: self.corrections(step) }
    }

    /// The whole update of the reference: the decay, then the definition's update.
    pub(crate) fn update(&self, parameter: &mut f64, slots: [&mut f64; 2], gradient: f64, rates: &Rates) {
        let definition = self.definition();
        let gradient = weight_decay::apply(definition.decoupled, parameter, gradient, rates);
        (definition.update)(parameter, slots, gradient, rates);
    }
}
