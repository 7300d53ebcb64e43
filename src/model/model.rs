//! The model: a network with its weights on a device.

use std::collections::{BTreeMap, BTreeSet};

use super::training::Interrupted;
use crate::data::{Preprocessing, check_rows};
use crate::engine::{Engine, EngineReport, choice, narrowed};
use crate::error::Error;
use crate::gpu::Device;
use crate::infer::Subject;
use crate::memory::Reserve;
use crate::network::{Init, Layout, Network, Optimizer, Tensor};
use crate::plan::Plan;
use crate::settings::Fit;
use crate::train::{self, State, Summary, Task, planned};

/// A network with its weights on a device. It can be trained, evaluated and saved, and makes predictions.
///
/// This trains XOR, as in the first tutorial:
///
/// ```
/// use shaderprop::{Activation, Device, Fit, Init, Loss, Model, Network, Order};
///
/// let inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let targets = [[0.0], [1.0], [1.0], [0.0]];
/// let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
/// let init = Init::NumPy { seed: 42, order: Order::WeightsThenBiases };
///
/// let mut model = Model::new(&Device::cpu(), &network, &init)?;
/// let history = model.fit(&inputs, &targets, &Fit::new().loss(Loss::SquaredError).learning_rate(0.1).epochs(10_000))?;
/// assert!((history.loss[0] - 0.28797482).abs() < 1e-7);
///
/// let predictions = model.predict(&inputs)?;
/// assert!(predictions.row(1)[0] > 0.94 && predictions.row(3)[0] < 0.06);
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) device: Device,
    pub(super) network: Network,
    pub(crate) layout: Layout,
    /// The parameters, flat, in the order of `layout`. They are the model's state between calls; a failed call leaves
    /// them unchanged.
    pub(crate) parameters: Vec<f64>,
    pub(crate) state: State,
    pub(super) preprocessing: Option<Preprocessing>,
    /// Notes that are saved in the model's files.
    pub(crate) notes: BTreeMap<String, String>,
    /// A training run that was interrupted by a fault.
    pub(super) interrupted: Option<Interrupted>,
}

impl Model {
    /// Creates a model: a network on a device, with its initial weights.
    ///
    /// # Errors
    /// [`Error::Setting`] for a network without layers, with a size of zero or with a refused custom activation;
    /// [`Error::TooLarge`] if a tensor exceeds the device's limits. For [`Init::Values`] also the errors of
    /// [`set_weights`](Self::set_weights).
    pub fn new(device: &Device, network: &Network, init: &Init) -> Result<Self, Error> {
        let layout = network.layout()?;
        // Every later call needs at least one row.
        Plan::prediction(network, 1, device.limits())?;
        // The weights, and the same again while they are initialised.
        Reserve::new("the network's weights", layout.len as u64 * 16)?;
        let parameters = init.parameters(network, &layout)?;
        Ok(Self {
            device: device.clone(),
            network: network.clone(),
            layout,
            parameters,
            state: State::default(),
            preprocessing: None,
            notes: BTreeMap::new(),
            interrupted: None,
        })
    }

    /// Restores a model with these parameters and this training state.
    pub(crate) fn restore(device: &Device, network: &Network, layout: &Layout, parameters: Vec<f64>, state: State) -> Self {
        let (device, network, layout) = (device.clone(), network.clone(), layout.clone());
        Self { device, network, layout, parameters, state, preprocessing: None, notes: BTreeMap::new(), interrupted: None }
    }

    /// Returns its parameters and the optimizer state of that optimizer if it has any, both flat.
    pub(crate) fn into_numbers(self, optimizer: &Optimizer) -> (Vec<f64>, Vec<Vec<f64>>) {
        let slots = if self.state.optimizer == *optimizer { self.state.slots } else { Vec::new() };
        (self.parameters, slots)
    }

    /// Notes on how the model was trained, by name: settings, number of rows, engine and device. They are saved and
    /// loaded with the model. Each training run replaces them.
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Fit, Init, Model, Network};
    /// let mut model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), &Init::default())?;
    /// model.fit(&[[1.0]], &[[2.0]], &Fit::new().learning_rate(0.5))?;
    /// model.note("trained for", "a doctest");
    /// assert_eq!(model.notes()["learning_rate"], "0.5");
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn notes(&self) -> &BTreeMap<String, String> {
        &self.notes
    }

    /// Adds a note, or replaces the note of that name.
    pub fn note(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.notes.insert(name.into(), text.into());
    }

    /// The device of the model.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The description of the network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Tells which engine would train with these settings on `rows` rows, and why.
    ///
    /// # Errors
    /// The same as [`summary`](Self::summary).
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Engine, Fit, Init, Model, Network};
    /// let model = Model::new(&Device::cpu(), &Network::new(2).dense(1, Activation::Sigmoid), &Init::default())?;
    /// assert_eq!(model.engine(&Fit::new(), 4)?.engine, Engine::Cpu);
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn engine(&self, fit: &Fit, rows: usize) -> Result<EngineReport, Error> {
        self.check_rows_of(fit, rows)?;
        if self.device.gpu.is_none() {
            return Ok(EngineReport { engine: Engine::Cpu, reason: "the device runs no shaders".into() });
        }
        let frame = planned(self.task(fit), rows, self.device.limits())?;
        let chosen = choice::choose(&frame);
        let engine = if chosen.fused.is_some() { Engine::Fused } else { Engine::Staged };
        Ok(EngineReport { engine, reason: chosen.reason })
    }

    /// Summarises the network and the memory that training on `rows` rows needs, before anything is allocated. The
    /// summary implements `Display`.
    ///
    /// # Errors
    /// [`Error::Setting`] and [`Error::TooLarge`].
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Fit, Init, Model, Network};
    /// let network = Network::new(4).dense(8, Activation::Tanh).dense(1, Activation::Sigmoid);
    /// let summary = Model::new(&Device::cpu(), &network, &Init::default())?.summary(&Fit::new(), 100)?;
    /// assert_eq!(summary.parameters, 49);
    /// println!("{summary}");
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn summary(&self, fit: &Fit, rows: usize) -> Result<Summary, Error> {
        self.check_rows_of(fit, rows)?;
        Summary::new(&self.network, fit, rows, self.device.gpu.as_ref().map(|_| self.device.limits()))
    }

    /// The labels of the kernels that such a training run dispatches; none on the CPU engine.
    pub(crate) fn kernels(&self, fit: &Fit, rows: usize) -> Result<BTreeSet<String>, Error> {
        self.check_rows_of(fit, rows)?;
        match self.device.gpu {
            None => Ok(BTreeSet::new()),
            Some(_) => train::kernels(self.task(fit), rows, self.device.limits()),
        }
    }

    /// The network, the loss and the settings of a training run.
    fn task<'a>(&'a self, fit: &'a Fit) -> Task<'a> {
        Task { network: &self.network, layout: &self.layout, fit }
    }

    /// Refuses invalid settings, and a number of rows that cannot be trained on.
    fn check_rows_of(&self, fit: &Fit, rows: usize) -> Result<(), Error> {
        fit.check(&self.network)?;
        check_rows(rows)?;
        if rows == 0 {
            return Err(Error::Setting { what: "rows to train on".into(), expected: "at least 1".into(), got: "0".into() });
        }
        Ok(())
    }

    /// The number of epochs trained, over all calls of [`fit`](Self::fit).
    pub fn epochs(&self) -> u64 {
        self.state.epochs
    }

    /// Resets the optimizer state and the number of epochs. The weights stay.
    pub fn reset_training(&mut self) {
        self.state = State::default();
    }

    /// All weights and biases, starting with `layers.0.weight`.
    pub fn weights(&self) -> Vec<Tensor> {
        self.layout.tensors(&self.parameters)
    }

    /// The weight or bias of that name.
    ///
    /// # Errors
    /// [`Error::UnknownTensor`].
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Init, Model, Network};
    /// let mut model = Model::new(&Device::cpu(), &Network::new(3).dense(2, Activation::Tanh), &Init::default())?;
    /// let mut weight = model.weight("layers.0.weight")?;
    /// assert_eq!(weight.shape, [3, 2]);
    /// weight.values[0] = 0.5;
    /// model.set_weights(&[weight])?;
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn weight(&self, name: &str) -> Result<Tensor, Error> {
        let place = self.layout.find(name)?;
        let values = narrowed(&self.parameters[place.offset..place.offset + place.len]);
        Ok(Tensor { name: place.name.clone(), shape: place.shape.clone(), values })
    }

    /// Sets the given weights and biases and leaves the others unchanged. If one is refused, none is set.
    ///
    /// # Errors
    /// [`Error::UnknownTensor`], [`Error::Shape`], [`Error::NotFinite`].
    pub fn set_weights(&mut self, tensors: &[Tensor]) -> Result<(), Error> {
        let mut parameters = self.parameters.clone();
        for tensor in tensors {
            self.layout.store(tensor, &mut parameters)?;
        }
        self.parameters = parameters;
        Ok(())
    }

    /// The network with its weights, for inference.
    pub(super) fn subject(&self) -> Subject<'_> {
        let Self { device, network, layout, parameters, .. } = self;
        Subject { device, network, layout, parameters }
    }
}
