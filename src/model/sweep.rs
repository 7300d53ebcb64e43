//! Sweeps: many networks of one architecture trained at once, each with its own initial weights and settings.

use std::collections::HashMap;
use std::sync::Arc;

use super::model::Model;
use crate::data::{Data, Matrix, check_rows};
use crate::engine::choice::{self, Differing};
use crate::engine::fused::{self, Kept, PackedRows, Population, Size};
use crate::engine::{Batches, Engine, EngineReport};
use crate::error::Error;
use crate::gpu::Device;
use crate::kernel::{Fused, Limits};
use crate::network::{Init, Layout, Network, Tensor};
use crate::settings::{EngineChoice, Fit, OnNonFinite, Schedule};
use crate::train::{Ended, State};

/// One network of a [`Sweep`]: its initial weights and its own settings.
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
    /// A network with these initial weights and the settings of the sweep.
    pub fn new(init: Init) -> Self {
        Self { init, learning_rate: None, weight_decay: None, epochs: None, rows: None }
    }

    /// Sets its own learning rate in place of the sweep's.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = Some(learning_rate);
        self
    }

    /// Sets its own weight decay in place of the sweep's.
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = Some(decay);
        self
    }

    /// Sets its last epoch. After this many epochs in all it no longer changes, even if the sweep continues.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = Some(epochs);
        self
    }

    /// Sets the rows that it is trained on, counted from 0, such as those of a fold. By default it is trained on all
    /// rows. The batches are those of the sweep: in each batch, all other rows have the weight 0. A row that is given
    /// twice counts twice.
    #[must_use]
    pub fn rows(mut self, rows: impl Into<Arc<[usize]>>) -> Self {
        self.rows = Some(rows.into());
        self
    }
}

/// Trains many networks of one architecture at once on the same rows: restarts, learning rates, folds.
///
/// The fused engine trains networks that fit in the registers of a GPU's invocations, thousands at a time. If one
/// buffer cannot hold all of them, it trains them group by group. The staged engine trains larger networks, and
/// settings that the fused engine does not support, one network after the other. Between calls all numbers are f32, on
/// the CPU engine too. Balanced class weights are computed from all rows. Validation, metrics, early stopping and
/// cancelling are refused. [`OnNonFinite`](crate::OnNonFinite) has no effect: networks that diverge are flagged.
///
/// ```
/// use shaderprop::{Activation, Device, Fit, Init, Loss, Member, Network, Sweep};
///
/// let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
/// let members = (0..8).map(|seed| Member::new(Init::GlorotUniform { seed }).learning_rate(0.5));
/// let mut sweep = Sweep::new(&Device::cpu(), &network, members)?;
///
/// let (inputs, targets) = ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0], [1.0], [1.0], [0.0]]);
/// let history = sweep.fit(&inputs, &targets, &Fit::new().loss(Loss::BinaryCrossEntropy).epochs(1000))?;
/// let best = history.ranking()[0];
/// assert_eq!(history.members[best].rank, 1);
/// println!("network {best} is the best: {}", history.members[best].loss);
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
    /// The parameters of all members without gaps, one member after the other.
    parameters: Vec<f32>,
    /// The optimizer state of each member, slot by slot; empty before the first training run.
    slots: Vec<f32>,
    losses: Vec<f32>,
    state: State,
    /// The final state of members that have ended, by their last epoch; without slots.
    ended: HashMap<u64, State>,
}

/// The result of [`Sweep::fit`]: the histories of its networks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SweepHistory {
    /// The history of each network, in the order in which they were given.
    pub members: Vec<MemberHistory>,
    /// The epochs that were logged, counted from 1 in this call: see [`Fit::log_every`].
    pub logged: Vec<usize>,
    /// The engine that trained.
    pub engine: Engine,
    /// The reason for choosing it.
    pub reason: String,
}

/// The history of one network of a sweep.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MemberHistory {
    /// The loss of its last epoch, before the update.
    pub loss: f64,
    /// The losses of the epochs that were logged, up to its last epoch.
    pub logged: Vec<f64>,
    /// The number of epochs it has been trained for, over all calls.
    pub epochs: u64,
    /// Whether its loss or a weight is no longer finite. The other networks are not affected.
    pub diverged: bool,
    /// Its rank by the loss, from 1 for the lowest. Networks that diverged come last.
    pub rank: usize,
}

impl SweepHistory {
    /// The indices of the networks, sorted from best to worst.
    pub fn ranking(&self) -> Vec<usize> {
        let mut ranking: Vec<usize> = (0..self.members.len()).collect();
        ranking.sort_by_key(|member| self.members[*member].rank);
        ranking
    }
}

/// The maximum number of steps that are prepared at once, in whole epochs.
const MOST_STEPS: usize = 65_536;

impl Sweep {
    /// Creates a sweep of these networks on a device, with their initial weights.
    ///
    /// # Errors
    /// [`Error::Setting`] without members, and as [`Model::new`]; [`Error::Member`] names the member whose initial
    /// weights are refused.
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
        // Refuses what no device or no model supports.
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
            ended: HashMap::new(),
        })
    }

    /// The number of networks.
    #[allow(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Trains all networks. Shapes are as for [`Model::fit`], and a second call continues in the same way. Losses are
    /// kept for [`Fit::log_every`].
    ///
    /// # Errors
    /// The same as [`Model::fit`], except that networks that diverge are flagged. [`Error::Member`] names the member
    /// whose setting is refused. [`Error::Setting`] for what a sweep does not support: validation, metrics, early
    /// stopping, [`Schedule::ReduceOnPlateau`], cancelling. [`Error::TooLarge`] tells how many networks fit on the
    /// device, if not even one does.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fit<'x, 'y>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
    ) -> Result<SweepHistory, Error> {
        self.fit_blocking(inputs.into(), targets.into(), fit)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn fit_blocking(&mut self, inputs: Matrix<'_>, targets: Matrix<'_>, fit: &Fit) -> Result<SweepHistory, Error> {
        let device = self.device.clone();
        device.block_on(self.training(inputs, targets, fit))
    }

    /// The async form of [`fit`](Self::fit), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`fit`](Self::fit).
    pub async fn fit_async<'x, 'y>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
    ) -> Result<SweepHistory, Error> {
        let device = self.device.clone();
        device.drive(self.training(inputs.into(), targets.into(), fit)).await
    }

    async fn training(&mut self, inputs: Matrix<'_>, targets: Matrix<'_>, fit: &Fit) -> Result<SweepHistory, Error> {
        self.check(fit)?;
        let data = Data::new(&self.network, fit.loss, inputs, targets)?;
        let data = data.with_sample_weights(fit.sample_weights.as_deref())?;
        let data = data.with_class_weights(&self.network, fit.loss, fit.class_weights.as_ref())?;
        let rows = data.inputs.rows();
        let weights = self.weights(&data)?;
        let state = self.state.continued(fit);
        let mut slots = if state.optimizer == self.state.optimizer && state.steps > 0 { self.slots.clone() } else { Vec::new() };
        let (engine, reason, kernel) = self.choose(fit, rows, weights.is_some());
        let mut parameters = self.parameters.clone();
        let mut losses = self.losses.clone();
        let mut numbers = Numbers { parameters: &mut parameters, slots: &mut slots, losses: &mut losses };
        let (logged, state) = match &kernel {
            Some(fused) => {
                let task = Task { fit, data: &data, weights: weights.as_ref(), fused };
                self.train(&task, &mut numbers, state).await?
            }
            None => {
                if fit.engine == EngineChoice::Fused {
                    log::warn!("training the networks of a sweep one after the other on the {engine} engine: {reason}");
                }
                self.one_by_one(&data, fit, weights.as_ref(), &mut numbers, state).await?
            }
        };
        let before = self.state.epochs;
        self.note_ends(fit, rows);
        (self.parameters, self.slots, self.losses, self.state) = (parameters, slots, losses, state);
        Ok(self.history(fit, before, (engine, reason), &logged))
    }

    /// Records the states of the members that end during these epochs.
    fn note_ends(&mut self, fit: &Fit, rows: usize) {
        let batches = Batches::of(fit, rows);
        let mut ends: Vec<u64> = self.members.iter().filter_map(|member| Some(member.epochs? as u64)).collect();
        ends.sort_unstable();
        ends.dedup();
        let mut state = State { slots: Vec::new(), ..self.state.continued(fit) };
        let last = state.epochs + fit.epochs as u64;
        for end in ends.into_iter().filter(|end| (self.state.epochs + 1..=last).contains(end)) {
            let left = end - state.epochs;
            state = state.after(left, fit, &batches);
            self.ended.insert(end, state.clone());
        }
    }

    /// Tells which engine would train with these settings on `rows` rows, and why. If [`Fit::engine`] is not set, the
    /// fused engine trains whatever it supports: many networks at once fill the device.
    ///
    /// # Errors
    /// The same as [`fit`](Self::fit), for the settings.
    pub fn engine(&self, fit: &Fit, rows: usize) -> Result<EngineReport, Error> {
        self.check(fit)?;
        check_rows(rows)?;
        let weighted = fit.sample_weights.is_some() || fit.class_weights.is_some();
        let (engine, reason, _) = self.choose(fit, rows, weighted || self.members.iter().any(|member| member.rows.is_some()));
        Ok(EngineReport { engine, reason })
    }

    /// The engine, the reason, and the kernel of the fused engine.
    fn choose(&self, fit: &Fit, rows: usize, weights: bool) -> (Engine, String, Option<Fused>) {
        if self.device.gpu.is_none() {
            return (Engine::Cpu, "the device runs no shaders".into(), None);
        }
        if fit.engine == EngineChoice::Staged {
            return (Engine::Staged, "it was requested".into(), None);
        }
        let differing = Differing {
            weights,
            decay: self.members.iter().any(|member| self.of_member(member, fit).decay() != 0.0),
            ends: self.members.iter().any(|member| member.epochs.is_some()),
        };
        match choice::kernel(&self.network, fit, rows, differing, &self.device.limits()) {
            Ok(fused) if fit.engine == EngineChoice::Fused => (Engine::Fused, "it was requested".into(), Some(fused)),
            Ok(fused) => (Engine::Fused, "many networks at once fill the device".into(), Some(fused)),
            Err(reason) => (Engine::Staged, reason, None),
        }
    }

    /// Returns one network as a model in its current state, including the optimizer state, so that it can be trained
    /// further.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no such member.
    pub fn model(&self, member: usize) -> Result<Model, Error> {
        let parameters = self.layout.spread(self.of(&self.parameters, member)?);
        let slots = match self.slots.is_empty() {
            true => Vec::new(),
            false => self.of(&self.slots, member)?.chunks(self.count()).map(|slot| self.layout.spread(slot)).collect(),
        };
        let mut state = State { slots, ..self.state.clone() };
        if let Some(ended) = self.members[member].epochs.and_then(|end| self.ended.get(&(end as u64))) {
            state = State { slots: state.slots, ..ended.clone() };
            if state.optimizer != self.state.optimizer {
                // The optimizer state belongs to another optimizer.
                state.forget_optimizer();
            }
        }
        Ok(Model::restore(&self.device, &self.network, &self.layout, parameters, state))
    }

    /// All weights and biases of one network.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no such member.
    pub fn weights_of(&self, member: usize) -> Result<Vec<Tensor>, Error> {
        Ok(self.layout.tensors(&self.layout.spread(self.of(&self.parameters, member)?)))
    }

    /// A member's part of a buffer in which all members have parts of equal length.
    fn of<'a>(&self, all: &'a [f32], member: usize) -> Result<&'a [f32], Error> {
        let count = all.len() / self.len();
        all.chunks(count.max(1)).nth(member).ok_or_else(|| Error::Setting {
            what: "the member of a sweep".into(),
            expected: format!("an index from 0 to {}", self.len() - 1),
            got: member.to_string(),
        })
    }

    /// The number of parameters of one network.
    fn count(&self) -> usize {
        self.parameters.len() / self.len()
    }

    /// The number of epochs that a member has been trained for.
    fn epochs(&self, member: usize) -> u64 {
        self.members[member].epochs.map_or(self.state.epochs, |end| self.state.epochs.min(end as u64))
    }

    /// The settings to train a member by itself, apart from its rows.
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
        if fit.checkpoint.is_some() {
            return without("checkpoint");
        }
        if fit.log_interval.is_some() {
            return without("log_interval");
        }
        if fit.log_weights {
            return without("log_weights");
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

    /// The sample weights for each member, if any differ.
    fn weights(&self, data: &Data<'_>) -> Result<Option<Weights>, Error> {
        let rows = data.inputs.rows();
        check_rows(rows)?;
        if data.weights.is_none() && self.members.iter().all(|member| member.rows.is_none()) {
            return Ok(None);
        }
        let all = data.weights.clone().unwrap_or_else(|| vec![1.0; rows]);
        let mut weights = Weights { kinds: Vec::new(), of: Vec::new() };
        // Compares the addresses of the lists, so that a fold shared by many members is processed once.
        let mut known: HashMap<Option<*const usize>, usize> = HashMap::new();
        for (k, member) in self.members.iter().enumerate() {
            let own = member.rows.as_deref();
            let key = own.map(<[usize]>::as_ptr);
            if let Some(kind) = known.get(&key) {
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
                    *value += all[*row];
                }
            }
            let total: f64 = values.iter().map(|value| f64::from(*value)).sum();
            if !(total as f32).is_normal() {
                let expected = "rows whose weights add up to more than 0".into();
                return Err(of_member(k, Error::Setting { what: "its rows".into(), expected, got: total.to_string() }));
            }
            known.insert(key, weights.kinds.len());
            weights.of.push(weights.kinds.len());
            weights.kinds.push((values, total));
        }
        Ok(Some(weights))
    }

    /// Trains with the fused engine, as many networks at a time as the buffers hold.
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
        let size = |networks| Size { networks, kept, copies: 0, longest: fused.longest(&limits, fit.epochs), scanned: false };
        let mut most = fitting(fused, kept, &limits);
        let mut first = 0;
        while first < self.len() {
            if most == 0 {
                let longest = limits.binding.min(limits.buffer);
                return Err(Error::TooLarge {
                    what: "one network of a sweep, with its row weights and the losses that are logged".into(),
                    limit: format!("{longest} bytes in a buffer, in which 0 of {} networks fit", self.len()),
                    got: format!("{} bytes", fused.bytes(&size(1), fused.rows).1),
                });
            }
            let end = (first + most).min(self.len());
            let members = first..end;
            let (weights, rows_of) = task.weights_of(members.clone());
            let rows = PackedRows { inputs: &inputs, targets: &targets, weights: &weights, seed: fit.seed };
            let mut population = match Population::new(gpu, &limits, fused, &size(members.len()), &rows).await {
                Ok(population) => population,
                // Retry with fewer at a time.
                Err(Error::OutOfMemory { .. }) if members.len() > 1 => {
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
            population.write_parameters(&fused.pack(own.iter().map(Vec::as_slice))).await?;
            let settings: Vec<_> = members.clone().zip(&rows_of).map(|(k, rows)| self.settings(k, task, *rows)).collect();
            population.write_members(&settings)?;
            population.write_losses(&numbers.losses[members.clone()])?;
            state = self.run(&mut population, fit, start.clone()).await?;
            let fused::Read { losses, parameters, .. } = population.read_losses(kept, true).await?;
            let packed = parameters.unwrap_or_default();
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

    /// Trains one population for all epochs.
    async fn run(&self, population: &mut Population, fit: &Fit, mut state: State) -> Result<State, Error> {
        let batches = Batches::of(fit, population.fused().rows);
        let mut kept = match fit.log_every {
            Some(every) => Kept { every: u32::try_from(every).unwrap_or(u32::MAX), wait: 0, slot: 0 },
            None => Kept { every: u32::MAX, wait: u32::MAX, slot: 0 },
        };
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
            let epochs_of = fused::Epochs { before, count: epochs, rates: &rates };
            kept = population.train(&epochs_of, kept, None).await?.kept;
            done += epochs;
        }
        Ok(state)
    }

    /// A member's row of settings on the device.
    fn settings(&self, k: usize, task: &Task<'_>, rows: RowWeights) -> fused::Member {
        let own = self.of_member(&self.members[k], task.fit);
        fused::Member {
            learning_rate: own.base_rate() as f32,
            weight_decay: own.decay() as f32,
            loss_scale: task.fused.loss_scale(rows.total),
            rows: task.fused.rows as f32,
            epochs: self.members[k].epochs.and_then(|end| u32::try_from(end).ok()).unwrap_or(u32::MAX),
            weights: rows.first,
        }
    }

    /// Trains one network after the other, as separate models.
    async fn one_by_one(
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
                    engine: EngineChoice::Staged,
                    log_every: None,
                    on_non_finite: OnNonFinite::Continue,
                    ..self.of_member(member, fit)
                };
                let targets = data.targets.clone();
                let trained = model.train_here((data.inputs.clone(), targets), &alone).await;
                let history = trained.map_err(|error| match error {
                    Error::Setting { .. } | Error::Shape { .. } | Error::NotFinite { .. } => of_member(k, error),
                    // A fault of the device belongs to no member.
                    error => error,
                })?;
                debug_assert_eq!(history.ended, Ended::Finished);
                losses = history.loss;
            }
            numbers.losses[k] = losses.last().map_or(numbers.losses[k], |loss| *loss as f32);
            let every = fit.log_every.unwrap_or(usize::MAX);
            logged.push(losses.iter().step_by(every).map(|loss| *loss as f32).filter(|_| fit.log_every.is_some()).collect());
            // A member that ended earlier with another optimizer has no state for this one.
            let (parameters, kept) = model.into_numbers(&fit.optimizer);
            numbers.parameters[k * self.count()..][..self.count()].copy_from_slice(&self.layout.dense(&parameters));
            let width = fit.optimizer.definition().slots.len();
            for slot in 0..width {
                slots.extend(kept.get(slot).map_or_else(|| vec![0.0; self.count()], |slot| self.layout.dense(slot)));
            }
        }
        *numbers.slots = slots;
        Ok((logged, start.after(fit.epochs as u64, fit, &Batches::of(fit, data.inputs.rows()))))
    }

    fn history(&self, fit: &Fit, before: u64, (engine, reason): (Engine, String), logged: &[Vec<f32>]) -> SweepHistory {
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
        SweepHistory { members, logged: logged_epochs, engine, reason }
    }
}

/// What all networks of a training run share.
struct Task<'a> {
    fit: &'a Fit,
    data: &'a Data<'a>,
    weights: Option<&'a Weights>,
    fused: &'a Fused,
}

impl Task<'_> {
    /// The sample weights of those members, each list once; where each member's list begins, and its sum.
    fn weights_of(&self, members: std::ops::Range<usize>) -> (Vec<f32>, Vec<RowWeights>) {
        let equal = RowWeights { first: 0, total: self.fused.rows as f64 };
        let Some(weights) = self.weights else { return (Vec::new(), vec![equal; members.len()]) };
        let mut all = Vec::new();
        let mut known: HashMap<usize, RowWeights> = HashMap::new();
        let at = members
            .map(|k| {
                let kind = weights.of[k];
                *known.entry(kind).or_insert_with(|| {
                    let first = all.len() as u32;
                    let (packed, total) = self.fused.pack_weights(&weights.kinds[kind].0);
                    all.extend(packed);
                    RowWeights { first, total }
                })
            })
            .collect();
        (all, at)
    }
}

/// A member's sample weights within those of all members.
#[derive(Clone, Copy)]
struct RowWeights {
    /// The index where they begin.
    first: u32,
    /// Their sum.
    total: f64,
}

/// The numbers of the networks in training.
struct Numbers<'a> {
    parameters: &'a mut [f32],
    slots: &'a mut Vec<f32>,
    losses: &'a mut [f32],
}

/// The sample weights by member.
struct Weights {
    /// The distinct lists, each with its sum.
    kinds: Vec<(Vec<f32>, f64)>,
    /// The index of each member's list.
    of: Vec<usize>,
}

/// How many networks the device's buffers hold at a time.
fn fitting(fused: &Fused, kept: usize, limits: &Limits) -> usize {
    let longest = limits.binding.min(limits.buffer) / 4;
    let losses = (kept as u64).saturating_add(1);
    let numbers = [
        // Parameters and losses share one readback buffer.
        (fused.network_numbers() as u64).saturating_add(losses),
        size_of::<fused::Member>() as u64 / 4,
        if fused.weighted { fused.rows as u64 } else { 1 },
    ];
    let fitting = numbers.into_iter().map(|count| longest / count).min().unwrap_or(0);
    // Counts are u32.
    fitting.min(u64::from(u32::MAX) / losses.max(fused.words() as u64)) as usize
}

/// Attributes an error to a member.
fn of_member(member: usize, error: Error) -> Error {
    Error::Member { member, error: Box::new(error) }
}
