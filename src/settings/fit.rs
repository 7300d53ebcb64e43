//! The settings of a training run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::cancel::Cancel;
use super::checkpoint::Checkpoint;
use super::early_stopping::EarlyStopping;
use super::engine_choice::EngineChoice;
use super::metric::Metric;
use super::on_non_finite::OnNonFinite;
use super::schedule::Schedule;
use crate::data::{ClassWeights, Matrix};
use crate::error::Error;
use crate::network::{Loss, Network, Optimizer};

/// The settings of a training run, for [`Model::fit`](crate::Model::fit).
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `loss` | [`Loss::MeanSquaredError`] | the loss to minimise |
/// | `optimizer` | [`Optimizer::Sgd`] | how a step updates the weights |
/// | `learning_rate` | the optimizer's default | the size of a step |
/// | `schedule`, `warm_up` | constant, none | how the learning rate changes |
/// | `weight_decay` | the optimizer's default | how strongly weights are pulled towards 0 |
/// | `clip_norm` | none | the maximum norm of all gradients together |
/// | `epochs` | 1 | the number of passes over the data |
/// | `batch_size` | all rows | the number of rows in a step |
/// | `shuffle`, `seed` | true, 0 | the row order, and the seed of shuffling, dropout and the split |
/// | `sample_weights`, `class_weights` | none | how much each row counts |
/// | `metrics` | none | what is measured in addition to the loss |
/// | `validation_split`, `validation_data`, `stratify` | none | validation rows, which are not trained on |
/// | `early_stopping` | none | when to stop before the last epoch |
/// | `on_non_finite` | stop | what to do when the loss is no longer finite |
/// | `log_every` | never | log after epoch 1, and then at a fixed number of epochs |
/// | `log_interval` | never | log at about a fixed time interval |
/// | `log_weights` | false | whether a log contains the weights |
/// | `cancel` | none | a switch to cancel from another thread |
/// | `checkpoint` | none | a file from which training can be resumed |
/// | `engine` | whichever is faster | which engine trains, on a device that runs shaders |
///
/// ```
/// use shaderprop::{EarlyStopping, Fit, Loss, Metric, Optimizer};
/// let fit = Fit::new()
///     .loss(Loss::CategoricalCrossEntropy)
///     .optimizer(Optimizer::adam())
///     .batch_size(32)
///     .epochs(100)
///     .metrics([Metric::Accuracy])
///     .validation_split(0.2)
///     .early_stopping(EarlyStopping::patience(10));
/// ```
#[derive(Clone, Debug)]
pub struct Fit {
    pub(crate) loss: Loss,
    pub(crate) optimizer: Optimizer,
    pub(crate) learning_rate: Option<f64>,
    pub(crate) schedule: Schedule,
    pub(crate) warm_up: usize,
    pub(crate) weight_decay: Option<f64>,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) epochs: usize,
    pub(crate) batch_size: Option<usize>,
    pub(crate) shuffle: bool,
    pub(crate) seed: u64,
    pub(crate) sample_weights: Option<Arc<[f32]>>,
    pub(crate) class_weights: Option<ClassWeights>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) validation: Option<Validation>,
    pub(crate) stratify: bool,
    pub(crate) early_stopping: Option<EarlyStopping>,
    pub(crate) on_non_finite: OnNonFinite,
    pub(crate) log_every: Option<usize>,
    pub(crate) log_interval: Option<Duration>,
    pub(crate) log_weights: bool,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) engine: EngineChoice,
}

/// The validation rows of a training run.
#[derive(Clone, Debug)]
pub(crate) enum Validation {
    /// A share of the rows, drawn with the seed.
    Split(f64),
    /// These inputs and targets.
    Data(Arc<(Matrix<'static>, Matrix<'static>)>),
}

impl Default for Fit {
    fn default() -> Self {
        Self {
            loss: Loss::default(),
            optimizer: Optimizer::default(),
            learning_rate: None,
            schedule: Schedule::default(),
            warm_up: 0,
            weight_decay: None,
            clip_norm: None,
            epochs: 1,
            batch_size: None,
            shuffle: true,
            seed: 0,
            sample_weights: None,
            class_weights: None,
            metrics: Vec::new(),
            validation: None,
            stratify: false,
            early_stopping: None,
            on_non_finite: OnNonFinite::default(),
            log_every: None,
            log_interval: None,
            log_weights: false,
            cancel: None,
            checkpoint: None,
            engine: EngineChoice::default(),
        }
    }
}

impl Fit {
    /// The default settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the loss to minimise.
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// Sets the optimizer.
    #[must_use]
    pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.optimizer = optimizer;
        self
    }

    /// Sets the learning rate: finite, not negative. The default is the optimizer's: 0.001 for Adam and AdamW, 0.01 for
    /// the others.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = Some(learning_rate);
        self
    }

    /// Sets how the learning rate changes from epoch to epoch.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sets a linear warm-up over the first `steps` steps: at step s, counted from 1, the scheduled learning rate is
    /// multiplied by s / `steps`.
    #[must_use]
    pub fn warm_up(mut self, steps: usize) -> Self {
        self.warm_up = steps;
        self
    }

    /// Sets the weight decay δ, which pulls weights and biases towards 0. [`Optimizer::AdamW`] applies p ← p − λ δ p,
    /// the others g ← g + δ p, as in PyTorch. A layer's own weight decay
    /// ([`Network::weight_decay`](crate::Network::weight_decay)) takes precedence. The logged loss does not contain a
    /// penalty. The default is 0.01 for AdamW and 0 for the others.
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = Some(decay);
        self
    }

    /// Sets the maximum norm of the gradient. If the norm over all parameters is larger, all gradients are scaled down
    /// by the same factor to reach it.
    #[must_use]
    pub fn clip_norm(mut self, norm: f64) -> Self {
        self.clip_norm = Some(norm);
        self
    }

    /// Sets the number of passes over the data, at least 1.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets the number of rows in a step, at least 1. A number larger than the number of rows means all rows. The last
    /// batch of an epoch may be smaller. By default each step takes all rows.
    #[must_use]
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.batch_size = Some(rows);
        self
    }

    /// Sets whether the rows are shuffled for each epoch. The order depends on the seed and on the number of epochs
    /// that the model has been trained for. The default is true.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Sets the seed of shuffling, dropout and the validation split. The default is 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how much each row counts in the loss: one weight for each row, finite and not negative. A batch's loss is Σ
    /// w ℓ / Σ w.
    #[must_use]
    pub fn sample_weights(mut self, weights: impl Into<Vec<f32>>) -> Self {
        self.sample_weights = Some(weights.into().into());
        self
    }

    /// Sets how much the rows of each class count. Class weights are multiplied with the sample weights.
    #[must_use]
    pub fn class_weights(mut self, weights: ClassWeights) -> Self {
        self.class_weights = Some(weights);
        self
    }

    /// Sets the metrics that are measured in every epoch in addition to the loss. The numbers of each epoch are then
    /// read back from the device.
    #[must_use]
    pub fn metrics(mut self, metrics: impl IntoIterator<Item = Metric>) -> Self {
        self.metrics.clear();
        for metric in metrics {
            if !self.metrics.contains(&metric) {
                self.metrics.push(metric);
            }
        }
        self
    }

    /// Holds out a share of the rows, between 0 and 1, and validates on it after every epoch. The rows are drawn with
    /// the seed and all count the same. A different seed draws different rows: a second `fit` with a different seed
    /// trains on some rows that were held out before.
    #[must_use]
    pub fn validation_split(mut self, share: f64) -> Self {
        self.validation = Some(Validation::Split(share));
        self
    }

    /// Validates on these rows after every epoch.
    #[must_use]
    pub fn validation_data(mut self, inputs: Matrix<'static>, targets: Matrix<'static>) -> Self {
        self.validation = Some(Validation::Data(Arc::new((inputs, targets))));
        self
    }

    /// Sets whether the validation split keeps the classes in the same proportions as all rows.
    #[must_use]
    pub fn stratify(mut self, stratify: bool) -> Self {
        self.stratify = stratify;
        self
    }

    /// Sets when to stop before the last epoch.
    #[must_use]
    pub fn early_stopping(mut self, stopping: EarlyStopping) -> Self {
        self.early_stopping = Some(stopping);
        self
    }

    /// Sets what to do when the loss or a weight is no longer finite.
    #[must_use]
    pub fn on_non_finite(mut self, what: OnNonFinite) -> Self {
        self.on_non_finite = what;
        self
    }

    /// Sets a switch to cancel training from another thread.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// Sets a file from which training can be resumed.
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: Checkpoint) -> Self {
        self.checkpoint = Some(checkpoint);
        self
    }

    /// Selects the engine.
    #[must_use]
    pub fn engine(mut self, engine: EngineChoice) -> Self {
        self.engine = engine;
        self
    }

    /// Logs after epochs 1, 1 + `epochs`, 1 + 2 · `epochs` and so on. Each log point waits for the device and reads
    /// back the losses since the previous one. Between log points nothing is read back, except that unread losses are
    /// fetched every 65,536 epochs.
    #[must_use]
    pub fn log_every(mut self, epochs: usize) -> Self {
        self.log_every = Some(epochs);
        self
    }

    /// Logs at about this time interval, instead of at a fixed number of epochs. The first and the last epoch are log
    /// points; between two log points there are as many epochs as fit into that time. The results do not depend on it.
    #[must_use]
    pub fn log_interval(mut self, interval: Duration) -> Self {
        self.log_interval = Some(interval);
        self
    }

    /// Sets whether each [`Log`](crate::Log) contains the weights after its epoch. They are read back from the device
    /// with the loss.
    #[must_use]
    pub fn log_weights(mut self, weights: bool) -> Self {
        self.log_weights = weights;
        self
    }

    /// The learning rate that is set, or the optimizer's default.
    pub(crate) fn base_rate(&self) -> f64 {
        self.learning_rate.unwrap_or(self.optimizer.default_learning_rate())
    }

    /// The weight decay that is set, or the optimizer's default.
    pub(crate) fn decay(&self) -> f64 {
        self.weight_decay.unwrap_or(self.optimizer.default_weight_decay())
    }

    pub(crate) fn check(&self, network: &Network) -> Result<(), Error> {
        let setting =
            |what: &str, expected: &str, got: String| Error::Setting { what: what.into(), expected: expected.into(), got };
        let rate = self.base_rate() as f32;
        // Also refuses a rate so small that the device would round it to 0.
        if !rate.is_finite() || rate < 0.0 || (rate == 0.0 && self.base_rate() != 0.0) {
            let expected = "0, or a positive number that an f32 can hold";
            return Err(setting("learning_rate", expected, self.base_rate().to_string()));
        }
        if self.epochs == 0 {
            return Err(setting("epochs", "at least 1", "0".into()));
        }
        if self.batch_size == Some(0) {
            return Err(setting("batch_size", "at least 1 row", "0".into()));
        }
        if self.log_every == Some(0) {
            return Err(setting("log_every", "at least 1 epoch", "0".into()));
        }
        if self.log_every.is_some() && self.log_interval.is_some() {
            return Err(setting("log_interval", "none together with log_every", "both".into()));
        }
        if self.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.every == 0) {
            return Err(setting("the epochs between checkpoints", "at least 1", "0".into()));
        }
        if !((self.decay() as f32).is_finite() && self.decay() >= 0.0) {
            return Err(setting("weight_decay", "a finite number of at least 0", self.decay().to_string()));
        }
        if let Some(norm) = self.clip_norm.filter(|norm| !((*norm as f32).is_normal() && *norm > 0.0)) {
            return Err(setting("clip_norm", "a positive number that an f32 can hold", norm.to_string()));
        }
        for (name, value) in self.optimizer.settings() {
            let (fits, expected) = match name {
                "epsilon" => ((value as f32).is_normal() && value > 0.0, "a positive number that an f32 can hold"),
                _ => ((0.0..1.0).contains(&value) && (value as f32) < 1.0, "a number from 0 to below 1"),
            };
            if !fits {
                return Err(setting(&format!("{name} of {}", self.optimizer.name()), expected, value.to_string()));
            }
        }
        self.schedule.check()?;
        if let Some(stopping) = self.early_stopping {
            if stopping.patience == 0 {
                return Err(setting("patience", "at least 1 epoch", "0".into()));
            }
            if !(stopping.min_delta.is_finite() && stopping.min_delta >= 0.0) {
                return Err(setting("min_delta", "a finite number of at least 0", stopping.min_delta.to_string()));
            }
        }
        if let Some(Validation::Split(share)) = self.validation
            && !(share > 0.0 && share < 1.0)
        {
            return Err(setting("validation_split", "a share between 0 and 1", share.to_string()));
        }
        for metric in &self.metrics {
            metric.check(network, self.loss)?;
        }
        Ok(())
    }

    /// Whether the numbers of each epoch are needed before the next begins.
    pub(crate) fn needs_every_epoch(&self) -> bool {
        self.validation.is_some() || !self.metrics.is_empty() || self.early_stopping.is_some() || self.schedule.watches()
    }

    /// Whether a checkpoint is written after that epoch, counted from 1.
    pub(crate) fn saves(&self, epoch: usize) -> bool {
        self.checkpoint.as_ref().is_some_and(|checkpoint| epoch.is_multiple_of(checkpoint.every))
    }

    /// All settings that affect the results, by name, as a checkpoint stores them.
    pub(crate) fn settings(&self) -> BTreeMap<String, String> {
        let Self {
            loss,
            optimizer,
            learning_rate: _,
            schedule,
            warm_up,
            weight_decay: _,
            clip_norm,
            // The number of epochs may be raised, and the remaining settings do not affect the results.
            epochs: _,
            batch_size,
            shuffle,
            seed,
            // The sample weights are part of the data's fingerprint.
            sample_weights: _,
            class_weights: _,
            metrics,
            validation: _,
            stratify: _,
            early_stopping,
            on_non_finite,
            log_every: _,
            log_interval: _,
            log_weights: _,
            cancel: _,
            checkpoint: _,
            engine: _,
        } = self;
        let settings = [
            ("loss", loss.name().into()),
            ("optimizer", format!("{optimizer:?}")),
            ("learning_rate", format!("{:?}", self.base_rate())),
            ("schedule", format!("{schedule:?}")),
            ("warm_up", warm_up.to_string()),
            ("weight_decay", format!("{:?}", self.decay())),
            ("clip_norm", clip_norm.map_or("none".into(), |norm| format!("{norm:?}"))),
            ("batch_size", batch_size.map_or("all rows".into(), |rows| rows.to_string())),
            ("shuffle", shuffle.to_string()),
            ("seed", seed.to_string()),
            ("metrics", metrics.iter().map(|metric| metric.name()).collect::<Vec<_>>().join(", ")),
            ("early_stopping", early_stopping.map_or("none".into(), |stopping| format!("{stopping:?}"))),
            ("on_non_finite", format!("{on_non_finite:?}")),
        ];
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Whether that epoch, counted from 1, is a log point if the training stops there and this much time has passed
    /// `since` the previous one.
    pub(crate) fn logs(&self, epoch: usize, since: Duration) -> bool {
        // A stop is due either to the interval or to what is needed every epoch: half the interval distinguishes them.
        let due = self.log_interval.is_some_and(|interval| epoch == 1 || epoch == self.epochs || since >= interval / 2);
        due || self.log_every.is_some_and(|every| epoch.wrapping_sub(1).is_multiple_of(every))
    }

    /// The next epoch after `done` whose losses must be read: a log point, the last epoch, or simply the next one.
    pub(crate) fn next_stop(&self, done: usize) -> usize {
        if self.needs_every_epoch() {
            return done + 1;
        }
        let log = self.log_every.and_then(|every| done.div_ceil(every).checked_mul(every)?.checked_add(1));
        let save = self.checkpoint.as_ref().and_then(|checkpoint| (done / checkpoint.every + 1).checked_mul(checkpoint.every));
        [log, save].into_iter().flatten().fold(self.epochs, usize::min)
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
        assert_eq!(stops(&Fit::new().epochs(3).metrics([Metric::Accuracy])), [1, 2, 3]);
        let saved = |every| Fit::new().epochs(10).checkpoint(Checkpoint::new("file").every(every));
        assert_eq!(stops(&saved(4)), [4, 8, 10]);
        assert_eq!(stops(&saved(5).log_every(4)), [1, 5, 9, 10]);
        assert_eq!(stops(&saved(usize::MAX)), [10]);
    }
}
