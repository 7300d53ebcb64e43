//! An application that draws while it trains a network on the same device. The network learns to separate two spirals,
//! within a time budget per frame.
//!
//! There is no window: frames are drawn to a texture, and some of them are saved as PNG files.

use std::error::Error;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use shaderprop::wgpu;
use shaderprop::{Activation, Device, Fit, Init, Loss, Matrix, Model, Network, Optimizer, Trainer};

#[path = "../common/mod.rs"]
mod common;
mod png;
mod scene;

use scene::{SIZE, Scene};

/// The command line's options.
struct Options {
    frames: usize,
    budget: f64,
    out: PathBuf,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Draws a network's decisions while it learns to separate two spirals, within a time budget per frame.",
        );
        let options = Self {
            frames: given.value("--frames", "900", common::at_least_one, "The number of frames to draw"),
            budget: given.value("--budget", "4", common::number, "The milliseconds per frame that training may take"),
            out: given.value(
                "--out",
                "embed_frames",
                common::path,
                "The folder for pictures of some frames; if it exists, a number is added to its name",
            ),
        };
        given.end();
        options
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| run(&options))
}

/// Opens the application's own device. It requests what training can use along with what the application needs.
async fn open() -> Result<(wgpu::AdapterInfo, wgpu::Device, wgpu::Queue), Box<dyn Error>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await;
    let adapter = adapter.map_err(|_| shaderprop::Error::NoAdapter)?;
    let (device, queue) = adapter
        .request_device(&wgpu::DeviceDescriptor {
            label: Some("application"),
            required_features: Trainer::required_features(&adapter),
            required_limits: Trainer::required_limits(&adapter),
            ..Default::default()
        })
        .await?;
    Ok((adapter.get_info(), device, queue))
}

/// Points on two spirals, one rotated by 180° from the other: x, y, class.
fn spirals() -> Vec<[f32; 3]> {
    let point = |i: usize| {
        let (along, class) = ((i / 2) as f32 / 96.0, i % 2);
        let (radius, angle) = (0.1 + 0.8 * along, 3.0 * std::f32::consts::PI * along + class as f32 * std::f32::consts::PI);
        [radius * angle.cos(), radius * angle.sin(), class as f32]
    };
    (0..194).map(point).collect()
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if !(options.budget > 0.0 && options.budget <= 1000.0) {
        return Err(format!("--budget: expected more than 0 and at most 1000 milliseconds, got {}", options.budget).into());
    }
    let budget = Duration::from_secs_f64(options.budget / 1000.0);
    let (info, device, queue) = common::without_driver_threads(|| pollster::block_on(open()))?;
    eprintln!("device: {} ({:?}, {} {})", info.name, info.backend, info.driver, info.driver_info);
    let folder = create_folder(&options.out)?;

    let points = spirals();
    let inputs: Vec<f32> = points.iter().flat_map(|[x, y, _]| [*x, *y]).collect();
    let targets: Vec<f32> = points.iter().map(|point| point[2]).collect();
    let network = Network::new(2).dense(16, Activation::Tanh).dense(16, Activation::Tanh).dense(1, Activation::Sigmoid);
    let mut model = Model::new(&Device::cpu(), &network, &Init::GlorotUniform { seed: 2 })?;
    // Larger initial weights, because the inputs are small and a spiral has many turns.
    let mut first = model.weight("layers.0.weight")?;
    first.values.iter_mut().for_each(|weight| *weight *= 4.0);
    model.set_weights(&[first])?;
    let fit = Fit::new().loss(Loss::BinaryCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.01);
    let (inputs, targets) = (Matrix::new(points.len(), 2, inputs)?, Matrix::column(targets));
    let mut trainer = Trainer::from_device(&device, &queue, &model, &inputs, &targets, &fit)?;
    let scene = Scene::new(&device, &trainer, &points)?;

    let (mut with, mut without) = (Vec::new(), Vec::new());
    for frame in 0..options.frames {
        // Every fourth frame does not train. The difference shows what training adds.
        let trains = frame % 4 != 0;
        let began = Instant::now();
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        if trains {
            trainer.record_for(&mut encoder, budget)?;
        }
        scene.draw(&mut encoder);
        queue.submit([encoder.finish()]);
        device.poll(wgpu::PollType::wait_indefinitely())?;
        let took = began.elapsed().as_secs_f64() * 1000.0;
        // During the first frames the driver compiles.
        if frame >= 8 {
            if trains { with.push(took) } else { without.push(took) }
        }
        // Frames 1, 2, 4, 8 and so on, and the last one.
        if frame + 1 == options.frames || (frame + 1).is_power_of_two() {
            let path = folder.join(format!("frame-{:05}.png", frame + 1));
            png::write(&mut File::create_new(&path)?, SIZE, &scene.pixels(&device, &queue)?)?;
            eprintln!("{}: {} steps", path.display(), trainer.steps());
        }
    }

    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let weights = trainer.record_weights(&mut encoder)?;
    queue.submit([encoder.finish()]);
    device.poll(wgpu::PollType::wait_indefinitely())?;
    model.set_weights(&weights.take().ok_or("the weights did not come back")??)?;
    let evaluation = model.evaluate(&inputs, &targets, Loss::BinaryCrossEntropy)?;
    common::print(&format!("steps {}, loss {:.6}, accuracy {:.4}", trainer.steps(), evaluation.loss, evaluation.accuracy));
    if let [Some(base), Some(slow), Some(median), Some(most)] =
        [quantile(&mut without, 0.5), quantile(&mut without, 0.99), quantile(&mut with, 0.5), quantile(&mut with, 0.99)]
    {
        common::print(&format!("frames without training: median {base:.2} ms, 99th percentile {slow:.2} ms"));
        common::print(&format!(
            "training adds: median {:.2} ms, 99th percentile {:.2} ms; budget {} ms",
            median - base,
            most - base,
            options.budget
        ));
    }
    Ok(())
}

/// The quantile of the values at that share.
fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1))).copied()
}

/// Creates a folder of that name; if it exists, with the first free number appended.
fn create_folder(path: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut candidate = path.to_owned();
    for number in 2.. {
        match std::fs::create_dir(&candidate) {
            Ok(()) => break,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                candidate = path.as_os_str().to_owned().into();
                candidate.as_mut_os_string().push(format!("-{number}"));
            }
            Err(error) => return Err(format!("{}: {error}; choose another folder with --out", candidate.display()).into()),
        }
    }
    Ok(candidate)
}
