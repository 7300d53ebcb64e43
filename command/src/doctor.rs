//! `doctor`: whether a driver computes correctly, and how fast.

use std::time::Instant;

use clap::Args;
use shaderprop::doctor::{self, Report, Speed};
use shaderprop::{Activation, Device, DeviceKind, Error, Fit, Init, Loss, Matrix, Model, Network, Optimizer, Philox};

use crate::options::{self, OnDevice, StepSize};
use crate::recipe;
use crate::talk::{self, Failure, Talk};

/// Checks the driver: every kernel against the reference, gradients against finite differences, determinism, and speed
///
/// The exit code is 1 if a result is wrong.
///
/// Example:
///   shaderprop doctor
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(flatten)]
    device: OnDevice,
    /// Print one row for docs/inside/drivers.md instead
    #[arg(long)]
    report: bool,
    /// Print only errors to stderr
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: options.quiet };
    let open = |size| options::open_adapter(&options.device.choice(), size);
    let device = open(StepSize::LEAST)?;
    talk.device(&device);
    let report = check(&device, talk)?;
    if !options.report {
        talk::print(&report.to_string())?;
    }
    // On a software driver, with the driver's own threads.
    let speed = doctor::speed(&open(StepSize { multiply_adds: usize::MAX, ..StepSize::LEAST })?)?;
    talk::print(&if options.report { row(&report, &speed) } else { format!("ok     {speed}") })?;
    if !options.report {
        let software = device.info().kind == DeviceKind::Software;
        for (layers, rows) in CROSSOVER {
            talk::print(&compare(layers, rows, software, &open)?)?;
        }
    }
    match report.passed() {
        true => Ok(()),
        false => Err(Failure::Run(format!(
            "{}: wrong results in {}; update the driver, and report this with `shaderprop doctor --report`",
            report.device.name,
            report.wrong().join("; ")
        ))),
    }
}

/// The networks that are timed on the CPU engine too: inputs, units, and rows of a step.
const CROSSOVER: [(&[usize], usize); 4] =
    [(&[4, 64, 32, 3], 32), (&[64, 256, 128, 10], 256), (&[784, 512, 512, 10], 256), (&[20, 64, 32, 1], 16384)];

/// The time that a timing takes at least, in seconds.
const TIMED: f64 = 0.05;

/// Times a step of a network on the CPU engine and on the device.
fn compare(
    layers: &[usize],
    rows: usize,
    software: bool,
    open: &impl Fn(StepSize) -> Result<Device, Failure>,
) -> Result<String, Failure> {
    let (inputs, outputs) = (layers[0], layers[layers.len() - 1]);
    let hidden = &layers[1..layers.len() - 1];
    let network = hidden.iter().fold(Network::new(inputs), |network, units| network.dense(*units, Activation::Relu).dropout(0.1));
    let network = network.dense(outputs, Activation::Identity);
    let size = recipe::size(&network, rows);
    let numbers = |columns: usize| {
        let mut stream = Philox::new(1, 0, 0, 0);
        Matrix::new(rows, columns, (0..rows * columns).map(|_| stream.uniform()).collect::<Vec<_>>())
    };
    let (inputs, targets) = (numbers(inputs)?, numbers(outputs)?);
    let fit = Fit::new().loss(Loss::MeanSquaredError).optimizer(Optimizer::adam()).learning_rate(0.001).log_every(1 << 20);
    let mut models = Vec::new();
    for device in [Device::cpu(), open(size)?] {
        models.push((Model::new(&device, &network, &Init::default())?, f64::INFINITY, 1));
    }
    // The first round compiles the shaders, and finds out how many steps take long enough. Then the best time counts.
    for round in 0..4 {
        for (model, best, steps) in &mut models {
            let begun = Instant::now();
            model.fit(&inputs, &targets, &fit.clone().epochs(*steps))?;
            let each = begun.elapsed().as_secs_f64() / *steps as f64;
            match round {
                0 => (),
                1 => *steps = (TIMED / each).ceil().max(1.0) as usize,
                _ => *best = best.min(each),
            }
        }
    }
    let [cpu, gpu] = [0, 1].map(|i| 1e3 * models[i].1);
    let name: Vec<String> = layers.iter().map(usize::to_string).collect();
    let taken = match (software, size.suits_the_cpu_engine()) {
        (false, _) => "",
        (true, true) => "; auto takes the CPU engine",
        (true, false) => "; auto takes this device",
    };
    let (name, cpu, gpu) = (name.join("-"), talk::figure(cpu), talk::figure(gpu));
    Ok(format!("ok     crossover: {name}, {rows} rows: {cpu} ms per step on the CPU engine, {gpu} ms on this device{taken}"))
}

fn check(device: &Device, talk: Talk) -> Result<Report, Failure> {
    let report = doctor::check_with(device, |progress| {
        if progress.training % 10 == 1 {
            talk.say(format!("training {} of {}: {}", progress.training, progress.of, progress.name));
        }
    });
    let report = report.map_err(|error| match error {
        Error::NeedsAdapter { .. } => Failure::Run(
            "doctor needs a device that runs shaders, and the CPU engine runs none; choose another with --device".into(),
        ),
        error => error.into(),
    })?;
    for (training, error) in &report.failures {
        talk.say(format!("{training}: {error}"));
    }
    Ok(report)
}

/// A row for docs/inside/drivers.md.
fn row(report: &Report, speed: &Speed) -> String {
    let info = &report.device;
    let cells = [
        info.name.clone(),
        format!("{}, {}", info.driver, info.backend),
        format!("*ran*, shaderprop {}", env!("CARGO_PKG_VERSION")),
        if report.passed() {
            format!("{} kernels in {} training runs, gradients, determinism: all passed", report.kernels.len(), report.trainings)
        } else {
            format!("WRONG: {}", report.wrong().join("; "))
        },
        format!("{:.1} GFLOP/s, {:.0} % of peak", speed.training, 100.0 * speed.share_of_peak()),
    ];
    format!("| {} |", cells.map(|cell| cell.replace('|', "/")).join(" | "))
}
