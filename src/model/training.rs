//! Training a model: from its current weights, from a checkpoint, and after a fault of the device.

#[cfg(not(target_arch = "wasm32"))]
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::model::Model;
use crate::data::{Data, Matrix};
use crate::error::Error;
use crate::settings::{Answer, Fit};
use crate::train::{self, History, Log, Start, Trained, TrainingData, checkpoint_settings, circumstances};

/// A training run that was interrupted by a fault, and how to continue it.
#[derive(Clone, Debug)]
pub struct Interrupted {
    /// Its last checkpoint; `None` before the first.
    checkpoint: Option<PathBuf>,
}

/// How a training run waits for the device.
enum Edge {
    /// Blocking this thread.
    #[cfg(not(target_arch = "wasm32"))]
    Blocking,
    /// Asynchronously.
    Async,
    /// As the surrounding future does.
    Within,
}

impl Model {
    /// Trains the model, starting from its current weights. `inputs` has the shape (rows, inputs). `targets` has the
    /// shape (rows, outputs), or (rows, 1) with class indices for categorical cross-entropy.
    ///
    /// A second call continues where the first one stopped, with the same optimizer state, schedule and sequence of row
    /// orders: two calls of five epochs equal one call of ten. A different optimizer or schedule starts from its
    /// initial state. So does the optimizer after early stopping has restored the best weights.
    ///
    /// # Errors
    /// Before anything is allocated: [`Error::Shape`], [`Error::NotFinite`], [`Error::Setting`] and
    /// [`Error::TooLarge`]. Later: [`Error::Shader`] for a custom activation's WGSL; [`Error::Diverged`] if a loss or a
    /// weight is no longer finite; and the device's faults. With a checkpoint also [`Error::Exists`], [`Error::Write`]
    /// and [`Error::Export`], if possible before training begins.
    ///
    /// After an error the model keeps the weights that it had before the call, with two exceptions. After
    /// [`Error::Diverged`] it has those of the last log point or checkpoint at which everything was finite, if there
    /// was one. If a checkpoint could not be written, it has the weights reached by then.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fit<'x, 'y>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
    ) -> Result<History, Error> {
        self.fit_with(inputs, targets, fit, |_| ())
    }

    /// Trains like [`fit`](Self::fit) and calls `on_log` at each log point (see [`Fit::log_every`]). The closure may
    /// return nothing, or [`ControlFlow::Break`](std::ops::ControlFlow::Break) to stop the training.
    ///
    /// # Errors
    /// The same as [`fit`](Self::fit).
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

    /// The async form of [`fit_with`](Self::fit_with), for browsers and event loops. The device works while the page
    /// continues, and `on_log` may itself be asynchronous. The future is woken when the device has finished the work it
    /// waits for.
    ///
    /// # Errors
    /// The same as [`fit`](Self::fit).
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

    /// Resumes a training run from a [`Checkpoint`](crate::Checkpoint), with the same network, data and settings.
    /// Weights and all other state come from the file. The result is bit for bit that of an uninterrupted run,
    /// including the history of the first epochs. [`Fit::epochs`] is the total and may be larger than before; log
    /// points and checkpoints may differ too. On another device, engine or version the last bits may differ, and a
    /// warning is logged. To continue with other settings, [`load`](Self::load) the file: this takes the last weights,
    /// without the optimizer state.
    ///
    /// # Errors
    /// [`Error::File`] for a file that is not a checkpoint, [`Error::OtherTraining`] for one of another network, other
    /// data or other settings; the model is then unchanged. Otherwise the same as [`fit`](Self::fit).
    ///
    /// ```
    /// use shaderprop::{Activation, Checkpoint, Device, Fit, Init, Model, Network};
    /// let path = std::env::temp_dir().join("shaderprop-doc.checkpoint");
    /// let (inputs, targets) = ([[0.0], [1.0]], [[1.0], [0.0]]);
    /// let network = Network::new(1).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
    /// let mut model = Model::new(&Device::cpu(), &network, &Init::default())?;
    /// let fit = Fit::new().checkpoint(Checkpoint::new(&path).overwrite(true));
    /// model.fit(&inputs, &targets, &fit.clone().epochs(10))?;
    /// // This can be another process.
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

    /// Resumes like [`resume`](Self::resume), and calls `on_log` as [`fit_with`](Self::fit_with) does.
    ///
    /// # Errors
    /// The same as [`resume`](Self::resume).
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

    /// Recovers a training run that ended because the device was lost, hung, or its driver failed. It reopens the
    /// device, which the model then uses, and resumes from the last [`Checkpoint`](crate::Checkpoint), or starts again
    /// if there was none yet. The result is bit for bit that of a training run without the fault. Pass the same data
    /// and settings as before.
    ///
    /// # Errors
    /// [`Error::Setting`] if no training run was interrupted by an error that [needs a new
    /// device](Error::needs_new_device); the errors of [`Device::reopen`](crate::Device::reopen) and
    /// [`resume`](Self::resume). It can then be called again.
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

    /// Recovers like [`recover`](Self::recover), and calls `on_log` as [`fit_with`](Self::fit_with) does. Epochs after
    /// the checkpoint are logged a second time.
    ///
    /// # Errors
    /// The same as [`recover`](Self::recover).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn recover_with<'x, 'y, A: Answer>(
        &mut self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        mut on_log: impl FnMut(&Log) -> A,
    ) -> Result<History, Error> {
        let Some(Interrupted { checkpoint }) = self.interrupted.clone() else {
            return Err(Error::Setting {
                what: "recover".into(),
                expected: "a training run that ended because of a device fault".into(),
                got: "none".into(),
            });
        };
        // Another model may have noticed the loss first, and this model's device may already be a reopened one.
        if self.device.gpu.as_ref().is_some_and(|gpu| gpu.check().is_err()) {
            self.device = self.device.reopen()?;
        }
        let (checkpoint, data) = (checkpoint.as_deref(), (inputs.into(), targets.into()));
        self.train_blocking(checkpoint, data, fit, &mut |log| answer(&on_log(log)))
    }

    /// Trains and blocks until the end. Like the other blocking functions it is not generic: a generic one would be
    /// compiled again, with all of training, in each program that calls it.
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

    /// Trains as part of a future that something else drives.
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
        // On a device that is already lost nothing starts, and so nothing is interrupted.
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
        // Another fault may have caused the error. If the device is lost, nothing is kept.
        let lost = trained.as_ref().is_err_and(Error::needs_new_device);
        if lost {
            self.interrupted = Some(Interrupted {
                checkpoint: match &fit.checkpoint {
                    Some(own) if saved.load(Ordering::Relaxed) => Some(own.path.clone()),
                    _ => checkpoint.map(Path::to_owned),
                },
            });
        } else if trained.is_ok() || kept.is_some() {
            self.interrupted = None;
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

    /// The state that training starts from.
    pub(super) fn start(&self) -> Start<'_> {
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

    /// The training rows and the validation rows, checked.
    pub(crate) fn parts<'a>(&self, inputs: Matrix<'a>, targets: Matrix<'a>, fit: &'a Fit) -> Result<TrainingData<'a>, Error> {
        let data = Data::new(&self.network, fit.loss, inputs, targets)?;
        TrainingData::new(&self.network, data, fit)
    }
}

/// The answer of a closure as one type.
#[cfg(not(target_arch = "wasm32"))]
fn answer(answer: &impl Answer) -> ControlFlow<()> {
    if answer.continues() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}
