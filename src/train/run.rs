//! The trainer: owns batches, learning rates, validation and stopping, whatever the engine.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use web_time::Instant;

use super::checkpoint::{self, Saver};
use super::frame::frame;
use super::history::{Ended, History, Log};
use super::start::{Failed, Start, Trained};
use super::state::State;
use super::watch::Watch;
use crate::data::{Data, Preprocessing};
use crate::engine::{Batches, End, Losses, Rows, Running, Setup, Snapshot};
use crate::error::Error;
use crate::memory::Reserve;
use crate::network::Layout;
use crate::settings::{Answer, Fit, Measured, Metric, OnNonFinite, Scale};

/// The steps that are prepared at once, in whole epochs; fewer where another thread may cancel.
const MOST_STEPS: [usize; 2] = [65_536, 1024];

/// Trains: from one point at which somebody looks to the next.
pub async fn train<A: Answer>(
    start: &Start<'_>,
    (data, validation): (&Data<'_>, Option<&Data<'_>>),
    fit: &Fit,
    on_log: &mut impl AsyncFnMut(&Log) -> A,
) -> Result<Trained, Failed> {
    let &Start { device, network, layout, .. } = start;
    let resumed = start.resumed.as_ref();
    let mut state = resumed.map_or_else(|| start.state.going_on(fit), |resumed| resumed.state.clone());
    let parameters = resumed.map_or(start.parameters, |resumed| &resumed.parameters);
    let names = (network, layout, fit);
    let frame = frame(names, Rows::of(data), validation.map(Rows::of), device.limits());
    let slots = std::mem::take(&mut state.slots);
    let setup = Setup { frame, parameters, slots: &slots, data, validation };
    let mut engine = Running::training(device, setup).await?;
    drop(slots);
    // In f64 the parameters, and what the optimizer keeps of each; what they are read back through, in f32, as bytes and as numbers; and in a
    // checkpoint all of it turned round, beside the best parameters.
    let copies = 1 + fit.optimizer.definition().slots.len() as u64;
    let once = copies * 8 + 16;
    let values = if fit.checkpoint.is_some() { once + (copies + 2) * 8 } else { once };
    let reserved = |done: usize| match done < fit.epochs {
        true => Reserve::new("what training ends with", layout.len as u64 * values).map(Some),
        false => Ok(None),
    };
    let mut reserve = reserved(0)?;
    let mut saver = match &fit.checkpoint {
        Some(checkpoint) => {
            let settings = checkpoint::settings(start, (data, validation), fit);
            Some(Saver::new(start, checkpoint, settings, fit, engine.name())?)
        }
        None => None,
    };
    let batches = Batches::of(fit, data.inputs.rows());
    let scale = |data: &Data<'_>| Scale {
        rows: data.inputs.rows(),
        outputs: network.outputs(),
        counts: frame.scores.counts,
        variance: if frame.scores.errors { data.variance(network.outputs()) } else { f64::NAN },
        unit: start.preprocessing.map_or(1.0, Preprocessing::unit),
    };
    let scales = (scale(data), validation.map(scale));
    let cancelled = || fit.cancel.as_ref().is_some_and(|cancel| cancel.is_cancelled());

    let mut history = History { engine: engine.name(), ..History::default() };
    let mut watch = Watch::default();
    let mut good = Good::default();
    // Those of the best epoch, as long as it is one of before the training was resumed.
    let mut best = None;
    if let Some(resumed) = resumed {
        resumed.compare(start, engine.name());
        history = History { engine: engine.name(), ..resumed.history.clone() };
        (watch, best) = (resumed.watch.clone(), resumed.best.clone());
        good = Good::Resumed(resumed.parameters.clone(), state.clone());
    }
    let restores = fit.early_stopping.is_some_and(|stopping| stopping.restore_best);
    let mut end_parameters = None;
    let mut done = history.loss.len();
    // By early stopping, whatever else may end it in the same epoch.
    let mut stopped = history.ended == Ended::EarlyStopping;
    let (mut stretch, mut paced) = (1, false);
    let mut logged = Instant::now();
    while done < fit.epochs && history.ended == Ended::Finished {
        let (end, before) = (fit.next_stop(done).min(done + frame.room), done);
        let (end, began) = (if fit.log_interval.is_some() { end.min(done + stretch) } else { end }, Instant::now());
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
        if done == fit.epochs {
            drop(reserve.take());
        }
        // Cancelled before there was anything to look at.
        if done == before {
            history.ended = Ended::Cancelled;
            break;
        }
        // The losses of a stretch are waited for yet: by then the interval is over.
        let mut logs = fit.logs(done, logged.elapsed()) || (paced && done - before == stretch);
        let Losses { epochs: losses, measured, parameters, finite } =
            engine.losses(done == fit.epochs || (logs && fit.log_weights)).await?;
        end_parameters = parameters;
        history.loss.extend(&losses);
        note(&mut history.metrics, &fit.metrics, &measured, &scales.0);
        let mut diverged = not_finite("a loss", &history.loss, losses.len(), fit);
        if diverged.is_none() && !finite {
            drop(reserve.take());
            let parameters = engine.finish(None, end_parameters.clone()).await?.parameters;
            diverged = diverged_parameters(layout, &parameters, done, fit);
            reserve = reserved(done)?;
        }
        if diverged.is_none()
            && let (Some(validated), Some(scale)) = (engine.validate().await?, &scales.1)
        {
            history.validation_loss.push(validated.losses[0]);
            note(&mut history.validation_metrics, &fit.metrics, &validated, scale);
            diverged = not_finite("a validation loss", &history.validation_loss, 1, fit);
        }
        if let Some(error) = diverged {
            drop(reserve);
            return Err(Failed { error, kept: good.find(&mut engine).await? });
        }
        if frame.snapshots.contains(&Snapshot::Good) && done < fit.epochs {
            engine.keep(Snapshot::Good)?;
            good = Good::Snapshot(state.clone());
        }
        let watched = history.validation_loss.last().or(history.loss.last()).copied().unwrap_or(f64::NAN);
        if fit.looks_every_epoch() {
            fit.schedule.watch(watched, &mut state.plateau);
        }
        if let Some(stopping) = fit.early_stopping {
            if watch.improves(watched, stopping.min_delta, done) && stopping.restore_best {
                engine.keep(Snapshot::Best)?;
                best = None;
            }
            if watch.since >= stopping.patience {
                (history.ended, stopped) = (Ended::EarlyStopping, true);
            }
        }
        if let Some(saver) = saver.as_mut().filter(|_| fit.saves(done)) {
            drop(reserve.take());
            let end = engine.finish(None, end_parameters.clone()).await?;
            save(saver, &mut engine, start, fit, end, (&state, &watch, &history), stopped).await?;
            reserve = reserved(done)?;
        }
        if let Some(interval) = fit.log_interval {
            (stretch, paced) = stretched(done - before, began.elapsed(), interval);
            logs |= history.ended == Ended::EarlyStopping;
        }
        if logs {
            let mut log = log(&history, done);
            if fit.log_weights {
                let parameters = match &end_parameters {
                    Some(parameters) => parameters.clone(),
                    None => engine.finish(None, None).await?.parameters,
                };
                log.weights = layout.tensors(&parameters);
            }
            if !on_log(&log).await.goes_on() {
                history.ended = Ended::Asked;
            }
            logged = Instant::now();
        }
        if cancelled() {
            history.ended = Ended::Cancelled;
        }
    }
    drop(reserve);
    if let Some(saver) = saver.as_mut().filter(|saver| !saver.has(done)) {
        let end = engine.finish(None, end_parameters.clone()).await?;
        save(saver, &mut engine, start, fit, end, (&state, &watch, &history), stopped).await?;
    }
    let restores = restores && watch.best_epoch.is_some();
    let snapshot = (restores && best.is_none()).then_some(Snapshot::Best);
    let End { mut parameters, slots } = engine.finish(snapshot, end_parameters).await?;
    if let Some(best) = best.filter(|_| restores) {
        parameters = best;
    }
    history.best_epoch = watch.best_epoch;
    state.slots = slots;
    if restores {
        // What it kept was of other weights, and may be no numbers at all.
        state.forget_optimizer();
    }
    Ok(Trained { parameters, state, history })
}

/// Writes a checkpoint.
async fn save(
    saver: &mut Saver,
    engine: &mut Running,
    start: &Start<'_>,
    fit: &Fit,
    end: End,
    (state, watch, history): (&State, &Watch, &History),
    stopped: bool,
) -> Result<(), Failed> {
    if fit.early_stopping.is_some_and(|stopping| stopping.restore_best) && !saver.knows_best(watch.best_epoch) {
        let best = engine.finish(Some(Snapshot::Best), None).await?.parameters;
        saver.best = watch.best_epoch.map(|epoch| (epoch, best));
    }
    let saved = saver.save((start.layout, &end), state, watch, history, stopped).map_err(|error| {
        // What was trained until then need not be lost with the place that it would have been saved in.
        let state = State { slots: end.slots, ..state.clone() };
        Failed { error, kept: Some((end.parameters, state)) }
    });
    if saved.is_ok() {
        start.saved.inspect(|told| told.store(true, Ordering::Relaxed));
    }
    saved
}

/// The parameters to which a training that diverges goes back.
#[derive(Default)]
enum Good {
    /// Those that the model had before.
    #[default]
    Before,
    /// Those of the checkpoint that it was resumed from.
    Resumed(Vec<f64>, State),
    /// Those of the last look, and the state then.
    Snapshot(State),
}

impl Good {
    /// The parameters and the state that goes on from them; none if they are those of before.
    async fn find(self, engine: &mut Running) -> Result<Option<(Vec<f64>, State)>, Error> {
        let (parameters, mut state) = match self {
            Good::Before => return Ok(None),
            Good::Resumed(parameters, state) => (parameters, state),
            Good::Snapshot(state) => (engine.finish(Some(Snapshot::Good), None).await?.parameters, state),
        };
        state.forget_optimizer();
        Ok(Some((parameters, state)))
    }
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
        weights: Vec::new(),
    }
}

/// How many epochs take that interval, if so many have taken so long, but at most four times as many; and whether these do.
fn stretched(epochs: usize, taken: Duration, interval: Duration) -> (usize, bool) {
    let fitting = (epochs as f64 * (interval.as_secs_f64() / taken.as_secs_f64().max(1e-9))) as usize;
    let most = epochs.saturating_mul(4);
    (fitting.clamp(1, most), fitting <= most)
}

/// The error for the first of the last so many losses that is not finite.
fn not_finite(what: &str, losses: &[f64], count: usize, fit: &Fit) -> Option<Error> {
    if fit.on_non_finite == OnNonFinite::Continue {
        return None;
    }
    // What an f32 does not hold is infinite, on the CPU engine too. The last loss is the last epoch's.
    let last = &losses[losses.len() - count..];
    let at = last.iter().position(|loss| !(*loss as f32).is_finite())?;
    Some(diverged(what, last[at], losses.len() - count + at + 1, fit))
}

/// The error for the first parameter that is not finite; none if that is something else that the device looked at.
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
