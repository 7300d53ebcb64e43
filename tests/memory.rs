//! What a training holds in memory: what its network and data need, and no more after very many steps. A process of its own, since what other
//! tests hold would count.

mod common;

use common::{device, numbers};
use shaderprop::{Activation, Device, EngineChoice, Fit, Init, Loss, Matrix, Model, Network, Optimizer};

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

/// The bytes that the process holds. It is Linux that says it.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("what Linux says of the process");
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("pages") * 4096
}

/// No more than 1 MiB, whatever is repeated.
#[cfg(target_os = "linux")]
const GROWTH: usize = 1 << 20;

/// In a process of its own, which takes its memory from one place: from several, what each has had at most would add up for long. One after the
/// other, since what one holds would count in the other.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays() {
    const CHILD: &str = "SHADERPROP_MEMORY";
    if std::env::var_os(CHILD).is_none() {
        let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
        let output =
            command.args(["memory_stays", "--exact"]).env(CHILD, "1").env("MALLOC_ARENA_MAX", "1").output().expect("a process");
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        return;
    }
    let device = device();
    over_very_many_steps(&device);
    over_very_many_trainers(&device);
}

#[cfg(target_os = "linux")]
fn over_very_many_steps(device: &Device) {
    // Two thousand steps an epoch, so that the history hardly grows.
    let rows = 4000;
    let inputs = Matrix::new(rows, 7, numbers(21, rows * 7)).expect("a matrix");
    let targets = Matrix::column((0..rows).map(|row| (row % 4) as f32).collect::<Vec<_>>());
    let network = Network::new(7).dense(4, Activation::Softmax);
    let mut model = Model::new(device, &network, &Init::default()).expect("a model");
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).batch_size(2).log_every(1);
    let mut held = Vec::new();
    let fit = fit.engine(EngineChoice::Staged).epochs(65);
    model.fit_with(&inputs, &targets, &fit, |_| held.push(resident())).expect("a training");
    let (early, late) = (held[14], held[64]);
    assert!(late <= early + GROWTH, "{early} bytes after 30,000 steps, {late} after 130,000");
}

#[cfg(target_os = "linux")]
fn over_very_many_trainers(device: &Device) {
    let inputs = Matrix::new(20, 3, numbers(3, 60)).expect("a matrix");
    let network = Network::new(3).dense(5, Activation::Tanh).dense(1, Activation::Sigmoid);
    let mut held = Vec::new();
    for i in 0..1200 {
        let engine = if i % 2 == 0 { EngineChoice::Staged } else { EngineChoice::Fused };
        let mut model = Model::new(device, &network, &Init::default()).expect("a model");
        let fit = Fit::new().optimizer(Optimizer::adam()).batch_size(8).epochs(3).engine(engine);
        model.fit(&inputs, Matrix::column(vec![0.5; 20]), &fit).expect("a training");
        held.push(resident());
    }
    let (early, late) = (held[199], held[1199]);
    assert!(late <= early + GROWTH, "{early} bytes after 200 trainers, {late} after 1,200");
}
