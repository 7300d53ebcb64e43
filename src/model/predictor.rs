//! Predicting the same rows again and again: the buffers, the pipelines and the rows stay on the device.

use super::model::Model;
use crate::data::{Matrix, check_inputs};
use crate::engine::cpu::reference::Reference;
use crate::engine::staged::Staged;
use crate::engine::{narrowed, widened};
use crate::error::Error;
use crate::gpu::Device;
use crate::network::{Layout, Loss, Network, Tensor};
use crate::plan::{self, Plan};

/// What a network says of rows that stay the same, while its weights change: to look at it as it trains, by the weights that a
/// [`Log`](crate::Log) has.
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
    /// Whether the device has other parameters.
    changed: bool,
    inputs: Matrix<'static>,
    /// Nothing on the CPU engine.
    staged: Option<Staged>,
}

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
        model.device().block_on(Self::of(model, inputs))
    }

    /// [`new`](Self::new) for where nothing may block, as in a browser.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn new_async<'x>(model: &Model, inputs: impl Into<Matrix<'x>>) -> Result<Self, Error> {
        model.device().drive(Self::of(model, inputs.into())).await
    }

    async fn of(model: &Model, inputs: Matrix<'_>) -> Result<Self, Error> {
        let (device, network, layout) = (model.device().clone(), model.network().clone(), model.layout.clone());
        check_inputs("inputs", &network, &inputs)?;
        let inputs = Matrix::new(inputs.rows(), inputs.columns(), inputs.values().to_vec())?;
        let staged = match &device.gpu {
            Some(gpu) if inputs.rows() > 0 => {
                let plan = Plan::prediction(&network, inputs.rows(), device.limits())?;
                let outputs = network.layers().iter().map(|layer| layer.units).fold(0, usize::saturating_add);
                let readable = plan::readable("the outputs of all layers", inputs.rows(), outputs, &device.limits())?;
                let staged = Staged::new(gpu.clone(), plan, readable).await?;
                staged.upload(staged.plan.find("inputs"), inputs.values()).await?;
                Some(staged)
            }
            _ => None,
        };
        Ok(Self { device, network, layout, parameters: model.parameters.clone(), changed: true, inputs, staged })
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
        (self.parameters, self.changed) = (parameters, true);
        Ok(())
    }

    /// The network's outputs for the rows, as [`Model::predict`] gives them: shape (rows, outputs).
    ///
    /// # Errors
    /// The device's faults.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn predict(&mut self) -> Result<Matrix<'static>, Error> {
        let device = self.device.clone();
        device.block_on(self.last())
    }

    /// [`predict`](Self::predict) for where nothing may block, as in a browser.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub async fn predict_async(&mut self) -> Result<Matrix<'static>, Error> {
        let device = self.device.clone();
        device.drive(self.last()).await
    }

    /// What each layer gives for the rows, the first layer first: shapes (rows, units).
    ///
    /// # Errors
    /// The device's faults.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn activations(&mut self) -> Result<Vec<Matrix<'static>>, Error> {
        let (device, layers) = (self.device.clone(), 0..self.network.layers().len());
        device.block_on(self.outputs(layers))
    }

    /// [`activations`](Self::activations) for where nothing may block, as in a browser.
    ///
    /// # Errors
    /// As [`activations`](Self::activations).
    pub async fn activations_async(&mut self) -> Result<Vec<Matrix<'static>>, Error> {
        let (device, layers) = (self.device.clone(), 0..self.network.layers().len());
        device.drive(self.outputs(layers)).await
    }

    async fn last(&mut self) -> Result<Matrix<'static>, Error> {
        let last = self.network.layers().len() - 1;
        Ok(self.outputs(last..last + 1).await?.remove(0))
    }

    /// The outputs of those layers.
    async fn outputs(&mut self, layers: std::ops::Range<usize>) -> Result<Vec<Matrix<'static>>, Error> {
        let (rows, units): (_, Vec<usize>) =
            (self.inputs.rows(), self.network.layers()[layers.clone()].iter().map(|layer| layer.units).collect());
        let values: Vec<Vec<f32>> = match &mut self.staged {
            Some(staged) => {
                if self.changed {
                    staged.upload_wide(staged.plan.find("parameters"), &self.parameters).await?;
                    self.changed = false;
                }
                staged.replay(1).await?;
                let output = |i: usize| staged.plan.find(&format!("layers.{i}.output"));
                let wanted: Vec<_> = layers.zip(&units).map(|(i, units)| (output(i), rows * units)).collect();
                staged.read(&wanted).await?
            }
            None => {
                let reference = Reference::new(&self.network, Loss::default(), &self.layout, &self.parameters);
                let passed = reference.forward(&widened(self.inputs.values()), None);
                passed[layers].iter().map(|layer| narrowed(&layer.outputs)).collect()
            }
        };
        values.into_iter().zip(units).map(|(values, units)| Matrix::new(rows, units, values)).collect()
    }
}

impl std::fmt::Debug for Predictor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Predictor").field("network", &self.network).field("rows", &self.inputs.rows()).finish_non_exhaustive()
    }
}
