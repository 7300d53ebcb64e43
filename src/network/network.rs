//! The description of a network: its layers, and the names, shapes and offsets of its tensors.

use super::activation::Activation;
use super::layout::{ALIGNMENT, Layout, Place};
use super::loss::Loss;
use crate::error::Error;

/// Describes a fully connected network: a number of inputs, then dense layers. A [`Model`](crate::Model) trains it.
///
/// ```
/// use shaderprop::{Activation, Network};
/// let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
/// assert_eq!(network.outputs(), 1);
/// assert_eq!(network.parameters()?, 9);
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    inputs: usize,
    /// The dropout rate of the inputs.
    dropout: f64,
    layers: Vec<Dense>,
    /// A setting that was made before there was a layer to apply it to.
    misplaced: Option<&'static str>,
}

/// One dense layer: y = activation(inputs · weight + bias).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dense {
    /// The number of outputs of the layer.
    pub units: usize,
    /// The activation function.
    pub activation: Activation,
    /// The dropout rate of the outputs in training, from 0 to below 1.
    pub dropout: f64,
    /// The weight decay of this layer, in place of that of the [`Fit`](crate::Fit).
    pub weight_decay: Option<f64>,
    /// Whether the layer is frozen: training does not change its weight and bias.
    pub frozen: bool,
}

impl Network {
    /// A network with `inputs` inputs and no layers yet.
    pub fn new(inputs: usize) -> Self {
        Self { inputs, dropout: 0.0, layers: Vec::new(), misplaced: None }
    }

    /// Adds a dense layer with `units` outputs.
    #[must_use]
    pub fn dense(mut self, units: usize, activation: Activation) -> Self {
        self.layers.push(Dense { units, activation, dropout: 0.0, weight_decay: None, frozen: false });
        self
    }

    /// Adds dropout after the last added layer, or after the inputs if there is none. In training, each step sets a
    /// random share `rate` of these values to 0 and divides the others by 1 − `rate`. The rate is from 0 to below 1. It
    /// is not allowed after the last layer.
    ///
    /// ```
    /// use shaderprop::{Activation, Network};
    /// let network = Network::new(784).dense(512, Activation::Relu).dropout(0.2).dense(10, Activation::Softmax);
    /// ```
    #[must_use]
    pub fn dropout(mut self, rate: f64) -> Self {
        *self.layers.last_mut().map_or(&mut self.dropout, |layer| &mut layer.dropout) = rate;
        self
    }

    /// Sets a weight decay for the last added layer, in place of that of the [`Fit`](crate::Fit). Its meaning depends
    /// on the [`Optimizer`](crate::Optimizer).
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Self {
        match self.layers.last_mut() {
            Some(layer) => layer.weight_decay = Some(decay),
            None => self.misplaced = Some("weight_decay"),
        }
        self
    }

    /// Freezes the last added layer: training does not change its weight and bias.
    #[must_use]
    pub fn frozen(mut self) -> Self {
        match self.layers.last_mut() {
            Some(layer) => layer.frozen = true,
            None => self.misplaced = Some("frozen"),
        }
        self
    }

    /// The dropout rate of the inputs.
    pub fn input_dropout(&self) -> f64 {
        self.dropout
    }

    /// The number of inputs: the values in a row of data.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of outputs: the units of the last layer, 0 without layers.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.units)
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// The number of weights and biases.
    ///
    /// # Errors
    /// [`Error::Setting`] without layers, with a size of zero, an invalid dropout or weight decay, a softmax that is
    /// not last, or a refused custom activation; [`Error::TooLarge`] if the count overflows.
    pub fn parameters(&self) -> Result<usize, Error> {
        Ok(self.layout()?.places.iter().map(|place| place.len).sum())
    }

    /// Whether the class of a row is the index of its largest output.
    pub(crate) fn predicts_classes(&self, loss: Loss) -> bool {
        loss == Loss::CategoricalCrossEntropy || self.layers.last().is_some_and(|layer| layer.activation == Activation::Softmax)
    }

    /// (in, out) of each layer.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = (usize, usize)> {
        let ins = std::iter::once(self.inputs).chain(self.layers.iter().map(|layer| layer.units));
        ins.zip(self.layers.iter().map(|layer| layer.units))
    }

    /// The layout of its tensors; checks the network first.
    pub fn layout(&self) -> Result<Layout, Error> {
        let setting = |what: String, expected: &str, got: String| Error::Setting { what, expected: expected.into(), got };
        if self.inputs == 0 {
            return Err(setting("inputs".into(), "at least 1", "0".into()));
        }
        if self.layers.is_empty() {
            return Err(setting("network".into(), "at least one dense layer", "none".into()));
        }
        if let Some(what) = self.misplaced {
            return Err(setting(what.into(), "a dense layer before it", "none".into()));
        }
        let last = self.layers.len() - 1;
        let rates = self.layers.iter().map(|layer| layer.dropout);
        for (i, rate) in std::iter::once(self.dropout).chain(rates).enumerate() {
            if !(0.0..1.0).contains(&rate) {
                return Err(setting("dropout".into(), "a share from 0 to below 1", rate.to_string()));
            }
            if rate > 0.0 && i == last + 1 {
                return Err(setting("dropout after the last layer".into(), "none", rate.to_string()));
            }
        }
        for (i, layer) in self.layers.iter().enumerate() {
            if let Some(decay) = layer.weight_decay.filter(|decay| !((*decay as f32).is_finite() && *decay >= 0.0)) {
                return Err(setting(format!("weight_decay of layer {i}"), "a finite number of at least 0", decay.to_string()));
            }
            if layer.activation == Activation::Softmax && i != last {
                return Err(setting(format!("the activation of layer {i}"), "softmax only in the last layer", "softmax".into()));
            }
            layer.activation.check()?;
            let same_name = |other: &&Dense| other.activation.name() == layer.activation.name();
            if self.layers[..i].iter().find(same_name).is_some_and(|other| other.activation != layer.activation) {
                let got = format!("two different ones named {}", layer.activation.name());
                return Err(setting("activations".into(), "one of each name", got));
            }
        }
        let mut places = Vec::with_capacity(self.layers.len());
        let mut end = 0usize;
        for (i, (ins, outs)) in self.shapes().enumerate() {
            if outs == 0 {
                return Err(setting(format!("units of layer {i}"), "at least 1", "0".into()));
            }
            for (kind, shape) in [("weight", vec![ins, outs]), ("bias", vec![outs])] {
                let name = format!("layers.{i}.{kind}");
                let too_large = || Error::TooLarge {
                    what: name.clone(),
                    limit: format!("{} parameters in all", isize::MAX),
                    got: shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × "),
                };
                let len = shape.iter().try_fold(1usize, |len, n| len.checked_mul(*n)).ok_or_else(too_large)?;
                let offset = end.checked_next_multiple_of(ALIGNMENT).ok_or_else(too_large)?;
                end = offset.checked_add(len).filter(|end| isize::try_from(*end).is_ok()).ok_or_else(too_large)?;
                places.push(Place { name, shape, offset, len });
            }
        }
        // The update handles four adjacent elements at once.
        Ok(Layout { places, len: end.next_multiple_of(4) })
    }
}
