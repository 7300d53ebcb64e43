//! Creates a predictor from a model.

use super::model::Model;
use crate::data::Matrix;
use crate::error::Error;
use crate::infer::Predictor;

impl Predictor {
    /// Creates a predictor from a model's current weights, for `inputs` of shape (rows, inputs).
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::NotFinite`] for rows that the network does not take, [`Error::TooLarge`] for more
    /// rows than the device holds at once, and the device's faults.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new<'x>(model: &Model, inputs: impl Into<Matrix<'x>>) -> Result<Self, Error> {
        Self::new_blocking(model, inputs.into())
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn new_blocking(model: &Model, inputs: Matrix<'_>) -> Result<Self, Error> {
        model.device().block_on(Self::of(&model.subject(), inputs))
    }

    /// The async form of [`new`](Self::new), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`new`](Self::new).
    pub async fn new_async<'x>(model: &Model, inputs: impl Into<Matrix<'x>>) -> Result<Self, Error> {
        model.device().drive(Self::of(&model.subject(), inputs.into())).await
    }
}
