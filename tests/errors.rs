//! Bad input gives a typed error before anything is allocated. Faults of a device are permanent. Neither causes a panic
//! or a hang.

mod common;

use std::time::{Duration, Instant};

use common::{check_message, device};
use shaderprop::EngineChoice;
use shaderprop::internals::{Limits, gpu, limited};
use shaderprop::{
    Activation, ClassWeights, Device, DeviceChoice, DeviceKind, EarlyStopping, Error, Fit, History, Init, Loss, Matrix, Metric,
    Model, Network, Optimizer, Predictor, Schedule, Tensor,
};

const X: [[f32; 2]; 3] = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const Y: [[f32; 1]; 3] = [[0.0], [1.0], [1.0]];

fn network() -> Network {
    Network::new(2).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid)
}

/// The kind of an error, without its fields.
fn kind(error: &Error) -> String {
    let text = format!("{error:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

#[track_caller]
fn expect<T>(result: Result<T, Error>, expected: &str) {
    let Err(error) = result else { panic!("accepted, expected {expected}") };
    assert_eq!(kind(&error), expected, "{error}");
    check_message(&error);
}

/// The history and the weights of a short training run.
#[track_caller]
fn train(device: &Device) -> (History, Vec<Tensor>) {
    let mut model = Model::new(device, &network(), &Init::default()).expect("a model");
    let history = model.fit(&X, &Y, &Fit::new().epochs(300).log_every(50)).expect("a training run");
    (history, model.weights())
}

#[test]
fn bad_input_is_refused_and_the_device_stays_usable() {
    for device in [device(), Device::cpu()] {
        let trained = train(&device);
        let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
        let before = model.weights();
        let fit = Fit::new();
        let nan = f32::NAN;
        let none: [[f32; 2]; 0] = [];
        let no_targets: [[f32; 1]; 0] = [];

        // Shapes.
        expect(model.fit(&[[1.0], [2.0], [3.0]], &Y, &fit), "Shape");
        expect(model.fit(&X, &X, &fit), "Shape");
        expect(model.fit(&X, &[[1.0], [2.0]], &fit), "Shape");
        expect(model.fit(&none, &no_targets, &fit), "Shape");
        expect(model.predict(&none), "Shape");
        expect(model.predict(&[[1.0]]), "Shape");
        expect(model.evaluate(&X, &[[1.0]], Loss::MeanSquaredError), "Shape");
        expect(Matrix::new(2, 2, vec![1.0; 3]), "Shape");
        expect(Matrix::new(usize::MAX, 2, vec![1.0; 3]), "Shape");
        expect(Matrix::from_rows(&[vec![1.0], vec![1.0, 2.0]]), "Shape");

        // Numbers.
        for bad in [nan, f32::INFINITY, f32::NEG_INFINITY] {
            expect(model.fit(&[[0.0, 1.0], [bad, 0.0], [1.0, 1.0]], &Y, &fit), "NotFinite");
            expect(model.fit(&X, &[[0.0], [1.0], [bad]], &fit), "NotFinite");
            expect(model.predict(&[[0.0, bad]]), "NotFinite");
            expect(model.set_weights(&[Tensor { name: "layers.1.bias".into(), shape: vec![1], values: vec![bad] }]), "NotFinite");
        }
        let place = model.fit(&[[0.0, 1.0], [nan, 0.0], [1.0, 1.0]], &Y, &fit).expect_err("a NaN").to_string();
        assert!(place.contains("inputs") && place.contains("row 1, column 0"), "{place}");

        // Settings.
        for learning_rate in [f64::NAN, f64::INFINITY, -0.1, 1e39, 1e-50] {
            expect(model.fit(&X, &Y, &Fit::new().learning_rate(learning_rate)), "Setting");
        }
        expect(model.fit(&X, &Y, &Fit::new().epochs(0)), "Setting");
        expect(model.fit(&X, &Y, &Fit::new().log_every(0)), "Setting");
        expect(model.fit(&X, &[[0.0], [1.0], [1.5]], &Fit::new().loss(Loss::BinaryCrossEntropy)), "Setting");
        expect(model.explain(&X, &Y, &Fit::new(), 0), "Setting");
        expect(model.explain(&X, &Y, &Fit::new(), 2), "Setting");

        let classes = Fit::new().loss(Loss::CategoricalCrossEntropy);
        let three = Network::new(2).dense(3, Activation::Softmax);
        let mut three = Model::new(&device, &three, &Init::default()).expect("a model");
        for bad in [3.0, -1.0, 0.5, 1e30] {
            expect(three.fit(&X, &[[0.0], [1.0], [bad]], &classes), "Setting");
        }
        let place = three.fit(&X, &[[0.0], [1.0], [3.0]], &classes).expect_err("no such class").to_string();
        assert!(place.contains("from 0 to 2") && place.contains("3 at row 2"), "{place}");
        expect(three.fit(&X, &[[1.0, 0.0, 0.0], [0.5, 0.5, 0.1], [0.0, 0.0, 1.0]], &classes), "Setting");
        expect(three.fit(&X, &Y, &Fit::new()), "Shape");
        expect(model.fit(&X, &Y, &classes), "Setting");
        let nan64 = f64::NAN;
        let adam = |beta_1, beta_2, epsilon| Optimizer::Adam { beta_1, beta_2, epsilon };
        let plateau =
            |factor, threshold, minimum| Schedule::ReduceOnPlateau { factor, patience: 1, threshold, cooldown: 0, minimum };
        let rows: Matrix<'static> = Matrix::new(1, 2, vec![0.0; 2]).expect("a matrix");
        for bad in [
            Fit::new().batch_size(0),
            Fit::new().weight_decay(-1.0),
            Fit::new().weight_decay(nan64),
            Fit::new().clip_norm(0.0),
            Fit::new().clip_norm(f64::INFINITY),
            Fit::new().optimizer(Optimizer::momentum(1.0)),
            Fit::new().optimizer(Optimizer::nesterov(-0.1)),
            Fit::new().optimizer(Optimizer::RmsProp { rho: 1.5, epsilon: 1e-8 }),
            Fit::new().optimizer(adam(0.9, 0.999_999_999_999, 1e-8)),
            Fit::new().optimizer(adam(nan64, 0.999, 1e-8)),
            Fit::new().optimizer(adam(0.9, 0.999, 0.0)),
            Fit::new().optimizer(adam(0.9, 0.999, 1e-60)),
            Fit::new().schedule(Schedule::Step { every: 0, factor: 0.5 }),
            Fit::new().schedule(Schedule::Exponential { factor: nan64 }),
            Fit::new().schedule(Schedule::Cosine { epochs: 0, minimum: 0.0 }),
            Fit::new().schedule(Schedule::Cosine { epochs: 3, minimum: -1.0 }),
            Fit::new().schedule(plateau(-0.5, 0.1, 0.0)),
            Fit::new().schedule(plateau(1.5, 0.1, 0.0)),
            Fit::new().clip_norm(1e-50),
            Fit::new().early_stopping(EarlyStopping::patience(0)),
            Fit::new().early_stopping(EarlyStopping::patience(1).min_delta(nan64)),
            Fit::new().validation_split(0.0),
            Fit::new().validation_split(1.0),
            Fit::new().validation_split(0.01),
            Fit::new().metrics([Metric::TopK(2)]),
            Fit::new().sample_weights([1.0, -1.0, 1.0]),
            Fit::new().sample_weights([1.0, nan, 1.0]),
            Fit::new().sample_weights([0.0; 3]),
            Fit::new().class_weights(ClassWeights::Given(vec![1.0])),
            Fit::new().class_weights(ClassWeights::Given(vec![1.0, -2.0])),
        ] {
            expect(model.fit(&X, &Y, &bad), "Setting");
        }
        expect(model.fit(&X, &[[1.0]; 3], &Fit::new().class_weights(ClassWeights::Balanced)), "Setting");
        expect(model.fit(&X, &[[0.5], [1.0], [0.0]], &Fit::new().class_weights(ClassWeights::Balanced)), "Setting");
        expect(model.fit(&X, &[[0.5], [1.0], [0.0]], &Fit::new().validation_split(0.4).stratify(true)), "Setting");
        expect(model.fit(&X, &Y, &Fit::new().sample_weights([1.0; 2])), "Shape");
        expect(model.fit(&X, &Y, &Fit::new().validation_data(rows.clone(), rows.clone())), "Shape");
        model.fit(&X, &Y, &Fit::new().batch_size(usize::MAX)).expect("a batch larger than the data is all of it");
        model.set_weights(&before).expect("the weights");

        // Networks.
        for bad in [
            Network::new(1).dense(1, Activation::Relu).dropout(0.5),
            Network::new(1).dropout(1.0).dense(1, Activation::Relu),
            Network::new(1).dropout(f64::NAN).dense(1, Activation::Relu),
            Network::new(1).dense(1, Activation::Relu).weight_decay(-1.0),
            Network::new(1).dense(1, Activation::Relu).weight_decay(1e300),
            Network::new(1).weight_decay(1.0).dense(1, Activation::Relu),
            Network::new(1).frozen().dense(1, Activation::Relu),
            Network::new(1).dense(2, Activation::Softmax).dense(1, Activation::Relu),
        ] {
            expect(Model::new(&device, &bad, &Init::default()), "Setting");
        }
        let frozen = Network::new(2).dense(1, Activation::Sigmoid).frozen();
        expect(Model::new(&device, &frozen, &Init::default()).and_then(|mut model| model.fit(&X, &Y, &fit)), "Setting");
        for bad in [
            Init::Constant(f64::NAN),
            Init::Uniform { seed: 0, low: 0.0, high: 1e39 },
            Init::Normal { seed: 0, mean: 1e39, deviation: 1.0 },
            Init::Uniform { seed: 0, low: 1.0, high: 0.0 },
            Init::Normal { seed: 0, mean: f64::INFINITY, deviation: 1.0 },
            Init::Normal { seed: 0, mean: 0.0, deviation: -1.0 },
        ] {
            expect(Model::new(&device, &network(), &bad), "Setting");
        }
        for bad in [Network::new(0).dense(1, Activation::Relu), Network::new(1), Network::new(1).dense(0, Activation::Relu)] {
            expect(Model::new(&device, &bad, &Init::default()), "Setting");
        }
        let huge = usize::MAX / 2;
        expect(Model::new(&device, &Network::new(huge).dense(huge, Activation::Relu), &Init::default()), "TooLarge");
        expect(Model::new(&device, &Network::new(1 << 30).dense(1 << 30, Activation::Relu), &Init::default()), "TooLarge");

        // Tensors.
        let tensor = |name: &str, shape: &[usize], count: usize| Tensor {
            name: name.into(),
            shape: shape.into(),
            values: vec![0.0; count],
        };
        expect(model.weight("layers.2.weight"), "UnknownTensor");
        expect(model.set_weights(&[tensor("layer.0.weight", &[2, 3], 6)]), "UnknownTensor");
        expect(model.set_weights(&[tensor("layers.0.weight", &[3, 2], 6)]), "Shape");
        expect(model.set_weights(&[tensor("layers.0.weight", &[2, 3], 5)]), "Shape");
        // The first tensor is valid, but not set, because the second one is not valid.
        expect(model.set_weights(&[tensor("layers.0.weight", &[2, 3], 6), tensor("layers.0.bias", &[2], 2)]), "Shape");
        expect(Model::new(&device, &network(), &Init::Values(vec![tensor("layers.0.weight", &[2, 3], 6)])), "Shape");

        assert_eq!(model.weights(), before);
        assert_eq!(train(&device), trained);
    }
}

/// The limit on bindings is checked before anything is allocated.
#[test]
fn a_batch_that_exceeds_the_devices_limits_is_refused() {
    let device = device();
    let trained = train(&device);
    let limit = gpu(&device).expect("a GPU").limits().max_storage_buffer_binding_size;
    // A forward pass whose hidden layer is one row over the limit; the inputs themselves are small.
    let units = 1 << 16;
    let rows = (limit / 4 / units + 1) as usize;
    let network = Network::new(1).dense(units as usize, Activation::Relu).dense(1, Activation::Relu);
    let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
    let x = Matrix::new(rows, 1, vec![0.0; rows]).expect("a matrix");
    let error = model.fit(&x, &x, &Fit::new()).expect_err("too large");
    assert_eq!(kind(&error), "TooLarge", "{error}");
    assert!(error.to_string().contains("layers.0."), "{error}");
    check_message(&error);
    assert_eq!(train(&device), trained);
}

/// The outputs of all layers are read back at once, in a single buffer.
#[test]
fn outputs_too_large_for_a_buffer_are_refused() {
    let network = Network::new(2).dense(4, Activation::Tanh).dense(4, Activation::Tanh).dense(4, Activation::Tanh);
    let (rows, bytes) = (100, 100 * 12 * 4);
    let inputs = Matrix::new(rows, 2, vec![0.5; rows * 2]).expect("a matrix");
    let with = |buffer| {
        let (_, limits) = common::open();
        let device = limited(&device(), Limits { buffer, ..limits });
        let model = Model::new(&device, &network, &Init::default()).expect("a model");
        let outputs = Predictor::new(&model, &inputs).and_then(|mut predictor| predictor.predict());
        (model, outputs)
    };
    expect(with(bytes - 1).1, "TooLarge");
    let (model, outputs) = with(bytes);
    assert_eq!(outputs.expect("outputs"), model.predict(&inputs).expect("outputs"));
}

/// The CPU engine has no device limits, but it refuses what could only run out of memory.
#[test]
fn the_cpu_engine_refuses_a_batch_too_large_for_any_memory() {
    let network = Network::new(1).dense(100_000, Activation::Relu).dense(1, Activation::Relu);
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let x = Matrix::new(1_000_000, 1, vec![0.0; 1_000_000]).expect("a matrix");
    expect(model.fit(&x, &x, &Fit::new()), "TooLarge");
    // Here each tensor is within its limit, but all of them together are not.
    let x = Matrix::new(10_000, 1, vec![0.0; 10_000]).expect("a matrix");
    expect(model.fit(&x, &x, &Fit::new()), "TooLarge");
}

#[test]
fn divergence_is_an_error_and_the_model_keeps_its_weights() {
    for device in [device(), Device::cpu()] {
        let network = Network::new(2).dense(3, Activation::Identity).dense(1, Activation::Identity);
        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        let before = model.weights();
        let fit = Fit::new().learning_rate(1e6).epochs(1000);
        let error = model.fit(&[[1.0, 2.0]], &[[1.0]], &fit).expect_err("it diverges");
        assert_eq!(kind(&error), "Diverged", "{error}");
        check_message(&error);
        assert_eq!(model.weights(), before);
        model.fit(&[[1.0, 2.0]], &[[1.0]], &Fit::new().learning_rate(0.01)).expect("training at a lower rate");
    }
}

#[test]
fn an_unknown_device_is_refused_with_the_known_ones() {
    let known = device().info().name.clone();
    let error = Device::open(&DeviceChoice::Name("no such adapter".into())).expect_err("no such adapter");
    assert_eq!(kind(&error), "UnknownDevice");
    check_message(&error);
    assert!(error.to_string().contains(&known) && error.to_string().contains("cpu"), "{error}");
    // Case does not matter, and neither does a missing part at either end.
    let mut part = known.to_uppercase();
    part.pop();
    assert_eq!(Device::open(&DeviceChoice::from(part.as_str())).expect("the adapter").info().name, known);
}

/// If the WGSL of a custom activation does not compile, the error names its line, and the device stays usable.
#[test]
fn wgsl_that_does_not_compile_is_an_error_with_its_line() {
    let device = device();
    let trained = train(&device);
    for (value, derivative, shader, code) in [
        ("x +* 2.0", "1.0", "bias_activation.wgsl (mine)", "return x +* 2.0;"),
        ("unknown(x)", "1.0", "bias_activation.wgsl (mine)", "return unknown(x);"),
        ("1u", "1.0", "bias_activation.wgsl (mine)", ""),
        ("x", "y *\n z", "hidden_delta.wgsl (mine)", "z;"),
    ] {
        let mine = Activation::custom("mine", value, derivative, |x| x, |_, _| 1.0);
        let network = Network::new(2).dense(3, mine).dense(1, Activation::Sigmoid);
        let mut model = Model::new(&device, &network, &Init::default()).expect("a model");
        for (engine, shader) in
            [(EngineChoice::Staged, shader), (EngineChoice::Fused, "fused 2-3-1 (mean_squared_error, sgd, lane)")]
        {
            let error = model.fit(&X, &Y, &Fit::new().engine(engine)).expect_err("it does not compile");
            check_message(&error);
            let Error::Shader { label, line, code: there, .. } = &error else { panic!("{error}") };
            assert_eq!(label, shader, "{error}");
            assert!(*line > 20 && there.contains(code), "{error}");
            assert_eq!(train(&device), trained);
        }
    }
    let twice = |value: &'static str| Activation::custom("mine", value, "1.0", |x| x, |_, _| 1.0);
    expect(Model::new(&device, &Network::new(1).dense(1, twice("x")).dense(1, twice("x + 0.0")), &Init::default()), "Setting");
    for wgsl in ["x // y", "x /* y */"] {
        expect(Model::new(&device, &Network::new(1).dense(1, twice(wgsl)), &Init::default()), "Setting");
    }
    for name in ["", "two words", "sigmoid", "a\n}"] {
        let named = Activation::custom(name.to_owned(), "x", "1.0", |x| x, |_, _| 1.0);
        expect(Model::new(&device, &Network::new(1).dense(1, named), &Init::default()), "Setting");
    }
}

#[test]
fn the_cpu_engine_has_no_stages_to_explain() {
    let model = Model::new(&Device::cpu(), &network(), &Init::default()).expect("a model");
    expect(model.explain(&X, &Y, &Fit::new(), 1), "NeedsAdapter");
}

/// After a device is lost, every call says so without delay, and a new device works.
#[test]
fn a_lost_device_says_so_and_a_new_one_works() {
    let device = device();
    let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
    let before = model.weights();
    model.fit(&X, &Y, &Fit::new()).expect("a training run");
    model.set_weights(&before).expect("the weights");
    gpu(&device).expect("a GPU").destroy();
    let start = Instant::now();
    for _ in 0..3 {
        expect(model.fit(&X, &Y, &Fit::new().epochs(100)), "DeviceLost");
        expect(model.predict(&X), "DeviceLost");
    }
    assert!(start.elapsed() < Duration::from_secs(60), "it took {:?}", start.elapsed());
    assert_eq!(model.weights(), before);
    train(&common::device());
}

/// Another thread destroys the device in the middle of a training run.
#[test]
fn a_device_lost_while_it_trains_gives_an_error_and_no_numbers() {
    let device = device();
    let mut model = Model::new(&device, &network(), &Init::default()).expect("a model");
    let before = model.weights();
    let gpu = gpu(&device).expect("a GPU");
    // The other thread waits for the first log point, so that training is under way.
    let (started, start) = std::sync::mpsc::channel();
    let killer = std::thread::spawn(move || {
        start.recv().expect("the first log point");
        gpu.destroy();
    });
    let result = model.fit_with(&X, &Y, &Fit::new().epochs(50_000_000).log_every(1000), |_| {
        // Sending fails once the other thread has ended.
        let _ = started.send(());
    });
    killer.join().expect("the other thread");
    let error = result.expect_err("the device is lost");
    check_message(&error);
    assert!(matches!(error, Error::DeviceLost { .. } | Error::Panicked { .. }), "{error}");
    // From then on, every call returns the same error.
    assert_eq!(model.fit(&X, &Y, &Fit::new()).expect_err("the device is lost"), error);
    assert_eq!(model.weights(), before);
}

/// Simultaneous training runs, on the same device and on another one.
#[test]
fn simultaneous_training_runs_do_not_affect_each_other() {
    let shared = device();
    let expected = train(&shared);
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(train(&shared), expected));
        scope.spawn(|| assert_eq!(train(&device()), expected));
    });
}

#[test]
fn the_devices_are_listed_best_first_and_the_cpu_engine_last() {
    let devices = shaderprop::devices().expect("a list");
    assert!(devices.len() >= 2, "an adapter and the CPU engine");
    let rank = |kind: DeviceKind| match kind {
        DeviceKind::Hardware => 0,
        DeviceKind::Software => 1,
        DeviceKind::Cpu => 2,
    };
    assert!(devices.is_sorted_by_key(|device| rank(device.kind)));
    assert_eq!(devices.iter().filter(|device| device.kind == DeviceKind::Cpu).count(), 1);
}
