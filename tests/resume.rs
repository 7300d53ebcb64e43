//! Training runs that are stopped and resumed: bit for bit what they would have been without the stop.

mod common;

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use common::{device, numbers, refused};
use rand::Rng;
use shaderprop::{
    Activation, Cancel, Checkpoint, Columns, Csv, Device, EarlyStopping, Ended, Engine, EngineChoice, Error, Fit, History, Init,
    Load, Loss, Matrix, Metric, Model, Network, OnNonFinite, Optimizer, Philox, Preprocessing, Save, Schedule, Table,
};

fn path(name: &str) -> PathBuf {
    let path = common::shared("resume").join(name);
    let _ = fs::remove_file(&path);
    path
}

fn rows(count: usize, inputs: usize) -> (Matrix<'static>, Matrix<'static>) {
    let x = numbers(1, count * inputs);
    let y: Vec<f32> =
        x.chunks(inputs).zip(numbers(2, count)).map(|(x, noise)| f32::from(x[0] * x[1] + 0.4 * noise > 0.0)).collect();
    (Matrix::new(count, inputs, x).expect("inputs"), Matrix::column(y))
}

fn bits(model: &Model) -> Vec<u32> {
    model.weights().iter().flat_map(|tensor| tensor.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>()).collect()
}

/// The result of a training run, and the weights of the same model after two more epochs.
fn end(mut model: Model, history: History, fit: &Fit, (x, y): &(Matrix<'_>, Matrix<'_>)) -> (History, Vec<u32>, Vec<u32>) {
    let weights = bits(&model);
    let more = fit.clone().epochs(2);
    model.fit(x, y, &more).expect("two more epochs");
    (history, weights, bits(&model))
}

/// Stops `stops` training runs at random epochs, in one of three ways each, and resumes them.
fn stopped_anywhere(name: &str, device: &Device, network: &Network, fit: &Fit, epochs: usize, stops: u64, engine: Engine) {
    let data = rows(230, network.inputs());
    let fit = fit.clone().epochs(epochs);
    let new = || Model::new(device, network, &Init::GlorotUniform { seed: 4 }).expect("a model");
    let mut model = new();
    let history = model.fit(&data.0, &data.1, &fit).expect("the training run without a stop");
    assert_eq!(history.engine, engine);
    let ran = history.loss.len();
    assert!(history.ended == Ended::EarlyStopping && ran > 10 && ran < epochs, "{name}: {:?} after {ran} epochs", history.ended);
    let expected = end(model, history, &fit, &data);

    let mut random = Philox::new(99, 1000, 0, 0);
    for trial in 0..stops {
        let path = path(&format!("{name}-{trial}.checkpoint"));
        let stop = 1 + random.next_u32() as usize % ran;
        let saved = fit.clone().checkpoint(Checkpoint::new(&path).every(1 + random.next_u32() as usize % 4));
        let mut model = new();
        match trial % 3 {
            // By the callback.
            0 => {
                let stopping =
                    |log: &shaderprop::Log| if log.epoch == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
                model.fit_with(&data.0, &data.1, &saved.clone().log_every(1), stopping).expect("a part");
            }
            // By cancelling.
            1 => {
                let cancel = Cancel::new();
                let with = saved.clone().cancel(&cancel).log_every(1);
                model
                    .fit_with(&data.0, &data.1, &with, |log| {
                        if log.epoch == stop {
                            cancel.cancel()
                        }
                    })
                    .expect("a part");
            }
            // By its number of epochs.
            _ => {
                model.fit(&data.0, &data.1, &saved.clone().epochs(stop)).expect("a part");
            }
        }
        // A new model, because nothing of the first one would be left in another process.
        let mut model = new();
        let history = model.resume(&path, &data.0, &data.1, &saved).expect("the rest");
        assert_eq!(end(model, history, &fit, &data), expected, "{name}: stopped at epoch {stop} of {ran}");
        fs::remove_file(&path).expect("the file is removed");
    }
}

fn stopping() -> EarlyStopping {
    EarlyStopping::patience(6)
}

/// Dropout, Adam, shuffling, a schedule that monitors the loss, early stopping, metrics, validation, decay, clipping,
/// class weights.
fn everything() -> (Network, Fit) {
    let network = Network::new(4)
        .dropout(0.05)
        .dense(24, Activation::Relu)
        .dropout(0.2)
        .dense(12, Activation::Gelu)
        .dense(1, Activation::Sigmoid);
    let plateau = Schedule::ReduceOnPlateau { factor: 0.5, patience: 2, threshold: 1e-3, cooldown: 1, minimum: 1e-4 };
    let fit = Fit::new()
        .loss(Loss::BinaryCrossEntropy)
        .optimizer(Optimizer::adam())
        .learning_rate(0.02)
        .schedule(plateau)
        .warm_up(5)
        .weight_decay(1e-4)
        .clip_norm(1.0)
        .batch_size(16)
        .class_weights(shaderprop::ClassWeights::Balanced)
        .metrics([Metric::Accuracy, Metric::MeanAbsoluteError])
        .validation_split(0.25)
        .early_stopping(stopping())
        .seed(11);
    (network, fit)
}

#[test]
fn the_staged_engine_continues_from_anywhere() {
    let (network, fit) = everything();
    stopped_anywhere("staged", &device(), &network, &fit, 60, 36, Engine::Staged);
}

#[test]
fn the_cpu_engine_continues_from_anywhere() {
    let (network, fit) = everything();
    stopped_anywhere("cpu", &Device::cpu(), &network, &fit, 60, 34, Engine::Cpu);
}

/// The fused engine supports neither dropout nor validation, so the training loss is monitored.
#[test]
fn the_fused_engine_continues_from_anywhere() {
    let network = Network::new(4).dense(6, Activation::Tanh).dense(1, Activation::Sigmoid);
    let fit = Fit::new()
        .loss(Loss::BinaryCrossEntropy)
        .optimizer(Optimizer::adam())
        .learning_rate(0.05)
        .schedule(Schedule::Cosine { epochs: 20, minimum: 0.001 })
        .batch_size(16)
        .early_stopping(stopping().min_delta(0.002))
        .engine(EngineChoice::Fused)
        .seed(11);
    stopped_anywhere("fused", &device(), &network, &fit, 200, 30, Engine::Fused);
}

/// Wide layers, whose products apply the optimizer; momentum; a history of many epochs; no early stopping.
#[test]
fn wide_layers_are_resumed_and_train_longer() {
    let device = device();
    let network = Network::new(64).dense(96, Activation::Tanh).dense(1, Activation::Identity);
    let data = rows(300, 64);
    let fit = Fit::new().optimizer(Optimizer::nesterov(0.9)).batch_size(64).schedule(Schedule::Step { every: 3, factor: 0.7 });
    let new = || Model::new(&device, &network, &Init::default()).expect("a model");
    let mut model = new();
    let history = model.fit(&data.0, &data.1, &fit.clone().epochs(12)).expect("a training run");
    let expected = end(model, history, &fit, &data);

    let path = path("wide.checkpoint");
    let saved = fit.clone().checkpoint(Checkpoint::new(&path).every(5));
    // Finished after 7 epochs, and resumed twice for more.
    for (i, epochs) in [7, 10, 12].into_iter().enumerate() {
        let mut model = new();
        let history = match i {
            0 => model.fit(&data.0, &data.1, &saved.clone().epochs(epochs)),
            _ => model.resume(&path, &data.0, &data.1, &saved.clone().epochs(epochs)),
        };
        let history = history.expect("a training run");
        assert_eq!(history.loss.len(), epochs);
        if epochs == 12 {
            assert_eq!(end(model, history, &fit, &data), expected);
        }
    }
    // Nothing is left to do for a training run that is finished.
    let mut model = new();
    let history = model.resume(&path, &data.0, &data.1, &saved.epochs(12)).expect("nothing more");
    assert_eq!(end(model, history, &fit, &data), expected);
}

/// A checkpoint of a model's second training run resumes that run.
#[test]
fn second_training_runs_are_resumed() {
    for device in [device(), Device::cpu()] {
        let (network, fit) = everything();
        let data = rows(100, 4);
        let fit = fit.epochs(4).early_stopping(EarlyStopping::patience(4).restore_best(false));
        // A new schedule begins where the first training run ended.
        let before = fit.clone();
        let fit = fit.schedule(Schedule::Exponential { factor: 0.7 });
        let first = |model: &mut Model| model.fit(&data.0, &data.1, &before).map(|_| ()).expect("a training run");
        let new = || Model::new(&device, &network, &Init::default()).expect("a model");
        let mut model = new();
        first(&mut model);
        let history = model.fit(&data.0, &data.1, &fit).expect("a second");
        let expected = end(model, history, &fit, &data);

        let path = path("second.checkpoint");
        let saved = fit.clone().checkpoint(Checkpoint::new(&path));
        let mut model = new();
        first(&mut model);
        model.fit_with(&data.0, &data.1, &saved.clone().log_every(2), |_| ControlFlow::Break(())).expect("a part");
        let mut model = new();
        let history = model.resume(&path, &data.0, &data.1, &saved).expect("the rest");
        assert_eq!(model.epochs(), 8);
        assert_eq!(end(model, history, &fit, &data), expected);
    }
}

/// A plateau that began in an earlier training run may have lasted longer than the current one.
#[test]
fn a_plateau_spans_training_runs() {
    let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
    let data = rows(30, 2);
    let plateau = Schedule::ReduceOnPlateau { factor: 0.5, patience: 50, threshold: 0.5, cooldown: 0, minimum: 1e-4 };
    let fit = Fit::new().schedule(plateau).learning_rate(1e-6).epochs(10);
    let path = path("plateau.checkpoint");
    let saved = fit.clone().checkpoint(Checkpoint::new(&path));
    let new = || Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let trained = || {
        let mut model = new();
        model.fit(&data.0, &data.1, &fit).expect("ten epochs without an improvement");
        model
    };
    let mut model = trained();
    let history = model.fit(&data.0, &data.1, &fit).expect("ten more");
    let expected = end(model, history, &fit, &data);
    trained().fit_with(&data.0, &data.1, &saved.clone().log_every(3), |_| ControlFlow::Break(())).expect("three of them");
    let mut model = new();
    let history = model.resume(&path, &data.0, &data.1, &saved).expect("the rest");
    assert_eq!(end(model, history, &fit, &data), expected);
}

/// A history without validation has no validation metrics, and is loaded as such.
#[test]
fn metrics_without_validation_are_resumed() {
    let network = Network::new(3).dense(4, Activation::Tanh).dense(1, Activation::Sigmoid);
    let data = rows(40, 3);
    let fit = Fit::new().loss(Loss::BinaryCrossEntropy).batch_size(16).metrics([Metric::Accuracy]).epochs(6);
    let new = || Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let mut model = new();
    let history = model.fit(&data.0, &data.1, &fit).expect("a training run");
    assert_eq!((history.metrics["accuracy"].len(), history.validation_metrics.len()), (6, 0));
    let expected = end(model, history, &fit, &data);
    let path = path("metrics.checkpoint");
    let saved = fit.clone().checkpoint(Checkpoint::new(&path));
    let _ = new().fit_with(&data.0, &data.1, &saved.clone().log_every(2), |_| ControlFlow::Break(())).expect("a part");
    let mut model = new();
    let history = model.resume(&path, &data.0, &data.1, &saved).expect("the rest");
    assert_eq!(end(model, history, &fit, &data), expected);
}

#[test]
fn a_different_training_run_is_refused() {
    let path = path("other.checkpoint");
    let (network, fit) = everything();
    let (x, y) = rows(100, 4);
    let device = Device::cpu();
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let fit = fit.epochs(3);
    let saved = fit.clone().checkpoint(Checkpoint::new(&path));
    model.fit(&x, &y, &saved).expect("a training run");
    let before = bits(&model);

    // A new training run does not replace the checkpoint unless told to.
    let result = model.fit(&x, &y, &saved);
    assert!(matches!(result, Err(Error::Exists { .. })), "{result:?}");
    assert_eq!(bits(&model), before);

    let mut resume = |x: &Matrix<'_>, y: &Matrix<'_>, fit: &Fit| model.resume(&path, x, y, fit);
    refused(resume(&x, &y, &fit.clone().learning_rate(0.5)), &["learning_rate", "it was 0.02, and is 0.5"]);
    refused(resume(&x, &y, &fit.clone().optimizer(Optimizer::adamw())), &["optimizer", "AdamW"]);
    refused(resume(&x, &y, &fit.clone().schedule(Schedule::Constant)), &["schedule", "Constant"]);
    refused(resume(&x, &y, &fit.clone().loss(Loss::Huber)), &["loss", "huber"]);
    refused(resume(&x, &y, &fit.clone().batch_size(17)), &["batch_size", "it was 16, and is 17"]);
    refused(resume(&x, &y, &fit.clone().shuffle(false)), &["shuffle"]);
    refused(resume(&x, &y, &fit.clone().seed(12)), &[" differs: it was "]);
    refused(resume(&x, &y, &fit.clone().weight_decay(0.0)), &["weight_decay"]);
    refused(resume(&x, &y, &fit.clone().clip_norm(2.0)), &["clip_norm"]);
    refused(resume(&x, &y, &fit.clone().warm_up(6)), &["warm_up"]);
    refused(resume(&x, &y, &fit.clone().metrics([Metric::Accuracy])), &["metrics"]);
    refused(resume(&x, &y, &fit.clone().early_stopping(EarlyStopping::patience(7))), &["early_stopping"]);
    refused(resume(&x, &y, &fit.clone().on_non_finite(OnNonFinite::Continue)), &["on_non_finite"]);
    refused(resume(&x, &y, &fit.clone().validation_split(0.3)), &["data"]);
    refused(resume(&x, &y, &fit.clone().class_weights(shaderprop::ClassWeights::Given(vec![1.0, 2.0]))), &["data", "checksum"]);
    refused(resume(&x, &y, &fit.clone().epochs(2)), &["after 3 epochs", "ask for 2"]);
    let other: Vec<f32> = x.values().iter().enumerate().map(|(i, x)| if i == 77 { x + 0.5 } else { *x }).collect();
    refused(resume(&Matrix::new(100, 4, other).expect("inputs"), &y, &fit), &["data", "with the checksum"]);
    let (fewer, targets) = rows(99, 4);
    refused(resume(&fewer, &targets, &fit), &["data"]);
    assert_eq!(bits(&model), before);

    for network in [Network::new(4).dense(1, Activation::Sigmoid), everything().0.dropout(0.0).dense(1, Activation::Sigmoid)] {
        let mut other = Model::new(&device, &network, &Init::default()).expect("a model");
        refused(other.resume(&path, &x, &y, &fit), &["4-24-12-1", "but the model's is"]);
    }
    let same_sizes = Network::new(4).dense(24, Activation::Relu).dense(12, Activation::Gelu).dense(1, Activation::Sigmoid);
    let mut other = Model::new(&device, &same_sizes, &Init::default()).expect("a model");
    refused(other.resume(&path, &x, &y, &fit), &["differs in other ways"]);

    // A model file is not a checkpoint, but a checkpoint is a model file.
    let model_path = path.with_extension("safetensors");
    model.save(&model_path, &Save::new().overwrite(true)).expect("it is saved");
    refused(model.resume(&model_path, &x, &y, &fit), &["Model::load"]);
    refused(model.resume(path.with_extension("none"), &x, &y, &fit), &["none"]);
    let loaded = Model::load(&device, &path, &Load::new()).expect("its weights");
    assert_eq!((loaded.network(), loaded.epochs()), (model.network(), 3));

    // A checkpoint that cannot be written is an error before training.
    let nowhere = fit.clone().checkpoint(Checkpoint::new(path.join("below a file")));
    let mut epochs = 0;
    let result = model.fit_with(&x, &y, &nowhere.log_every(1), |_| epochs += 1);
    assert!(matches!(result, Err(Error::Write { .. })), "{result:?}");
    assert_eq!(epochs, 0);
    refused(model.fit(&x, &y, &fit.checkpoint(Checkpoint::new(&path).every(0))), &["checkpoints"]);
}

/// A file that appears at its path during training is not replaced. Cross-validation and sweeps take no checkpoint.
#[test]
fn a_checkpoint_replaces_only_its_own_file() {
    let path = path("raced.checkpoint");
    let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
    let (x, y) = rows(30, 2);
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let fit = Fit::new().epochs(8).checkpoint(Checkpoint::new(&path).every(4)).log_every(1);
    let result = model.fit_with(&x, &y, &fit, |log| {
        if log.epoch == 2 {
            fs::write(&path, "precious").expect("a file")
        }
    });
    assert!(matches!(result, Err(Error::Exists { .. })), "{result:?}");
    assert_eq!(fs::read(&path).expect("the file"), b"precious");
    assert_eq!(model.epochs(), 4, "what was trained is not lost");
    for name in ["run.npz", "run.onnx", "run.c"] {
        let result = model.fit(&x, &y, &Fit::new().checkpoint(Checkpoint::new(path.with_file_name(name))));
        assert!(matches!(result, Err(Error::Setting { .. })), "{result:?}");
    }
    let fit = Fit::new().checkpoint(Checkpoint::new(path.with_extension("folds")));
    let folds =
        shaderprop::cross_validate(&Device::cpu(), &network, &Init::default(), (&x, &y), &fit, &shaderprop::Split::new(30), 3);
    refused(folds, &["checkpoint in cross-validation"]);
    let mut sweep =
        shaderprop::Sweep::new(&Device::cpu(), &network, [shaderprop::Member::new(Init::default())]).expect("a sweep");
    refused(sweep.fit(&x, &y, &fit), &["checkpoint", "none in a sweep"]);
}

/// At the end a checkpoint is written only if the last epoch has none yet: one that was removed is not written again.
#[test]
fn the_last_checkpoint_is_written_once() {
    let path = path("once.checkpoint");
    let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
    let (x, y) = rows(30, 2);
    for (every, again) in [(2, false), (3, true)] {
        let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
        let fit = Fit::new().epochs(4).checkpoint(Checkpoint::new(&path).every(every)).log_every(1);
        let history = model.fit_with(&x, &y, &fit, |log| {
            if log.epoch == 4 {
                fs::remove_file(&path).expect("a checkpoint of epoch 3 or 4")
            }
        });
        history.expect("a training run");
        assert_eq!(path.exists(), again, "every {every} epochs");
    }
}

/// A description that is too long to be loaded is an error before the first epoch.
#[test]
fn a_checkpoint_that_is_too_long_is_refused_before_training() {
    let path = path("long.checkpoint");
    let words: String = (0..200).map(|i| format!("{}{i},{}\n", "x".repeat(6000), i % 2)).collect();
    let table = Table::from_csv(format!("word,kind\n{words}").as_bytes(), &Csv::new()).expect("a table");
    let fitted = Preprocessing::fit(&table, &Columns::classes("kind")).expect("it fits");
    let data = fitted.transform(&table).expect("data");
    let network = Network::new(fitted.inputs()).dense(2, Activation::Softmax);
    let model = Model::new(&Device::cpu(), &network, &Init::default()).and_then(|model| model.with_preprocessing(fitted));
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).epochs(3).checkpoint(Checkpoint::new(&path));
    let mut model = model.expect("a model");
    refused(
        model.fit(&data.inputs, &data.targets, &fit),
        &["a checkpoint", "a description of", "but at most 1048576 are allowed"],
    );
    assert_eq!((model.epochs(), path.exists()), (0, false));
    // The maximum number of epochs does not make it too long.
    let network = Network::new(2).dense(1, Activation::Sigmoid);
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let fit = Fit::new().epochs(usize::MAX).log_every(1).checkpoint(Checkpoint::new(&path));
    let (x, y) = rows(10, 2);
    model.fit_with(&x, &y, &fit, |_| ControlFlow::Break(())).expect("one epoch");
    assert!(path.exists());
}

/// A training run that ends with non-finite weights keeps those of the check before, with or without a checkpoint.
#[test]
fn a_checkpoint_changes_nothing() {
    for device in [device(), Device::cpu()] {
        let path = path("same.checkpoint");
        let network = Network::new(1).dense(1, Activation::Identity);
        // Starting from 0, the second update is beyond the range of f32, but the losses before it are not.
        let fit = Fit::new().learning_rate(1e25).epochs(2).early_stopping(EarlyStopping::patience(5)).shuffle(false);
        let train = |fit: &Fit| {
            let mut model = Model::new(&device, &network, &Init::Zeros).expect("a model");
            let error = model.fit(&[[1.0]], &[[1e-8]], fit).expect_err("it diverges");
            (error, bits(&model))
        };
        let expected = train(&fit);
        let Error::Diverged { epoch, what, .. } = &expected.0 else { panic!("{}", expected.0) };
        assert_eq!((*epoch, what.as_str()), (2, "layers.0.weight"));
        assert_eq!(train(&fit.checkpoint(Checkpoint::new(&path))), expected);
        // A checkpoint after the second epoch would have been useless.
        let loaded = Model::load(&device, &path, &Load::new()).expect("finite weights");
        assert_eq!(loaded.epochs(), 1);
    }
}

/// Collects the messages of the log.
struct Messages(std::sync::Mutex<Vec<String>>);

impl log::Log for Messages {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().expect("the log").push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// On a different engine, a training run continues with different last bits, and the log says so. On the same engine,
/// nothing is logged.
#[test]
fn resuming_on_another_engine_is_logged() {
    static MESSAGES: Messages = Messages(std::sync::Mutex::new(Vec::new()));
    log::set_logger(&MESSAGES).expect("the only logger");
    log::set_max_level(log::LevelFilter::Warn);
    let logged = |path: &std::path::Path| -> Vec<String> {
        let own = path.display().to_string();
        MESSAGES.0.lock().expect("the log").iter().filter(|line| line.contains(&own)).cloned().collect()
    };
    let path = path("engine.checkpoint");
    let network = Network::new(3).dense(4, Activation::Tanh).dense(1, Activation::Sigmoid);
    let (x, y) = rows(40, 3);
    let fit = Fit::new().optimizer(Optimizer::adam()).batch_size(10).checkpoint(Checkpoint::new(&path));
    let new = |device: &Device| Model::new(device, &network, &Init::default()).expect("a model");
    let gpu = device();
    new(&gpu).fit(&x, &y, &fit.clone().epochs(5).engine(EngineChoice::Staged)).expect("a training run");
    new(&gpu).resume(&path, &x, &y, &fit.clone().epochs(6).engine(EngineChoice::Staged)).expect("a training run");
    assert_eq!(logged(&path), [""; 0]);
    let mut other = new(&Device::cpu());
    let history = other.resume(&path, &x, &y, &fit.clone().epochs(7)).expect("a training run");
    assert_eq!((history.engine, history.loss.len()), (Engine::Cpu, 7));
    let lines = logged(&path);
    assert!(lines.iter().any(|line| line.contains("a different engine (it was staged, and is cpu)")), "{lines:?}");
    // And back: f64 numbers become f32 again.
    new(&gpu).resume(&path, &x, &y, &fit.epochs(8).engine(EngineChoice::Fused)).expect("a training run");
    assert!(logged(&path).iter().any(|line| line.contains("it was cpu, and is fused")));
}

/// A checkpoint contains the preprocessing, which has to match.
#[test]
fn preprocessing_is_kept() {
    let path = path("table.checkpoint");
    let text: String =
        (0..20).map(|i| format!("{},{},{}\n", i, ["red", "blue"][i % 2], ["a", "b"][usize::from(i > 9)])).collect();
    let table = Table::from_csv(format!("size,colour,kind\n{text}").as_bytes(), &Csv::new()).expect("a table");
    let fitted = Preprocessing::fit(&table, &Columns::classes("kind")).expect("it fits");
    let data = fitted.transform(&table).expect("data");
    let network = Network::new(fitted.inputs()).dense(2, Activation::Softmax);
    let new = || Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let mut model = new().with_preprocessing(fitted.clone()).expect("it fits");
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).epochs(2).checkpoint(Checkpoint::new(&path));
    model.fit(&data.inputs, &data.targets, &fit).expect("a training run");
    let loaded = Model::load(&Device::cpu(), &path, &Load::new()).expect("a model");
    assert_eq!(loaded.preprocessing(), Some(&fitted));
    // The notes say how it was trained.
    let notes = loaded.notes();
    assert_eq!((notes["loss"].as_str(), notes["engine"].as_str()), ("categorical_cross_entropy", "cpu"), "{notes:?}");
    refused(new().resume(&path, &data.inputs, &data.targets, &fit), &["preprocessing"]);
    // The order of the checks: settings, then the preprocessing, then the data, which depends on it.
    let faster = fit.clone().learning_rate(0.5);
    refused(new().resume(&path, &data.inputs, &data.targets, &faster), &["whose learning_rate differs"]);
    let (few, of_few) = (Matrix::new(1, 4, vec![0.0; 4]).expect("inputs"), Matrix::new(1, 2, vec![1.0, 0.0]).expect("targets"));
    refused(new().resume(&path, &few, &of_few, &fit), &["whose preprocessing differs"]);
    refused(model.resume(&path, &few, &of_few, &fit), &["whose data differs"]);
    model.resume(&path, &data.inputs, &data.targets, &fit.epochs(4)).expect("two more");
}

/// A training run that diverges leaves the last checkpoint unchanged, and the model with the last finite weights.
#[test]
fn a_divergence_is_not_saved() {
    let (x, y) = ([[1.0, 1.0]], [[0.0]]);
    for device in [device(), Device::cpu()] {
        let path = path("diverging.checkpoint");
        let network = Network::new(2).dense(2, Activation::Identity).dense(1, Activation::Identity);
        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        let fit = Fit::new().learning_rate(2.0).epochs(40).checkpoint(Checkpoint::new(&path));
        let error = model.fit(&x, &y, &fit).expect_err("it diverges");
        assert!(matches!(error, Error::Diverged { .. }), "{error}");
        let loaded = Model::load(&device, &path, &Load::new()).expect("finite weights");
        assert_eq!(bits(&loaded), bits(&model), "the last finite weights");
        // When it is resumed, it diverges again, and the model returns to the state from which it was resumed.
        let mut resumed = Model::new(&device, &network, &Init::Zeros).expect("a model");
        let error = resumed.resume(&path, &x, &y, &fit).expect_err("it diverges");
        assert!(matches!(error, Error::Diverged { .. }), "{error}");
        assert_eq!(bits(&resumed), bits(&model));
        // If it is allowed to, it continues, and numbers that are not finite are saved and resumed.
        let going = fit.on_non_finite(OnNonFinite::Continue).checkpoint(Checkpoint::new(&path).overwrite(true));
        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        model.fit(&x, &y, &going).expect("training continues");
        model.resume(&path, &x, &y, &going.epochs(41)).expect("training continues again");
        refused(Model::load(&device, &path, &Load::new()), &["finite"]);
        Model::load(&device, &path, &Load::new().allow_non_finite(true)).expect("non-finite numbers are allowed");
    }
}
