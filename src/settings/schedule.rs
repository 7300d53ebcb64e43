//! Schedules: how the learning rate changes from epoch to epoch.

use serde::{Deserialize, Serialize};

use crate::bits;
use crate::error::Error;

/// A learning rate schedule. The formulas are those of PyTorch's schedulers, stepped once an epoch. λ is the learning
/// rate of the settings, and e is the number of epochs trained so far, over all calls of `fit` with that schedule.
///
/// ```
/// use shaderprop::{Fit, Schedule};
/// let fit = Fit::new().learning_rate(0.1).epochs(50).schedule(Schedule::Cosine { epochs: 50, minimum: 0.001 }).warm_up(100);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// λ, constant.
    #[default]
    Constant,
    /// λ · factor^⌊e / every⌋.
    Step {
        /// The number of epochs between two reductions.
        every: usize,
        /// The factor of each reduction.
        factor: f64,
    },
    /// λ · factorᵉ.
    Exponential {
        /// The factor of each epoch.
        factor: f64,
    },
    /// minimum + (λ − minimum) (1 + cos(π e / epochs)) / 2 until epoch `epochs`, then the minimum.
    Cosine {
        /// The epoch at which the minimum is reached.
        epochs: usize,
        /// The minimum learning rate.
        minimum: f64,
    },
    /// λ, multiplied by `factor` whenever the monitored loss has not improved for more than `patience` epochs. To count
    /// as an improvement, a loss must be below the best loss by at least the fraction `threshold` of it. The monitored
    /// loss is that of the validation rows if there are any, and otherwise the training loss.
    ReduceOnPlateau {
        /// The factor of each reduction.
        factor: f64,
        /// The number of epochs without improvement that are tolerated.
        patience: usize,
        /// The fraction of the best loss by which a loss must be lower to count as an improvement. PyTorch's default is
        /// 1e-4.
        threshold: f64,
        /// The number of epochs after a reduction that do not count as epochs without improvement.
        cooldown: usize,
        /// The minimum learning rate.
        minimum: f64,
    },
}

/// The state of [`Schedule::ReduceOnPlateau`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plateau {
    #[serde(with = "bits")]
    best: f64,
    bad: usize,
    cooldown: usize,
    /// The product of all reductions so far.
    #[serde(with = "bits")]
    scale: f64,
}

impl Plateau {
    /// Whether this state is possible that many epochs after the schedule began.
    pub fn is_after(&self, epochs: u64) -> bool {
        self.bad as u64 <= epochs && self.scale.is_finite() && self.scale >= 0.0
    }
}

impl Default for Plateau {
    fn default() -> Self {
        Self { best: f64::INFINITY, bad: 0, cooldown: 0, scale: 1.0 }
    }
}

impl Schedule {
    /// The learning rate of epoch `e`, counted from 0.
    pub(crate) fn rate(&self, rate: f64, e: u64, plateau: &Plateau) -> f64 {
        match *self {
            Schedule::Constant => rate,
            Schedule::Step { every, factor } => rate * factor.powf((e / every as u64) as f64),
            Schedule::Exponential { factor } => rate * factor.powf(e as f64),
            Schedule::Cosine { epochs, minimum } => {
                let along = (e as f64 / epochs as f64).min(1.0);
                minimum + (rate - minimum) * (1.0 + (std::f64::consts::PI * along).cos()) / 2.0
            }
            Schedule::ReduceOnPlateau { minimum, .. } => (rate * plateau.scale).max(minimum.min(rate)),
        }
    }

    /// The learning rate of epoch `e` as (scale, shift): the set learning rate times the scale, plus the shift. A rate
    /// reduced on a plateau has no such form; it is passed as `rate`.
    pub(crate) fn rates(&self, e: u64, rate: f64) -> [f64; 2] {
        match *self {
            Schedule::Constant => [1.0, 0.0],
            Schedule::Step { .. } | Schedule::Exponential { .. } => [self.rate(1.0, e, &Plateau::default()), 0.0],
            Schedule::Cosine { epochs, minimum } => {
                let along = (e as f64 / epochs as f64).min(1.0);
                let share = (1.0 + (std::f64::consts::PI * along).cos()) / 2.0;
                [share, minimum * (1.0 - share)]
            }
            Schedule::ReduceOnPlateau { .. } => [0.0, rate],
        }
    }

    /// Updates the plateau with the loss of an epoch.
    pub(crate) fn watch(&self, loss: f64, plateau: &mut Plateau) {
        let Schedule::ReduceOnPlateau { factor, patience, threshold, cooldown, .. } = *self else { return };
        if loss < plateau.best * (1.0 - threshold) {
            (plateau.best, plateau.bad) = (loss, 0);
        } else {
            plateau.bad += 1;
        }
        if plateau.cooldown > 0 {
            (plateau.cooldown, plateau.bad) = (plateau.cooldown - 1, 0);
        }
        if plateau.bad > patience {
            *plateau = Plateau { scale: plateau.scale * factor, bad: 0, cooldown, ..*plateau };
        }
    }

    /// Whether it needs the loss of every epoch.
    pub(crate) fn watches(&self) -> bool {
        matches!(self, Schedule::ReduceOnPlateau { .. })
    }

    /// Refuses invalid settings.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (shares, minimum, count) = match *self {
            Schedule::Constant => (vec![], None, None),
            Schedule::Step { every, factor } => (vec![("factor", factor)], None, Some(("every", every))),
            Schedule::Exponential { factor } => (vec![("factor", factor)], None, None),
            Schedule::Cosine { epochs, minimum } => (vec![], Some(minimum), Some(("epochs", epochs))),
            Schedule::ReduceOnPlateau { factor, threshold, minimum, .. } => {
                (vec![("factor", factor), ("threshold", threshold)], Some(minimum), None)
            }
        };
        let refuse = |name: &str, expected: &str, got: String| {
            Err(Error::Setting { what: format!("{name} of the schedule"), expected: expected.into(), got })
        };
        if let Some((name, value)) = shares.into_iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return refuse(name, "a number from 0 to 1", value.to_string());
        }
        if let Some(value) = minimum.filter(|value| !((*value as f32).is_finite() && *value >= 0.0)) {
            return refuse("minimum", "a finite number of at least 0", value.to_string());
        }
        match count {
            Some((name, 0)) => refuse(name, "at least 1 epoch", "0".into()),
            _ => Ok(()),
        }
    }
}
