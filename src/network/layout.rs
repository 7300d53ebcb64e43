//! The tensors of a network, and their locations in a flat buffer.

use crate::error::Error;

/// A named tensor of a network, with its values in row-major order.
///
/// `layers.{i}.weight` has the shape (in, out), `layers.{i}.bias` has the shape (out); i counts the layers from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The name.
    pub name: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// The values, in row-major order.
    pub values: Vec<f32>,
}

/// The position of one tensor in a flat buffer of parameters, gradients or similar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The tensor's name.
    pub name: String,
    /// The tensor's shape.
    pub shape: Vec<usize>,
    /// The index of its first element in the buffer, a multiple of [`ALIGNMENT`].
    pub offset: usize,
    /// The number of elements.
    pub len: usize,
}

/// The positions of all tensors in a flat buffer, each layer's weight before its bias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The tensors' positions, in the order of the buffer.
    pub places: Vec<Place>,
    /// The number of elements of the whole buffer, including gaps.
    pub len: usize,
}

/// Tensors begin at multiples of this many f32: 256 bytes, the largest offset alignment that WebGPU allows a device to
/// require.
pub const ALIGNMENT: usize = 64;

impl Layout {
    /// The position of the tensor of that name.
    pub fn find(&self, name: &str) -> Result<&Place, Error> {
        self.places.iter().find(|place| place.name == name).ok_or_else(|| Error::UnknownTensor {
            name: name.into(),
            known: self.places.iter().map(|place| place.name.clone()).collect(),
        })
    }

    /// The position of the weight of layer `i`.
    pub fn weight(&self, i: usize) -> &Place {
        &self.places[2 * i]
    }

    /// The position of the bias of layer `i`.
    pub fn bias(&self, i: usize) -> &Place {
        &self.places[2 * i + 1]
    }

    /// Copies a tensor's values to its position in `flat`, as the f64 that the reference keeps.
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

    /// Extracts all tensors from `flat`.
    pub fn tensors(&self, flat: &[f64]) -> Vec<Tensor> {
        let tensor = |place: &Place| Tensor {
            name: place.name.clone(),
            shape: place.shape.clone(),
            values: flat[place.offset..place.offset + place.len].iter().map(|value| *value as f32).collect(),
        };
        self.places.iter().map(tensor).collect()
    }

    /// The values of all tensors, one after the other, without gaps.
    pub fn dense(&self, flat: &[f64]) -> Vec<f32> {
        let values = self.places.iter().flat_map(|place| &flat[place.offset..place.offset + place.len]);
        values.map(|value| *value as f32).collect()
    }

    /// The inverse of `dense`: values at their positions in the layout.
    pub fn spread(&self, values: &[f32]) -> Vec<f64> {
        let mut flat = vec![0.0; self.len];
        let mut rest = values;
        for place in &self.places {
            let (own, after) = rest.split_at(place.len);
            flat[place.offset..place.offset + place.len].iter_mut().zip(own).for_each(|(to, value)| *to = f64::from(*value));
            rest = after;
        }
        flat
    }
}
