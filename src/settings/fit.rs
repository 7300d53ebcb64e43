//! How to train: the settings of a `fit`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::metric::Metric;
use super::schedule::Schedule;
use crate::data::{ClassWeights, Matrix};
use crate::error::Error;
use crate::network::Loss;
use crate::network::Network;
use crate::network::Optimizer;

/// The settings of [`Model::fit`](crate::Model::fit).
///
/// | setting | default | what it is |
/// |---|---|---|
/// | `loss` | [`Loss::MeanSquaredError`] | what is made small |
/// | `optimizer` | [`Optimizer::Sgd`] | how a step changes the weights |
/// | `learning_rate` | the optimizer's | how far a step goes |
/// | `schedule`, `warm_up` | constant, none | how the learning rate changes |
/// | `weight_decay` | the optimizer's | how strongly weights are drawn to 0 |
/// | `clip_norm` | none | the largest norm of all gradients together |
/// | `epochs` | 1 | how often all rows are gone through |
/// | `batch_size` | all rows | the rows of a step |
/// | `shuffle`, `seed` | true, 0 | the order of the rows, and all that is left to chance |
/// | `sample_weights`, `class_weights` | none | how much a row counts |
/// | `metrics` | none | what is measured beside the loss |
/// | `validation_split`, `validation_data`, `stratify` | none | rows to measure on, which are not trained on |
/// | `early_stopping` | none | when to stop before the last epoch |
/// | `on_non_finite` | stop | what to do when the loss leaves the finite numbers |
/// | `log_every` | never | log after epoch 1, and then after every so many epochs |
/// | `log_interval` | never | log about so often |
/// | `log_weights` | false | whether a log has the weights |
/// | `cancel` | none | a switch for another thread |
/// | `checkpoint` | none | a file from which the training can be resumed |
/// | `engine` | whichever is faster | what trains, on a device that runs shaders |
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

/// A file that holds all of a training's state, so that [`Model::resume`](crate::Model::resume) goes on from there after whatever happened:
/// weights, what the optimizer keeps, how far the schedule and early stopping are, the history. What comes out at the end is bit by bit what the
/// training would have given if nobody had stopped it, on the same device.
///
/// It is written after every so many epochs and at the end, each time whole or not at all, in place of the one before. [`Model::load`](crate::Model::load)
/// also takes the weights out of it.
///
/// ```
/// use shaderprop::{Checkpoint, Fit};
/// let fit = Fit::new().epochs(100).checkpoint(Checkpoint::new("run.checkpoint").every(10));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub(crate) path: PathBuf,
    pub(crate) every: usize,
    pub(crate) overwrite: bool,
}

impl Checkpoint {
    /// In that file, after every epoch.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), every: 1, overwrite: false }
    }

    /// After every so many epochs, at least 1, instead of each. The weights are read back then.
    #[must_use]
    pub fn every(mut self, epochs: usize) -> Self {
        self.every = epochs;
        self
    }

    /// Whether a training that begins anew may replace a file that is there already, which it may not where nothing is set. A training that is resumed
    /// from the file replaces it in any case.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }
}

/// Which engine trains, on a device that runs shaders: the same numbers within rounding. [`Model::engine`](crate::Model::engine) says which it will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineChoice {
    /// The fused one where it takes the training and is the faster one, by the network, the rows and the adapter alone; in a
    /// [`Sweep`](crate::Sweep) wherever it takes it.
    #[default]
    Auto,
    /// A dispatch for each stage of a step.
    Staged,
    /// Many epochs in a dispatch. What it does not take goes to the staged one, with a warning in the log.
    Fused,
}

/// Which rows a training is measured on.
#[derive(Clone, Debug)]
pub(crate) enum Validation {
    /// That share of the rows, drawn by the seed.
    Split(f64),
    /// These inputs and targets.
    Data(Arc<(Matrix<'static>, Matrix<'static>)>),
}

/// When to stop before the last epoch: when the watched loss, which is that of the validation rows where there are any, has not
/// improved for some epochs.
///
/// ```
/// use shaderprop::EarlyStopping;
/// let stopping = EarlyStopping::patience(5).min_delta(1e-4).restore_best(false);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    pub(crate) patience: usize,
    pub(crate) min_delta: f64,
    pub(crate) restore_best: bool,
}

impl EarlyStopping {
    /// Stop after so many epochs without improvement, at least 1. The best weights come back at the end.
    pub fn patience(epochs: usize) -> Self {
        Self { patience: epochs, min_delta: 0.0, restore_best: true }
    }

    /// By how much a loss must lie below the best to be an improvement; 0 where it is not set.
    #[must_use]
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = delta;
        self
    }

    /// Whether the weights of the best epoch come back at the end, which they do where it is not set. Their snapshot stays on the device
    /// meanwhile.
    #[must_use]
    pub fn restore_best(mut self, restore: bool) -> Self {
        self.restore_best = restore;
        self
    }
}

/// What to do when the loss or a weight is no longer finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnNonFinite {
    /// Stop with [`Error::Diverged`]; the model keeps the weights of the log point before, else those that it was resumed with or had before the
    /// call. The optimizer then begins anew.
    #[default]
    Stop,
    /// Go on.
    Continue,
}

/// A switch with which another thread cancels a training.
///
/// The training ends after the step that it is in, or within a quarter of a second of device time where steps are shorter. The weights reached
/// by then stay; if early stopping restores the best weights, those do. The history has the whole epochs: an epoch that was left before its end,
/// or before its validation rows were measured, is not in it, and no [`Checkpoint`] is written of it. A training that has ended by then was not
/// cancelled, and its [`Ended`](crate::Ended) says why it ended.
///
/// ```
/// use shaderprop::{Cancel, Fit};
/// let cancel = Cancel::new();
/// let fit = Fit::new().cancel(&cancel);
/// std::thread::spawn(move || cancel.cancel());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl From<Arc<AtomicBool>> for Cancel {
    /// The switch that is thrown when that flag is set, as a handler of signals does.
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }
}

impl Cancel {
    /// A switch that is not thrown yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws it.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was thrown.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the closure of [`fit_with`](crate::Model::fit_with) may answer: nothing, or [`ControlFlow`](std::ops::ControlFlow) to stop.
pub trait Answer {
    /// Whether training goes on.
    fn goes_on(&self) -> bool;
}

impl Answer for () {
    fn goes_on(&self) -> bool {
        true
    }
}

impl Answer for std::ops::ControlFlow<()> {
    fn goes_on(&self) -> bool {
        self.is_continue()
    }
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

    /// How a step changes the weights.
    #[must_use]
    pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.optimizer = optimizer;
        self
    }

    /// How far a step goes: finite, not negative. Where it is not set, the optimizer's: 0.01, or 0.001 for Adam and AdamW.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = Some(learning_rate);
        self
    }

    /// How the learning rate changes from epoch to epoch.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Over the first so many steps the learning rate rises to what the schedule says: at step s, from 1, it is multiplied by s / `steps`.
    #[must_use]
    pub fn warm_up(mut self, steps: usize) -> Self {
        self.warm_up = steps;
        self
    }

    /// How strongly weights and biases are drawn to 0, δ: with [`Optimizer::AdamW`] p ← p − λ δ p, with the others g ← g + δ p, as in PyTorch.
    /// A layer's own ([`Network::weight_decay`](crate::Network::weight_decay)) goes before it. The loss that is logged does not contain it. Where
    /// it is not set, 0, but 0.01 for AdamW.
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = Some(decay);
        self
    }

    /// All gradients are multiplied by the same number, so that their norm, the root of the sum of all their squares, is at most this.
    #[must_use]
    pub fn clip_norm(mut self, norm: f64) -> Self {
        self.clip_norm = Some(norm);
        self
    }

    /// How often all rows are gone through: at least once.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// The rows of a step: at least 1; more than there are means all. The last batch of an epoch has what is left, and is trained as the
    /// smaller batch it is. Where it is not set, every step takes all rows.
    #[must_use]
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.batch_size = Some(rows);
        self
    }

    /// Whether each epoch takes the rows in another order, which depends on the seed and on how many epochs the model was trained for.
    #[must_use]
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// What shuffling, dropout and a validation split depend on.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How much each row counts in the loss: finite, not negative, one for each row. A batch's loss is Σ w ℓ / Σ w.
    #[must_use]
    pub fn sample_weights(mut self, weights: impl Into<Vec<f32>>) -> Self {
        self.sample_weights = Some(weights.into().into());
        self
    }

    /// How much the rows of each class count, multiplied with their sample weights.
    #[must_use]
    pub fn class_weights(mut self, weights: ClassWeights) -> Self {
        self.class_weights = Some(weights);
        self
    }

    /// What is measured beside the loss, every epoch. Each epoch's numbers are read back then.
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

    /// Trains on all but that share of the rows, drawn by the seed, and measures on it after every epoch. Between 0 and 1. Rows of a validation all
    /// count the same. Another seed draws other rows: a second `fit` with one trains on some that were held out before.
    #[must_use]
    pub fn validation_split(mut self, share: f64) -> Self {
        self.validation = Some(Validation::Split(share));
        self
    }

    /// Measures on these rows after every epoch.
    #[must_use]
    pub fn validation_data(mut self, inputs: Matrix<'static>, targets: Matrix<'static>) -> Self {
        self.validation = Some(Validation::Data(Arc::new((inputs, targets))));
        self
    }

    /// Whether a validation split, where there is one, has the classes in the same shares as all rows.
    #[must_use]
    pub fn stratify(mut self, stratify: bool) -> Self {
        self.stratify = stratify;
        self
    }

    /// When to stop before the last epoch.
    #[must_use]
    pub fn early_stopping(mut self, stopping: EarlyStopping) -> Self {
        self.early_stopping = Some(stopping);
        self
    }

    /// What to do when the loss or a weight is no longer finite.
    #[must_use]
    pub fn on_non_finite(mut self, what: OnNonFinite) -> Self {
        self.on_non_finite = what;
        self
    }

    /// A switch for another thread.
    #[must_use]
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.cancel = Some(cancel.clone());
        self
    }

    /// A file from which the training can be resumed.
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: Checkpoint) -> Self {
        self.checkpoint = Some(checkpoint);
        self
    }

    /// What trains.
    #[must_use]
    pub fn engine(mut self, engine: EngineChoice) -> Self {
        self.engine = engine;
        self
    }

    /// Log after epoch 1, 1 + `epochs`, 1 + 2 · `epochs` and so on. Each log point waits for the device and reads back the
    /// losses since the last one; between them nothing comes back, except that losses nobody has read are fetched every 65,536 epochs.
    #[must_use]
    pub fn log_every(mut self, epochs: usize) -> Self {
        self.log_every = Some(epochs);
        self
    }

    /// Log about so often, instead of after so many epochs: the first epoch and the last are log points, and between two of them as many epochs pass
    /// as take that time. What is computed does not depend on it.
    #[must_use]
    pub fn log_interval(mut self, interval: Duration) -> Self {
        self.log_interval = Some(interval);
        self
    }

    /// Whether each [`Log`](crate::Log) has the weights after its epoch: they come back from the device with the loss.
    #[must_use]
    pub fn log_weights(mut self, weights: bool) -> Self {
        self.log_weights = weights;
        self
    }

    /// The learning rate that is set, or the optimizer's.
    pub(crate) fn base_rate(&self) -> f64 {
        self.learning_rate.unwrap_or(self.optimizer.default_learning_rate())
    }

    /// The weight decay that is set, or the optimizer's.
    pub(crate) fn decay(&self) -> f64 {
        self.weight_decay.unwrap_or(self.optimizer.default_weight_decay())
    }

    pub(crate) fn check(&self, network: &Network) -> Result<(), Error> {
        let setting =
            |what: &str, expected: &str, got: String| Error::Setting { what: what.into(), expected: expected.into(), got };
        let rate = self.base_rate() as f32;
        // One so small that the device would take it for 0 is refused too.
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
            return Err(setting("log_interval", "none beside log_every", "both".into()));
        }
        if self.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.every == 0) {
            return Err(setting("the epochs between checkpoints", "at least 1", "0".into()));
        }
        if !((self.decay() as f32).is_finite() && self.decay() >= 0.0) {
            return Err(setting("weight_decay", "a finite number from 0 on", self.decay().to_string()));
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
                return Err(setting("min_delta", "a finite number from 0 on", stopping.min_delta.to_string()));
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

    /// Whether each epoch's numbers are looked at before the next begins.
    pub(crate) fn looks_every_epoch(&self) -> bool {
        self.validation.is_some() || !self.metrics.is_empty() || self.early_stopping.is_some() || self.schedule.watches()
    }

    /// Whether the training's state is saved after that epoch, counted from 1.
    pub(crate) fn saves(&self, epoch: usize) -> bool {
        self.checkpoint.as_ref().is_some_and(|checkpoint| epoch.is_multiple_of(checkpoint.every))
    }

    /// All settings on which a training's numbers depend, by name, as a checkpoint holds them.
    pub(crate) fn settings(&self) -> BTreeMap<String, String> {
        let Self {
            loss,
            optimizer,
            learning_rate: _,
            schedule,
            warm_up,
            weight_decay: _,
            clip_norm,
            // More may be added, and nothing else that follows changes a number.
            epochs: _,
            batch_size,
            shuffle,
            seed,
            // They are in what is said of the data.
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

    /// Whether that epoch, counted from 1, is a log point where training stops there and so long has passed `since` the last one.
    pub(crate) fn logs(&self, epoch: usize, since: Duration) -> bool {
        // A stop is there for the interval, or for what is looked at each epoch: half the interval tells them apart.
        let due = self.log_interval.is_some_and(|interval| epoch == 1 || epoch == self.epochs || since >= interval / 2);
        due || self.log_every.is_some_and(|every| epoch.wrapping_sub(1).is_multiple_of(every))
    }

    /// Whether that epoch may be a log point, as far as that is known before its losses are read.
    pub(crate) fn may_log(&self, epoch: usize) -> bool {
        self.log_interval.is_some() || self.logs(epoch, Duration::ZERO)
    }

    /// The next epoch after `done` whose losses must be read: a log point, or the last, or the very next.
    pub(crate) fn next_stop(&self, done: usize) -> usize {
        if self.looks_every_epoch() {
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
