//! The same bits every time: in repeated training runs, with any number of threads in a software driver, and on many
//! threads at once.
//!
//! `SHADERPROP_LONG` repeats a thousand times.

mod common;

use std::process::Command;

use common::{device, numbers};
use shaderprop::{Activation, Device, EngineChoice, Fit, Init, Loss, Matrix, Model, Network, Optimizer, Sweep, Trainer};

/// The weights and losses of training runs that use every kind of kernel: plain stages, blocked products, the fused
/// engine.
fn bits(device: &Device) -> Vec<u32> {
    let rows = 40;
    let inputs = Matrix::new(rows, 6, numbers(1, rows * 6)).expect("a matrix");
    let targets = Matrix::column((0..rows).map(|row| (row % 3) as f32).collect::<Vec<_>>());
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.01).batch_size(16);
    let network = |units| Network::new(6).dense(units, Activation::Tanh).dropout(0.1).dense(3, Activation::Softmax);
    let narrow = Network::new(6).dense(9, Activation::Relu).dense(3, Activation::Softmax);
    let trainings =
        [(network(9), EngineChoice::Staged, 6), (network(200), EngineChoice::Staged, 2), (narrow, EngineChoice::Fused, 10)];
    let mut bits = Vec::new();
    for (network, engine, epochs) in trainings {
        let fit = fit.clone().engine(engine).epochs(epochs);
        let mut model = Model::new(device, &network, &Init::default()).expect("a model");
        let history = model.fit(&inputs, &targets, &fit).expect("a training run");
        bits.extend(history.loss.iter().map(|loss| (*loss as f32).to_bits()));
        bits.extend(model.weights().iter().flat_map(|tensor| tensor.values.iter().map(|value| value.to_bits())));
    }
    bits
}

#[test]
fn repeated_training_runs_give_the_same_bits() {
    let repeats = if std::env::var_os("SHADERPROP_LONG").is_some() { 1000 } else { 60 };
    let device = device();
    let first = bits(&device);
    for repeat in 1..repeats {
        // Now and then on a newly opened device.
        let other = if repeat % 20 == 0 { common::device() } else { device.clone() };
        assert!(bits(&other) == first, "repeat {repeat} gave different bits");
    }
}

/// The next test runs this one in separate processes.
#[test]
fn prints_its_bits() {
    let words: Vec<String> = bits(&device()).iter().map(|bits| format!("{bits:08x}")).collect();
    println!("bits: {}", words.concat());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let bits = |threads: Option<&str>| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["prints_its_bits", "--exact", "--nocapture"]);
        if let Some(threads) = threads {
            // Mesa reads this variable; other drivers ignore it.
            command.env("LP_NUM_THREADS", threads);
        }
        let output = command.output().expect("a process");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let bits = text.split_once("bits: ").and_then(|(_, rest)| rest.lines().next());
        bits.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).to_owned()
    };
    let expected = bits(None);
    for threads in ["0", "1", "2", "8"] {
        assert!(bits(Some(threads)) == expected, "{threads} threads gave different bits");
    }
}

/// Eight threads on one device, each with its own models.
#[test]
fn many_threads_at_once_give_the_same_bits() {
    let device = device();
    let expected = bits(&device);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (device, expected) = (&device, &expected);
            scope.spawn(move || {
                for repeat in 0..3 {
                    assert!(bits(device) == *expected, "thread {thread}, repeat {repeat}: different bits");
                }
            });
        }
    });
}

/// All of these types can be sent to other threads.
#[test]
fn models_trainers_sweeps_and_devices_are_send() {
    fn sent<T: Send>() {}
    sent::<Model>();
    sent::<Trainer>();
    sent::<Sweep>();
    sent::<Device>();
}
