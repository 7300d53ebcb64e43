//! Each shader against its CPU counterpart of the same name, at awkward sizes, with bounds derived from rounding.
//! Outputs are filled with NaN beforehand.

mod common;

use common::{Cases, U, ULP, assert_close, by, find, g, mod4, mod4s, numbers, open, run, wide};
use std::sync::Arc;

use shaderprop::internals::Update as PlannedUpdate;
use shaderprop::internals::reference as twin;
use shaderprop::internals::reference::Update;
use shaderprop::internals::{
    Chance, Dropout, EpochOrder, Factors, Gpu, Kernel, LONGEST_LOOP, Layouts, Limits, LossOf, Outputs, Plan, Rule, Slot, Staged,
    Step, StepTable, TableSize,
};
use shaderprop::{Activation, Loss, Optimizer};

/// Below, at and above the sizes at which workgroups and vectors end.
const SIZES: [usize; 11] = [1, 2, 3, 15, 16, 17, 63, 64, 65, 127, 129];

/// Numbers at which activations are most likely to go wrong, including the smallest normal and subnormal f32.
const EXTREMES: [f32; 20] = [
    0.0,
    -0.0,
    1e-45,
    -1e-45,
    1.1754944e-38,
    -1.1754944e-38,
    1e-8,
    -1e-8,
    9.99,
    -9.99,
    10.01,
    -10.01,
    87.5,
    -87.5,
    104.0,
    -104.0,
    1e4,
    -1e4,
    f32::MAX,
    f32::MIN,
];

fn nan(len: usize) -> Vec<f32> {
    vec![f32::NAN; len]
}

/// The error that the WGSL specification allows for the activation's formula, for an exact x.
fn activation_bound(activation: &Activation, x: f64) -> f64 {
    let y = activation.value(x).abs();
    // A subnormal f32 may be flushed to zero, and then be multiplied by x. Beyond |x| = 150, nothing is left to flush.
    let flushed = f64::from(f32::MIN_POSITIVE) * (1.0 + x.abs().min(150.0));
    flushed
        + match activation {
            // e = exp(-|x|) is accurate to 3 + 2|x| ULP, and σ(1 - σ) propagates this error. Then follow an addition
            // and a division of 2.5 ULP.
            Activation::Sigmoid => {
                activation.derivative(x, activation.value(x)) * (3.0 + 2.0 * x.abs()) * ULP + y * (U + 2.5 * ULP)
            }
            // The specification's absolute bound.
            Activation::Tanh => 1e-5,
            Activation::Relu | Activation::Identity => 0.0,
            // A constant and a product, both rounded.
            Activation::LeakyRelu => 2.0 * U * y,
            // Below -0.5, an exponential and a difference; above it, a series of about twenty operations that ends at
            // x⁹.
            Activation::Elu => (3.0 + 2.0 * x.abs()) * ULP * x.min(0.0).exp() + U + 20.0 * U * y,
            Activation::Gelu => x.abs() * cdf_bound(x) + U * y,
            // The argument u of σ has six roundings.
            Activation::GeluTanh => x.abs() * logistic_bound(gelu_argument(x), 6.0) + U * y,
            Activation::Silu => x.abs() * logistic_bound(x, 0.0) + U * y,
            // An exponential, a series of about twenty operations, and an addition.
            Activation::Softplus => (3.0 + 2.0 * x.abs()) * ULP * (-x.abs()).exp() + 20.0 * U * (-x.abs()).exp() + U * y,
            other => panic!("{} needs a bound, derived as above", other.name()),
        }
}

/// The allowed error of shaders/math.wgsl for 1 / (1 + e⁻ᶻ), for a z that was rounded `roundings` times.
fn logistic_bound(z: f64, roundings: f64) -> f64 {
    let y = Activation::Sigmoid.value(z);
    let slope = if z.is_finite() { y * (1.0 - y) * z.abs() } else { 0.0 };
    slope * roundings * U + Activation::Sigmoid.derivative(z, y) * (3.0 + 2.0 * z.abs().min(1e3)) * ULP + y * (U + 2.5 * ULP)
}

/// Its allowed error for Φ: that of the fit, of the exponential and of the roundings of its argument on the smaller
/// side, and that of a difference on the other side.
fn cdf_bound(x: f64) -> f64 {
    let z = (0.5 * x * x).min(144.0);
    // Φ(x) is GELU(x) / x.
    let half = if x == 0.0 { 0.5 } else { Activation::Gelu.value(-x.abs()) / -x.abs() };
    half * (1.5e-7 + (3.0 + 2.0 * (z + 2.0)) * ULP + 8.0 * U * (z + 2.0)) + 2.0 * U
}

fn gelu_argument(x: f64) -> f64 {
    2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)
}

/// The allowed error of the formula for dy/dx, for an exact x and y.
fn derivative_bound(activation: &Activation, x: f64, y: f64) -> f64 {
    f64::from(f32::MIN_POSITIVE)
        + match activation {
            // Three roundings, of terms no larger than 1 + y².
            Activation::Sigmoid | Activation::Tanh | Activation::Relu | Activation::Identity => 3.0 * U * (1.0 + y * y),
            Activation::LeakyRelu => 2.0 * U,
            Activation::Elu => 2.0 * U,
            Activation::Gelu => {
                let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
                cdf_bound(x) + x.abs() * density * ((3.0 + x * x) * ULP + (8.0 + x * x) * U) + 2.0 * U
            }
            Activation::GeluTanh => {
                let u = gelu_argument(x);
                let slope = 2.0 * (2.0 / std::f64::consts::PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
                let spread = Activation::Sigmoid.derivative(u, Activation::Sigmoid.value(u));
                logistic_bound(u, 6.0)
                    + x.abs() * slope * (logistic_bound(u, 6.0) + logistic_bound(-u, 6.0) + 10.0 * U * spread)
                    + 2.0 * U
            }
            Activation::Silu => {
                logistic_bound(x, 0.0) * (1.0 + x.abs()) + x.abs() * logistic_bound(-x, 0.0) + 6.0 * U * (1.0 + x.abs())
            }
            Activation::Softplus => logistic_bound(x, 0.0),
            other => panic!("{} needs a bound, derived as above", other.name()),
        }
}

fn matmul(layouts: Layouts, (m, k, n): (usize, usize, usize), limits: &Limits) -> Plan {
    let mut plan = Plan::new(*limits);
    let shape = |transposed, rows, columns| if transposed { (columns, rows) } else { (rows, columns) };
    let a = shape(layouts == Layouts::TransposedA, m, k);
    let b = shape(layouts == Layouts::TransposedB, k, n);
    let a = plan.tensor("a", a.0, a.1).expect("a tensor");
    let b = plan.tensor("b", b.0, b.1).expect("a tensor");
    let c = plan.tensor("c", m, n).expect("a tensor");
    plan.matmul(Factors { layouts, a, b }, c);
    plan
}

#[test]
fn matmul_of_all_awkward_sizes_in_three_layouts() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    let mut shapes = Vec::new();
    for m in SIZES {
        for k in SIZES {
            shapes.extend(SIZES.map(|n| (m, k, n)));
        }
    }
    shapes.extend([(1757, 17, 3), (17, 1757, 3), (3, 17, 1757)]);
    for (m, k, n) in shapes {
        let (a, b) = (numbers(1, m * k), numbers(2, k * n));
        let (a64, b64) = (wide(&a), wide(&b));
        let expected = twin::matmul(&a64, &b64, (m, k, n));
        let magnitude = |values: &[f64]| values.iter().map(|value| value.abs()).collect::<Vec<_>>();
        let magnitudes = twin::matmul(&magnitude(&a64), &magnitude(&b64), (m, k, n));
        for layouts in [Layouts::Plain, Layouts::TransposedA, Layouts::TransposedB] {
            let keys = mod4s((m, k, n)).into_iter().chain([by("layout", format!("{layouts:?}"))]);
            let what = format!("{layouts:?} {m}×{k}×{n}");
            cases.case(keys, &what, || {
                let narrow = |values: Vec<f64>| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
                let a = if layouts == Layouts::TransposedA { narrow(twin::transpose(&a64, m, k)) } else { a.clone() };
                let b = if layouts == Layouts::TransposedB { narrow(twin::transpose(&b64, k, n)) } else { b.clone() };
                let c = run(&gpu, matmul(layouts, (m, k, n), &limits), 1, &[("a", &a), ("b", &b), ("c", &nan(m * n))], &["c"]);
                assert_close(&what, &c[0], &expected, |i| g(k) * magnitudes[i]);
            });
        }
    }
    cases.finish();
}

/// Sums just below and above the length of the longest loop, and the 65,535 iterations after which some drivers stop.
#[test]
fn long_sums_are_complete() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for k in [LONGEST_LOOP - 1, LONGEST_LOOP, LONGEST_LOOP + 1, 65_534, 65_535, 65_536, 65_537, 70_000, 2_000_000] {
        let (m, n) = (2, 3);
        for layouts in [Layouts::Plain, Layouts::TransposedA, Layouts::TransposedB] {
            cases.case([mod4("k mod 4", k), by("kernel", format!("matmul {layouts:?}"))], format!("{layouts:?} {k}"), || {
                let (a, b) = (vec![1.0; m * k], vec![1.0; k * n]);
                let c = run(&gpu, matmul(layouts, (m, k, n), &limits), 1, &[("a", &a), ("b", &b), ("c", &nan(m * n))], &["c"]);
                assert_eq!(c[0], [k as f32; 6], "{layouts:?} {k}");
            });
        }
        cases.case([mod4("k mod 4", k), by("kernel", "bias_gradient")], format!("bias_gradient {k}"), || {
            let plan = bias_gradient(k, 3, &limits);
            let c = run(&gpu, plan, 1, &[("deltas", &vec![1.0; 3 * k]), ("gradient", &nan(3))], &["gradient"]);
            assert_eq!(c[0], [k as f32; 3], "bias_gradient {k}");
        });
    }
    cases.finish();
}

/// A dispatch that is split because of its workgroups or its time gives the same bits as a whole one.
#[test]
fn splitting_changes_no_bits() {
    let (gpu, limits) = open();
    let few = Limits { workgroups: 3, ..limits };
    let (m, k, n) = (63, 129, 65);
    for layouts in [Layouts::Plain, Layouts::TransposedA, Layouts::TransposedB] {
        let (whole, cut) = (matmul(layouts, (m, k, n), &limits), matmul(layouts, (m, k, n), &few));
        assert_eq!(whole.dispatches.len(), 1);
        assert_eq!(cut.dispatches.len(), (m * n).div_ceil(3 * 64));
        let (a, b) = (numbers(1, m * k), numbers(2, k * n));
        let c = |plan| run(&gpu, plan, 1, &[("a", &a), ("b", &b), ("c", &nan(m * n))], &["c"]).remove(0);
        assert_eq!(c(whole), c(cut));
    }
    let (rows, columns) = (129, 1757);
    let (sums, bias) = (numbers(3, rows * columns), numbers(4, columns));
    let outputs = |limits: &Limits| {
        let plan = bias_activation(&Activation::Tanh, rows, columns, limits);
        run(&gpu, plan, 1, &[("sums", &sums), ("bias", &bias), ("outputs", &nan(rows * columns))], &["sums", "outputs"])
    };
    assert_eq!(outputs(&limits), outputs(&few));
}

/// A result is written only where it belongs: both neighbours in a flat buffer stay unchanged.
#[test]
fn neighbours_stay_untouched() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for size in SIZES {
        cases.case([mod4("size mod 4", size)], size, || {
            let mut plan = Plan::new(limits);
            let a = plan.tensor("a", size, 3).expect("a tensor");
            let b = plan.tensor("b", 3, size).expect("a tensor");
            let len = (size * size).next_multiple_of(64);
            let flat = plan.buffer("flat", 64 + len + 64).expect("a buffer");
            plan.view("flat", flat, 0, 1, 64 + len + 64);
            let c = plan.view("c", flat, 64, size, size);
            plan.matmul(Factors { layouts: Layouts::Plain, a, b }, c);
            let canary = vec![7.25f32; 64 + len + 64];
            let (a, b) = (vec![1.0; size * 3], vec![1.0; size * 3]);
            let read = run(&gpu, plan, 1, &[("a", &a), ("b", &b), ("flat", &canary)], &["flat"]).remove(0);
            let expected: Vec<f32> =
                (0..canary.len()).map(|i| if (64..64 + size * size).contains(&i) { 3.0 } else { 7.25 }).collect();
            assert_eq!(read, expected, "{size}");
        });
    }
    cases.finish();
}

/// A piece of a split stage writes only its own elements: the middle one of three pieces leaves the other two
/// unchanged.
#[test]
fn a_piece_touches_only_its_elements() {
    let (gpu, limits) = open();
    let one = Limits { workgroups: 1, ..limits };
    let ones = vec![1.0f32; 129];
    let check = |stage: &str, mut plan: Plan, write: &[(&str, &[f32])], output: &str, before: f32, after: f32| {
        assert_eq!(plan.dispatches.len(), 3, "{stage}");
        // The piece ends in the middle of a workgroup.
        plan.dispatches = vec![plan.dispatches.remove(1)];
        plan.dispatches[0].params[1] = 100;
        let canary = vec![before; 129];
        let write: Vec<_> = write.iter().copied().chain([(output, canary.as_slice())]).collect();
        let expected: Vec<f32> = (0..129).map(|i| if (64..100).contains(&i) { after } else { before }).collect();
        assert_eq!(run(&gpu, plan, 1, &write, &[output])[0], expected, "{stage}");
    };
    let tensors = |names: &[&str]| {
        let mut plan = Plan::new(one);
        let ids: Vec<_> = names.iter().map(|name| plan.tensor(name, 1, 129).expect("a tensor")).collect();
        (plan, ids)
    };

    check("matmul", matmul(Layouts::Plain, (129, 1, 1), &one), &[("a", &ones), ("b", &[3.0])], "c", 7.25, 3.0);
    let (mut plan, id) = tensors(&["bias", "sums", "outputs"]);
    plan.bias_activation(&Activation::Identity, id[0], id[1], id[2]);
    check("bias_activation", plan, &[("bias", &ones), ("sums", &ones)], "outputs", 7.25, 2.0);
    let (mut plan, id) = tensors(&["sums", "outputs", "targets", "deltas"]);
    let from = Outputs { sums: id[0], outputs: id[1], targets: id[2] };
    plan.output_delta(&unweighted(Loss::SquaredError, &Activation::Identity, from), id[3]);
    check("output_delta", plan, &[("outputs", &ones)], "deltas", 7.25, 1.0);
    let (mut plan, id) = tensors(&["sums", "outputs", "deltas"]);
    plan.hidden_delta(&Activation::Tanh, id[0], id[1], id[2]);
    check("hidden_delta", plan, &[("outputs", &ones)], "deltas", 7.25, 0.0);
    check("bias_gradient", bias_gradient(1, 129, &one), &[("deltas", &ones)], "gradient", 7.25, 1.0);
    // Rows with one column: the probability is 1, and the derivative 0.
    let rows = |names: &[&str]| {
        let mut plan = Plan::new(one);
        let ids: Vec<_> = names.iter().map(|name| plan.tensor(name, 129, 1).expect("a tensor")).collect();
        (plan, ids)
    };
    let (mut plan, id) = rows(&["bias", "sums", "outputs"]);
    plan.softmax(id[0], id[1], id[2]).expect("a plan");
    check("softmax", plan, &[("bias", &ones), ("sums", &ones)], "outputs", 7.25, 1.0);
    let (mut plan, id) = rows(&["outputs", "deltas"]);
    plan.softmax_delta(id[0], id[1]).expect("a plan");
    check("softmax_delta", plan, &[("outputs", &ones)], "deltas", 7.25, 0.0);
    // With a rate so small that nothing is dropped.
    let (mut plan, id) = tensors(&["outputs", "dropped"]);
    let table = step_table(&mut plan, 1, 1);
    plan.dropout(Some(id[0]), id[1], Dropout { rate: 1e-9, number: 0 }, Chance { table, seed: 1 });
    check("dropout", plan, &[("outputs", &ones)], "dropped", 7.25, 1.0);

    // The elements of the order are row numbers, in sequence if rows are not shuffled.
    let mut plan = Plan::new(one);
    let table = step_table(&mut plan, 1, 1);
    let list = plan.tensor("order", 1, 129).expect("a tensor");
    plan.order(&table, &EpochOrder { rows: 129, seed: None }, list);
    assert_eq!(plan.dispatches.len(), 3, "order");
    plan.dispatches = vec![plan.dispatches.remove(1)];
    plan.dispatches[0].params[1] = 100;
    let read = run(&gpu, plan, 1, &[("order", &[7.25; 129])], &["order"]).remove(0);
    let expected: Vec<u32> = (0..129).map(|i| if (64..100).contains(&i) { i } else { 7.25f32.to_bits() }).collect();
    assert_eq!(read.iter().map(|element| element.to_bits()).collect::<Vec<_>>(), expected, "order");
}

fn bias_activation(activation: &Activation, rows: usize, columns: usize, limits: &Limits) -> Plan {
    let mut plan = Plan::new(*limits);
    let bias = plan.tensor("bias", 1, columns).expect("a tensor");
    let sums = plan.tensor("sums", rows, columns).expect("a tensor");
    let outputs = plan.tensor("outputs", rows, columns).expect("a tensor");
    plan.bias_activation(activation, bias, sums, outputs);
    plan
}

#[test]
fn bias_activation_of_awkward_sizes() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    let shapes = SIZES.iter().flat_map(|rows| SIZES.map(|columns| (*rows, columns))).chain([(1757, 3), (3, 1757)]);
    for (rows, columns) in shapes {
        for activation in Activation::ALL {
            let keys = [mod4("rows mod 4", rows), mod4("columns mod 4", columns), by("activation", activation.name())];
            let what = format!("{} {rows}×{columns}", activation.name());
            cases.case(keys, &what, || {
                let sums: Vec<f32> = numbers(1, rows * columns).iter().map(|sum| 5.0 * sum).collect();
                let bias = numbers(2, columns);
                let (x, y) = twin::bias_activation(activation, &wide(&sums), &wide(&bias));
                let plan = bias_activation(activation, rows, columns, &limits);
                let read =
                    run(&gpu, plan, 1, &[("sums", &sums), ("bias", &bias), ("outputs", &nan(sums.len()))], &["sums", "outputs"]);
                assert_close(&format!("{what}: x"), &read[0], &x, |i| U * x[i].abs());
                // The rounding of x, propagated by a slope of at most 1.
                assert_close(&format!("{what}: y"), &read[1], &y, |i| U * x[i].abs() + activation_bound(activation, x[i]));
            });
        }
    }
    cases.finish();
}

#[test]
fn activations_of_extremes() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for activation in Activation::ALL {
        cases.case([by("activation", activation.name())], activation.name(), || {
            let plan = bias_activation(activation, EXTREMES.len(), 1, &limits);
            let read =
                run(&gpu, plan, 1, &[("sums", &EXTREMES), ("bias", &[0.0]), ("outputs", &nan(EXTREMES.len()))], &["outputs"]);
            let (x, y) = twin::bias_activation(activation, &wide(&EXTREMES), &[0.0]);
            assert_close(activation.name(), &read[0], &y, |i| activation_bound(activation, x[i]));
        });
    }
    cases.finish();
}

/// The same numbers through the stages that multiply and add: they come out rounded, or flushed to zero if they are
/// subnormal.
#[test]
fn extremes_pass_through_the_other_stages() {
    let (gpu, limits) = open();
    let count = EXTREMES.len();
    let check = |stage: &str, plan: Plan, write: &[(&str, &[f32])], output: &str, factor: f64| {
        let expected: Vec<f64> = EXTREMES.iter().map(|value| factor * f64::from(*value)).collect();
        let bound = |i: usize| 4.0 * U * expected[i].abs() + f64::from(f32::MIN_POSITIVE);
        assert_close(stage, &run(&gpu, plan, 1, write, &[output])[0], &expected, bound);
    };
    let (halves, zeros, canary) = (vec![0.5; count], vec![0.0; count], nan(count));

    let plan = matmul(Layouts::Plain, (1, 1, count), &limits);
    check("matmul", plan, &[("a", &[1.0]), ("b", &EXTREMES), ("c", &canary)], "c", 1.0);
    let plan = matmul(Layouts::TransposedA, (count, 1, 1), &limits);
    check("matmul, transposed", plan, &[("a", &EXTREMES), ("b", &[0.5]), ("c", &canary)], "c", 0.5);
    let plan = bias_gradient(1, count, &limits);
    check("bias_gradient", plan, &[("deltas", &EXTREMES), ("gradient", &canary)], "gradient", 1.0);

    let mut plan = Plan::new(limits);
    let mut tensor = |name| plan.tensor(name, count, 1).expect("a tensor");
    let (sums, y, deltas) = (tensor("sums"), tensor("outputs"), tensor("deltas"));
    plan.hidden_delta(&Activation::Sigmoid, sums, y, deltas);
    check("hidden_delta", plan, &[("outputs", &halves), ("deltas", &EXTREMES)], "deltas", 0.25);

    let mut plan = Plan::new(limits);
    let from = outputs(&mut plan, count, 1);
    let deltas = plan.tensor("deltas", count, 1).expect("a tensor");
    plan.output_delta(&unweighted(Loss::SquaredError, &Activation::Identity, from), deltas);
    check("output_delta", plan, &[("outputs", &EXTREMES), ("targets", &zeros), ("deltas", &canary)], "deltas", 1.0);

    let mut plan = Plan::new(limits);
    let table = step_table(&mut plan, 1, 1);
    let [gradients, parameters] = ["gradients", "parameters"].map(|name| plan.flat(name, count).expect("a buffer"));
    let rule = Rule::of(&Optimizer::Sgd, 0.0);
    plan.update(&PlannedUpdate { parameters, gradients, slots: &[], rule: &rule, clip: None }, 0..count, &table);
    let rate: (&str, &[f32]) = ("steps", &[-0.5, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    check("sgd, gradient", plan.clone(), &[rate, ("gradients", &EXTREMES), ("parameters", &zeros)], "parameters", 0.5);
    check("sgd, parameter", plan, &[rate, ("gradients", &zeros), ("parameters", &EXTREMES)], "parameters", 1.0);

    // Only numbers up to 10⁴, so that the square is finite. The mean is over one element.
    for value in EXTREMES.into_iter().filter(|value| value.abs() <= 1e4) {
        let plan = loss(Loss::MeanSquaredError, &Activation::Identity, 1, 1, 1, &limits);
        let write: [(&str, &[f32]); 2] = [("outputs", &[value]), ("targets", &[0.0])];
        let got = run_steps(&gpu, plan, &[Step::default()], &write, &["losses"]).remove(0);
        let expected = f64::from(value) * f64::from(value);
        assert_close("loss", &got, &[expected], |_| 4.0 * U * expected + f64::from(f32::MIN_POSITIVE));
    }
}

/// A NaN or infinity is found by its bits at any position among the others, and no other number is mistaken for one.
#[test]
fn non_finite_numbers_are_found() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    let look = |values: &[f32], limits: &Limits| {
        let mut plan = Plan::new(*limits);
        let buffer = plan.buffer("parameters", values.len()).expect("a buffer");
        let flat = plan.view("flat", buffer, 0, 1, values.len());
        plan.finite(buffer).expect("a plan");
        assert_eq!(find(&plan, "flat"), flat);
        let found = run(&gpu, plan, 1, &[("flat", values), ("not_finite", &[0.0])], &["not_finite"]);
        found[0][0].to_bits()
    };
    let bad = [0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xffbf_ffff, 0x7fff_ffff, 0x7f80_0000, 0xff80_0000].map(f32::from_bits);
    let good = [0.0, -0.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, f32::from_bits(1), f32::from_bits(0x807f_ffff), 1.0];
    // Also in pieces of one workgroup each.
    let cut = Limits { binding: 4 * 4096, ..limits };
    for count in [1, 2, 63, 64, 65, 4095, 4096, 4097, 8192, 10_007] {
        let values: Vec<f32> = good.iter().copied().cycle().take(count).collect();
        for limits in [&limits, &cut] {
            cases.case([mod4("count mod 4", count), by("binding", limits.binding)], format!("{count} numbers"), || {
                assert_eq!(look(&values, limits), 0, "{count} numbers");
                for (i, bad) in bad.into_iter().enumerate() {
                    let at = [0, count - 1, count / 2, count.min(4096) - 1, count.min(64) - 1, count.min(4097) - 1, count / 3][i];
                    let mut values = values.clone();
                    values[at] = bad;
                    assert_eq!(look(&values, limits), 1, "{bad} ({:#x}) at {at} of {count}", bad.to_bits());
                }
            });
        }
    }
    cases.finish();
}

/// A NaN is propagated, and does not become a number.
#[test]
fn activations_of_nan_are_nan() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for activation in Activation::ALL {
        cases.case([by("activation", activation.name())], activation.name(), || {
            let plan = bias_activation(activation, 1, 1, &limits);
            let read = run(&gpu, plan, 1, &[("sums", &[f32::NAN]), ("bias", &[0.0]), ("outputs", &[0.5])], &["outputs"]);
            assert!(read[0][0].is_nan(), "{}: {}", activation.name(), read[0][0]);
        });
    }
    cases.finish();
}

/// x, y and t for a last layer: y is the activation of x, t between 0 and 1.
fn last_layer(activation: &Activation, count: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let x: Vec<f32> = numbers(5, count).iter().map(|x| 4.0 * x).collect();
    let y = x.iter().map(|x| activation.value(f64::from(*x)) as f32).collect();
    (x, y, numbers(6, count).iter().map(|t| t.abs()).collect())
}

fn outputs(plan: &mut Plan, rows: usize, columns: usize) -> Outputs {
    let mut tensor = |name| plan.tensor(name, rows, columns).expect("a tensor");
    Outputs { sums: tensor("sums"), outputs: tensor("outputs"), targets: tensor("targets") }
}

#[test]
fn output_delta_of_every_loss_and_activation() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for (rows, columns) in [(1, 1), (2, 3), (15, 17), (64, 1), (65, 2), (129, 127), (1757, 3), (3, 1757)] {
        for loss in Loss::ALL {
            for activation in Activation::ALL {
                let keys = [
                    mod4("rows mod 4", rows),
                    mod4("columns mod 4", columns),
                    by("loss", loss.name()),
                    by("activation", activation.name()),
                ];
                let what = format!("{} {} {rows}×{columns}", loss.name(), activation.name());
                cases.case(keys, &what, || {
                    let (x, y, t) = last_layer(activation, rows * columns);
                    let mut plan = Plan::new(limits);
                    let from = outputs(&mut plan, rows, columns);
                    let deltas = plan.tensor("deltas", rows, columns).expect("a tensor");
                    plan.output_delta(&unweighted(*loss, activation, from), deltas);
                    let write: [(&str, &[f32]); 4] = [("sums", &x), ("outputs", &y), ("targets", &t), ("deltas", &nan(y.len()))];
                    let read = run(&gpu, plan, 1, &write, &["deltas"]);
                    let (x, y, t) = (wide(&x), wide(&y), wide(&t));
                    let expected = twin::output_delta(*loss, activation, (&x, &y, &t), columns, None);
                    // With the identity, the delta is the error alone.
                    let error = twin::output_delta(*loss, &Activation::Identity, (&x, &y, &t), columns, None);
                    // Each of at most eight operations rounds by U, and divisions by 2.5 ULP. The derivative has its
                    // own bound.
                    let bound = |i: usize| {
                        let slope = if loss_is_fused(*loss, activation) { 0.0 } else { derivative_bound(activation, x[i], y[i]) };
                        expected[i].abs() * (8.0 * U + 5.0 * ULP) + error[i].abs() * slope + f64::from(f32::MIN_POSITIVE)
                    };
                    assert_close(&what, &read[0], &expected, bound);
                });
            }
        }
    }
    cases.finish();
}

fn loss_is_fused(loss: Loss, activation: &Activation) -> bool {
    loss == Loss::BinaryCrossEntropy && *activation == Activation::Sigmoid
}

#[test]
fn hidden_delta_of_awkward_sizes() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for count in SIZES.into_iter().chain([1757]) {
        for activation in Activation::ALL {
            let keys = [mod4("count mod 4", count), by("activation", activation.name())];
            let what = format!("{} {count}", activation.name());
            cases.case(keys, &what, || {
                let (x, y, _) = last_layer(activation, count);
                let error = numbers(7, count);
                let mut plan = Plan::new(limits);
                let mut tensor = |name| plan.tensor(name, count, 1).expect("a tensor");
                let (sums, outputs, deltas) = (tensor("sums"), tensor("outputs"), tensor("deltas"));
                plan.hidden_delta(activation, sums, outputs, deltas);
                let read = run(&gpu, plan, 1, &[("sums", &x), ("outputs", &y), ("deltas", &error)], &["deltas"]);
                let (x, y, error) = (wide(&x), wide(&y), wide(&error));
                let expected = twin::hidden_delta(activation, &error, &x, &y);
                let bound = |i: usize| {
                    error[i].abs() * derivative_bound(activation, x[i], y[i])
                        + 2.0 * U * expected[i].abs()
                        + f64::from(f32::MIN_POSITIVE)
                };
                assert_close(&what, &read[0], &expected, bound);
            });
        }
    }
    cases.finish();
}

fn bias_gradient(rows: usize, columns: usize, limits: &Limits) -> Plan {
    let mut plan = Plan::new(*limits);
    let deltas = plan.tensor("deltas", rows, columns).expect("a tensor");
    let gradient = plan.tensor("gradient", 1, columns).expect("a tensor");
    plan.bias_gradient(deltas, gradient);
    plan
}

#[test]
fn bias_gradient_of_awkward_sizes() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    let shapes = SIZES.iter().flat_map(|rows| SIZES.map(|columns| (*rows, columns))).chain([(1757, 3), (3, 1757)]);
    for (rows, columns) in shapes {
        cases.case([mod4("rows mod 4", rows), mod4("columns mod 4", columns)], format!("{rows}×{columns}"), || {
            let deltas = numbers(8, rows * columns);
            let plan = bias_gradient(rows, columns, &limits);
            let read = run(&gpu, plan, 1, &[("deltas", &deltas), ("gradient", &nan(columns))], &["gradient"]);
            let deltas = wide(&deltas);
            let magnitudes = twin::bias_gradient(&deltas.iter().map(|delta| delta.abs()).collect::<Vec<_>>(), columns);
            let expected = twin::bias_gradient(&deltas, columns);
            assert_close(&format!("{rows}×{columns}"), &read[0], &expected, |i| g(rows) * magnitudes[i]);
        });
    }
    cases.finish();
}

/// Runs a plan that reads the step table.
fn run_steps(gpu: &Arc<Gpu>, plan: Plan, steps: &[Step], write: &[(&str, &[f32])], read: &[&str]) -> Vec<Vec<f32>> {
    gpu.block_on(async {
        let mut staged = Staged::new(gpu.clone(), plan, 1).await?;
        for (name, values) in write {
            staged.write(find(&staged.plan, name), values)?;
        }
        staged.run(&common::table(&staged.plan), steps, &[0], None).await?;
        let wanted = read.iter().map(|name| {
            let id = find(&staged.plan, name);
            (id, staged.plan.tensors[id.0].rows * staged.plan.tensors[id.0].columns)
        });
        let wanted: Vec<_> = wanted.collect();
        staged.read(&wanted).await
    })
    .unwrap_or_else(|error| panic!("{error}"))
}

/// The step table, its cursor, and the losses.
fn step_table(plan: &mut Plan, steps: usize, losses: usize) -> StepTable {
    plan.step_table("", TableSize { steps, losses }).expect("a table")
}

/// A loss of rows with equal weights.
fn unweighted<'a>(loss: Loss, activation: &'a Activation, from: Outputs) -> LossOf<'a> {
    LossOf { loss, activation, from, weights: None }
}

/// A plan that updates `count` parameters.
fn update(rule: &Rule, count: usize, clipped: bool, limits: &Limits) -> Plan {
    let mut plan = Plan::new(*limits);
    let table = step_table(&mut plan, 3, 1);
    let mut flat = |name: &str| plan.flat(name, count).expect("a buffer");
    let (parameters, gradients) = (flat("parameters"), flat("gradients"));
    let slots: Vec<_> = rule.slots.iter().map(|slot| flat(slot)).collect();
    let clip = clipped.then(|| plan.tensor("clip", 1, 1).expect("a tensor"));
    plan.update(&PlannedUpdate { parameters, gradients, slots: &slots, rule, clip }, 0..count, &table);
    plan
}

/// Every optimizer, with and without weight decay, clipped and not, with one and with four parameters per invocation,
/// as a whole and in pieces.
#[test]
fn updates_of_awkward_sizes_whole_and_in_pieces() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    // The second can bind 128 parameters at a time.
    for limits in [limits, Limits { binding: 128 * 4 + 100, ..limits }] {
        for optimizer in Optimizer::ALL {
            for (count, decay, clip) in
                [(1, 0.0, None), (65, 0.1, Some(0.5)), (129, 0.1, None), (1757, 0.0, None), (2052, 0.25, Some(0.25))]
            {
                let rule = Rule::of(optimizer, decay);
                let what = format!("{} of {count}, decay {decay}, clip {clip:?}", rule.name);
                let keys = [mod4("count mod 4", count), by("optimizer", optimizer.name()), by("binding", limits.binding)];
                cases.case(keys, &what, || {
                    let plan = update(&rule, count, clip.is_some(), &limits);
                    let Kernel::Update { width, .. } = plan.dispatches[0].kernel else { panic!("{what}") };
                    assert_eq!(width, if count >= 1024 && count % 4 == 0 { 4 } else { 1 }, "{what}");
                    let how = Update { optimizer: *optimizer, learning_rate: 0.25, weight_decay: decay, step: 3 };
                    let step = Step { learning_rate: 0.25, corrections: [0.271, 0.002_997_001], ..Step::default() };
                    let (before, gradient) = (numbers(1, count), numbers(2, count));
                    // Averages of squares are not negative.
                    let slots =
                        [numbers(3, count), numbers(4, count)].map(|slot| slot.iter().map(|x| x.abs()).collect::<Vec<_>>());
                    let mut write: Vec<(&str, &[f32])> = vec![("parameters", &before), ("gradients", &gradient)];
                    write.extend(rule.slots.iter().zip(&slots).map(|(name, values)| (*name, values.as_slice())));
                    let factor = clip.unwrap_or(1.0f32);
                    if clip.is_some() {
                        write.push(("clip", std::slice::from_ref(&factor)));
                    }
                    let names = [&["parameters"], rule.slots].concat();
                    let read = run_steps(&gpu, plan, &[step], &write, &names);

                    let gradient: Vec<f64> = gradient.iter().map(|g| f64::from(factor) * f64::from(*g)).collect();
                    let (mut expected, mut kept) = (wide(&before), slots.clone().map(|slot| wide(&slot)));
                    twin::update(&mut expected, &mut kept, &gradient, &how);
                    // No number here is above 2, except those that are divided by a root of squares. The squares are
                    // above 1e-3 times the gradient's. A root, a division and a handful of roundings are within 16 ULP
                    // together.
                    for (i, (slot, expected)) in read[1..].iter().zip(&kept).enumerate() {
                        assert_close(&format!("{what}: slot {i}"), slot, expected, |i| 8.0 * U * (1.0 + expected[i].abs()));
                    }
                    let before = wide(&before);
                    let bound = |i: usize| 16.0 * ULP * (1.0 + (expected[i] - before[i]).abs());
                    assert_close(&what, &read[0], &expected, bound);
                });
            }
        }
    }
    cases.finish();
}

/// The learning rate is that of the step at the cursor, and only the counted parameters change.
#[test]
fn an_update_reads_its_steps_row_and_stops_at_its_count() {
    let (gpu, limits) = open();
    let mut plan = update(&Rule::of(&Optimizer::Sgd, 0.0), 65, false, &limits);
    plan.dispatches[0].params[0] = 64;
    let (second, ones) = (f32::from_bits(1), vec![1.0; 65]);
    let mut table = [0.0; 24];
    (table[0], table[8], table[16]) = (0.5, 0.25, 0.125);
    let write: [(&str, &[f32]); 4] = [("steps", &table), ("cursor", &[second]), ("gradients", &ones), ("parameters", &ones)];
    let mut expected = vec![0.75; 65];
    expected[64] = 1.0;
    assert_eq!(run(&gpu, plan, 1, &write, &["parameters"])[0], expected);
}

fn loss(loss: Loss, activation: &Activation, rows: usize, columns: usize, slots: usize, limits: &Limits) -> Plan {
    let mut plan = Plan::new(*limits);
    let from = outputs(&mut plan, rows, columns);
    let table = step_table(&mut plan, 3, slots);
    let slot = Slot { index: 0, moves: true, total: rows as f64 };
    plan.loss(&unweighted(loss, activation, from), &table, slot).expect("a plan");
    plan
}

#[test]
fn loss_of_every_kind_over_awkward_sizes() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for count in SIZES.into_iter().chain([1757]) {
        for kind in Loss::ALL {
            for activation in Activation::ALL {
                let keys = [mod4("count mod 4", count), by("loss", kind.name()), by("activation", activation.name())];
                let what = format!("{} {} {count}", kind.name(), activation.name());
                cases.case(keys, &what, || {
                    let (x, y, t) = last_layer(activation, count);
                    let plan = loss(*kind, activation, count, 1, 1, &limits);
                    let step = Step::default();
                    let write: [(&str, &[f32]); 4] = [("sums", &x), ("outputs", &y), ("targets", &t), ("losses", &[f32::NAN])];
                    let read = run_steps(&gpu, plan, &[step], &write, &["losses"]).remove(0);
                    let (x, y, t) = (wide(&x), wide(&y), wide(&t));
                    let expected = twin::loss(*kind, activation, (&x, &y, &t), 1, None) / count as f64;
                    let element = |i: usize| match kind {
                        // Computed from x: the products and differences round by U. The logarithm takes e^-|x|, which
                        // is accurate to 3 + 2|x| ULP, and a series of about fifteen operations.
                        Loss::BinaryCrossEntropy if loss_is_fused(*kind, activation) => {
                            3.0 * U * x[i].abs() + (-x[i].abs()).exp().ln_1p() * ((3.0 + 2.0 * x[i].abs()) * ULP + 20.0 * U)
                        }
                        // log is accurate to 3 ULP, or to 2⁻²¹ near 1. The two terms are weighted by t and 1 - t.
                        Loss::BinaryCrossEntropy => 2.0f64.powi(-21) + 4.0 * ULP * 17.0,
                        Loss::SquaredError | Loss::MeanSquaredError => 4.0 * U * (y[i] - t[i]) * (y[i] - t[i]),
                        Loss::MeanAbsoluteError => 2.0 * U * (y[i] - t[i]).abs(),
                        Loss::Huber => 4.0 * U * (y[i] - t[i]).abs() * (1.0 + (y[i] - t[i]).abs()),
                        Loss::CategoricalCrossEntropy => 2.0f64.powi(-21) + 4.0 * ULP * 17.0,
                        other => panic!("{} needs a bound, derived as above", other.name()),
                    };
                    let roundings = (0..count).map(element).sum::<f64>() / count as f64;
                    let bound = roundings + g(count + 8) * expected;
                    assert_close(&what, &read, &[expected], |_| bound);
                });
            }
        }
    }
    cases.finish();
}

/// Logits of ±10⁴, for right and wrong predictions.
#[test]
fn binary_cross_entropy_of_large_logits_is_finite_and_right() {
    let (gpu, limits) = open();
    for (x, t, value, gradient) in [(1e4, 0.0, 1e4, 1.0), (1e4, 1.0, 0.0, 0.0), (-1e4, 1.0, 1e4, -1.0), (-1e4, 0.0, 0.0, 0.0)] {
        let y = Activation::Sigmoid.value(f64::from(x)) as f32;
        let write: [(&str, &[f32]); 3] = [("sums", &[x]), ("outputs", &[y]), ("targets", &[t])];
        let plan = loss(Loss::BinaryCrossEntropy, &Activation::Sigmoid, 1, 1, 1, &limits);
        assert_eq!(run_steps(&gpu, plan, &[Step::default()], &write, &["losses"])[0], [value]);
        let mut plan = Plan::new(limits);
        let from = outputs(&mut plan, 1, 1);
        let deltas = plan.tensor("deltas", 1, 1).expect("a tensor");
        plan.output_delta(&unweighted(Loss::BinaryCrossEntropy, &Activation::Sigmoid, from), deltas);
        // The delta y - t does not use `sums`, but the plan has the tensor, so it can be written.
        assert_eq!(run(&gpu, plan, 1, &write, &["deltas"])[0], [gradient]);
    }
}

/// Losses of more elements than one workgroup adds, as a whole and split into single workgroups, with a remainder. If
/// elements after the end were added, this would show: a logit of 0 costs ln 2.
#[test]
fn a_loss_in_parts_is_correct() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for limits in [limits, Limits { workgroups: 1, ..limits }] {
        for count in [4096, 4097, 10_001, 300_001] {
            cases.case([mod4("count mod 4", count), by("workgroups", limits.workgroups)], count, || {
                let x = numbers(5, count);
                let t: Vec<f32> = numbers(6, count).iter().map(|t| t.abs()).collect();
                let plan = loss(Loss::BinaryCrossEntropy, &Activation::Sigmoid, count, 1, 1, &limits);
                let parts = plan.dispatches.iter().filter(|dispatch| matches!(dispatch.kernel, Kernel::PartialLoss(..))).count();
                assert_eq!(
                    parts,
                    if count == 4096 { 0 } else { count.div_ceil(4096).min(if limits.workgroups == 1 { usize::MAX } else { 1 }) }
                );
                let write: [(&str, &[f32]); 2] = [("sums", &x), ("targets", &t)];
                let got = run_steps(&gpu, plan, &[Step::default()], &write, &["losses"]).remove(0);
                let (x, t) = (wide(&x), wide(&t));
                let expected = twin::loss(Loss::BinaryCrossEntropy, &Activation::Sigmoid, (&x, &x, &t), 1, None) / count as f64;
                // Terms of order 1, with about a hundred additions in a row.
                assert_close(&format!("{count}"), &got, &[expected], |_| 1e-5 * expected);
            });
        }
    }
    cases.finish();
}

/// Very many elements: the parts add up, and the step is counted once.
#[test]
fn a_loss_of_many_elements_is_complete_and_every_step_has_its_slot() {
    let (gpu, limits) = open();
    let count = 64 * LONGEST_LOOP;
    let plan = loss(Loss::MeanSquaredError, &Activation::Identity, count, 1, 3, &limits);
    let steps = [2, 0, 1].map(|loss_slot| Step { loss_slot, ..Step::default() });
    let write: [(&str, &[f32]); 3] = [("outputs", &vec![3.0; count]), ("targets", &vec![1.0; count]), ("losses", &nan(3))];
    // Sums of fours are exact. Only the scale, and the product with it, are rounded.
    assert_close("losses", &run_steps(&gpu, plan, &steps, &write, &["losses"])[0], &[4.0; 3], |_| 4.0 * 3.0 * U);
}
