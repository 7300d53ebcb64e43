//! shaderprop in a browser: the functions that `shaderprop.js` calls. Descriptions and settings come as JSON, numbers
//! as typed arrays. Every error is a JavaScript `Error` with the library's message.

mod description;
mod settings;
mod sweep;
mod table;

use std::collections::BTreeMap;

use js_sys::{Array, Float32Array, Float64Array, Function, Object, Promise, Reflect};
use serde::de::DeserializeOwned;
use serde_json::json;
use shaderprop::{
    DeviceChoice, Ended, Evaluation, History, Load, Log, Loss, Matrix, Model, Predictions, Preprocessing, Save, Stage, Tensor,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use description::Description;
use settings::Settings;
pub use sweep::sweep;
pub use table::Table;

/// The browser's GPU.
#[wasm_bindgen]
pub struct Device(shaderprop::Device);

#[wasm_bindgen]
impl Device {
    /// Opens it, with WebGPU's default limits.
    pub async fn open() -> Result<Device, JsValue> {
        shaderprop::Device::open_async(&DeviceChoice::Auto).await.map(Self).map_err(thrown)
    }

    /// Destroys the device: every later call that uses it fails.
    pub fn destroy(&self) {
        self.0.destroy();
    }

    /// The error that made the device unusable, if any. It may be the cause of an earlier error.
    pub fn fault(&self) -> Option<js_sys::Error> {
        Some(thrown(self.0.fault()?).into())
    }
}

/// A network with weights.
#[wasm_bindgen]
pub struct Network {
    model: Model,
}

#[wasm_bindgen]
impl Network {
    /// A network with that description, on that device.
    #[wasm_bindgen(constructor)]
    pub fn new(device: &Device, description: &str) -> Result<Network, JsValue> {
        let description = Description::parse(description)?;
        let model = Model::new(&device.0, &description.network()?, &description.init()?).map_err(thrown)?;
        Ok(Self { model })
    }

    /// The same with a table's preprocessing, which the model keeps.
    pub fn for_table(device: &Device, description: &str, table: &Table) -> Result<Network, JsValue> {
        let Self { model } = Self::new(device, description)?;
        Ok(Self { model: model.with_preprocessing(table.preprocessing().clone()).map_err(thrown)? })
    }

    /// Trains. `on_log` is called with an object at each log point, and awaited. Training stops if it returns `false`.
    pub async fn fit(
        &mut self,
        inputs: Vec<f32>,
        targets: Vec<f32>,
        settings: &str,
        validation: Option<Array>,
        on_log: Option<Function>,
    ) -> Result<Object, JsValue> {
        let settings = Settings::parse(settings)?;
        let mut fit = settings.fit()?;
        if let Some(validation) = validation {
            let numbers = |i| Float32Array::from(validation.get(i)).to_vec();
            let (inputs, targets) = matrices(self.model.network(), numbers(0), numbers(1), settings.loss()?)?;
            fit = fit.validation_data(inputs, targets);
        }
        let (inputs, targets) = matrices(self.model.network(), inputs, targets, settings.loss()?)?;
        // An exception in the page's function ends training, and is thrown to the page.
        let mut thrown_by_page = None;
        let call = async |log: &Log| {
            let Some(function) = &on_log else { return std::ops::ControlFlow::Continue(()) };
            match told(function, log).await {
                Ok(true) => std::ops::ControlFlow::Continue(()),
                Ok(false) => std::ops::ControlFlow::Break(()),
                Err(error) => {
                    thrown_by_page = Some(error);
                    std::ops::ControlFlow::Break(())
                }
            }
        };
        let history = self.model.fit_async(inputs, targets, &fit, call).await;
        match thrown_by_page {
            Some(error) => Err(error),
            None => history.map(|history| history_object(&history)).map_err(thrown),
        }
    }

    /// The network's outputs for those rows.
    pub async fn predict(&self, inputs: Vec<f32>) -> Result<Vec<f32>, JsValue> {
        let outputs = self.model.predict_async(self.rows(inputs)?).await.map_err(thrown)?;
        Ok(outputs.values().to_vec())
    }

    /// The predictions for a CSV table's raw rows, with the model's preprocessing: the probability of each class, or
    /// numbers in the target's units.
    pub async fn predict_table(&self, bytes: &[u8]) -> Result<Vec<f32>, JsValue> {
        let predictions = self.model.predict_table_async(&table::parsed(bytes)?.0).await.map_err(thrown)?;
        Ok(match predictions {
            Predictions::Classes { probabilities, .. } => probabilities.values().to_vec(),
            Predictions::Numbers(numbers) => numbers.iter().map(|number| *number as f32).collect(),
            other => return Err(js_sys::Error::new(&format!("unknown kind of prediction: {other:?}")).into()),
        })
    }

    /// Loss, accuracy and confusion over those rows.
    pub async fn evaluate(&self, inputs: Vec<f32>, targets: Vec<f32>, loss: &str) -> Result<Object, JsValue> {
        let loss = settings::loss(loss)?;
        let (inputs, targets) = matrices(self.model.network(), inputs, targets, loss)?;
        self.model.evaluate_async(inputs, targets, loss).await.map(|evaluation| evaluation_object(&evaluation)).map_err(thrown)
    }

    /// One epoch's stages, in the order in which they run.
    pub async fn explain(&self, inputs: Vec<f32>, targets: Vec<f32>, settings: &str, epoch: usize) -> Result<Array, JsValue> {
        let settings = Settings::parse(settings)?;
        let (inputs, targets) = matrices(self.model.network(), inputs, targets, settings.loss()?)?;
        let stages = self.model.explain_async(inputs, targets, &settings.fit()?, epoch).await.map_err(thrown)?;
        Ok(stages.iter().map(stage_object).collect())
    }

    /// The bytes of a file of that name, whose extension decides the format.
    pub fn save(&self, name: &str) -> Result<Vec<u8>, JsValue> {
        self.model.to_bytes(name, &Save::new()).map_err(thrown)
    }

    /// A model from the bytes of a file of that name.
    pub fn load(device: &Device, name: &str, bytes: &[u8]) -> Result<Network, JsValue> {
        Model::from_bytes(&device.0, name, bytes, &Load::new()).map(|model| Self { model }).map_err(thrown)
    }

    /// All weights and biases: objects with name, shape and values.
    pub fn weights(&self) -> Array {
        tensors(&self.model.weights())
    }

    /// The network's description, parameters, epochs and classes, as JSON.
    pub fn describe(&self) -> String {
        let network = self.model.network();
        let layers: Vec<_> =
            network.layers().iter().map(|layer| json!({ "units": layer.units, "activation": layer.activation.name() })).collect();
        let parameters: usize = self.model.weights().iter().map(|tensor| tensor.values.len()).sum();
        let preprocessing = self.model.preprocessing();
        json!({
            "inputs": network.inputs(),
            "layers": layers,
            "parameters": parameters,
            "epochs": self.model.epochs(),
            "target": preprocessing.map(|preprocessing| preprocessing.target()),
            "classes": preprocessing.and_then(|preprocessing| preprocessing.classes()),
        })
        .to_string()
    }

    /// Sets those weights and biases.
    pub fn set_weights(&mut self, weights: Array) -> Result<(), JsValue> {
        self.model.set_weights(&given(&weights)?).map_err(thrown)
    }

    fn preprocessing(&self) -> Option<&Preprocessing> {
        self.model.preprocessing()
    }

    fn rows(&self, inputs: Vec<f32>) -> Result<Matrix<'static>, JsValue> {
        matrix(inputs, self.model.network().inputs())
    }
}

/// Inputs and targets of a network: one class index per row if there are as many targets as rows.
fn matrices(
    network: &shaderprop::Network,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    loss: Loss,
) -> Result<(Matrix<'static>, Matrix<'static>), JsValue> {
    let inputs = matrix(inputs, network.inputs())?;
    let classes = loss == Loss::CategoricalCrossEntropy && targets.len() == inputs.rows();
    Ok((inputs, matrix(targets, if classes { 1 } else { network.outputs() })?))
}

/// Predicts the same rows repeatedly, while the network that it was made from trains.
#[wasm_bindgen]
pub struct Predictor(shaderprop::Predictor);

#[wasm_bindgen]
impl Predictor {
    /// For those rows.
    pub async fn of(network: &Network, inputs: Vec<f32>) -> Result<Predictor, JsValue> {
        let rows = network.rows(inputs)?;
        shaderprop::Predictor::new_async(&network.model, rows).await.map(Self).map_err(thrown)
    }

    /// The outputs with those weights, for example a log's.
    pub async fn predict(&mut self, weights: Array) -> Result<Vec<f32>, JsValue> {
        self.0.set_weights(&given(&weights)?).map_err(thrown)?;
        Ok(self.0.predict_async().await.map_err(thrown)?.values().to_vec())
    }

    /// Each layer's outputs with those weights: an array of Float32Array.
    pub async fn activations(&mut self, weights: Array) -> Result<Array, JsValue> {
        self.0.set_weights(&given(&weights)?).map_err(thrown)?;
        let layers = self.0.activations_async().await.map_err(thrown)?;
        Ok(layers.iter().map(|layer| JsValue::from(Float32Array::from(layer.values()))).collect())
    }
}

/// Tells the page about a log point, and waits for its answer: whether training continues.
async fn told(function: &Function, log: &Log) -> Result<bool, JsValue> {
    let metrics = |metrics: &BTreeMap<String, f64>| object(metrics.iter().map(|(name, value)| (name.as_str(), (*value).into())));
    let mut properties = vec![
        ("epoch", (log.epoch as f64).into()),
        ("loss", log.loss.into()),
        ("learningRate", log.learning_rate.into()),
        ("metrics", metrics(&log.metrics).into()),
    ];
    if let Some(loss) = log.validation_loss {
        properties.push(("validationLoss", loss.into()));
        properties.push(("validationMetrics", metrics(&log.validation_metrics).into()));
    }
    if !log.weights.is_empty() {
        properties.push(("weights", tensors(&log.weights).into()));
    }
    let object = object(properties);
    let mut answer = function.call1(&JsValue::NULL, &object)?;
    if answer.has_type::<Promise>() {
        answer = JsFuture::from(Promise::from(answer)).await?;
    }
    Ok(answer.as_bool() != Some(false))
}

/// Tensors as objects.
fn tensors(tensors: &[Tensor]) -> Array {
    let of = |tensor: &Tensor| {
        let shape: Array = tensor.shape.iter().map(|n| JsValue::from(*n as f64)).collect();
        let values = Float32Array::from(tensor.values.as_slice());
        object([("name", (&tensor.name).into()), ("shape", shape.into()), ("values", values.into())])
    };
    tensors.iter().map(of).collect()
}

/// An object with those properties.
fn object<'a>(properties: impl IntoIterator<Item = (&'a str, JsValue)>) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        // Setting a property of a plain object cannot fail.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object
}

/// Tensors from objects whose properties `shaderprop.js` has checked.
fn given(objects: &Array) -> Result<Vec<Tensor>, JsValue> {
    let tensor = |object: JsValue| {
        let get = |name: &str| Reflect::get(&object, &name.into());
        Ok(Tensor {
            name: get("name")?.as_string().unwrap_or_default(),
            shape: Array::from(&get("shape")?).iter().map(|n| n.as_f64().unwrap_or(0.0) as usize).collect(),
            values: Float32Array::from(get("values")?).to_vec(),
        })
    };
    objects.iter().map(tensor).collect()
}

fn matrix(values: Vec<f32>, columns: usize) -> Result<Matrix<'static>, JsValue> {
    Matrix::new(values.len() / columns.max(1), columns, values).map_err(thrown)
}

fn history_object(history: &History) -> Object {
    let series = |values: &[f64]| JsValue::from(Float64Array::from(values));
    let named = |all: &BTreeMap<String, Vec<f64>>| object(all.iter().map(|(name, values)| (name.as_str(), series(values))));
    let ended = match history.ended {
        Ended::Finished => "finished",
        Ended::EarlyStopping => "early_stopping",
        _ => "asked",
    };
    object([
        ("loss", series(&history.loss)),
        ("metrics", named(&history.metrics).into()),
        ("validationLoss", series(&history.validation_loss)),
        ("validationMetrics", named(&history.validation_metrics).into()),
        ("learningRate", history.learning_rate.last().copied().into()),
        ("bestEpoch", history.best_epoch.map(|epoch| epoch as f64).into()),
        ("ended", ended.into()),
        ("engine", history.engine.to_string().into()),
    ])
}

fn evaluation_object(evaluation: &Evaluation) -> Object {
    let row = |row: &Vec<u64>| row.iter().map(|count| JsValue::from(*count as f64)).collect::<Array>();
    let confusion: Array = evaluation.confusion_matrix().iter().map(row).collect();
    object([("loss", evaluation.loss.into()), ("accuracy", evaluation.accuracy.into()), ("confusion", confusion.into())])
}

fn stage_object(stage: &Stage) -> Object {
    object([
        ("shader", stage.shader.into()),
        ("label", (&stage.label).into()),
        ("formula", (&stage.formula).into()),
        ("source", (&stage.source).into()),
        ("inputs", tensors(&stage.inputs).into()),
        ("outputs", tensors(&stage.outputs).into()),
    ])
}

/// An error as JavaScript throws it: `needsNewDevice` says whether the device is unusable from now on.
fn thrown(error: shaderprop::Error) -> JsValue {
    let lost = error.needs_new_device();
    let object = js_sys::Error::new(&error.to_string());
    // Setting a property of a new object cannot fail.
    let _ = Reflect::set(&object, &"needsNewDevice".into(), &lost.into());
    object.into()
}

/// Parses JSON; an error names the property that is wrong.
fn parsed<T: DeserializeOwned>(what: &str, json: &str) -> Result<T, JsValue> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(|error| {
        let place = match error.path().to_string().as_str() {
            "." => what.to_owned(),
            path => format!("{what}.{path}"),
        };
        // The user has not seen the JSON, so its line numbers say nothing.
        let said = error.inner().to_string();
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        let text = match said.split_once(", expected ") {
            Some((got, expected)) => {
                let got = got.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
                let whole = ["usize", "u32", "u64"].contains(&expected);
                let expected = if whole { "a whole number from 0 to 4294967295" } else { expected };
                format!("{place}: expected {expected}, got {got}; see shaderprop.d.ts")
            }
            // A field is missing.
            None => format!("{place}: {said}; see shaderprop.d.ts"),
        };
        js_sys::Error::new(&text).into()
    })
}
