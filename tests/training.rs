//! Whole training runs: the device against the reference, tensor by tensor, and the reference against PyTorch.

mod common;

use common::{Cases, by, change_agrees, device, numbers, targets, wide};
use serde_json::Value;
use shaderprop::internals::gpu;
use shaderprop::internals::reference::{Batch, Chance, Reference, Update};
use shaderprop::{Activation, Device, EngineChoice, Fit, Init, Loss, Matrix, Model, Network, Optimizer, Tensor};

/// Trains on the device and on the reference from the same initial weights. The change of every tensor must agree to
/// 1e-3 of its norm.
fn agree(device: &Device, network: &Network, loss: Loss, rows: usize, learning_rate: f64, steps: usize) {
    let what = format!("{network:?}, {}", loss.name());
    let inputs = Matrix::new(rows, network.inputs(), numbers(10, rows * network.inputs())).expect("a matrix");
    let targets = targets(11, loss, rows, network.outputs());
    let fit = Fit::new().loss(loss).learning_rate(learning_rate).epochs(steps);
    let init = Init::GlorotUniform { seed: 5 };

    let mut ours = Model::new(device, network, &init).expect("a model");
    let mut reference = Model::new(&Device::cpu(), network, &init).expect("a model");
    assert_eq!(ours.weights(), reference.weights(), "{what}: the initial weights differ");
    let start = ours.weights();
    let history = ours.fit(&inputs, &targets, &fit).expect("a training run");
    let expected = reference.fit(&inputs, &targets, &fit).expect("a training run");

    assert_eq!(history.loss.len(), steps);
    for (epoch, (loss, expected)) in history.loss.iter().zip(&expected.loss).enumerate() {
        assert!((loss - expected).abs() <= 1e-4 * expected.abs(), "{what}: epoch {}: {loss}, reference {expected}", epoch + 1);
    }
    for ((start, ours), reference) in start.iter().zip(ours.weights()).zip(reference.weights()) {
        change_agrees(&what, start, &ours, &reference);
    }
}

#[test]
fn ten_steps_of_several_networks() {
    let device = device();
    let mut cases = Cases::new();
    for loss in Loss::ALL {
        for activation in Activation::ALL {
            let keys = [by("loss", loss.name()), by("activation", activation.name())];
            let what = format!("{} {}", loss.name(), activation.name());
            cases.case(keys, &what, || {
                let network =
                    Network::new(7).dense(17, activation.clone()).dense(5, activation.clone()).dense(3, Activation::Sigmoid);
                agree(&device, &network, *loss, 13, 0.1, 10);
            });
        }
    }
    cases.finish();
    agree(&device, &Network::new(1).dense(1, Activation::Identity), Loss::MeanSquaredError, 1, 0.1, 10);
    agree(&device, &Network::new(65).dense(129, Activation::Tanh).dense(1, Activation::Tanh), Loss::SquaredError, 127, 0.01, 10);
    agree(
        &device,
        &Network::new(3).dense(2, Activation::Relu).dense(4, Activation::Identity),
        Loss::MeanSquaredError,
        63,
        0.1,
        10,
    );
}

/// Custom activations whose derivatives use x, y, both or neither, in hidden layers and in the last one.
#[test]
fn ten_steps_with_custom_activations() {
    let device = device();
    let swish = Activation::custom(
        "swish",
        "x / (1.0 + exp(-x))",
        "y + (1.0 - y) / (1.0 + exp(-x))",
        |x| x / (1.0 + (-x).exp()),
        |x, y| y + (1.0 - y) / (1.0 + (-x).exp()),
    );
    let square = Activation::custom("square", "x * x", "2.0 * x", |x| x * x, |x, _| 2.0 * x);
    let double = Activation::custom("double", "2.0 * x", "2.0", |x| 2.0 * x, |_, _| 2.0);
    let softsign = Activation::custom(
        "softsign",
        "x / (1.0 + abs(x))",
        "(1.0 - abs(y)) * (1.0 - abs(y))",
        |x| x / (1.0 + x.abs()),
        |_, y| (1.0 - y.abs()) * (1.0 - y.abs()),
    );
    for last in [&swish, &square, &double, &softsign] {
        let network = Network::new(7).dense(17, swish.clone()).dense(5, softsign.clone()).dense(9, double.clone());
        let network = network.dense(4, square.clone()).dense(3, last.clone());
        for loss in [Loss::SquaredError, Loss::MeanSquaredError] {
            agree(&device, &network, loss, 13, 0.01, 10);
        }
    }
}

#[test]
fn three_steps_of_a_wide_and_deep_network() {
    let network = (0..5).fold(Network::new(512), |network, _| network.dense(512, Activation::Tanh));
    agree(&device(), &network, Loss::MeanSquaredError, 256, 0.5, 3);
}

/// More epochs than the step table has rows, with and without log points: the same bits, and no loss is missing.
#[test]
fn log_points_change_nothing_but_the_readbacks() {
    let device = device();
    let network = Network::new(2).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
    let inputs = Matrix::new(5, 2, numbers(1, 10)).expect("a matrix");
    let targets = Matrix::new(5, 1, numbers(2, 5)).expect("a matrix");
    let readbacks = || gpu(&device).expect("a GPU").readbacks();
    let train = |engine: EngineChoice, log_every: Option<usize>| {
        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        let fit = Fit::new().learning_rate(0.1).epochs(5000).engine(engine);
        let fit = log_every.map_or(fit.clone(), |epochs| fit.log_every(epochs));
        let before = readbacks();
        let mut logged = Vec::new();
        let history = model.fit_with(&inputs, &targets, &fit, |log| logged.push((log.epoch, log.loss))).expect("a training run");
        for (epoch, loss) in &logged {
            assert_eq!(history.loss[epoch - 1], *loss);
        }
        (history, model.weights(), logged.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), readbacks() - before)
    };
    for engine in [EngineChoice::Staged, EngineChoice::Fused] {
        let (history, weights, logged, count) = train(engine, None);
        assert_eq!((history.loss.len(), logged.len()), (5000, 0));
        assert_eq!(count, 1, "the weights and all losses come back together");
        assert!(history.loss[4999] < history.loss[0]);

        let (with_logs, same_weights, logged, count) = train(engine, Some(1000));
        assert_eq!(logged, [1, 1001, 2001, 3001, 4001]);
        assert_eq!(count, 5 + 1, "one readback per log point, and one for the weights");
        assert_eq!((with_logs, same_weights), (history, weights));
    }
}

/// One command buffer per epoch, however many go into a submission.
#[test]
fn an_epoch_is_one_command_buffer() {
    let device = device();
    let count = || gpu(&device).expect("a GPU").command_buffers();
    let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Tanh);
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let before = count();
    model.fit(&[[0.0, 1.0]], &[[0.5]], &Fit::new().epochs(1000).engine(EngineChoice::Staged)).expect("a training run");
    assert_eq!(count() - before, 1000 + 1, "one per epoch, and one that checks the weights");

    // If a device seems to be a thousand times slower than it is, epochs are submitted in parts until its pace is
    // known.
    let network = Network::new(32).dense(32, Activation::Tanh).dense(32, Activation::Tanh);
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let inputs = Matrix::new(16, 32, numbers(1, 16 * 32)).expect("a matrix");
    let gpu_of = gpu(&device).expect("a GPU");
    let mut pace = gpu_of.pace();
    for _ in 0..2 {
        pace.learn(1e6, std::time::Duration::from_secs(1));
    }
    gpu_of.set_pace(&pace);
    let before = count();
    model.fit(&inputs, &inputs, &Fit::new().epochs(100).engine(EngineChoice::Staged)).expect("a training run");
    assert!(count() - before > 100);
    let before = count();
    model.fit(&inputs, &inputs, &Fit::new().epochs(100).engine(EngineChoice::Staged)).expect("a training run");
    assert_eq!(count() - before, 100 + 1);
}

/// More unread losses than can wait on the device.
#[test]
fn very_many_epochs_without_a_log_point() {
    let device = device();
    let mut model = Model::new(&device, &Network::new(1).dense(1, Activation::Identity), &Init::default()).expect("a model");
    let mut reference = Model::new(&Device::cpu(), model.network(), &Init::default()).expect("a model");
    // So small a rate that the loss has not vanished at the end. Each update rounds the weight and the bias by at most
    // 2⁻²⁵ of 1, so after 65,536 updates y is off by at most 2 · 2⁻⁹. y is about 1 then, the target is a half, and the
    // loss is the square of the difference.
    let fit = Fit::new().learning_rate(1e-6).epochs(65_536 + 3);
    let history = model.fit(&[[1.0]], &[[0.5]], &fit).expect("a training run");
    let expected = reference.fit(&[[1.0]], &[[0.5]], &fit).expect("a training run");
    assert_eq!(history.loss.len(), 65_539);
    for epoch in [0, 65_535, 65_536, 65_538] {
        assert!(
            (history.loss[epoch] - expected.loss[epoch]).abs() <= 2.0 * 2.0 * 2.0f64.powi(-9) * 2.0 * expected.loss[epoch],
            "epoch {}",
            epoch + 1
        );
    }
}

#[test]
fn fit_continues_where_it_stopped() {
    for device in [device(), Device::cpu()] {
        let network = Network::new(2).dense(4, Activation::Tanh).dense(2, Activation::Identity);
        let inputs = Matrix::new(6, 2, numbers(1, 12)).expect("a matrix");
        let targets = Matrix::new(6, 2, numbers(2, 12)).expect("a matrix");
        let fit = |epochs| Fit::new().learning_rate(0.05).epochs(epochs);
        let mut once = Model::new(&device, &network, &Init::default()).expect("a model");
        let mut twice = once.clone();
        let whole = once.fit(&inputs, &targets, &fit(30)).expect("a training run");
        let mut parts = twice.fit(&inputs, &targets, &fit(10)).expect("a training run").loss;
        parts.extend(twice.fit(&inputs, &targets, &fit(20)).expect("a training run").loss);
        assert_eq!((whole.loss, once.weights()), (parts, twice.weights()));
    }
}

/// Evaluation and prediction process the rows in pieces. Rows that need several pieces give the same numbers.
#[test]
fn evaluate_and_predict_agree_with_the_reference_in_pieces_too() {
    let network = Network::new(3).dense(4096, Activation::Relu).dense(2, Activation::Sigmoid);
    let rows = 2 * 256 + 7;
    let inputs = Matrix::new(rows, 3, numbers(1, rows * 3)).expect("a matrix");
    let ours = Model::new(&device(), &network, &Init::default()).expect("a model");
    let reference = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");

    let (got, expected) = (ours.predict(&inputs).expect("predictions"), reference.predict(&inputs).expect("predictions"));
    assert_eq!((got.rows(), got.columns()), (rows, 2));
    // A sum of 4096 products of order 1 · 0.04, through a sigmoid of slope a quarter.
    common::assert_close("predictions", got.values(), &wide(expected.values()), |_| 1e-5);
    for loss in Loss::ALL {
        let targets = targets(2, *loss, rows, 2);
        let (got, expected) = (ours.evaluate(&inputs, &targets, *loss), reference.evaluate(&inputs, &targets, *loss));
        let (got, expected) = (got.expect("a loss").loss, expected.expect("a loss").loss);
        assert!((got - expected).abs() <= 1e-5 * expected, "{}: {got}, reference {expected}", loss.name());
    }
    let sides: Vec<f32> = expected.values().iter().enumerate().map(|(i, y)| f32::from((*y > 0.5) != (i % 4 == 0))).collect();
    let sides = Matrix::new(rows, 2, sides).expect("a matrix");
    for model in [&ours, &reference] {
        let accuracy = model.evaluate(&inputs, &sides, Loss::BinaryCrossEntropy).expect("an evaluation").accuracy;
        // Every fourth of 1,038 is on the wrong side.
        assert_eq!(accuracy, (1038.0 - 260.0) / 1038.0);
    }
}

/// An output of exactly a half counts as 0, as in Keras.
#[test]
fn accuracy_at_a_half() {
    for device in [device(), Device::cpu()] {
        let zero = |name: &str, shape: &[usize]| Tensor { name: name.into(), shape: shape.into(), values: vec![0.0] };
        let init = Init::Values(vec![zero("layers.0.weight", &[1, 1]), zero("layers.0.bias", &[1])]);
        let model = Model::new(&device, &Network::new(1).dense(1, Activation::Sigmoid), &init).expect("a model");
        let evaluation = model.evaluate(&[[1.0], [1.0], [1.0]], &[[0.0], [1.0], [0.5]], Loss::MeanSquaredError);
        assert_eq!(evaluation.expect("an evaluation").accuracy, 1.0 / 3.0);
    }
}

/// Explaining an epoch stage by stage runs that epoch: its last update leaves the same weights as training.
#[test]
fn an_explained_epoch_matches_training() {
    let device = device();
    let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    let (inputs, targets) = ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0], [1.0], [1.0], [0.0]]);
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let fit = |epochs| Fit::new().learning_rate(0.7).epochs(epochs).engine(EngineChoice::Staged);
    let stages = model.explain(&inputs, &targets, &fit(3), 3).expect("stages");
    let history = model.fit(&inputs, &targets, &fit(3)).expect("a training run");

    let order = [
        "matmul",
        "bias_activation",
        "matmul",
        "bias_activation",
        "output_delta",
        "matmul",
        "hidden_delta",
        "matmul",
        "bias_gradient",
        "matmul",
        "bias_gradient",
        "update",
        "loss",
    ];
    let shaders: Vec<_> = stages.iter().map(|stage| stage.shader.trim_end_matches(".wgsl")).collect();
    assert_eq!(shaders, order);
    assert_eq!(stages[11].outputs, model.weights());
    assert_eq!(f64::from(stages[12].outputs[0].values[0]), history.loss[2]);
    let printed = stages.iter().map(ToString::to_string).collect::<String>();
    assert!(printed.contains("layers.0.sum = inputs · layers.0.weight") && printed.contains("learning_rate"));
}

/// An epoch of a network that trains with blocked products is explained in plain stages, which give the same results
/// within rounding. A loss of more elements than one workgroup adds has an additional stage.
#[test]
fn an_explained_epoch_of_a_wide_network_has_plain_stages() {
    let device = device();
    let network = Network::new(20).dense(40, Activation::Tanh).dense(10, Activation::Sigmoid);
    let inputs = Matrix::new(500, 20, numbers(1, 500 * 20)).expect("a matrix");
    let targets = Matrix::new(500, 10, numbers(2, 500 * 10).iter().map(|t| t.abs()).collect::<Vec<_>>()).expect("a matrix");
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let fit = Fit::new().learning_rate(0.5).epochs(3);
    let stages = model.explain(&inputs, &targets, &fit, 3).expect("stages");
    let history = model.fit(&inputs, &targets, &fit).expect("a training run");
    let shaders: Vec<_> = stages.iter().map(|stage| stage.shader.trim_end_matches(".wgsl")).collect();
    assert_eq!(shaders.len(), 14);
    assert_eq!(shaders[11..], ["update", "partial_loss", "loss"]);
    let close = |got: f32, expected: f64| (f64::from(got) - expected).abs() <= 1e-5 * (1.0 + expected.abs());
    for (stage, trained) in stages[11].outputs.iter().zip(model.weights()) {
        assert_eq!(stage.name, trained.name);
        for (got, expected) in stage.values.iter().zip(&trained.values) {
            assert!(close(*got, f64::from(*expected)), "{}: {got}, expected {expected}", stage.name);
        }
    }
    assert!(close(stages[13].outputs[0].values[0], history.loss[2]));
}

fn table(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(table).collect(),
        value => vec![value.as_f64().expect("a number")],
    }
}

/// PyTorch's losses and weights in float64, made by fixtures/torch_mlp.py.
#[test]
fn the_reference_trains_as_pytorch_does() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/torch_mlp.json")).expect("JSON");
    let cases = fixture["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 2 * 16 + 4);
    for case in cases {
        let activation = |key: &str| Activation::ALL.iter().find(|a| a.name() == case[key]).expect("an activation").clone();
        let loss = *Loss::ALL.iter().find(|loss| loss.name() == case["loss"]).expect("a loss");
        let what = format!("{} {} {}", case["loss"], case["hidden"], case["last"]);
        let network = Network::new(3).dense(4, activation("hidden")).dense(3, activation("hidden")).dense(2, activation("last"));
        let layout = network.layout().expect("a layout");
        let flat = |weights: &Value| {
            let mut flat = vec![0.0; layout.len];
            for (i, layer) in weights.as_array().expect("layers").iter().enumerate() {
                for (place, key) in [(&layout.places[2 * i], "weight"), (&layout.places[2 * i + 1], "bias")] {
                    flat[place.offset..place.offset + place.len].copy_from_slice(&table(&layer[key]));
                }
            }
            flat
        };
        let mut reference = Reference::new(&network, loss, &layout, &flat(&case["start"]));
        let (inputs, targets) = (table(&case["inputs"]), table(&case["targets"]));
        let batch = Batch { inputs: &inputs, targets: &targets, weights: None };
        let how = Update { optimizer: Optimizer::Sgd, learning_rate: 0.125, weight_decay: 0.0, step: 1 };
        let chance = Chance { seed: 0, epoch: 0, batch: 0 };
        for (step, expected) in table(&case["losses"]).iter().enumerate() {
            let passed = reference.step(&batch, &how, None, &chance);
            let got = reference.loss(&passed, &batch) / (inputs.len() / 3) as f64;
            assert!((got - expected).abs() <= 1e-12 * expected, "{what}: step {step}: {got}, PyTorch {expected}");
        }
        for (i, (got, expected)) in reference.parameters(&layout).iter().zip(flat(&case["end"])).enumerate() {
            assert!((got - expected).abs() <= 1e-12, "{what}: parameter {i}: {got}, PyTorch {expected}");
        }
    }
}
