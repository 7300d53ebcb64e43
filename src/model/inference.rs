//! What a model is asked of rows: predictions, evaluations, an epoch stage by stage.

use super::model::Model;
use crate::data::{Data, Matrix, Preprocessing};
use crate::error::Error;
use crate::infer::{self, Evaluation, Stage};
use crate::network::Loss;
use crate::settings::Fit;

impl Model {
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
