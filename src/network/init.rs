//! Initialisers: the initial weights and biases.

use super::layout::{Layout, Tensor};
use super::network::Network;
use crate::error::Error;
use crate::random::{INITIALISE, NumPy, Philox};

/// Initialises the weights and biases of a network.
///
/// ```
/// use shaderprop::{Init, Order};
/// let tutorial = Init::NumPy { seed: 42, order: Order::WeightsThenBiases };
/// assert_ne!(tutorial, Init::default());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// Weights uniform within ±√(6 / (in + out)), biases zero: X. Glorot and Y. Bengio, AISTATS 2010. This is Keras's
    /// default for a dense layer, and the default here with seed 0.
    GlorotUniform {
        /// The seed of the [`Philox`] stream.
        seed: u64,
    },
    /// Weights normal with the standard deviation √(2 / (in + out)), biases zero: PyTorch's `xavier_normal_`. (Keras
    /// truncates the distribution at two standard deviations.)
    GlorotNormal {
        /// The seed of the [`Philox`] stream.
        seed: u64,
    },
    /// Weights uniform within ±√(6 / in), biases zero: K. He et al., ICCV 2015. Suited to ReLU and similar activations.
    HeUniform {
        /// The seed of the [`Philox`] stream.
        seed: u64,
    },
    /// Weights normal with the standard deviation √(2 / in), biases zero.
    HeNormal {
        /// The seed of the [`Philox`] stream.
        seed: u64,
    },
    /// Weights uniform within ±√(3 / in), biases zero: Y. LeCun et al., "Efficient backprop", 1998.
    LecunUniform {
        /// The seed of the [`Philox`] stream.
        seed: u64,
    },
    /// Weights normal with the standard deviation √(1 / in), biases zero.
    LecunNormal {
        /// The seed of the [`Philox`] stream.
        seed: u64,
    },
    /// Weights and biases uniform within ±√(1 / in): the default of PyTorch's `Linear`.
    PyTorch {
        /// The seed of the [`Philox`] stream.
        seed: u64,
    },
    /// Weights and biases uniform from `low` to `high`.
    Uniform {
        /// The seed of the [`Philox`] stream.
        seed: u64,
        /// The lower bound, finite.
        low: f64,
        /// The upper bound, exclusive: finite and not below the lower bound.
        high: f64,
    },
    /// Weights normal with the given mean and standard deviation, biases zero.
    Normal {
        /// The seed of the [`Philox`] stream.
        seed: u64,
        /// The mean.
        mean: f64,
        /// The standard deviation, not negative.
        deviation: f64,
    },
    /// All weights and biases 0. The units of a layer then stay equal to each other: use it only for a last layer or a
    /// linear model.
    Zeros,
    /// All weights and biases equal to this number.
    Constant(f64),
    /// The numbers of `numpy.random.rand` after `numpy.random.seed(seed)`, from 0 to 1, rounded to f32.
    NumPy {
        /// NumPy's seed.
        seed: u32,
        /// The order in which the tensors draw.
        order: Order,
    },
    /// These tensors: each tensor of the network exactly once.
    Values(Vec<Tensor>),
}

/// The order in which tensors draw from one random stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All weights, first layer to last, then all biases: the order of the first tutorial.
    WeightsThenBiases,
    /// Each layer's weight, then its bias: the order of the third tutorial.
    LayerByLayer,
}

impl Default for Init {
    fn default() -> Self {
        Self::GlorotUniform { seed: 0 }
    }
}

impl Init {
    /// The initial parameters of `network`, flat, with zeros in the gaps.
    pub(crate) fn parameters(&self, network: &Network, layout: &Layout) -> Result<Vec<f64>, Error> {
        let mut flat = vec![0.0; layout.len];
        // Each tensor has its own random stream, selected by its index.
        let mut fill = |seed: u64, biases: bool, draw: &mut dyn FnMut(f64, f64) -> Draw| {
            for (i, (ins, outs)) in network.shapes().enumerate() {
                let draw = draw(ins as f64, outs as f64);
                for (kind, place) in [layout.weight(i), layout.bias(i)].into_iter().enumerate().take(1 + usize::from(biases)) {
                    let mut stream = Philox::new(seed, INITIALISE, 0, (2 * i + kind) as u32);
                    flat[place.offset..place.offset + place.len].fill_with(|| rounded(draw.next(&mut stream)));
                }
            }
        };
        match self {
            Self::GlorotUniform { seed } => fill(*seed, false, &mut |ins, outs| Draw::Within((6.0 / (ins + outs)).sqrt())),
            Self::GlorotNormal { seed } => fill(*seed, false, &mut |ins, outs| Draw::Normal(0.0, (2.0 / (ins + outs)).sqrt())),
            Self::HeUniform { seed } => fill(*seed, false, &mut |ins, _| Draw::Within((6.0 / ins).sqrt())),
            Self::HeNormal { seed } => fill(*seed, false, &mut |ins, _| Draw::Normal(0.0, (2.0 / ins).sqrt())),
            Self::LecunUniform { seed } => fill(*seed, false, &mut |ins, _| Draw::Within((3.0 / ins).sqrt())),
            Self::LecunNormal { seed } => fill(*seed, false, &mut |ins, _| Draw::Normal(0.0, (1.0 / ins).sqrt())),
            Self::PyTorch { seed } => fill(*seed, true, &mut |ins, _| Draw::Within((1.0 / ins).sqrt())),
            Self::Uniform { seed, low, high } => {
                check("low", *low, (*low as f32).is_finite(), "a number that an f32 can hold")?;
                check("high", *high, (*high as f32).is_finite() && high >= low, "a number that an f32 can hold, not below low")?;
                fill(*seed, true, &mut |_, _| Draw::Between(*low, *high));
            }
            Self::Normal { seed, mean, deviation } => {
                check("mean", *mean, mean.abs() < 1e37, "a number within 1e37")?;
                check("deviation", *deviation, (0.0..1e37).contains(deviation), "a number from 0 to below 1e37")?;
                fill(*seed, false, &mut |_, _| Draw::Normal(*mean, *deviation));
            }
            Self::Zeros => (),
            Self::Constant(value) => {
                check("constant", *value, (*value as f32).is_finite(), "a number that an f32 can hold")?;
                for place in &layout.places {
                    flat[place.offset..place.offset + place.len].fill(rounded(*value));
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

/// The distribution of a number.
enum Draw {
    /// Uniform between minus and plus this value.
    Within(f64),
    /// Uniform from the first to the second value.
    Between(f64, f64),
    /// Normal with this mean and standard deviation.
    Normal(f64, f64),
}

impl Draw {
    fn next(&self, stream: &mut Philox) -> f64 {
        match self {
            Draw::Within(limit) => limit * (2.0 * f64::from(stream.uniform()) - 1.0),
            Draw::Between(low, high) => low + (high - low) * f64::from(stream.uniform()),
            Draw::Normal(mean, deviation) => mean + deviation * stream.normal(),
        }
    }
}

fn check(what: &str, value: f64, fits: bool, expected: &str) -> Result<(), Error> {
    if fits {
        return Ok(());
    }
    Err(Error::Setting { what: format!("{what} of an initialiser"), expected: expected.into(), got: value.to_string() })
}

/// Rounds to the nearest f32, so that every engine starts from the same numbers.
fn rounded(value: f64) -> f64 {
    f64::from(value as f32)
}
