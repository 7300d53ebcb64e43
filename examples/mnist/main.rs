//! MNIST: 60,000 handwritten digits for training, and 10,000 for the test.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use shaderprop::{Activation, Array, Device, Fit, Init, Loss, Matrix, Model, Network, Optimizer};

#[path = "../common/mod.rs"]
mod common;

/// The command line's options.
struct Options {
    device: Option<String>,
    wide: bool,
    epochs: usize,
    seed: u64,
    folder: Option<PathBuf>,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new("Trains a network on MNIST from a folder with its four files, plain or gzipped.");
        let options = Self {
            device: given.device(),
            wide: given.flag("--wide", "Use two hidden layers of 512 units with dropout instead of one layer of 128"),
            epochs: given.value("--epochs", "10", common::at_least_one, "Passes over the training data"),
            seed: given.value(
                "--seed",
                "0",
                common::number,
                "Determines the initial weights, the order of the digits and dropout",
            ),
            folder: given.path("FOLDER", "The folder with MNIST's files [default: SHADERPROP_MNIST]"),
        };
        given.end();
        options
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| train(&options))
}

fn train(options: &Options) -> Result<(), Box<dyn Error>> {
    let folder = options
        .folder
        .clone()
        .or_else(|| std::env::var_os("SHADERPROP_MNIST").filter(|folder| !folder.is_empty()).map(PathBuf::from));
    let folder = folder.ok_or("no folder given: name the folder with MNIST's four files, or set SHADERPROP_MNIST")?;
    let (inputs, targets) = read(&folder, "train")?;
    let (test_inputs, test_targets) = read(&folder, "t10k")?;

    let device = common::open_wide(options.device.as_deref())?;
    let network = match options.wide {
        false => Network::new(784).dense(128, Activation::Relu),
        true => Network::new(784).dense(512, Activation::Relu).dropout(0.2).dense(512, Activation::Relu).dropout(0.2),
    };
    let network = network.dense(10, Activation::Softmax);
    let mut model = Model::new(&device, &network, &Init::PyTorch { seed: options.seed })?;
    let loss = Loss::CategoricalCrossEntropy;
    let fit = Fit::new().loss(loss).optimizer(Optimizer::adam()).batch_size(128).epochs(options.epochs).seed(options.seed);
    eprintln!("{}", model.summary(&fit, inputs.rows())?);

    // Train a step beforehand, so that compiling the shaders is not measured.
    warm_up(&device, &network, &fit, &inputs, &targets)?;
    let start = Instant::now();
    model.fit_with(&inputs, &targets, &fit.clone().log_every(1), |log| {
        eprintln!("epoch {}: loss {:.4}, {:.1} s", log.epoch, log.loss, start.elapsed().as_secs_f64());
    })?;
    let rate = (options.epochs * inputs.rows()) as f64 / start.elapsed().as_secs_f64();
    let accuracy = model.evaluate(&test_inputs, &test_targets, loss)?.accuracy;
    common::print(&format!("accuracy {accuracy:.4}, {rate:.0} samples/s"));
    Ok(())
}

/// The images of the training or test part, as rows of pixels scaled to 0 to 1, and their labels.
fn read(folder: &Path, part: &str) -> Result<(Matrix<'static>, Matrix<'static>), Box<dyn Error>> {
    let array = |kind: &str| {
        let plain = folder.join(format!("{part}-{kind}-ubyte"));
        Array::read_idx(if plain.exists() { plain } else { folder.join(format!("{part}-{kind}-ubyte.gz")) })
    };
    let images = array("images-idx3")?.into_matrix()?;
    let pixels: Vec<f32> = images.values().iter().map(|pixel| pixel / 255.0).collect();
    Ok((Matrix::new(images.rows(), images.columns(), pixels)?, array("labels-idx1")?.into_matrix()?))
}

fn warm_up(
    device: &Device,
    network: &Network,
    fit: &Fit,
    inputs: &Matrix<'_>,
    targets: &Matrix<'_>,
) -> Result<(), shaderprop::Error> {
    let rows: Vec<usize> = (0..inputs.rows().min(128 + 96)).collect();
    let mut model = Model::new(device, network, &Init::default())?;
    model.fit(inputs.select(&rows), targets.select(&rows), &fit.clone().epochs(1)).map(|_| ())
}
