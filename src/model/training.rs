//! Training a model: from its weights, from a checkpoint, and after a fault of the device.

#[cfg(not(target_arch = "wasm32"))]
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::model::Model;
use crate::data::{Data, Matrix};
use crate::error::Error;
use crate::settings::{Answer, Fit};
use crate::train::{self, History, Log, Start, Trained, TrainingData, checkpoint_settings, circumstances};

/// A training that a fault has ended, and how it goes on.
#[derive(Clone, Debug)]
pub struct BrokenOff {
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

impl Model {
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
    /// something too. The future is woken when the device has done what it waits for.
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

    /// What the trainer starts from.
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

    /// The rows to train on and to measure on, checked.
    pub(crate) fn parts<'a>(&self, inputs: Matrix<'a>, targets: Matrix<'a>, fit: &'a Fit) -> Result<TrainingData<'a>, Error> {
        let data = Data::new(&self.network, fit.loss, inputs, targets)?;
        TrainingData::new(&self.network, data, fit)
    }
}

/// What a closure answers, in one type.
#[cfg(not(target_arch = "wasm32"))]
fn answer(answer: &impl Answer) -> ControlFlow<()> {
    if answer.goes_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}
