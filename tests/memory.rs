//! What a training holds in memory: what its network and data need, and no more after very many steps. A process of its own, since what other
//! tests hold would count.

mod common;

use common::{device, numbers};
use shaderprop::{Activation, Fit, Init, Loss, Matrix, Model, Network, Optimizer};

/// What is on the device is what training needs.
#[test]
fn the_device_holds_what_is_needed() {
    let device = device();
    for (layers, rows, batch, optimizer, slots) in [
        (&[200, 128, 10][..], 6000, 64, Optimizer::Sgd, 0),
        (&[200, 128, 10], 6000, 64, Optimizer::momentum(0.9), 1),
        (&[200, 256, 256, 10], 6000, 128, Optimizer::adam(), 2),
        (&[20, 16, 3], 50_000, 32, Optimizer::adam(), 2),
    ] {
        let [hidden @ .., outputs] = &layers[1..] else { panic!("layers") };
        let network = hidden.iter().fold(Network::new(layers[0]), |network, units| network.dense(*units, Activation::Relu));
        let network = network.dense(*outputs, Activation::Softmax);
        let model = Model::new(&device, &network, &Init::default()).expect("a model");
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(optimizer).batch_size(batch);
        for clipped in [false, true] {
            let fit = if clipped { fit.clone().clip_norm(1.0) } else { fit.clone() };
            let bytes = model.summary(&fit, rows).expect("a summary").device_bytes.expect("a GPU") as f64 / 4.0;
            let parameters = network.parameters().expect("a count");
            let activations: usize = layers[1..].iter().map(|units| 2 * units).sum::<usize>() + layers[0] + outputs;
            // A row of the data has its inputs and its class.
            let needed = parameters * (2 + slots) + batch * activations + rows * (layers[0] + 1);
            assert!(bytes <= 1.1 * needed as f64, "{layers:?}, {}: {bytes} of {needed}", optimizer.name());
        }
    }
}

/// What the process holds stays over a hundred thousand steps. It is Linux that says what that is.
#[test]
#[cfg(target_os = "linux")]
fn memory_stays_over_very_many_steps() {
    let device = device();
    let resident = || -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("what Linux says of the process");
        statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("pages") * 4096
    };
    let rows = 77;
    let inputs = Matrix::new(rows, 7, numbers(21, rows * 7)).expect("a matrix");
    let targets = Matrix::column((0..rows).map(|row| (row % 4) as f32).collect::<Vec<_>>());
    let network = Network::new(7).dense(4, Activation::Softmax);
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).batch_size(39).log_every(100);
    let mut held = Vec::new();
    model
        .fit_with(&inputs, &targets, &fit.epochs(50_000), |log| {
            if log.epoch % 1000 == 1 {
                held.push(resident());
            }
        })
        .expect("a training");
    let (early, late) = (held[5], held[49]);
    // The history itself has two numbers an epoch, 0.7 MB of them.
    assert!(late <= early + (2 << 20), "{early} bytes after 10,000 steps, {late} after 98,000");
}
