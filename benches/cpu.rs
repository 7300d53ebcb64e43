//! Measures training steps of the CPU engine, and compares them with those of the shaders on a software driver.
//!
//! `cargo bench --bench cpu` prints a row for each of some networks. `cargo bench --bench cpu 784,512,512,10 256` trains
//! that network on batches of 256 rows, on the CPU engine only, and prints the milliseconds per step.

use std::process::ExitCode;
use std::time::Instant;

use shaderprop::{
    Activation, Device, DeviceChoice, EngineChoice, Error, Fit, Init, Loss, Matrix, Model, Network, Optimizer, Philox,
};

#[path = "../examples/common/mod.rs"]
mod common;

/// The rounds; runs are interleaved, and the median counts.
const ROUNDS: usize = 5;

/// The seconds that a run takes.
const SECONDS: f64 = 0.4;

/// Inputs, units of each layer, and the batch.
const SHAPES: [(&[usize], usize); 14] = [
    (&[4, 64, 32, 3], 32),
    (&[20, 64, 32, 1], 1024),
    (&[20, 64, 32, 1], 16384),
    (&[64, 64, 32, 10], 64),
    (&[64, 256, 128, 10], 64),
    (&[64, 256, 128, 10], 256),
    (&[64, 512, 256, 10], 64),
    (&[64, 512, 256, 10], 256),
    (&[784, 128, 10], 64),
    (&[784, 128, 10], 256),
    (&[784, 512, 512, 10], 64),
    (&[784, 512, 512, 10], 256),
    (&[64, 2048, 2048, 10], 32),
    (&[1024, 1024, 1024, 1024], 512),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    common::run(|| match words.as_slice() {
        [] => Ok(compare()?),
        [layers, batch] => {
            let layers = common::numbers(layers)?;
            let mut run = Run::new(&Device::cpu(), &layers, common::at_least_one(batch)?, false)?;
            let best = (0..ROUNDS).map(|_| run.milliseconds()).collect::<Result<Vec<_>, _>>()?;
            common::print(&format!("{:.3}", best.into_iter().fold(f64::INFINITY, f64::min)));
            Ok(())
        }
        _ => Err("expected the layers and the batch, such as 784,512,512,10 256, or nothing".into()),
    })
}

/// A model in training, on rows that make up a single batch.
struct Run {
    model: Model,
    inputs: Matrix<'static>,
    targets: Matrix<'static>,
    fit: Fit,
    steps: usize,
}

impl Run {
    /// With the command's activation, dropout and optimizer, or with sigmoid and SGD.
    fn new(device: &Device, layers: &[usize], batch: usize, usual: bool) -> Result<Self, Error> {
        let (inputs, outputs) = (layers[0], layers[layers.len() - 1]);
        let (activation, dropout, optimizer) = match usual {
            true => (Activation::Relu, 0.1, Optimizer::adam()),
            false => (Activation::Sigmoid, 0.0, Optimizer::sgd()),
        };
        let hidden = &layers[1..layers.len() - 1];
        let network =
            hidden.iter().fold(Network::new(inputs), |network, units| network.dense(*units, activation.clone()).dropout(dropout));
        let network = network.dense(outputs, Activation::Sigmoid);
        let mut philox = Philox::new(1, 0, 0, 0);
        let mut numbers = |count: usize| (0..count).map(|_| philox.uniform()).collect::<Vec<_>>();
        let (inputs, targets) =
            (Matrix::new(batch, inputs, numbers(batch * inputs))?, Matrix::new(batch, outputs, numbers(batch * outputs))?);
        // The command's usual settings rule out the fused engine.
        let fit = Fit::new()
            .engine(EngineChoice::Staged)
            .loss(Loss::MeanSquaredError)
            .optimizer(optimizer)
            .learning_rate(0.01)
            .log_every(1 << 20);
        let model = Model::new(device, &network, &Init::default())?;
        let mut run = Self { model, inputs, targets, fit, steps: 4 };
        // Compiles the shaders.
        run.seconds(1)?;
        Ok(run)
    }

    fn seconds(&mut self, steps: usize) -> Result<f64, Error> {
        let begun = Instant::now();
        self.model.fit(&self.inputs, &self.targets, &self.fit.clone().epochs(steps))?;
        Ok(begun.elapsed().as_secs_f64())
    }

    /// The milliseconds per step in a run that is long enough for its start not to matter.
    fn milliseconds(&mut self) -> Result<f64, Error> {
        loop {
            let seconds = self.seconds(self.steps)?;
            if seconds > SECONDS {
                return Ok(1e3 * seconds / self.steps as f64);
            }
            self.steps *= 2;
        }
    }
}

fn compare() -> Result<(), Error> {
    let open = || common::without_complaint(|| Device::open(&DeviceChoice::Software));
    // Like the command: without the driver's own threads for small steps, and with them for large ones.
    let (single, threaded) = (common::without_driver_threads(open)?, open()?);
    eprintln!("device: {}", threaded.info());
    common::print(
        "| network | batch | multiply-adds | CPU engine, ms per step | software driver | ratio, median (least to greatest) |",
    );
    common::print("|---|---|---|---|---|---|");
    for (layers, batch) in SHAPES {
        let work = 3 * batch * layers.windows(2).map(|pair| pair[0] * pair[1]).sum::<usize>();
        let software = if work < 1 << 24 { &single } else { &threaded };
        let mut runs = [&Device::cpu(), software].map(|device| Run::new(device, layers, batch, true));
        let [Ok(cpu), Ok(gpu)] = &mut runs else {
            return Err(runs.into_iter().find_map(Result::err).unwrap_or(Error::NoAdapter));
        };
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push((cpu.milliseconds()?, gpu.milliseconds()?));
        }
        let median = |of: fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = times.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            (values[ROUNDS / 2], values[0], values[ROUNDS - 1])
        };
        let (ratio, least, greatest) = median(|(cpu, gpu)| cpu / gpu);
        let names: Vec<String> = layers.iter().map(usize::to_string).collect();
        common::print(&format!(
            "| {} | {batch} | {work:.1e} | {:.3} | {:.3} | {ratio:.2} ({least:.2} to {greatest:.2}) |",
            names.join("-"),
            median(|(cpu, _)| *cpu).0,
            median(|(_, gpu)| *gpu).0,
        ));
    }
    Ok(())
}
