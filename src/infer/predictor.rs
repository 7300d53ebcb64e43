//! Repeated prediction for the same rows: buffers, pipelines and rows stay on the device.

use std::ops::Range;

use super::resident::Resident;
use super::subject::Subject;
use crate::data::{Matrix, check_inputs};
use crate::error::Error;
use crate::gpu::Device;
use crate::network::{Layout, Network, Tensor};
use crate::plan::PredictionIds;

/// Predicts the same rows again and again while the weights change, to watch a network train. Pass it the weights from
/// a [`Log`](crate::Log).
///
/// ```
/// use shaderprop::{Activation, Device, Init, Model, Network, Predictor};
/// let model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), &Init::Zeros)?;
/// let mut predictor = Predictor::new(&model, &[[1.0], [2.0]])?;
/// let mut weight = model.weight("layers.0.weight")?;
/// weight.values[0] = 0.5;
/// predictor.set_weights(&[weight])?;
/// assert_eq!(predictor.predict()?.values(), [0.5, 1.0]);
/// # Ok::<(), shaderprop::Error>(())
/// ```
pub struct Predictor {
    device: Device,
    network: Network,
    layout: Layout,
    parameters: Vec<f64>,
    /// Whether the parameters have changed since they were last uploaded.
    changed: bool,
    rows: usize,
    resident: Resident<PredictionIds>,
}

impl Predictor {
    /// Creates a predictor of that network for those rows.
    pub(crate) async fn of(subject: &Subject<'_>, inputs: Matrix<'_>) -> Result<Self, Error> {
        check_inputs("inputs", subject.network, &inputs)?;
        let mut resident = Resident::prediction(subject, inputs.rows(), 0..subject.network.layers().len()).await?;
        resident.set_inputs(inputs.values()).await?;
        Ok(Self {
            device: subject.device.clone(),
            network: subject.network.clone(),
            layout: subject.layout.clone(),
            parameters: subject.parameters.to_vec(),
            changed: false,
            rows: inputs.rows(),
            resident,
        })
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
        (self.parameters, self.changed) = (parameters, true);
        Ok(())
    }

    /// Predicts the outputs for the rows, like [`Model::predict`](crate::Model::predict): shape (rows, outputs).
    ///
    /// # Errors
    /// The device's faults.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn predict(&mut self) -> Result<Matrix<'static>, Error> {
        let device = self.device.clone();
        device.block_on(self.last())
    }

    /// The async form of [`predict`](Self::predict), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`predict`](Self::predict).
    pub async fn predict_async(&mut self) -> Result<Matrix<'static>, Error> {
        let device = self.device.clone();
        device.drive(self.last()).await
    }

    /// Returns the activations of each layer for the rows, first layer first: shapes (rows, units).
    ///
    /// # Errors
    /// The device's faults.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn activations(&mut self) -> Result<Vec<Matrix<'static>>, Error> {
        let (device, layers) = (self.device.clone(), 0..self.network.layers().len());
        device.block_on(self.outputs(layers))
    }

    /// The async form of [`activations`](Self::activations), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`activations`](Self::activations).
    pub async fn activations_async(&mut self) -> Result<Vec<Matrix<'static>>, Error> {
        let (device, layers) = (self.device.clone(), 0..self.network.layers().len());
        device.drive(self.outputs(layers)).await
    }

    async fn last(&mut self) -> Result<Matrix<'static>, Error> {
        let last = self.network.layers().len() - 1;
        Ok(self.outputs(last..last + 1).await?.remove(0))
    }

    /// The outputs of those layers.
    async fn outputs(&mut self, layers: Range<usize>) -> Result<Vec<Matrix<'static>>, Error> {
        if self.changed {
            self.resident.set_parameters(&self.network, &self.layout, &self.parameters).await?;
            self.changed = false;
        }
        let values = self.resident.outputs(layers.clone()).await?;
        let units = self.network.layers()[layers].iter().map(|layer| layer.units);
        values.into_iter().zip(units).map(|(values, units)| Matrix::new(self.rows, units, values)).collect()
    }
}

impl std::fmt::Debug for Predictor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Predictor").field("network", &self.network).field("rows", &self.rows).finish_non_exhaustive()
    }
}
