//! The checks, each made of whole training runs.

use std::collections::BTreeSet;

use super::cases::{self, Case, cases};
use super::compare::{apart, furthest, greatest, relative};
use super::report::Report;
use crate::error::Error;
use crate::gpu::Device;
use crate::kernel::Limits;
use crate::model::Model;
use crate::network::{Activation, Init, Loss, Network, Tensor};
use crate::settings::{EngineChoice, Fit};

/// How often a training run is repeated on each engine. All repetitions must give the same bits.
pub const REPEATED: usize = 5;

/// Progress of the doctor: the training run that is about to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The number of the training run, from 1.
    pub training: usize,
    /// The number of training runs in all.
    pub of: usize,
    /// The name of the training run.
    pub name: &'a str,
}

/// Runs all test training runs on the device and on the CPU engine.
pub fn check_kernels(device: &Device, mut progress: impl FnMut(Progress<'_>)) -> Report {
    let mut report = Report::new(device.info().clone());
    let (cases, limits) = (cases(), device.limits());
    for (i, case) in cases.iter().enumerate() {
        progress(Progress { training: i + 1, of: cases.len(), name: &case.name });
        let products = case.products.unwrap_or(limits.products);
        let (labels, difference) = difference(&device.with_limits(Limits { products, ..limits }), case);
        let difference = report.or_failed(&case.name, difference).unwrap_or(f64::INFINITY);
        for label in labels {
            report.kernels.entry(name_of(&label)).or_default().count(&case.name, difference);
        }
    }
    report.trainings = cases.len();
    report
}

/// The name of a kernel in the report: variants of a file are merged, and emitted kernels are named by kind, such as
/// `product ab rows` and `fused`.
fn name_of(label: &str) -> String {
    let name = label.split(" (").next().unwrap_or(label);
    let words = if name.starts_with("fused") { 1 } else { 3 };
    name.split(' ').take(words).collect::<Vec<_>>().join(" ")
}

/// The kernels that a training run uses, and the distance of its results from the reference.
fn difference(device: &Device, case: &Case) -> (BTreeSet<String>, Result<f64, Error>) {
    let init = Init::GlorotUniform { seed: 5 };
    let models = |device: &Device| Model::new(device, &case.network, &init);
    let (mut on_device, mut reference) = match (models(device), models(&Device::cpu())) {
        (Ok(on_device), Ok(reference)) => (on_device, reference),
        (Err(error), _) | (_, Err(error)) => return (BTreeSet::new(), Err(error)),
    };
    let labels = match on_device.kernels(&case.fit, case.inputs.rows()) {
        Ok(labels) => labels,
        Err(error) => return (BTreeSet::new(), Err(error)),
    };
    let start = reference.weights();
    let mut trained = || {
        let got = on_device.fit(&case.inputs, &case.targets, &case.fit)?;
        let expected = reference.fit(&case.inputs, &case.targets, &case.fit.clone().engine(EngineChoice::Auto))?;
        let (outputs, expected_outputs) = (on_device.predict(&case.inputs)?, reference.predict(&case.inputs)?);
        let moved = furthest(&on_device.weights(), &reference.weights(), &start);
        let measured = apart(&got, &expected, case.inputs.rows());
        Ok(greatest([moved, measured, relative(outputs.values(), expected_outputs.values())]))
    };
    let difference = trained();
    (labels, difference)
}

/// The greatest distance of the device's gradients from central differences of the reference's loss, relative to the
/// greatest gradient.
pub fn gradients(device: &Device) -> Result<f64, Error> {
    let network = Network::new(4).dense(6, Activation::Tanh).dense(5, Activation::Sigmoid).dense(3, Activation::Softmax);
    let loss = Loss::CategoricalCrossEntropy;
    let (inputs, targets) = cases::rows(12, 4, 3);
    let init = Init::GlorotUniform { seed: 9 };
    let mut model = Model::new(device, &network, &init)?;
    let before = model.weights();
    // One step of plain gradient descent with a learning rate of 1 subtracts the gradient.
    model.fit(&inputs, &targets, &Fit::new().loss(loss).learning_rate(1.0).engine(EngineChoice::Staged))?;
    let after = model.weights();
    let mut reference = Model::new(&Device::cpu(), &network, &init)?;
    let (mut worst, mut most) = (0.0f64, 0.0f64);
    for (k, tensor) in before.iter().enumerate() {
        for i in 0..tensor.values.len() {
            let mut sides = [0.0; 2];
            let mut at = [0.0; 2];
            for (side, step) in [(0, -1e-3f32), (1, 1e-3)] {
                let mut values = tensor.values.clone();
                values[i] += step;
                at[side] = f64::from(values[i]);
                reference.set_weights(&[Tensor { values, ..tensor.clone() }])?;
                sides[side] = reference.evaluate(&inputs, &targets, loss)?.loss;
            }
            reference.set_weights(std::slice::from_ref(tensor))?;
            let difference = (sides[1] - sides[0]) / (at[1] - at[0]);
            let gradient = f64::from(tensor.values[i]) - f64::from(after[k].values[i]);
            worst = greatest([worst, (gradient - difference).abs()]);
            most = most.max(difference.abs());
        }
    }
    Ok(worst / most)
}

/// Whether repeated training runs give the same bits on each engine.
pub fn same_bits(device: &Device) -> Result<bool, Error> {
    let network = Network::new(4).dense(6, Activation::Tanh).dense(3, Activation::Softmax);
    let (inputs, targets) = cases::rows(50, 4, 3);
    for engine in [EngineChoice::Staged, EngineChoice::Fused] {
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).batch_size(8).epochs(5).learning_rate(0.1).engine(engine);
        let trained = || -> Result<Vec<Vec<u32>>, Error> {
            let mut model = Model::new(device, &network, &Init::GlorotUniform { seed: 1 })?;
            model.fit(&inputs, &targets, &fit)?;
            Ok(model.weights().iter().map(|tensor| tensor.values.iter().map(|value| value.to_bits()).collect()).collect())
        };
        let first = trained()?;
        for _ in 1..REPEATED {
            if trained()? != first {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
