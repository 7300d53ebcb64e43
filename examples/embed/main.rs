//! An application that draws, and trains a network on the same device meanwhile: two spirals, told apart within a budget of each frame.
//!
//! There is no window: frames go to a texture, and some of them to PNG files.

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

/// What is asked for.
struct Options {
    frames: usize,
    budget: f64,
    out: PathBuf,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Draws a network's decisions while it learns to tell two spirals apart, some milliseconds of each frame.",
        );
        let options = Self {
            frames: given.value("--frames", "900", common::at_least_one, "How many frames are drawn"),
            budget: given.value("--budget", "4", common::number, "The milliseconds of each frame that training may take"),
            out: given.value(
                "--out",
                "embed_frames",
                common::path,
                "The folder that pictures of some frames go to; if it is there already, the first free one with a number",
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

/// An application opens its own device, and asks for what training makes use of along with what it needs itself.
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

/// Points on two spirals, one the other turned by half: x, y, which.
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
        return Err(format!("--budget: expected milliseconds from above 0 to 1000, got {}; change it", options.budget).into());
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
    // The inputs are small, and a spiral turns often.
    let mut first = model.weight("layers.0.weight")?;
    first.values.iter_mut().for_each(|weight| *weight *= 4.0);
    model.set_weights(&[first])?;
    let fit = Fit::new().loss(Loss::BinaryCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.01);
    let (inputs, targets) = (Matrix::new(points.len(), 2, inputs)?, Matrix::column(targets));
    let mut trainer = Trainer::from_device(&device, &queue, &model, &inputs, &targets, &fit)?;
    let scene = Scene::new(&device, &trainer, &points)?;

    let (mut with, mut without) = (Vec::new(), Vec::new());
    for frame in 0..options.frames {
        // Every fourth frame trains nothing: what the others take longer is what training adds.
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
        // The first frames are the driver's, which compiles.
        if frame >= 8 {
            if trains { with.push(took) } else { without.push(took) }
        }
        // Frames further and further apart, and the last one.
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
        common::print(&format!("frames without training take {base:.2} ms, 99 % of them under {slow:.2}"));
        common::print(&format!(
            "training adds {:.2} ms, for 99 % of the frames under {:.2}, where the budget is {}",
            median - base,
            most - base,
            options.budget
        ));
    }
    Ok(())
}

/// The value below which that share of them is.
fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1))).copied()
}

/// A new folder of that name, or with the first number after it that is free.
fn create_folder(path: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut candidate = path.to_owned();
    for number in 2.. {
        match std::fs::create_dir(&candidate) {
            Ok(()) => break,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                candidate = path.as_os_str().to_owned().into();
                candidate.as_mut_os_string().push(format!("-{number}"));
            }
            Err(error) => return Err(format!("{}: {error}; choose another place by --out", candidate.display()).into()),
        }
    }
    Ok(candidate)
}
