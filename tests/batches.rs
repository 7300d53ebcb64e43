//! Mini-batch training: the device against the reference with everything turned on, the same bits however the data
//! reaches the device, and what happens between epochs.

mod common;

use std::ops::ControlFlow;

use common::{Cases, by, change_agrees, device, numbers, open};
use shaderprop::internals::{Limits, gpu, limited};
use shaderprop::{
    Activation, Cancel, ClassWeights, Device, EarlyStopping, Ended, Error, Fit, Fold, History, Init, Loss, Matrix, Metric, Model,
    Network, OnNonFinite, Optimizer, Schedule, Split, Tensor, cross_validate,
};

const ROWS: usize = 77;

/// Rows of seven numbers, each in one of four classes.
fn data() -> (Matrix<'static>, Matrix<'static>) {
    let inputs = Matrix::new(ROWS, 7, numbers(21, ROWS * 7)).expect("a matrix");
    let class = |row: &[f32]| f32::from(u8::from(row[0] > 0.0) + 2 * u8::from(row[1] + row[2] > 0.0));
    let classes: Vec<f32> = (0..ROWS).map(|row| class(inputs.row(row))).collect();
    (inputs, Matrix::column(classes))
}

/// Dropout before and after the first layer, a layer with its own weight decay, and a frozen layer.
fn network() -> Network {
    Network::new(7)
        .dropout(0.1)
        .dense(33, Activation::Tanh)
        .dropout(0.25)
        .dense(20, Activation::Gelu)
        .weight_decay(0.05)
        .dense(17, Activation::Silu)
        .frozen()
        .dense(4, Activation::Softmax)
}

/// Batches of 16, the last one of 13, with everything turned on.
fn everything(optimizer: Optimizer) -> Fit {
    Fit::new()
        .loss(Loss::CategoricalCrossEntropy)
        .optimizer(optimizer)
        .learning_rate(0.01)
        .schedule(Schedule::Exponential { factor: 0.9 })
        .warm_up(3)
        .weight_decay(0.01)
        .clip_norm(0.5)
        .batch_size(16)
        .seed(9)
        .sample_weights((0..ROWS).map(|row| (row % 5) as f32).collect::<Vec<_>>())
        .class_weights(ClassWeights::Given(vec![1.0, 2.0, 0.5, 1.5]))
        .metrics([Metric::Accuracy, Metric::TopK(2), Metric::F1, Metric::RootMeanSquaredError])
}

fn close(what: &str, got: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= bound * expected.abs().max(1e-3), "{what}: {got}, expected {expected}");
    }
}

/// Two epochs of five steps with every optimizer, compared tensor by tensor.
#[test]
fn ten_steps_of_every_optimizer_with_everything_on() {
    let (inputs, targets) = data();
    let mut cases = Cases::new();
    for optimizer in Optimizer::ALL {
        for clipped in [true, false] {
            let keys = [by("optimizer", optimizer.name()), by("clipped", clipped)];
            let what = format!("{} clipped {clipped}", optimizer.name());
            cases.case(keys, &what, || {
                let mut fit = everything(*optimizer).epochs(2);
                if !clipped {
                    // Too large to be reached.
                    fit = fit.clip_norm(1e9);
                }
                let train = |device: &Device| {
                    let mut model = Model::new(device, &network(), &Init::PyTorch { seed: 3 }).expect("a model");
                    let start = model.weights();
                    (start, model.fit(&inputs, &targets, &fit).expect("a training run"), model.weights())
                };
                let (start, got, weights) = train(&device());
                let (_, expected, expected_weights) = train(&Device::cpu());
                close(&what, &got.loss, &expected.loss, 1e-4);
                assert_eq!(got.metrics["accuracy"], expected.metrics["accuracy"], "{what}");
                assert_eq!(got.metrics["top_2_accuracy"], expected.metrics["top_2_accuracy"], "{what}");
                close(&what, &got.metrics["f1"], &expected.metrics["f1"], 1e-12);
                close(&what, &got.metrics["root_mean_squared_error"], &expected.metrics["root_mean_squared_error"], 1e-4);
                assert_eq!(got.learning_rate, expected.learning_rate);
                for (i, ((start, got), expected)) in start.iter().zip(&weights).zip(&expected_weights).enumerate() {
                    match i / 2 == 2 {
                        true => assert_eq!(got, start, "{what}: a frozen layer moved"),
                        false => change_agrees(&what, start, got, expected),
                    }
                }
            });
        }
    }
    cases.finish();
}

/// The same for a network large enough for blocked products, which apply the optimizer themselves unless gradients are
/// clipped.
#[test]
fn twelve_steps_of_every_optimizer_in_blocked_products() {
    let mut cases = Cases::new();
    let (rows, ins) = (150, 64);
    let inputs = Matrix::new(rows, ins, numbers(5, rows * ins)).expect("a matrix");
    let targets = Matrix::column((0..rows).map(|row| f32::from(inputs.row(row)[0] > 0.0)).collect::<Vec<_>>());
    let network =
        Network::new(ins).dense(96, Activation::Elu).dropout(0.25).dense(65, Activation::Softplus).dense(2, Activation::Softmax);
    for optimizer in Optimizer::ALL {
        for clip in [None, Some(0.1)] {
            let keys = [by("optimizer", optimizer.name()), by("clip", format!("{clip:?}"))];
            let what = format!("{} clip {clip:?}", optimizer.name());
            cases.case(keys, &what, || {
                let fit =
                    Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(*optimizer).learning_rate(0.003).batch_size(64);
                let mut fit = fit.weight_decay(0.1).epochs(4).seed(1);
                if let Some(norm) = clip {
                    fit = fit.clip_norm(norm);
                }
                let train = |device: &Device| {
                    let mut model = Model::new(device, &network, &Init::default()).expect("a model");
                    let start = model.weights();
                    (start, model.fit(&inputs, &targets, &fit).expect("a training run").loss, model.weights())
                };
                let (start, got, weights) = train(&device());
                let (_, expected, expected_weights) = train(&Device::cpu());
                close(&what, &got, &expected, 1e-4);
                for ((start, got), expected) in start.iter().zip(&weights).zip(&expected_weights) {
                    change_agrees(&what, start, got, expected);
                }
            });
        }
    }
    cases.finish();
}

fn train_on(device: &Device, fit: &Fit, calls: usize) -> (Vec<History>, Vec<Tensor>) {
    let (inputs, targets) = data();
    let mut model = Model::new(device, &network(), &Init::default()).expect("a model");
    let histories = (0..calls).map(|_| model.fit(&inputs, &targets, fit).expect("a training run")).collect();
    (histories, model.weights())
}

/// Data gives the same bits whether it is on the device as a whole, there in pieces, or uploaded batch by batch.
#[test]
fn data_in_pieces_and_from_the_host_give_the_same_bits() {
    let (device, rows) = (device(), 1600);
    let (_, limits) = open();
    let inputs = Matrix::new(rows, 7, numbers(2, rows * 7)).expect("a matrix");
    let classes = Matrix::column((0..rows).map(|row| (row % 4) as f32).collect::<Vec<_>>());
    let dense: Vec<f32> = (0..rows * 4).map(|i| f32::from(i / 4 % 4 == i % 4)).collect();
    let dense = Matrix::new(rows, 4, dense).expect("a matrix");
    let weights: Vec<f32> = (0..rows).map(|row| (row % 5) as f32).collect();
    let fit = everything(Optimizer::adam()).sample_weights(weights).epochs(1).validation_split(0.5);
    for targets in [&classes, &dense] {
        let train = |device: &Device| {
            let mut model = Model::new(device, &network(), &Init::default()).expect("a model");
            let bytes = model.summary(&fit, rows).expect("a summary").device_bytes.expect("a GPU");
            (model.fit(&inputs, targets, &fit).expect("a training run"), model.weights(), bytes)
        };
        let (history, weights, bytes) = train(&device);
        // The longest tensor apart from the data is a weight of 33 · 20 numbers. Each half of the data has 800 rows of
        // 28 bytes. These fit in six pieces of 4,000 bytes, but would need nine of 2,640 bytes, which are too many.
        let pieces = limited(&device, Limits { binding: 4000, ..limits });
        let streamed = limited(&device, Limits { binding: 2640, ..limits });
        // Each additional dispatch has 256 bytes of parameters.
        for (limited, most) in [(pieces, bytes + 50 * 256), (streamed, bytes - 2 * 800 * 28)] {
            let (got, got_weights, got_bytes) = train(&limited);
            assert!(got_bytes <= most, "{got_bytes} bytes, expected at most {most}");
            assert_eq!((got, got_weights), (history.clone(), weights.clone()));
        }
    }
}

/// Two calls of two epochs give the same bits as one of four, so everything that training keeps is kept between them.
#[test]
fn a_second_fit_continues_where_the_first_stopped() {
    let mut cases = Cases::new();
    for device in [device(), Device::cpu()] {
        for optimizer in Optimizer::ALL {
            let keys = [by("device", &device.info().name), by("optimizer", optimizer.name())];
            let what = format!("{} on {}", optimizer.name(), device.info().name);
            cases.case(keys, &what, || {
                let (twice, weights) = train_on(&device, &everything(*optimizer).epochs(2), 2);
                let (once, expected) = train_on(&device, &everything(*optimizer).epochs(4), 1);
                assert_eq!(weights, expected, "{} on {}", optimizer.name(), device.info().name);
                assert_eq!([twice[0].loss.clone(), twice[1].loss.clone()].concat(), once[0].loss);
                assert_eq!([twice[0].learning_rate.clone(), twice[1].learning_rate.clone()].concat(), once[0].learning_rate);
            });
        }
    }
    cases.finish();
}

/// The order of rows differs by epoch and by seed; without shuffling it is fixed. A batch size larger than the data
/// means all of it.
#[test]
fn seeds_and_batch_sizes() {
    let device = device();
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).learning_rate(0.1).batch_size(16).epochs(2);
    let weights = |fit: &Fit| train_on(&device, fit, 1).1;
    assert_eq!(weights(&fit), weights(&fit));
    assert_ne!(weights(&fit), weights(&fit.clone().seed(1)));
    assert_ne!(weights(&fit), weights(&fit.clone().shuffle(false)));
    // Without dropout, only the order of rows is random.
    let (inputs, targets) = data();
    let train = |fit: &Fit| {
        let network = Network::new(7).dense(4, Activation::Softmax);
        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        model.fit(&inputs, &targets, fit).expect("a training run");
        model.weights()
    };
    assert_eq!(train(&fit.clone().batch_size(1000)), train(&fit.clone().batch_size(ROWS).seed(8)));
    assert_eq!(train(&fit.clone().shuffle(false).seed(1)), train(&fit.clone().shuffle(false)));
    assert_ne!(train(&fit.clone().batch_size(1)), train(&fit));
}

/// An epoch of batches is one command buffer, and a last one checks the weights. There is a single readback.
#[test]
fn an_epoch_of_batches_is_one_command_buffer() {
    let device = device();
    let gpu = gpu(&device).expect("a GPU");
    let (inputs, targets) = data();
    let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).batch_size(16);
    model.fit(&inputs, &targets, &fit.clone().epochs(3)).expect("a training run");
    let before = (gpu.command_buffers(), gpu.readbacks());
    model.fit(&inputs, &targets, &fit.epochs(20)).expect("a training run");
    assert_eq!((gpu.command_buffers() - before.0, gpu.readbacks() - before.1), (21, 1));
}

/// The validation metrics after each epoch equal those of an evaluation, and those computed from the predictions.
#[test]
fn metrics_match_the_predictions() {
    let (inputs, targets) = data();
    for device in [device(), Device::cpu()] {
        let metrics = [
            Metric::Accuracy,
            Metric::TopK(2),
            Metric::Precision,
            Metric::Recall,
            Metric::F1,
            Metric::MeanAbsoluteError,
            Metric::RootMeanSquaredError,
            Metric::RSquared,
        ];
        let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).batch_size(16).epochs(30);
        let fit = fit.metrics(metrics).validation_data(inputs.clone(), targets.clone());
        let history = model.fit(&inputs, &targets, &fit).expect("a training run");
        let evaluation = model.evaluate(&inputs, &targets, Loss::CategoricalCrossEntropy).expect("an evaluation");
        close("loss", &[evaluation.loss], &history.validation_loss[29..], 1e-5);
        for metric in metrics {
            close(&metric.name(), &[evaluation.metric(metric)], &history.validation_metrics[metric.name().as_ref()][29..], 1e-5);
        }
        // Computed from the predictions.
        let y = model.predict(&inputs).expect("predictions");
        let own = |row: usize| targets.values()[row] as usize;
        let larger = |row: usize| (0..4).filter(|c| y.row(row)[*c] > y.row(row)[own(row)]).count();
        let share = |count: usize| count as f64 / ROWS as f64;
        assert_eq!(evaluation.accuracy, share((0..ROWS).filter(|row| larger(*row) == 0).count()));
        assert_eq!(evaluation.metric(Metric::TopK(2)), share((0..ROWS).filter(|row| larger(*row) < 2).count()));
        let taken = |row: usize| (0..4).find(|c| y.row(row).iter().all(|other| *other <= y.row(row)[*c])).expect("a largest");
        let mut confusion = vec![vec![0u64; 4]; 4];
        (0..ROWS).for_each(|row| confusion[own(row)][taken(row)] += 1);
        assert_eq!(evaluation.confusion_matrix(), confusion);
        let column = |c: usize| confusion.iter().map(|row| row[c]).sum::<u64>();
        let precision = |c: usize| if column(c) == 0 { 0.0 } else { confusion[c][c] as f64 / column(c) as f64 };
        let recall = |c: usize| confusion[c][c] as f64 / confusion[c].iter().sum::<u64>() as f64;
        let f1 = |c: usize| if confusion[c][c] == 0 { 0.0 } else { 2.0 * precision(c) * recall(c) / (precision(c) + recall(c)) };
        close("precision", &[evaluation.metric(Metric::Precision)], &[(0..4).map(precision).sum::<f64>() / 4.0], 1e-12);
        close("recall", &[evaluation.metric(Metric::Recall)], &[(0..4).map(recall).sum::<f64>() / 4.0], 1e-12);
        close("f1", &[evaluation.metric(Metric::F1)], &[(0..4).map(f1).sum::<f64>() / 4.0], 1e-12);
        let errors = (0..ROWS * 4).map(|i| f64::from(y.values()[i]) - f64::from(u8::from(own(i / 4) == i % 4)));
        let mean = |of: fn(f64) -> f64| errors.clone().map(of).sum::<f64>() / (ROWS * 4) as f64;
        close("mae", &[evaluation.metric(Metric::MeanAbsoluteError)], &[mean(f64::abs)], 1e-5);
        close("rmse", &[evaluation.metric(Metric::RootMeanSquaredError)], &[mean(|e| e * e).sqrt()], 1e-5);
        let spread = (0..4).map(|c| {
            let p = (0..ROWS).filter(|row| own(*row) == c).count() as f64 / ROWS as f64;
            p * (1.0 - p) / 4.0
        });
        close("r²", &[evaluation.metric(Metric::RSquared)], &[1.0 - mean(|e| e * e) / spread.sum::<f64>()], 1e-4);
        assert!(evaluation.accuracy > 0.5, "it learned nothing: accuracy {}", evaluation.accuracy);
    }
}

/// Precision, recall and F1 are means over the classes that occur in the rows or the predictions, as in scikit-learn.
#[test]
fn classes_that_occur_nowhere_do_not_count() {
    let network = Network::new(4).dense(4, Activation::Softmax);
    for device in [device(), Device::cpu()] {
        let mut model = Model::new(&device, &network, &Init::Zeros).expect("a model");
        // The class is the index of the input that is 1.
        let values = (0..16).map(|i| if i % 5 == 0 { 20.0 } else { 0.0 }).collect();
        model.set_weights(&[Tensor { name: "layers.0.weight".into(), shape: vec![4, 4], values }]).expect("weights");
        for (predicted, actual, precision, recall, f1) in [
            // A perfect model; classes 1 and 3 have no rows.
            (&[0, 2, 2, 0][..], &[0.0, 2.0, 2.0, 0.0][..], 1.0, 1.0, 1.0),
            // Class 3 is predicted, but has no row: precision, recall and F1 are 0.
            (&[0, 3, 0, 0], &[0.0, 0.0, 0.0, 0.0], (1.0 + 0.0) / 2.0, (0.75 + 0.0) / 2.0, (6.0 / 7.0) / 2.0),
            // Class 1 has a row, but is never predicted.
            (&[2, 2], &[2.0, 1.0], 0.5 / 2.0, 1.0 / 2.0, (2.0 / 3.0) / 2.0),
            // One row.
            (&[3], &[3.0], 1.0, 1.0, 1.0),
        ] {
            let inputs: Vec<f32> =
                predicted.iter().flat_map(|class| (0..4).map(move |i| f32::from(u8::from(i == *class)))).collect();
            let inputs = Matrix::new(predicted.len(), 4, inputs).expect("a matrix");
            let evaluation =
                model.evaluate(&inputs, Matrix::column(actual), Loss::CategoricalCrossEntropy).expect("an evaluation");
            for (metric, expected) in [(Metric::Precision, precision), (Metric::Recall, recall), (Metric::F1, f1)] {
                close(&metric.name(), &[evaluation.metric(metric)], &[expected], 1e-12);
                assert_eq!(metric.of_confusion_matrix(&evaluation.confusion_matrix()), evaluation.metric(metric));
            }
        }
    }
}

/// R² is relative to the spread of the targets. Without any spread it is undefined, even if the mean of the targets is
/// rounded.
#[test]
fn r_squared_of_equal_targets_is_undefined() {
    let network = Network::new(1).dense(1, Activation::Identity);
    for device in [device(), Device::cpu()] {
        let model = Model::new(&device, &network, &Init::default()).expect("a model");
        for (targets, defined) in [(&[0.1; 7][..], false), (&[0.1], false), (&[1e-20; 3], false), (&[0.1, 0.1, 0.2], true)] {
            let inputs = Matrix::column(vec![0.5; targets.len()]);
            let evaluation = model.evaluate(&inputs, Matrix::column(targets), Loss::MeanSquaredError).expect("an evaluation");
            assert_eq!(evaluation.metric(Metric::RSquared).is_finite(), defined, "{targets:?}");
            assert!(!evaluation.metric(Metric::RSquared).is_infinite(), "{targets:?}");
        }
    }
}

/// For a single yes-or-no output, precision, recall and F1 are those of the class yes.
#[test]
fn metrics_of_a_binary_output() {
    let inputs = Matrix::column(vec![-2.0, -1.0, 1.0, 2.0, 3.0]);
    let targets = Matrix::column(vec![0.0, 1.0, 0.0, 1.0, 1.0]);
    for device in [device(), Device::cpu()] {
        let network = Network::new(1).dense(1, Activation::Sigmoid);
        let mut model = Model::new(&device, &network, &Init::Zeros).expect("a model");
        let weight = Tensor { name: "layers.0.weight".into(), shape: vec![1, 1], values: vec![1.0] };
        model.set_weights(&[weight]).expect("the weight");
        let evaluation = model.evaluate(&inputs, &targets, Loss::BinaryCrossEntropy).expect("an evaluation");
        // Predicted as yes: 1, 2 and 3. Actually yes: 2, 3 and -1.
        assert_eq!(evaluation.confusion_matrix(), [[1, 1], [1, 2]]);
        assert_eq!(evaluation.accuracy, 0.6);
        for metric in [Metric::Precision, Metric::Recall, Metric::F1] {
            close(&metric.name(), &[evaluation.metric(metric)], &[2.0 / 3.0], 1e-12);
        }
        assert!(evaluation.metric(Metric::TopK(1)).is_nan());
    }
}

/// Training that gets worse stops when its patience runs out, and the best weights are restored.
#[test]
fn early_stopping_restores_the_best_weights() {
    let (inputs, targets) = data();
    for device in [device(), Device::cpu()] {
        let network = Network::new(7).dense(32, Activation::Tanh).dense(4, Activation::Softmax);
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.02).batch_size(8);
        let fit = fit.epochs(500).validation_split(0.3);
        let train = |fit: &Fit| {
            let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
            let history = model.fit(&inputs, &targets, fit).expect("a training run");
            (history, model)
        };
        let (history, model) = train(&fit.clone().early_stopping(EarlyStopping::patience(7)));
        let best = history.best_epoch.expect("a best epoch");
        assert_eq!((history.ended, history.loss.len()), (Ended::EarlyStopping, best + 7));
        let least = history.validation_loss.iter().copied().fold(f64::MAX, f64::min);
        assert_eq!(history.validation_loss[best - 1], least);
        // The weights are those of a run of exactly that many epochs.
        let (_, expected) = train(&fit.clone().epochs(best));
        assert_eq!(model.weights(), expected.weights());
        let (last, model) = train(&fit.clone().early_stopping(EarlyStopping::patience(7).restore_best(false)));
        assert_eq!(last.loss, history.loss);
        let (_, expected) = train(&fit.clone().epochs(best + 7));
        assert_eq!(model.weights(), expected.weights());
        // An improvement that is too small does not count.
        let (impatient, _) = train(&fit.clone().early_stopping(EarlyStopping::patience(2).min_delta(10.0)));
        assert_eq!((impatient.loss.len(), impatient.best_epoch), (3, Some(1)));
        // Without validation rows, the training loss is monitored.
        let watched = Fit::new().loss(Loss::CategoricalCrossEntropy).learning_rate(0.0).epochs(50);
        let (standing, _) = train(&watched.early_stopping(EarlyStopping::patience(3)));
        assert_eq!(standing.loss.len(), 4);
    }
}

#[test]
fn a_callback_or_another_thread_can_stop_training() {
    let (inputs, targets) = data();
    for device in [device(), Device::cpu()] {
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).learning_rate(0.1).batch_size(16);
        let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
        let history = model
            .fit_with(&inputs, &targets, &fit.clone().epochs(100).log_every(2), |log| {
                if log.epoch == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .expect("a training run");
        assert_eq!((history.ended, history.loss.len()), (Ended::ByCallback, 5));
        let mut expected = Model::new(&device, &network(), &Init::default()).expect("a model");
        expected.fit(&inputs, &targets, &fit.clone().epochs(5)).expect("a training run");
        assert_eq!(model.weights(), expected.weights(), "the weights reached so far are kept");

        let cancel = Cancel::new();
        let (started, start) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let cancel = cancel.clone();
            move || {
                start.recv().expect("the first log point");
                cancel.cancel();
            }
        });
        let fit = fit.epochs(100_000_000).log_every(1000).cancel(&cancel);
        let history = model.fit_with(&inputs, &targets, &fit, |_| started.send(()).unwrap_or(())).expect("a training run");
        thread.join().expect("the other thread");
        assert_eq!(history.ended, Ended::Cancelled);
        assert_eq!(history.loss.len(), history.learning_rate.len());
        // A run that is cancelled before it begins changes nothing.
        let before = model.weights();
        let history = model.fit(&inputs, &targets, &fit).expect("a training run");
        assert_eq!((history.loss.len(), history.ended), (0, Ended::Cancelled));
        let history =
            model.fit(&inputs, &targets, &fit.clone().validation_split(0.5).metrics([Metric::Accuracy])).expect("a training run");
        assert!(history.validation_loss.is_empty() && history.metrics.is_empty());
        assert_eq!(model.weights(), before);
    }
}

/// A loss that is not finite stops training. The error names the epoch, and the weights of the last log point are kept.
#[test]
fn divergence_keeps_the_last_good_weights() {
    let inputs = Matrix::column(vec![1.0, 2.0]);
    let targets = Matrix::column(vec![1.0, -1.0]);
    let network = Network::new(1).dense(1, Activation::Identity);
    for device in [device(), Device::cpu()] {
        let fit = Fit::new().learning_rate(30.0).epochs(10_000).log_every(5);
        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        let error = model.fit(&inputs, &targets, &fit).expect_err("it diverges");
        let Error::Diverged { epoch, what, .. } = error else { panic!("{error}") };
        assert!(epoch > 6, "{epoch}");
        // The last of the log points 1, 6, 11 … after which all weights were finite.
        let end = |epochs: usize| {
            let mut expected = Model::new(&device, &network, &Init::default()).expect("a model");
            expected.fit(&inputs, &targets, &fit.clone().epochs(epochs)).map(|_| expected.weights())
        };
        let expected = (1..epoch).rev().filter(|epoch| epoch % 5 == 1).find_map(|epoch| end(epoch).ok());
        assert_eq!(Some(model.weights()), expected, "epoch {epoch}");

        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        let continued = fit.epochs(epoch + 10).on_non_finite(OnNonFinite::Continue);
        let history = model.fit(&inputs, &targets, &continued).expect("training continues");
        assert_eq!(history.loss.len(), epoch + 10);
        // Weights that are not finite are detected before the loss that they cause.
        let first = history.loss.iter().position(|loss| !(*loss as f32).is_finite());
        assert_eq!(first, Some(if what == "a loss" { epoch - 1 } else { epoch }), "{what}");
    }
}

/// A whole number as a sample weight repeats the row that many times; zero leaves it out.
#[test]
fn sample_weights_repeat_rows() {
    let (inputs, targets) = data();
    let weights: Vec<f32> = (0..ROWS).map(|row| (row % 3) as f32).collect();
    let repeated: Vec<usize> = (0..ROWS).flat_map(|row| std::iter::repeat_n(row, row % 3)).collect();
    let network = Network::new(7).dense(9, Activation::Tanh).dense(4, Activation::Softmax);
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).learning_rate(0.5).epochs(20);
    let train = |fit: &Fit, inputs: &Matrix<'_>, targets: &Matrix<'_>| {
        let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
        let history = model.fit(inputs, targets, fit).expect("a training run");
        (history.loss, model.predict(inputs).expect("predictions").values()[..8].to_vec())
    };
    let (loss, _) = train(&fit.clone().sample_weights(weights), &inputs, &targets);
    let (expected, _) = train(&fit, &inputs.select(&repeated), &targets.select(&repeated));
    close("loss", &loss, &expected, 1e-10);
}

/// `Balanced` gives each class the same total weight; given class weights multiply the sample weights.
#[test]
fn class_weights_are_sample_weights() {
    let (_, targets) = data();
    let mut counts = [0usize; 4];
    targets.values().iter().for_each(|class| counts[*class as usize] += 1);
    let by_class = counts.map(|count| ROWS as f32 / (4.0 * count as f32));
    let weights: Vec<f32> = targets.values().iter().map(|class| by_class[*class as usize]).collect();
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).learning_rate(0.1).batch_size(16).epochs(3);
    let device = device();
    let balanced = train_on(&device, &fit.clone().class_weights(ClassWeights::Balanced), 1);
    assert_eq!(balanced, train_on(&device, &fit.clone().sample_weights(weights.clone()), 1));
    assert_ne!(balanced.1, train_on(&device, &fit.clone(), 1).1);
    let twice: Vec<f32> = weights.iter().map(|weight| 2.0 * weight).collect();
    let both = fit.clone().class_weights(ClassWeights::Given(by_class.to_vec())).sample_weights(vec![2.0; ROWS]);
    assert_eq!(train_on(&device, &both, 1), train_on(&device, &fit.sample_weights(twice), 1));
}

#[test]
fn folds_are_trained_separately_and_histories_are_exported() {
    let (inputs, targets) = data();
    let classes: Vec<usize> = targets.values().iter().map(|class| *class as usize).collect();
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.02).batch_size(16);
    let fit = fit.epochs(60).metrics([Metric::Accuracy]).validation_split(0.2).stratify(true);
    let network = Network::new(7).dense(16, Activation::Tanh).dense(4, Activation::Softmax);
    let split = Split::stratified(&classes).seed(2);
    let folds = cross_validate(&device(), &network, &Init::default(), (&inputs, &targets), &fit, &split, 4).expect("folds");
    assert_eq!(folds.len(), 4);
    let mean = folds.iter().map(|fold| fold.evaluation.accuracy).sum::<f64>() / 4.0;
    assert!(mean > 0.6, "{mean}");
    let history = &folds[0].history;
    let csv = history.to_csv();
    let header = "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate";
    assert_eq!((csv.lines().next(), csv.lines().count()), (Some(header), 61));
    let json: serde_json::Value = serde_json::from_str(&history.to_json()).expect("JSON");
    let loss: Vec<f64> = json["validation_loss"].as_array().expect("numbers").iter().filter_map(|x| x.as_f64()).collect();
    // The JSON parser may be off in the last bit.
    close("JSON", &loss, &history.validation_loss, 1e-15);
}

/// A fold is trained on other groups, or on earlier rows. The rows before the first fold of time are tested in no fold.
#[test]
fn folds_may_be_groups_or_later_rows() {
    let (inputs, targets) = data();
    let rows = inputs.rows();
    let groups: Vec<usize> = (0..rows).map(|row| row * row % 11).collect();
    let keys: Vec<f64> = (0..rows).map(|row| -(row as f64)).collect();
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).epochs(1);
    for (split, tested) in [(Split::grouped(&groups), rows), (Split::ordered(&keys), rows / 4 * 3)] {
        let folds =
            cross_validate(&Device::cpu(), &network(), &Init::default(), (&inputs, &targets), &fit, &split, 3).expect("folds");
        let parts = split.k_fold(3).expect("folds");
        let count = |fold: &Fold| fold.evaluation.confusion_matrix().iter().flatten().sum::<u64>() as usize;
        assert!(folds.iter().map(count).eq(parts.iter().map(|parts| parts.test.len())));
        let trained = folds.iter().map(|fold| fold.model.notes()["rows"].parse::<usize>().expect("a number"));
        assert!(trained.eq(parts.iter().map(|parts| parts.train.len())));
        assert_eq!(folds.iter().map(count).sum::<usize>(), tested);
    }
}

/// A new schedule begins at the epoch in which it is set, not at the model's first one.
#[test]
fn a_new_schedule_starts_from_its_beginning() {
    let (inputs, targets) = data();
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).learning_rate(0.1).epochs(4);
    let mut model = Model::new(&Device::cpu(), &network(), &Init::default()).expect("a model");
    model.fit(&inputs, &targets, &fit).expect("a training run");
    let halving = fit.schedule(Schedule::Step { every: 2, factor: 0.5 });
    let mut rates = || model.fit(&inputs, &targets, &halving).expect("a training run").learning_rate;
    assert_eq!([rates(), rates()].concat(), [0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125]);
}

/// After the best weights have been restored, the optimizer starts afresh, as in a new model with these weights.
#[test]
fn training_continues_from_restored_weights() {
    let ((inputs, targets), device) = (data(), device());
    let network = Network::new(7).dense(4, Activation::Softmax);
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.3);
    let stopping = fit.clone().batch_size(16).epochs(200).validation_split(0.3).early_stopping(EarlyStopping::patience(3));
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    model.fit(&inputs, &targets, &stopping).expect("a training run");
    let mut fresh = Model::new(&device, &network, &Init::Values(model.weights())).expect("a model");
    model.fit(&inputs, &targets, &fit).expect("a training run");
    fresh.fit(&inputs, &targets, &fit).expect("a training run");
    assert_eq!(model.weights(), fresh.weights());
}

/// The first batch of an epoch is explained stage by stage: its rows follow the epoch's order, and the update is the
/// optimizer's.
#[test]
fn a_batch_is_explained() {
    let (inputs, targets) = data();
    let (_, limits) = open();
    // With the data on the device, and with data that is uploaded batch by batch.
    for device in [device(), limited(&device(), Limits { binding: 1 << 20, buffer: 2048, ..limits })] {
        let network = Network::new(7).dense(5, Activation::Tanh).dropout(0.5).dense(4, Activation::Softmax);
        let model = Model::new(&device, &network, &Init::default()).expect("a model");
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).batch_size(16).epochs(3).seed(2);
        let stages = model.explain(&inputs, &targets, &fit, 2).expect("stages");
        let names: Vec<&str> = stages.iter().map(|stage| stage.shader.trim_end_matches(".wgsl")).collect();
        let tail = [
            "matmul",
            "bias_activation",
            "dropout",
            "matmul",
            "softmax",
            "output_delta",
            "matmul",
            "dropout",
            "hidden_delta",
            "matmul",
            "bias_gradient",
            "matmul",
            "bias_gradient",
            "update",
            "loss",
        ];
        assert!(names.ends_with(&tail), "{names:?}");
        let first = stages.iter().find(|stage| stage.shader == "matmul.wgsl").expect("a product");
        let rows = &first.inputs.iter().find(|tensor| tensor.name == "inputs").expect("the rows").values;
        let order = shaderprop::internals::EpochOrder { rows: ROWS, seed: Some(2) };
        let expected: Vec<f32> = (0..16).flat_map(|place| inputs.row(order.row(1, place)).to_vec()).collect();
        assert_eq!(*rows, expected);
        for stage in &stages {
            for tensor in stage.outputs.iter().chain(&stage.inputs) {
                assert!(tensor.values.iter().all(|value| value.is_finite()), "{}: {}", stage.label, tensor.name);
            }
        }
    }
}

#[test]
fn summaries_and_metrics_of_extreme_numbers() {
    let model = Model::new(&device(), &network(), &Init::default()).expect("a model");
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).batch_size(1);
    for rows in [0, 1 << 32, usize::MAX] {
        assert!(model.summary(&fit, rows).is_err(), "{rows}");
        assert!(model.summary(&fit.clone().validation_split(0.5), rows).is_err(), "{rows}");
        assert!(Split::new(rows).hold_out(0.5).is_err() && Split::new(rows).k_fold(2).is_err(), "{rows}");
    }
    // Far more rows than any device holds: they would be uploaded batch by batch.
    assert!(model.summary(&fit, 4_000_000_000).expect("a summary").device_bytes.expect("a GPU") < 64 << 20);
    let (inputs, targets) = data();
    let evaluation = model.evaluate(&inputs, &targets, Loss::CategoricalCrossEntropy).expect("an evaluation");
    assert_eq!(evaluation.metric(Metric::TopK(4)), 1.0);
    assert!(evaluation.metric(Metric::TopK(5)).is_nan() && evaluation.metric(Metric::TopK(0)).is_nan());
    let mut model = model;
    let twice = fit.batch_size(16).epochs(2).metrics([Metric::Accuracy, Metric::Accuracy]);
    let history = model.fit(&inputs, &targets, &twice).expect("a training run");
    assert_eq!(history.metrics["accuracy"].len(), 2);
    let error = model.fit(&inputs, &targets, &twice.validation_data(targets.clone(), targets.clone())).expect_err("no inputs");
    assert!(error.to_string().starts_with("validation inputs: "), "{error}");
}
