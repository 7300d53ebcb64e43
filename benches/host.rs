//! What the host does before and between steps, without the device's work: planning, emitting WGSL, recording and submitting.
//!
//! `cargo bench --bench host`.

use divan::{Bencher, black_box};
use shaderprop::internals::{Limits, Plan, Planned, Products, Staged, Step, TableSize, TrainingIds, TrainingStep, gpu};
use shaderprop::{Activation, Device, DeviceChoice, Loss, Network};

fn main() {
    divan::main();
}

fn network(layers: &[usize]) -> Network {
    let start = Network::new(layers[0]);
    layers[1..].iter().fold(start, |network, units| network.dense(*units, Activation::Sigmoid))
}

fn plan(layers: &[usize], rows: usize, limits: Limits) -> Planned<TrainingIds> {
    let table = TableSize { steps: 4096, losses: 4096 };
    Plan::training(&TrainingStep::new(&network(layers), Loss::MeanSquaredError, rows), table, limits).expect("a plan")
}

/// Planning a step.
#[divan::bench(args = ["plain", "rows", "tiles"])]
fn plan_a_wide_step(bencher: Bencher, products: &str) {
    let products = match products {
        "plain" => Products::Plain,
        "rows" => Products::Rows { lanes: Some(8), most: 32 },
        _ => Products::Tiles,
    };
    let limits = Limits { products, ..Limits::CPU };
    bencher.bench(|| plan(black_box(&[784, 512, 512, 10]), 256, limits));
}

/// Recording and submitting 64 steps of XOR, and waiting for them: almost no work for the device.
#[divan::bench]
fn sixty_four_steps_of_xor(bencher: Bencher) {
    let device = Device::open(&DeviceChoice::from_env()).expect("an adapter");
    let gpu = gpu(&device).expect("a GPU");
    let Planned { plan, ids } = plan(&[2, 2, 1], 4, gpu.plan_limits());
    let mut staged = gpu.block_on(Staged::new(gpu.clone(), plan, 1)).expect("an engine");
    let steps: Vec<_> = (0..64).map(|loss_slot| Step { learning_rate: 0.1, loss_slot, ..Step::default() }).collect();
    bencher.bench_local(|| {
        gpu.block_on(async {
            staged.run(&ids.table, &steps, &[0], None).await?;
            staged.read(&[(ids.table.losses, 1)]).await
        })
        .expect("a loss")
    });
}
