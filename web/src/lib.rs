//! shaderprop in a browser: what `shaderprop.js` calls. Descriptions and settings come as JSON, numbers as typed arrays; every error is a
//! JavaScript `Error` whose message is the library's sentence.

mod description;
mod settings;
mod sweep;
mod table;

use js_sys::{Array, Float32Array, Function, Object, Promise, Reflect};
use serde_json::json;
use shaderprop::{DeviceChoice, History, Load, Log, Loss, Matrix, Model, Save, Stage, Tensor};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use description::Description;
use settings::Settings;
pub use sweep::sweep;
pub use table::Table;

/// The GPU that the browser gives.
#[wasm_bindgen]
pub struct Device(shaderprop::Device);

#[wasm_bindgen]
impl Device {
    /// Opens it, with WebGPU's default limits.
    pub async fn open() -> Result<Device, JsValue> {
        shaderprop::Device::open_async(&DeviceChoice::Auto).await.map(Self).map_err(thrown)
    }

    /// Gives it back to the browser: whatever uses it fails from then on.
    pub fn destroy(&self) {
        if let Some(gpu) = shaderprop::internals::gpu(&self.0) {
            gpu.destroy();
        }
    }
}

/// A network with weights.
#[wasm_bindgen]
pub struct Network {
    model: Model,
}

#[wasm_bindgen]
impl Network {
    /// A network of that description, on that device.
    #[wasm_bindgen(constructor)]
    pub fn new(device: &Device, description: &str) -> Result<Network, JsValue> {
        let description = Description::parse(description)?;
        let model = Model::new(&device.0, &description.network()?, &description.init()?).map_err(thrown)?;
        Ok(Self { model })
    }

    /// The same with what was fitted of a table's columns, which goes with the model.
    pub fn for_table(device: &Device, description: &str, table: &Table) -> Result<Network, JsValue> {
        let Self { model } = Self::new(device, description)?;
        Ok(Self { model: model.with_preprocessing(table.preprocessing().clone()).map_err(thrown)? })
    }

    /// Trains. `on_log` is called at log points with an object, and awaited; where it answers `false`, training stops. Gives the history as JSON.
    pub async fn fit(
        &mut self,
        inputs: Vec<f32>,
        targets: Vec<f32>,
        settings: &str,
        validation: Option<Array>,
        on_log: Option<Function>,
    ) -> Result<String, JsValue> {
        let settings = Settings::parse(settings)?;
        let mut fit = settings.fit()?;
        if let Some(validation) = validation {
            let numbers = |i| Float32Array::from(validation.get(i)).to_vec();
            let (inputs, targets) = self.matrices(numbers(0), numbers(1), settings.loss()?)?;
            fit = fit.validation_data(inputs, targets);
        }
        let (inputs, targets) = self.matrices(inputs, targets, settings.loss()?)?;
        // A fault in the page's own function ends training, and is the page's to hear of.
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
            None => history.map(|history| history_json(&history)).map_err(thrown),
        }
    }

    /// The network's outputs for those rows.
    pub async fn predict(&self, inputs: Vec<f32>) -> Result<Vec<f32>, JsValue> {
        let outputs = self.model.predict_async(self.rows(inputs)?).await.map_err(thrown)?;
        Ok(outputs.values().to_vec())
    }

    /// The network's outputs for the rows of a CSV table as they are, by what goes with the model.
    pub async fn predict_table(&self, bytes: &[u8]) -> Result<Vec<f32>, JsValue> {
        let table = table::parsed(bytes)?;
        let Some(preprocessing) = self.model.preprocessing() else {
            let text =
                "predicting from a table: expected a model that was trained on one, got one without its columns; use predict";
            return Err(js_sys::Error::new(text).into());
        };
        let rows = preprocessing.transform_inputs(&table).map_err(thrown)?;
        Ok(self.model.predict_async(rows).await.map_err(thrown)?.values().to_vec())
    }

    /// Loss, accuracy and confusion over those rows, as JSON.
    pub async fn evaluate(&self, inputs: Vec<f32>, targets: Vec<f32>, loss: &str) -> Result<String, JsValue> {
        let loss = settings::loss(loss)?;
        let (inputs, targets) = self.matrices(inputs, targets, loss)?;
        let evaluation = self.model.evaluate_async(inputs, targets, loss).await.map_err(thrown)?;
        Ok(json!({ "loss": evaluation.loss, "accuracy": evaluation.accuracy, "confusion": evaluation.confusion_matrix() })
            .to_string())
    }

    /// One epoch's stages, in the order in which they run, as JSON.
    pub async fn explain(&self, inputs: Vec<f32>, targets: Vec<f32>, settings: &str, epoch: usize) -> Result<String, JsValue> {
        let settings = Settings::parse(settings)?;
        let (inputs, targets) = self.matrices(inputs, targets, settings.loss()?)?;
        let stages = self.model.explain_async(inputs, targets, &settings.fit()?, epoch).await.map_err(thrown)?;
        Ok(serde_json::Value::from(stages.iter().map(stage_json).collect::<Vec<_>>()).to_string())
    }

    /// The bytes of a file of that name, whose ending is the format.
    pub fn save(&self, name: &str) -> Result<Vec<u8>, JsValue> {
        self.model.to_bytes(name, &Save::new()).map_err(thrown)
    }

    /// A model out of the bytes of a file of that name.
    pub fn load(device: &Device, name: &str, bytes: &[u8]) -> Result<Network, JsValue> {
        Model::from_bytes(&device.0, name, bytes, &Load::new()).map(|model| Self { model }).map_err(thrown)
    }

    /// All weights and biases: objects with name, shape and values.
    pub fn weights(&self) -> Array {
        tensors(&self.model.weights())
    }

    /// What it is: as it was described, with its parameters, its epochs and its classes, as JSON.
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
            "classes": preprocessing.and_then(|preprocessing| preprocessing.classes()),
        })
        .to_string()
    }

    /// What is wrong with the device for good, if anything is: an error that came before may have come of it.
    pub fn fault(&self) -> Option<js_sys::Error> {
        let gpu = shaderprop::internals::gpu(self.model.device())?;
        Some(thrown(gpu.check().err()?).into())
    }

    /// Sets those weights and biases.
    pub fn set_weights(&mut self, weights: Array) -> Result<(), JsValue> {
        self.model.set_weights(&given(&weights)?).map_err(thrown)
    }

    fn rows(&self, inputs: Vec<f32>) -> Result<Matrix<'static>, JsValue> {
        matrix(inputs, self.model.network().inputs())
    }

    /// Inputs and targets: one class index a row where there are as many targets as rows.
    fn matrices(&self, inputs: Vec<f32>, targets: Vec<f32>, loss: Loss) -> Result<(Matrix<'static>, Matrix<'static>), JsValue> {
        let inputs = self.rows(inputs)?;
        let classes = loss == Loss::CategoricalCrossEntropy && targets.len() == inputs.rows();
        let columns = if classes { 1 } else { self.model.network().outputs() };
        Ok((inputs, matrix(targets, columns)?))
    }
}

/// The same rows predicted again and again, while the network that it was made of trains.
#[wasm_bindgen]
pub struct Predictor(shaderprop::Predictor);

#[wasm_bindgen]
impl Predictor {
    /// For those rows.
    pub async fn of(network: &Network, inputs: Vec<f32>) -> Result<Predictor, JsValue> {
        let rows = network.rows(inputs)?;
        shaderprop::Predictor::new_async(&network.model, rows).await.map(Self).map_err(thrown)
    }

    /// The outputs with those weights, which a log has.
    pub async fn predict(&mut self, weights: Array) -> Result<Vec<f32>, JsValue> {
        self.0.set_weights(&given(&weights)?).map_err(thrown)?;
        Ok(self.0.predict_async().await.map_err(thrown)?.values().to_vec())
    }

    /// What each layer gives with those weights: an array of Float32Array.
    pub async fn activations(&mut self, weights: Array) -> Result<Array, JsValue> {
        self.0.set_weights(&given(&weights)?).map_err(thrown)?;
        let layers = self.0.activations_async().await.map_err(thrown)?;
        Ok(layers.iter().map(|layer| JsValue::from(Float32Array::from(layer.values()))).collect())
    }
}

/// Tells the page of a log point, and waits for its answer: whether training goes on.
async fn told(function: &Function, log: &Log) -> Result<bool, JsValue> {
    let object = Object::new();
    let set = |name: &str, value: JsValue| Reflect::set(&object, &name.into(), &value).map(|_| ());
    set("epoch", (log.epoch as f64).into())?;
    set("loss", log.loss.into())?;
    set("learningRate", log.learning_rate.into())?;
    set("metrics", js_sys::JSON::parse(&json!(log.metrics).to_string())?)?;
    if let Some(loss) = log.validation_loss {
        set("validationLoss", loss.into())?;
        set("validationMetrics", js_sys::JSON::parse(&json!(log.validation_metrics).to_string())?)?;
    }
    if !log.weights.is_empty() {
        set("weights", tensors(&log.weights).into())?;
    }
    let mut answer = function.call1(&JsValue::NULL, &object)?;
    if answer.has_type::<Promise>() {
        answer = JsFuture::from(Promise::from(answer)).await?;
    }
    Ok(answer.as_bool() != Some(false))
}

/// Tensors as objects.
fn tensors(tensors: &[Tensor]) -> Array {
    let object = |tensor: &Tensor| {
        let object = Object::new();
        let shape: Array = tensor.shape.iter().map(|n| JsValue::from(*n as f64)).collect();
        for (name, value) in [
            ("name", JsValue::from(&tensor.name)),
            ("shape", shape.into()),
            ("values", Float32Array::from(tensor.values.as_slice()).into()),
        ] {
            // A plain object of our own takes any property.
            let _ = Reflect::set(&object, &name.into(), &value);
        }
        JsValue::from(object)
    };
    tensors.iter().map(object).collect()
}

/// The same back.
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

fn history_json(history: &History) -> String {
    json!({
        "loss": history.loss,
        "metrics": history.metrics,
        "validationLoss": history.validation_loss,
        "validationMetrics": history.validation_metrics,
        "learningRate": history.learning_rate.last(),
        "engine": history.engine.to_string(),
    })
    .to_string()
}

fn stage_json(stage: &Stage) -> serde_json::Value {
    let tensors = |tensors: &[Tensor]| -> Vec<_> {
        tensors.iter().map(|tensor| json!({ "name": tensor.name, "shape": tensor.shape, "values": tensor.values })).collect()
    };
    json!({
        "shader": stage.shader,
        "label": stage.label,
        "formula": stage.formula,
        "source": stage.source,
        "inputs": tensors(&stage.inputs),
        "outputs": tensors(&stage.outputs),
    })
}

/// An error as JavaScript throws it: `needsNewDevice` says whether the device is of no use any more.
fn thrown(error: shaderprop::Error) -> JsValue {
    let lost = error.needs_new_device();
    let object = js_sys::Error::new(&error.to_string());
    // A new object takes any property.
    let _ = Reflect::set(&object, &"needsNewDevice".into(), &lost.into());
    object.into()
}

/// What is wrong with JSON that was handed in.
fn refused(what: &str, error: &serde_json::Error) -> JsValue {
    js_sys::Error::new(&format!("{what}: expected other properties, got {error}; see shaderprop.d.ts")).into()
}
