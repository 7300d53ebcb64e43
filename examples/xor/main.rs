//! XOR, as the tutorials train it: 2-2-1, sigmoid, NumPy's seed 42, learning rate 0.1, 10,000 epochs of all four rows.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use shaderprop::{Activation, Fit, Init, Log, Loss, Model, Network};

#[path = "../common/mod.rs"]
mod common;

/// Trains XOR on a GPU and prints what the tutorial prints.
#[derive(Parser)]
struct Options {
    /// In which order the tensors draw from NumPy's stream: the first tutorial's, or the third's
    #[arg(long, value_enum, default_value = "weights-then-biases")]
    order: Order,
    /// auto, hardware, software, cpu, or a part of an adapter's name [default: SHADERPROP_DEVICE, else auto]
    #[arg(long)]
    device: Option<String>,
    /// How often all four rows are gone through
    #[arg(long, default_value_t = 10_000)]
    epochs: usize,
    /// Print the loss of epoch 1 and then of every so many epochs
    #[arg(long, default_value_t = 1000)]
    log_every: usize,
    /// NumPy's seed
    #[arg(long, default_value_t = 42)]
    seed: u32,
    /// Print epoch N stage by stage, as its command buffer runs it, instead of training to the end
    #[arg(long, value_name = "N")]
    explain: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Order {
    WeightsThenBiases,
    LayerByLayer,
}

fn main() -> ExitCode {
    let options = Options::parse();
    common::run(|| train(&options))
}

fn train(options: &Options) -> Result<(), Box<dyn Error>> {
    let inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let targets = [[0.0], [1.0], [1.0], [0.0]];
    let order = match options.order {
        Order::WeightsThenBiases => shaderprop::Order::WeightsThenBiases,
        Order::LayerByLayer => shaderprop::Order::LayerByLayer,
    };
    let device = common::open_device(options.device.as_deref())?;
    let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    let mut model = Model::new(&device, &network, &Init::NumPy { seed: options.seed, order })?;
    let fit = Fit::new().loss(Loss::SquaredError).learning_rate(0.1).epochs(options.epochs).log_every(options.log_every);

    if let Some(epoch) = options.explain {
        common::explain(epoch, &model.explain(&inputs, &targets, &fit, epoch)?);
        return Ok(());
    }

    let start = Instant::now();
    let log = |log: &Log| common::print(&format!("Epoch {}, Loss: {}", log.epoch, common::digits(log.loss)));
    let history = model.fit_with(&inputs, &targets, &fit, log)?;
    eprintln!("engine: {}, {} epochs in {:.2} s", history.engine, options.epochs, start.elapsed().as_secs_f64());

    common::print("Predicted Output after Training:");
    let predictions = model.predict(&inputs)?;
    for row in 0..predictions.rows() {
        common::print(&common::digits(f64::from(predictions.row(row)[0])));
    }
    Ok(())
}
