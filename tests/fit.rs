//! Training gives the same numbers as PyTorch, scikit-learn and Keras from the same initial weights.

mod common;

use common::{change_agrees, device};
use serde_json::Value;
use shaderprop::{
    Activation, ClassWeights, Columns, Csv, Device, Engine, EngineChoice, Fit, Init, Loss, Matrix, Model, Network, Optimizer,
    Preprocessing, Scaling, Schedule, Table, Tensor,
};

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
    value.as_str().expect("a string")
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

/// Twenty steps of PyTorch: every parameter is within 1e-4, relative, or 1e-6, and the change of every tensor within
/// 1e-3 of its norm. The reference agrees to within the rounding to f32.
#[test]
fn twenty_steps_match_pytorch() {
    let cases = fixture("torch_fit");
    let cases = cases["cases"].as_array().expect("cases");
    assert!(cases.len() >= 24);
    let mut fused = 0;
    for (device, engine, relative, absolute) in [
        (Device::cpu(), EngineChoice::Auto, 1e-7, 1e-9),
        (device(), EngineChoice::Staged, 1e-4, 1e-6),
        (device(), EngineChoice::Fused, 1e-4, 1e-6),
    ] {
        for case in cases {
            let name = format!("{} on {}, {engine:?}", text(&case["name"]), device.info().name);
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
                .engine(engine)
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
            fused += usize::from(history.engine == Engine::Fused);
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
    // The fused engine trains all of them, except those with gradient clipping.
    let clipped = cases.iter().filter(|case| !case["clip_norm"].is_null()).count();
    assert_eq!(fused, cases.len() - clipped);
}

/// The initial weights of fixtures that compute them by a formula, from the index k of an element in its layer's
/// weight, counted row by row. Biases are zero.
fn formula_start(network: &Network) -> Init {
    let mut tensors = Model::new(&Device::cpu(), network, &Init::Zeros).expect("a model").weights();
    for (i, tensor) in tensors.iter_mut().enumerate().filter(|(_, tensor)| tensor.shape.len() == 2) {
        for (k, value) in tensor.values.iter_mut().enumerate() {
            *value = 0.25 * (((k * 7919 + i / 2 * 104_729) % 2003) as f64 / 2003.0 - 0.5) as f32;
        }
    }
    Init::Values(tensors)
}

/// scikit-learn's MLPClassifier on the digits, from the same initial weights: the loss curve agrees within 1e-3. (Its
/// Adam adds ε at a different place.)
#[test]
fn digits_match_scikit_learn() {
    let expected = fixture("sklearn_digits");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/digits/digits.csv.gz");
    let table = Table::read_csv(path, &Csv::new().header(false)).expect("the digits");
    let columns = Columns::classes(64).scaling(Scaling::None);
    let data = Preprocessing::fit(&table, &columns).and_then(|fitted| fitted.transform(&table)).expect("the data");
    let pixels: Vec<f32> = data.inputs.values().iter().map(|pixel| pixel / 16.0).collect();
    let inputs = Matrix::new(data.inputs.rows(), 64, pixels).expect("the pixels");
    let network = Network::new(64).dense(64, Activation::Relu).dense(10, Activation::Softmax);
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).batch_size(128).shuffle(false);
    for (device, engine) in
        [(Device::cpu(), EngineChoice::Auto), (device(), EngineChoice::Staged), (device(), EngineChoice::Fused)]
    {
        let mut model = Model::new(&device, &network, &formula_start(&network)).expect("a model");
        let fit = fit.clone().engine(engine);
        let history = model.fit(&inputs, &data.targets, &fit.epochs(count(&expected["epochs"]))).expect("a training run");
        for (epoch, (got, expected)) in history.loss.iter().zip(f64s(&expected["loss"])).enumerate() {
            assert!((got - expected).abs() <= 1e-3 * expected, "epoch {}: {got}, scikit-learn {expected}", epoch + 1);
        }
        let accuracy = model.evaluate(&inputs, &data.targets, Loss::CategoricalCrossEntropy).expect("an evaluation").accuracy;
        assert!((accuracy - number(&expected["accuracy"])).abs() < 0.002, "{accuracy}");
    }
}

/// Keras's `fit` on two models, with batches of 32 and a last one of 22: the loss of every epoch, and the final
/// weights.
#[test]
fn two_models_match_keras() {
    let expected = fixture("keras_fit");
    let rows = 150;
    let element = |r: usize, c: usize| (((r * 31 + c * 17 + r * c * 7) % 101) as f64 / 101.0 - 0.5) as f32;
    let inputs = Matrix::new(rows, 8, (0..rows * 8).map(|i| element(i / 8, i % 8)).collect::<Vec<_>>()).expect("a matrix");
    let targets = |of: fn(usize) -> usize| Matrix::column((0..rows).map(|r| of(r) as f32).collect::<Vec<_>>());
    let fit = Fit::new().batch_size(32).shuffle(false).epochs(5);
    let nesterov = fit.clone().loss(Loss::BinaryCrossEntropy).optimizer(Optimizer::nesterov(0.9)).learning_rate(0.1);
    let adam = Optimizer::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-12 };
    let adam = fit.loss(Loss::CategoricalCrossEntropy).optimizer(adam).learning_rate(0.01);
    let adam = adam.sample_weights((0..rows).map(|r| 0.5 + (r % 4) as f32 / 4.0).collect::<Vec<_>>());
    let models = [
        (
            Network::new(8).dense(16, Activation::Tanh).dense(1, Activation::Sigmoid),
            nesterov,
            targets(|r| (r * 13 + r / 7) % 2),
            "loss",
        ),
        (
            Network::new(8).dense(24, Activation::Relu).dense(12, Activation::Elu).dense(3, Activation::Softmax),
            adam,
            targets(|r| (r * 5 + r / 9) % 3),
            "weighted_loss",
        ),
    ];
    for ((network, fit, targets, loss), expected) in models.into_iter().zip(expected["models"].as_array().expect("models")) {
        for (device, engine, bound) in [
            (Device::cpu(), EngineChoice::Auto, 3e-7),
            (device(), EngineChoice::Staged, 1e-4),
            (device(), EngineChoice::Fused, 1e-4),
        ] {
            let name = format!("{} on {}, {engine:?}", text(&expected["name"]), device.info().name);
            let mut model = Model::new(&device, &network, &formula_start(&network)).expect("a model");
            let start = model.weights();
            let history = model.fit(&inputs, &targets, &fit.clone().engine(engine)).expect("a training run");
            for (got, expected) in history.loss.iter().zip(f64s(&expected[loss])) {
                assert!((got - expected).abs() <= bound * expected, "{name}: loss {got}, Keras {expected}");
            }
            for ((start, got), expected) in start.iter().zip(model.weights()).zip(tensors(&expected["end"])) {
                change_agrees(&name, start, &got, &expected);
            }
        }
    }
}
