//! The losses: one file each, with everything that is known of it.
//!
//! To add one: write its file beside these (its formulas in WGSL and in Rust), and name it in [`Loss`], [`Loss::ALL`] and
//! [`Loss::definition`]. The tests go through [`Loss::ALL`].

mod binary_cross_entropy;
mod categorical_cross_entropy;
mod definition;
mod huber;
mod mean_absolute_error;
mod mean_squared_error;
mod squared_error;

use self::definition::{Definition, Descends, Formulas, Over};
use super::activation::Activation;

/// What training makes small. `y` is an output of the network, `t` its target.
///
/// The loss of a row is the mean over the outputs, but the sum over the classes for categorical cross-entropy; the loss of a batch
/// is the mean of its rows', weighted where there are weights.
///
/// # Examples
/// ```
/// use shaderprop::Loss;
/// assert_eq!(Loss::MeanSquaredError.name(), "mean_squared_error");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The tutorials' squared error: what is logged is the mean of (y − t)², but what is descended is half the *sum* over
    /// outputs and rows, so that ∂/∂y = y − t and a learning rate means more the more rows there are.
    SquaredError,
    /// The mean of (y − t)², logged and descended, as in Keras and PyTorch.
    #[default]
    MeanSquaredError,
    /// The mean of −t ln y − (1 − t) ln(1 − y), for targets from 0 to 1. After a sigmoid it is computed from x,
    /// without cancellation or overflow, however large x gets, where Keras's is capped by its clipping; after any other activation y is first held 2⁻²³ (about 10⁻⁷, as in Keras) away from 0 and 1.
    BinaryCrossEntropy,
    /// The mean of |y − t|.
    MeanAbsoluteError,
    /// The mean of ½ (y − t)² where |y − t| ≤ 1, and of |y − t| − ½ elsewhere: Keras's and PyTorch's with their default δ = 1.
    Huber,
    /// −Σ t ln y over the classes, meant for [`Activation::Softmax`], with which it is computed from the sums x: finite however large
    /// they get. Targets are one-hot rows, rows of probabilities, or one column of class indices.
    CategoricalCrossEntropy,
}

impl Loss {
    /// Every loss, for tests and tables.
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

    /// The loss of that name.
    ///
    /// ```
    /// use shaderprop::Loss;
    /// assert_eq!(Loss::named("huber"), Some(Loss::Huber));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|loss| loss.name() == name).copied()
    }

    /// Its name: `squared_error`, `mean_squared_error`, `binary_cross_entropy`, `mean_absolute_error`, `huber`,
    /// `categorical_cross_entropy`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// Whether this loss and that activation of the last layer have formulas of their own together.
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

    /// What the loss of a row has more elements of than it counts: the outputs that a mean is taken over.
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
