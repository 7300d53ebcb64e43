//! The description in a model file, in JSON: the network, the fitted preprocessing, the version that wrote it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::checkpoint_state::Progress;
use crate::data::{ByPlace, Feature, FittedTarget, Preprocessing, former_missing_words};
use crate::display::{brief, shown};
use crate::network::{Activation, Network};

/// The metadata key of the description.
pub const KEY: &str = "shaderprop";

/// The version of the format. Files of other versions are refused.
pub const FORMAT: u32 = 1;

/// The maximum number of epochs or steps of a training run: the largest integer that JSON readers represent exactly.
pub const MOST_COUNTED: u64 = 1 << 53;

/// The description of a model.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    pub format: u32,
    /// The library version that wrote the file.
    pub version: String,
    pub network: NetworkText,
    preprocessing: Option<PreprocessingText>,
    /// The number of epochs trained.
    pub epochs: u64,
    /// Notes on the training, and any others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
    /// In a checkpoint: the state of the training.
    pub training: Option<Progress>,
}

/// A network, with activations by name.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkText {
    inputs: usize,
    dropout: f64,
    layers: Vec<LayerText>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerText {
    units: usize,
    activation: String,
    dropout: f64,
    weight_decay: Option<f64>,
    frozen: bool,
}

/// A fitted preprocessing.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreprocessingText {
    features: Vec<Feature>,
    target: FittedTarget,
    #[serde(default = "former_missing_words", skip_serializing_if = "are_former")]
    missing_words: Arc<[String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by_place: Option<ByPlace>,
}

fn are_former(words: &Arc<[String]>) -> bool {
    *words == former_missing_words()
}

/// The part that is parsed first, to check the format's version.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl Description {
    pub fn new(network: &Network, preprocessing: Option<&Preprocessing>, epochs: u64, notes: BTreeMap<String, String>) -> Self {
        let preprocessing = preprocessing.cloned().map(|Preprocessing { features, target, missing_words, by_place }| {
            PreprocessingText { features, target, missing_words, by_place }
        });
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            network: NetworkText::of(network),
            preprocessing,
            epochs,
            notes,
            training: None,
        }
    }

    pub fn to_json(&self) -> String {
        // It only has string keys and finite numbers, so that this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Parses a description.
    pub fn parse(json: &str) -> Result<Self, String> {
        let message = |error: serde_json::Error| format!("a description that cannot be read: {}", brief(&error.to_string()));
        let head: Head = serde_json::from_str(json).map_err(message)?;
        if head.format != FORMAT {
            return Err(format!(
                "one of format version {}, where this version of shaderprop reads version {FORMAT}",
                head.format
            ));
        }
        let description: Self = serde_json::from_str(json).map_err(message)?;
        if description.epochs > MOST_COUNTED {
            return Err(format!("a model trained for {} epochs, but at most {MOST_COUNTED} are allowed", description.epochs));
        }
        Ok(description)
    }

    /// The fitted preprocessing, if any, after checking it.
    pub fn preprocessing(&mut self) -> Result<Option<Preprocessing>, String> {
        let Some(PreprocessingText { features, target, missing_words, by_place }) = self.preprocessing.take() else {
            return Ok(None);
        };
        let preprocessing = Preprocessing { features, target, missing_words, by_place };
        preprocessing.check()?;
        Ok(Some(preprocessing))
    }
}

impl NetworkText {
    pub fn of(network: &Network) -> Self {
        let layer = |layer: &crate::network::Dense| LayerText {
            units: layer.units,
            activation: layer.activation.name().into(),
            dropout: layer.dropout,
            weight_decay: layer.weight_decay,
            frozen: layer.frozen,
        };
        Self { inputs: network.inputs(), dropout: network.input_dropout(), layers: network.layers().iter().map(layer).collect() }
    }

    /// The network. Activations that are not built in are looked up in `custom`.
    pub fn network(&self, custom: &[Activation]) -> Result<Network, String> {
        let mut network = Network::new(self.inputs).dropout(self.dropout);
        for layer in &self.layers {
            let named = || custom.iter().find(|activation| activation.name() == layer.activation).cloned();
            let activation = Activation::named(&layer.activation).or_else(named).ok_or_else(|| {
                format!(
                    "the activation {}, which is none of shaderprop's and none given to Load::custom",
                    shown(&layer.activation)
                )
            })?;
            network = network.dense(layer.units, activation).dropout(layer.dropout);
            if let Some(decay) = layer.weight_decay {
                network = network.weight_decay(decay);
            }
            if layer.frozen {
                network = network.frozen();
            }
        }
        Ok(network)
    }

    /// The layer sizes, such as `64-32-10`.
    pub fn sizes(&self) -> String {
        let sizes = std::iter::once(self.inputs).chain(self.layers.iter().map(|layer| layer.units));
        brief(&sizes.map(|size| size.to_string()).collect::<Vec<_>>().join("-"))
    }
}
