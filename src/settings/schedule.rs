//! Schedules: how the learning rate changes from epoch to epoch.

use serde::{Deserialize, Serialize};

use crate::bits;
use crate::error::Error;

/// How the learning rate changes from epoch to epoch; e counts the epochs that the model has been trained for before, from 0, over all
/// calls of `fit` with that schedule. The formulas are those of PyTorch's schedulers, stepped once an epoch.
///
/// ```
/// use shaderprop::{Fit, Schedule};
/// let fit = Fit::new().learning_rate(0.1).epochs(50).schedule(Schedule::Cosine { epochs: 50, minimum: 0.001 }).warm_up(100);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// λ, always.
    #[default]
    Constant,
    /// λ · factor^⌊e / every⌋.
    Step {
        /// After how many epochs it falls.
        every: usize,
        /// What it is multiplied with.
        factor: f64,
    },
    /// λ · factorᵉ.
    Exponential {
        /// What it is multiplied with every epoch.
        factor: f64,
    },
    /// minimum + (λ − minimum) (1 + cos(π e / epochs)) / 2 up to that epoch, then the minimum.
    Cosine {
        /// When it arrives at the minimum.
        epochs: usize,
        /// Where it arrives.
        minimum: f64,
    },
    /// λ, multiplied by the factor whenever the watched loss, which is that of the validation rows where there are any, has not fallen
    /// below its best by the share `threshold` for more than `patience` epochs.
    ReduceOnPlateau {
        /// What it is multiplied with.
        factor: f64,
        /// How many epochs without improvement are borne.
        patience: usize,
        /// By which share of the best a loss must lie below it to be an improvement: PyTorch's default is 1e-4.
        threshold: f64,
        /// For how many epochs after that none counts as one without improvement.
        cooldown: usize,
        /// It falls no lower.
        minimum: f64,
    },
}

/// Where [`Schedule::ReduceOnPlateau`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plateau {
    #[serde(with = "bits")]
    best: f64,
    bad: usize,
    cooldown: usize,
    /// What the learning rate has been multiplied with.
    #[serde(with = "bits")]
    scale: f64,
}

impl Plateau {
    /// Whether it can stand so that many epochs after the schedule began.
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

    /// The learning rate of epoch `e` as (scale, shift): what was set times the one, plus the other. What a plateau made of it, and `rate` is,
    /// has no such form.
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

    /// Takes note of the loss that an epoch ended with.
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

    /// Whether it needs to see every epoch's loss.
    pub(crate) fn watches(&self) -> bool {
        matches!(self, Schedule::ReduceOnPlateau { .. })
    }

    /// Refuses settings that have no meaning.
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
            return refuse("minimum", "a finite number from 0 on", value.to_string());
        }
        match count {
            Some((name, 0)) => refuse(name, "at least 1 epoch", "0".into()),
            _ => Ok(()),
        }
    }
}
