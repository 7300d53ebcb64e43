//! The fused engine against the reference, tensor by tensor, with every way to distribute a network over lanes.

mod common;

use common::{Cases, by, change_agrees, change_agrees_within, device, mod4, numbers, targets};
use shaderprop::internals::{Limits, Products, gpu, limited};
use shaderprop::{
    Activation, Device, Engine, EngineChoice, Error, Fit, History, Init, Loss, Matrix, Member, Model, Network, Optimizer,
    Schedule, Sweep, SweepLog, Tensor,
};

/// The device as it is, and without subgroups. Without them, lanes exchange their results through workgroup memory.
fn devices() -> [(&'static str, Device); 2] {
    let device = device();
    let limits = gpu(&device).expect("a GPU").plan_limits();
    let plain = limited(&device, Limits { products: Products::Plain, ..limits });
    [("as it is", device), ("workgroup memory", plain)]
}

fn train(device: &Device, network: &Network, init: &Init, data: (&Matrix<'_>, &Matrix<'_>), fit: &Fit) -> (Model, History) {
    let mut model = Model::new(device, network, init).unwrap_or_else(|error| panic!("{error}"));
    let history = model.fit(data.0, data.1, fit).unwrap_or_else(|error| panic!("{error}"));
    (model, history)
}

/// Trains with the fused engine and with the CPU engine, and compares every loss and the change of every tensor.
fn agrees(what: &str, device: &Device, network: &Network, data: (&Matrix<'_>, &Matrix<'_>), fit: &Fit) {
    let init = Init::Uniform { seed: 3, low: -0.4, high: 0.8 };
    let start = Model::new(&Device::cpu(), network, &init).expect("a model").weights();
    let (model, history) = train(device, network, &init, data, &fit.clone().engine(EngineChoice::Fused));
    let (expected, expected_history) = train(&Device::cpu(), network, &init, data, fit);
    assert_eq!((history.engine, expected_history.engine), (Engine::Fused, Engine::Cpu), "{what}");
    assert_eq!(history.loss.len(), expected_history.loss.len());
    for (epoch, (got, expected)) in history.loss.iter().zip(&expected_history.loss).enumerate() {
        assert!((got - expected).abs() <= 1e-4 * expected.abs() + 1e-6, "{what}: loss {epoch}: {got}, expected {expected}");
    }
    let find = |tensors: &[Tensor], name: &str| tensors.iter().find(|tensor| tensor.name == name).cloned().expect("a tensor");
    // Each epoch of these tests has at most ten steps, each of which rounds every weight once.
    let steps = 10 * history.loss.len();
    for (l, layer) in network.layers().iter().enumerate() {
        for kind in ["weight", "bias"] {
            let name = format!("layers.{l}.{kind}");
            let (start, got, expected) = (find(&start, &name), find(&model.weights(), &name), find(&expected.weights(), &name));
            // Frozen, or all of its units are inactive for every row.
            if layer.frozen || start == expected {
                assert_eq!(start, got, "{what}: {name} moved");
            } else {
                change_agrees_within(what, &start, &got, &expected, steps as f64);
            }
        }
    }
}

fn data(network: &Network, loss: Loss, rows: usize) -> (Matrix<'static>, Matrix<'static>) {
    let inputs = Matrix::new(rows, network.inputs(), numbers(11, rows * network.inputs())).expect("a matrix");
    (inputs, targets(12, loss, rows, network.outputs()))
}

fn all_activations() -> impl Iterator<Item = &'static Activation> {
    Activation::ALL.iter().chain([&Activation::Softmax])
}

#[test]
fn every_activation_and_loss_in_one_lane() {
    let [(_, device), _] = devices();
    let mut cases = Cases::new();
    for activation in all_activations() {
        for loss in Loss::ALL {
            let keys = [by("activation", activation.name()), by("loss", loss.name())];
            let what = format!("{} with {}", activation.name(), loss.name());
            cases.case(keys, &what, || {
                let hidden = if *activation == Activation::Softmax { Activation::Tanh } else { activation.clone() };
                let network = Network::new(3).dense(3, hidden).dense(2, activation.clone());
                let (inputs, targets) = data(&network, *loss, 5);
                let fit = Fit::new().loss(*loss).learning_rate(0.05).epochs(6);
                agrees(&what, &device, &network, (&inputs, &targets), &fit);
            });
        }
    }
    cases.finish();
}

/// Shuffled batches, the last one shorter; layers wider and narrower than the number of lanes.
#[test]
fn every_activation_and_loss_in_many_lanes() {
    let mut cases = Cases::new();
    for (way, device) in devices() {
        for (i, activation) in all_activations().enumerate() {
            for (j, loss) in Loss::ALL.iter().enumerate() {
                // Each pair has one shape, and all shapes are used.
                let shape = [[5, 9, 3], [2, 17, 12], [9, 3, 2]][(i + j) % 3];
                let keys = [
                    by("lanes", way),
                    by("activation", activation.name()),
                    by("loss", loss.name()),
                    by("layers", format!("{shape:?}")),
                ];
                let what = format!("{way}: {} with {} on {shape:?}", activation.name(), loss.name());
                cases.case(keys, &what, || {
                    let hidden = if *activation == Activation::Softmax { Activation::Sigmoid } else { activation.clone() };
                    let network = Network::new(shape[0]).dense(shape[1], hidden).dense(shape[2], activation.clone());
                    let (inputs, targets) = data(&network, *loss, 17);
                    // A cross-entropy has gradients like 1 / y after any activation but its own.
                    let steep = match loss {
                        Loss::BinaryCrossEntropy => *activation != Activation::Sigmoid,
                        Loss::CategoricalCrossEntropy => *activation != Activation::Softmax,
                        _ => false,
                    };
                    // The gradient of a sum is larger than that of a mean by a factor of the number of terms.
                    let rate = if steep {
                        0.002
                    } else if *loss == Loss::SquaredError {
                        0.01
                    } else {
                        0.2
                    };
                    let fit = Fit::new().loss(*loss).learning_rate(rate).epochs(3).batch_size(5).seed(7);
                    agrees(&what, &device, &network, (&inputs, &targets), &fit);
                });
            }
        }
    }
    cases.finish();
}

/// With weight decay, sample weights, a schedule, a warm-up, a frozen layer and a layer with its own decay, alone and
/// together.
#[test]
fn every_optimizer_with_every_supported_setting() {
    let mut cases = Cases::new();
    for (way, device) in devices() {
        for optimizer in Optimizer::ALL {
            for variant in 0..8 {
                let keys = [by("lanes", way), by("optimizer", optimizer.name()), by("variant", variant)];
                let what = format!("{way}: {} {variant}", optimizer.name());
                cases.case(keys, &what, || {
                    let mut network = Network::new(4).dense(7, Activation::Tanh);
                    if variant == 1 {
                        network = network.frozen();
                    }
                    network = network.dense(6, Activation::Silu);
                    if variant == 2 {
                        network = network.weight_decay(0.2);
                    }
                    network = network.dense(3, Activation::Softmax);
                    if variant == 3 {
                        network = network.frozen();
                    }
                    let loss = Loss::CategoricalCrossEntropy;
                    let rows = 14;
                    let (inputs, targets) = data(&network, loss, rows);
                    let mut fit =
                        Fit::new().loss(loss).optimizer(*optimizer).learning_rate(0.01).epochs(4).batch_size(4 + variant);
                    // Variants 1 to 3 have all of the following settings.
                    if matches!(variant, 1..=4) {
                        fit = fit.weight_decay(0.05);
                    }
                    if matches!(variant, 1..=3 | 5) {
                        // So small that their products with a gradient vanish in f32.
                        let scale = if variant == 5 { 1e-36 } else { 1.0 };
                        fit = fit.sample_weights(numbers(5, rows).iter().map(|weight| scale * weight.abs()).collect::<Vec<_>>());
                    }
                    if matches!(variant, 1..=3 | 6) {
                        fit = fit.schedule(Schedule::Cosine { epochs: 3, minimum: 0.001 });
                    }
                    if matches!(variant, 1..=3 | 7) {
                        fit = fit.warm_up(3);
                    }
                    agrees(&what, &device, &network, (&inputs, &targets), &fit);
                });
            }
        }
    }
    cases.finish();
}

#[test]
fn shapes_from_one_unit_to_many() {
    let mut cases = Cases::new();
    for (way, device) in devices() {
        for (sizes, rows, batch) in [
            (vec![1, 1], 1, 1),
            (vec![1, 1], 3, 2),
            (vec![3, 1], 40, 40),
            (vec![2, 5], 33, 8),
            // Lanes exchange nothing but the loss.
            (vec![2, 40], 9, 4),
            (vec![7, 64, 1], 9, 4),
            (vec![33, 8, 8, 8], 6, 6),
            (vec![4, 65, 9], 5, 3),
            (vec![4, 2, 2, 2, 2, 2], 20, 7),
            (vec![70, 3, 33], 4, 4),
        ] {
            let keys =
                [by("lanes", way), mod4("inputs mod 4", sizes[0]), by("layers", sizes.len() - 1), mod4("rows mod 4", rows)];
            let what = format!("{way}: {sizes:?}, {rows} rows, batches of {batch}");
            cases.case(keys, &what, || {
                let network =
                    sizes[1..].iter().fold(Network::new(sizes[0]), |network, units| network.dense(*units, Activation::Tanh));
                let (inputs, targets) = data(&network, Loss::MeanSquaredError, rows);
                let fit = Fit::new().learning_rate(0.1).epochs(3).batch_size(batch);
                agrees(&what, &device, &network, (&inputs, &targets), &fit);
            });
        }
    }
    cases.finish();
}

const XOR: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const XOR_TARGETS: [[f32; 1]; 4] = [[0.0], [1.0], [1.0], [0.0]];

/// No error is propagated back through a frozen layer: lanes exchange only its outputs.
#[test]
fn only_the_last_layer_is_trained() {
    for (way, device) in devices() {
        let network = Network::new(3).dense(40, Activation::Tanh).frozen().dense(20, Activation::Tanh);
        let (inputs, targets) = data(&network, Loss::MeanSquaredError, 11);
        let fit = Fit::new().learning_rate(0.3).epochs(4).batch_size(4);
        agrees(way, &device, &network, (&inputs, &targets), &fit);
    }
}

/// A way to distribute a network over lanes, with a device, a network, data and settings for it.
type Kind = (&'static str, Device, Network, (Matrix<'static>, Matrix<'static>), Fit);

fn kinds() -> Vec<Kind> {
    let [(_, device), (_, memory)] = devices();
    let xor = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    let xor_data = (Matrix::from(&XOR).into_owned(), Matrix::from(&XOR_TARGETS).into_owned());
    let wide = Network::new(4).dense(10, Activation::Tanh).dense(3, Activation::Softmax);
    let loss = Loss::CategoricalCrossEntropy;
    let wide_data = data(&wide, loss, 23);
    let fit = Fit::new().loss(loss).optimizer(Optimizer::adam()).learning_rate(0.02).batch_size(7).epochs(11).seed(5);
    vec![
        ("one lane", device.clone(), xor, xor_data, Fit::new().loss(Loss::SquaredError).learning_rate(0.5).epochs(300)),
        ("subgroup", device, wide.clone(), wide_data.clone(), fit.clone()),
        ("workgroup memory", memory, wide, wide_data, fit),
    ]
}

fn sweep_of(device: &Device, network: &Network, members: Vec<Member>) -> Sweep {
    Sweep::new(device, network, members).unwrap_or_else(|error| panic!("{error}"))
}

/// Members of every kind: with their own learning rates, weight decays, numbers of epochs, and rows.
fn members(count: u64, rows: usize, epochs: usize) -> Vec<Member> {
    let member = |seed: u64| {
        let member = Member::new(Init::Uniform { seed, low: -0.8, high: 0.9 });
        match seed % 5 {
            0 => member,
            1 => member.learning_rate(0.003 * (1.0 + seed as f64)),
            2 => member.weight_decay(0.01 * seed as f64),
            3 => member.epochs(epochs / 2),
            _ => member.rows((0..rows).filter(|row| row % 3 != seed as usize % 3).collect::<Vec<_>>()).learning_rate(0.05),
        }
    };
    (0..count).map(member).collect()
}

/// A member of a sweep has the same bits as in a sweep of its own, and, if it has no number of epochs of its own, as a
/// model.
#[test]
fn a_member_of_a_sweep_matches_the_network_trained_alone() {
    for (what, device, network, (inputs, targets), fit) in kinds() {
        let epochs = 11;
        let fit = fit.epochs(epochs);
        let members = members(41, inputs.rows(), epochs);
        let mut sweep = sweep_of(&device, &network, members.clone());
        let history = sweep.fit(&inputs, &targets, &fit).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(history.engine, Engine::Fused, "{what}: {}", history.reason);
        for k in [0, 1, 2, 3, 4, 13, 38, 39, 40] {
            let mut alone = sweep_of(&device, &network, vec![members[k].clone()]);
            let alone_history = alone.fit(&inputs, &targets, &fit).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(sweep.weights_of(k), alone.weights_of(0), "{what}: member {k}");
            assert_eq!(history.members[k].loss.to_bits(), alone_history.members[0].loss.to_bits(), "{what}: member {k}");
        }
        let mut model = Model::new(&device, &network, &Init::Uniform { seed: 6, low: -0.8, high: 0.9 }).expect("a model");
        let alone = fit.clone().learning_rate(0.003 * 7.0).engine(EngineChoice::Fused);
        let model_history = model.fit(&inputs, &targets, &alone).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(model_history.engine, Engine::Fused);
        assert_eq!(sweep.weights_of(6).expect("a member"), model.weights(), "{what}: a model");
        assert_eq!(history.members[6].loss, model_history.loss[epochs - 1], "{what}: a model");
    }
}

/// Where epochs are split, and which networks share a dispatch or a buffer, changes no bits.
#[test]
fn splitting_changes_no_bits() {
    for (what, device, network, (inputs, targets), fit) in kinds() {
        let members = members(29, inputs.rows(), 12);
        let whole = {
            let mut sweep = sweep_of(&device, &network, members.clone());
            let history =
                sweep.fit(&inputs, &targets, &fit.clone().epochs(12).log_every(5)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(history.logged, [1, 6, 11]);
            assert_eq!(history.members[3].logged.len(), 2, "{what}: it ended after six epochs");
            (sweep, history)
        };
        // In separate calls.
        let mut sweep = sweep_of(&device, &network, members.clone());
        for epochs in [1, 4, 7] {
            sweep.fit(&inputs, &targets, &fit.clone().epochs(epochs)).unwrap_or_else(|error| panic!("{error}"));
        }
        let limits = gpu(&device).expect("a GPU").plan_limits();
        let products = if what == "workgroup memory" { Products::Plain } else { limits.products };
        for (how, limits) in [
            // A network has less than a hundred bytes, or about two thousand.
            ("in pieces", Limits { binding: if what == "one lane" { 512 } else { 8 << 10 }, products, ..limits }),
            // As few networks and epochs per dispatch as possible.
            ("dispatch by dispatch", Limits { fused_dispatch: 1, products, ..limits }),
            // On a device that allows a single workgroup per dispatch: few rows of an order, few networks.
            ("one workgroup", Limits { workgroups: 1, products, ..limits }),
        ] {
            let gpu = gpu(&device).expect("a GPU");
            let mut cut = sweep_of(&limited(&device, limits), &network, members.clone());
            let before = gpu.command_buffers();
            let history =
                cut.fit(&inputs, &targets, &fit.clone().epochs(12).log_every(5)).unwrap_or_else(|error| panic!("{error}"));
            let buffers = gpu.command_buffers() - before;
            let least = match (how, what) {
                ("dispatch by dispatch", _) => 12,
                // The 64 places of one workgroup hold the row orders of two epochs. A workgroup trains all 29 networks,
                // one of them, or four.
                ("one workgroup", "one lane") => 1,
                ("one workgroup", "subgroup") if matches!(products, Products::Rows { lanes: Some(_), .. }) => 6 * 29,
                ("one workgroup", _) => 6 * 8,
                _ => 4,
            };
            assert!(buffers >= least, "{what}, {how}: {buffers} command buffers");
            assert_eq!(history, whole.1, "{what}: {how}");
            for k in 0..whole.0.len() {
                assert_eq!(cut.weights_of(k), whole.0.weights_of(k), "{what}: member {k} {how}");
            }
        }
        for k in 0..whole.0.len() {
            assert_eq!(sweep.weights_of(k), whole.0.weights_of(k), "{what}: member {k} in three calls");
        }
    }
}

/// More networks, each in one lane, than fit in a workgroup.
#[test]
fn workgroups_share_nothing() {
    let [(_, device), _] = devices();
    let limits = gpu(&device).expect("a GPU").plan_limits();
    let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
    let fit = Fit::new().loss(Loss::BinaryCrossEntropy).epochs(5);
    let run = |device: &Device| {
        let members = (0..150).map(|seed| Member::new(Init::PyTorch { seed }).learning_rate(0.01 * seed as f64));
        let mut sweep = Sweep::new(device, &network, members).expect("a sweep");
        let history = sweep.fit(&XOR, &XOR_TARGETS, &fit).unwrap_or_else(|error| panic!("{error}"));
        let weights: Vec<_> = (0..150).map(|k| sweep.weights_of(k).expect("a member")).collect();
        (history, weights)
    };
    assert_eq!(run(&device), run(&limited(&device, Limits { fused_dispatch: 1, ..limits })));
}

/// A member taken out of a sweep continues as it would have in the sweep; on the fused engine, bit for bit.
#[test]
fn a_member_taken_out_continues() {
    for (what, device, network, (inputs, targets), fit) in kinds() {
        let members = || (0..3).map(|seed| Member::new(Init::GlorotUniform { seed })).collect();
        let mut sweep = sweep_of(&device, &network, members());
        sweep.fit(&inputs, &targets, &fit.clone().epochs(5)).unwrap_or_else(|error| panic!("{error}"));
        let mut model = sweep.model(2).expect("a member");
        assert_eq!(model.epochs(), 5);
        model
            .fit(&inputs, &targets, &fit.clone().epochs(4).engine(EngineChoice::Fused))
            .unwrap_or_else(|error| panic!("{error}"));
        sweep.fit(&inputs, &targets, &fit.clone().epochs(4)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(sweep.weights_of(2).expect("a member"), model.weights(), "{what}");
    }
}

/// Two calls of `fit` give the same bits as one, and so does a call with many log points.
#[test]
fn a_fused_run_continues_bit_for_bit() {
    let mut cases = Cases::new();
    for (what, device, network, (inputs, targets), fit) in kinds() {
        for optimizer in Optimizer::ALL {
            cases.case([by("lanes", what), by("optimizer", optimizer.name())], format!("{what}: {}", optimizer.name()), || {
                let fit = fit.clone().optimizer(*optimizer).learning_rate(0.01).engine(EngineChoice::Fused);
                let (whole, history) = train(&device, &network, &Init::default(), (&inputs, &targets), &fit.clone().epochs(9));
                let (logged, _) =
                    train(&device, &network, &Init::default(), (&inputs, &targets), &fit.clone().epochs(9).log_every(2));
                let (mut parts, _) = train(&device, &network, &Init::default(), (&inputs, &targets), &fit.clone().epochs(2));
                parts.fit(&inputs, &targets, &fit.clone().epochs(7)).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(history.engine, Engine::Fused);
                assert_eq!(whole.weights(), parts.weights(), "{what}: {} in two calls", optimizer.name());
                assert_eq!(whole.weights(), logged.weights(), "{what}: {} with log points", optimizer.name());
            });
        }
    }
    cases.finish();
}

/// A sweep that the fused engine does not support trains its networks one by one, with the same results as models.
#[test]
fn a_sweep_that_is_not_fused_trains_models() {
    let network = Network::new(4).dense(10, Activation::Tanh).dropout(0.2).dense(3, Activation::Softmax);
    let (inputs, targets) = data(&network, Loss::CategoricalCrossEntropy, 23);
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).batch_size(7).epochs(6).log_every(2);
    for device in [device(), Device::cpu()] {
        let mut sweep = sweep_of(&device, &network, members(10, 23, 6));
        let history = sweep.fit(&inputs, &targets, &fit).unwrap_or_else(|error| panic!("{error}"));
        assert_ne!(history.engine, Engine::Fused);
        assert!(!history.reason.is_empty());
        let mut model = Model::new(&device, &network, &Init::Uniform { seed: 1, low: -0.8, high: 0.9 }).expect("a model");
        let alone =
            model.fit(&inputs, &targets, &fit.clone().learning_rate(0.003 * 2.0)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(sweep.weights_of(1).expect("a member"), model.weights());
        assert_eq!(history.members[1].logged, [0, 2, 4].map(|epoch| f64::from(alone.loss[epoch] as f32)));
        assert_eq!(history.members.iter().map(|member| member.epochs).collect::<Vec<_>>(), [6, 6, 6, 3, 6, 6, 6, 6, 3, 6]);
        let ended = sweep.weights_of(3);
        let again = sweep.fit(&inputs, &targets, &fit.clone().epochs(2)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((again.members[3].epochs, again.members[2].epochs), (3, 8));
        assert_eq!((again.members[3].loss, sweep.weights_of(3)), (history.members[3].loss, ended), "the member had ended");
    }
}

/// A closure hears how far a sweep is, in order and up to the end, and changes no bit.
#[test]
fn a_sweep_tells_its_progress() {
    let check = |what: &str,
                 device: &Device,
                 network: &Network,
                 (inputs, targets): (&Matrix<'_>, &Matrix<'_>),
                 (fit, epochs): (Fit, usize)| {
        let (rows, fit) = (inputs.rows(), fit.epochs(epochs).log_every(2));
        let [mut plain, mut told] = [(); 2].map(|()| sweep_of(device, network, members(15, rows, epochs)));
        let expected = plain.fit(inputs, targets, &fit).unwrap_or_else(|error| panic!("{error}"));
        let mut logs: Vec<SweepLog> = Vec::new();
        let history =
            told.fit_with(inputs, targets, &fit, |log| logs.push(log.clone())).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(history, expected, "{what}");
        for k in 0..15 {
            assert_eq!(told.weights_of(k), plain.weights_of(k), "{what}: member {k}");
        }
        let shares: Vec<f64> = logs.iter().map(SweepLog::share).collect();
        assert!(shares.windows(2).all(|pair| pair[0] < pair[1]) && shares[0] > 0.0, "{what}: {shares:?}");
        assert_eq!((shares.last(), logs[0].len, logs[0].epochs), (Some(&1.0), 15, epochs), "{what}");
        (history.engine, logs)
    };
    for (what, device, network, (inputs, targets), fit) in kinds() {
        for (epochs, told) in [(47, 16), (3, 3)] {
            let (engine, logs) = check(what, &device, &network, (&inputs, &targets), (fit.clone(), epochs));
            assert_eq!((engine, logs.len()), (Engine::Fused, told), "{what}: every third epoch of 47, and every one of 3");
            assert_eq!(logs[0].networks, 0..15);
            let staged = (fit.clone().engine(EngineChoice::Staged), epochs);
            let (engine, logs) = check(what, &device, &network, (&inputs, &targets), staged);
            assert_eq!((engine, logs.len(), logs[3].networks.clone()), (Engine::Staged, 15, 3..4), "{what}");
        }
        // In groups, as in `splitting_changes_no_bits`. Each group is told of up to its end.
        let limits = gpu(&device).expect("a GPU").plan_limits();
        let binding = if what == "one lane" { 512 } else { 8 << 10 };
        let products = if what == "workgroup memory" { Products::Plain } else { limits.products };
        let cut = limited(&device, Limits { binding, products, ..limits });
        let (_, logs) = check(what, &cut, &network, (&inputs, &targets), (fit.clone(), 4));
        let groups: Vec<_> = logs.chunk_by(|a, b| a.networks == b.networks).map(|logs| &logs[logs.len() - 1]).collect();
        assert!(groups.len() > 1 && groups.iter().all(|log| log.epoch == 4), "{what}: {logs:?}");
        assert!(groups.windows(2).all(|pair| pair[0].networks.end == pair[1].networks.start), "{what}: {logs:?}");
    }
}

/// The same sweep on both engines, within a tolerance.
#[test]
fn sweeps_agree_with_the_reference() {
    for (what, device, network, (inputs, targets), fit) in kinds() {
        let fit = fit.epochs(8);
        let mut sweep = sweep_of(&device, &network, members(15, inputs.rows(), 8));
        let start: Vec<_> = (0..15).map(|k| sweep.weights_of(k).expect("a member")).collect();
        let history = sweep.fit(&inputs, &targets, &fit).unwrap_or_else(|error| panic!("{error}"));
        let mut expected = sweep_of(&Device::cpu(), &network, members(15, inputs.rows(), 8));
        let expected_history = expected.fit(&inputs, &targets, &fit).unwrap_or_else(|error| panic!("{error}"));
        for k in 0..15 {
            let (got, expected_loss) = (history.members[k].loss, expected_history.members[k].loss);
            assert!((got - expected_loss).abs() <= 1e-4 * expected_loss, "{what}: member {k}: {got}, expected {expected_loss}");
            let (got, expected) = (sweep.weights_of(k).expect("a member"), expected.weights_of(k).expect("a member"));
            for ((start, got), expected) in start[k].iter().zip(&got).zip(&expected) {
                change_agrees(&format!("{what}: member {k}"), start, got, expected);
            }
        }
        assert_eq!(history.ranking(), expected_history.ranking(), "{what}");
    }
}

#[test]
fn a_member_that_diverges_is_flagged_and_affects_no_other() {
    for (what, device, network, (inputs, targets), fit) in kinds() {
        let network = match what {
            // With sigmoids, all numbers would stay finite.
            "one lane" => Network::new(2).dense(2, Activation::Identity).dense(1, Activation::Identity),
            _ => network,
        };
        let fit = fit.optimizer(Optimizer::Sgd).epochs(40);
        let member = |k: u64| {
            let member = Member::new(Init::GlorotUniform { seed: k }).learning_rate(0.01);
            if k == 2 { member.learning_rate(1e38) } else { member }
        };
        let mut sweep = sweep_of(&device, &network, (0..5).map(member).collect());
        let history = sweep.fit(&inputs, &targets, &fit).unwrap_or_else(|error| panic!("{error}"));
        let diverged: Vec<_> = history.members.iter().map(|member| member.diverged).collect();
        assert_eq!(diverged, [false, false, true, false, false], "{what}");
        assert_eq!(history.members[2].rank, 5, "{what}");
        for k in [1, 3] {
            let mut alone = sweep_of(&device, &network, vec![member(k)]);
            alone.fit(&inputs, &targets, &fit).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(sweep.weights_of(k as usize), alone.weights_of(0), "{what}: member {k}");
        }
    }
}

#[test]
fn bad_sweeps_are_refused() {
    let device = device();
    let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
    let start = || Member::new(Init::default());
    let said = |error: Result<(), Error>| error.expect_err("it is refused").to_string();
    let none: Vec<Member> = Vec::new();
    assert_eq!(
        said(Sweep::new(&device, &network, none).map(drop)),
        "the networks of a sweep: expected at least 1, got 0; change it"
    );
    let other = Model::new(&device, &Network::new(3).dense(1, Activation::Tanh), &Init::default()).expect("a model").weights();
    let shapes = Sweep::new(&device, &network, [start(), start(), Member::new(Init::Values(other))]).map(drop);
    assert!(matches!(&shapes, Err(Error::Member { member: 2, .. })), "{shapes:?}");
    assert!(said(shapes).starts_with("network 2 of the sweep, counting from 0: layers.0.weight: expected shape [2, 2]"));
    let fit = Fit::new().epochs(2);
    let refused = |members: Vec<Member>, fit: &Fit| {
        let mut sweep = sweep_of(&device, &network, members);
        let before = sweep.weights_of(0);
        let error = said(sweep.fit(&XOR, &XOR_TARGETS, fit).map(drop));
        assert_eq!(before, sweep.weights_of(0));
        error
    };
    for (bad, what) in [
        (start().learning_rate(f64::NAN), "learning_rate: expected 0, or a positive number that an f32 can hold, got NaN"),
        (start().learning_rate(f64::INFINITY), "learning_rate: expected 0, or a positive number that an f32 can hold, got inf"),
        (start().weight_decay(-1.0), "weight_decay: expected a finite number of at least 0, got -1"),
        (start().epochs(0), "epochs: expected at least 1, got 0"),
        (start().rows(vec![0, 4]), "its rows: expected rows from 0 to 3, got 4"),
        (start().rows(vec![]), "its rows: expected rows whose weights add up to more than 0, got 0"),
    ] {
        let error = refused(vec![start(), bad], &fit);
        assert_eq!(error, format!("network 1 of the sweep, counting from 0: {what}; change it"));
    }
    for fit in [
        fit.clone().validation_split(0.5),
        fit.clone().metrics([shaderprop::Metric::Accuracy]),
        fit.clone().early_stopping(shaderprop::EarlyStopping::patience(1)),
        fit.clone().cancel(&shaderprop::Cancel::new()),
        fit.clone().schedule(Schedule::ReduceOnPlateau { factor: 0.5, patience: 1, threshold: 0.0, cooldown: 0, minimum: 0.0 }),
    ] {
        let error = refused(vec![start()], &fit);
        assert!(error.ends_with("expected none in a sweep, got some; change it"), "{error}");
    }
    assert!(refused(vec![start()], &fit.clone().learning_rate(-1.0)).starts_with("learning_rate"));
    let sweep = sweep_of(&device, &network, vec![start()]);
    assert_eq!(said(sweep.model(1).map(drop)), "the member of a sweep: expected an index from 0 to 0, got 1; change it");
    // Buffers too small for even one network with its losses.
    let limits = gpu(&device).expect("a GPU").plan_limits();
    let tiny = limited(&device, Limits { binding: 1 << 10, buffer: 1 << 10, ..limits });
    let mut sweep = sweep_of(&tiny, &network, vec![start(); 3]);
    let error = sweep.fit(&XOR, &XOR_TARGETS, &fit.clone().epochs(5000).log_every(1)).map(drop);
    assert!(matches!(error, Err(Error::TooLarge { .. })), "{error:?}");
    let message = said(error);
    assert!(message.contains("expected at most 1024 bytes in a buffer, in which 0 of 3 networks fit"), "{message}");
    for every in [1, 2] {
        let mut sweep = sweep_of(&device, &network, vec![start(); 3]);
        let error = sweep.fit(&XOR, &XOR_TARGETS, &fit.clone().epochs(usize::MAX).log_every(every)).map(drop);
        assert!(matches!(error, Err(Error::TooLarge { .. })), "{error:?}");
    }
}

/// A member that has ended continues from its end, whatever the sweep has done since.
#[test]
fn a_member_that_has_ended_continues_from_its_end() {
    for (what, device, network, (inputs, targets), fit) in kinds() {
        let start = || Init::GlorotUniform { seed: 4 };
        // Without shuffling, the order of rows does not depend on earlier epochs, so a model that is reset trains like
        // a new one.
        let adam = fit.clone().optimizer(Optimizer::adam()).learning_rate(0.01).engine(EngineChoice::Fused).shuffle(false);
        let cosine = adam.clone().schedule(Schedule::Cosine { epochs: 20, minimum: 0.0 });
        let momentum = adam.clone().optimizer(Optimizer::momentum(0.9));
        for (then, again) in [(&adam, &adam), (&cosine, &cosine), (&momentum, &momentum), (&momentum, &adam)] {
            let mut sweep = sweep_of(&device, &network, vec![Member::new(start()), Member::new(start()).epochs(5)]);
            sweep.fit(&inputs, &targets, &adam.clone().epochs(8)).unwrap_or_else(|error| panic!("{error}"));
            sweep.fit(&inputs, &targets, &then.clone().epochs(6).batch_size(3)).unwrap_or_else(|error| panic!("{error}"));
            let mut model = sweep.model(1).expect("a member");
            assert_eq!(model.epochs(), 5);
            let mut alone = Model::new(&device, &network, &start()).expect("a model");
            alone.fit(&inputs, &targets, &adam.clone().epochs(5)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(model.weights(), alone.weights(), "{what}");
            // The state that the sweep's optimizer has kept since belongs to other settings, so the member's optimizer
            // starts afresh, as when a model's own optimizer is changed.
            let kept = std::ptr::eq(then, again) && !std::ptr::eq(then, &momentum);
            if !kept {
                alone.reset_training();
            }
            model.fit(&inputs, &targets, &again.clone().epochs(3)).unwrap_or_else(|error| panic!("{error}"));
            alone.fit(&inputs, &targets, &again.clone().epochs(3)).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(model.weights(), alone.weights(), "{what}");
        }
    }
}

/// Early stopping, a divergence and a stop by the callback leave the same state as on the staged engine.
#[test]
fn stopping_leaves_the_same_state_as_on_the_staged_engine() {
    for (what, device, network, (inputs, targets), _) in kinds() {
        let loss = if network.outputs() == 1 { Loss::SquaredError } else { Loss::CategoricalCrossEntropy };
        // At this learning rate, the loss rises again after a while.
        let fit =
            Fit::new().loss(loss).learning_rate(if network.outputs() == 1 { 20.0 } else { 12.0 }).epochs(200).shuffle(false);
        let stopping = fit.clone().early_stopping(shaderprop::EarlyStopping::patience(3));
        let run = |fit: &Fit, engine| {
            train(&device, &network, &Init::GlorotUniform { seed: 1 }, (&inputs, &targets), &fit.clone().engine(engine))
        };
        let ((fused, history), (staged, expected)) = (run(&stopping, EngineChoice::Fused), run(&stopping, EngineChoice::Staged));
        assert_eq!((history.engine, expected.engine), (Engine::Fused, Engine::Staged));
        assert_eq!(
            (history.best_epoch, history.ended, history.loss.len()),
            (expected.best_epoch, expected.ended, expected.loss.len()),
            "{what}"
        );
        let best = history.best_epoch.expect("a best epoch");
        assert!(best < history.loss.len(), "{what}: the best epoch was the last one");
        let start = Model::new(&device, &network, &Init::GlorotUniform { seed: 1 }).expect("a model").weights();
        for ((start, got), expected) in start.iter().zip(fused.weights()).zip(staged.weights()) {
            change_agrees(what, start, &got, &expected);
        }
        // The weights are those of that epoch, bit for bit.
        let (alone, _) = run(&fit.clone().epochs(best), EngineChoice::Fused);
        assert_eq!(fused.weights(), alone.weights(), "{what}: the best weights");

        let asked = |engine| {
            let mut model = Model::new(&device, &network, &Init::GlorotUniform { seed: 1 }).expect("a model");
            let fit = fit.clone().engine(engine).log_every(5);
            let stop = |log: &shaderprop::Log| {
                if log.epoch > 10 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
            };
            let history = model.fit_with(&inputs, &targets, &fit, stop).unwrap_or_else(|error| panic!("{error}"));
            (model.epochs(), history.loss.len(), history.ended)
        };
        assert_eq!(asked(EngineChoice::Fused), asked(EngineChoice::Staged), "{what}");

        let linear = Network::new(network.inputs()).dense(3, Activation::Identity).dense(network.outputs(), Activation::Identity);
        let diverging = |engine| {
            let mut model = Model::new(&device, &linear, &Init::Constant(0.5)).expect("a model");
            let fit = Fit::new().learning_rate(3.0).epochs(500).log_every(7).engine(engine);
            let ones =
                Matrix::new(inputs.rows(), network.outputs(), vec![1.0; inputs.rows() * network.outputs()]).expect("a matrix");
            let error = model.fit(&inputs, &ones, &fit).expect_err("it diverges");
            let Error::Diverged { epoch, .. } = error else { panic!("{error}") };
            (epoch, model.epochs(), model.weights().iter().all(|tensor| tensor.values.iter().all(|value| value.is_finite())))
        };
        let kept = diverging(EngineChoice::Fused);
        assert_eq!(kept, diverging(EngineChoice::Staged), "{what}");
        assert!(kept.1 > 0 && kept.2, "{what}: the weights of a log point");
    }
}

/// Rows that a member does not train on do not affect it, whatever they contain. A row given twice counts twice.
#[test]
fn rows_that_a_member_does_not_have_do_not_affect_it() {
    for (what, device, network, (inputs, targets), fit) in kinds() {
        let linear = Network::new(network.inputs()).dense(3, Activation::Identity).dense(network.outputs(), Activation::Identity);
        let mut values = inputs.values().to_vec();
        values[..inputs.columns()].fill(1e30);
        let poisoned = Matrix::new(inputs.rows(), inputs.columns(), values).expect("a matrix");
        let fit = fit.loss(Loss::MeanSquaredError).learning_rate(0.01).epochs(3);
        let rows: Vec<usize> = (1..inputs.rows()).collect();
        let mut sweep =
            sweep_of(&device, &linear, vec![Member::new(Init::default()).rows(rows.clone()), Member::new(Init::default())]);
        let history = sweep.fit(&poisoned, &targets, &fit).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((history.members[0].diverged, history.members[1].diverged), (false, true), "{what}");
        let twice = [rows.as_slice(), &[1, 2]].concat();
        let weights: Vec<f32> = (0..inputs.rows()).map(|row| [0.0, 2.0, 2.0, 1.0][row.min(3)]).collect();
        let mut sweep = sweep_of(&device, &linear, vec![Member::new(Init::default()).rows(twice)]);
        sweep.fit(&inputs, &targets, &fit).unwrap_or_else(|error| panic!("{error}"));
        let weighted = fit.clone().sample_weights(weights).engine(EngineChoice::Fused);
        let (model, _) = train(&device, &linear, &Init::default(), (&inputs, &targets), &weighted);
        assert_eq!(sweep.weights_of(0).expect("a member"), model.weights(), "{what}");
    }
}

/// The largest possible distance between log points. The engine is also the one that was reported beforehand.
#[test]
fn the_first_epoch_is_always_logged() {
    for (what, device, network, (inputs, targets), fit) in kinds() {
        for device in [device, Device::cpu()] {
            let mut sweep = sweep_of(&device, &network, vec![Member::new(Init::default())]);
            let report = sweep.engine(&fit, inputs.rows()).expect("a report");
            let history = sweep
                .fit(&inputs, &targets, &fit.clone().epochs(3).log_every(usize::MAX))
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((report.engine, &report.reason), (history.engine, &history.reason), "{what}");
            assert_eq!(history.logged, [1]);
            assert!(
                history.members[0].logged.len() == 1 && history.members[0].logged[0] > 0.0,
                "{what}: {:?}",
                history.members[0]
            );
        }
    }
}
