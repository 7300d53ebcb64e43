//! The losses: one file for each, with its complete definition.
//!
//! To add one, write its file here, with its formulas in WGSL and in Rust, and name it in [`Loss`], [`Loss::ALL`] and
//! [`Loss::definition`]. The tests iterate over [`Loss::ALL`].

mod binary_cross_entropy;
mod categorical_cross_entropy;
mod definition;
mod huber;
mod mean_absolute_error;
mod mean_squared_error;
mod squared_error;

use self::definition::{Definition, Descends, Formulas, Over};
use super::activation::Activation;

/// The loss to minimise. `y` is an output of the network, `t` its target.
///
/// The loss of a row is the mean over the outputs; for categorical cross-entropy it is the sum over the classes. The
/// loss of a batch is the mean over its rows, weighted if there are weights.
///
/// # Examples
///
/// ```
/// use shaderprop::Loss;
/// assert_eq!(Loss::MeanSquaredError.name(), "mean_squared_error");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The squared error of the tutorials. The logged loss is the mean of (y − t)². The gradient is that of half the
    /// *sum* over outputs and rows, so that ∂/∂y = y − t. The effective learning rate therefore grows with the number
    /// of rows.
    SquaredError,
    /// The mean of (y − t)², for the logged loss and for the gradient, as in Keras and PyTorch.
    #[default]
    MeanSquaredError,
    /// The mean of −t ln y − (1 − t) ln(1 − y), for targets from 0 to 1. After a sigmoid it is computed from x, without
    /// cancellation or overflow for any x, where Keras's value is capped by clipping. After any other activation y is
    /// first clamped to a distance of 2⁻²³ (about 10⁻⁷, as in Keras) from 0 and 1.
    BinaryCrossEntropy,
    /// The mean of |y − t|.
    MeanAbsoluteError,
    /// The mean of ½ (y − t)² where |y − t| ≤ 1, and of |y − t| − ½ elsewhere: as in Keras and PyTorch with their
    /// default δ = 1.
    Huber,
    /// −Σ t ln y over the classes, meant for [`Activation::Softmax`]. With softmax it is computed from x and is finite
    /// for any x. Targets are one-hot rows, rows of probabilities, or one column of class indices.
    CategoricalCrossEntropy,
}

impl Loss {
    /// All losses, for tests and tables.
    pub const ALL: &[Loss] = &[
        Loss::SquaredError,
        Loss::MeanSquaredError,
        Loss::BinaryCrossEntropy,
        Loss::MeanAbsoluteError,
        Loss::Huber,
        Loss::CategoricalCrossEntropy,
    ];

    pub(crate) fn definition(self) -> &'static Definition {
        match self {
            Loss::SquaredError => &squared_error::DEFINITION,
            Loss::MeanSquaredError => &mean_squared_error::DEFINITION,
            Loss::BinaryCrossEntropy => &binary_cross_entropy::DEFINITION,
            Loss::MeanAbsoluteError => &mean_absolute_error::DEFINITION,
            Loss::Huber => &huber::DEFINITION,
            Loss::CategoricalCrossEntropy => &categorical_cross_entropy::DEFINITION,
        }
    }

    /// Looks up a loss by name.
    ///
    /// ```
    /// use shaderprop::Loss;
    /// assert_eq!(Loss::named("huber"), Some(Loss::Huber));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|loss| loss.name() == name).copied()
    }

    /// The name: `squared_error`, `mean_squared_error`, `binary_cross_entropy`, `mean_absolute_error`, `huber`,
    /// `categorical_cross_entropy`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// Whether this loss has fused formulas with that activation of the last layer.
    pub(crate) fn fuses_with(self, last: &Activation) -> bool {
        self.definition().fused.as_ref().is_some_and(|(activation, _)| activation == last)
    }

    /// The formulas to use after that activation.
    pub(crate) fn formulas(self, last: &Activation) -> &'static Formulas {
        match &self.definition().fused {
            Some((activation, formulas)) if activation == last => formulas,
            _ => &self.definition().from_output,
        }
    }

    /// The number of outputs that the loss of a row averages over; 1 if it is a sum.
    pub(crate) fn outputs_in_mean(self, outputs: usize) -> f64 {
        match self.definition().over {
            Over::Mean => outputs as f64,
            Over::Sum => 1.0,
        }
    }

    /// Whether its targets may be one column of class indices.
    pub(crate) fn takes_classes(self) -> bool {
        self == Loss::CategoricalCrossEntropy
    }

    /// Whether its gradient is that of a mean over the rows, not of a sum.
    pub(crate) fn is_mean(self) -> bool {
        self.definition().descends == Descends::Mean
    }
}
