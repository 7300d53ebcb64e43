//! The tutorials' published numbers, on the device and on the reference.

mod common;

use serde_json::Value;
use shaderprop::{Activation, Device, Engine, EngineChoice, Fit, Init, Loss, Matrix, Model, Network, Order};

const INPUTS: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const TARGETS: [[f32; 1]; 4] = [[0.0], [1.0], [1.0], [0.0]];

/// What the first tutorial prints.
const FIRST: [f64; 10] = [
    0.287974821321425,
    0.24943329766543199,
    0.24567537147115226,
    0.21996241841579695,
    0.1621992454420141,
    0.05270887579146114,
    0.016926012420416685,
    0.00891778531419988,
    0.00584454666369325,
    0.0042817900236595905,
];
const FIRST_PREDICTIONS: [f64; 4] = [0.06028403, 0.9444784, 0.9443732, 0.05996465];

/// What the third tutorial prints, with four digits.
const THIRD: [f64; 10] = [0.3247, 0.2406, 0.1960, 0.1207, 0.0305, 0.0125, 0.0074, 0.0051, 0.0038, 0.0031];

fn train(device: &Device, engine: EngineChoice, order: Order) -> (Vec<f64>, Matrix<'static>) {
    let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    let mut model = Model::new(device, &network, &Init::NumPy { seed: 42, order }).expect("a model");
    let fit = Fit::new().loss(Loss::SquaredError).learning_rate(0.1).epochs(10_000).engine(engine);
    let history = model.fit(&INPUTS, &TARGETS, &fit).expect("a training run");
    assert_eq!(history.engine == Engine::Fused, engine == EngineChoice::Fused);
    (history.loss, model.predict(&INPUTS).expect("predictions"))
}

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/xor.json")).expect("JSON")
}

/// Losses and predictions within `bound` (relative for losses) of those recomputed in float64.
fn check(device: &Device, engine: EngineChoice, order: Order, bound: f64) {
    let fixture = fixture();
    let expected = &fixture[if order == Order::LayerByLayer { "layer_by_layer" } else { "weights_then_biases" }];
    let (losses, predictions) = train(device, engine, order);
    assert_eq!(losses.len(), 10_000);
    let computed = expected["losses"].as_object().expect("losses");
    assert_eq!(computed.len(), 13);
    for (epoch, loss) in computed {
        let (epoch, loss) = (epoch.parse::<usize>().expect("an epoch"), loss.as_f64().expect("a loss"));
        let error = (losses[epoch - 1] - loss).abs() / loss;
        assert!(error <= bound, "epoch {epoch}: {}, computed {loss}", losses[epoch - 1]);
    }
    for (i, value) in expected["predictions"].as_array().expect("predictions").iter().enumerate() {
        let (got, expected) = (f64::from(predictions.row(i)[0]), value.as_f64().expect("a number"));
        assert!((got - expected).abs() <= bound, "prediction {i}: {got}, computed {expected}");
    }
}

#[test]
fn the_device_trains_the_first_tutorial() {
    check(&common::device(), EngineChoice::Staged, Order::WeightsThenBiases, 1e-4);
    check(&common::device(), EngineChoice::Fused, Order::WeightsThenBiases, 1e-4);
}

#[test]
fn the_device_trains_the_third_tutorial() {
    check(&common::device(), EngineChoice::Staged, Order::LayerByLayer, 1e-4);
    check(&common::device(), EngineChoice::Fused, Order::LayerByLayer, 1e-4);
}

/// The reference starts from weights rounded to f32, so it is not exact. From then on it computes in f64.
#[test]
fn the_reference_trains_both_tutorials() {
    check(&Device::cpu(), EngineChoice::Auto, Order::WeightsThenBiases, 1e-6);
    check(&Device::cpu(), EngineChoice::Auto, Order::LayerByLayer, 1e-6);
}

#[test]
fn the_published_digits_are_reproduced() {
    let device = Device::cpu();
    let (losses, predictions) = train(&device, EngineChoice::Auto, Order::WeightsThenBiases);
    for (i, published) in FIRST.iter().enumerate() {
        assert!((losses[1000 * i] - published).abs() <= 1e-6 * published, "{} {published}", losses[1000 * i]);
    }
    for (i, published) in FIRST_PREDICTIONS.iter().enumerate() {
        assert!((f64::from(predictions.row(i)[0]) - published).abs() <= 1e-6);
    }
    let (losses, _) = train(&device, EngineChoice::Auto, Order::LayerByLayer);
    for (i, published) in THIRD.iter().enumerate() {
        assert!((losses[1000 * i] - published).abs() <= 0.5e-4 + 1e-9, "{} {published}", losses[1000 * i]);
    }
}

#[test]
fn the_same_training_run_gives_the_same_bits() {
    for engine in [EngineChoice::Staged, EngineChoice::Fused] {
        let device = common::device();
        let first = train(&device, engine, Order::WeightsThenBiases);
        assert_eq!(first, train(&device, engine, Order::WeightsThenBiases));
        assert_eq!(first, train(&common::device(), engine, Order::WeightsThenBiases));
    }
}
