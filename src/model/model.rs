//! A network with weights on a device: the trainer, and what can be asked of a trained network.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
#[cfg(not(target_arch = "wasm32"))]
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::data::{Data, Matrix, Predictions, Preprocessing, Table, check_inputs, check_rows};
use crate::engine::cpu::{self, reference::Reference};
use crate::engine::staged::{Staged, evaluation_steps, read_measured};
use crate::engine::{Batches, DataShape, Engine, EngineReport, Running, Setup, fused, narrowed, widened};
use crate::error::Error;
use crate::gpu::{Device, Gpu};
use crate::infer::{self, Stage};
use crate::kernel::{Limits, Products};
use crate::memory::Reserve;
use crate::network::{Init, Layout, Loss, Network, Optimizer, Tensor};
use crate::plan::{EVALUATION, Evaluation as Task, Id, Plan};
use crate::settings::{Answer, Counts, EngineChoice, Fit, Measured, Metric, Scale, Scores};
use crate::train::{
    self, Evaluation, History, Log, Start, State, Summary, Task as TrainTask, Trained, TrainingData, checkpoint_settings,
    circumstances, planned,
};

/// A network with weights, on a device.
///
/// XOR, as the first tutorial trains it:
///
/// ```
/// use shaderprop::{Activation, Device, Fit, Init, Loss, Model, Network, Order};
///
/// let inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let targets = [[0.0], [1.0], [1.0], [0.0]];
/// let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
/// let start = Init::NumPy { seed: 42, order: Order::WeightsThenBiases };
///
/// let mut model = Model::new(&Device::cpu(), &network, &start)?;
/// let history = model.fit(&inputs, &targets, &Fit::new().loss(Loss::SquaredError).learning_rate(0.1).epochs(10_000))?;
/// assert!((history.loss[0] - 0.28797482).abs() < 1e-7);
///
/// let predictions = model.predict(&inputs)?;
/// assert!(predictions.row(1)[0] > 0.94 && predictions.row(3)[0] < 0.06);
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    device: Device,
    network: Network,
    pub(crate) layout: Layout,
    /// Flat, as `layout` says: what the model is between calls. A call that fails leaves it as it was.
    pub(crate) parameters: Vec<f64>,
    pub(crate) state: State,
    preprocessing: Option<Preprocessing>,
    /// What files say of the model beside.
    pub(crate) notes: BTreeMap<String, String>,
    /// The training that a fault has ended.
    broken_off: Option<BrokenOff>,
}

/// A training that a fault has ended, and how it goes on.
#[derive(Clone, Debug)]
struct BrokenOff {
    /// Its last checkpoint; none before the first.
    checkpoint: Option<PathBuf>,
}

/// How a training waits for the device.
enum Edge {
    /// On this thread.
    #[cfg(not(target_arch = "wasm32"))]
    Blocking,
    /// It gives the thread back meanwhile.
    Async,
    /// As what it is a part of does.
    Within,
}

/// Predictions and evaluations go over the rows in pieces of about this many values in the widest layer.
const PIECE: usize = 1 << 20;

/// The most classes whose confusion an evaluation counts.
const LARGEST_CONFUSION: usize = 1024;

impl Model {
    /// The network on that device, with its first weights.
    ///
    /// # Errors
    /// [`Error::Setting`] for a network without layers, with a size of zero or a custom activation that is refused; [`Error::TooLarge`] if a tensor passes the
    /// device's limits, and for [`Init::Values`] what [`set_weights`](Self::set_weights) refuses.
    pub fn new(device: &Device, network: &Network, init: &Init) -> Result<Self, Error> {
        let layout = network.layout()?;
        // One row is the least that any later call asks for.
        Plan::prediction(network, 1, device.limits())?;
        // The weights, and as much again while they are made.
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
            broken_off: None,
        })
    }

    /// A model as it was when it had these parameters and was in that state.
    pub(crate) fn restore(device: &Device, network: &Network, layout: &Layout, parameters: Vec<f64>, state: State) -> Self {
        let (device, network, layout) = (device.clone(), network.clone(), layout.clone());
        Self { device, network, layout, parameters, state, preprocessing: None, notes: BTreeMap::new(), broken_off: None }
    }

    /// Its parameters, and what that optimizer keeps of them if it has begun, flat.
    pub(crate) fn into_numbers(self, optimizer: &Optimizer) -> (Vec<f64>, Vec<Vec<f64>>) {
        let slots = if self.state.optimizer == *optimizer { self.state.slots } else { Vec::new() };
        (self.parameters, slots)
    }

    /// How it was trained, by the names of settings and such, and what else was noted: it goes into files and comes back out of them. Each training
    /// begins them anew: what it was given, on how many rows, and what trained where.
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

    /// Notes something of the model, in place of what stands under that name.
    pub fn note(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.notes.insert(name.into(), text.into());
    }

    /// The device it trains on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Which engine trains it with those settings on that many rows, and why.
    ///
    /// # Errors
    /// As [`summary`](Self::summary).
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
            return Ok(EngineReport { engine: Engine::Cpu, why: "the device runs no shaders".into() });
        }
        let frame = planned(self.task(fit), rows, self.device.limits())?;
        let choice = fused::choose(&frame);
        let engine = if choice.fused.is_some() { Engine::Fused } else { Engine::Staged };
        Ok(EngineReport { engine, why: choice.why })
    }

    /// The kernels that such a training dispatches, by their labels; none on the CPU engine.
    pub(crate) fn kernels(&self, fit: &Fit, rows: usize) -> Result<BTreeSet<String>, Error> {
        self.check_rows_of(fit, rows)?;
        match self.device.gpu {
            None => Ok(BTreeSet::new()),
            Some(_) => train::kernels(self.task(fit), rows, self.device.limits()),
        }
    }

    /// Refuses settings without meaning, and a number of rows that cannot be trained on.
    fn check_rows_of(&self, fit: &Fit, rows: usize) -> Result<(), Error> {
        fit.check(&self.network)?;
        check_rows(rows)?;
        if rows == 0 {
            return Err(Error::Setting { what: "rows to train on".into(), expected: "at least 1".into(), got: "0".into() });
        }
        Ok(())
    }

    /// Its description.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Trains, from the weights that the model has: `inputs` of shape (rows, inputs), `targets` (rows, outputs), or (rows, 1) with class indices
    /// for categorical cross-entropy.
    ///
    /// A second call goes on where the first one stopped: with the optimizer's momentum, the schedule, and the next orders of the rows, so that
    /// two calls of five epochs are one of ten. Another optimizer or schedule begins anew, and so does the optimizer where the best weights came back.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`], [`Error::Setting`] and [`Error::TooLarge`] before anything is allocated;
    /// [`Error::Shader`] for a custom activation's WGSL; [`Error::Diverged`] if a loss or a weight is no longer finite; and the device's
    /// faults. With a checkpoint also [`Error::Exists`], [`Error::Write`] and [`Error::Export`], before training where that can be known. The model
    /// then keeps the weights that it had before; after [`Error::Diverged`], those of the last log point or checkpoint at which all was finite, if
    /// there was one, and where a checkpoint could not be written those reached by then.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fit<'x, 'y>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
    ) -> Result<History, Error> {
        self.fit_with(inputs, targets, fit, |_| ())
    }

    /// Trains, and calls `on_log` at each log point (see [`Fit::log_every`]). It may return nothing, or
    /// [`ControlFlow::Break`](std::ops::ControlFlow::Break) to stop there.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fit_with<'x, 'y, A: Answer>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        mut on_log: impl FnMut(&Log) -> A,
    ) -> Result<History, Error> {
        self.train_blocking(None, (inputs.into(), targets.into()), fit, &mut |log| answer(&on_log(log)))
    }

    /// [`fit_with`](Self::fit_with) for where nothing may block, as in a browser: the device works while the page does, and `on_log` may wait for
    /// something too. Elsewhere the future asks the device each time it is polled, without waiting for it.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Fit, Init, Log, Model, Network};
    /// let mut model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), &Init::Zeros)?;
    /// let fit = Fit::new().learning_rate(0.5).log_every(1);
    /// let history = model.fit_async(&[[1.0]], &[[2.0]], &fit, async |log: &Log| println!("{}", log.loss));
    /// assert_eq!(pollster::block_on(history)?.loss, [4.0]);
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub async fn fit_async<'x, 'y, A: Answer>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        on_log: impl AsyncFnMut(&Log) -> A,
    ) -> Result<History, Error> {
        self.train(Edge::Async, None, (inputs.into(), targets.into()), fit, on_log).await
    }

    /// Goes on with a training that wrote a [`Checkpoint`](crate::Checkpoint), with the same network, data and settings: the weights and all else come from the
    /// file, and what comes out is bit by bit what the training would have given without the stop, the history of its first epochs
    /// included. [`Fit::epochs`] is how many there are in all, and may be more than before; so may log points and checkpoints be
    /// others. On another device, engine or version the last bits may differ, and a warning in the log says so. To go on otherwise, [`load`](Self::load)
    /// the file, which takes the last weights and nothing that the optimizer keeps.
    ///
    /// # Errors
    /// [`Error::File`] for a file that is no checkpoint, [`Error::OtherTraining`] for one of another network, other data or other settings: the
    /// model then is as it was. And as [`fit`](Self::fit).
    ///
    /// ```
    /// use shaderprop::{Activation, Checkpoint, Device, Fit, Init, Model, Network};
    /// let path = std::env::temp_dir().join("shaderprop-doc.checkpoint");
    /// let (inputs, targets) = ([[0.0], [1.0]], [[1.0], [0.0]]);
    /// let network = Network::new(1).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
    /// let mut model = Model::new(&Device::cpu(), &network, &Init::default())?;
    /// let fit = Fit::new().checkpoint(Checkpoint::new(&path).overwrite(true));
    /// model.fit(&inputs, &targets, &fit.clone().epochs(10))?;
    /// // In another process, perhaps.
    /// let mut model = Model::new(&Device::cpu(), &network, &Init::Zeros)?;
    /// let history = model.resume(&path, &inputs, &targets, &fit.epochs(20))?;
    /// assert_eq!(history.loss.len(), 20);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn resume<'x, 'y>(
        &mut self,
        path: impl AsRef<Path>,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
    ) -> Result<History, Error> {
        self.resume_with(path, inputs, targets, fit, |_| ())
    }

    /// The same, calling `on_log` as [`fit_with`](Self::fit_with) does.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn resume_with<'x, 'y, A: Answer>(
        &mut self,
        path: impl AsRef<Path>,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        mut on_log: impl FnMut(&Log) -> A,
    ) -> Result<History, Error> {
        let data = (inputs.into(), targets.into());
        self.train_blocking(Some(path.as_ref()), data, fit, &mut |log| answer(&on_log(log)))
    }

    /// Goes on with a training that ended because the device was lost, hung, or its driver broke: opens the device anew, as the model's from
    /// then on, and resumes from the training's last [`Checkpoint`](crate::Checkpoint), or begins again where there was none yet. What comes
    /// out is bit by bit what the training would have given without the fault. Data and settings are the same as before.
    ///
    /// # Errors
    /// [`Error::Setting`] if no training was broken off by an [`error`](Error::needs_new_device) of the kind; what [`Device::reopen`] and
    /// [`resume`](Self::resume) refuse. It can be called again then.
    ///
    /// ```
    /// use shaderprop::{Activation, Checkpoint, Device, Error, Fit, Init, Model, Network};
    /// let path = std::env::temp_dir().join("shaderprop-doc-recover.checkpoint");
    /// let network = Network::new(1).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
    /// let mut model = Model::new(&Device::cpu(), &network, &Init::default())?;
    /// let (inputs, targets) = ([[0.0], [1.0]], [[1.0], [0.0]]);
    /// let fit = Fit::new().epochs(100).checkpoint(Checkpoint::new(&path).every(10).overwrite(true));
    /// let mut history = model.fit(&inputs, &targets, &fit);
    /// for _ in 0..3 {
    ///     if history.as_ref().is_err_and(Error::needs_new_device) {
    ///         history = model.recover(&inputs, &targets, &fit);
    ///     }
    /// }
    /// assert_eq!(history?.loss.len(), 100);
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn recover<'x, 'y>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
    ) -> Result<History, Error> {
        self.recover_with(inputs, targets, fit, |_| ())
    }

    /// The same, calling `on_log` as [`fit_with`](Self::fit_with) does: at epochs after the checkpoint a second time.
    ///
    /// # Errors
    /// As [`recover`](Self::recover).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn recover_with<'x, 'y, A: Answer>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        mut on_log: impl FnMut(&Log) -> A,
    ) -> Result<History, Error> {
        let Some(BrokenOff { checkpoint }) = self.broken_off.clone() else {
            return Err(Error::Setting {
                what: "recover".into(),
                expected: "a training that a fault of the device has ended".into(),
                got: "none".into(),
            });
        };
        // Another model may have found the device lost, and this one's been opened anew already.
        if self.device.gpu.as_ref().is_some_and(|gpu| gpu.check().is_err()) {
            self.device = self.device.reopen()?;
        }
        let (checkpoint, data) = (checkpoint.as_deref(), (inputs.into(), targets.into()));
        self.train_blocking(checkpoint, data, fit, &mut |log| answer(&on_log(log)))
    }

    /// Trains, and waits for the end. Like the other functions that wait it is not generic: what is would be compiled anew in each program that calls
    /// it, with all of training.
    #[cfg(not(target_arch = "wasm32"))]
    fn train_blocking(
        &mut self,
        checkpoint: Option<&Path>,
        data: (Matrix<'_>, Matrix<'_>),
        fit: &Fit,
        on_log: &mut dyn FnMut(&Log) -> ControlFlow<()>,
    ) -> Result<History, Error> {
        pollster::block_on(self.train(Edge::Blocking, checkpoint, data, fit, async |log: &Log| on_log(log)))
    }

    /// Trains within work that somebody else waits for.
    pub(crate) async fn train_here(&mut self, data: (Matrix<'_>, Matrix<'_>), fit: &Fit) -> Result<History, Error> {
        Box::pin(self.train(Edge::Within, None, data, fit, async |_: &Log| ())).await
    }

    async fn train<A: Answer>(
        &mut self,
        edge: Edge,
        checkpoint: Option<&Path>,
        (inputs, targets): (Matrix<'_>, Matrix<'_>),
        fit: &Fit,
        mut on_log: impl AsyncFnMut(&Log) -> A,
    ) -> Result<History, Error> {
        fit.check(&self.network)?;
        let rows = self.parts(inputs, targets, fit)?;
        let mut start = self.start();
        if let Some(path) = checkpoint {
            let settings = checkpoint_settings(&start, &rows, fit);
            start.resumed = Some(train::read_checkpoint(path, &start, &settings, fit)?);
        }
        // On a device that is gone already nothing begins, and nothing is broken off.
        if let Some(gpu) = &self.device.gpu {
            gpu.check()?;
        }
        let saved = AtomicBool::new(false);
        start.saved = Some(&saved);
        let mut kept = None;
        let work = async {
            let trained = train::train(&start, &rows, fit, &mut on_log).await;
            trained.map_err(|failed| {
                kept = failed.kept;
                failed.error
            })
        };
        let trained = match edge {
            #[cfg(not(target_arch = "wasm32"))]
            Edge::Blocking => self.device.block_on(work),
            Edge::Async => self.device.drive(work).await,
            Edge::Within => work.await,
        };
        // Another fault may be behind the error: then nothing is kept.
        let lost = trained.as_ref().is_err_and(Error::needs_new_device);
        if lost {
            self.broken_off = Some(BrokenOff {
                checkpoint: match &fit.checkpoint {
                    Some(own) if saved.load(Ordering::Relaxed) => Some(own.path.clone()),
                    _ => checkpoint.map(Path::to_owned),
                },
            });
        } else if trained.is_ok() || kept.is_some() {
            self.broken_off = None;
        }
        if let Some(kept) = kept.filter(|_| !lost) {
            (self.parameters, self.state) = kept;
        }
        let Trained { parameters, state, history } = trained?;
        (self.parameters, self.state) = (parameters, state);
        self.notes = fit.settings();
        let count = |data: &Data<'_>| data.inputs.rows().to_string();
        self.notes.insert("rows".into(), count(&rows.train));
        self.notes.insert("validation_rows".into(), rows.validation.as_ref().map_or("none".into(), count));
        self.notes.extend(circumstances(&self.device, history.engine));
        Ok(history)
    }

    /// What is trained, and how.
    fn task<'a>(&'a self, fit: &'a Fit) -> TrainTask<'a> {
        TrainTask { network: &self.network, layout: &self.layout, fit }
    }

    /// What the trainer starts from.
    fn start(&self) -> Start<'_> {
        Start {
            device: &self.device,
            network: &self.network,
            layout: &self.layout,
            preprocessing: self.preprocessing.as_ref(),
            parameters: &self.parameters,
            state: &self.state,
            resumed: None,
            saved: None,
        }
    }

    /// The rows to train on and to measure on, checked.
    pub(crate) fn parts<'a>(&self, inputs: Matrix<'a>, targets: Matrix<'a>, fit: &'a Fit) -> Result<TrainingData<'a>, Error> {
        let data = Data::new(&self.network, fit.loss, inputs, targets)?;
        TrainingData::new(&self.network, data, fit)
    }

    /// What the network is, and what training it on that many rows takes: known before anything is allocated. It prints itself.
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

    /// How many epochs it has been trained for, over all calls of [`fit`](Self::fit).
    pub fn epochs(&self) -> u64 {
        self.state.epochs
    }

    /// Forgets what the optimizer kept, and how many epochs the model was trained for; the weights stay.
    pub fn reset_training(&mut self) {
        self.state = State::default();
    }

    /// The loss and the accuracy over those rows, without training: `inputs` of shape (rows, inputs), `targets` (rows, outputs). A loss
    /// beyond the numbers that an f32 holds is an infinity or a NaN.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), but for [`Error::Diverged`].
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Init, Loss, Model, Network};
    /// let model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), &Init::default())?;
    /// let loss = model.evaluate(&[[0.0]], &[[3.0]], Loss::MeanSquaredError)?.loss;
    /// assert_eq!(loss, 9.0);
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate<'x, 'y>(
        &self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        loss: Loss,
    ) -> Result<Evaluation, Error> {
        self.evaluate_blocking(inputs.into(), targets.into(), loss)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn evaluate_blocking(&self, inputs: Matrix<'_>, targets: Matrix<'_>, loss: Loss) -> Result<Evaluation, Error> {
        self.device.block_on(self.evaluating(inputs, targets, loss))
    }

    /// [`evaluate`](Self::evaluate) for where nothing may block, as in a browser.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub async fn evaluate_async<'x, 'y>(
        &self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        loss: Loss,
    ) -> Result<Evaluation, Error> {
        self.device.drive(self.evaluating(inputs.into(), targets.into(), loss)).await
    }

    async fn evaluating(&self, inputs: Matrix<'_>, targets: Matrix<'_>, loss: Loss) -> Result<Evaluation, Error> {
        let data = Data::new(&self.network, loss, inputs, targets)?;
        let (rows, outputs) = (data.inputs.rows(), self.network.outputs());
        let counts = match self.network.predicts_classes(loss) {
            true => Counts::Classes { confusion: outputs <= LARGEST_CONFUSION },
            false => Counts::Binary,
        };
        let scores = Scores { counts: Some(counts), errors: true };
        let mut measured = Measured { losses: vec![0.0; scores.losses()], counts: vec![0; counts.len(outputs)] };
        let mut add = |part: Measured, share: f64| {
            measured.losses.iter_mut().zip(part.losses).for_each(|(sum, mean)| *sum += mean * share);
            measured.counts.iter_mut().zip(part.counts).for_each(|(sum, count)| *sum += count);
        };
        let mut staged = None;
        let reference = LazyCell::new(|| self.reference(loss));
        for piece in self.pieces(rows) {
            let share = piece.len() as f64 / rows as f64;
            let part = data.select(&piece.clone().collect::<Vec<_>>());
            let Some(gpu) = &self.device.gpu else {
                let targets = widened(&part.dense_targets(outputs));
                add(cpu::evaluate(&reference, &widened(part.inputs.values()), &targets, scores), share);
                continue;
            };
            let task = Task { scores, ..Task::new(&self.network, loss, piece.len()) };
            let readable = scores.losses() + counts.len(outputs);
            let staged = self.staged(gpu, &mut staged, piece.len(), readable, |limits| Plan::evaluation(&task, limits)).await?;
            staged.upload(staged.plan.find("evaluation.inputs"), part.inputs.values()).await?;
            staged.upload(staged.plan.find("evaluation.targets"), &part.dense_targets(outputs)).await?;
            staged.write_steps(EVALUATION, &evaluation_steps(1, piece.len()))?;
            staged.replay(1).await?;
            let losses = (staged.plan.find("evaluation.losses"), scores.losses());
            let read = read_measured(staged, losses, scores, EVALUATION, (None, None)).await?;
            add(Measured { losses: read.losses, counts: read.counts }, share);
        }
        let unit = self.preprocessing.as_ref().map_or(1.0, Preprocessing::unit);
        let scale = Scale { rows, outputs, counts: Some(counts), variance: data.variance(outputs), unit };
        let accuracy = Metric::Accuracy.value(&measured, &scale);
        Ok(Evaluation { loss: measured.losses[0], accuracy, measured, scale })
    }

    /// The network's outputs for those rows: shape (rows, outputs). An output beyond the numbers that an f32 holds is an infinity
    /// or a NaN. The last bits of a row may depend on how many rows are predicted with it, since that chooses the kernel.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), but for [`Error::Diverged`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn predict<'x>(&self, inputs: impl Into<Matrix<'x>>) -> Result<Matrix<'static>, Error> {
        self.predict_blocking(inputs.into())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn predict_blocking(&self, inputs: Matrix<'_>) -> Result<Matrix<'static>, Error> {
        self.device.block_on(self.predicting(inputs))
    }

    /// [`predict`](Self::predict) for where nothing may block, as in a browser.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub async fn predict_async<'x>(&self, inputs: impl Into<Matrix<'x>>) -> Result<Matrix<'static>, Error> {
        self.device.drive(self.predicting(inputs.into())).await
    }

    async fn predicting(&self, inputs: Matrix<'_>) -> Result<Matrix<'static>, Error> {
        check_inputs("inputs", &self.network, &inputs)?;
        let outputs = self.network.outputs();
        let mut values = Vec::new();
        let mut staged = None;
        let reference = LazyCell::new(|| self.reference(Loss::default()));
        for piece in self.pieces(inputs.rows()) {
            let x = rows_of(&inputs, &piece);
            match &self.device.gpu {
                Some(gpu) => {
                    let plan = |limits| Plan::prediction(&self.network, piece.len(), limits);
                    let staged = self.staged(gpu, &mut staged, piece.len(), piece.len() * outputs, plan).await?;
                    staged.upload(staged.plan.find("inputs"), x).await?;
                    staged.replay(1).await?;
                    let wanted = [(self.predictions(staged), piece.len() * outputs)];
                    values.extend(staged.read(&wanted).await?.remove(0));
                }
                None => {
                    values.extend(reference.forward(&widened(x), None).pop().map_or(vec![], |last| narrowed(&last.outputs)));
                }
            }
        }
        Matrix::new(inputs.rows(), outputs, values)
    }

    /// Looks at one epoch of a training, stage by stage, in the plain stages of `shaders/`: trains up to that epoch, counted from 1,
    /// then runs the dispatches of its first batch one by one and reads what went in and what came out. The model stays as it is. Shapes are as for
    /// [`fit`](Self::fit). Training a wide network does several of these stages in one
    /// dispatch, and the fused engine all of them, so that there the numbers agree with the training's within rounding.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`Error::NeedsAdapter`] on the CPU engine; [`Error::Setting`] for an epoch beyond the settings'.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn explain<'x, 'y>(
        &self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        epoch: usize,
    ) -> Result<Vec<Stage>, Error> {
        self.explain_blocking(inputs.into(), targets.into(), fit, epoch)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn explain_blocking(&self, inputs: Matrix<'_>, targets: Matrix<'_>, fit: &Fit, epoch: usize) -> Result<Vec<Stage>, Error> {
        self.device.block_on(self.explaining(inputs, targets, fit, epoch))
    }

    /// [`explain`](Self::explain) for where nothing may block, as in a browser.
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub async fn explain_async<'x, 'y>(
        &self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        epoch: usize,
    ) -> Result<Vec<Stage>, Error> {
        self.device.drive(self.explaining(inputs.into(), targets.into(), fit, epoch)).await
    }

    async fn explaining(&self, inputs: Matrix<'_>, targets: Matrix<'_>, fit: &Fit, epoch: usize) -> Result<Vec<Stage>, Error> {
        fit.check(&self.network)?;
        let rows = self.parts(inputs, targets, fit)?;
        if epoch == 0 || epoch > fit.epochs {
            return Err(Error::Setting {
                what: "the epoch to explain".into(),
                expected: format!("one from 1 to {}", fit.epochs),
                got: epoch.to_string(),
            });
        }
        let needs_adapter = || Error::NeedsAdapter { what: "explaining an epoch by its shaders".into() };
        if self.device.gpu.is_none() {
            return Err(needs_adapter());
        }
        let (mut parameters, mut state) = (self.parameters.clone(), self.state.going_on(fit));
        if epoch > 1 {
            let before = Fit {
                epochs: epoch - 1,
                early_stopping: None,
                cancel: None,
                checkpoint: None,
                log_every: None,
                log_interval: None,
                log_weights: false,
                engine: EngineChoice::Staged,
                ..fit.clone()
            };
            let trained = train::train(&self.start(), &rows, &before, &mut async |_| ()).await;
            Trained { parameters, state, .. } = trained.map_err(|failed| failed.error)?;
        }
        // The epoch itself in plain stages, which can be read one by one.
        let once = Fit { epochs: 1, validation: None, early_stopping: None, engine: EngineChoice::Staged, ..fit.clone() };
        let plain = Limits { products: Products::Plain, ..self.device.limits() };
        let frame = train::frame(self.task(&once), DataShape::of(&rows.train), None, plain);
        let slots = state.slots.clone();
        let setup = Setup { frame, parameters: &parameters, slots: &slots, data: &rows.train, validation: None };
        let mut steps = Vec::new();
        state.epoch(fit, &Batches::of(fit, rows.train.inputs.rows()), &mut steps);
        match Running::training(&self.device, setup).await? {
            Running::Staged(mut engine) => {
                let row = engine.first_batch(&steps[0])?;
                infer::step(&mut engine.staged, &self.layout, row).await
            }
            Running::Fused(_) | Running::Cpu(_) => Err(needs_adapter()),
        }
    }

    /// The model with what was fitted of a table's columns: it then predicts from raw rows.
    ///
    /// # Errors
    /// [`Error::Shape`] if the network has not as many inputs or outputs.
    pub fn with_preprocessing(mut self, preprocessing: Preprocessing) -> Result<Self, Error> {
        let sizes = (preprocessing.inputs(), preprocessing.outputs());
        if sizes != (self.network.inputs(), self.network.outputs()) {
            return Err(Error::Shape {
                what: "a network for that preprocessing".into(),
                expected: format!("{} inputs and {} outputs", sizes.0, sizes.1),
                got: format!("{} and {}", self.network.inputs(), self.network.outputs()),
                advice: "change the network".into(),
            });
        }
        self.preprocessing = Some(preprocessing);
        Ok(self)
    }

    /// What was fitted of a table's columns, if anything.
    pub fn preprocessing(&self) -> Option<&Preprocessing> {
        self.preprocessing.as_ref()
    }

    /// What the network says of a table's rows, as they are: they go through the [`Preprocessing`] first, and its outputs back.
    ///
    /// # Errors
    /// [`Error::Setting`] without preprocessing; [`Error::UnknownColumn`] and [`Error::Cell`]; and as [`predict`](Self::predict).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn predict_table(&self, table: &Table) -> Result<Predictions, Error> {
        self.device.block_on(self.predicting_table(table))
    }

    /// [`predict_table`](Self::predict_table) for where nothing may block, as in a browser.
    ///
    /// # Errors
    /// As [`predict_table`](Self::predict_table).
    pub async fn predict_table_async(&self, table: &Table) -> Result<Predictions, Error> {
        self.device.drive(self.predicting_table(table)).await
    }

    async fn predicting_table(&self, table: &Table) -> Result<Predictions, Error> {
        let preprocessing = self.preprocessing_for("predicting from a table")?;
        preprocessing.interpret(self.predicting(preprocessing.transform_inputs(table)?).await?)
    }

    /// [`evaluate`](Self::evaluate) for a table's rows as they are, by categorical cross-entropy for classes and by the mean squared error of
    /// scaled numbers otherwise. Metrics that are errors are in the target's own units.
    ///
    /// # Errors
    /// As [`predict_table`](Self::predict_table); the table needs the target's column.
    ///
    /// ```
    /// use shaderprop::{Activation, Columns, Csv, Device, Init, Metric, Model, Network, Preprocessing, Table};
    /// let table = Table::from_csv("size,price\n1,100\n2,300\n".as_bytes(), &Csv::new())?;
    /// let preprocessing = Preprocessing::fit(&table, &Columns::number("price"))?;
    /// // A network that says 0: the mean price, 200.
    /// let model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), &Init::Zeros)?;
    /// let evaluation = model.with_preprocessing(preprocessing)?.evaluate_table(&table)?;
    /// assert_eq!(evaluation.metric(Metric::RootMeanSquaredError), 100.0);
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_table(&self, table: &Table) -> Result<Evaluation, Error> {
        self.device.block_on(self.evaluating_table(table))
    }

    /// [`evaluate_table`](Self::evaluate_table) for where nothing may block, as in a browser.
    ///
    /// # Errors
    /// As [`evaluate_table`](Self::evaluate_table).
    pub async fn evaluate_table_async(&self, table: &Table) -> Result<Evaluation, Error> {
        self.device.drive(self.evaluating_table(table)).await
    }

    async fn evaluating_table(&self, table: &Table) -> Result<Evaluation, Error> {
        let preprocessing = self.preprocessing_for("evaluating on a table")?;
        let data = preprocessing.transform(table)?;
        let loss = if preprocessing.classes().is_some() { Loss::CategoricalCrossEntropy } else { Loss::MeanSquaredError };
        self.evaluating((&data.inputs).into(), (&data.targets).into(), loss).await
    }

    fn preprocessing_for(&self, what: &str) -> Result<&Preprocessing, Error> {
        self.preprocessing.as_ref().ok_or_else(|| Error::Setting {
            what: what.into(),
            expected: "a model with preprocessing".into(),
            got: "one without".into(),
        })
    }

    /// All weights and biases, `layers.0.weight` first.
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

    /// Sets those weights and biases; the others stay. All of them, or none if one is refused.
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

    /// Where a plan leaves the last layer's outputs.
    fn predictions(&self, staged: &Staged) -> Id {
        staged.plan.find(&format!("layers.{}.output", self.network.layers().len() - 1))
    }

    /// The reference with the model's parameters.
    fn reference(&self, loss: Loss) -> Reference {
        Reference::new(&self.network, loss, &self.layout, &self.parameters)
    }

    /// The rows, in pieces that bound the memory of a forward pass.
    fn pieces(&self, rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let widest = self.network.layers().iter().map(|layer| layer.units).max().unwrap_or(1).max(self.network.inputs());
        let piece = (PIECE / widest).max(1);
        (0..rows).step_by(piece).map(move |start| start..rows.min(start + piece))
    }

    /// An engine for a piece of so many rows: the one at hand if it fits, else a new one.
    async fn staged<'s>(
        &self,
        gpu: &std::sync::Arc<Gpu>,
        kept: &'s mut Option<(usize, Staged)>,
        rows: usize,
        readable: usize,
        plan: impl FnOnce(Limits) -> Result<Plan, Error>,
    ) -> Result<&'s mut Staged, Error> {
        // Where it does not fit its memory goes first: the device may not have room for both.
        let fitting = kept.take().filter(|(of, _)| *of == rows);
        let staged = match fitting {
            Some((_, staged)) => staged,
            None => {
                let staged = Staged::new(gpu.clone(), plan(self.device.limits())?, readable).await?;
                staged.upload_wide(staged.plan.find("parameters"), &self.parameters).await?;
                staged
            }
        };
        Ok(&mut kept.insert((rows, staged)).1)
    }
}

fn rows_of<'a>(matrix: &'a Matrix<'_>, rows: &std::ops::Range<usize>) -> &'a [f32] {
    &matrix.values()[rows.start * matrix.columns()..rows.end * matrix.columns()]
}

/// What a closure answers, in one type.
#[cfg(not(target_arch = "wasm32"))]
fn answer(answer: &impl Answer) -> ControlFlow<()> {
    if answer.goes_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}
