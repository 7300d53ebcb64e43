//! Asynchronous calls return what the blocking ones return. Log points by time, with weights.

mod common;

use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{device, numbers};
use shaderprop::internals::gpu;
use shaderprop::{
    Activation, Device, EngineChoice, Error, Fit, Init, Load, Log, Loss, Matrix, Member, Metric, Model, Network, Optimizer,
    Predictor, Save, Sweep,
};

fn task() -> (Network, Matrix<'static>, Matrix<'static>) {
    let network = Network::new(3).dense(5, Activation::Tanh).dense(2, Activation::Softmax);
    let inputs = Matrix::new(20, 3, numbers(1, 60)).expect("a matrix");
    (network, inputs, Matrix::column((0..20).map(|row| (row % 2) as f32).collect::<Vec<_>>()))
}

fn settings(engine: EngineChoice) -> Fit {
    Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).batch_size(8).epochs(30).engine(engine)
}

#[test]
fn asynchronous_calls_match_blocking_ones() {
    let (network, inputs, targets) = task();
    for device in [device(), Device::cpu()] {
        for engine in [EngineChoice::Staged, EngineChoice::Fused] {
            let fit = settings(engine);
            let mut blocking = Model::new(&device, &network, &Init::default()).expect("a model");
            let mut other = blocking.clone();
            let expected = blocking.fit(&inputs, &targets, &fit).expect("a training run");
            pollster::block_on(async {
                let mut logged = Vec::new();
                let fit = fit.log_every(7);
                let history = other.fit_async(&inputs, &targets, &fit, async |log: &Log| logged.push(log.epoch)).await;
                assert_eq!(history.expect("a training run"), expected);
                assert_eq!(logged, [1, 8, 15, 22, 29]);
                assert_eq!(other.weights(), blocking.weights());
                let predicted = other.predict_async(&inputs).await.expect("predictions");
                assert_eq!(predicted, blocking.predict(&inputs).expect("predictions"));
                let loss = Loss::CategoricalCrossEntropy;
                let evaluated = other.evaluate_async(&inputs, &targets, loss).await.expect("an evaluation");
                assert_eq!(evaluated, blocking.evaluate(&inputs, &targets, loss).expect("an evaluation"));
                match other.explain_async(&inputs, &targets, &fit, 2).await {
                    Ok(stages) => {
                        assert_eq!(stages, blocking.explain(&inputs, &targets, &fit, 2).expect("stages"));
                        assert!(stages.iter().all(|stage| stage.source.contains("@compute")), "WGSL");
                    }
                    Err(error) => assert!(matches!(error, Error::NeedsAdapter { .. }), "{error}"),
                }
            });
        }
    }
}

#[test]
fn asynchronous_devices_and_sweeps_match_blocking_ones() {
    let (network, inputs, _) = task();
    let targets = Matrix::new(20, 2, numbers(2, 40)).expect("a matrix");
    pollster::block_on(async {
        let opened = Device::open_async(&shaderprop::DeviceChoice::from_env()).await.expect("a device");
        assert_eq!(opened.reopen_async().await.expect("the same").info(), opened.info());
        let members = || (0..3).map(|seed| Member::new(Init::GlorotUniform { seed }));
        let fit = Fit::new().epochs(20);
        let mut blocking = Sweep::new(&opened, &network, members()).expect("a sweep");
        let mut other = Sweep::new(&opened, &network, members()).expect("a sweep");
        let expected = blocking.fit(&inputs, &targets, &fit).expect("a training run");
        assert_eq!(other.fit_async(&inputs, &targets, &fit).await.expect("a training run"), expected);
    });
}

/// An asynchronous training run reports a lost device, as a blocking one does.
#[test]
fn a_lost_device_is_reported() {
    let (network, inputs, targets) = task();
    let device = device();
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let before = model.weights();
    let fit = settings(EngineChoice::Auto).epochs(1000).log_every(1);
    let opened = gpu(&device).expect("a GPU");
    let lost = pollster::block_on(model.fit_async(&inputs, &targets, &fit, async |log: &Log| {
        if log.epoch == 5 {
            opened.destroy();
        }
    }));
    assert!(lost.as_ref().is_err_and(Error::needs_new_device), "{lost:?}");
    assert_eq!(model.weights(), before);
}

#[test]
fn log_points_by_time_change_nothing_and_have_the_weights() {
    let (network, inputs, targets) = task();
    for engine in [EngineChoice::Staged, EngineChoice::Fused] {
        let fit = settings(engine).epochs(3000);
        let mut model = Model::new(&device(), &network, &Init::default()).expect("a model");
        let mut other = model.clone();
        let expected = model.fit(&inputs, &targets, &fit).expect("a training run");
        let mut logs = Vec::new();
        let fit = fit.log_interval(Duration::from_millis(5)).log_weights(true);
        let history = other.fit_with(&inputs, &targets, &fit, |log| logs.push(log.clone())).expect("a training run");
        assert_eq!(history, expected);
        assert_eq!(other.weights(), model.weights());
        assert!(logs[0].epoch == 1 && logs.windows(2).all(|pair| pair[0].epoch < pair[1].epoch), "in order");
        let last = logs.last().expect("a log");
        assert_eq!((last.epoch, &last.weights), (3000, &model.weights()), "the last epoch has a log point");
        assert!(logs.iter().all(|log| log.loss == expected.loss[log.epoch - 1]));
        // The weights at a log point are those at the end of a training run with that number of epochs.
        let log = &logs[logs.len() / 2];
        let mut shorter = Model::new(&device(), &network, &Init::default()).expect("a model");
        shorter.fit(&inputs, &targets, &settings(engine).epochs(log.epoch)).expect("a training run");
        assert_eq!(log.weights, shorter.weights(), "epoch {}", log.epoch);
        // Training can be stopped at such a log point.
        let stopped = other.fit_with(&inputs, &targets, &fit, |log| match log.epoch {
            1 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        });
        assert!(stopped.expect("a training run").loss.len() < 3000);
    }
    let both = settings(EngineChoice::Auto).log_interval(Duration::from_millis(5)).log_every(3);
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    assert!(matches!(model.fit(&inputs, &targets, &both), Err(Error::Setting { .. })));
}

/// Metrics and validation need every epoch's numbers, but log points stay as far apart as requested.
#[test]
fn log_points_by_time_are_no_more_frequent_than_requested() {
    let (network, inputs, targets) = task();
    let fit = settings(EngineChoice::Auto).log_interval(Duration::from_secs(3600)).log_weights(true);
    for fit in [fit.clone(), fit.clone().metrics([Metric::Accuracy]), fit.validation_data(inputs.clone(), targets.clone())] {
        let mut model = Model::new(&device(), &network, &Init::default()).expect("a model");
        let mut logged = Vec::new();
        let history =
            model.fit_with(&inputs, &targets, &fit, |log| logged.push((log.epoch, log.weights.len()))).expect("a training run");
        assert_eq!(history.loss.len(), 30);
        assert_eq!(logged, [(1, 4), (30, 4)], "epochs, and the number of tensors");
    }
}

/// A training run that diverges restores the weights of the last log point.
#[test]
fn divergence_restores_the_last_log_point_by_time() {
    let network = Network::new(1).dense(1, Activation::Identity);
    for engine in [EngineChoice::Staged, EngineChoice::Fused] {
        let mut model = Model::new(&device(), &network, &Init::Constant(0.5)).expect("a model");
        let before = model.weights();
        let fit = Fit::new().optimizer(Optimizer::sgd()).learning_rate(2.0).epochs(10_000).engine(engine);
        let fit = fit.log_interval(Duration::from_nanos(1)).log_weights(true);
        let mut logged = Vec::new();
        let diverged =
            model.fit_with([[1.0], [2.0]].as_slice(), [[1.0], [0.0]].as_slice(), &fit, |log| logged = log.weights.clone());
        assert!(matches!(diverged, Err(Error::Diverged { .. })), "{diverged:?}");
        assert!(model.weights() == logged && logged != before, "{engine:?}");
    }
}

/// Wakes an executor, and records which threads woke it.
struct Woken(mpsc::Sender<()>, Mutex<Vec<Option<PathBuf>>>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.1.lock().expect("no panic").push(std::fs::read_link("/proc/thread-self").ok());
        // Sending fails once the future is done.
        let _ = self.0.send(());
    }
}

/// Polls a future only when it is woken, as event loops do. Returns its output, the number of polls, and the threads
/// that woke it.
fn when_woken<T>(future: impl Future<Output = T>) -> (T, usize, Vec<PathBuf>) {
    let (sender, receiver) = mpsc::channel();
    let woken = Arc::new(Woken(sender, Mutex::default()));
    let (mut future, waker) = (pin!(future), Waker::from(woken.clone()));
    for polls in 1.. {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            let threads = woken.1.lock().expect("no panic").drain(..).flatten().collect();
            return (done, polls, threads);
        }
        receiver.recv_timeout(Duration::from_secs(100)).expect("the future is woken");
        // Several wake-ups before a poll count as one.
        while receiver.try_recv().is_ok() {}
    }
    unreachable!("the loop returns once the future is done")
}

/// Futures are polled only when the device has finished something.
#[test]
fn futures_are_polled_only_a_few_times_per_readback() {
    let (network, inputs, targets) = task();
    for engine in [EngineChoice::Staged, EngineChoice::Fused] {
        let device = device();
        let opened = gpu(&device).expect("a GPU");
        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        let mut expected = model.clone();
        let fit = settings(engine).epochs(2000).log_every(100);
        expected.fit(&inputs, &targets, &fit).expect("a training run");
        let before = (opened.readbacks(), opened.command_buffers());
        let (trained, polls, _) = when_woken(model.fit_async(&inputs, &targets, &fit, async |_: &Log| ()));
        trained.expect("a training run");
        assert_eq!(model.weights(), expected.weights());
        let (readbacks, commands) = (opened.readbacks() - before.0, opened.command_buffers() - before.1);
        println!("{engine:?}: {polls} polls for {readbacks} readbacks and {commands} command buffers");
        // At most three polls per readback, and three per submission, which has several command buffers.
        assert!(polls as u64 <= 3 * readbacks + commands / 4 + 10, "{polls} polls for {readbacks} readbacks");
        assert!(readbacks >= 20, "{readbacks} readbacks");
    }
}

/// If another thread destroys the device, a waiting future is woken at once.
#[test]
fn a_lost_device_wakes_a_waiting_future() {
    let (network, inputs, targets) = task();
    let device = device();
    let opened = gpu(&device).expect("a GPU");
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let fit = settings(EngineChoice::Staged).epochs(5_000_000).log_every(1000);
    let (started, start) = mpsc::channel();
    let killer = std::thread::spawn(move || {
        start.recv().expect("the first log point");
        opened.destroy();
    });
    let (lost, ..) = when_woken(model.fit_async(&inputs, &targets, &fit, async |_: &Log| {
        // Sending fails once the other thread has ended.
        let _ = started.send(());
    }));
    killer.join().expect("the other thread");
    assert!(lost.as_ref().is_err_and(Error::needs_new_device), "{lost:?}");
}

/// Several futures wait for one device while a blocking call uses it, too.
#[test]
fn several_calls_wait_for_one_device() {
    let (network, inputs, targets) = task();
    let device = device();
    let fit = settings(EngineChoice::Staged).epochs(300).log_every(10);
    let mut expected = Model::new(&device, &network, &Init::default()).expect("a model");
    let models = [expected.clone(), expected.clone()];
    std::thread::scope(|scope| {
        let trainings = models.map(|mut model| {
            let (fit, inputs, targets) = (&fit, &inputs, &targets);
            scope.spawn(move || {
                when_woken(model.fit_async(inputs, targets, fit, async |_: &Log| ())).0.expect("a training run");
                model.weights()
            })
        });
        expected.fit(&inputs, &targets, &fit).expect("a training run");
        for training in trainings {
            assert_eq!(training.join().expect("no panic"), expected.weights());
        }
    });
}

/// The thread that waits for a device ends with it, even if the device is dropped while a future is waiting.
#[cfg(target_os = "linux")]
#[test]
fn the_thread_of_a_device_ends_with_it() {
    let (network, inputs, targets) = task();
    let own = std::fs::read_link("/proc/thread-self").expect("this thread");
    let (device, fit) = (device(), settings(EngineChoice::Staged).log_every(1));
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let (_, _, threads) = when_woken(model.fit_async(&inputs, &targets, &fit, async |_: &Log| ()));
    let others: Vec<_> =
        threads.into_iter().filter(|thread| *thread != own).map(|thread| PathBuf::from("/proc").join(thread)).collect();
    assert!(!others.is_empty() && others.iter().all(|thread| thread.exists()), "{others:?}");
    assert!(
        pollster::block_on(polled(model.fit_async(&inputs, &targets, &fit, async |_: &Log| ()), 2)),
        "the future is still waiting"
    );
    drop((device, model));
    assert!(others.iter().all(|thread| !thread.exists()), "{others:?}");
}

/// A future may move to another thread between two polls, and need not be polled on the thread that opened its device.
#[test]
fn futures_move_between_threads() {
    let (network, inputs, targets) = task();
    let fit = settings(EngineChoice::Staged);
    let mut model = Model::new(&device(), &network, &Init::default()).expect("a model");
    let mut expected = model.clone();
    expected.fit(&inputs, &targets, &fit).expect("a training run");
    std::thread::scope(|scope| {
        let mut training: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(model.fit_async(&inputs, &targets, &fit, async |_: &Log| ()));
        loop {
            let polled = scope.spawn(move || {
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                (training.as_mut().poll(&mut context).map(|trained: Result<_, Error>| trained.expect("a training run")), training)
            });
            let (poll, rest) = polled.join().expect("no panic");
            if poll.is_ready() {
                break;
            }
            training = rest;
        }
    });
    assert_eq!(model.weights(), expected.weights());
}

/// A future that is dropped midway leaves the device, the model and the predictor unchanged.
#[test]
fn futures_can_be_dropped_after_any_poll() {
    let (network, inputs, targets) = task();
    let device = device();
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let mut predictor = Predictor::new(&model, &inputs).expect("a predictor");
    let (before, expected) = (model.weights(), model.predict(&inputs).expect("predictions"));
    let fit = settings(EngineChoice::Staged).log_every(1);
    let mut dropped = [0, 0];
    for polls in 1..40 {
        dropped[0] += usize::from(pollster::block_on(polled(predictor.activations_async(), polls)));
        let (weights, answer) = (model.weights(), predictor.predict());
        predictor.set_weights(&weights).expect("weights");
        assert_eq!(answer.expect("predictions"), expected, "{polls}");
        let left = pollster::block_on(polled(model.fit_async(&inputs, &targets, &fit, async |_: &Log| ()), polls));
        dropped[1] += usize::from(left);
        if !left {
            model = Model::new(&device, &network, &Init::default()).expect("a model");
        }
        assert_eq!(model.weights(), before, "{polls}");
        assert_eq!(model.predict(&inputs).expect("predictions"), expected, "{polls}");
    }
    assert!(dropped.iter().all(|dropped| *dropped > 0), "{dropped:?}");
    gpu(&device).expect("a GPU").check().expect("a device without a fault");
}

/// Polls a future the given number of times, then drops it. Returns whether it was still pending.
async fn polled<T>(future: impl Future<Output = T>, polls: usize) -> bool {
    let mut future = Box::pin(future);
    let mut count = 0;
    poll_fn(|context| {
        count += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending if count == polls => Poll::Ready(true),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[test]
fn a_predictor_matches_its_model() {
    let (network, inputs, targets) = task();
    for device in [device(), Device::cpu()] {
        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        let mut predictor = Predictor::new(&model, &inputs).expect("a predictor");
        for _ in 0..3 {
            model.fit(&inputs, &targets, &settings(EngineChoice::Staged)).expect("a training run");
            // `weights` returns f32, but the CPU engine keeps f64. Setting them rounds the model's own numbers, too.
            let weights = model.weights();
            model.set_weights(&weights).expect("weights");
            predictor.set_weights(&weights).expect("weights");
            assert_eq!(predictor.predict().expect("predictions"), model.predict(&inputs).expect("predictions"));
        }
        let layers = predictor.activations().expect("activations");
        assert_eq!(layers.iter().map(|layer| (layer.rows(), layer.columns())).collect::<Vec<_>>(), [(20, 5), (20, 2)]);
        assert_eq!(layers[1], model.predict(&inputs).expect("predictions"));
        // A network of the first layer alone has the same outputs.
        let first =
            Model::new(&device, &Network::new(3).dense(5, Activation::Tanh), &Init::Values(model.weights()[..2].to_vec()));
        assert_eq!(layers[0], first.expect("a model").predict(&inputs).expect("predictions"));
        assert!(matches!(Predictor::new(&model, [[1.0, 2.0]].as_slice()), Err(Error::Shape { .. })));
        let mut wrong = model.weight("layers.0.bias").expect("a bias");
        wrong.shape = vec![4];
        assert!(predictor.set_weights(&[wrong]).is_err());
        assert_eq!(
            predictor.predict().expect("predictions"),
            model.predict(&inputs).expect("predictions"),
            "either all weights are set or none"
        );
    }
}

#[test]
fn to_bytes_returns_what_save_writes() {
    let (network, ..) = task();
    let model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let folder = common::folder("bytes");
    for name in ["model.safetensors", "model.npz", "model.onnx", "model.json", "model.c"] {
        let path = folder.join(name);
        let bytes = model.to_bytes(&path, &Save::new()).expect("bytes");
        model.save(&path, &Save::new().overwrite(true)).expect("a file");
        assert_eq!(std::fs::read(&path).expect("the file"), bytes, "{name}");
        let loaded = Model::from_bytes(&Device::cpu(), name, &bytes, &Load::new());
        match name {
            "model.safetensors" | "model.npz" => {
                assert_eq!(loaded.expect("a model").weights(), model.weights());
                // Without an extension, the first bytes tell the format.
                assert_eq!(
                    Model::from_bytes(&Device::cpu(), "model", &bytes, &Load::new()).expect("a model").weights(),
                    model.weights()
                );
                let cut = Model::from_bytes(&Device::cpu(), name, &bytes[..bytes.len() - 1], &Load::new());
                assert!(matches!(cut, Err(Error::File { .. })));
            }
            _ => assert!(matches!(loaded, Err(Error::File { .. })), "{name}"),
        }
        std::fs::remove_file(&path).expect("the file exists");
    }
    assert!(matches!(model.to_bytes("model.txt", &Save::new()), Err(Error::Setting { .. })));
}
