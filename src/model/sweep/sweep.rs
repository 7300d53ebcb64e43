//! Sweeps: many networks of one architecture trained at once, each with its own initial weights and settings.

use std::collections::HashMap;

use super::history::{MemberHistory, SweepHistory, SweepLog};
use super::member::{Member, of_member};
use super::networks::Networks;
use super::task::{Task, Trained};
use super::weights::Weights;
use super::{groups, one_by_one};
use crate::data::{Data, Matrix, check_rows};
use crate::engine::choice::{self, Differing};
use crate::engine::{Batches, Engine, EngineReport};
use crate::error::Error;
use crate::gpu::Device;
use crate::kernel::Fused;
use crate::model::model::Model;
use crate::network::{Init, Network, Tensor};
use crate::settings::{EngineChoice, Fit, Schedule};
use crate::train::State;

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
    members: Vec<Member>,
    networks: Networks,
    state: State,
    /// The final state of members that have ended, by their last epoch; without slots.
    ended: HashMap<u64, State>,
}

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
            members,
            networks: Networks { layout, parameters, slots: Vec::new(), losses },
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
        self.fit_blocking((inputs.into(), targets.into()), fit, None)
    }

    /// Trains like [`fit`](Self::fit), and calls `on_log` from time to time with how far the training is: after about
    /// each twentieth of the epochs, or after each network if they are trained one after the other. The device may be
    /// a little behind what is told. The results are the same bits as without.
    ///
    /// # Errors
    /// The same as [`fit`](Self::fit).
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Fit, Init, Member, Network, Sweep, SweepLog};
    /// let members = (0..3).map(|seed| Member::new(Init::GlorotUniform { seed }));
    /// let mut sweep = Sweep::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), members)?;
    /// let mut shares = Vec::new();
    /// sweep.fit_with(&[[1.0]], &[[2.0]], &Fit::new().epochs(5), |log: &SweepLog| shares.push(log.share()))?;
    /// assert_eq!(shares.last(), Some(&1.0));
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fit_with<'x, 'y>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        mut on_log: impl FnMut(&SweepLog),
    ) -> Result<SweepHistory, Error> {
        self.fit_blocking((inputs.into(), targets.into()), fit, Some(&mut on_log))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn fit_blocking(
        &mut self,
        data: (Matrix<'_>, Matrix<'_>),
        fit: &Fit,
        on_log: Option<&mut dyn FnMut(&SweepLog)>,
    ) -> Result<SweepHistory, Error> {
        let device = self.device.clone();
        device.block_on(self.training(data, fit, on_log))
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
        // A closure of this type can be sent to another thread, and so can the future.
        device.drive(self.training((inputs.into(), targets.into()), fit, None::<&mut fn(&SweepLog)>)).await
    }

    async fn training<L: FnMut(&SweepLog) + ?Sized>(
        &mut self,
        (inputs, targets): (Matrix<'_>, Matrix<'_>),
        fit: &Fit,
        on_log: Option<&mut L>,
    ) -> Result<SweepHistory, Error> {
        self.check(fit)?;
        let data = Data::new(&self.network, fit.loss, inputs, targets)?;
        let data = data.with_sample_weights(fit.sample_weights.as_deref())?;
        let data = data.with_class_weights(&self.network, fit.loss, fit.class_weights.as_ref())?;
        let rows = data.inputs.rows();
        let weights = Weights::new(&self.members, &data)?;
        let (engine, reason, kernel) = self.choose(fit, rows, weights.is_some());
        let task = Task { fit, data: &data, members: &self.members, weights: weights.as_ref() };
        let state = self.state.continued(fit);
        let mut networks = self.networks.clone();
        if state.optimizer != self.state.optimizer || state.steps == 0 {
            networks.slots.clear();
        }
        let Trained { logged, state } = match &kernel {
            Some(fused) => groups::train(&self.device, fused, &task, &mut networks, state, on_log).await?,
            None => {
                if fit.engine == EngineChoice::Fused {
                    log::warn!("training the networks of a sweep one after the other on the {engine} engine: {reason}");
                }
                one_by_one::train(&task, &mut networks, (state, on_log), |k| self.model(k)).await?
            }
        };
        let before = self.state.epochs;
        self.note_ends(fit, rows);
        (self.networks, self.state) = (networks, state);
        let logged_epochs: Vec<usize> = fit.log_every.map_or(vec![], |every| (1..=fit.epochs).step_by(every).collect());
        let epochs: Vec<u64> = self.members.iter().map(|member| self.epochs(member)).collect();
        let members = MemberHistory::all(&self.networks, &epochs, before, &logged_epochs, &logged);
        Ok(SweepHistory { members, logged: logged_epochs, engine, reason })
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
            decay: self.members.iter().any(|member| member.settings(fit).decay() != 0.0),
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
        self.check_member(member)?;
        let layout = &self.networks.layout;
        let parameters = layout.spread(self.networks.parameters_of(member));
        let slots = self.networks.slots_of(member).chunks(self.networks.parameters_each());
        let slots = slots.map(|slot| layout.spread(slot)).collect();
        let mut state = State { slots, ..self.state.clone() };
        if let Some(ended) = self.members[member].epochs.and_then(|end| self.ended.get(&(end as u64))) {
            state = State { slots: state.slots, ..ended.clone() };
            if state.optimizer != self.state.optimizer {
                // The optimizer state belongs to another optimizer.
                state.forget_optimizer();
            }
        }
        Ok(Model::restore(&self.device, &self.network, layout, parameters, state))
    }

    /// All weights and biases of one network.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no such member.
    pub fn weights_of(&self, member: usize) -> Result<Vec<Tensor>, Error> {
        self.check_member(member)?;
        let layout = &self.networks.layout;
        Ok(layout.tensors(&layout.spread(self.networks.parameters_of(member))))
    }

    fn check_member(&self, member: usize) -> Result<(), Error> {
        match member < self.len() {
            true => Ok(()),
            false => Err(Error::Setting {
                what: "the member of a sweep".into(),
                expected: format!("an index from 0 to {}", self.len() - 1),
                got: member.to_string(),
            }),
        }
    }

    /// The number of epochs that a member has been trained for.
    fn epochs(&self, member: &Member) -> u64 {
        member.epochs.map_or(self.state.epochs, |end| self.state.epochs.min(end as u64))
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
            let own = Fit { epochs: member.epochs.unwrap_or(fit.epochs), ..member.settings(fit) };
            own.check(&self.network).map_err(|error| of_member(k, error))?;
        }
        Ok(())
    }
}
