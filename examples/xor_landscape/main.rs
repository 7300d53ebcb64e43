//! Where XOR networks end: thousands of networks, from different starts and over a range of learning rates, all trained
//! at once.

use std::error::Error;
use std::f64::consts::LN_2;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use shaderprop::{Activation, Device, Fit, Init, Loss, Member, MemberHistory, Network, Order, Sweep, Tensor};

mod picture;

#[path = "../common/mod.rs"]
mod common;

/// The command line's options.
struct Options {
    networks: usize,
    epochs: usize,
    device: Option<String>,
    picture: PathBuf,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Trains thousands of XOR networks of the tutorials' two kinds at once, and counts how many solve XOR and where the others end.",
        );
        let options = Self {
            networks: given.value("--networks", "10000", common::at_least_one, "The number of networks of each kind"),
            epochs: given.value("--epochs", "10000", common::at_least_one, "Passes over the four rows"),
            device: given.device(),
            picture: given.value(
                "--picture",
                "xor_landscape.svg",
                picture::path,
                "The picture to write, an SVG file; if it exists, a number is added to its name",
            ),
        };
        given.end();
        options
    }
}

const INPUTS: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const TARGETS: [[f32; 1]; 4] = [[0.0], [1.0], [1.0], [0.0]];

/// Each start is trained with each of these.
const LEARNING_RATES: [f64; 10] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// How near a loss must be to a minimum to count as being there.
const NEAR: f64 = 1e-3;

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| explore(&options))
}

/// A kind of network: the activation of its hidden layer, its loss, its initialiser, and the loss of each local minimum.
struct Kind {
    name: &'static str,
    hidden: Activation,
    loss: Loss,
    start: fn(u32) -> Init,
    minima: [(f64, &'static str); 3],
}

/// The local minima are the best losses that a network can reach without separating all four rows.
fn kinds() -> [Kind; 2] {
    [
        Kind {
            name: "Keras's",
            hidden: Activation::Relu,
            loss: Loss::BinaryCrossEntropy,
            start: |seed| Init::GlorotUniform { seed: u64::from(seed) },
            minima: [
                ((2.0 * 1.5f64.ln() + 3f64.ln()) / 4.0, "one row right, the other three alike: (2 ln 1.5 + ln 3)/4"),
                (LN_2 / 2.0, "two rows right, a half for the others: (ln 2)/2"),
                (LN_2, "a half for every row: ln 2"),
            ],
        },
        Kind {
            name: "NumPy's",
            hidden: Activation::Sigmoid,
            loss: Loss::SquaredError,
            start: |seed| Init::NumPy { seed, order: Order::WeightsThenBiases },
            minima: [
                (1.0 / 6.0, "one row right, the other three alike: 1/6"),
                (1.0 / 8.0, "two rows right, a half for the others: 1/8"),
                (1.0 / 4.0, "a half for every row: 1/4"),
            ],
        },
    ]
}

/// Where a network ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Solves,
    Minimum(usize),
    Moving,
    Diverged,
}

fn explore(options: &Options) -> Result<(), Box<dyn Error>> {
    picture::check(&options.picture)?;
    let device = common::open_wide(options.device.as_deref())?;
    let mut curves = Vec::new();
    for kind in kinds() {
        let (ends, seconds) = train(&device, &kind, options)?;
        let rate = options.networks as f64 * options.epochs as f64 / seconds;
        report(&kind, &ends);
        eprintln!("{:.2} s, {rate:.3e} network-epochs per second", seconds);
        if kind.loss == Loss::SquaredError {
            common::print(&format!("network_epochs_per_second={rate:.0}"));
        }
        curves.push((kind.name, shares(&ends)));
    }
    let path = picture::draw(&options.picture, &LEARNING_RATES, &curves)?;
    eprintln!("picture: {}", path.display());
    Ok(())
}

/// Trains the networks of a kind; returns where each ended, and the seconds that it took.
fn train(device: &Device, kind: &Kind, options: &Options) -> Result<(Vec<End>, f64), Box<dyn Error>> {
    let network = Network::new(2).dense(2, kind.hidden.clone()).dense(1, Activation::Sigmoid);
    let member = |k: usize| {
        let start = (kind.start)((k / LEARNING_RATES.len()) as u32);
        Member::new(start).learning_rate(LEARNING_RATES[k % LEARNING_RATES.len()])
    };
    let mut sweep = Sweep::new(device, &network, (0..options.networks).map(member))?;
    // An earlier loss shows which networks have come to rest.
    let late = (options.epochs - options.epochs.div_ceil(10)).max(1);
    let fit = Fit::new().loss(kind.loss).epochs(options.epochs).log_every(late);
    // Compiles the kernel.
    Sweep::new(device, &network, [member(0)])?.fit(&INPUTS, &TARGETS, &fit.clone().epochs(1))?;
    let begun = Instant::now();
    let history = sweep.fit(&INPUTS, &TARGETS, &fit)?;
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{} networks of {} kind; engine: {}", options.networks, kind.name, history.engine);
    let mut ends = Vec::with_capacity(options.networks);
    for (k, member) in history.members.iter().enumerate() {
        // A log point at the last epoch does not show whether the network has come to rest.
        let before = member.logged.iter().zip(&history.logged).rev().find(|(_, epoch)| **epoch < options.epochs);
        ends.push(end(kind, member, before.map(|(loss, _)| *loss), &sweep.weights_of(k)?));
    }
    Ok((ends, seconds))
}

fn end(kind: &Kind, member: &MemberHistory, before: Option<f64>, weights: &[Tensor]) -> End {
    if member.diverged {
        return End::Diverged;
    }
    if INPUTS.iter().zip(TARGETS).all(|(row, [target])| (sum(&kind.hidden, weights, row) > 0.0) == (target == 1.0)) {
        return End::Solves;
    }
    let rests = before.is_some_and(|before| (before - member.loss).abs() < NEAR / 10.0);
    let minimum = kind.minima.iter().position(|(minimum, _)| (minimum - member.loss).abs() < NEAR);
    minimum.filter(|_| rests).map_or(End::Moving, End::Minimum)
}

/// The sum before the last sigmoid. The network answers 1 where the sum is above 0.
fn sum(hidden: &Activation, weights: &[Tensor], row: &[f32; 2]) -> f64 {
    let value = |tensor: usize, at: usize| f64::from(weights[tensor].values[at]);
    let unit = |j: usize| hidden.value(value(1, j) + f64::from(row[0]) * value(0, j) + f64::from(row[1]) * value(0, 2 + j));
    value(3, 0) + unit(0) * value(2, 0) + unit(1) * value(2, 1)
}

fn share(ends: &[End], of: End) -> f64 {
    ends.iter().filter(|end| **end == of).count() as f64 / ends.len().max(1) as f64
}

/// The networks with each learning rate.
fn by_rate(ends: &[End]) -> impl Iterator<Item = (f64, Vec<End>)> {
    LEARNING_RATES
        .iter()
        .enumerate()
        .map(|(i, rate)| (*rate, ends.iter().skip(i).step_by(LEARNING_RATES.len()).copied().collect()))
}

/// The share that solves XOR with each learning rate; none for a rate that no network had.
fn shares(ends: &[End]) -> Vec<Option<f64>> {
    by_rate(ends).map(|(_, ends)| (!ends.is_empty()).then(|| share(&ends, End::Solves))).collect()
}

fn report(kind: &Kind, ends: &[End]) {
    let count = |of: End| ends.iter().filter(|end| **end == of).count();
    common::print(&format!("{} kind: {} and a sigmoid, {}", kind.name, kind.hidden.name(), kind.loss.name()));
    let line = |count: usize, what: &str| common::print(&format!("{count:>9}  {what}"));
    line(count(End::Solves), "solve XOR");
    for (i, (minimum, name)) in kind.minima.iter().enumerate() {
        line(count(End::Minimum(i)), &format!("end in the local minimum {minimum:.5}: {name}"));
    }
    line(count(End::Moving), "are elsewhere or still moving");
    line(count(End::Diverged), "diverged");
    common::print("learning rate   solve XOR");
    for (rate, ends) in by_rate(ends).filter(|(_, ends)| !ends.is_empty()) {
        common::print(&format!("{rate:>13}   {:>8.2}%", 100.0 * share(&ends, End::Solves)));
    }
}
