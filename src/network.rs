//! The description of a network: its layers, and from them the names, shapes and places of its tensors.

use crate::activation::Activation;
use crate::error::Error;

/// A fully connected network: so many inputs, then dense layers. A description only: [`Model`](crate::Model) trains it.
///
/// ```
/// use shaderprop::{Activation, Network};
/// let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
/// assert_eq!(network.outputs(), 1);
/// assert_eq!(network.parameters()?, 9);
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    inputs: usize,
    layers: Vec<Dense>,
}

/// One dense layer: y = activation(inputs · weight + bias).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dense {
    /// How many outputs the layer has.
    pub units: usize,
    /// What it applies to its sums.
    pub activation: Activation,
}

/// One tensor of a network by name, with its values row by row.
///
/// `layers.{i}.weight` has the shape (in, out), `layers.{i}.bias` (out); i counts the layers from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

/// Where one tensor lies in a flat buffer of parameters, gradients or the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The tensor's name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its first element, from the buffer's start; a multiple of [`ALIGNMENT`].
    pub offset: usize,
    /// How many elements it has.
    pub len: usize,
}

/// The places of all tensors in a flat buffer, each layer's weight before its bias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The tensors' places, in the order of the buffer.
    pub places: Vec<Place>,
    /// The elements of the whole buffer, gaps and all.
    pub len: usize,
}

/// Tensors begin at multiples of this many f32: 256 bytes, the coarsest offset alignment that WebGPU allows a device to ask.
pub(crate) const ALIGNMENT: usize = 64;

impl Network {
    /// A network that takes rows of `inputs` values, still without layers.
    pub fn new(inputs: usize) -> Self {
        Self { inputs, layers: Vec::new() }
    }

    /// The network with one more dense layer of `units` outputs.
    #[must_use]
    pub fn dense(mut self, units: usize, activation: Activation) -> Self {
        self.layers.push(Dense { units, activation });
        self
    }

    /// How many values a row of data has.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many values a prediction has: the units of the last layer, 0 without layers.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.units)
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// How many weights and biases it has.
    ///
    /// # Errors
    /// [`Error::Setting`] without layers, with a size of zero or a custom activation that is refused; [`Error::TooLarge`] if the count
    /// overflows.
    pub fn parameters(&self) -> Result<usize, Error> {
        Ok(self.layout()?.places.iter().map(|place| place.len).sum())
    }

    /// (in, out) of each layer.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = (usize, usize)> {
        let ins = std::iter::once(self.inputs).chain(self.layers.iter().map(|layer| layer.units));
        ins.zip(self.layers.iter().map(|layer| layer.units))
    }

    /// The places of its tensors; checks the network on the way.
    pub fn layout(&self) -> Result<Layout, Error> {
        let setting = |what: String, expected: &str, got: String| Error::Setting { what, expected: expected.into(), got };
        if self.inputs == 0 {
            return Err(setting("inputs".into(), "at least 1", "0".into()));
        }
        if self.layers.is_empty() {
            return Err(setting("network".into(), "at least one dense layer", "none".into()));
        }
        for (i, layer) in self.layers.iter().enumerate() {
            layer.activation.check()?;
            let same_name = |other: &&Dense| other.activation.name() == layer.activation.name();
            if self.layers[..i].iter().find(same_name).is_some_and(|other| other.activation != layer.activation) {
                let got = format!("two that differ, named {}", layer.activation.name());
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
        Ok(Layout { places, len: end })
    }
}

impl Layout {
    /// The place of the tensor of that name.
    pub fn find(&self, name: &str) -> Result<&Place, Error> {
        self.places.iter().find(|place| place.name == name).ok_or_else(|| Error::UnknownTensor {
            name: name.into(),
            known: self.places.iter().map(|place| place.name.clone()).collect(),
        })
    }

    /// The weight of layer `i`.
    pub fn weight(&self, i: usize) -> &Place {
        &self.places[2 * i]
    }

    /// The bias of layer `i`.
    pub fn bias(&self, i: usize) -> &Place {
        &self.places[2 * i + 1]
    }

    /// Puts a tensor's values into its place in `flat`, in the f64 that the reference keeps.
    pub fn store(&self, tensor: &Tensor, flat: &mut [f64]) -> Result<(), Error> {
        let place = self.find(&tensor.name)?;
        if tensor.shape != place.shape || tensor.values.len() != place.len {
            return Err(Error::Shape {
                what: tensor.name.clone(),
                expected: format!("shape {:?}", place.shape),
                got: format!("shape {:?} with {} values", tensor.shape, tensor.values.len()),
                advice: "give the shape (in, out) for a weight and (out) for a bias".into(),
            });
        }
        if let Some(at) = tensor.values.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { what: tensor.name.clone(), place: format!("element {at}"), value: tensor.values[at] });
        }
        for (to, from) in flat[place.offset..place.offset + place.len].iter_mut().zip(&tensor.values) {
            *to = f64::from(*from);
        }
        Ok(())
    }

    /// All tensors, taken out of `flat`.
    pub fn tensors(&self, flat: &[f64]) -> Vec<Tensor> {
        let tensor = |place: &Place| Tensor {
            name: place.name.clone(),
            shape: place.shape.clone(),
            values: flat[place.offset..place.offset + place.len].iter().map(|value| *value as f32).collect(),
        };
        self.places.iter().map(tensor).collect()
    }
}
