//! Cancelling on every engine: a training run ends after its current step, or when the device has finished the little
//! work that was already submitted.
//!
//! The bounds are numbers of steps and command buffers, not seconds.

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

/// A network whose activation counts its evaluations on the CPU engine, and cancels at one of them.
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
fn the_cpu_engine_stops_after_its_current_step() {
    let (inputs, targets) = rows();
    // An epoch has six steps of four rows, and each row needs three evaluations.
    let (step, epoch) = (4 * 3, 6 * 4 * 3);
    for (at, epochs) in [(1, 0), (step, 0), (epoch - 1, 1), (epoch, 1), (epoch + 1, 1), (10 * epoch + 2 * step + 5, 10)] {
        let cancel = Cancel::new();
        let (network, asked) = counting(&cancel, at);
        let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
        let start = model.weights();
        let fit = Fit::new().batch_size(4).epochs(1_000_000).cancel(&cancel);
        let history = model.fit(&inputs, &targets, &fit).expect("a training run");
        assert_eq!((history.ended, history.loss.len()), (Ended::Cancelled, epochs), "cancelled at evaluation {at}");
        assert_eq!((history.learning_rate.len(), model.epochs()), (epochs, epochs as u64));
        assert_eq!(asked.load(Ordering::Relaxed), at.next_multiple_of(step), "the step is finished, and no other is begun");
        assert_ne!(model.weights(), start, "the weights reached so far are kept");
    }
}

/// Validation rows are evaluated in pieces. An epoch whose validation was cancelled does not count.
#[test]
fn validation_stops_between_two_pieces() {
    const VALIDATED: usize = 250_000;
    // The rows of a piece: 2²⁴ divided by the numbers of the network, including padding.
    const PIECE: usize = (1 << 24) / (3 * 64 + 4);
    let (inputs, targets) = rows();
    let cancel = Cancel::new();
    // Two complete epochs of one step each. The third epoch is cancelled in the second piece of its validation.
    let whole = 3 * ROWS * 3 + 2 * VALIDATED * 3;
    let (network, asked) = counting(&cancel, whole + PIECE * 3 + 1);
    let validation = Matrix::new(VALIDATED, 2, numbers(3, VALIDATED * 2)).expect("a matrix");
    let fit = Fit::new().epochs(1000).metrics([Metric::RSquared]).cancel(&cancel);
    let fit = fit.validation_data(validation, Matrix::column(numbers(4, VALIDATED)));
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let mut logged = Vec::new();
    let fit = fit.log_every(1);
    let history =
        model.fit_with(&inputs, &targets, &fit, |log: &shaderprop::Log| logged.push(log.epoch)).expect("a training run");
    assert_eq!((history.ended, logged), (Ended::Cancelled, vec![1, 2]));
    assert_eq!(asked.load(Ordering::Relaxed), whole + 2 * PIECE * 3, "the piece is finished, and no other is begun");
    assert_eq!((history.loss.len(), history.validation_loss.len(), history.metrics["r_squared"].len()), (2, 2, 2));
    assert_eq!((model.epochs(), history.to_csv().lines().count()), (2, 1 + 2));
}

/// Cancels once the device has received `after` command buffers, and returns how many it received after that.
fn received_after_cancelling(
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
    let history = model.fit(&inputs, &targets, &fit.clone().cancel(&cancel)).expect("a training run");
    let cancelled = waiting.join().expect("a thread");
    (gpu.command_buffers() - cancelled, history)
}

/// An epoch of 40,000 steps takes many submissions. Cancelling ends it after the submission that is being prepared.
#[test]
fn a_long_epoch_stops_after_a_submission() {
    const ROWS: usize = 40_000;
    let device = device();
    let data = (Matrix::new(ROWS, 2, numbers(1, ROWS * 2)).expect("a matrix"), Matrix::column(numbers(2, ROWS)));
    let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
    let fit = Fit::new().batch_size(1).epochs(10).engine(EngineChoice::Staged);
    let (more, history) = received_after_cancelling(&device, &mut model, &fit, data, 5);
    assert_eq!((history.ended, history.loss.len()), (Ended::Cancelled, 0));
    // One submission is being recorded and one is on the device. Then the readbacks follow.
    assert!(more <= 6, "{more} command buffers after cancelling");
}

#[test]
fn the_staged_engine_stops_after_a_submission() {
    let device = device();
    let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
    let fit = Fit::new().batch_size(4).optimizer(Optimizer::adam()).epochs(100_000_000).engine(EngineChoice::Staged);
    let (more, history) = received_after_cancelling(&device, &mut model, &fit, rows(), 20);
    assert_eq!(history.ended, Ended::Cancelled);
    assert_eq!(model.epochs(), history.loss.len() as u64);
    // A submission has up to 64 command buffers. One may be on the device while the next is recorded. Then the
    // readbacks follow.
    assert!(more <= 2 * 64 + 8, "{more} command buffers after cancelling");
}

/// There are enough rows for one block of prepared epochs to take many dispatches.
#[test]
fn the_fused_engine_stops_after_a_dispatch() {
    let device = device();
    let data = || (Matrix::new(2400, 2, numbers(1, 4800)).expect("a matrix"), Matrix::column(numbers(2, 2400)));
    let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
    let fit = Fit::new().optimizer(Optimizer::adam()).epochs(1_000_000).engine(EngineChoice::Fused);
    let (more, history) = received_after_cancelling(&device, &mut model, &fit, data(), 10);
    assert_eq!((history.engine, history.ended), (Engine::Fused, Ended::Cancelled));
    assert_eq!(model.epochs(), history.loss.len() as u64);
    // Two dispatches, each with the order of its rows. Then the readbacks follow.
    assert!(more <= 8, "{more} command buffers after cancelling");
    // The result is that of a training run with just that many epochs.
    let mut other = Model::new(&device, &network(), &Init::default()).expect("a model");
    let (inputs, targets) = data();
    other.fit(&inputs, &targets, &fit.epochs(history.loss.len())).expect("a training run");
    assert_eq!(other.weights(), model.weights());
}

/// An epoch can be cancelled between two of its steps. The checkpoint is still that of the last complete epoch.
#[test]
fn a_run_cancelled_between_two_steps_resumes_from_its_checkpoint() {
    let path = common::folder("cancel").join("model.checkpoint");
    let (inputs, targets) = rows();
    let settings = Fit::new().batch_size(4).optimizer(Optimizer::adam()).loss(Loss::MeanSquaredError);
    let cancel = Cancel::new();
    let (network, _) = counting(&cancel, 5 * 6 * 4 * 3 + 3 * 4 * 3);
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let saved = settings.clone().checkpoint(Checkpoint::new(&path).overwrite(true)).epochs(20);
    let history = model.fit(&inputs, &targets, &saved.clone().cancel(&cancel)).expect("a training run");
    assert_eq!((history.loss.len(), history.ended), (5, Ended::Cancelled));
    let resumed = model.resume(&path, &inputs, &targets, &saved).expect("the rest of the training run");
    let mut undisturbed = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let expected = undisturbed.fit(&inputs, &targets, &settings.epochs(20)).expect("a training run");
    assert_eq!(resumed.loss, expected.loss);
    assert_eq!(model.weights(), undisturbed.weights());
    std::fs::remove_file(path).expect("a checkpoint");
}

#[test]
fn a_finished_training_run_was_not_cancelled() {
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
            let history = model.fit_with(&inputs, &targets, &fit, log).expect("a training run");
            assert_eq!((history.ended, history.loss.len()), (ended, epochs));
        }
    }
}
