//! A network with weights on a device: the trainer, and what can be asked of a trained network.

use std::cell::LazyCell;

use crate::device::Device;
use crate::engine::{End, Engine, Step, narrowed, widened};
use crate::error::Error;
use crate::fit::Fit;
use crate::history::{Evaluation, History, Log};
use crate::init::Init;
use crate::loss::Loss;
use crate::matrix::Matrix;
use crate::network::{Layout, Network, Tensor};
use crate::plan::{Id, Limits, Plan};
use crate::product::choice::Products;
use crate::reference::Reference;
use crate::staged::{Staged, Step as Row};
use crate::trace::{self, Stage};

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
    layout: Layout,
    /// Flat, as `layout` says: what the model is between calls. A call that fails leaves it as it was.
    parameters: Vec<f64>,
}

/// The losses that wait on the device until they are read: a run without log points reads them this often.
const MOST_UNREAD: usize = 65_536;

/// Predictions and evaluations go over the rows in pieces of about this many values in the widest layer.
const PIECE: usize = 1 << 20;

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
        let parameters = init.parameters(network, &layout)?;
        Ok(Self { device: device.clone(), network: network.clone(), layout, parameters })
    }

    /// The device it trains on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What trains: `staged`, one dispatch a stage on a GPU, or `cpu`.
    pub fn engine(&self) -> &'static str {
        if self.device.gpu.is_some() { "staged" } else { "cpu" }
    }

    /// Its description.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Trains, from the weights that the model has: `inputs` of shape (rows, inputs), `targets` (rows, outputs).
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`], [`Error::Setting`] and [`Error::TooLarge`] before anything is allocated;
    /// [`Error::Shader`] for a custom activation's WGSL; [`Error::Diverged`] if a loss or a weight is no longer finite; and the device's
    /// faults. The model then keeps the weights that it had before.
    pub fn fit<'x, 'y>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
    ) -> Result<History, Error> {
        self.fit_with(inputs, targets, fit, |_| ())
    }

    /// Trains, and calls `on_log` at each log point (see [`Fit::log_every`]).
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_with<'x, 'y>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        mut on_log: impl FnMut(&Log),
    ) -> Result<History, Error> {
        let (inputs, targets) = (inputs.into(), targets.into());
        fit.check()?;
        self.check_data(&inputs, &targets, fit.loss)?;
        let (history, parameters) = self.device.block_on(self.train((&inputs, &targets), fit, &mut on_log))?;
        self.parameters = parameters;
        Ok(history)
    }

    /// The trainer: from one log point to the next, and the parameters at the end.
    async fn train(
        &self,
        data: (&Matrix<'_>, &Matrix<'_>),
        fit: &Fit,
        on_log: &mut impl FnMut(&Log),
    ) -> Result<(History, Vec<f64>), Error> {
        let room = fit.log_every.unwrap_or(fit.epochs).min(fit.epochs).min(MOST_UNREAD);
        let network = (&self.network, &self.layout, self.parameters.as_slice());
        let mut engine = Engine::training(&self.device, network, fit.loss, data, room, self.device.limits()).await?;
        let mut history = History::default();
        loop {
            let done = history.loss.len();
            let end = fit.next_stop(done).min(done + room);
            engine.run(&vec![Step { learning_rate: fit.learning_rate }; end - done]).await?;
            if end == fit.epochs {
                let End { losses, parameters } = engine.finish(&self.layout).await?;
                record(&mut history, losses, fit, on_log)?;
                self.check_parameters(&parameters, fit)?;
                return Ok((history, parameters));
            }
            record(&mut history, engine.losses().await?, fit, on_log)?;
        }
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
    pub fn evaluate<'x, 'y>(
        &self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        loss: Loss,
    ) -> Result<Evaluation, Error> {
        let (inputs, targets) = (inputs.into(), targets.into());
        self.check_data(&inputs, &targets, loss)?;
        let rows = inputs.rows();
        self.device.block_on(async {
            let outputs = self.network.outputs();
            let (mut sum, mut right) = (0.0, 0);
            let mut staged = None;
            let reference = LazyCell::new(|| self.reference(loss));
            for piece in self.pieces(rows) {
                let (x, y) = (rows_of(&inputs, &piece), rows_of(&targets, &piece));
                let (mean, predictions) = match &self.device.gpu {
                    Some(gpu) => {
                        let plan = |limits| Plan::evaluation(&self.network, loss, piece.len(), limits);
                        let staged = self.staged(gpu, &mut staged, piece.len(), plan).await?;
                        staged.write(staged.plan.find("inputs"), x)?;
                        staged.write(staged.plan.find("targets"), y)?;
                        staged.run(&[Row { learning_rate: 0.0, loss_slot: 0 }]).await?;
                        let wanted = [(staged.plan.find("losses"), 1), (self.predictions(staged), piece.len() * outputs)];
                        let read = staged.read(&wanted).await?;
                        (f64::from(read[0][0]), widened(&read[1]))
                    }
                    None => {
                        let mut passed = reference.forward(&widened(x));
                        (reference.loss(&passed, &widened(y)), passed.pop().map_or(vec![], |last| last.outputs))
                    }
                };
                sum += mean * piece.len() as f64;
                right += predictions.iter().zip(y).filter(|(y, t)| f32::from(**y > 0.5) == **t).count();
            }
            Ok(Evaluation { loss: sum / rows as f64, accuracy: right as f64 / (rows * outputs) as f64 })
        })
    }

    /// The network's outputs for those rows: shape (rows, outputs). An output beyond the numbers that an f32 holds is an infinity
    /// or a NaN. The last bits of a row may depend on how many rows are predicted with it, since that chooses the kernel.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), but for [`Error::Diverged`].
    pub fn predict<'x>(&self, inputs: impl Into<Matrix<'x>>) -> Result<Matrix<'static>, Error> {
        let inputs = inputs.into();
        self.check_inputs(&inputs)?;
        let outputs = self.network.outputs();
        self.device.block_on(async {
            let mut values = Vec::new();
            let mut staged = None;
            let reference = LazyCell::new(|| self.reference(Loss::default()));
            for piece in self.pieces(inputs.rows()) {
                let x = rows_of(&inputs, &piece);
                match &self.device.gpu {
                    Some(gpu) => {
                        let plan = |limits| Plan::prediction(&self.network, piece.len(), limits);
                        let staged = self.staged(gpu, &mut staged, piece.len(), plan).await?;
                        staged.write(staged.plan.find("inputs"), x)?;
                        staged.replay(1).await?;
                        let wanted = [(self.predictions(staged), piece.len() * outputs)];
                        values.extend(staged.read(&wanted).await?.remove(0));
                    }
                    None => {
                        values.extend(reference.forward(&widened(x)).pop().map_or(vec![], |last| narrowed(&last.outputs)));
                    }
                }
            }
            Matrix::new(inputs.rows(), outputs, values)
        })
    }

    /// Looks at one epoch of a training, stage by stage, in the plain stages of `shaders/`: trains up to that epoch, counted from 1,
    /// then runs its dispatches one by one and reads what went in and what came out. The model stays as it is. Shapes are as for
    /// [`fit`](Self::fit). Training a wide network does several of these stages in one
    /// dispatch, so that there the numbers agree with the training's within rounding.
    ///
    /// # Errors
    /// As [`fit`](Self::fit); [`Error::NeedsAdapter`] on the CPU engine; [`Error::Setting`] for an epoch beyond the settings'.
    pub fn explain<'x, 'y>(
        &self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        epoch: usize,
    ) -> Result<Vec<Stage>, Error> {
        let (inputs, targets) = (inputs.into(), targets.into());
        fit.check()?;
        self.check_data(&inputs, &targets, fit.loss)?;
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
        self.device.block_on(async {
            let data = (&inputs, &targets);
            let step = Step { learning_rate: fit.learning_rate };
            let limits = self.device.limits();
            let mut parameters = self.parameters.clone();
            if epoch > 1 {
                let room = (epoch - 1).min(MOST_UNREAD);
                let network = (&self.network, &self.layout, parameters.as_slice());
                let mut engine = Engine::training(&self.device, network, fit.loss, data, room, limits).await?;
                let mut before = History::default();
                let mut left = epoch - 1;
                while left > 0 {
                    engine.run(&vec![step; left.min(room)]).await?;
                    record(&mut before, engine.losses().await?, fit, &mut |_| ())?;
                    left -= left.min(room);
                }
                parameters = engine.finish(&self.layout).await?.parameters;
            }
            // The epoch itself in plain stages, which can be read one by one.
            let plain = Limits { products: Products::Plain, ..limits };
            let network = (&self.network, &self.layout, parameters.as_slice());
            match Engine::training(&self.device, network, fit.loss, data, 1, plain).await? {
                Engine::Staged(mut engine) => trace::step(&mut engine.staged, &self.layout, fit.learning_rate as f32).await,
                Engine::Cpu(_) => Err(needs_adapter()),
            }
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

    fn check_inputs(&self, inputs: &Matrix<'_>) -> Result<(), Error> {
        self.check_columns("inputs", inputs, self.network.inputs())?;
        if inputs.rows() == 0 {
            return Err(Error::Shape {
                what: "inputs".into(),
                expected: "at least one row".into(),
                got: "none".into(),
                advice: "give some data".into(),
            });
        }
        inputs.check_finite("inputs")
    }

    fn check_data(&self, inputs: &Matrix<'_>, targets: &Matrix<'_>, loss: Loss) -> Result<(), Error> {
        self.check_columns("inputs", inputs, self.network.inputs())?;
        self.check_columns("targets", targets, self.network.outputs())?;
        if inputs.rows() != targets.rows() {
            return Err(Error::Shape {
                what: "targets".into(),
                expected: format!("{} rows, as many as inputs", inputs.rows()),
                got: targets.rows().to_string(),
                advice: "give one row of targets for each row of inputs".into(),
            });
        }
        self.check_inputs(inputs)?;
        targets.check_finite("targets")?;
        let (least, greatest) = loss.definition().targets;
        match targets.values().iter().position(|target| *target < least || *target > greatest) {
            None => Ok(()),
            Some(at) => Err(Error::Setting {
                what: format!("targets for {}", loss.name()),
                expected: format!("numbers from {least} to {greatest}"),
                got: format!("{} at row {}, column {}", targets.values()[at], at / targets.columns(), at % targets.columns()),
            }),
        }
    }

    fn check_columns(&self, what: &str, data: &Matrix<'_>, columns: usize) -> Result<(), Error> {
        if data.columns() == columns {
            return Ok(());
        }
        Err(Error::Shape {
            what: what.into(),
            expected: format!("{columns} values a row"),
            got: data.columns().to_string(),
            advice: "change the data or the network".into(),
        })
    }

    fn check_parameters(&self, parameters: &[f64], fit: &Fit) -> Result<(), Error> {
        for place in &self.layout.places {
            if let Some(value) =
                parameters[place.offset..place.offset + place.len].iter().find(|value| !(**value as f32).is_finite())
            {
                return Err(diverged(&place.name, *value, fit.epochs, fit));
            }
        }
        Ok(())
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
        gpu: &std::sync::Arc<crate::gpu::Gpu>,
        kept: &'s mut Option<(usize, Staged)>,
        rows: usize,
        plan: impl FnOnce(Limits) -> Result<Plan, Error>,
    ) -> Result<&'s mut Staged, Error> {
        // Where it does not fit its memory goes first: the device may not have room for both.
        let fitting = kept.take().filter(|(of, _)| *of == rows);
        let staged = match fitting {
            Some((_, staged)) => staged,
            None => {
                let staged = Staged::new(gpu.clone(), plan(self.device.limits())?, rows * self.network.outputs() + 1).await?;
                staged.write(staged.plan.find("parameters"), &narrowed(&self.parameters))?;
                staged
            }
        };
        Ok(&mut kept.insert((rows, staged)).1)
    }
}

fn rows_of<'a>(matrix: &'a Matrix<'_>, rows: &std::ops::Range<usize>) -> &'a [f32] {
    &matrix.values()[rows.start * matrix.columns()..rows.end * matrix.columns()]
}

/// Adds losses to the history, if they are finite, and logs the last one where it is due.
fn record(history: &mut History, losses: Vec<f64>, fit: &Fit, on_log: &mut impl FnMut(&Log)) -> Result<(), Error> {
    if let Some(at) = losses.iter().position(|loss| !loss.is_finite()) {
        return Err(diverged("a loss", losses[at], history.loss.len() + at + 1, fit));
    }
    history.loss.extend(losses);
    let epoch = history.loss.len();
    if let Some(loss) = history.loss.last().filter(|_| fit.logs(epoch)) {
        on_log(&Log { epoch, loss: *loss });
    }
    Ok(())
}

fn diverged(what: &str, value: f64, epoch: usize, fit: &Fit) -> Error {
    Error::Diverged { what: what.into(), value: value as f32, epoch, learning_rate: fit.learning_rate }
}
