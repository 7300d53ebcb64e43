//! Sweeps: many networks of one architecture trained at once, each from its own start and with its own settings.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::{Data, check_rows};
use crate::device::Device;
use crate::engine::Batches;
use crate::error::Error;
use crate::fit::{EngineChoice, Fit, OnNonFinite};
use crate::fused::{self, Differing, Engine, Fused, Kept, Population, Rows, Size};
use crate::history::Ended;
use crate::init::Init;
use crate::matrix::Matrix;
use crate::model::Model;
use crate::network::{Layout, Network, Tensor};
use crate::plan::Limits;
use crate::schedule::Schedule;
use crate::train::State;

/// One network of a [`Sweep`]: where it starts, and what it has of its own.
///
/// ```
/// use shaderprop::{Init, Member};
/// let member = Member::new(Init::GlorotUniform { seed: 7 }).learning_rate(0.3).epochs(500);
/// ```
#[derive(Clone, Debug)]
pub struct Member {
    init: Init,
    learning_rate: Option<f64>,
    weight_decay: Option<f64>,
    epochs: Option<usize>,
    rows: Option<Arc<[usize]>>,
}

impl Member {
    /// A network that starts there, and has all settings of the sweep.
    pub fn new(init: Init) -> Self {
        Self { init, learning_rate: None, weight_decay: None, epochs: None, rows: None }
    }

    /// Its learning rate, in place of the sweep's.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = Some(learning_rate);
        self
    }

    /// Its weight decay, in place of the sweep's.
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = Some(decay);
        self
    }

    /// Its end: after so many epochs in all it does not change any more, where the sweep has more.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = Some(epochs);
        self
    }

    /// The rows that it is trained on, counted from 0, such as those of a fold; all where it is not set. Batches are the sweep's: rows of
    /// a batch that are not among these have a weight of 0 in it.
    #[must_use]
    pub fn rows(mut self, rows: impl Into<Arc<[usize]>>) -> Self {
        self.rows = Some(rows.into());
        self
    }
}

/// Many networks of one architecture, trained at once on the same rows: restarts, learning rates, folds.
///
/// Networks that fit the registers of a GPU's invocations are trained by the fused engine, thousands at a time, those that one buffer does
/// not hold after the others; larger networks, and settings that the fused engine does not take, by the staged engine one after the other.
///
/// ```
/// use shaderprop::{Activation, Device, Fit, Init, Loss, Member, Network, Sweep};
///
/// let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
/// let starts = (0..8).map(|seed| Member::new(Init::GlorotUniform { seed }).learning_rate(0.5));
/// let mut sweep = Sweep::new(&Device::cpu(), &network, starts)?;
///
/// let (inputs, targets) = ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0], [1.0], [1.0], [0.0]]);
/// let history = sweep.fit(&inputs, &targets, &Fit::new().loss(Loss::BinaryCrossEntropy).epochs(1000))?;
/// let best = history.ranking()[0];
/// assert_eq!(history.members[best].rank, 1);
/// println!("start {best} is the best: {}", history.members[best].loss);
/// let model = sweep.model(best)?;
/// assert_eq!(model.epochs(), 1000);
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sweep {
    device: Device,
    network: Network,
    layout: Layout,
    members: Vec<Member>,
    /// The parameters of every member without gaps, one member after the other.
    parameters: Vec<f32>,
    /// What the optimizer keeps of them: for each member slot after slot; empty before it began.
    slots: Vec<f32>,
    losses: Vec<f32>,
    state: State,
}

/// What [`Sweep::fit`] returns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SweepHistory {
    /// Each network's end, in the order in which they were given.
    pub members: Vec<MemberHistory>,
    /// The epochs that were logged, counted from 1 in this call: see [`Fit::log_every`].
    pub logged: Vec<usize>,
    /// What trained.
    pub engine: Engine,
    /// Why.
    pub why: String,
}

/// How one network of a sweep ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MemberHistory {
    /// The loss of its last epoch, before the update.
    pub loss: f64,
    /// The losses of the epochs that were logged, up to its end.
    pub logged: Vec<f64>,
    /// How many epochs it has been trained for, over all calls.
    pub epochs: u64,
    /// Whether its loss or a weight is no longer finite. That disturbs no other network.
    pub diverged: bool,
    /// Its place among all by the loss, from 1 for the least; diverged ones come last.
    pub rank: usize,
}

impl SweepHistory {
    /// The networks' indices, the best first.
    pub fn ranking(&self) -> Vec<usize> {
        let mut ranking: Vec<usize> = (0..self.members.len()).collect();
        ranking.sort_by_key(|member| self.members[*member].rank);
        ranking
    }
}

/// The epochs whose rates are prepared at once.
const MOST_STEPS: usize = 65_536;

impl Sweep {
    /// The networks on that device, with their first weights.
    ///
    /// # Errors
    /// [`Error::Setting`] without members and as [`Model::new`]; [`Error::Member`] names the member whose start is refused.
    pub fn new(device: &Device, network: &Network, members: impl IntoIterator<Item = Member>) -> Result<Self, Error> {
        let layout = network.layout()?;
        let members: Vec<_> = members.into_iter().collect();
        if members.is_empty() {
            return Err(Error::Setting {
                what: "the networks of a sweep".into(),
                expected: "at least 1".into(),
                got: "0".into(),
            });
        }
        // The first is refused as a model is.
        Model::new(device, network, &Init::Zeros)?;
        let mut parameters = Vec::new();
        for (k, member) in members.iter().enumerate() {
            let flat = member.init.parameters(network, &layout).map_err(|error| of_member(k, error))?;
            parameters.extend(layout.dense(&flat));
        }
        let losses = vec![f32::NAN; members.len()];
        Ok(Self {
            device: device.clone(),
            network: network.clone(),
            layout,
            members,
            parameters,
            slots: Vec::new(),
            losses,
            state: State::default(),
        })
    }

    /// How many networks there are.
    #[allow(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Trains all of them; shapes are as for [`Model::fit`], and so is a second call. Losses are kept for [`Fit::log_every`].
    ///
    /// # Errors
    /// As [`Model::fit`], but that networks which diverge are flagged; [`Error::Member`] names the member whose setting is refused;
    /// [`Error::Setting`] for what a sweep has not: validation, metrics, early stopping, [`Schedule::ReduceOnPlateau`], cancelling;
    /// [`Error::TooLarge`] says how many networks fit the device, if not one does.
    pub fn fit<'x, 'y>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
    ) -> Result<SweepHistory, Error> {
        self.check(fit)?;
        let data = Data::new(&self.network, fit.loss, inputs.into(), targets.into())?;
        let data = data.with_sample_weights(fit)?.with_class_weights(&self.network, fit)?;
        let rows = data.inputs.rows();
        let weights = self.weights(&data)?;
        let state = self.state.going_on(fit);
        let mut slots = if state.optimizer == self.state.optimizer && state.steps > 0 { self.slots.clone() } else { Vec::new() };
        let differing = Differing {
            weights: weights.is_some(),
            decay: self.members.iter().any(|member| self.of_member(member, fit).decay() != 0.0),
            ends: self.members.iter().any(|member| member.epochs.is_some()),
        };
        let kernel = match (&self.device.gpu, fit.engine) {
            (None, _) => Err("the device runs no shaders".into()),
            (_, EngineChoice::Staged) => Err("it was asked for".into()),
            _ => fused::kernel(&self.network, fit, rows, differing, &self.device.limits()),
        };
        let mut parameters = self.parameters.clone();
        let mut losses = self.losses.clone();
        let (engine, why, logged, state) = match kernel {
            Ok(fused) => {
                let task = Task { fit, data: &data, weights: weights.as_ref(), fused: &fused };
                let mut numbers = Numbers { parameters: &mut parameters, slots: &mut slots, losses: &mut losses };
                let (logged, state) = self.device.block_on(self.train(&task, &mut numbers, state))?;
                (Engine::Fused, "the networks fit the registers".to_owned(), logged, state)
            }
            Err(why) => {
                if fit.engine == EngineChoice::Fused {
                    log::warn!("training the networks of a sweep one after the other: {why}");
                }
                let mut numbers = Numbers { parameters: &mut parameters, slots: &mut slots, losses: &mut losses };
                let (logged, state) = self.one_by_one(&data, fit, weights.as_ref(), &mut numbers, state)?;
                let engine = if self.device.gpu.is_some() { Engine::Staged } else { Engine::Cpu };
                (engine, why, logged, state)
            }
        };
        let before = self.state.epochs;
        (self.parameters, self.slots, self.losses, self.state) = (parameters, slots, losses, state);
        Ok(self.history(fit, before, (engine, why), &logged))
    }

    /// A network of the sweep, as it is now, with what its optimizer keeps: it goes on from there alone.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no such member.
    pub fn model(&self, member: usize) -> Result<Model, Error> {
        let parameters = self.layout.spread(self.of(&self.parameters, member)?);
        let slots = match self.slots.is_empty() {
            true => Vec::new(),
            false => self.of(&self.slots, member)?.chunks(self.count()).map(|slot| self.layout.spread(slot)).collect(),
        };
        let epochs = self.epochs(member);
        let missed = self.state.epochs - epochs;
        let steps_an_epoch = self.state.steps.checked_div(self.state.epochs).unwrap_or(0);
        let state = State { slots, epochs, steps: self.state.steps - missed * steps_an_epoch, ..self.state.clone() };
        Ok(Model::restore(&self.device, &self.network, &self.layout, parameters, state))
    }

    /// All weights and biases of a network of the sweep.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no such member.
    pub fn weights_of(&self, member: usize) -> Result<Vec<Tensor>, Error> {
        Ok(self.layout.tensors(&self.layout.spread(self.of(&self.parameters, member)?)))
    }

    /// A member's part of numbers of which each has as many.
    fn of<'a>(&self, all: &'a [f32], member: usize) -> Result<&'a [f32], Error> {
        let count = all.len() / self.len();
        all.chunks(count.max(1)).nth(member).ok_or_else(|| Error::Setting {
            what: "the member of a sweep".into(),
            expected: format!("one from 0 to {}", self.len() - 1),
            got: member.to_string(),
        })
    }

    /// The parameters of a network.
    fn count(&self) -> usize {
        self.parameters.len() / self.len()
    }

    /// How many epochs a member has been trained for.
    fn epochs(&self, member: usize) -> u64 {
        self.members[member].epochs.map_or(self.state.epochs, |end| self.state.epochs.min(end as u64))
    }

    /// The settings of a member trained alone, its rows aside.
    fn of_member(&self, member: &Member, fit: &Fit) -> Fit {
        Fit {
            learning_rate: member.learning_rate.or(fit.learning_rate),
            weight_decay: member.weight_decay.or(fit.weight_decay),
            ..fit.clone()
        }
    }

    fn check(&self, fit: &Fit) -> Result<(), Error> {
        fit.check(&self.network)?;
        let without =
            |what: &str| Err(Error::Setting { what: what.into(), expected: "none in a sweep".into(), got: "some".into() });
        if fit.validation.is_some() {
            return without("validation");
        }
        if !fit.metrics.is_empty() {
            return without("metrics");
        }
        if fit.early_stopping.is_some() {
            return without("early_stopping");
        }
        if fit.cancel.is_some() {
            return without("cancel");
        }
        if matches!(fit.schedule, Schedule::ReduceOnPlateau { .. }) {
            return without("the schedule ReduceOnPlateau");
        }
        for (k, member) in self.members.iter().enumerate() {
            let own = Fit { epochs: member.epochs.unwrap_or(fit.epochs), ..self.of_member(member, fit) };
            own.check(&self.network).map_err(|error| of_member(k, error))?;
        }
        Ok(())
    }

    /// The weights of the rows for each member, if any differ.
    fn weights(&self, data: &Data<'_>) -> Result<Option<Weights>, Error> {
        let rows = data.inputs.rows();
        check_rows(rows)?;
        if data.weights.is_none() && self.members.iter().all(|member| member.rows.is_none()) {
            return Ok(None);
        }
        let all = data.weights.clone().unwrap_or_else(|| vec![1.0; rows]);
        let mut weights = Weights { kinds: Vec::new(), of: Vec::new() };
        let mut known: HashMap<Option<&[usize]>, usize> = HashMap::new();
        for (k, member) in self.members.iter().enumerate() {
            let own = member.rows.as_deref();
            if let Some(kind) = known.get(&own) {
                weights.of.push(*kind);
                continue;
            }
            let mut values = all.clone();
            if let Some(own) = own {
                values.fill(0.0);
                for row in own {
                    let Some(value) = values.get_mut(*row) else {
                        let expected = format!("rows from 0 to {}", rows - 1);
                        return Err(of_member(k, Error::Setting { what: "its rows".into(), expected, got: row.to_string() }));
                    };
                    *value = all[*row];
                }
            }
            let total: f64 = values.iter().map(|value| f64::from(*value)).sum();
            if !(total as f32).is_normal() {
                let expected = "rows whose weights add up to more than 0".into();
                return Err(of_member(k, Error::Setting { what: "its rows".into(), expected, got: total.to_string() }));
            }
            known.insert(own, weights.kinds.len());
            weights.of.push(weights.kinds.len());
            weights.kinds.push(Arc::new((values, total)));
        }
        Ok(Some(weights))
    }

    /// Trains by the fused engine: as many networks at a time as the buffers hold.
    async fn train(&self, task: &Task<'_>, numbers: &mut Numbers<'_>, start: State) -> Result<(Vec<Vec<f32>>, State), Error> {
        let &Task { fit, data, fused, .. } = task;
        let Some(gpu) = &self.device.gpu else { return Err(Error::NoAdapter) };
        let limits = self.device.limits();
        let kept = fit.log_every.map_or(0, |every| fit.epochs.div_ceil(every));
        let (inputs, targets) =
            (fused.pack_inputs(data.inputs.values()), fused.pack_targets(&data.dense_targets(self.network.outputs())));
        let width = self.count() * (1 + fused.rule.slots.len());
        if numbers.slots.is_empty() {
            numbers.slots.resize(self.len() * (width - self.count()), 0.0);
        }
        let places = fused.places();
        let mut logged = Vec::with_capacity(self.len());
        let mut state = start.clone();
        let size = |networks| Size { networks, kept, copies: 0, longest: fused.longest(&limits, fit.epochs) };
        let mut most = fitting(fused, kept, &limits);
        let mut first = 0;
        while first < self.len() {
            if most == 0 {
                return Err(Error::TooLarge {
                    what: format!("a sweep of {} networks", self.len()),
                    limit: format!("{first} networks, which is what the device holds"),
                    got: format!("networks of {} bytes each", fused.bytes(&size(1), fused.rows).0),
                });
            }
            let end = (first + most).min(self.len());
            let members = first..end;
            let (weights, rows_of) = task.weights_of(members.clone());
            let rows = Rows { inputs: &inputs, targets: &targets, weights: &weights };
            let mut population = match Population::new(gpu, &limits, fused, &size(members.len()), &rows, fit.seed).await {
                Ok(population) => population,
                // Fewer at a time.
                Err(Error::OutOfMemory { .. }) => {
                    most = members.len() / 2;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let own: Vec<Vec<f32>> = members
                .clone()
                .map(|k| {
                    let of = |all: &[f32], count: usize| all[k * count..(k + 1) * count].to_vec();
                    [of(numbers.parameters, self.count()), of(numbers.slots, width - self.count())].concat()
                })
                .collect();
            population.write_parameters(&fused.pack(own.iter().map(Vec::as_slice)))?;
            let settings: Vec<_> = members.clone().zip(&rows_of).map(|(k, rows)| self.settings(k, task, *rows)).collect();
            population.write_members(&settings)?;
            population.write_losses(&numbers.losses[members.clone()])?;
            state = self.run(&mut population, fit, start.clone()).await?;
            let (losses, packed) = population.read_all(kept).await?;
            let count = members.len();
            numbers.losses[members.clone()].copy_from_slice(&losses[..count]);
            logged.extend((0..count).map(|k| losses[count..].iter().skip(k).step_by(count).copied().collect()));
            for (k, member) in members.enumerate() {
                let values = fused.unpack(&places, &packed, k, count);
                let (parameters, slots) = values.split_at(self.count());
                numbers.parameters[member * self.count()..][..parameters.len()].copy_from_slice(parameters);
                numbers.slots[member * slots.len()..][..slots.len()].copy_from_slice(slots);
            }
            first = end;
        }
        Ok((logged, state))
    }

    /// Takes one population through all epochs.
    async fn run(&self, population: &mut Population, fit: &Fit, mut state: State) -> Result<State, Error> {
        let batches = Batches::of(fit, population.fused().rows);
        let every = fit.log_every.and_then(|every| u32::try_from(every).ok());
        let mut kept = Kept { every: every.unwrap_or(u32::MAX), wait: if every.is_some() { 0 } else { u32::MAX }, slot: 0 };
        let at_once = (MOST_STEPS / batches.steps()).max(1);
        let mut done = 0;
        while done < fit.epochs {
            let epochs = at_once.min(fit.epochs - done);
            let before = state.epochs as u32;
            let mut steps = Vec::new();
            for _ in 0..epochs {
                state.epoch(fit, &batches, &mut steps);
            }
            let rates: Vec<_> = match population.fused().stepped {
                true => steps.iter().map(|step| Fused::rates(fit, step)).collect(),
                false => Vec::new(),
            };
            kept = population.train(before, epochs, &rates, kept).await?;
            done += epochs;
        }
        Ok(state)
    }

    /// A member's row on the device.
    fn settings(&self, k: usize, task: &Task<'_>, weights_at: u32) -> fused::Member {
        let own = self.of_member(&self.members[k], task.fit);
        let total = task.weights.map_or(task.fused.rows as f64, |weights| weights.kinds[weights.of[k]].1);
        fused::Member {
            learning_rate: own.base_rate() as f32,
            weight_decay: own.decay() as f32,
            loss_scale: task.fused.loss_scale(total),
            rows: task.fused.rows as f32,
            epochs: self.members[k].epochs.and_then(|end| u32::try_from(end).ok()).unwrap_or(u32::MAX),
            weights: weights_at,
        }
    }

    /// Trains one network after the other, as models of their own.
    fn one_by_one(
        &self,
        data: &Data<'_>,
        fit: &Fit,
        weights: Option<&Weights>,
        numbers: &mut Numbers<'_>,
        start: State,
    ) -> Result<(Vec<Vec<f32>>, State), Error> {
        let mut logged = Vec::with_capacity(self.len());
        let mut slots = Vec::new();
        for (k, member) in self.members.iter().enumerate() {
            let left =
                member.epochs.map_or(fit.epochs as u64, |end| (end as u64).saturating_sub(start.epochs).min(fit.epochs as u64));
            let mut model = self.model(k)?;
            let mut losses = Vec::new();
            if left > 0 {
                let alone = Fit {
                    epochs: left as usize,
                    sample_weights: weights.map(|weights| weights.kinds[weights.of[k]].0.as_slice().into()),
                    class_weights: None,
                    on_non_finite: OnNonFinite::Continue,
                    ..self.of_member(member, fit)
                };
                let targets = data.targets.clone();
                let history = model.fit(data.inputs.clone(), targets, &alone).map_err(|error| of_member(k, error))?;
                debug_assert_eq!(history.ended, Ended::Finished);
                losses = history.loss;
            }
            numbers.losses[k] = losses.last().map_or(numbers.losses[k], |loss| *loss as f32);
            let every = fit.log_every.unwrap_or(usize::MAX);
            logged.push(losses.iter().step_by(every).map(|loss| *loss as f32).filter(|_| fit.log_every.is_some()).collect());
            let (parameters, kept) = model.into_numbers();
            numbers.parameters[k * self.count()..][..self.count()].copy_from_slice(&self.layout.dense(&parameters));
            let width = fit.optimizer.definition().slots.len();
            for slot in 0..width {
                // One that had ended before the optimizer was another's.
                slots.extend(kept.get(slot).map_or_else(|| vec![0.0; self.count()], |slot| self.layout.dense(slot)));
            }
        }
        *numbers.slots = slots;
        let mut state = start;
        let batches = Batches::of(fit, data.inputs.rows());
        let mut steps = Vec::new();
        for _ in 0..fit.epochs {
            steps.clear();
            state.epoch(fit, &batches, &mut steps);
        }
        Ok((logged, state))
    }

    fn history(&self, fit: &Fit, before: u64, (engine, why): (Engine, String), logged: &[Vec<f32>]) -> SweepHistory {
        let finite = |k: usize| {
            let parameters = &self.parameters[k * self.count()..(k + 1) * self.count()];
            self.losses[k].is_finite() && parameters.iter().all(|value| value.is_finite())
        };
        let logged_epochs: Vec<usize> = fit.log_every.map_or(vec![], |every| (1..=fit.epochs).step_by(every).collect());
        let mut members: Vec<_> = (0..self.len())
            .map(|k| {
                let epochs = self.epochs(k);
                let up_to_end = logged_epochs.iter().zip(&logged[k]).filter(|(epoch, _)| before + **epoch as u64 <= epochs);
                MemberHistory {
                    loss: f64::from(self.losses[k]),
                    logged: up_to_end.map(|(_, loss)| f64::from(*loss)).collect(),
                    epochs,
                    diverged: !finite(k),
                    rank: 0,
                }
            })
            .collect();
        let mut ranking: Vec<usize> = (0..members.len()).collect();
        ranking.sort_by(|a, b| {
            let key = |k: usize| (members[k].diverged, members[k].loss);
            key(*a).0.cmp(&key(*b).0).then(key(*a).1.total_cmp(&key(*b).1))
        });
        for (place, k) in ranking.into_iter().enumerate() {
            members[k].rank = place + 1;
        }
        SweepHistory { members, logged: logged_epochs, engine, why }
    }
}

/// What all networks of a training share.
struct Task<'a> {
    fit: &'a Fit,
    data: &'a Data<'a>,
    weights: Option<&'a Weights>,
    fused: &'a Fused,
}

impl Task<'_> {
    /// The row weights of those members, each kind once, and where each member's begin.
    fn weights_of(&self, members: std::ops::Range<usize>) -> (Vec<f32>, Vec<u32>) {
        let Some(weights) = self.weights else { return (Vec::new(), vec![0; members.len()]) };
        let mut all = Vec::new();
        let mut known: HashMap<usize, u32> = HashMap::new();
        let at = members
            .map(|k| {
                let kind = weights.of[k];
                *known.entry(kind).or_insert_with(|| {
                    let at = all.len() as u32;
                    all.extend_from_slice(&weights.kinds[kind].0);
                    at
                })
            })
            .collect();
        (all, at)
    }
}

/// The networks' numbers in training.
struct Numbers<'a> {
    parameters: &'a mut [f32],
    slots: &'a mut Vec<f32>,
    losses: &'a mut [f32],
}

/// The weights that rows have for members.
struct Weights {
    /// The different ones, with what they add up to.
    kinds: Vec<Arc<(Vec<f32>, f64)>>,
    /// Which of them each member has.
    of: Vec<usize>,
}

/// How many networks the device's buffers hold at a time.
fn fitting(fused: &Fused, kept: usize, limits: &Limits) -> usize {
    let longest = limits.binding.min(limits.buffer) / 4;
    let numbers =
        [fused.network_numbers(), 1 + kept, size_of::<fused::Member>() / 4, if fused.weighted { fused.rows } else { 1 }];
    let fitting = numbers.into_iter().map(|count| longest / count.max(1) as u64).min().unwrap_or(0);
    // What is counted goes through u32.
    fitting.min(u64::from(u32::MAX) / (1 + kept as u64).max(fused.words() as u64)) as usize
}

/// An error that is of one member.
fn of_member(member: usize, error: Error) -> Error {
    Error::Member { member, error: Box::new(error) }
}
