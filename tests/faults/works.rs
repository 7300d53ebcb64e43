//! What is trained while the driver fails, each in a moment: batches and whole epochs, sweeps, streamed data, more than
//! one block of memory.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};

use shaderprop::internals::{Limits, gpu, limited};
use shaderprop::{
    Activation, Device, EarlyStopping, EngineChoice, Error, Fit, Init, Loss, Matrix, Member, Metric, Model, Network, Optimizer,
    Sweep,
};

pub struct Work {
    pub name: &'static str,
    /// Trains, and returns the bits of all resulting numbers, or their hash.
    pub train: fn(&Device) -> Result<String, Error>,
    /// The functions that fail in it; all of them if none is named.
    pub calls: &'static [&'static str],
    /// About how many injections CI has time for, besides the first and the last call of each function.
    pub some: usize,
}

pub const ALL: &[Work] = &[
    Work { name: "fit", train: fit, calls: &[], some: 250 },
    Work { name: "sweep", train: sweep, calls: &[], some: 60 },
    Work { name: "streamed", train: streamed, calls: &[], some: 60 },
    // Its calls are those of a fit, except for those that allocate memory.
    Work { name: "wide", train: wide, calls: &["vkAllocateMemory", "vkMapMemory"], some: 24 },
];

fn bits(values: impl IntoIterator<Item = f32>) -> String {
    values.into_iter().fold(String::new(), |mut text, value| {
        let _ = write!(text, "{:08x}", value.to_bits());
        text
    })
}

fn double_bits<'a>(values: impl IntoIterator<Item = &'a f64>) -> String {
    values.into_iter().fold(String::new(), |mut text, value| {
        let _ = write!(text, "{:016x}", value.to_bits());
        text
    })
}

fn weights(model: &Model) -> String {
    bits(model.weights().into_iter().flat_map(|tensor| tensor.values))
}

/// Ten rows of three inputs. Every third row has the target 1.
fn data() -> Result<(Matrix<'static>, Matrix<'static>), Error> {
    let rows: Vec<[f32; 3]> = (0..10u8).map(|i| [f32::from(i) / 10.0, f32::from(i % 3), f32::from(i % 4) - 1.0]).collect();
    let targets: Vec<f32> = (0..10u8).map(|i| f32::from(u8::from(i % 3 == 1))).collect();
    Ok((Matrix::new(10, 3, rows.concat())?, Matrix::column(targets)))
}

fn network(inputs: usize) -> Network {
    Network::new(inputs).dense(4, Activation::Tanh).dense(1, Activation::Sigmoid)
}

fn settings() -> Fit {
    Fit::new().loss(Loss::BinaryCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.01)
}

/// Both engines, with batches, validation, snapshots, log points and predictions.
fn fit(device: &Device) -> Result<String, Error> {
    let (inputs, targets) = data()?;
    let settings = settings().epochs(8);
    let watched = settings.clone().batch_size(4).validation_split(0.2).metrics([Metric::Accuracy]);
    let watched = watched.early_stopping(EarlyStopping::patience(5)).log_every(2);
    let mut all = String::new();
    for settings in [watched.engine(EngineChoice::Staged), settings.log_every(4).engine(EngineChoice::Fused)] {
        let mut model = Model::new(device, &network(3), &Init::default())?;
        let history = model.fit(&inputs, &targets, &settings)?;
        let outputs = model.predict(&inputs)?;
        all += &weights(&model);
        all += &bits(outputs.values().iter().copied());
        all += &double_bits(&history.loss);
    }
    Ok(all)
}

/// Several networks at once, each with its own settings, in two calls, and then an evaluation.
fn sweep(device: &Device) -> Result<String, Error> {
    let (inputs, targets) = data()?;
    let members = (0..3).map(|seed| {
        let rows: Vec<usize> = (0..10).filter(|row| row % 3 != seed).collect();
        let member = Member::new(Init::GlorotUniform { seed: seed as u64 }).learning_rate(0.01 * (seed + 1) as f64);
        if seed == 0 { member.epochs(5) } else { member.rows(rows).weight_decay(0.01) }
    });
    let mut sweep = Sweep::new(device, &network(3), members)?;
    let fit = settings().batch_size(4).epochs(4).log_every(2).engine(EngineChoice::Fused);
    let mut all = String::new();
    for _ in 0..2 {
        let history = sweep.fit(&inputs, &targets, &fit)?;
        for (member, history) in history.members.iter().enumerate() {
            all += &bits(sweep.weights_of(member)?.into_iter().flat_map(|tensor| tensor.values));
            all += &double_bits(&history.logged);
        }
    }
    let evaluation = sweep.model(1)?.evaluate(&inputs, &targets, Loss::BinaryCrossEntropy)?;
    Ok(all + &double_bits([&evaluation.loss]))
}

/// Data that does not fit on the device and is sent batch by batch, with sample weights.
fn streamed(device: &Device) -> Result<String, Error> {
    const ROWS: usize = 40;
    const COLUMNS: usize = 40;
    let inputs = Matrix::new(ROWS, COLUMNS, (0..ROWS * COLUMNS).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect::<Vec<_>>())?;
    let targets = Matrix::column((0..ROWS).map(|row| f32::from(u8::from(row % 3 == 1))).collect::<Vec<_>>());
    let fit = settings().batch_size(4).epochs(2).log_every(1).engine(EngineChoice::Staged);
    let fit = fit.sample_weights((0..ROWS).map(|row| (row % 4) as f32).collect::<Vec<_>>());
    // A binding holds four rows, or the weights of the hidden layer. The rows would need ten pieces, but eight is the
    // maximum.
    let few = Limits { binding: 4 * COLUMNS as u64 * 4, ..gpu(device).expect("a GPU").plan_limits() };
    let whole = Model::new(device, &network(COLUMNS), &Init::default())?.summary(&fit, ROWS)?.device_bytes;
    let mut model = Model::new(&limited(device, few), &network(COLUMNS), &Init::default())?;
    let bytes = model.summary(&fit, ROWS)?.device_bytes;
    assert!(bytes < whole, "it is not streamed: {bytes:?} bytes on the device, {whole:?} with all data there");
    let history = model.fit(&inputs, &targets, &fit)?;
    Ok(weights(&model) + &double_bits(&history.loss))
}

/// A network that needs more memory than the first block that wgpu requests from the driver.
fn wide(device: &Device) -> Result<String, Error> {
    const UNITS: usize = 3000;
    let network = Network::new(UNITS).dense(UNITS, Activation::Tanh).dense(1, Activation::Sigmoid);
    let mut model = Model::new(device, &network, &Init::default())?;
    let history = model.fit(Matrix::new(1, UNITS, vec![0.5; UNITS])?, &[[1.0]], &settings().epochs(1))?;
    // Its millions of weights would not fit in a pipe.
    let mut hash = DefaultHasher::new();
    model.weights().iter().flat_map(|tensor| &tensor.values).for_each(|value| hash.write_u32(value.to_bits()));
    Ok(format!("{:016x}", hash.finish()) + &double_bits(&history.loss))
}
