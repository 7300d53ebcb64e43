//! Devices that are lost in the middle of a training run: it continues from its last checkpoint, and ends with the same
//! bits as without the loss.
//!
//! `SHADERPROP_LONG` loses a hundred devices instead of a few.

mod common;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{device, numbers, refused};
use shaderprop::internals::gpu;
use shaderprop::{
    Activation, Checkpoint, Device, EarlyStopping, EngineChoice, Error, Fit, History, Init, Log, Matrix, Metric, Model, Network,
    Optimizer, Philox,
};

const EPOCHS: usize = 40;

fn path(name: &str) -> PathBuf {
    let path = common::shared("recover").join(name);
    let _ = std::fs::remove_file(&path);
    path
}

fn rows() -> (Matrix<'static>, Matrix<'static>) {
    let targets: Vec<f32> = numbers(2, 20).iter().map(|value| value.abs()).collect();
    (Matrix::new(20, 3, numbers(1, 60)).expect("inputs"), Matrix::new(20, 1, targets).expect("targets"))
}

/// A network and settings for the staged and for the fused engine: shuffled batches, dropout, validation.
fn trainings() -> [(&'static str, Network, Fit); 2] {
    let plain = Network::new(3).dense(6, Activation::Tanh).dense(1, Activation::Sigmoid);
    let dropped = Network::new(3).dense(6, Activation::Tanh).dropout(0.2).dense(1, Activation::Sigmoid);
    let fit = Fit::new().optimizer(Optimizer::adam()).learning_rate(0.01).epochs(EPOCHS).batch_size(6).log_every(1);
    let watched = fit.clone().validation_split(0.2).metrics([Metric::RootMeanSquaredError]);
    let staged = watched.early_stopping(EarlyStopping::patience(EPOCHS)).engine(EngineChoice::Staged);
    [("staged", dropped, staged), ("fused", plain, fit.engine(EngineChoice::Fused))]
}

fn bits(model: &Model, history: &History) -> (Vec<u32>, Vec<u64>) {
    let weights = model.weights().into_iter().flat_map(|tensor| tensor.values);
    (weights.map(f32::to_bits).collect(), history.loss.iter().map(|loss| loss.to_bits()).collect())
}

/// Destroys the device after that epoch.
fn losing(device: Device, at: usize) -> impl FnMut(&Log) {
    let gpu = gpu(&device).expect("a GPU");
    move |log| {
        if log.epoch == at {
            gpu.destroy();
        }
    }
}

#[test]
fn a_device_lost_at_any_epoch_changes_no_bits() {
    let trials = if std::env::var_os("SHADERPROP_LONG").is_some() { 50 } else { 8 };
    let (x, y) = rows();
    for (name, network, fit) in trainings() {
        let mut model = Model::new(&device(), &network, &Init::default()).expect("a model");
        let history = model.fit(&x, &y, &fit).expect("a training run");
        let expected = bits(&model, &history);
        let mut chance = Philox::new(7, 1000, 0, 0);
        for trial in 0..trials {
            let path = path(&format!("lost-{name}"));
            // A checkpoint in each epoch, or only now and then, so that epochs are run again.
            let every = [1, 1, 7][trial % 3];
            let fit = fit.clone().checkpoint(Checkpoint::new(&path).every(every));
            let mut model = Model::new(&device(), &network, &Init::default()).expect("a model");
            let at = 1 + (chance.uniform() * (EPOCHS - 1) as f32) as usize;
            let lost = model.device().clone();
            let error = model.fit_with(&x, &y, &fit, losing(lost, at)).expect_err("the device is lost");
            assert!(error.needs_new_device(), "{name}, epoch {at}: {error}");
            if trial % 2 == 0 {
                // Another attempt on the same device fails, and the checkpoint is kept.
                refused(model.fit(&x, &y, &fit), &["device lost"]);
                // It is also kept if a recovery is refused. The checkpoint is what refuses it, so there must be one.
                assert_eq!(path.exists(), at >= every, "{name}, lost after epoch {at}, a checkpoint every {every}");
                if path.exists() {
                    refused(model.recover(&x, &y, &fit.clone().epochs(EPOCHS - 1).learning_rate(0.5)), &["learning_rate"]);
                }
            }
            let history = model.recover(&x, &y, &fit).expect("it recovers");
            assert_eq!(bits(&model, &history), expected, "{name}, lost after epoch {at}, a checkpoint every {every}");
            assert!(model.predict(&x).is_ok(), "the model has the new device");
            refused(model.recover(&x, &y, &fit), &["recover", "none"]);
            std::fs::remove_file(&path).expect("the checkpoint");
        }
    }
}

/// Another thread destroys the device, with as much work in flight as possible.
#[test]
fn a_device_lost_while_working_changes_no_bits() {
    let trials = if std::env::var_os("SHADERPROP_LONG").is_some() { 50 } else { 8 };
    let (x, y) = rows();
    let mut lost = 0;
    for (name, network, fit) in trainings() {
        let fit = fit.log_every(7);
        let mut model = Model::new(&device(), &network, &Init::default()).expect("a model");
        let history = model.fit(&x, &y, &fit).expect("a training run");
        let expected = bits(&model, &history);
        let mut chance = Philox::new(8, 1000, 0, 0);
        let mut longest = Duration::from_millis(500);
        for trial in 0..trials {
            let path = path(&format!("under-way-{name}"));
            let fit = fit.clone().checkpoint(Checkpoint::new(&path).every(5));
            let mut model = Model::new(&device(), &network, &Init::default()).expect("a model");
            let gpu = gpu(model.device()).expect("a GPU");
            let wait = longest.mul_f32(chance.uniform());
            let (result, took) = std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(wait);
                    gpu.destroy();
                });
                let since = Instant::now();
                (model.fit(&x, &y, &fit), since.elapsed())
            });
            let history = match result {
                // It finished before the device was destroyed.
                Ok(history) => {
                    longest = longest.min(took);
                    history
                }
                Err(error) => {
                    assert!(error.needs_new_device(), "{name}, trial {trial}: {error}");
                    lost += 1;
                    model.recover(&x, &y, &fit).expect("it recovers")
                }
            };
            assert_eq!(bits(&model, &history), expected, "{name}, trial {trial}");
        }
    }
    println!("{lost} of {} were lost before they were done", 2 * trials);
    assert!(lost > 0);
}

/// A run that loses its device before the first checkpoint, or without any, starts again.
#[test]
fn without_a_checkpoint_training_starts_again() {
    let (x, y) = rows();
    let [(_, network, fit), _] = trainings();
    let mut model = Model::new(&device(), &network, &Init::default()).expect("a model");
    refused(model.recover(&x, &y, &fit), &["recover", "none"]);
    let mut whole = model.clone();
    let history = whole.fit(&x, &y, &fit).expect("a training run");
    let expected = bits(&whole, &history);

    let path = path("lost-early");
    let late = fit.clone().checkpoint(Checkpoint::new(&path).every(30));
    let lost = model.device().clone();
    model.fit_with(&x, &y, &late, losing(lost.clone(), 5)).expect_err("the device is lost");
    assert!(!path.exists());
    // Other models still have the lost device.
    assert!(matches!(Model::new(&lost, &network, &Init::Zeros).expect("a model").predict(&x), Err(Error::DeviceLost { .. })));
    let history = model.recover(&x, &y, &late).expect("it recovers");
    assert_eq!(bits(&model, &history), expected);
}

/// An error of the training run, not of the device, cannot be recovered from.
#[test]
fn errors_that_a_new_device_does_not_fix_are_not_recovered_from() {
    let network = Network::new(1).dense(1, Activation::Identity);
    let mut model = Model::new(&device(), &network, &Init::default()).expect("a model");
    let fit = Fit::new().learning_rate(1e9).epochs(100);
    let error = model.fit(&[[5.0]], &[[3.0]], &fit).expect_err("it diverges");
    assert!(matches!(error, Error::Diverged { .. }) && !error.needs_new_device(), "{error}");
    refused(model.recover(&[[5.0]], &[[3.0]], &fit), &["recover", "none"]);
}

#[test]
fn the_cpu_engine_is_reopened_as_itself() {
    assert_eq!(Device::cpu().reopen().expect("the CPU engine").info(), Device::cpu().info());
    let device = device();
    let again = device.reopen().expect("the same adapter");
    assert_eq!(again.info(), device.info());
}
