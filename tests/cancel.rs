//! Cancelling: a training ends after the step that it is in, or when the device is done with the little that it was given, on every engine.
//!
//! What is bounded is counted in steps and in command buffers, not in seconds.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{device, numbers};
use shaderprop::internals::gpu;
use shaderprop::{
    Activation, Cancel, Checkpoint, Device, Ended, Engine, EngineChoice, Fit, Init, Loss, Matrix, Metric, Model, Network,
    Optimizer,
};

const ROWS: usize = 24;

fn rows() -> (Matrix<'static>, Matrix<'static>) {
    let inputs = Matrix::new(ROWS, 2, numbers(1, ROWS * 2)).expect("a matrix");
    (inputs, Matrix::column(numbers(2, ROWS)))
}

fn network() -> Network {
    Network::new(2).dense(3, Activation::Tanh).dense(1, Activation::Identity)
}

/// A network whose activation counts the values that the CPU engine asks of it, and cancels at one of them.
fn counting(cancel: &Cancel, at: usize) -> (Network, Arc<AtomicUsize>) {
    let (asked, cancel) = (Arc::new(AtomicUsize::new(0)), cancel.clone());
    let counter = asked.clone();
    let value = move |x: f64| {
        if counter.fetch_add(1, Ordering::Relaxed) + 1 == at {
            cancel.cancel();
        }
        x.tanh()
    };
    let activation = Activation::custom("counting", "tanh(x)", "1.0 - y * y", value, |_, y| 1.0 - y * y);
    (Network::new(2).dense(3, activation).dense(1, Activation::Identity), asked)
}

#[test]
fn the_cpu_engine_ends_after_the_step_that_it_is_in() {
    let (inputs, targets) = rows();
    // An epoch is six steps of four rows, and a row asks three values.
    let (step, epoch) = (4 * 3, 6 * 4 * 3);
    for (at, epochs) in [(1, 0), (step, 0), (epoch - 1, 1), (epoch, 1), (epoch + 1, 1), (10 * epoch + 2 * step + 5, 10)] {
        let cancel = Cancel::new();
        let (network, asked) = counting(&cancel, at);
        let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
        let start = model.weights();
        let fit = Fit::new().batch_size(4).epochs(1_000_000).cancel(&cancel);
        let history = model.fit(&inputs, &targets, &fit).expect("a training");
        assert_eq!((history.ended, history.loss.len()), (Ended::Cancelled, epochs), "cancelled at value {at}");
        assert_eq!((history.learning_rate.len(), model.epochs()), (epochs, epochs as u64));
        assert_eq!(asked.load(Ordering::Relaxed), at.next_multiple_of(step), "the step goes to its end, and no further");
        assert_ne!(model.weights(), start, "the weights that were reached stay");
    }
}

/// Validation rows are measured in pieces, and an epoch whose validation was left does not count.
#[test]
fn validation_is_left_between_two_pieces() {
    const VALIDATED: usize = 250_000;
    // The rows of a piece: 2²⁴ over the numbers of the network, gaps and all.
    const PIECE: usize = (1 << 24) / (3 * 64 + 4);
    let (inputs, targets) = rows();
    let cancel = Cancel::new();
    // Two whole epochs of a step each; then the second piece of the third one's validation is cancelled.
    let whole = 3 * ROWS * 3 + 2 * VALIDATED * 3;
    let (network, asked) = counting(&cancel, whole + PIECE * 3 + 1);
    let validation = Matrix::new(VALIDATED, 2, numbers(3, VALIDATED * 2)).expect("a matrix");
    let fit = Fit::new().epochs(1000).metrics([Metric::RSquared]).cancel(&cancel);
    let fit = fit.validation_data(validation, Matrix::column(numbers(4, VALIDATED)));
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let mut logged = Vec::new();
    let fit = fit.log_every(1);
    let history = model.fit_with(&inputs, &targets, &fit, |log: &shaderprop::Log| logged.push(log.epoch)).expect("a training");
    assert_eq!((history.ended, logged), (Ended::Cancelled, vec![1, 2]));
    assert_eq!(asked.load(Ordering::Relaxed), whole + 2 * PIECE * 3, "the piece goes to its end, and no further");
    assert_eq!((history.loss.len(), history.validation_loss.len(), history.metrics["r_squared"].len()), (2, 2, 2));
    assert_eq!((model.epochs(), history.to_csv().lines().count()), (2, 1 + 2));
}

/// Cancels once the device has received `after` command buffers, and returns how many it received after that.
fn given_after_cancelling(
    device: &Device,
    model: &mut Model,
    fit: &Fit,
    (inputs, targets): (Matrix<'_>, Matrix<'_>),
    after: u64,
) -> (u64, shaderprop::History) {
    let (cancel, gpu) = (Cancel::new(), gpu(device).expect("a GPU"));
    let before = gpu.command_buffers();
    let waiting = std::thread::spawn({
        let (cancel, gpu) = (cancel.clone(), gpu.clone());
        move || {
            while gpu.command_buffers() < before + after {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            cancel.cancel();
            gpu.command_buffers()
        }
    });
    let history = model.fit(&inputs, &targets, &fit.clone().cancel(&cancel)).expect("a training");
    let cancelled = waiting.join().expect("a thread");
    (gpu.command_buffers() - cancelled, history)
}

/// An epoch of 40,000 steps takes many submissions. Cancelling ends it after the one that is being prepared.
#[test]
fn a_long_epoch_ends_after_a_submission() {
    const ROWS: usize = 40_000;
    let device = device();
    let data = (Matrix::new(ROWS, 2, numbers(1, ROWS * 2)).expect("a matrix"), Matrix::column(numbers(2, ROWS)));
    let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
    let fit = Fit::new().batch_size(1).epochs(10).engine(EngineChoice::Staged);
    let (more, history) = given_after_cancelling(&device, &mut model, &fit, data, 5);
    assert_eq!((history.ended, history.loss.len()), (Ended::Cancelled, 0));
    // One is being recorded and one is on the device; then come the readbacks.
    assert!(more <= 6, "{more} command buffers after it was cancelled");
}

#[test]
fn the_staged_engine_ends_after_a_submission() {
    let device = device();
    let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
    let fit = Fit::new().batch_size(4).optimizer(Optimizer::adam()).epochs(100_000_000).engine(EngineChoice::Staged);
    let (more, history) = given_after_cancelling(&device, &mut model, &fit, rows(), 20);
    assert_eq!(history.ended, Ended::Cancelled);
    assert_eq!(model.epochs(), history.loss.len() as u64);
    // A submission has up to 64 command buffers. One may be on the device while the next is recorded; then come the readbacks.
    assert!(more <= 2 * 64 + 8, "{more} command buffers after it was cancelled");
}

/// The rows are enough for one block of prepared epochs to take many dispatches.
#[test]
fn the_fused_engine_ends_after_a_dispatch() {
    let device = device();
    let data = || (Matrix::new(2400, 2, numbers(1, 4800)).expect("a matrix"), Matrix::column(numbers(2, 2400)));
    let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
    let fit = Fit::new().optimizer(Optimizer::adam()).epochs(1_000_000).engine(EngineChoice::Fused);
    let (more, history) = given_after_cancelling(&device, &mut model, &fit, data(), 10);
    assert_eq!((history.engine, history.ended), (Engine::Fused, Ended::Cancelled));
    assert_eq!(model.epochs(), history.loss.len() as u64);
    // Two dispatches, each with the order of its rows; then come the readbacks.
    assert!(more <= 8, "{more} command buffers after it was cancelled");
    // The result is that of a training run of these epochs alone.
    let mut other = Model::new(&device, &network(), &Init::default()).expect("a model");
    let (inputs, targets) = data();
    other.fit(&inputs, &targets, &fit.epochs(history.loss.len())).expect("a training");
    assert_eq!(other.weights(), model.weights());
}

/// An epoch longer than a submission is left between two of its steps; a checkpoint stays that of the last whole epoch.
#[test]
fn an_epoch_is_left_between_two_steps_and_continues_from_its_checkpoint() {
    let path = common::folder("cancel").join("model.checkpoint");
    let (inputs, targets) = rows();
    let settings = Fit::new().batch_size(4).optimizer(Optimizer::adam()).loss(Loss::MeanSquaredError);
    let cancel = Cancel::new();
    let (network, _) = counting(&cancel, 5 * 6 * 4 * 3 + 3 * 4 * 3);
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let saved = settings.clone().checkpoint(Checkpoint::new(&path).overwrite(true)).epochs(20);
    let history = model.fit(&inputs, &targets, &saved.clone().cancel(&cancel)).expect("a training");
    assert_eq!((history.loss.len(), history.ended), (5, Ended::Cancelled));
    let resumed = model.resume(&path, &inputs, &targets, &saved).expect("the training goes on");
    let mut undisturbed = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let expected = undisturbed.fit(&inputs, &targets, &settings.epochs(20)).expect("a training");
    assert_eq!(resumed.loss, expected.loss);
    assert_eq!(model.weights(), undisturbed.weights());
    std::fs::remove_file(path).expect("a checkpoint");
}

#[test]
fn a_training_that_ran_to_its_end_was_not_cancelled() {
    let (inputs, targets) = rows();
    for device in [device(), Device::cpu()] {
        for (at, ended, epochs) in [(3, Ended::Cancelled, 3), (5, Ended::Finished, 5)] {
            let cancel = Cancel::new();
            let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
            let fit = Fit::new().epochs(5).log_every(1).cancel(&cancel);
            let log = |log: &shaderprop::Log| {
                if log.epoch == at {
                    cancel.cancel();
                }
            };
            let history = model.fit_with(&inputs, &targets, &fit, log).expect("a training");
            assert_eq!((history.ended, history.loss.len()), (ended, epochs));
        }
    }
}
