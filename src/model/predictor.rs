//! The predictor of a model.

use super::model::Model;
use crate::data::Matrix;
use crate::error::Error;
use crate::infer::Predictor;

impl Predictor {
    /// One of that model, with its weights as they are, for those rows: shape (rows, inputs).
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::NotFinite`] for rows that the network does not take, [`Error::TooLarge`] for more than the device holds at once,
    /// and the device's faults.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new<'x>(model: &Model, inputs: impl Into<Matrix<'x>>) -> Result<Self, Error> {
        Self::new_blocking(model, inputs.into())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn new_blocking(model: &Model, inputs: Matrix<'_>) -> Result<Self, Error> {
        model.device().block_on(Self::of(&model.subject(), inputs))
    }

    /// [`new`](Self::new) for where nothing may block, as in a browser.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn new_async<'x>(model: &Model, inputs: impl Into<Matrix<'x>>) -> Result<Self, Error> {
        model.device().drive(Self::of(&model.subject(), inputs.into())).await
    }
}
