//! XOR as the tutorials train it: 2-2-1, sigmoid, NumPy's seed 42, learning rate 0.1, 10,000 epochs on all four rows.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use shaderprop::{Activation, DeviceKind, EngineChoice, Fit, History, Init, Log, Loss, Model, Network, Order};

#[path = "../common/mod.rs"]
mod common;

/// The command line's options.
struct Options {
    order: Order,
    device: Option<String>,
    engine: Option<Engine>,
    epochs: usize,
    log_every: usize,
    seed: u32,
    explain: Option<usize>,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new("Trains XOR on a GPU, and prints what the tutorial prints.");
        let options = Self {
            order: given.value(
                "--order",
                "weights-then-biases",
                order,
                "The order in which tensors draw NumPy's random numbers: weights-then-biases (first tutorial) or layer-by-layer (third)",
            ),
            device: given.device(),
            engine: given.optional(
                "--engine",
                engine,
                "The engine: one command buffer per epoch (staged), all epochs in one dispatch (fused), or the CPU in f64 (cpu)",
            ),
            epochs: given.value("--epochs", "10000", common::number, "Passes over the four rows"),
            log_every: given.value(
                "--log-every",
                "1000",
                common::number,
                "Epochs between printed losses, starting with epoch 1",
            ),
            seed: given.value("--seed", "42", common::number, "NumPy's seed"),
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

fn order(name: &str) -> Result<Order, String> {
    match name {
        "weights-then-biases" => Ok(Order::WeightsThenBiases),
        "layer-by-layer" => Ok(Order::LayerByLayer),
        _ => Err("expected weights-then-biases or layer-by-layer".into()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Staged,
    Fused,
    Cpu,
}

fn engine(name: &str) -> Result<Engine, String> {
    match name {
        "staged" => Ok(Engine::Staged),
        "fused" => Ok(Engine::Fused),
        "cpu" => Ok(Engine::Cpu),
        _ => Err("expected staged, fused or cpu".into()),
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| train(&options))
}

fn train(options: &Options) -> Result<(), Box<dyn Error>> {
    let inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let targets = [[0.0], [1.0], [1.0], [0.0]];
    let cpu = match (options.engine, options.device.as_deref()) {
        (Some(Engine::Cpu), Some(device)) if device != "cpu" => {
            return Err(format!("--engine cpu contradicts --device {device}; leave out one of the two").into());
        }
        (engine, _) => engine == Some(Engine::Cpu),
    };
    let device = common::open_device(if cpu { Some("cpu") } else { options.device.as_deref() })?;
    if matches!(options.engine, Some(Engine::Staged | Engine::Fused)) && device.info().kind == DeviceKind::Cpu {
        return Err(
            "--engine: staged and fused need a device that runs shaders, and the CPU engine runs none; choose another device"
                .into(),
        );
    }
    let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    let start = Init::NumPy { seed: options.seed, order: options.order };
    let mut model = Model::new(&device, &network, &start)?;
    let fit = Fit::new().loss(Loss::SquaredError).learning_rate(0.1).epochs(options.epochs).log_every(options.log_every);
    let fit = fit.engine(if options.engine == Some(Engine::Fused) { EngineChoice::Fused } else { EngineChoice::Staged });

    if let Some(epoch) = options.explain {
        common::explain(epoch, &model.explain(&inputs, &targets, &fit, epoch)?);
        return Ok(());
    }

    let begun = Instant::now();
    let log = |log: &Log| common::print(&format!("Epoch {}, Loss: {}", log.epoch, common::digits(log.loss)));
    let history = model.fit_with(&inputs, &targets, &fit, log)?;
    eprintln!("engine: {}, {} epochs in {:.2} s", history.engine, options.epochs, begun.elapsed().as_secs_f64());

    common::print("Predicted Output after Training:");
    let predictions = model.predict(&inputs)?;
    for row in 0..predictions.rows() {
        common::print(&common::digits(f64::from(predictions.row(row)[0])));
    }
    if options.engine.is_none() && device.info().kind != DeviceKind::Cpu {
        // Train an epoch of a copy beforehand, so that compiling is not measured.
        let mut model = Model::new(&device, &network, &start)?;
        let fused = fit.engine(EngineChoice::Fused);
        model.clone().fit(&inputs, &targets, &fused.clone().epochs(1))?;
        let begun = Instant::now();
        let again = model.fit(&inputs, &targets, &fused)?;
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!(
            "the fused engine: the same {} epochs in {:.4} s, without compiling; the losses differ by at most {:.1e}",
            options.epochs,
            seconds,
            largest_difference(&history, &again)
        );
    }
    Ok(())
}

fn largest_difference(a: &History, b: &History) -> f64 {
    a.loss.iter().zip(&b.loss).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
