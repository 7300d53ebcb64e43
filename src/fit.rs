//! How to train: the settings of a `fit`.

use crate::error::Error;
use crate::loss::Loss;

/// The settings of [`Model::fit`](crate::Model::fit): full-batch gradient descent.
///
/// | setting | default | what it is |
/// |---|---|---|
/// | `loss` | [`Loss::MeanSquaredError`] | what is made small |
/// | `learning_rate` | 0.01 | how far a step goes against the gradient |
/// | `epochs` | 1 | how often all rows are gone through |
/// | `log_every` | never | log after epoch 1, and then after every so many epochs |
///
/// ```
/// use shaderprop::{Fit, Loss};
/// let fit = Fit::new().loss(Loss::SquaredError).learning_rate(0.1).epochs(10_000).log_every(1000);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    pub(crate) loss: Loss,
    pub(crate) learning_rate: f64,
    pub(crate) epochs: usize,
    pub(crate) log_every: Option<usize>,
}

impl Default for Fit {
    fn default() -> Self {
        Self { loss: Loss::default(), learning_rate: 0.01, epochs: 1, log_every: None }
    }
}

impl Fit {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is made small.
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// How far a step goes against the gradient: finite, not negative.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// How often all rows are gone through: at least once.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Log after epoch 1, 1 + `epochs`, 1 + 2 · `epochs` and so on. Each log point waits for the device and reads back the
    /// losses since the last one; between them nothing comes back, except that losses nobody has read are fetched every 65,536 epochs.
    #[must_use]
    pub fn log_every(mut self, epochs: usize) -> Self {
        self.log_every = Some(epochs);
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let setting =
            |what: &str, expected: &str, got: String| Error::Setting { what: what.into(), expected: expected.into(), got };
        let rate = self.learning_rate as f32;
        // One so small that the device would take it for 0 is refused too.
        if !rate.is_finite() || rate < 0.0 || (rate == 0.0 && self.learning_rate != 0.0) {
            let expected = "0, or a positive number that an f32 can hold";
            return Err(setting("learning_rate", expected, self.learning_rate.to_string()));
        }
        if self.epochs == 0 {
            return Err(setting("epochs", "at least 1", "0".into()));
        }
        if self.log_every == Some(0) {
            return Err(setting("log_every", "at least 1 epoch", "0".into()));
        }
        Ok(())
    }

    /// Whether that epoch, counted from 1, is a log point.
    pub(crate) fn logs(&self, epoch: usize) -> bool {
        self.log_every.is_some_and(|every| (epoch - 1).is_multiple_of(every))
    }

    /// The next epoch after `done` whose losses must be read: a log point, or the last.
    pub(crate) fn next_stop(&self, done: usize) -> usize {
        let log = self.log_every.and_then(|every| done.div_ceil(every).checked_mul(every)?.checked_add(1));
        log.unwrap_or(self.epochs).min(self.epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_are_the_log_points_and_the_end() {
        let stops = |fit: &Fit| {
            let mut stops = vec![0];
            while stops[stops.len() - 1] < fit.epochs {
                stops.push(fit.next_stop(stops[stops.len() - 1]));
            }
            stops.split_off(1)
        };
        assert_eq!(stops(&Fit::new().epochs(10)), [10]);
        assert_eq!(stops(&Fit::new().epochs(10).log_every(3)), [1, 4, 7, 10]);
        assert_eq!(stops(&Fit::new().epochs(9).log_every(3)), [1, 4, 7, 9]);
        assert_eq!(stops(&Fit::new().epochs(3).log_every(1)), [1, 2, 3]);
        assert_eq!(stops(&Fit::new().epochs(3).log_every(usize::MAX)), [1, 3]);
    }
}
