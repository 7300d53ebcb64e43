//! The memory of a training run: what its network and data need, and no more after very many steps. This is a separate
//! test program, because the memory of other tests would count, too.

mod common;

use common::{device, numbers};
use shaderprop::internals::gpu;
use shaderprop::{Activation, Device, Engine, EngineChoice, Fit, Init, Loss, Matrix, Model, Network, Optimizer, wgpu};

/// The device holds only what training needs.
#[test]
fn the_device_holds_only_what_is_needed() {
    let device = device();
    for (layers, rows, batch, optimizer, slots) in [
        (&[200, 128, 10][..], 6000, 64, Optimizer::Sgd, 0),
        (&[200, 128, 10], 6000, 64, Optimizer::momentum(0.9), 1),
        (&[200, 256, 256, 10], 6000, 128, Optimizer::adam(), 2),
        (&[20, 16, 3], 50_000, 32, Optimizer::adam(), 2),
    ] {
        let [hidden @ .., outputs] = &layers[1..] else { panic!("layers") };
        let network = hidden.iter().fold(Network::new(layers[0]), |network, units| network.dense(*units, Activation::Relu));
        let network = network.dense(*outputs, Activation::Softmax);
        let model = Model::new(&device, &network, &Init::default()).expect("a model");
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(optimizer).batch_size(batch);
        for clipped in [false, true] {
            let fit = if clipped { fit.clone().clip_norm(1.0) } else { fit.clone() };
            let bytes = model.summary(&fit, rows).expect("a summary").device_bytes.expect("a GPU") as f64 / 4.0;
            let parameters = network.parameters().expect("a count");
            let activations: usize = layers[1..].iter().map(|units| 2 * units).sum::<usize>() + layers[0] + outputs;
            // Each row of the data has its inputs and its class.
            let needed = parameters * (2 + slots) + batch * activations + rows * (layers[0] + 1);
            assert!(bytes <= 1.1 * needed as f64, "{layers:?}, {}: {bytes} of {needed}", optimizer.name());
        }
    }
}

/// The process's own memory in bytes, as reported by Linux. Mapped pages of files are not counted, because they come
/// and go with the machine's free memory.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("what Linux says of the process");
    let line = |name| status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    let kilobytes =
        |name| line(name).split_whitespace().next().and_then(|number| number.parse::<usize>().ok()).expect("a number");
    (kilobytes("RssAnon:") + kilobytes("VmSwap:")) * 1024
}

/// The maximum growth, whatever is repeated.
#[cfg(target_os = "linux")]
const GROWTH: usize = 1 << 20;

/// Runs in a process of its own with a single malloc arena: with several, memory would grow for a long time, until each
/// arena has reached its maximum. The parts run one after the other, because the memory of one would count in another.
/// The part that needs the most memory comes last, because the memory that it frees would hide leaks.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays() {
    const CHILD: &str = "SHADERPROP_MEMORY";
    if std::env::var_os(CHILD).is_none() {
        let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
        let command = command.args(["memory_stays", "--exact"]).env(CHILD, "1").env("MALLOC_ARENA_MAX", "1");
        let output = command.output().expect("a process");
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "{said}");
        return;
    }
    let device = device();
    train_very_many_models(&device);
    // Log points are so frequent that there is at most one submission for each, with the same amount of work in flight
    // every time.
    train_very_many_steps(&device, EngineChoice::Fused, 10);
    train_very_many_steps(&device, EngineChoice::Staged, 25);
    fill_the_pool_of_command_buffers(&device);
    train_very_many_steps(&device, EngineChoice::Staged, 500);
}

/// wgpu keeps command buffers for reuse, as many as were ever in flight at once. How far the host gets ahead of the
/// device between log points is a matter of chance. At most, three submissions of 64 epochs wait, a fourth is being
/// recorded, and there are a few copies. This function submits that many command buffers and a few more, each somewhat
/// larger than such an epoch. The memory that they free hides small leaks, which the training runs with frequent log
/// points detect.
#[cfg(target_os = "linux")]
fn fill_the_pool_of_command_buffers(device: &Device) {
    let gpu = gpu(device).expect("a GPU");
    let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let block = || gpu.block_on(gpu.buffer("a block", 1024, usage)).expect("a buffer");
    let (from, to) = (block(), block());
    let copies = || gpu.record(|encoder| (0..60).for_each(|_| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, 1024)));
    let many = (0..5 * 64).map(|_| copies().expect("commands")).collect();
    gpu.block_on(gpu.finished(gpu.submit(many).expect("a submission"))).expect("the end of it");
}

#[cfg(target_os = "linux")]
fn train_very_many_steps(device: &Device, choice: EngineChoice, log_every: usize) {
    let inputs = Matrix::new(8, 7, numbers(21, 56)).expect("a matrix");
    let targets = Matrix::column((0..8).map(|row| (row % 4) as f32).collect::<Vec<_>>());
    let network = Network::new(7).dense(4, Activation::Softmax);
    let mut model = Model::new(device, &network, &Init::default()).expect("a model");
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).batch_size(2);
    let fit = fit.engine(choice).epochs(32_001).log_every(log_every);
    let mut held = Vec::new();
    let history = model.fit_with(&inputs, &targets, &fit, |_| held.push(resident())).expect("a training run");
    assert_eq!(history.engine == Engine::Fused, choice == EngineChoice::Fused, "the engine");
    // An epoch has four steps, and two numbers in the history.
    let (early, late, kept) = (held[7_000 / log_every], held[32_000 / log_every], 16 * 25_000);
    assert!(
        late <= early + kept + GROWTH,
        "{choice:?}, logged every {log_every} epochs: {early} bytes after 28,000 steps, {late} after 128,000, of which {kept} are history"
    );
}

#[cfg(target_os = "linux")]
fn train_very_many_models(device: &Device) {
    let inputs = Matrix::new(20, 3, numbers(3, 60)).expect("a matrix");
    let network = Network::new(3).dense(5, Activation::Tanh).dense(1, Activation::Sigmoid);
    let mut held = Vec::new();
    for i in 0..1200 {
        let engine = if i % 2 == 0 { EngineChoice::Staged } else { EngineChoice::Fused };
        let mut model = Model::new(device, &network, &Init::default()).expect("a model");
        let fit = Fit::new().optimizer(Optimizer::adam()).batch_size(8).epochs(3).engine(engine);
        model.fit(&inputs, Matrix::column(vec![0.5; 20]), &fit).expect("a training run");
        held.push(resident());
    }
    let (early, late) = (held[199], held[1199]);
    assert!(late <= early + GROWTH, "{early} bytes after 200 models, {late} after 1,200");
}
