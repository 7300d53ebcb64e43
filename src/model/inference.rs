//! Inference with a model: prediction, evaluation, and explaining an epoch stage by stage.

use super::model::Model;
use crate::data::{Data, Matrix, Preprocessing};
use crate::error::Error;
use crate::infer::{self, Evaluation, Stage};
use crate::network::Loss;
use crate::settings::Fit;

impl Model {
    /// Predicts the network's outputs for `inputs` of shape (rows, inputs); the result has the shape (rows, outputs).
    /// An output beyond the range of f32 is infinite or NaN. The last bits of a row may depend on the number of rows,
    /// which selects the kernel.
    ///
    /// # Errors
    /// The same as [`fit`](Self::fit), except [`Error::Diverged`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn predict<'x>(&self, inputs: impl Into<Matrix<'x>>) -> Result<Matrix<'static>, Error> {
        self.predict_blocking(inputs.into())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn predict_blocking(&self, inputs: Matrix<'_>) -> Result<Matrix<'static>, Error> {
        self.device.block_on(self.predicting(inputs))
    }

    /// The async form of [`predict`](Self::predict), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`predict`](Self::predict).
    pub async fn predict_async<'x>(&self, inputs: impl Into<Matrix<'x>>) -> Result<Matrix<'static>, Error> {
        self.device.drive(self.predicting(inputs.into())).await
    }

    /// Evaluates the loss and the accuracy without training: `inputs` of shape (rows, inputs), `targets` (rows,
    /// outputs). A loss beyond the range of f32 is infinite or NaN.
    ///
    /// # Errors
    /// The same as [`fit`](Self::fit), except [`Error::Diverged`].
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

    /// The async form of [`evaluate`](Self::evaluate), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`evaluate`](Self::evaluate).
    pub async fn evaluate_async<'x, 'y>(
        &self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        loss: Loss,
    ) -> Result<Evaluation, Error> {
        self.device.drive(self.evaluating(inputs.into(), targets.into(), loss)).await
    }

    /// Explains one epoch of a training run stage by stage, in the plain stages of `shaders/`. It trains up to that
    /// epoch, counted from 1. Then it runs the dispatches of the first batch one by one and reads back their inputs and
    /// outputs. The model is not changed. Shapes are as for [`fit`](Self::fit). In normal training, a wide network runs
    /// several of these stages in one dispatch, and the fused engine runs all of them in one; the numbers agree to
    /// within rounding errors.
    ///
    /// # Errors
    /// The same as [`fit`](Self::fit); [`Error::NeedsAdapter`] on the CPU engine; [`Error::Setting`] for an epoch
    /// beyond [`Fit::epochs`].
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

    /// The async form of [`explain`](Self::explain), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`explain`](Self::explain).
    pub async fn explain_async<'x, 'y>(
        &self,
        inputs: impl Into<Matrix<'x>>,
        targets: impl Into<Matrix<'y>>,
        fit: &Fit,
        epoch: usize,
    ) -> Result<Vec<Stage>, Error> {
        self.device.drive(self.explaining(inputs.into(), targets.into(), fit, epoch)).await
    }

    pub(super) async fn predicting(&self, inputs: Matrix<'_>) -> Result<Matrix<'static>, Error> {
        infer::predict(&self.subject(), &inputs).await
    }

    pub(super) async fn evaluating(&self, inputs: Matrix<'_>, targets: Matrix<'_>, loss: Loss) -> Result<Evaluation, Error> {
        let data = Data::new(&self.network, loss, inputs, targets)?;
        let unit = self.preprocessing.as_ref().map_or(1.0, Preprocessing::unit);
        infer::evaluate(&self.subject(), &data, loss, unit).await
    }

    async fn explaining(&self, inputs: Matrix<'_>, targets: Matrix<'_>, fit: &Fit, epoch: usize) -> Result<Vec<Stage>, Error> {
        fit.check(&self.network)?;
        let rows = self.parts(inputs, targets, fit)?;
        infer::explain(&self.start(), &rows, fit, epoch).await
    }
}
