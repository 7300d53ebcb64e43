//! The perceptron of the second tutorial: three inputs, one sigmoid output, and the tutorial's own derivative.

use std::error::Error;
use std::process::ExitCode;

use shaderprop::{Activation, Fit, Init, Loss, Model, Network, Order};

#[path = "../common/mod.rs"]
mod common;

/// The command line's options.
struct Options {
    device: Option<String>,
    explain: Option<usize>,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Trains the second tutorial's perceptron on a GPU, and prints its numbers next to the tutorial's.",
        );
        let options = Self {
            device: given.device(),
            explain: given.optional(
                "--explain",
                common::number,
                "Print that epoch stage by stage, in the order of its command buffer, instead of training to the end",
            ),
        };
        given.end();
        options
    }
}

const INPUTS: [[f32; 3]; 7] =
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 0.0]];
const LABELS: [[f32; 1]; 7] = [[1.0], [0.0], [0.0], [1.0], [1.0], [0.0], [1.0]];

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| train(&options))
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn train(options: &Options) -> Result<(), Box<dyn Error>> {
    // The tutorial computes sigmoid(z)(1 - sigmoid(z)), but its z is already the output, not the sum. So this is not
    // the derivative of its activation, although it has the same sign.
    let activation = Activation::custom(
        "sigmoid_with_the_tutorials_derivative",
        "1.0 / (1.0 + exp(-x))",
        "1.0 / (1.0 + exp(-y)) * (1.0 - 1.0 / (1.0 + exp(-y)))",
        sigmoid,
        |_, y| sigmoid(y) * (1.0 - sigmoid(y)),
    );
    let device = common::open_device(options.device.as_deref())?;
    let start = Init::NumPy { seed: 42, order: Order::LayerByLayer };
    let mut model = Model::new(&device, &Network::new(3).dense(1, activation), &start)?;
    let fit = |epochs| Fit::new().loss(Loss::SquaredError).learning_rate(0.05).epochs(epochs);
    if let Some(epoch) = options.explain {
        common::explain(epoch, &model.explain(&INPUTS, &LABELS, &fit(epoch), epoch)?);
        return Ok(());
    }

    let mut done = 0;
    for epochs in [25_000, 55_000] {
        model.fit(&INPUTS, &LABELS, &fit(epochs - 1 - done))?;
        // The tutorial sums the errors of an epoch before its update.
        let outputs = model.predict(&INPUTS)?;
        let error_sum: f64 = outputs.values().iter().zip(LABELS).map(|(z, [label])| f64::from(*z) - f64::from(label)).sum();
        model.fit(&INPUTS, &LABELS, &fit(1))?;
        done = epochs;
        let predictions = model.predict(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])?;
        let [first, second] = [0, 1].map(|row| common::digits(f64::from(predictions.row(row)[0])));
        common::print(&format!("ours {epochs}: error sum {}, [1,0,0] {first}, [0,1,0] {second}", common::digits(error_sum)));
    }
    common::print("document 55000: error sum -0.0014133988903706311, [1,0,0] 0.01031463, [0,1,0] 0.99440207");
    common::print("document: its text says 25000 epochs, but the numbers that it prints are those of epoch 55000");
    Ok(())
}
