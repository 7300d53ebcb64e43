//! A training run in progress: what each part of the loop does.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use web_time::Instant;

use super::best_loss::BestLoss;
use super::checkpoint::{SavedState, Saver};
use super::diverged::{Good, diverged_parameters, not_finite};
use super::history::{Ended, History, Log};
use super::readout::{End, Readout};
use super::start::{Failed, Start, Trained};
use super::state::State;
use super::task::{Task, frame};
use super::training_data::TrainingData;
use crate::data::{Data, Preprocessing};
use crate::engine::{Batches, DataShape, Losses, Running, Setup, Snapshot, TrainingShape};
use crate::error::Error;
use crate::gpu::{ANY, Pace, PaceRules};
use crate::settings::{Cancel, Fit, Measured, Metric, Scale};

/// The maximum number of steps that are prepared at once, in whole epochs.
const MOST_STEPS: usize = 65_536;

/// How the number of epochs between two logs adapts to their measured time.
const LOGS: PaceRules = PaceRules { rise: 1.0, fall: 1.0, growth: 4.0, enough: 0.0, least: 1.0, answers_late: true, range: ANY };

/// A running training.
pub struct Training<'a> {
    start: &'a Start<'a>,
    fit: &'a Fit,
    batches: Batches,
    readout: Readout,
    saver: Option<Saver>,
    /// The scales that compute metrics in training, and over the validation rows.
    scales: (Scale, Option<Scale>),
    /// The number of epochs whose losses can be kept on the device.
    room: usize,
    /// Whether the parameters of the last check are kept.
    keeps_good: bool,
    good: Good,
    state: State,
    watch: BestLoss,
    /// The parameters of the best epoch, if that epoch was before the training was resumed.
    best: Option<Vec<f64>>,
    history: History,
    /// The number of epochs done.
    done: usize,
    /// Whether steps of one more epoch have been run: the training was cancelled within it.
    within_epoch: bool,
    /// Whether early stopping has ended it, even if something else ended it in the same epoch.
    stopped: bool,
    pace: Pace,
    /// When the epochs since the last stop began, and when the last log was.
    began: Instant,
    logged: Instant,
    /// Whether a log was handed to the callback since then.
    has_logged: bool,
}

impl<'a> Training<'a> {
    /// Starts or resumes a training run.
    pub async fn new(start: &'a Start<'a>, rows: &TrainingData<'_>, fit: &'a Fit) -> Result<Self, Failed> {
        let resumed = start.resumed.as_ref();
        let mut state = resumed.map_or_else(|| start.state.continued(fit), |resumed| resumed.state.clone());
        let task = Task { network: start.network, layout: start.layout, fit };
        let shape = DataShape::of(&rows.train);
        let frame = frame(task, shape, rows.validation.as_ref().map(DataShape::of), start.device.limits());
        // From here on they are in the engine.
        let slots = std::mem::take(&mut state.slots);
        let parameters = resumed.map_or(start.parameters, |resumed| &resumed.parameters);
        let setup = Setup { frame, parameters, slots: &slots, data: &rows.train, validation: rows.validation.as_ref() };
        let engine = Running::training(start.device, setup).await?;
        let name = engine.name();
        drop(slots);
        let mut training = Self {
            start,
            fit,
            batches: Batches::of(fit, rows.train.inputs.rows()),
            readout: Readout::new(engine, start.layout, fit)?,
            saver: Saver::of(start, rows, fit, name)?,
            scales: scales(start, rows, &frame),
            room: frame.room,
            keeps_good: frame.snapshots.contains(&Snapshot::Good),
            good: Good::Before,
            state,
            watch: BestLoss::default(),
            best: None,
            history: History { engine: name, ..History::default() },
            done: 0,
            within_epoch: false,
            stopped: false,
            pace: Pace::new(LOGS),
            began: Instant::now(),
            logged: Instant::now(),
            has_logged: false,
        };
        if let Some(resumed) = resumed {
            resumed.compare(start, name);
            training.history = History { engine: name, ..resumed.history.clone() };
            (training.watch, training.best) = (resumed.watch.clone(), resumed.best.clone());
            training.good = Good::Resumed(resumed.parameters.clone(), training.state.clone());
            training.done = training.history.loss.len();
            training.stopped = training.history.ended == Ended::EarlyStopping;
        }
        Ok(training)
    }

    /// Whether there are epochs left.
    pub fn has_epochs_left(&self) -> bool {
        self.done < self.fit.epochs && self.history.ended == Ended::Finished && !self.within_epoch
    }

    /// Ends it after this epoch.
    pub fn end(&mut self, why: Ended) {
        self.history.ended = why;
    }

    fn is_cancelled(&self) -> bool {
        self.fit.cancel.as_ref().is_some_and(Cancel::is_cancelled)
    }

    /// The next epoch after which results are needed.
    fn next_look(&self) -> usize {
        let next = self.fit.next_stop(self.done).min(self.done + self.room);
        let Some(interval) = self.fit.log_interval else { return next };
        // The fixed time of an answer is a part of the interval, but not all of it.
        let time = interval.saturating_sub(self.pace.fixed()).max(interval / 2);
        let epochs = self.pace.fitting(time).map_or(1, |epochs| epochs as usize);
        next.min(self.done.saturating_add(epochs.max(1)))
    }

    /// Runs whole epochs up to the next one whose results are needed, and returns how many: fewer if it is cancelled.
    pub async fn run_epochs(&mut self) -> Result<usize, Error> {
        let (first, end, steps) = (self.done, self.next_look(), self.batches.steps());
        self.began = Instant::now();
        // The callback's own time is not a part of the interval between two logs.
        if std::mem::take(&mut self.has_logged) {
            self.logged = Instant::now();
        }
        while self.done < end && !self.is_cancelled() {
            let (before, mut prepared) = (self.state.clone(), Vec::new());
            for _ in 0..(MOST_STEPS / steps).clamp(1, end - self.done) {
                self.state.epoch(self.fit, &self.batches, &mut prepared);
            }
            let taken = self.readout.engine.run(&prepared).await?;
            let rates = prepared[..taken].chunks_exact(steps).map(|epoch| epoch[steps - 1].learning_rate);
            self.history.learning_rate.extend(rates);
            self.done += taken / steps;
            if taken < prepared.len() {
                self.state = before.after((taken / steps) as u64, self.fit, &self.batches);
                self.state.steps += (taken % steps) as u64;
                self.within_epoch = taken % steps > 0;
                break;
            }
        }
        if self.done == self.fit.epochs {
            self.readout.release();
        }
        Ok(self.done - first)
    }

    /// Reads the losses of these epochs, and checks that they and the parameters are finite.
    pub async fn read_losses(&mut self, epochs: usize) -> Result<(), Failed> {
        // Nothing was run: it was cancelled before.
        if epochs == 0 && !self.within_epoch {
            return Ok(());
        }
        let logs = self.fit.log_weights && self.done > 0 && self.fit.logs(self.done, self.logged.elapsed());
        let with_parameters = self.done == self.fit.epochs || logs;
        let Losses { epochs: losses, measured, finite } = self.readout.engine.losses(with_parameters).await?;
        self.history.loss.extend(losses);
        if epochs > 0 {
            note(&mut self.history.metrics, &self.fit.metrics, &measured, &self.scales.0);
        }
        let mut diverged = not_finite("a loss", &self.history.loss, epochs, self.fit);
        if diverged.is_none() && !finite {
            let parameters = self.readout.parameters(None).await?;
            let epoch = self.done + usize::from(self.within_epoch);
            diverged = diverged_parameters(self.start.layout, &parameters, epoch, self.fit);
        }
        self.fail_if(diverged).await
    }

    /// Evaluates the validation rows, if there are any. Returns false if that was cancelled: the epoch is then not complete
    /// and is removed.
    pub async fn validate(&mut self) -> Result<bool, Failed> {
        let Some(scale) = self.scales.1 else { return Ok(true) };
        let Some(measured) = self.readout.engine.validate().await? else {
            self.leave_epoch();
            return Ok(false);
        };
        self.history.validation_loss.push(measured.losses[0]);
        note(&mut self.history.validation_metrics, &self.fit.metrics, &measured, &scale);
        let diverged = not_finite("a validation loss", &self.history.validation_loss, 1, self.fit);
        self.fail_if(diverged).await?;
        Ok(true)
    }

    /// Removes the last epoch, which was cancelled before its validation.
    fn leave_epoch(&mut self) {
        let metrics = self.history.metrics.values_mut();
        for values in metrics.chain([&mut self.history.loss, &mut self.history.learning_rate]) {
            values.pop();
        }
        self.done -= 1;
        self.state.epochs -= 1;
        self.within_epoch = true;
    }

    /// Fails with that error, if there is one, and with the parameters of the last check.
    async fn fail_if(&mut self, diverged: Option<Error>) -> Result<(), Failed> {
        let Some(error) = diverged else { return Ok(()) };
        self.readout.release();
        let kept = std::mem::take(&mut self.good).find(&mut self.readout).await?;
        Err(Failed { error, kept })
    }

    /// Records how the loss has changed: for early stopping, for a schedule that watches the loss, and to go back if
    /// the training diverges later.
    pub fn watch(&mut self) -> Result<(), Error> {
        if self.within_epoch {
            return Ok(());
        }
        if self.keeps_good && self.done < self.fit.epochs {
            self.readout.engine.keep(Snapshot::Good)?;
            self.good = Good::Snapshot(self.state.clone());
        }
        let watched = self.history.validation_loss.last().or(self.history.loss.last()).copied().unwrap_or(f64::NAN);
        if self.fit.needs_every_epoch() {
            self.fit.schedule.watch(watched, &mut self.state.plateau);
        }
        let Some(stopping) = self.fit.early_stopping else { return Ok(()) };
        if self.watch.improves(watched, stopping.min_delta, self.done) && stopping.restore_best {
            self.readout.engine.keep(Snapshot::Best)?;
            self.best = None;
        }
        if self.watch.since >= stopping.patience {
            self.stopped = true;
            self.end(Ended::EarlyStopping);
        }
        Ok(())
    }

    /// Writes a checkpoint if one is due.
    pub async fn save(&mut self) -> Result<(), Failed> {
        if self.fit.saves(self.done) { self.save_now().await } else { Ok(()) }
    }

    /// Writes a checkpoint unless there is one of this epoch. Within an epoch none is written, and the previous one is
    /// kept.
    async fn save_now(&mut self) -> Result<(), Failed> {
        // Before the first epoch there is nothing to resume.
        let due = self.done > 0 && !self.within_epoch;
        let Some(saver) = self.saver.as_mut().filter(|saver| due && !saver.has(self.done)) else {
            return Ok(());
        };
        let restores = self.fit.early_stopping.is_some_and(|stopping| stopping.restore_best);
        let standing = SavedState { state: &self.state, watch: &self.watch, history: &self.history, stopped: self.stopped };
        let (layout, best_epoch) = (self.start.layout, self.watch.best_epoch);
        self.readout
            .with_memory(async |engine| {
                let end = End::of(engine).await?;
                if restores && !saver.knows_best(best_epoch) {
                    let best = engine.parameters(Some(Snapshot::Best)).await?;
                    saver.best = best_epoch.map(|epoch| (epoch, best));
                }
                saver.save(layout, &end, &standing).map_err(|error| {
                    // If the checkpoint cannot be written, the training so far need not be lost.
                    let state = State { slots: end.slots, ..standing.state.clone() };
                    Failed { error, kept: Some((end.parameters, state)) }
                })
            })
            .await?;
        self.start.saved.inspect(|told| told.store(true, Ordering::Relaxed));
        Ok(())
    }

    /// The log of the last of these epochs, if one is due.
    pub async fn log(&mut self, epochs: usize) -> Result<Option<Log>, Error> {
        self.pace.learn(epochs as f64, self.began.elapsed());
        let stops = self.fit.log_interval.is_some() && self.stopped;
        // Within an epoch the weights are no longer those of the last whole one.
        if self.within_epoch || !(stops || self.fit.logs(self.done, self.logged.elapsed())) {
            return Ok(None);
        }
        let mut log = self.history.last(self.done);
        if self.fit.log_weights {
            log.weights = self.start.layout.tensors(&self.readout.parameters(None).await?);
        }
        self.has_logged = true;
        Ok(Some(log))
    }

    /// The results of the training.
    pub async fn finish(mut self) -> Result<Trained, Failed> {
        if self.history.ended == Ended::Finished && self.done < self.fit.epochs {
            self.end(Ended::Cancelled);
        }
        self.readout.release();
        self.save_now().await?;
        let restores = self.fit.early_stopping.is_some_and(|stopping| stopping.restore_best) && self.watch.best_epoch.is_some();
        let parameters = match self.best.filter(|_| restores) {
            Some(best) => best,
            None => self.readout.parameters(restores.then_some(Snapshot::Best)).await?,
        };
        self.history.best_epoch = self.watch.best_epoch;
        self.state.slots = self.readout.engine.slots().await?;
        if restores {
            // The optimizer state belonged to other weights and may not even be finite.
            self.state.forget_optimizer();
        }
        Ok(Trained { parameters, state: self.state, history: self.history })
    }
}

/// The scales that compute metrics in training, and over the validation rows.
fn scales(start: &Start<'_>, rows: &TrainingData<'_>, frame: &TrainingShape<'_>) -> (Scale, Option<Scale>) {
    let outputs = start.network.outputs();
    let scale = |data: &Data<'_>| Scale {
        rows: data.inputs.rows(),
        outputs,
        counts: frame.scores.counts,
        variance: if frame.scores.errors { data.variance(outputs) } else { f64::NAN },
        unit: start.preprocessing.map_or(1.0, Preprocessing::unit),
    };
    (scale(&rows.train), rows.validation.as_ref().map(scale))
}

/// Adds the metrics of an epoch.
fn note(of: &mut BTreeMap<String, Vec<f64>>, metrics: &[Metric], measured: &Measured, scale: &Scale) {
    for metric in metrics {
        of.entry(metric.name().into_owned()).or_default().push(metric.value(measured, scale));
    }
}
