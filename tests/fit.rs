//! Training as others do it: the same numbers as PyTorch, scikit-learn and Keras from the same starts.

mod common;

use common::{change_agrees, device};
use serde_json::Value;
use shaderprop::{Activation, ClassWeights, Device, Fit, Init, Loss, Matrix, Model, Network, Optimizer, Schedule, Tensor};

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the fixture")).expect("JSON")
}

fn floats(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(values) => values.iter().flat_map(floats).collect(),
        value => vec![value.as_f64().expect("a number") as f32],
    }
}

fn f64s(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn matrix(value: &Value) -> Matrix<'static> {
    Matrix::from_rows(&value.as_array().expect("rows").iter().map(floats).collect::<Vec<_>>()).expect("a matrix")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn count(value: &Value) -> usize {
    value.as_u64().expect("a count") as usize
}

fn tensors(layers: &Value) -> Vec<Tensor> {
    let layers = layers.as_array().expect("layers");
    let of = |(i, layer): (usize, &Value)| {
        let bias = floats(&layer["bias"]);
        let weight = floats(&layer["weight"]);
        let ins = weight.len() / bias.len();
        [
            Tensor { name: format!("layers.{i}.weight"), shape: vec![ins, bias.len()], values: weight },
            Tensor { name: format!("layers.{i}.bias"), shape: vec![bias.len()], values: bias },
        ]
    };
    layers.iter().enumerate().flat_map(of).collect()
}

fn optimizer(value: &Value) -> Optimizer {
    let setting = |name: &str| number(&value[name]);
    let [beta_1, beta_2, epsilon] = ["beta_1", "beta_2", "epsilon"].map(|name| value[name].as_f64().unwrap_or(f64::NAN));
    match text(&value["name"]) {
        "sgd" => Optimizer::Sgd,
        "momentum" => Optimizer::Momentum { momentum: setting("momentum") },
        "nesterov" => Optimizer::Nesterov { momentum: setting("momentum") },
        "rmsprop" => Optimizer::RmsProp { rho: setting("rho"), epsilon },
        "adam" => Optimizer::Adam { beta_1, beta_2, epsilon },
        "adamw" => Optimizer::AdamW { beta_1, beta_2, epsilon },
        other => panic!("{other}"),
    }
}

fn schedule(value: &Value) -> Schedule {
    if value.is_null() {
        return Schedule::Constant;
    }
    let [factor, minimum] = ["factor", "minimum"].map(|name| value[name].as_f64().unwrap_or(f64::NAN));
    match text(&value["name"]) {
        "step" => Schedule::Step { every: count(&value["every"]), factor },
        "exponential" => Schedule::Exponential { factor },
        "cosine" => Schedule::Cosine { epochs: count(&value["epochs"]), minimum },
        "plateau" => Schedule::ReduceOnPlateau {
            factor,
            patience: count(&value["patience"]),
            threshold: number(&value["threshold"]),
            cooldown: count(&value["cooldown"]),
            minimum,
        },
        other => panic!("{other}"),
    }
}

fn network(case: &Value, inputs: usize) -> Network {
    let layers = case["layers"].as_array().expect("layers");
    layers.iter().fold(Network::new(inputs), |network, layer| {
        let activation = Activation::named(text(&layer["activation"])).expect("an activation");
        let mut network = network.dense(count(&layer["units"]), activation);
        if let Some(decay) = layer["weight_decay"].as_f64() {
            network = network.weight_decay(decay);
        }
        if layer["frozen"].as_bool() == Some(true) { network.frozen() } else { network }
    })
}

/// PyTorch's twenty steps: every parameter within 1e-4, relative, or 1e-6, every tensor's change within 1e-3 of its norm; and
/// the reference within the rounding to f32.
#[test]
fn twenty_steps_are_pytorchs() {
    let cases = fixture("torch_fit");
    let cases = cases["cases"].as_array().expect("cases");
    assert!(cases.len() >= 24);
    for (device, relative, absolute) in [(Device::cpu(), 1e-7, 1e-9), (device(), 1e-4, 1e-6)] {
        for case in cases {
            let name = format!("{} on {}", text(&case["name"]), device.info().name);
            let (inputs, targets) = (matrix(&case["inputs"]), matrix(&case["targets"]));
            let start = tensors(&case["start"]);
            let init = Init::Values(start.clone());
            let mut model = Model::new(&device, &network(case, inputs.columns()), &init).expect("a model");
            let losses = f64s(&case["losses"]);
            let mut fit = Fit::new()
                .loss(Loss::named(text(&case["loss"])).expect("a loss"))
                .optimizer(optimizer(&case["optimizer"]))
                .learning_rate(number(&case["learning_rate"]))
                .weight_decay(number(&case["weight_decay"]))
                .schedule(schedule(&case["schedule"]))
                .warm_up(count(&case["warm_up"]))
                .epochs(losses.len());
            if let Some(norm) = case["clip_norm"].as_f64() {
                fit = fit.clip_norm(norm);
            }
            if !case["sample_weights"].is_null() {
                fit = fit.sample_weights(floats(&case["sample_weights"]));
            }
            if !case["class_weights"].is_null() {
                fit = fit.class_weights(ClassWeights::Given(floats(&case["class_weights"])));
            }
            let history = model.fit(&inputs, &targets, &fit).unwrap_or_else(|error| panic!("{name}: {error}"));
            for (epoch, (got, expected)) in history.loss.iter().zip(&losses).enumerate() {
                let within = (got - expected).abs() <= relative * expected.abs() + absolute;
                assert!(within, "{name}: epoch {}: loss {got}, PyTorch {expected}", epoch + 1);
            }
            for (epoch, (got, expected)) in history.learning_rate.iter().zip(f64s(&case["learning_rates"])).enumerate() {
                assert!((got - expected).abs() <= 1e-12, "{name}: epoch {}: rate {got}, PyTorch {expected}", epoch + 1);
            }
            let (end, frozen) = (tensors(&case["end"]), |i: usize| case["layers"][i / 2]["frozen"].as_bool() == Some(true));
            for (i, ((start, got), expected)) in start.iter().zip(model.weights()).zip(&end).enumerate() {
                for (got, expected) in got.values.iter().zip(&expected.values) {
                    let (got, expected) = (f64::from(*got), f64::from(*expected));
                    let within = (got - expected).abs() <= (relative * expected.abs()).max(absolute);
                    assert!(within, "{name}: {}: {got}, PyTorch {expected}", start.name);
                }
                if frozen(i) {
                    assert_eq!(got, *start, "{name}");
                } else {
                    change_agrees(&name, start, &got, expected);
                }
            }
        }
    }
}
