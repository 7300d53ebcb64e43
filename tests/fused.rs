//! The fused engine against the reference, tensor by tensor, in each way that lanes hold a network.

mod common;

use common::{change_agrees, device, numbers, targets};
use shaderprop::internals::{Limits, Products, gpu, limited};
use shaderprop::{Activation, Device, Engine, EngineChoice, Fit, History, Init, Loss, Matrix, Model, Network, Optimizer, Schedule, Tensor};

/// The device as it is, and without subgroups: there lanes tell each other what they computed by way of workgroup memory.
fn devices() -> [(&'static str, Device); 2] {
    let device = device();
    let limits = gpu(&device).expect("a GPU").plan_limits();
    let plain = limited(&device, Limits { products: Products::Plain, ..limits });
    [("as it is", device), ("workgroup memory", plain)]
}

fn train(device: &Device, network: &Network, init: &Init, data: (&Matrix<'_>, &Matrix<'_>), fit: &Fit) -> (Model, History) {
    let mut model = Model::new(device, network, init).unwrap_or_else(|error| panic!("{error}"));
    let history = model.fit(data.0, data.1, fit).unwrap_or_else(|error| panic!("{error}"));
    (model, history)
}

/// Trains on the device by the fused engine and on the CPU engine, and compares every loss and every tensor's change.
fn agrees(what: &str, device: &Device, network: &Network, data: (&Matrix<'_>, &Matrix<'_>), fit: &Fit) {
    let init = Init::Uniform { seed: 3, low: -0.4, high: 0.8 };
    let start = Model::new(&Device::cpu(), network, &init).expect("a model").weights();
    let (model, history) = train(device, network, &init, data, &fit.clone().engine(EngineChoice::Fused));
    let (expected, expected_history) = train(&Device::cpu(), network, &init, data, fit);
    assert_eq!((history.engine, expected_history.engine), (Engine::Fused, Engine::Cpu), "{what}");
    assert_eq!(history.loss.len(), expected_history.loss.len());
    for (epoch, (got, expected)) in history.loss.iter().zip(&expected_history.loss).enumerate() {
        assert!((got - expected).abs() <= 1e-4 * expected.abs() + 1e-6, "{what}: loss {epoch}: {got}, expected {expected}");
    }
    let find = |tensors: &[Tensor], name: &str| tensors.iter().find(|tensor| tensor.name == name).cloned().expect("a tensor");
    for (l, layer) in network.layers().iter().enumerate() {
        for kind in ["weight", "bias"] {
            let name = format!("layers.{l}.{kind}");
            let (start, got, expected) = (find(&start, &name), find(&model.weights(), &name), find(&expected.weights(), &name));
            // Frozen, or of units that are off for all rows.
            if layer.frozen || start == expected {
                assert_eq!(start, got, "{what}: {name} moved");
            } else {
                change_agrees(what, &start, &got, &expected);
            }
        }
    }
}

fn data(network: &Network, loss: Loss, rows: usize) -> (Matrix<'static>, Matrix<'static>) {
    let inputs = Matrix::new(rows, network.inputs(), numbers(11, rows * network.inputs())).expect("a matrix");
    (inputs, targets(12, loss, rows, network.outputs()))
}

fn all_activations() -> impl Iterator<Item = &'static Activation> {
    Activation::ALL.iter().chain([&Activation::Softmax])
}

#[test]
fn every_activation_and_loss_in_one_lane() {
    let [(_, device), _] = devices();
    for activation in all_activations() {
        for loss in Loss::ALL {
            let hidden = if *activation == Activation::Softmax { Activation::Tanh } else { activation.clone() };
            let network = Network::new(3).dense(3, hidden).dense(2, activation.clone());
            let (inputs, targets) = data(&network, *loss, 5);
            let fit = Fit::new().loss(*loss).learning_rate(0.05).epochs(6);
            agrees(&format!("{} with {}", activation.name(), loss.name()), &device, &network, (&inputs, &targets), &fit);
        }
    }
}

/// Batches with a shorter last one, shuffled; layers wider and narrower than the lanes.
#[test]
fn every_activation_and_loss_in_many_lanes() {
    for (way, device) in devices() {
        for (i, activation) in all_activations().enumerate() {
            for (j, loss) in Loss::ALL.iter().enumerate() {
                // Each pair on one shape, all shapes for some.
                let shape = [[5, 9, 3], [2, 17, 12], [9, 3, 2]][(i + j) % 3];
                let hidden = if *activation == Activation::Softmax { Activation::Sigmoid } else { activation.clone() };
                let network = Network::new(shape[0]).dense(shape[1], hidden).dense(shape[2], activation.clone());
                let (inputs, targets) = data(&network, *loss, 17);
                let fit = Fit::new().loss(*loss).learning_rate(0.02).epochs(3).batch_size(5).seed(7);
                let what = format!("{way}: {} with {} on {shape:?}", activation.name(), loss.name());
                agrees(&what, &device, &network, (&inputs, &targets), &fit);
            }
        }
    }
}

/// With decay, weights, a schedule, a warm-up, a frozen layer and a layer's own decay, alone and together.
#[test]
fn every_optimizer_with_all_that_the_engine_takes() {
    for (way, device) in devices() {
        for optimizer in Optimizer::ALL {
            for variant in 0..4 {
                let mut network = Network::new(4).dense(7, Activation::Tanh);
                if variant == 1 {
                    network = network.frozen();
                }
                network = network.dense(6, Activation::Silu);
                if variant == 2 {
                    network = network.weight_decay(0.2);
                }
                network = network.dense(3, Activation::Softmax);
                if variant == 3 {
                    network = network.frozen();
                }
                let loss = Loss::CategoricalCrossEntropy;
                let rows = 14;
                let (inputs, targets) = data(&network, loss, rows);
                let mut fit = Fit::new().loss(loss).optimizer(*optimizer).learning_rate(0.01).epochs(4).batch_size(4 + variant);
                if variant != 0 {
                    fit = fit
                        .weight_decay(0.05)
                        .sample_weights(numbers(5, rows).iter().map(|weight| weight.abs()).collect::<Vec<_>>())
                        .schedule(Schedule::Cosine { epochs: 3, minimum: 0.001 })
                        .warm_up(3);
                }
                agrees(&format!("{way}: {} {variant}", optimizer.name()), &device, &network, (&inputs, &targets), &fit);
            }
        }
    }
}

#[test]
fn shapes_from_one_unit_to_many() {
    for (way, device) in devices() {
        for (sizes, rows, batch) in [
            (vec![1, 1], 1, 1),
            (vec![1, 1], 3, 2),
            (vec![3, 1], 40, 40),
            (vec![2, 5], 33, 8),
            (vec![7, 64, 1], 9, 4),
            (vec![33, 8, 8, 8], 6, 6),
            (vec![4, 65, 9], 5, 3),
            (vec![4, 2, 2, 2, 2, 2], 20, 7),
            (vec![70, 3, 33], 4, 4),
        ] {
            let network = sizes[1..].iter().fold(Network::new(sizes[0]), |network, units| network.dense(*units, Activation::Tanh));
            let (inputs, targets) = data(&network, Loss::MeanSquaredError, rows);
            let fit = Fit::new().learning_rate(0.1).epochs(3).batch_size(batch);
            agrees(&format!("{way}: {sizes:?}, {rows} rows, batches of {batch}"), &device, &network, (&inputs, &targets), &fit);
        }
    }
}
