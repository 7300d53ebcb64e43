//! Exports JSON: the whole model as text, for programs of any kind.

use std::collections::BTreeMap;

use serde::Serialize;

use super::contents::Saved;
use super::description::Description;
use crate::error::Error;

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    description: Description,
    /// The values by tensor name: weights of shape (in, out), biases of (out).
    weights: BTreeMap<String, Values>,
}

/// Numbers with the fewest digits that give the same f32.
#[derive(Serialize)]
#[serde(untagged)]
enum Values {
    Vector(Vec<f32>),
    Matrix(Vec<Vec<f32>>),
}

/// The JSON text of a model.
pub fn text(model: &Saved<'_>) -> Result<String, Error> {
    let refuse = |what: String| Error::Export { format: "JSON".into(), what };
    let mut weights = BTreeMap::new();
    for tensor in model.weights() {
        if !tensor.values.iter().all(|value| value.is_finite()) {
            return Err(refuse(format!("numbers in {} that are not finite", tensor.name)));
        }
        let values = match *tensor.shape {
            [_, columns] => Values::Matrix(tensor.values.chunks(columns).map(<[f32]>::to_vec).collect()),
            _ => Values::Vector(tensor.values),
        };
        weights.insert(tensor.name, values);
    }
    let mut text =
        serde_json::to_string(&Whole { description: model.describe(), weights }).map_err(|error| refuse(error.to_string()))?;
    text.push('\n');
    Ok(text)
}
