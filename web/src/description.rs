//! A network's description, as JSON: `{ inputs, layers: [{ units, activation, dropout }], init, seed }`.

use serde::Deserialize;
use shaderprop::{Activation, Init, Network, Order};
use wasm_bindgen::JsValue;

use crate::settings::unknown;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    inputs: usize,
    layers: Vec<Layer>,
    #[serde(default)]
    init: Option<String>,
    #[serde(default)]
    seed: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    units: usize,
    activation: String,
    #[serde(default)]
    dropout: f64,
}

impl Description {
    pub fn parse(json: &str) -> Result<Self, JsValue> {
        crate::parsed("description", json)
    }

    pub fn network(&self) -> Result<Network, JsValue> {
        self.layers.iter().try_fold(Network::new(self.inputs), |network, layer| {
            let all = || Activation::ALL.iter().chain([&Activation::Softmax]);
            let known = all().find(|activation| activation.name() == layer.activation).cloned();
            let names = || all().map(|activation| activation.name().to_owned()).collect();
            let activation = known.ok_or_else(|| unknown("activation", &layer.activation, names()))?;
            let network = network.dense(layer.units, activation);
            Ok(if layer.dropout == 0.0 { network } else { network.dropout(layer.dropout) })
        })
    }

    pub fn init(&self) -> Result<Init, JsValue> {
        self.init_with(self.seed)
    }

    /// The same initialiser with another seed.
    pub fn init_with(&self, seed: u32) -> Result<Init, JsValue> {
        let wide = u64::from(seed);
        Ok(match self.init.as_deref().unwrap_or("glorot_uniform") {
            "glorot_uniform" => Init::GlorotUniform { seed: wide },
            "glorot_normal" => Init::GlorotNormal { seed: wide },
            "he_uniform" => Init::HeUniform { seed: wide },
            "he_normal" => Init::HeNormal { seed: wide },
            "lecun_uniform" => Init::LecunUniform { seed: wide },
            "lecun_normal" => Init::LecunNormal { seed: wide },
            "pytorch" => Init::PyTorch { seed: wide },
            "numpy" => Init::NumPy { seed, order: Order::WeightsThenBiases },
            "numpy_by_layer" => Init::NumPy { seed, order: Order::LayerByLayer },
            "zeros" => Init::Zeros,
            other => return Err(unknown("init", other, INITS.map(str::to_owned).to_vec())),
        })
    }

    pub fn seed(&self) -> u32 {
        self.seed
    }
}

/// The names of the initialisers.
const INITS: [&str; 10] = [
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "pytorch",
    "numpy",
    "numpy_by_layer",
    "zeros",
];
