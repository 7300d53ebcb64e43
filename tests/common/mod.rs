//! What the tests share: the device that they run on, numbers to compute with, and comparisons that can fail.

#![allow(dead_code, unused_imports, reason = "each test file uses only a part")]

mod cases;
mod folder;

use std::io::ErrorKind;
use std::sync::Arc;

pub use cases::{Cases, Key, by, mod4, mod4s};
pub use folder::{folder, shared};
use shaderprop::internals::{Gpu, Id, Limits, Plan, Staged, StepTable, as_in_a_browser, gpu};
use shaderprop::{Device, DeviceChoice, Error, Loss, Matrix, Philox, Tensor};

/// The device that `SHADERPROP_DEVICE` selects, or else the best adapter. The tests of shaders are useless without an
/// adapter. With `SHADERPROP_TEST_BROWSER`, the device has only what every browser guarantees.
pub fn device() -> Device {
    let device = Device::open(&DeviceChoice::from_env()).unwrap_or_else(|error| panic!("{error}"));
    assert!(gpu(&device).is_some(), "these tests run shaders, and SHADERPROP_DEVICE chose the CPU engine; unset it");
    if std::env::var_os("SHADERPROP_TEST_BROWSER").is_some() {
        return as_in_a_browser(&device).unwrap_or_else(|error| panic!("{error}"));
    }
    device
}

/// That device's GPU and limits.
pub fn open() -> (Arc<Gpu>, Limits) {
    let gpu = gpu(&device()).expect("device() has a GPU");
    let limits = gpu.plan_limits();
    (gpu, limits)
}

/// Numbers from -1 to 1, always the same for a seed.
pub fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut stream = Philox::new(seed, 1000, 0, 0);
    (0..count).map(|_| 2.0 * stream.uniform() - 1.0).collect()
}

/// Targets from 0 to 1 that any loss accepts: for categorical cross-entropy, the outputs of a row add up to 1.
pub fn targets(seed: u64, loss: Loss, rows: usize, outputs: usize) -> Matrix<'static> {
    let mut targets: Vec<f32> = numbers(seed, rows * outputs).iter().map(|t| t.abs()).collect();
    if loss == Loss::CategoricalCrossEntropy {
        for row in targets.chunks_mut(outputs) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|t| *t /= sum);
        }
    }
    Matrix::new(rows, outputs, targets).expect("a matrix")
}

pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// The tensor of that name in a plan that was assembled by hand.
#[track_caller]
pub fn find(plan: &Plan, name: &str) -> Id {
    let found = plan.tensors.iter().position(|tensor| tensor.name == name);
    Id(found.unwrap_or_else(|| panic!("the plan has no tensor `{name}`")))
}

/// The step table of such a plan.
pub fn table(plan: &Plan) -> StepTable {
    StepTable { steps: find(plan, "steps"), cursor: find(plan, "cursor"), losses: find(plan, "losses") }
}

/// Writes tensors, runs the plan `times` times, and reads tensors as a whole.
pub fn run(gpu: &Arc<Gpu>, plan: Plan, times: usize, write: &[(&str, &[f32])], read: &[&str]) -> Vec<Vec<f32>> {
    gpu.block_on(async {
        let mut staged = Staged::new(gpu.clone(), plan, 1).await?;
        for (name, values) in write {
            staged.write(find(&staged.plan, name), values)?;
        }
        staged.replay(times).await?;
        let wanted: Vec<_> = read
            .iter()
            .map(|name| {
                let id = find(&staged.plan, name);
                (id, staged.plan.len(id))
            })
            .collect();
        staged.read(&wanted).await
    })
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Whether each number is within its bound of the expected one; a NaN never is.
pub fn close(got: &[f32], expected: &[f64], bound: impl Fn(usize) -> f64) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{} numbers, expected {}", got.len(), expected.len()));
    }
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*got) - expected).abs();
        // The comparison is this way round because a NaN is within no bound.
        let within = error <= bound(i);
        if !within {
            return Err(format!("element {i}: {got}, expected {expected} within {:e}", bound(i)));
        }
    }
    Ok(())
}

/// Like [`close`], but fails the test and says where.
#[track_caller]
pub fn assert_close(what: &str, got: &[f32], expected: &[f64], bound: impl Fn(usize) -> f64) {
    if let Err(difference) = close(got, expected, bound) {
        panic!("{what}: {difference}");
    }
}

/// The relative rounding of one f32 operation.
pub const U: f64 = 1.0 / 16_777_216.0;

/// What WGSL calls a ULP, relative to a number.
pub const ULP: f64 = 2.0 * U;

/// The relative rounding of a sum of n products in any order: N. J. Higham, "Accuracy and stability of numerical
/// algorithms", 3.1.
pub fn g(n: usize) -> f64 {
    let nu = n as f64 * U;
    nu / (1.0 - nu)
}

/// The change of a tensor since the start must agree with the expected one to 1e-3 of its norm.
#[track_caller]
pub fn change_agrees(what: &str, start: &Tensor, got: &Tensor, expected: &Tensor) {
    change_agrees_within(what, start, got, expected, 0.0);
}

/// The same, plus the error that `roundings` roundings of every element cause, for tensors that hardly change.
#[track_caller]
pub fn change_agrees_within(what: &str, start: &Tensor, got: &Tensor, expected: &Tensor, roundings: f64) {
    let size = start.values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>().sqrt();
    let change = |end: &Tensor| -> Vec<f64> {
        end.values.iter().zip(&start.values).map(|(end, start)| f64::from(*end) - f64::from(*start)).collect()
    };
    let (got, expected) = (change(got), change(expected));
    let norm = expected.iter().map(|change| change * change).sum::<f64>().sqrt();
    let off = got.iter().zip(&expected).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    assert!(norm > 0.0, "{what}: {} did not move", start.name);
    // A NaN is not below anything.
    assert!(off <= 1e-3 * norm + roundings * U * size, "{what}: {}: its change is off by {off:e}, of {norm:e}", start.name);
}

/// The parts of each kind of error message: the values that were compared or else what is wrong, and after a semicolon
/// what to do about it.
fn parts_of_message(error: &Error) -> &'static [&'static str] {
    match error {
        Error::Shape { .. } | Error::Setting { .. } | Error::NotFinite { .. } | Error::Cell { .. } => {
            &["expected ", ", got ", "; "]
        }
        Error::TooLarge { .. } => &["expected at most ", ", got ", "; use smaller batches"],
        Error::NoAdapter => &["no GPU adapter", "; install", "driver"],
        Error::UnknownDevice { .. } => &["unknown device `", "; choose auto, hardware, software, cpu or "],
        Error::UnknownTensor { .. } => &["unknown tensor `", "; choose one of layers.0"],
        Error::UnknownColumn { .. } => &["unknown column `", "; choose an existing one ("],
        Error::Member { error, .. } => parts_of_message(error),
        Error::File { cause: None, .. } => &[": expected ", ", got: ", "; check the file"],
        Error::File { .. } => match error.io_kind() {
            Some(ErrorKind::NotFound) => &["cannot be read: ", "; check the path"],
            Some(ErrorKind::PermissionDenied) => &["cannot be read: ", "; change its permissions"],
            Some(ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof) => {
                &[": expected ", ", got: ", "; check the file"]
            }
            _ => &["cannot be read: ", "; check the file and its disk"],
        },
        Error::Write { .. } => match error.io_kind() {
            Some(ErrorKind::StorageFull) => &["cannot be written: ", "; make room there"],
            Some(ErrorKind::NotFound) => &["cannot be written: ", "; create its folder"],
            Some(ErrorKind::PermissionDenied) => &["cannot be written: ", "; change the permissions"],
            _ => &["cannot be written: ", "choose another place"],
        },
        Error::Exists { .. } => &["the file already exists", "; choose another name, or allow overwriting"],
        Error::OtherTraining { .. } => &["the checkpoint of a different training run, ", "; resume with ", "or start a new one"],
        Error::Export { .. } => &["cannot represent ", "; change the network or the preprocessing"],
        Error::NeedsAdapter { .. } => &["needs shaders", "; choose a GPU or a software adapter"],
        Error::Diverged { .. } => &["training diverged: ", "; lower the learning rate (", "scale the inputs"],
        Error::Shader { .. } => &["shader ", ", line ", "does not compile: ", "; correct the WGSL"],
        Error::DeviceRequest { .. } => &["cannot be opened: ", "; update its driver"],
        Error::Driver { .. } => &["the driver refused the call: ", "; update the driver"],
        Error::OutOfMemory { .. } => &["out of memory for ", " bytes are needed", "; use fewer rows"],
        Error::DeviceLost { .. } => &["device lost: ", "; reopen it, or call `Model::recover`"],
        Error::DeviceFailed { .. } => &["device failed: ", "; reopen it, or call `Model::recover`"],
        Error::Timeout { .. } => &["did not finish within ", "; reopen the device, or call `Model::recover`"],
        Error::Panicked { .. } => &["panicked: ", "; reopen the device, or call `Model::recover`"],
        other => panic!("add the parts of its message: {other:?}"),
    }
}

/// Checks that a message is one sentence that says what is wrong and what to do.
#[track_caller]
pub fn check_message(error: &Error) {
    let message = error.to_string();
    assert!(!message.contains('\n') && message.len() < 1000, "{message}");
    let mut rest = message.as_str();
    for part in parts_of_message(error) {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("`{part}` is missing or in the wrong place in: {message}")).1;
    }
    assert!(!message.ends_with("; "), "{message}");
}

/// Checks that a call was refused, with a message of one sentence that contains these words.
#[track_caller]
pub fn refused<T>(result: Result<T, Error>, words: &[&str]) {
    let Err(error) = result else { panic!("accepted, expected an error about {words:?}") };
    check_message(&error);
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "no `{word}` in: {message}");
    }
}
