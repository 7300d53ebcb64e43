//! The trainer: owns batches, learning rates, validation and stopping, whatever the engine.

use std::collections::BTreeMap;

use crate::data::Data;
use crate::device::Device;
use crate::engine::{Batches, End, Frame, Losses, Rows, Running, Setup, Snapshot, Step};
use crate::error::Error;
use crate::fit::{Answer, Fit, OnNonFinite, Validation};
use crate::history::{Ended, History, Log};
use crate::metric::{Measured, Metric, Scale};
use crate::network::{Layout, Network};
use crate::optimizer::Optimizer;
use crate::plan::Limits;
use crate::schedule::{Plateau, Schedule};
use crate::split::Split;

/// What a model carries from one training to the next: where the optimizer, the order of the rows and the schedule go on.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What the optimizer keeps, flat; empty before it began.
    pub slots: Vec<Vec<f64>>,
    /// Whose slots these are.
    pub optimizer: Optimizer,
    /// The steps that it has taken.
    pub steps: u64,
    /// The epochs that the model has been trained for.
    pub epochs: u64,
    pub schedule: Schedule,
    /// The epochs before that schedule began.
    pub schedule_began: u64,
    pub plateau: Plateau,
}

impl State {
    /// The state from which these settings go on: another optimizer or schedule than before begins anew.
    pub fn going_on(&self, fit: &Fit) -> Self {
        let mut state = self.clone();
        if state.optimizer != fit.optimizer {
            (state.optimizer, state.slots, state.steps) = (fit.optimizer, Vec::new(), 0);
        }
        if state.schedule != fit.schedule {
            (state.schedule, state.schedule_began, state.plateau) = (fit.schedule, state.epochs, Plateau::default());
        }
        state
    }

    /// The optimizer begins anew; what is known of epochs stays.
    pub fn forget_optimizer(&mut self) {
        (self.slots, self.steps) = (Vec::new(), 0);
    }

    /// The learning rate of the next epoch, but for the warm-up.
    fn rate(&self, fit: &Fit) -> f64 {
        fit.schedule.rate(fit.base_rate(), self.epochs - self.schedule_began, &self.plateau)
    }

    /// The steps of the next epoch; the state is then behind it.
    pub fn epoch(&mut self, fit: &Fit, batches: &Batches, steps: &mut Vec<Step>) {
        let rate = self.rate(fit);
        let rates = fit.schedule.rates(self.epochs - self.schedule_began, rate);
        for batch in 0..batches.steps() {
            self.steps += 1;
            let warmed = warmed(self.steps, fit.warm_up);
            steps.push(Step {
                learning_rate: rate * warmed,
                rates: rates.map(|rate| rate * warmed),
                number: self.steps,
                epoch: self.epochs as u32,
                batch: batch as u32,
            });
        }
        self.epochs += 1;
    }

    /// The state so many epochs later.
    pub fn after(mut self, epochs: u64, fit: &Fit, batches: &Batches) -> Self {
        let mut steps = Vec::new();
        for _ in 0..epochs {
            steps.clear();
            self.epoch(fit, batches, &mut steps);
        }
        self
    }
}

fn warmed(step: u64, warm_up: usize) -> f64 {
    if step < warm_up as u64 { step as f64 / warm_up as f64 } else { 1.0 }
}

/// What a training ends with.
pub struct Trained {
    pub parameters: Vec<f64>,
    pub state: State,
    pub history: History,
}

/// What went wrong, and parameters to keep if some are better than those before the call.
pub struct Failed {
    pub error: Error,
    /// With the state in which the optimizer begins anew.
    pub kept: Option<(Vec<f64>, State)>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, kept: None }
    }
}

/// A network with weights, as the trainer takes it.
pub struct Start<'a> {
    pub device: &'a Device,
    pub network: &'a Network,
    pub layout: &'a Layout,
    pub parameters: &'a [f64],
    pub state: &'a State,
}

/// The losses that wait on the device until they are read: a run without log points reads them this often.
const MOST_UNREAD: usize = 65_536;

/// The steps that are prepared at once, in whole epochs; fewer where another thread may cancel.
const MOST_STEPS: [usize; 2] = [65_536, 1024];

/// The rows to train on, and those to measure on.
pub fn parts<'a>(network: &Network, data: Data<'a>, fit: &'a Fit) -> Result<(Data<'a>, Option<Data<'a>>), Error> {
    let data = data.with_sample_weights(fit)?;
    let (data, validation) = match &fit.validation {
        None => (data, None),
        Some(Validation::Data(given)) => {
            let (inputs, targets) = ((&given.0).into(), (&given.1).into());
            (data, Some(Data::named("validation ", network, fit.loss, inputs, targets)?))
        }
        Some(Validation::Split(share)) => {
            let split = match data.row_classes(network, fit.loss).filter(|_| fit.stratify) {
                Some(classes) => Split::stratified(&classes),
                None if fit.stratify => {
                    return Err(Error::Setting {
                        what: "stratify".into(),
                        expected: "targets that are classes".into(),
                        got: format!("{} outputs with {}", network.outputs(), fit.loss.name()),
                    });
                }
                None => Split::new(data.inputs.rows()),
            };
            let parts = split.seed(fit.seed).hold_out(*share)?;
            // A validation counts all its rows the same.
            let validation = Data { weights: None, ..data.select(&parts.test) };
            (data.select(&parts.train), Some(validation))
        }
    };
    Ok((data.with_class_weights(network, fit)?, validation))
}

/// What will be planned for a training on that many rows.
pub fn frame<'a>(
    (network, layout, fit): (&'a Network, &'a Layout, &'a Fit),
    rows: Rows,
    validation: Option<Rows>,
    limits: Limits,
) -> Frame<'a> {
    let room = if fit.looks_every_epoch() { 1 } else { fit.log_every.unwrap_or(fit.epochs).min(fit.epochs).min(MOST_UNREAD) };
    let best = fit.early_stopping.is_some_and(|stopping| stopping.restore_best);
    let good = fit.on_non_finite == OnNonFinite::Stop && room < fit.epochs;
    let snapshots: &[Snapshot] = match (best, good) {
        (true, true) => &[Snapshot::Best, Snapshot::Good, Snapshot::OtherGood],
        (true, false) => &[Snapshot::Best],
        (false, true) => &[Snapshot::Good, Snapshot::OtherGood],
        (false, false) => &[],
    };
    let scores = Metric::scores(&fit.metrics, network, fit.loss);
    Frame { network, layout, fit, rows, validation, scores, room, snapshots, limits }
}

/// Trains: from one point at which somebody looks to the next.
pub async fn train<A: Answer>(
    start: &Start<'_>,
    (data, validation): (&Data<'_>, Option<&Data<'_>>),
    fit: &Fit,
    on_log: &mut impl FnMut(&Log) -> A,
) -> Result<Trained, Failed> {
    let &Start { device, network, layout, parameters, state } = start;
    let mut state = state.going_on(fit);
    let names = (network, layout, fit);
    let frame = frame(names, Rows::of(data), validation.map(Rows::of), device.limits());
    let slots = state.slots.clone();
    let setup = Setup { frame, parameters, slots: &slots, data, validation };
    let mut engine = Running::training(device, setup).await?;
    let batches = Batches::of(fit, data.inputs.rows());
    let scale = |data: &Data<'_>| Scale {
        rows: data.inputs.rows(),
        outputs: network.outputs(),
        counts: frame.scores.counts,
        variance: if frame.scores.errors { data.variance(network.outputs()) } else { f64::NAN },
    };
    let scales = (scale(data), validation.map(scale));
    let cancelled = || fit.cancel.as_ref().is_some_and(|cancel| cancel.is_cancelled());

    let mut history = History { engine: engine.name(), ..History::default() };
    let mut watch = Watch::default();
    let mut kept = Vec::new();
    let mut end_parameters = None;
    let mut done = 0;
    loop {
        let (end, before) = (fit.next_stop(done).min(done + frame.room), done);
        while done < end && !cancelled() {
            let mut steps = Vec::new();
            let most = MOST_STEPS[usize::from(fit.cancel.is_some())] / batches.steps();
            let epochs = most.clamp(1, end - done);
            for _ in 0..epochs {
                state.epoch(fit, &batches, &mut steps);
                history.learning_rate.push(steps[steps.len() - 1].learning_rate);
            }
            done += epochs;
            engine.run(&steps).await?;
        }
        // Cancelled before there was anything to look at.
        if done == before {
            history.ended = Ended::Cancelled;
            break;
        }
        let Losses { epochs: losses, measured, parameters } = engine.losses(done == fit.epochs).await?;
        end_parameters = parameters;
        let validated = engine.validate().await?;
        history.loss.extend(&losses);
        note(&mut history.metrics, &fit.metrics, &measured, &scales.0);
        if let (Some(validated), Some(scale)) = (&validated, &scales.1) {
            history.validation_loss.push(validated.losses[0]);
            note(&mut history.validation_metrics, &fit.metrics, validated, scale);
        }
        if let Some(error) = not_finite(&history, losses.len(), fit) {
            return Err(Failed { error, kept: good(&mut engine, kept).await? });
        }
        if frame.snapshots.contains(&Snapshot::Good) && done < fit.epochs {
            // Weights may be infinite already while the losses are still finite: the look before is kept as well.
            let last = kept.last().map(|(snapshot, _)| *snapshot);
            let next = if last == Some(Snapshot::Good) { Snapshot::OtherGood } else { Snapshot::Good };
            engine.keep(next)?;
            kept.push((next, state.clone()));
            kept.drain(..kept.len().saturating_sub(2));
        }
        let watched = history.validation_loss.last().or(history.loss.last()).copied().unwrap_or(f64::NAN);
        if fit.looks_every_epoch() {
            fit.schedule.watch(watched, &mut state.plateau);
        }
        if let Some(stopping) = fit.early_stopping {
            if watch.improves(watched, stopping.min_delta, done) && stopping.restore_best {
                engine.keep(Snapshot::Best)?;
            }
            if watch.since >= stopping.patience {
                history.ended = Ended::EarlyStopping;
            }
        }
        if fit.logs(done) && !on_log(&log(&history, done)).goes_on() {
            history.ended = Ended::Asked;
        }
        if cancelled() {
            history.ended = Ended::Cancelled;
        }
        if done == fit.epochs || history.ended != Ended::Finished {
            break;
        }
    }
    let best = fit.early_stopping.filter(|stopping| stopping.restore_best && watch.best_epoch.is_some());
    let End { parameters, slots } = engine.finish(best.map(|_| Snapshot::Best), end_parameters).await?;
    if fit.on_non_finite == OnNonFinite::Stop
        && let Some(error) = diverged_parameters(layout, &parameters, done, fit)
    {
        return Err(Failed { error, kept: good(&mut engine, kept).await? });
    }
    history.best_epoch = watch.best_epoch;
    state.slots = slots;
    if best.is_some() {
        // What it kept was of other weights, and may be no numbers at all.
        state.forget_optimizer();
    }
    Ok(Trained { parameters, state, history })
}

/// The best of the watched losses.
#[derive(Default)]
struct Watch {
    best: Option<f64>,
    best_epoch: Option<usize>,
    /// Epochs since it improved.
    since: usize,
}

impl Watch {
    /// Takes note of an epoch's loss, and says whether it is the best yet.
    fn improves(&mut self, loss: f64, min_delta: f64, epoch: usize) -> bool {
        let better = self.best.map_or(!loss.is_nan(), |best| loss < best - min_delta);
        if better {
            (self.best, self.best_epoch, self.since) = (Some(loss), Some(epoch), 0);
        } else {
            self.since += 1;
        }
        better
    }
}

/// The parameters of the last of these snapshots that is finite, and the state that goes on from them.
async fn good(engine: &mut Running, snapshots: Vec<(Snapshot, State)>) -> Result<Option<(Vec<f64>, State)>, Error> {
    for (snapshot, mut state) in snapshots.into_iter().rev() {
        let parameters = engine.finish(Some(snapshot), None).await?.parameters;
        if parameters.iter().all(|value| (*value as f32).is_finite()) {
            state.forget_optimizer();
            return Ok(Some((parameters, state)));
        }
    }
    Ok(None)
}

fn note(of: &mut BTreeMap<String, Vec<f64>>, metrics: &[Metric], measured: &Measured, scale: &Scale) {
    for metric in metrics {
        of.entry(metric.name().into_owned()).or_default().push(metric.value(measured, scale));
    }
}

fn log(history: &History, epoch: usize) -> Log {
    let last = |metrics: &BTreeMap<String, Vec<f64>>| {
        metrics.iter().filter_map(|(name, values)| Some((name.clone(), *values.last()?))).collect()
    };
    Log {
        epoch,
        loss: history.loss[epoch - 1],
        metrics: last(&history.metrics),
        validation_loss: history.validation_loss.last().copied(),
        validation_metrics: last(&history.validation_metrics),
        learning_rate: history.learning_rate[epoch - 1],
    }
}

/// The error for the first of the last so many losses that is not finite.
fn not_finite(history: &History, count: usize, fit: &Fit) -> Option<Error> {
    if fit.on_non_finite == OnNonFinite::Continue {
        return None;
    }
    let first = history.loss.len() - count;
    // What an f32 does not hold is infinite, on the CPU engine too.
    if let Some(at) = history.loss[first..].iter().position(|loss| !(*loss as f32).is_finite()) {
        return Some(diverged("a loss", history.loss[first + at], first + at + 1, fit));
    }
    let validation = history.validation_loss.last().filter(|loss| !(**loss as f32).is_finite())?;
    Some(diverged("a validation loss", *validation, history.loss.len(), fit))
}

fn diverged_parameters(layout: &Layout, parameters: &[f64], epoch: usize, fit: &Fit) -> Option<Error> {
    layout.places.iter().find_map(|place| {
        let values = &parameters[place.offset..place.offset + place.len];
        let value = values.iter().find(|value| !(**value as f32).is_finite())?;
        Some(diverged(&place.name, *value, epoch, fit))
    })
}

fn diverged(what: &str, value: f64, epoch: usize, fit: &Fit) -> Error {
    Error::Diverged { what: what.into(), value: value as f32, epoch, learning_rate: fit.base_rate() }
}
