//! `doctor`: whether a driver computes what it should, and how fast.

mod cases;
mod peak;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use clap::Args;
use shaderprop::internals::{self, Kernel, Limits};
use shaderprop::{Activation, Device, EngineChoice, Fit, History, Init, Loss, Matrix, Model, Network, Philox, Tensor};

use self::cases::{Case, cases};
use crate::options::OnDevice;
use crate::talk::{self, Failure, Talk};

/// Checks the driver: every kernel against the reference, gradients against differences, equal bits, and speed
///
/// Exit code 1 if something is wrong. With --report a row for docs/drivers.md is printed.
///
/// Example:
///   shaderprop doctor
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(flatten)]
    device: OnDevice,
    /// Print a row for docs/drivers.md instead
    #[arg(long)]
    report: bool,
    /// Say nothing on stderr but errors
    #[arg(short, long)]
    quiet: bool,
}

/// How far a training may be from the reference's, relative to how far it went: f32 rounds by 6e-8, hundreds of times in a row; what is wrong is
/// wrong by as much as it moved.
const ALLOWED: f64 = 1e-3;

/// How far a gradient may be from a central difference, relative to the greatest one: the reference's f64 loses 1e-10 of it to the step.
const ALLOWED_GRADIENT: f64 = 1e-4;

/// Trainings of which all bits must be equal.
const REPEATED: usize = 5;

/// What was found of a kernel.
#[derive(Default)]
struct Found {
    trainings: usize,
    worst: f64,
    /// The trainings that went wrong.
    wrong: Vec<String>,
    /// Whether some training with it went right.
    right: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: options.quiet };
    let device = options.device.open(0)?;
    talk.device(&device);
    let Some(gpu) = internals::gpu(&device) else {
        return Err(Failure::Run(
            "doctor: expected a device that runs shaders, got the CPU engine; choose another by --device".into(),
        ));
    };
    let mut wrong = Vec::new();
    let (kernels, trainings) = check_kernels(&device, &gpu.plan_limits(), talk)?;
    if !options.report {
        print_kernels(&kernels)?;
    }
    wrong.extend(suspects(&kernels));
    let shaders = Kernel::all().iter().filter_map(Kernel::file).collect::<BTreeSet<_>>();
    let missed: Vec<&str> = shaders.into_iter().filter(|file| !kernels.contains_key(*file)).collect();
    if !missed.is_empty() {
        wrong.push(format!("kernels that no training ran: {}", missed.join(", ")));
    }

    let gradient = check_gradient(&device)?;
    let say = |right: bool, text: String| {
        if options.report { Ok(()) } else { talk::print(&format!("{} {text}", if right { "ok    " } else { "WRONG " })) }
    };
    say(
        gradient <= ALLOWED_GRADIENT,
        format!("gradients: {gradient:.1e} of the greatest from central differences, {ALLOWED_GRADIENT:.0e} allowed"),
    )?;
    if gradient.is_nan() || gradient > ALLOWED_GRADIENT {
        wrong.push(format!("gradients, by {gradient:.1e}"));
    }

    let equal = check_determinism(&device)?;
    say(equal, format!("bits: {REPEATED} trainings of each engine {}", if equal { "are equal" } else { "differ" }))?;
    if !equal {
        wrong.push("determinism".into());
    }

    let (reached, peak) = (throughput(&options.device)?, peak::peak(&gpu, if gpu.is_software() { 1 } else { 64 })?);
    let share = 100.0 * reached / peak.unrolled;
    say(
        true,
        format!(
            "speed: {reached:.1} GFLOP/s in training steps, {share:.0} % of the {:.1} that its shaders reach at most; {:.1} GB/s",
            peak.unrolled, peak.bytes
        ),
    )?;

    if options.report {
        let info = device.info();
        let cells = [
            info.name.clone(),
            format!("{}, {}", info.driver, info.backend),
            format!("*ran*, shaderprop {}", env!("CARGO_PKG_VERSION")),
            if wrong.is_empty() {
                format!("{} kernels in {trainings} trainings, gradients, bits: all right", kernels.len())
            } else {
                format!("WRONG: {}", wrong.join("; "))
            },
            format!("{reached:.1} GFLOP/s, {share:.0} % of peak"),
        ];
        talk::print(&format!("| {} |", cells.map(|cell| cell.replace('|', "/")).join(" | ")))?;
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(Failure::Run(format!(
            "{}: expected what the reference computes, got something else in {}; update the driver, and report it with `shaderprop doctor --report`",
            device.info().name,
            wrong.join("; ")
        ))),
    }
}

/// Trains all cases on the device and on the CPU engine; gives what was found of each kernel, and how many trainings there were.
fn check_kernels(device: &Device, limits: &Limits, talk: Talk) -> Result<(BTreeMap<String, Found>, usize), Failure> {
    let mut kernels: BTreeMap<String, Found> = BTreeMap::new();
    let cases = cases();
    for (i, case) in cases.iter().enumerate() {
        if i % 10 == 0 {
            talk.say(format!("training {} of {}: {}", i + 1, cases.len(), case.name));
        }
        let products = case.products.unwrap_or(limits.products);
        let device = internals::limited(device, Limits { products, ..*limits });
        let (labels, difference) = difference(&device, case);
        // What the driver says counts as wrong.
        let difference = difference.unwrap_or_else(|error| {
            talk.say(format!("{}: {error}", case.name));
            f64::INFINITY
        });
        for label in labels {
            let found = kernels.entry(name_of(&label)).or_default();
            found.trainings += 1;
            found.worst = found.worst.max(difference);
            if difference <= ALLOWED {
                found.right = true;
            } else {
                found.wrong.push(case.name.clone());
            }
        }
    }
    Ok((kernels, cases.len()))
}

/// A file's variants together, and what is emitted by what it is: `product ab rows`, `fused`.
fn name_of(label: &str) -> String {
    let name = label.split(" (").next().unwrap_or(label);
    let words = if name.starts_with("fused") { 1 } else { 3 };
    name.split(' ').take(words).collect::<Vec<_>>().join(" ")
}

/// The kernels that a case runs, and how far what comes out is from the reference.
fn difference(device: &Device, case: &Case) -> (Vec<String>, Result<f64, shaderprop::Error>) {
    let init = Init::GlorotUniform { seed: 5 };
    let models = |device: &Device| Model::new(device, &case.network, &init);
    let (mut on_device, mut reference) = match (models(device), models(&Device::cpu())) {
        (Ok(on_device), Ok(reference)) => (on_device, reference),
        (Err(error), _) | (_, Err(error)) => return (Vec::new(), Err(error)),
    };
    let labels = match internals::kernels(&on_device, &case.fit, case.inputs.rows()) {
        Ok(labels) => labels.into_iter().collect(),
        Err(error) => return (Vec::new(), Err(error)),
    };
    let start = reference.weights();
    let mut trained = || {
        let got = on_device.fit(&case.inputs, &case.targets, &case.fit)?;
        let expected = reference.fit(&case.inputs, &case.targets, &case.fit.clone().engine(EngineChoice::Auto))?;
        let (outputs, expected_outputs) = (on_device.predict(&case.inputs)?, reference.predict(&case.inputs)?);
        let moved = furthest(&on_device.weights(), &reference.weights(), &start);
        let measured = apart(&got, &expected, case.inputs.rows());
        Ok(greatest([moved, measured, relative(outputs.values(), expected_outputs.values())].into_iter()))
    };
    let difference = trained();
    (labels, difference)
}

/// How far tensors are from others, relative to how far those went from the start.
fn furthest(got: &[Tensor], expected: &[Tensor], start: &[Tensor]) -> f64 {
    let norm = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let all = |of: &[Tensor], from: &[Tensor]| of.iter().zip(from).map(|(a, b)| norm(&a.values, &b.values)).collect::<Vec<_>>();
    let (errors, moves) = (all(got, expected), all(expected, start));
    // A tensor that hardly moves is measured by what moves most.
    let most = moves.iter().fold(f64::MIN_POSITIVE, |a, b| a.max(*b));
    greatest(errors.iter().zip(&moves).map(|(error, moved)| error / moved.max(0.01 * most)))
}

/// How far the numbers of two histories are apart, relative to the greater of each; of counted rows one may be on another side.
fn apart(got: &History, expected: &History, rows: usize) -> f64 {
    let counted = |name: &str| ["accuracy", "precision", "recall", "f1"].iter().any(|metric| name.contains(metric));
    let measured = |history: &History| {
        history
            .metrics
            .iter()
            .chain(&history.validation_metrics)
            .map(|(name, values)| (name.clone(), values.clone()))
            .collect::<Vec<_>>()
    };
    let metrics = measured(got).into_iter().zip(measured(expected)).map(|((name, a), (_, b))| {
        let off = relative_f64(&a, &b);
        if counted(&name) && a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 4.0 / rows as f64) { 0.0 } else { off }
    });
    let losses = [(&got.loss, &expected.loss), (&got.validation_loss, &expected.validation_loss)];
    greatest(metrics.chain(losses.map(|(a, b)| relative_f64(a, b))))
}

fn relative_f64(got: &[f64], expected: &[f64]) -> f64 {
    let size = expected.iter().fold(1e-6, |a: f64, b| a.max(b.abs()));
    greatest(got.iter().zip(expected).map(|(a, b)| (a - b).abs() / size))
}

fn relative(got: &[f32], expected: &[f32]) -> f64 {
    let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
    relative_f64(&wide(got), &wide(expected))
}

/// The greatest of them; infinite if one is no number.
fn greatest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |greatest, value| if value.is_nan() { f64::INFINITY } else { greatest.max(value) })
}

fn print_kernels(kernels: &BTreeMap<String, Found>) -> Result<(), Failure> {
    let longest = kernels.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for (name, found) in kernels {
        let state = match (found.wrong.is_empty(), found.right) {
            (true, _) => "ok    ",
            // It was in company that went wrong.
            (false, true) => "ok?   ",
            (false, false) => "WRONG ",
        };
        let wrong = if found.wrong.is_empty() { String::new() } else { format!("; wrong in {}", found.wrong.join(", ")) };
        talk::print(&format!(
            "{state} {name:longest$}  {:>3} trainings, at most {:.1e} from the reference{wrong}",
            found.trainings, found.worst
        ))?;
    }
    Ok(())
}

/// What must be wrong, by name: kernels with which no training went right, or if there are none the trainings themselves.
fn suspects(kernels: &BTreeMap<String, Found>) -> Vec<String> {
    let never: Vec<String> =
        kernels.iter().filter(|(_, found)| !found.wrong.is_empty() && !found.right).map(|(name, _)| name.clone()).collect();
    if !never.is_empty() {
        return never;
    }
    let mut cases: Vec<String> = kernels.values().flat_map(|found| found.wrong.clone()).collect();
    cases.sort();
    cases.dedup();
    cases
}

/// How far the device's gradients are from central differences of the reference's loss, relative to the greatest.
fn check_gradient(device: &Device) -> Result<f64, Failure> {
    let network = Network::new(4).dense(6, Activation::Tanh).dense(5, Activation::Sigmoid).dense(3, Activation::Softmax);
    let loss = Loss::CategoricalCrossEntropy;
    let (inputs, targets) = cases::rows(12, 4, 3);
    let init = Init::GlorotUniform { seed: 9 };
    let mut model = Model::new(device, &network, &init)?;
    let before = model.weights();
    // One step of plain descent with a rate of 1 takes the gradient off.
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
            worst = greatest([worst, (gradient - difference).abs()].into_iter());
            most = most.max(difference.abs());
        }
    }
    Ok(worst / most)
}

/// Whether repeated trainings give the same bits, by each engine.
fn check_determinism(device: &Device) -> Result<bool, Failure> {
    let network = Network::new(4).dense(6, Activation::Tanh).dense(3, Activation::Softmax);
    let (inputs, targets) = cases::rows(50, 4, 3);
    for engine in [EngineChoice::Staged, EngineChoice::Fused] {
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).batch_size(8).epochs(5).learning_rate(0.1).engine(engine);
        let trained = || -> Result<Vec<Vec<u32>>, Failure> {
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

/// GFLOP/s of training steps of a wide network: multiply-adds of its products, two operations each, by the time of epochs beyond the first ones.
fn throughput(device: &OnDevice) -> Result<f64, Failure> {
    let (rows, width) = (256, 512);
    let network =
        Network::new(width).dense(width, Activation::Relu).dense(width, Activation::Relu).dense(width, Activation::Identity);
    // With a software driver's own threads.
    let device = device.open(usize::MAX)?;
    let mut model = Model::new(&device, &network, &Init::HeUniform { seed: 1 })?;
    let inputs = Matrix::new(rows, width, numbers(rows * width))?;
    let targets = inputs.clone();
    let mut timed = |epochs: usize| -> Result<f64, Failure> {
        let begun = Instant::now();
        model.fit(&inputs, &targets, &Fit::new().learning_rate(1e-4).epochs(epochs).engine(EngineChoice::Staged))?;
        Ok(begun.elapsed().as_secs_f64())
    };
    timed(1)?;
    // What a call costs beside its epochs is in both.
    let (mut long, mut short) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..3 {
        (long, short) = (long.min(timed(21)?), short.min(timed(1)?));
    }
    let best = (long - short) / 20.0;
    // Forward, gradients, and errors of all but the first layer.
    let products = 3 + 3 + 2;
    Ok(2.0 * (products * rows * width * width) as f64 / best / 1e9)
}

/// Numbers from -1 to 1.
fn numbers(count: usize) -> Vec<f32> {
    let mut stream = Philox::new(3, 1, 0, 0);
    (0..count).map(|_| 2.0 * stream.uniform() - 1.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wrong: &[&str], right: bool) -> Found {
        Found { trainings: 2, worst: 0.5, wrong: wrong.iter().map(|name| (*name).to_owned()).collect(), right }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let kernels = |all: &[(&str, &[&str], bool)]| {
            all.iter().map(|(name, wrong, right)| ((*name).to_owned(), found(wrong, *right))).collect()
        };
        assert!(suspects(&kernels(&[("matmul.wgsl", &[], true)])).is_empty());
        let one = kernels(&[("matmul.wgsl", &["adam"], true), ("clip.wgsl", &["adam"], false), ("loss.wgsl", &[], true)]);
        assert_eq!(suspects(&one), ["clip.wgsl"]);
        // No kernel is in wrong trainings alone.
        let company = kernels(&[("matmul.wgsl", &["adam"], true), ("clip.wgsl", &["adam"], true)]);
        assert_eq!(suspects(&company), ["adam"]);
    }

    #[test]
    fn differences_are_seen() {
        let tensor = |values: [f32; 2]| vec![Tensor { name: "w".into(), shape: vec![2], values: values.to_vec() }];
        assert_eq!(furthest(&tensor([1.0, 2.0]), &tensor([1.0, 2.0]), &tensor([0.0, 0.0])), 0.0);
        assert!((furthest(&tensor([1.0, 2.0]), &tensor([1.0, 1.0]), &tensor([1.0, 0.0])) - 1.0).abs() < 1e-12);
        assert_eq!(furthest(&tensor([f32::NAN, 2.0]), &tensor([1.0, 1.0]), &tensor([1.0, 0.0])), f64::INFINITY);
        assert!(relative(&[1.0, 2.2], &[1.0, 2.0]) > 0.09 && relative(&[f32::NAN], &[1.0]).is_infinite());
        let history = |loss: f64, accuracy: f64| {
            let mut history = History::default();
            history.loss = vec![loss];
            history.metrics.insert("accuracy".into(), vec![accuracy]);
            history
        };
        assert_eq!(apart(&history(1.0, 0.5), &history(1.0, 0.53), 100), 0.0);
        assert!(
            apart(&history(1.0, 0.5), &history(1.0, 0.6), 100) > 0.1 && apart(&history(1.1, 0.5), &history(1.0, 0.5), 100) > 0.09
        );
    }
}
