//! Measures the host's work before and between steps, without the device's: planning, emitting WGSL, recording and
//! submitting.
//!
//! `cargo bench --bench host`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use shaderprop::internals::{Limits, Plan, Planned, Products, Staged, Step, TableSize, TrainingIds, TrainingStep, gpu};
use shaderprop::{Activation, Device, DeviceChoice, Loss, Network};

fn main() {
    for (name, products) in
        [("plain", Products::Plain), ("rows", Products::Rows { lanes: Some(8), most: 32 }), ("tiles", Products::Tiles)]
    {
        let limits = Limits { products, ..Limits::CPU };
        measure(&format!("planning a wide step, products {name}"), || {
            black_box(plan(black_box(&[784, 512, 512, 10]), 256, limits));
        });
    }
    sixty_four_steps_of_xor();
}

/// Prints the fastest and the median time of the runs that fit into a second.
fn measure(name: &str, mut run: impl FnMut()) {
    // In the first run the driver may still be compiling.
    run();
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < Duration::from_secs(1) {
        let start = Instant::now();
        run();
        times.push(start.elapsed());
    }
    times.sort();
    println!("{name:40} fastest {:9.1?}  median {:9.1?}  runs {}", times[0], times[times.len() / 2], times.len());
}

fn network(layers: &[usize]) -> Network {
    let start = Network::new(layers[0]);
    layers[1..].iter().fold(start, |network, units| network.dense(*units, Activation::Sigmoid))
}

/// The plan of a step, with the WGSL of its products.
fn plan(layers: &[usize], rows: usize, limits: Limits) -> Planned<TrainingIds> {
    let table = TableSize { steps: 4096, losses: 4096 };
    Plan::training(&TrainingStep::new(&network(layers), Loss::MeanSquaredError, rows), table, limits).expect("a plan")
}

/// Records and submits 64 steps of XOR, and waits for them. The device has almost no work.
fn sixty_four_steps_of_xor() {
    let device = Device::open(&DeviceChoice::from_env()).expect("an adapter");
    let gpu = gpu(&device).expect("a GPU");
    let Planned { plan, ids } = plan(&[2, 2, 1], 4, gpu.plan_limits());
    let mut staged = gpu.block_on(Staged::new(gpu.clone(), plan, 1)).expect("an engine");
    let steps: Vec<_> = (0..64).map(|loss_slot| Step { learning_rate: 0.1, loss_slot, ..Step::default() }).collect();
    measure("64 steps of XOR", || {
        gpu.block_on(async {
            staged.run(&ids.table, &steps, &[0], None).await?;
            staged.read(&[(ids.table.losses, 1)]).await
        })
        .map(black_box)
        .expect("a loss");
    });
}
