//! Training inside an application: on its device, in its command buffers, and without interfering with it.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{device, numbers};
use shaderprop::wgpu;
use shaderprop::{
    Activation, Cancel, Checkpoint, Device, EarlyStopping, EngineChoice, Error, Fit, Init, Loss, Matrix, Metric, Model, Network,
    Optimizer, Readback, Schedule, Tensor, TensorBuffer, Trainer,
};

/// An application with its own device, on the adapter that the tests run on, and with handlers that count.
struct Application {
    device: wgpu::Device,
    queue: wgpu::Queue,
    errors: Arc<AtomicUsize>,
    losses: Arc<AtomicUsize>,
}

/// An application that requests everything that training can use, or only WebGPU's defaults.
fn application(all: bool) -> Application {
    let name = device().info().name.clone();
    pollster::block_on(async {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
        let adapter = adapters.into_iter().find(|adapter| adapter.get_info().name == name).expect("the adapter");
        let (required_features, required_limits) = match all {
            true => (Trainer::required_features(&adapter), Trainer::required_limits(&adapter)),
            false => (wgpu::Features::empty(), wgpu::Limits::default()),
        };
        let descriptor = wgpu::DeviceDescriptor { required_features, required_limits, ..Default::default() };
        let (device, queue) = adapter.request_device(&descriptor).await.expect("a device");
        let (errors, losses) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, counted) = (errors.clone(), losses.clone());
        device.on_uncaptured_error(Arc::new(move |error| {
            eprintln!("the application: {error}");
            count.fetch_add(1, Ordering::SeqCst);
        }));
        device.set_device_lost_callback(move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        Application { device, queue, errors, losses }
    })
}

impl Application {
    fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    fn submit(&self, encoders: impl IntoIterator<Item = wgpu::CommandEncoder>) {
        self.queue.submit(encoders.into_iter().map(wgpu::CommandEncoder::finish));
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("a poll");
    }

    fn read(&self, tensor: TensorBuffer<'_>) -> Vec<f32> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let descriptor = wgpu::BufferDescriptor { label: None, size: tensor.size, usage, mapped_at_creation: false };
        let staging = self.device.create_buffer(&descriptor);
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(tensor.buffer, tensor.offset, &staging, 0, tensor.size);
        encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, .., |result| result.expect("it is mapped"));
        self.submit([encoder]);
        bytemuck::pod_collect_to_vec(&staging.get_mapped_range(..).expect("a view")[..])
    }

    /// Trains the given number of steps and returns the weights.
    fn train(&self, trainer: &mut Trainer, steps: usize) -> Vec<Tensor> {
        let mut encoder = self.encoder();
        trainer.record_steps(&mut encoder, steps).expect("steps");
        let weights = trainer.record_weights(&mut encoder).expect("a copy");
        self.submit([encoder]);
        // Another thread's poll may still be running the callback.
        for _ in 0..10_000 {
            if let Some(weights) = weights.take() {
                return weights.expect("weights");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the weights did not come back");
    }
}

fn taken(weights: &Readback) -> Vec<Tensor> {
    weights.take().expect("they are back").expect("weights")
}

fn bits(tensors: &[Tensor]) -> Vec<u32> {
    tensors.iter().flat_map(|tensor| tensor.values.iter().map(|value| value.to_bits())).collect()
}

fn rows(count: usize, inputs: usize) -> (Matrix<'static>, Matrix<'static>) {
    let x = numbers(1, count * inputs);
    let y: Vec<f32> = x.chunks(inputs).map(|x| f32::from(x[0] * x[1] > 0.0)).collect();
    (Matrix::new(count, inputs, x).expect("inputs"), Matrix::column(y))
}

fn small() -> (Network, Fit) {
    let network = Network::new(2).dense(12, Activation::Tanh).dropout(0.1).dense(1, Activation::Sigmoid);
    let fit = Fit::new()
        .loss(Loss::BinaryCrossEntropy)
        .optimizer(Optimizer::adam())
        .schedule(Schedule::Exponential { factor: 0.9 })
        .learning_rate(0.02)
        .batch_size(32)
        .seed(3);
    (network, fit)
}

fn wide() -> (Network, Fit) {
    let network = Network::new(64).dense(128, Activation::Gelu).dense(1, Activation::Identity);
    (network, Fit::new().optimizer(Optimizer::momentum(0.9)).learning_rate(0.003).batch_size(64))
}

fn model(network: &Network, seed: u64) -> Model {
    Model::new(&Device::cpu(), network, &Init::GlorotUniform { seed }).expect("a model")
}

/// Steps in frames of any size give the same bits as training on the library's own device.
#[test]
fn steps_in_frames_match_a_training_run() {
    let application = application(true);
    for (network, fit) in [small(), wide()] {
        let (x, y) = rows(200, network.inputs());
        // 7 batches of 32, or 4 of 64, the last of them short.
        let epochs = 6;
        let steps = epochs * 200usize.div_ceil(if network.inputs() == 2 { 32 } else { 64 });
        let mut whole = Model::new(&device(), &network, &Init::GlorotUniform { seed: 1 }).expect("a model");
        let history = whole.fit(&x, &y, &fit.clone().epochs(epochs).engine(EngineChoice::Staged)).expect("a training run");

        let mut trainer =
            Trainer::from_device(&application.device, &application.queue, &model(&network, 1), &x, &y, &fit).expect("a trainer");
        assert!(trainer.loss().is_none());
        // A single step, several command buffers at once, and more steps at once than an epoch has.
        let mut left = steps;
        application.train(&mut trainer, 1);
        let (mut first, mut second) = (application.encoder(), application.encoder());
        trainer.record_steps(&mut first, 2).expect("steps");
        trainer.record_steps(&mut second, 4).expect("steps");
        trainer.record_steps(&mut first, 0).expect("none");
        application.submit([first, second]);
        left -= 7;
        let weights = application.train(&mut trainer, left);
        assert_eq!((trainer.steps(), trainer.epochs()), (steps as u64, epochs as u64));
        assert_eq!(bits(&weights), bits(&whole.weights()));

        // Each tensor is where the trainer says.
        for tensor in &weights {
            let place = trainer.tensor(&tensor.name).expect("its place");
            assert_eq!((place.offset % 256, place.size as usize), (0, tensor.values.len() * 4));
            assert_eq!(application.read(place), tensor.values, "{}", tensor.name);
        }
        let loss = trainer.loss().expect("a loss");
        assert_eq!(loss.offset % 256, 0);
        assert_eq!(f64::from(application.read(loss)[0]), *history.loss.last().expect("a loss"));
        let last = trainer.tensor(&format!("layers.{}.output", network.layers().len() - 1)).expect("the outputs");
        let outputs = application.read(last);
        assert_eq!(outputs.len(), if network.inputs() == 2 { 32 } else { 64 });
        assert!(outputs.iter().any(|y| *y != 0.0) && outputs.iter().all(|y| y.is_finite()));
        // Half an epoch later, the loss is still that of the last complete epoch.
        application.train(&mut trainer, 2);
        assert_eq!(f64::from(application.read(trainer.loss().expect("a loss"))[0]), *history.loss.last().expect("a loss"));
        let error = trainer.tensor("layers.9.weight").expect_err("no such tensor");
        assert!(matches!(&error, Error::UnknownTensor { known, .. } if known.len() == 6), "{error}");
    }
    assert_eq!(application.errors.load(Ordering::SeqCst), 0);
}

#[test]
fn webgpus_defaults_are_enough() {
    let application = application(false);
    for (network, fit) in [small(), wide()] {
        let (x, y) = rows(100, network.inputs());
        let model = model(&network, 1);
        let before = model.evaluate(&x, &y, Loss::MeanSquaredError).expect("a loss").loss;
        let mut trainer = Trainer::from_device(&application.device, &application.queue, &model, &x, &y, &fit).expect("a trainer");
        let mut trained = model.clone();
        trained.set_weights(&application.train(&mut trainer, 150)).expect("weights");
        let after = trained.evaluate(&x, &y, Loss::MeanSquaredError).expect("a loss").loss;
        assert!(after < 0.9 * before, "{before}, {after}");
    }
    assert_eq!(application.errors.load(Ordering::SeqCst), 0);
}

/// Two trainers and the application itself use the same command buffers: each trainer trains as if it were alone.
#[test]
fn two_trainers_on_one_device() {
    let application = application(true);
    let ((small, fit), (wide, wide_fit)) = (small(), wide());
    let ((x, y), (wide_x, wide_y)) = (rows(200, 2), rows(200, 64));
    let new = || {
        let first = Trainer::from_device(&application.device, &application.queue, &model(&small, 1), &x, &y, &fit);
        let second = Trainer::from_device(&application.device, &application.queue, &model(&wide, 2), &wide_x, &wide_y, &wide_fit);
        (first.expect("a trainer"), second.expect("a trainer"))
    };
    let (mut first, mut second) = new();
    let alone = (application.train(&mut first, 30), application.train(&mut second, 30));
    let (mut first, mut second) = new();
    for _ in 0..10 {
        let mut encoder = application.encoder();
        first.record_steps(&mut encoder, 2).expect("steps");
        second.record_steps(&mut encoder, 3).expect("steps");
        first.record_steps(&mut encoder, 1).expect("steps");
        application.submit([encoder]);
    }
    assert_eq!(bits(&application.train(&mut first, 0)), bits(&alone.0));
    assert_eq!(bits(&application.train(&mut second, 0)), bits(&alone.1));
    // From two threads.
    let (first, second) = new();
    let trained: Vec<Vec<Tensor>> = std::thread::scope(|scope| {
        let train = |mut trainer: Trainer| {
            let application = &application;
            scope.spawn(move || {
                (0..9).for_each(|_| drop(application.train(&mut trainer, 3)));
                application.train(&mut trainer, 3)
            })
        };
        let threads = [train(first), train(second)];
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    });
    assert_eq!((bits(&trained[0]), bits(&trained[1])), (bits(&alone.0), bits(&alone.1)));
}

/// A trainer submits nothing, polls nothing, and leaves the application's handlers in place.
#[test]
fn the_application_keeps_control() {
    let application = application(true);
    let number = |index: &wgpu::SubmissionIndex| -> u64 {
        let digits: String = format!("{index:?}").chars().filter(char::is_ascii_digit).collect();
        digits.parse().expect("an index")
    };
    // A mapping that shows whether the device was polled.
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let descriptor = wgpu::BufferDescriptor { label: None, size: 4, usage, mapped_at_creation: false };
    let buffer = application.device.create_buffer(&descriptor);
    let was_polled = Arc::new(Mutex::new(false));
    let poll_flag = was_polled.clone();
    let before = number(&application.queue.submit([]));
    buffer.map_async(wgpu::MapMode::Read, .., move |_| *poll_flag.lock().expect("the flag") = true);

    let (network, fit) = small();
    // More data than the library uploads at a time to its own devices.
    let large = Network::new(32).dense(1, Activation::Sigmoid);
    let ((x, y), (large_x, large_y)) = (rows(200, 2), rows(300_000, 32));
    let mut trainer =
        Trainer::from_device(&application.device, &application.queue, &model(&network, 1), &x, &y, &fit).expect("a trainer");
    let mut other = Trainer::from_device(&application.device, &application.queue, &model(&large, 1), &large_x, &large_y, &fit)
        .expect("a trainer");
    let mut encoder = application.encoder();
    trainer.record_steps(&mut encoder, 5).expect("steps");
    trainer.record_for(&mut encoder, Duration::from_millis(1)).expect("steps");
    other.record_steps(&mut encoder, 1).expect("steps");
    let weights = trainer.record_weights(&mut encoder).expect("a copy");
    let commands = encoder.finish();
    assert!(weights.take().is_none(), "nothing was submitted");
    assert!(!*was_polled.lock().expect("the flag"), "it was polled");
    let index = application.queue.submit([commands]);
    // The mapping above took a number, too.
    assert_eq!(number(&index), before + 2, "it submitted");
    assert!(weights.take().is_none(), "nobody has polled");
    application.device.poll(wgpu::PollType::wait_indefinitely()).expect("a poll");
    assert!(*was_polled.lock().expect("the flag"));
    let before = model(&network, 1).weights();
    assert_ne!(bits(&taken(&weights)), bits(&before));
    assert!(weights.take().is_none(), "they can be taken only once");

    // A command buffer that is discarded gives nothing back, and after any number of them the clock still works.
    for _ in 0..10 {
        let mut encoder = application.encoder();
        trainer.record_for(&mut encoder, Duration::from_millis(1)).expect("steps");
        let weights = trainer.record_weights(&mut encoder).expect("a copy");
        drop(encoder);
        assert!(matches!(weights.take(), Some(Err(Error::Driver { .. }))), "they never come back");
    }
    // Without a measurement, each frame has a single step. A minute is enough for several steps on any device.
    let frames = (0..60).map(|_| {
        let mut encoder = application.encoder();
        let steps = trainer.record_for(&mut encoder, Duration::from_secs(60)).expect("steps");
        application.submit([encoder]);
        steps
    });
    assert!(frames.into_iter().any(|steps| steps > 4), "nothing was measured");

    // An error outside of the trainer's error scopes goes to the application.
    assert_eq!(application.errors.load(Ordering::SeqCst), 0);
    let descriptor = wgpu::BufferDescriptor { label: None, size: !3, usage, mapped_at_creation: false };
    drop(application.device.create_buffer(&descriptor));
    assert_eq!(application.errors.load(Ordering::SeqCst), 1);
    assert_eq!(application.losses.load(Ordering::SeqCst), 0);
    let mut encoder = application.encoder();
    let [early, late] = [0; 2].map(|_| trainer.record_weights(&mut encoder).expect("a copy"));
    application.submit([encoder]);
    taken(&early);
    application.device.destroy();
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| application.device.poll(wgpu::PollType::Poll)));
    assert_eq!(application.losses.load(Ordering::SeqCst), 1, "its own handler was called");
    // The application reports the loss. Weights that came back before, but were not taken yet, are not trusted any
    // more.
    trainer.device_lost("it was unplugged");
    assert!(matches!(late.take(), Some(Err(Error::DeviceLost { .. }))), "nobody knows what was read");
    let mut encoder = application.encoder();
    for result in [trainer.record_steps(&mut encoder, 1), trainer.record_for(&mut encoder, Duration::ZERO).map(|_| ())] {
        assert!(matches!(&result, Err(Error::DeviceLost { message }) if message.contains("unplugged")), "{result:?}");
    }
    assert!(matches!(trainer.record_weights(&mut encoder), Err(Error::DeviceLost { .. })));
}

/// If the device has no clock, the application reports how long steps take.
#[test]
fn a_budget_is_kept_with_reported_times() {
    let application = application(false);
    let (network, fit) = small();
    let (x, y) = rows(200, 2);
    let mut trainer =
        Trainer::from_device(&application.device, &application.queue, &model(&network, 1), &x, &y, &fit).expect("a trainer");
    // So long that the host's time for recording the steps is negligible, however busy the host is.
    let frame = |trainer: &mut Trainer, seconds| {
        let mut encoder = application.encoder();
        let steps = trainer.record_for(&mut encoder, Duration::from_secs(seconds)).expect("steps");
        application.submit([encoder]);
        steps
    };
    assert_eq!([frame(&mut trainer, 1000), frame(&mut trainer, 1000)], [1, 1], "nothing is known yet");
    // The first report is ignored, because its time is mostly that of the driver's compilation.
    trainer.report_time(1, Duration::from_secs(10_000));
    assert_eq!(frame(&mut trainer, 1000), 1);
    // 10 s per step, and the time for recording: at most 99 steps in 1,000 s, which is approached gradually.
    trainer.report_time(10, Duration::from_secs(100));
    let steps: Vec<usize> = (0..12).map(|_| frame(&mut trainer, 1000)).collect();
    assert!(steps.windows(2).all(|pair| pair[0] <= pair[1] && pair[1] <= 2 * pair[0].max(1)), "{steps:?}");
    assert!((20..100).contains(&steps[11]), "{steps:?}");
    // A slower pace takes effect at once.
    trainer.report_time(1, Duration::from_secs(500));
    assert_eq!(frame(&mut trainer, 1000), 1);
    // At least one step is always recorded.
    assert_eq!(frame(&mut trainer, 0), 1);
}

#[test]
fn settings_for_a_whole_training_run_are_refused() {
    let application = application(true);
    let (network, fit) = small();
    let (x, y) = rows(20, 2);
    let plateau = Schedule::ReduceOnPlateau { factor: 0.5, patience: 2, threshold: 0.0, cooldown: 0, minimum: 0.0 };
    for fit in [
        fit.clone().metrics([Metric::Accuracy]),
        fit.clone().validation_split(0.5),
        fit.clone().early_stopping(EarlyStopping::patience(3)),
        fit.clone().schedule(plateau),
        fit.clone().log_every(3),
        fit.clone().cancel(&Cancel::new()),
        fit.clone().checkpoint(Checkpoint::new("none")),
        fit.clone().engine(EngineChoice::Fused),
        fit.clone().batch_size(0),
    ] {
        let error = Trainer::from_device(&application.device, &application.queue, &model(&network, 1), &x, &y, &fit).err();
        let error = error.expect("it is refused");
        assert!(matches!(error, Error::Setting { .. }), "{error}");
        assert!(error.to_string().contains(';'), "{error}");
    }
    let none: [[f32; 2]; 0] = [];
    let targets: [[f32; 1]; 0] = [];
    assert!(Trainer::from_device(&application.device, &application.queue, &model(&network, 1), &none, &targets, &fit).is_err());
    // WGSL that does not compile is an error for the caller, not for the application's handler.
    let bad = Activation::custom("bad", "nonsense(x)", "1.0", |x| x, |_, _| 1.0);
    let network = Network::new(2).dense(1, bad);
    let result = Trainer::from_device(&application.device, &application.queue, &model(&network, 1), &x, &y, &fit);
    assert!(matches!(result, Err(Error::Shader { .. })), "{result:?}");
    assert_eq!(application.errors.load(Ordering::SeqCst), 0);
}

/// The outputs of a layer for the last batch. If that batch is shorter, they are followed by rows of the batch before.
#[test]
fn activations_are_of_the_last_batch() {
    let application = application(true);
    let network = Network::new(1).dense(1, Activation::Identity);
    let mut copying = model(&network, 1);
    let weight = Tensor { name: "layers.0.weight".into(), shape: vec![1, 1], values: vec![1.0] };
    copying.set_weights(&[weight]).expect("a weight");
    let rows: Vec<f32> = (0..10u8).map(f32::from).collect();
    let (x, y) = (Matrix::column(rows.clone()), Matrix::column(rows));
    let fit = Fit::new().learning_rate(0.0).batch_size(8).shuffle(false);
    let mut trainer = Trainer::from_device(&application.device, &application.queue, &copying, &x, &y, &fit).expect("a trainer");
    for expected in [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], [8.0, 9.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]] {
        application.train(&mut trainer, 1);
        assert_eq!(application.read(trainer.tensor("layers.0.output").expect("the outputs")), expected);
    }
}

/// A trainer continues where a model's training stopped.
#[test]
fn a_trainer_continues_a_models_training() {
    let application = application(true);
    let (network, fit) = small();
    let (x, y) = rows(128, 2);
    let staged = fit.clone().engine(EngineChoice::Staged);
    let mut whole = Model::new(&device(), &network, &Init::default()).expect("a model");
    whole.fit(&x, &y, &staged.clone().epochs(3)).expect("a training run");
    let mut trainer = Trainer::from_device(&application.device, &application.queue, &whole, &x, &y, &fit).expect("a trainer");
    let weights = application.train(&mut trainer, 4 * 4);
    whole.fit(&x, &y, &staged.epochs(4)).expect("the same");
    assert_eq!(bits(&weights), bits(&whole.weights()));
}
