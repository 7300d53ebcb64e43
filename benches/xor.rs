//! Measures what the XOR training costs. It compares the staged engine with the same dispatches recorded by hand in
//! bare wgpu; the fused engine with the staged engine, and with a NumPy script of the same training; and whole
//! processes with that script's. Runs are interleaved; the results are ratios.
//!
//! `cargo bench --bench xor`; the comparisons with NumPy need a `python3` that has it, or such an interpreter in
//! `PYTHON`.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use shaderprop::internals::{Kernel, Rule, Weights, gpu};
use shaderprop::{Activation, Device, EngineChoice, Error, Fit, Init, Loss, Model, Network, Optimizer, Order, wgpu};

#[path = "../examples/common/mod.rs"]
mod common;

const EPOCHS: usize = 10_000;
const ROUNDS: usize = 7;
const INPUTS: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const TARGETS: [[f32; 1]; 4] = [[0.0], [1.0], [1.0], [0.0]];

fn main() -> ExitCode {
    common::run(|| {
        let device = common::open_device(None)?;
        common::print(&format!(
            "| comparison | shaderprop | baseline | ratio, median (least to greatest of {ROUNDS}) |\n|---|---|---|---|"
        ));
        if gpu(&device).is_some() {
            let bare = common::without_driver_threads(|| Bare::new(&device));
            compare(
                "staged engine, 10,000 epochs, against bare wgpu",
                || ours(&device, EngineChoice::Staged),
                || Ok(bare.train()),
            )?;
            let staged = || ours(&device, EngineChoice::Staged);
            compare("fused engine, 10,000 epochs, against the staged engine", || ours(&device, EngineChoice::Fused), staged)?;
        } else {
            eprintln!("not run: bare wgpu, because there is no adapter");
        }
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let has_numpy =
            Command::new(&python).args(["-c", "import numpy"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
        if has_numpy {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/xor_numpy.py");
            let built = Command::new(env!("CARGO")).args(["build", "--release", "--quiet", "--example", "xor"]).status();
            assert!(built.is_ok_and(|status| status.success()), "the example does not build");
            let program = example_program();
            if gpu(&device).is_some() {
                let numpy = || loop_of(&python, script);
                compare("fused engine, 10,000 epochs, against NumPy", || ours(&device, EngineChoice::Fused), numpy)?;
                let fused = || process(&program, &["--engine", "fused"]);
                compare("whole process of xor --engine fused, against NumPy", fused, || process(&python, &[script]))?;
            }
            compare("whole process of xor, against NumPy", || process(&program, &[]), || process(&python, &[script]))?;
        } else {
            eprintln!("not run: NumPy, because `{python}` does not have it; install it, or set PYTHON");
        }
        Ok(())
    })
}

/// Runs both in turn, and prints the medians and the ratios of neighbouring runs.
fn compare(
    what: &str,
    mut ours: impl FnMut() -> Result<f64, Error>,
    mut theirs: impl FnMut() -> Result<f64, Error>,
) -> Result<(), Error> {
    // The first run of each compiles and loads.
    ours()?;
    theirs()?;
    let mut runs = Vec::new();
    for _ in 0..ROUNDS {
        runs.push((ours()?, theirs()?));
    }
    let sorted = |pick: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let ratios = sorted(|(ours, theirs)| ours / theirs);
    let (a, b) = (sorted(|run| run.0)[ROUNDS / 2], sorted(|run| run.1)[ROUNDS / 2]);
    let (least, median, greatest) = (ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
    common::print(&format!("| {what} | {a:.4} s | {b:.4} s | {median:.4} ({least:.4} to {greatest:.4}) |"));
    Ok(())
}

fn ours(device: &Device, engine: EngineChoice) -> Result<f64, Error> {
    let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    let mut model = Model::new(device, &network, &Init::NumPy { seed: 42, order: Order::WeightsThenBiases })?;
    let fit = Fit::new().loss(Loss::SquaredError).learning_rate(0.1).epochs(EPOCHS).engine(engine);
    let start = Instant::now();
    model.fit(&INPUTS, &TARGETS, &fit)?;
    Ok(start.elapsed().as_secs_f64())
}

fn process(program: &str, args: &[&str]) -> Result<f64, Error> {
    let start = Instant::now();
    let status = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} failed");
    Ok(start.elapsed().as_secs_f64())
}

/// The seconds of the training alone, which the script prints on stderr.
fn loop_of(program: &str, script: &str) -> Result<f64, Error> {
    let output = Command::new(program).arg(script).output().expect("the script runs");
    Ok(String::from_utf8_lossy(&output.stderr).trim().parse().expect("the script prints its time"))
}

fn example_program() -> String {
    let bench = std::env::current_exe().expect("a path");
    let release = bench.parent().and_then(|deps| deps.parent()).expect("target/release");
    release.join("examples").join(format!("xor{}", std::env::consts::EXE_SUFFIX)).display().to_string()
}

/// A binding: its number, the buffer, the offset and the size in bytes, with 0 for the whole buffer.
type Bound = (u32, (wgpu::Buffer, u64, u64));

/// The same thirteen dispatches, written by hand with only wgpu: no plan, no checks, no error scopes.
struct Bare {
    device: wgpu::Device,
    queue: wgpu::Queue,
    dispatches: Vec<(wgpu::ComputePipeline, wgpu::BindGroup)>,
    cursor: wgpu::Buffer,
}

impl Bare {
    fn new(device: &Device) -> Self {
        let (device, queue) = {
            // A separate device on the same adapter, so that neither run sees the other's buffers.
            let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
            let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
            let adapter = adapters
                .into_iter()
                .find(|adapter| {
                    let info = adapter.get_info();
                    (info.name, format!("{:?}", info.backend)) == (device.info().name.clone(), device.info().backend.clone())
                })
                .expect("the same adapter");
            pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).expect("a device")
        };
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = |words: &[u32]| {
            let size = words.len() as u64 * 4;
            let buffer = device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
            queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
            buffer
        };
        let floats = |values: &[f32]| buffer(bytemuck::cast_slice(values));
        let (inputs, targets) = (floats(INPUTS.as_flattened()), floats(TARGETS.as_flattened()));
        let mut start = [0f32; 256];
        start[..4].copy_from_slice(&[0.37454012, 0.9507143, 0.7319939, 0.5986585]);
        start[128..130].copy_from_slice(&[0.15601864, 0.15599452]);
        start[64..66].copy_from_slice(&[0.05808361, 0.8661761]);
        start[192] = 0.601115;
        let (parameters, gradients) = (floats(&start[..196]), floats(&[0.0; 196]));
        let (sums, h, y, dh, dy) =
            (floats(&[0.0; 8]), floats(&[0.0; 8]), floats(&[0.0; 4]), floats(&[0.0; 8]), floats(&[0.0; 4]));
        let one = 1f32.to_bits();
        let steps: Vec<u32> = (0..EPOCHS as u32).flat_map(|slot| [0.1f32.to_bits(), one, one, slot, 0, 0, slot, 0]).collect();
        let (steps, cursor, losses) = (buffer(&steps), buffer(&[0]), floats(&vec![0.0; EPOCHS]));

        let all = |buffer: &wgpu::Buffer| (buffer.clone(), 0, 0);
        let part = |buffer: &wgpu::Buffer, offset: u64, len: u64| (buffer.clone(), offset * 4, len * 4);
        let quarter = 0.25f32.to_bits();
        let (sigmoid, loss) = (Activation::Sigmoid, Loss::SquaredError);
        let update = Kernel::Update { rule: Rule::of(&Optimizer::Sgd, 0.0), width: 1, clipped: false };
        let (w0, b0, w1, b1) = ((0, 4), (64, 2), (128, 2), (192, 1));
        let at = |buffer: &wgpu::Buffer, (offset, len): (u64, u64)| part(buffer, offset, len);
        let list: Vec<(Kernel, Vec<u32>, Vec<Bound>)> = vec![
            (Kernel::Matmul, vec![0, 8, 2, 0, 2, 2, 1, 2, 1], vec![(1, all(&inputs)), (2, at(&parameters, w0)), (3, all(&sums))]),
            (
                Kernel::BiasActivation(sigmoid.clone()),
                vec![0, 8, 2],
                vec![(1, at(&parameters, b0)), (2, all(&sums)), (3, all(&h))],
            ),
            (
                Kernel::Matmul,
                vec![0, 4, 1, 0, 2, 2, 1, 1, 1],
                vec![(1, all(&h)), (2, at(&parameters, w1)), (3, part(&sums, 0, 4))],
            ),
            (
                Kernel::BiasActivation(sigmoid.clone()),
                vec![0, 4, 1],
                vec![(1, at(&parameters, b1)), (2, part(&sums, 0, 4)), (3, all(&y))],
            ),
            (
                Kernel::OutputDelta(loss, sigmoid.clone(), Weights::Equal),
                vec![0, 4, 1, one],
                vec![(2, all(&y)), (3, all(&targets)), (4, all(&dy))],
            ),
            (Kernel::Matmul, vec![0, 8, 2, 0, 1, 1, 1, 1, 1], vec![(1, all(&dy)), (2, at(&parameters, w1)), (3, all(&dh))]),
            (Kernel::HiddenDelta(sigmoid.clone()), vec![0, 8], vec![(2, all(&h)), (3, all(&dh))]),
            (Kernel::Matmul, vec![0, 4, 2, 0, 4, 1, 2, 2, 1], vec![(1, all(&inputs)), (2, all(&dh)), (3, at(&gradients, w0))]),
            (Kernel::BiasGradient, vec![0, 2, 2, 0, 4], vec![(1, all(&dh)), (2, at(&gradients, b0))]),
            (Kernel::Matmul, vec![0, 2, 1, 0, 4, 1, 2, 1, 1], vec![(1, all(&h)), (2, all(&dy)), (3, at(&gradients, w1))]),
            (Kernel::BiasGradient, vec![0, 1, 1, 0, 4], vec![(1, all(&dy)), (2, at(&gradients, b1))]),
            (update, vec![196], vec![(1, all(&steps)), (2, all(&cursor)), (3, all(&gradients)), (4, all(&parameters))]),
            (
                Kernel::Loss(loss, sigmoid, Weights::Equal),
                vec![4, 1, quarter, 0, 1],
                vec![(2, all(&y)), (3, all(&targets)), (4, all(&steps)), (5, all(&cursor)), (6, all(&losses))],
            ),
        ];
        let dispatches = list.into_iter().map(|(kernel, params, operands)| {
            let source = wgpu::ShaderSource::Wgsl(kernel.source().into());
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: None,
                layout: None,
                module: &module,
                entry_point: None,
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            });
            let params = (0, (buffer(&params), 0, 0));
            let entries: Vec<_> = std::iter::once(&params)
                .chain(&operands)
                .map(|(binding, (buffer, offset, size))| wgpu::BindGroupEntry {
                    binding: *binding,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer,
                        offset: *offset,
                        size: std::num::NonZero::new(*size),
                    }),
                })
                .collect();
            let layout = pipeline.get_bind_group_layout(0);
            let group = device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
            (pipeline, group)
        });
        let dispatches = dispatches.collect();
        Self { device, queue, dispatches, cursor }
    }

    fn train(&self) -> f64 {
        self.queue.write_buffer(&self.cursor, 0, &[0; 4]);
        let start = Instant::now();
        let mut waiting = std::collections::VecDeque::new();
        for _ in 0..EPOCHS / 64 {
            let commands = (0..64).map(|_| {
                let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                for (pipeline, group) in &self.dispatches {
                    pass.set_pipeline(pipeline);
                    pass.set_bind_group(0, group, &[]);
                    pass.dispatch_workgroups(1, 1, 1);
                }
                drop(pass);
                encoder.finish()
            });
            waiting.push_back(self.queue.submit(commands));
            if waiting.len() == 3 {
                let submission_index = waiting.pop_front();
                self.device.poll(wgpu::PollType::Wait { submission_index, timeout: None }).expect("a device");
            }
        }
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("a device");
        start.elapsed().as_secs_f64() * (EPOCHS as f64 / (EPOCHS / 64 * 64) as f64)
    }
}
