//! The initialisers: where the weights and biases start.

use crate::error::Error;
use crate::network::{Layout, Network, Tensor};
use crate::random::{INITIALISE, NumPy, Philox};

/// Where a network starts.
///
/// ```
/// use shaderprop::{Init, Order};
/// let tutorial = Init::NumPy { seed: 42, order: Order::WeightsThenBiases };
/// assert_ne!(tutorial, Init::default());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// Weights uniform within ±√(6 / (in + out)), biases zero: X. Glorot and Y. Bengio, AISTATS 2010, and Keras's default for
    /// a dense layer. The default here, with seed 0.
    GlorotUniform {
        /// The seed of the [`Philox`] stream.
        seed: u64,
    },
    /// The numbers that `numpy.random.rand` gives after `numpy.random.seed(seed)`, from 0 to 1, rounded to f32.
    NumPy {
        /// NumPy's seed.
        seed: u32,
        /// Which tensor draws first.
        order: Order,
    },
    /// These very tensors: each of the network's, once.
    Values(Vec<Tensor>),
}

/// In which order tensors draw from one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All weights, first layer to last, then all biases: the first tutorial's.
    WeightsThenBiases,
    /// Each layer's weight, then its bias: the third tutorial's.
    LayerByLayer,
}

impl Default for Init {
    fn default() -> Self {
        Self::GlorotUniform { seed: 0 }
    }
}

impl Init {
    /// The flat parameters of `network`, gaps zero.
    pub(crate) fn parameters(&self, network: &Network, layout: &Layout) -> Result<Vec<f64>, Error> {
        let mut flat = vec![0.0; layout.len];
        match self {
            Self::GlorotUniform { seed } => {
                for (i, (ins, outs)) in network.shapes().enumerate() {
                    let place = layout.weight(i);
                    let limit = (6.0 / (ins as f64 + outs as f64)).sqrt();
                    let mut stream = Philox::new(*seed, INITIALISE, 0, 2 * i as u32);
                    for value in &mut flat[place.offset..place.offset + place.len] {
                        *value = rounded(limit * (2.0 * f64::from(stream.uniform()) - 1.0));
                    }
                }
            }
            Self::NumPy { seed, order } => {
                let mut places: Vec<_> = layout.places.iter().collect();
                if *order == Order::WeightsThenBiases {
                    places.sort_by_key(|place| place.shape.len() != 2);
                }
                let mut stream = NumPy::new(*seed);
                for place in places {
                    flat[place.offset..place.offset + place.len].fill_with(|| rounded(stream.uniform()));
                }
            }
            Self::Values(tensors) => {
                for tensor in tensors {
                    layout.store(tensor, &mut flat)?;
                }
                for place in &layout.places {
                    let given = tensors.iter().filter(|tensor| tensor.name == place.name).count();
                    if given != 1 {
                        return Err(Error::Shape {
                            what: format!("initial values of {}", place.name),
                            expected: "one tensor of that name".into(),
                            got: given.to_string(),
                            advice: "give each tensor of the network once".into(),
                        });
                    }
                }
            }
        }
        Ok(flat)
    }
}

/// The nearest f32: every engine starts from the same numbers.
fn rounded(value: f64) -> f64 {
    f64::from(value as f32)
}
