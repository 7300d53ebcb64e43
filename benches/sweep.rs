//! Measures what many small networks cost, and where training in one dispatch pays off. Runs are interleaved; ratios
//! are those of medians.
//!
//! `cargo bench --bench sweep [population|scale|shapes]`; without arguments, all three. It compares with JAX and PyTorch if the interpreter
//! in `PYTHON`, else `python3`, has them. `RUSTFLAGS="-C target-cpu=native"` gives the Rust loop the widest vectors of this machine.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use shaderprop::{
    Activation, Device, EngineChoice, Error, Fit, Init, Loss, Matrix, Member, Model, Network, Optimizer, Order, Philox, Sweep,
};

#[path = "../examples/common/mod.rs"]
mod common;

const EPOCHS: usize = 10_000;
const NETWORKS: usize = 4096;
const ROUNDS: usize = 5;
const INPUTS: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const TARGETS: [[f32; 1]; 4] = [[0.0], [1.0], [1.0], [0.0]];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    common::run(|| {
        if asked("population") {
            population(&common::open_wide(None)?)?;
        }
        if asked("scale") {
            scale(&common::open_wide(None)?)?;
        }
        if asked("shapes") {
            shapes(&common::open_device(None)?)?;
        }
        Ok(())
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The seconds it takes to train that many XOR networks of the tutorials' kind.
fn sweep(device: &Device, networks: usize, epochs: usize) -> Result<f64, Error> {
    let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    let start = |seed| Member::new(Init::NumPy { seed, order: Order::WeightsThenBiases });
    let mut sweep = Sweep::new(device, &network, (0..networks as u32).map(start))?;
    let begun = Instant::now();
    sweep.fit(&INPUTS, &TARGETS, &Fit::new().loss(Loss::SquaredError).learning_rate(0.1).epochs(epochs))?;
    Ok(begun.elapsed().as_secs_f64())
}

/// A rate in network-epochs per second.
type Rate<'a> = Box<dyn Fn() -> Result<Option<f64>, Error> + 'a>;

/// 4,096 networks for 10,000 epochs, with shaderprop and its peers in turn.
fn population(device: &Device) -> Result<(), Error> {
    let work = (NETWORKS * EPOCHS) as f64;
    sweep(device, 1, 1)?;
    let ours: Rate = Box::new(|| Ok(Some(work / sweep(device, NETWORKS, EPOCHS)?)));
    let rust: Rate = Box::new(|| {
        let begun = Instant::now();
        rust_loop();
        Ok(Some(work / begun.elapsed().as_secs_f64()))
    });
    let jax: Rate = Box::new(|| Ok(python("jax")));
    let torch: Rate = Box::new(|| Ok(python("torch")));
    let rivals =
        [("shaderprop", ours), ("Rust loop, vectorised over networks", rust), ("JAX, jit(vmap)", jax), ("PyTorch, bmm", torch)];
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); rivals.len()];
    for _ in 0..ROUNDS {
        for ((_, rate), rates) in rivals.iter().zip(&mut rates) {
            rates.extend(rate()?);
        }
    }
    common::print(
        "| 4,096 XOR networks, 10,000 epochs | network-epochs per second | speed-up of shaderprop over this baseline |\n|---|---|---|",
    );
    let own = median(rates[0].clone());
    for ((name, _), rates) in rivals.iter().zip(rates) {
        match rates.is_empty() {
            true => eprintln!("not run: {name}, because the Python interpreter does not have it; set PYTHON to one that does"),
            false => {
                let rate = median(rates);
                common::print(&format!("| {name} | {rate:.3e} | {:.2} |", own / rate));
            }
        }
    }
    Ok(())
}

/// The rate that benches/peers/population.py measures, if it runs.
fn python(library: &str) -> Option<f64> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/population.py");
    let output = Command::new(python).args([script, library]).stderr(Stdio::null()).output().ok()?;
    std::str::from_utf8(&output.stdout).ok()?.trim().parse().ok()
}

/// The number of networks that are computed at once in a vector.
const LANES: usize = 16;

type Lanes = [f32; LANES];

fn map(of: impl Fn(usize) -> f32) -> Lanes {
    std::array::from_fn(of)
}

/// e^x as 2^n · 2^f, where 2^f is a polynomial, in a form that compilers vectorise.
fn exp(x: f32) -> f32 {
    let t = (x * std::f32::consts::LOG2_E).clamp(-126.0, 126.0);
    let magic = 12_582_912.0;
    let n = (t + magic) - magic;
    let f = t - n;
    let p = 1.0 + f * (std::f32::consts::LN_2 + f * (0.240_226_5 + f * (0.055_504_1 + f * (0.009_618_1 + f * 0.001_333_4))));
    p * f32::from_bits((((n as i32) + 127) as u32) << 23)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The same training in plain Rust: blocks of networks on all cores.
fn rust_loop() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let blocks = NETWORKS / LANES;
    std::thread::scope(|scope| {
        for core in 0..cores {
            scope.spawn(move || {
                for block in (core..blocks).step_by(cores) {
                    std::hint::black_box(train_block(block));
                }
            });
        }
    });
}

fn train_block(block: usize) -> [Lanes; 9] {
    let mut stream = Philox::new(block as u64, 2000, 0, 0);
    // w1 row by row, b1, w2, b2.
    let mut p: [Lanes; 9] = std::array::from_fn(|_| map(|_| 0.0));
    p.iter_mut().flatten().for_each(|value| *value = stream.uniform());
    for _ in 0..EPOCHS {
        let mut g: [Lanes; 9] = [[0.0; LANES]; 9];
        for (row, [target]) in INPUTS.iter().zip(TARGETS) {
            for l in 0..LANES {
                let h0 = sigmoid(p[4][l] + row[0] * p[0][l] + row[1] * p[2][l]);
                let h1 = sigmoid(p[5][l] + row[0] * p[1][l] + row[1] * p[3][l]);
                let y = sigmoid(p[8][l] + h0 * p[6][l] + h1 * p[7][l]);
                let d = (y - target) * y * (1.0 - y);
                let (d0, d1) = (d * p[6][l] * h0 * (1.0 - h0), d * p[7][l] * h1 * (1.0 - h1));
                g[0][l] += row[0] * d0;
                g[1][l] += row[0] * d1;
                g[2][l] += row[1] * d0;
                g[3][l] += row[1] * d1;
                g[4][l] += d0;
                g[5][l] += d1;
                g[6][l] += h0 * d;
                g[7][l] += h1 * d;
                g[8][l] += d;
            }
        }
        for (p, g) in p.iter_mut().zip(&g) {
            for (p, g) in p.iter_mut().zip(g) {
                *p -= 0.1 * g;
            }
        }
    }
    p
}

/// The cost of a network-epoch by the number of networks.
fn scale(device: &Device) -> Result<(), Error> {
    let counts = [1, 8, 64, 512, 4096, 16_384, 65_536];
    sweep(device, 1, 1)?;
    let mut costs = vec![Vec::new(); counts.len()];
    for _ in 0..ROUNDS {
        for (count, costs) in counts.iter().zip(&mut costs) {
            // Enough epochs for a stable measurement.
            let epochs = (100_000_000 / count).clamp(200, EPOCHS);
            costs.push(1e9 * sweep(device, *count, epochs)? / (*count * epochs) as f64);
        }
    }
    common::print("| XOR networks | ns per network-epoch |\n|---|---|");
    for (count, costs) in counts.iter().zip(costs) {
        common::print(&format!("| {count} | {:.2} |", median(costs)));
    }
    Ok(())
}

/// A training run in the table of shapes: layers, rows, batch size, optimizer.
type Shape = (&'static [usize], usize, usize, Optimizer);

const SHAPES: [Shape; 13] = [
    (&[2, 2, 1], 4, 4, Optimizer::Sgd),
    (&[2, 8, 1], 4, 4, Optimizer::adam()),
    (&[4, 16, 3], 150, 150, Optimizer::Sgd),
    (&[4, 16, 3], 150, 32, Optimizer::Sgd),
    (&[4, 16, 3], 150, 32, Optimizer::adam()),
    (&[8, 16, 8, 2], 500, 50, Optimizer::momentum(0.9)),
    (&[10, 32, 32, 3], 300, 32, Optimizer::Sgd),
    (&[16, 16, 16, 16, 4], 200, 200, Optimizer::Sgd),
    (&[64, 32, 10], 1797, 32, Optimizer::Sgd),
    (&[64, 32, 10], 1797, 1797, Optimizer::Sgd),
    (&[64, 32, 10], 1797, 32, Optimizer::adam()),
    (&[64, 32, 10], 20_000, 20_000, Optimizer::Sgd),
    (&[64, 128, 10], 1797, 32, Optimizer::Sgd),
];

/// Both engines on the same training, in turn, and the one that the library chooses.
fn shapes(device: &Device) -> Result<(), Error> {
    common::print(
        "| network | rows, batch | optimizer | staged, ms per epoch | fused | staged / fused | chosen | chosen / better |\n|---|---|---|---|---|---|---|---|",
    );
    for (sizes, rows, batch, optimizer) in SHAPES {
        let last = sizes[sizes.len() - 1];
        let network = sizes[1..].iter().enumerate().fold(Network::new(sizes[0]), |network, (i, units)| {
            let activation = match i + 2 == sizes.len() {
                true if last == 1 => Activation::Sigmoid,
                true => Activation::Softmax,
                false => Activation::Tanh,
            };
            network.dense(*units, activation)
        });
        let loss = if last == 1 { Loss::BinaryCrossEntropy } else { Loss::CategoricalCrossEntropy };
        let mut stream = Philox::new(1, 2001, 0, 0);
        let inputs = Matrix::new(rows, sizes[0], (0..rows * sizes[0]).map(|_| stream.uniform()).collect::<Vec<_>>())?;
        let targets = Matrix::column((0..rows).map(|row| (row % last.max(2)) as f32).collect::<Vec<_>>());
        let fit = Fit::new().loss(loss).optimizer(optimizer).batch_size(batch);
        let epochs = (200_000 / (rows * batch.div_ceil(4))).clamp(5, 2000);
        let mut times = [Vec::new(), Vec::new()];
        let mut engines = [None, None];
        for round in 0..=ROUNDS {
            for (i, choice) in [EngineChoice::Staged, EngineChoice::Fused].into_iter().enumerate() {
                let mut model = Model::new(device, &network, &Init::default())?;
                // The first round compiles.
                let fit = fit.clone().engine(choice).epochs(if round == 0 { 1 } else { epochs });
                let begun = Instant::now();
                engines[i] = Some(model.fit(&inputs, &targets, &fit)?.engine);
                if round > 0 {
                    times[i].push(1e3 * begun.elapsed().as_secs_f64() / epochs as f64);
                }
            }
        }
        let chosen = Model::new(device, &network, &Init::default())?.engine(&fit, rows)?.engine;
        let [staged, fused] = times.map(median);
        let names: Vec<_> = sizes.iter().map(usize::to_string).collect();
        let head = format!("| {} | {rows}, {batch} | {}", names.join("-"), optimizer.name());
        if engines[1] == engines[0] {
            common::print(&format!("{head} | {staged:.4} | unsupported | - | {chosen} | 1.00 |"));
            continue;
        }
        let taken = if Some(chosen) == engines[1] { fused } else { staged };
        common::print(&format!(
            "{head} | {staged:.4} | {fused:.4} | {:.1} | {chosen} | {:.2} |",
            staged / fused,
            taken / staged.min(fused)
        ));
    }
    Ok(())
}
