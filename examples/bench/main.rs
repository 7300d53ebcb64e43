//! Measures a training step of a network, or a single matrix product, and compares it with the adapter's peak.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shaderprop::internals::{
    self, Ending, Epilogue, EpochOrder, Factors, Gpu, Id, Layouts, Limits, Plan, Planned, Products, Shape, Source, Staged, Step,
    TableSize, TrainingStep,
};
use shaderprop::{Activation, Device, DeviceChoice, Loss, Network, Optimizer, Philox};

#[path = "../common/mod.rs"]
mod common;

/// The command line's options.
struct Options {
    layers: Vec<usize>,
    batch: usize,
    steps: u32,
    optimizer: Optimizer,
    classes: bool,
    data: Option<usize>,
    matmul: Option<(usize, usize, usize)>,
    products: Option<Kind>,
    no_peak: bool,
    device: Option<String>,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Measures a training step (sigmoid, mean squared error, SGD) and its matrix products alone, or a single matrix product; prints key=value lines.",
        );
        let options = Self {
            layers: given.value("--layers", "784,512,512,10", common::numbers, "The number of inputs, then the units of each layer"),
            batch: given.value("--batch", "256", common::at_least_one, "Rows in a step"),
            steps: given.value("--steps", "20", steps, "Steps in a round; the best of five rounds counts"),
            optimizer: given.value("--optimizer", "sgd", optimizer, "The optimizer: sgd, momentum, nesterov, rmsprop, adam or adamw"),
            classes: given.flag("--classes", "Use ReLU, a final softmax and categorical cross-entropy instead of sigmoid and mean squared error"),
            data: given.optional("--data", common::at_least_one, "Gather each step's rows, shuffled, from that many rows on the device"),
            matmul: given.optional("--matmul", product, "Measure the product of an M x K and a K x N matrix instead, given as MxKxN"),
            products: given.optional("--products", kind, "Override how products are computed: plain (the stages in shaders/), rows (in registers) or tiles (in workgroup memory)"),
            no_peak: given.flag("--no-peak", "Do not measure the adapter's peak"),
            device: given.device(),
        };
        given.end();
        options
    }
}

#[derive(Clone, Copy)]
enum Kind {
    /// The plain stages in shaders/
    Plain,
    /// Rows in registers, each invocation on its own
    Rows,
    /// Tiles in workgroup memory
    Tiles,
}

fn kind(name: &str) -> Result<Kind, String> {
    match name {
        "plain" => Ok(Kind::Plain),
        "rows" => Ok(Kind::Rows),
        "tiles" => Ok(Kind::Tiles),
        _ => Err("expected plain, rows or tiles".into()),
    }
}

fn steps(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|steps| (1..=4096).contains(steps)).ok_or_else(|| "expected a number from 1 to 4096".into())
}

fn optimizer(name: &str) -> Result<Optimizer, String> {
    let named = Optimizer::ALL.iter().find(|optimizer| optimizer.name() == name);
    named.copied().ok_or_else(|| "expected sgd, momentum, nesterov, rmsprop, adam or adamw".into())
}

fn product(text: &str) -> Result<(usize, usize, usize), String> {
    let sizes: Vec<usize> = text.split('x').filter_map(|size| size.parse().ok().filter(|size| *size > 0)).collect();
    match sizes[..] {
        [m, k, n] if text.split('x').count() == 3 => Ok((m, k, n)),
        _ => Err("expected three sizes such as 512x512x512".into()),
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| bench(&options))
}

fn bench(options: &Options) -> Result<(), Box<dyn Error>> {
    // Keep the driver's own threads, unlike the small examples, because wide layers gain from them.
    let choice = options.device.as_deref().map_or_else(DeviceChoice::from_env, DeviceChoice::from);
    let start = Instant::now();
    let device = common::without_complaint(|| Device::open(&choice))?;
    eprintln!("device: {}", device.info());
    let gpu = internals::gpu(&device)
        .ok_or("the benchmark needs a device that runs shaders, and the CPU engine runs none; choose another with --device")?;
    let mut limits = gpu.plan_limits();
    limits.products = match options.products {
        None => limits.products,
        Some(Kind::Plain) => Products::Plain,
        Some(Kind::Rows) => Products::Rows { lanes: None, most: 16 },
        Some(Kind::Tiles) => Products::Tiles,
    };
    let operations = match options.matmul {
        Some(sizes) => matmul(&gpu, &limits, sizes)?,
        None => step(options, start, &gpu, &limits)?,
    };
    print("gflops", format!("{operations:.2}"));
    if options.no_peak {
        return Ok(());
    }
    let peak = internals::peak(&gpu, if gpu.is_software() { 1 } else { 64 })?;
    print("peak_gflops", format!("{:.2}", peak.rolled));
    print("share_of_peak", format!("{:.3}", operations / peak.rolled));
    print("unrolled_peak_gflops", format!("{:.2}", peak.unrolled));
    print("share_of_unrolled_peak", format!("{:.3}", operations / peak.unrolled));
    print("peak_gb_per_s", format!("{:.2}", peak.bytes));
    Ok(())
}

fn print(key: &str, value: impl std::fmt::Display) {
    common::print(&format!("{key}={value}"));
}

/// Measures whole steps; returns GFLOP/s. The time of the first step counts from `start`, before the device was opened.
fn step(options: &Options, start: Instant, gpu: &Arc<Gpu>, limits: &Limits) -> Result<f64, Box<dyn Error>> {
    let [inputs, units @ ..] = &options.layers[..] else {
        return Err("--layers: expected at least the inputs and one layer, such as 784,128,10".into());
    };
    let (hidden, last, loss) = match options.classes {
        true => (Activation::Relu, Activation::Softmax, Loss::CategoricalCrossEntropy),
        false => (Activation::Sigmoid, Activation::Sigmoid, Loss::MeanSquaredError),
    };
    let network = units.iter().enumerate().fold(Network::new(*inputs), |network, (i, units)| {
        network.dense(*units, if i + 2 == options.layers.len() { last.clone() } else { hidden.clone() })
    });
    let table = TableSize { steps: options.steps as usize, losses: options.steps as usize };
    let mut training = TrainingStep { optimizer: options.optimizer, ..TrainingStep::new(&network, loss, options.batch) };
    if let Some(rows) = options.data {
        training.source =
            Source::Gathered { order: EpochOrder { rows: rows.max(options.batch), seed: Some(1) }, classes: options.classes };
    }
    let Planned { plan, ids } = Plan::training(&training, table, *limits)?;
    let (dispatches, bytes) = (plan.dispatches.len(), plan.buffers.iter().map(|buffer| buffer.len * 4).sum::<usize>());
    let moved: usize = plan.dispatches.iter().map(|dispatch| plan.bytes(dispatch)).sum();
    let mut staged = gpu.block_on(Staged::new(gpu.clone(), plan, 2))?;
    let mut stream = Philox::new(1, 1, 0, 0);
    let mut fill = |staged: &Staged, id: Id, scale: f32| {
        let values: Vec<f32> = (0..staged.plan.len(id)).map(|_| scale * uniform(&mut stream)).collect();
        staged.write(id, &values)
    };
    for (layer, inputs) in ids.layers.iter().zip(&options.layers) {
        fill(&staged, layer.weight, (*inputs as f32).sqrt().recip())?;
    }
    match ids.batch.data.first() {
        Some(data) => fill(&staged, data.inputs, 1.0)?,
        None => {
            fill(&staged, ids.batch.inputs, 1.0)?;
            fill(&staged, ids.batch.targets, 1.0)?;
        }
    }
    let (losses, weight) = (ids.table.losses, ids.layers[0].weight);
    let steps: Vec<_> = (0..options.steps)
        .map(|loss_slot| Step { learning_rate: 1e-6, corrections: [1.0; 2], loss_slot, ..Step::default() })
        .collect();
    let mut run = |steps: &[Step]| {
        let start = Instant::now();
        gpu.block_on(async {
            staged.run(&ids.table, steps, &[0], None).await?;
            staged.read(&[(losses, 1), (weight, 1)]).await
        })?;
        Ok::<_, shaderprop::Error>(start.elapsed())
    };
    run(&steps[..1])?;
    print("first_step_ms", format!("{:.1}", start.elapsed().as_secs_f64() * 1e3));
    run(&steps)?;
    // These are compiled after the first step, whose time is printed.
    let mut products = gpu.block_on(Staged::new(gpu.clone(), products_of(options, limits)?, 2))?;
    let mut run_products = || {
        let start = Instant::now();
        gpu.block_on(async {
            products.replay(options.steps as usize).await?;
            products.read(&[(Id(0), 1)]).await
        })?;
        Ok::<_, shaderprop::Error>(start.elapsed())
    };
    run_products()?;
    // Alternate, so that other load on the machine slows both alike.
    let (mut best, mut best_products) = (Duration::MAX, Duration::MAX);
    for _ in 0..5 {
        best = best.min(run(&steps)?);
        best_products = best_products.min(run_products()?);
    }
    let seconds = best.as_secs_f64() / f64::from(options.steps);
    print("ms_per_step", format!("{:.3}", seconds * 1e3));
    print("products_ms_per_step", format!("{:.3}", best_products.as_secs_f64() / f64::from(options.steps) * 1e3));
    print("step_over_products", format!("{:.2}", best.as_secs_f64() / best_products.as_secs_f64()));
    print("dispatches_per_step", dispatches);
    print("bytes_per_step", moved);
    print("device_bytes", bytes);
    for (i, (time, dispatch)) in gpu.block_on(staged.times(&ids.table))?.iter().zip(&staged.plan.dispatches).enumerate() {
        if let Some(time) = time {
            print(
                &format!("ms.{i}.{}", dispatch.kernel.module_name().trim_end_matches(".wgsl")),
                format!("{:.3}", time.as_secs_f64() * 1e3),
            );
        }
    }
    // Forward pass, error and gradient each take two operations for each weight and row. No error is computed for the inputs.
    let weights: usize = options.layers.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let operations = (6 * weights - 2 * inputs * units[0]) * options.batch;
    Ok(operations as f64 / seconds / 1e9)
}

/// The products of a training step of such a network, and nothing else.
fn products_of(options: &Options, limits: &Limits) -> Result<Plan, shaderprop::Error> {
    let mut plan = Plan::new(*limits);
    let rows = options.batch;
    for (i, pair) in options.layers.windows(2).enumerate() {
        let (ins, outs) = (pair[0], pair[1]);
        let mut tensor = |name: &str, rows, columns| plan.tensor(&format!("{name}{i}"), rows, columns);
        let (x, w, y) = (tensor("x", rows, ins)?, tensor("w", ins, outs)?, tensor("y", rows, outs)?);
        let (dy, dw, dx) = (tensor("dy", rows, outs)?, tensor("dw", ins, outs)?, tensor("dx", rows, ins)?);
        let all = [
            (Layouts::Plain, [x, w], y, (rows, ins, outs)),
            (Layouts::TransposedA, [x, dy], dw, (ins, rows, outs)),
            (Layouts::TransposedB, [dy, w], dx, (rows, outs, ins)),
        ];
        // No error is computed for the inputs.
        for (layouts, [a, b], c, (m, k, n)) in all.into_iter().take(if i == 0 { 2 } else { 3 }) {
            match limits.products {
                Products::Plain => plan.matmul(Factors { layouts, a, b }, c),
                _ => {
                    let shape = Shape { rows: m, columns: n, terms: k, ones: false };
                    let ending = Ending { epilogue: Epilogue::Store, operands: &[("c", c)], bias: 0 };
                    plan.product(Factors { layouts, a, b }, shape, &ending, "c")?;
                }
            }
        }
    }
    Ok(plan)
}

/// Measures a product in its three layouts; returns the GFLOP/s of a·b.
fn matmul(gpu: &Arc<Gpu>, limits: &Limits, (m, k, n): (usize, usize, usize)) -> Result<f64, Box<dyn Error>> {
    let mut first = None;
    for (layouts, name) in [(Layouts::Plain, "ab"), (Layouts::TransposedA, "atb"), (Layouts::TransposedB, "abt")] {
        let mut plan = Plan::new(*limits);
        let (a, b) = match layouts {
            Layouts::Plain => ((m, k), (k, n)),
            Layouts::TransposedA => ((k, m), (k, n)),
            Layouts::TransposedB => ((m, k), (n, k)),
        };
        let a = plan.tensor("a", a.0, a.1)?;
        let b = plan.tensor("b", b.0, b.1)?;
        let c = plan.tensor("c", m, n)?;
        match limits.products {
            Products::Plain => plan.matmul(Factors { layouts, a, b }, c),
            _ => {
                let shape = Shape { rows: m, columns: n, terms: k, ones: false };
                let ending = Ending { epilogue: Epilogue::Store, operands: &[("c", c)], bias: 0 };
                plan.product(Factors { layouts, a, b }, shape, &ending, "c")?;
            }
        }
        let start = Instant::now();
        let mut staged = gpu.block_on(Staged::new(gpu.clone(), plan, 1))?;
        let mut stream = Philox::new(1, 1, 0, 0);
        for (id, len) in [(a, m * k), (b, k * n)] {
            staged.write(id, &(0..len).map(|_| uniform(&mut stream) - 0.5).collect::<Vec<_>>())?;
        }
        let mut run = |times: usize| {
            let start = Instant::now();
            gpu.block_on(async {
                staged.replay(times).await?;
                staged.read(&[(c, 1)]).await
            })?;
            Ok::<_, shaderprop::Error>(start.elapsed().as_secs_f64())
        };
        run(1)?;
        print(&format!("{name}_first_ms"), format!("{:.1}", start.elapsed().as_secs_f64() * 1e3));
        let times = (0.05 / run(1)?).clamp(1.0, 1000.0) as usize;
        // As many rounds as for the peak.
        let mut seconds = f64::INFINITY;
        for _ in 0..45 {
            seconds = seconds.min(run(times)? / times as f64);
        }
        let rate = 2.0 * (m * k * n) as f64 / seconds / 1e9;
        print(&format!("{name}_ms"), format!("{:.3}", seconds * 1e3));
        print(&format!("{name}_gflops"), format!("{rate:.2}"));
        first.get_or_insert(rate);
    }
    Ok(first.unwrap_or_default())
}

/// A number from 0 to 1.
fn uniform(stream: &mut Philox) -> f32 {
    use rand::Rng;
    (stream.next_u32() >> 8) as f32 / (1 << 24) as f32
}
