//! Blocked products against the CPU counterparts of the plain stages, at the edges of blocks, tiles, vectors and
//! slices.

mod common;

use std::sync::{Arc, LazyLock};

use common::{Cases, Key, U, ULP, assert_close, by, find, g, mod4, mod4s, numbers, run, wide};
use shaderprop::internals::reference as twin;
use shaderprop::internals::{
    Ending, Epilogue, Factors, Family, Gpu, Id, Kernel, Layouts, Limits, Plan, Planned, Products, RowBlocks, Rule, Shape, Staged,
    Step, StepTable, TableSize, Tiles, TrainingStep,
};
use shaderprop::{Activation, Loss, Network, Optimizer, Philox};

/// One device for all tests of this file, so that each kernel is compiled once.
static OPENED: LazyLock<(Arc<Gpu>, Limits)> = LazyLock::new(common::open);

fn open() -> (Arc<Gpu>, Limits) {
    OPENED.clone()
}

const LAYOUTS: [Layouts; 3] = [Layouts::Plain, Layouts::TransposedA, Layouts::TransposedB];

/// Sizes around the end of a vector, a block or a tile.
const EDGES: [usize; 18] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129];

/// The value around c in its buffer, which must not change.
const CANARY: f32 = 7.25;

/// Every family, whatever the device would choose. Families with subgroups are included only if it has them.
fn families(limits: &Limits) -> Vec<Family> {
    let tiles = |rows, columns, block| Family::Tiles(Tiles { rows, columns, block });
    let mut families = vec![
        Family::Rows(RowBlocks { rows: 1, lanes: None, width: 4 }),
        Family::Rows(RowBlocks { rows: 8, lanes: None, width: 1 }),
        Family::Rows(RowBlocks { rows: 16, lanes: None, width: 4 }),
        tiles(16, 64, (4, 4)),
        tiles(64, 16, (4, 4)),
        tiles(64, 64, (8, 4)),
        tiles(128, 128, (8, 8)),
    ];
    if let Products::Rows { lanes: Some(lanes), .. } = limits.products {
        families.extend([1, 8, 16, 32].map(|rows| Family::Rows(RowBlocks { rows, lanes: Some(lanes), width: 4 })));
        families.push(Family::Rows(RowBlocks { rows: 8, lanes: Some(lanes), width: 1 }));
    }
    families
}

/// The built-in activations, and one whose derivative reads x and y.
fn activations() -> Vec<Activation> {
    let custom = Activation::custom(
        "swish",
        "x / (1.0 + exp(-x))",
        "select(y / x, 0.5, x == 0.0) * (1.0 + x - y)",
        |x| x / (1.0 + (-x).exp()),
        |x, y| if x == 0.0 { 0.5 } else { y / x * (1.0 + x - y) },
    );
    Activation::ALL.iter().cloned().chain([custom]).collect()
}

/// The dimensions of a and b in memory.
fn stored(layouts: Layouts, (m, k, n): (usize, usize, usize)) -> ((usize, usize), (usize, usize)) {
    match layouts {
        Layouts::Plain => ((m, k), (k, n)),
        Layouts::TransposedA => ((k, m), (k, n)),
        Layouts::TransposedB => ((m, k), (n, k)),
    }
}

/// c = a·b between two canaries, as the tensor `flat`.
fn product(layouts: Layouts, (m, k, n): (usize, usize, usize), limits: &Limits) -> Plan {
    let mut plan = Plan::new(*limits);
    let (a, b) = stored(layouts, (m, k, n));
    let a = plan.tensor("a", a.0, a.1).expect("a tensor");
    let b = plan.tensor("b", b.0, b.1).expect("a tensor");
    let len = 64 + m * n + 64;
    let flat = plan.buffer("flat", len).expect("a buffer");
    plan.view("flat", flat, 0, 1, len);
    let c = plan.view("c", flat, 64, m, n);
    let shape = Shape { rows: m, columns: n, terms: k, ones: false };
    let ending = Ending { epilogue: Epilogue::Store, operands: &[("c", c)], bias: 0 };
    plan.product(Factors { layouts, a, b }, shape, &ending, "c").expect("a plan");
    plan
}

/// One product and its reference.
struct Case {
    a: Vec<f32>,
    b: Vec<f32>,
    expected: Vec<f64>,
    magnitudes: Vec<f64>,
}

fn case((m, k, n): (usize, usize, usize)) -> Case {
    let (a, b) = (numbers(1, m * k), numbers(2, k * n));
    let magnitude = |values: &[f32]| values.iter().map(|value| f64::from(value.abs())).collect::<Vec<_>>();
    let expected = twin::matmul(&wide(&a), &wide(&b), (m, k, n));
    let magnitudes = twin::matmul(&magnitude(&a), &magnitude(&b), (m, k, n));
    Case { a, b, expected, magnitudes }
}

fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    twin::transpose(&wide(values), rows, columns).iter().map(|value| *value as f32).collect()
}

/// The keys of a case with a layout and a family.
fn keys(layouts: Layouts, family: impl std::fmt::Debug, shape: (usize, usize, usize)) -> impl Iterator<Item = Key> {
    mod4s(shape).into_iter().chain([by("layout", format!("{layouts:?}")), by("family", format!("{family:?}"))])
}

/// The keys of a case with an epilogue.
fn epilogue_keys(shape: (usize, usize, usize), family: Family, activation: &Activation) -> impl Iterator<Item = Key> {
    let name = activation.name().to_owned();
    mod4s(shape).into_iter().chain([by("activation", name), by("family", format!("{family:?}"))])
}

/// Runs the product in the three layouts and checks each element and both canaries.
fn check(cases: &mut Cases, gpu: &Arc<Gpu>, limits: &Limits, (m, k, n): (usize, usize, usize)) {
    let case = case((m, k, n));
    let mut flat = vec![f32::NAN; 64 + m * n + 64];
    flat[..64].fill(CANARY);
    flat[64 + m * n..].fill(CANARY);
    for layouts in LAYOUTS {
        let a = if layouts == Layouts::TransposedA { transposed(&case.a, m, k) } else { case.a.clone() };
        let b = if layouts == Layouts::TransposedB { transposed(&case.b, k, n) } else { case.b.clone() };
        let plan = product(layouts, (m, k, n), limits);
        let kernel = &plan.dispatches[0].kernel;
        let family = if let Kernel::Product(product) = kernel { format!("{:?}", product.family) } else { kernel.label() };
        let what = format!("{layouts:?} {m}×{k}×{n} {}", kernel.label());
        let keys = mod4s((m, k, n)).into_iter().chain([by("layout", format!("{layouts:?}")), by("family", family)]);
        cases.case(keys, &what, || {
            let read = run(gpu, plan, 1, &[("a", &a), ("b", &b), ("flat", &flat)], &["flat"]).remove(0);
            let (before, rest) = read.split_at(64);
            let (c, after) = rest.split_at(m * n);
            assert_close("c", c, &case.expected, |i| g(k) * case.magnitudes[i]);
            assert!(before.iter().chain(after).all(|value| *value == CANARY), "the values around c changed");
        });
    }
}

/// All triples of 18 sizes in three layouts: 17,496 products, each with the blocks that this device chooses.
#[test]
fn every_triple_of_edge_sizes() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for m in EDGES {
        for k in EDGES {
            for n in EDGES {
                check(&mut cases, &gpu, &limits, (m, k, n));
            }
        }
    }
    assert_eq!(cases.finish(), 17_496);
}

#[test]
fn every_family_at_awkward_sizes() {
    let (gpu, limits) = open();
    let shapes = [
        (1, 1, 1),
        (1, 784, 10),
        (2, 3, 5),
        (3, 2, 1),
        (4, 4, 4),
        (7, 33, 9),
        (8, 16, 32),
        (17, 31, 65),
        (33, 2, 31),
        (64, 64, 64),
        (65, 66, 67),
        (66, 65, 68),
        (127, 129, 15),
        (128, 17, 128),
        (129, 130, 131),
        (132, 36, 260),
    ];
    let mut cases = Cases::new();
    for family in families(&limits) {
        let limits = Limits { products: Products::Always(family), ..limits };
        for shape in shapes {
            check(&mut cases, &gpu, &limits, shape);
        }
    }
    cases.finish();
}

/// Sums just below and above the 65,535 iterations after which some drivers stop, in as many slices as the device
/// takes.
#[test]
fn long_sums_are_complete() {
    let (gpu, limits) = open();
    let tiles = Limits { products: Products::Tiles, ..limits };
    let mut cases = Cases::new();
    for k in [65_534, 65_535, 65_536, 65_537, 70_000, 131_072, 131_073, 2_000_000] {
        for limits in [limits, tiles] {
            for layouts in LAYOUTS {
                // If c has 64 elements, no padding follows its last slice. In padding, one slice too many would be all
                // zeros and go unnoticed.
                for (m, n) in [(2, 3), (8, 8)].into_iter().filter(|(m, _)| *m == 2 || k < 100_000) {
                    let products = limits.products;
                    cases.case(keys(layouts, products, (m, k, n)), format!("{layouts:?} {m}×{k}×{n} {products:?}"), || {
                        let plan = product(layouts, (m, k, n), &limits);
                        let c = run(&gpu, plan, 1, &[("a", &vec![1.0; m * k]), ("b", &vec![1.0; k * n])], &["c"]).remove(0);
                        assert_eq!(c, vec![k as f32; m * n]);
                    });
                }
            }
        }
    }
    cases.finish();
}

/// A product so wide that its sums stay in one slice for as long as possible: with the longest slice, and with one more
/// term.
#[test]
fn the_longest_slice_is_complete() {
    let (gpu, limits) = open();
    let narrow = |family: &Family| matches!(family, Family::Rows(RowBlocks { width: 1, .. }));
    let mut cases = Cases::new();
    for family in families(&limits).into_iter().filter(narrow) {
        let limits = Limits { products: Products::Always(family), ..limits };
        let (m, n) = (1, 17 * family.columns() as usize);
        let slices = |k: usize| {
            let plan = product(Layouts::Plain, (m, k, n), &limits);
            plan.dispatches.iter().any(|dispatch| matches!(dispatch.kernel, Kernel::SumSlices { .. }))
        };
        let (mut longest, mut too_long) = (1, 140_000);
        assert!(slices(too_long), "{family:?}");
        while too_long - longest > 1 {
            let middle = (longest + too_long) / 2;
            *(if slices(middle) { &mut too_long } else { &mut longest }) = middle;
        }
        for k in [longest, too_long] {
            cases.case(keys(Layouts::Plain, family, (m, k, n)), format!("{family:?} {k}"), || {
                let plan = product(Layouts::Plain, (m, k, n), &limits);
                let c = run(&gpu, plan, 1, &[("a", &vec![1.0; k]), ("b", &vec![1.0; k * n])], &["c"]).remove(0);
                assert!(c.iter().all(|value| *value == k as f32));
            });
        }
    }
    cases.finish();
}

/// A product that is split because of its workgroups or its time, in rows and in columns, gives the same bits as a
/// whole one.
#[test]
fn splitting_changes_no_bits() {
    let (gpu, limits) = open();
    let sums = |kernel: &Kernel| matches!(kernel, Kernel::SumSlices { .. });
    let (mut sliced, mut cases) = (0, Cases::new());
    for family in families(&limits) {
        let limits = Limits { products: Products::Always(family), ..limits };
        let few = Limits { workgroups: 2, ..limits };
        for (m, k, n) in [(3 * family.rows() as usize + 1, 70, 3 * family.columns() as usize + 1), (5, 7, 500), (4, 2048, 36)] {
            for layouts in LAYOUTS {
                cases.case(keys(layouts, family, (m, k, n)), format!("{family:?} {layouts:?} {m}×{k}×{n}"), || {
                    let (whole, cut) = (product(layouts, (m, k, n), &limits), product(layouts, (m, k, n), &few));
                    assert!(cut.dispatches.len() > whole.dispatches.len(), "it is not split");
                    sliced += usize::from(cut.dispatches.iter().filter(|dispatch| sums(&dispatch.kernel)).count() > 1);
                    let (a, b) = (numbers(1, m * k), numbers(2, k * n));
                    let c = |plan| run(&gpu, plan, 1, &[("a", &a), ("b", &b), ("c", &vec![f32::NAN; m * n])], &["c"]).remove(0);
                    assert_eq!(c(whole), c(cut));
                });
            }
        }
    }
    cases.finish();
    assert!(sliced > 10, "only {sliced} products had split sums of slices");
}

/// The same bits from run to run.
#[test]
fn the_same_bits_every_time() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for family in families(&limits) {
        let limits = Limits { products: Products::Always(family), ..limits };
        let (m, k, n) = (65, 1031, 67);
        cases.case([by("family", format!("{family:?}"))], format!("{family:?}"), || {
            let (a, b) = (numbers(1, m * k), numbers(2, k * n));
            let c = || {
                let plan = product(Layouts::TransposedA, (m, k, n), &limits);
                run(&gpu, plan, 1, &[("a", &a), ("b", &b)], &["c"]).remove(0)
            };
            let first = c();
            for _ in 0..5 {
                assert_eq!(c(), first);
            }
        });
    }
    cases.finish();
}

/// The shapes of products with an epilogue: row lengths that are and are not multiples of four, one slice and several.
const EPILOGUE_SHAPES: [(usize, usize, usize); 6] =
    [(5, 3, 4), (33, 17, 10), (64, 64, 64), (130, 12, 67), (2, 1500, 3), (4, 2048, 8)];

#[test]
fn epilogues_add_the_bias_and_apply_the_activation() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for family in families(&limits) {
        let limits = Limits { products: Products::Always(family), ..limits };
        for (m, k, n) in EPILOGUE_SHAPES {
            // Each shape once, and two of them with all choices.
            let activations = activations();
            let all = || activations.iter().flat_map(|activation| [(activation, false), (activation, true)]);
            for (activation, keeps) in all().take(if n == 10 || n == 64 { usize::MAX } else { 1 }) {
                let keys = epilogue_keys((m, k, n), family, activation);
                let what = format!("{family:?} {} {m}×{k}×{n}", activation.name());
                cases.case(keys, &what, || {
                    let Case { a, b, expected, magnitudes } = case((m, k, n));
                    let bias = numbers(3, n);
                    let mut plan = Plan::new(limits);
                    let mut tensor = |name, rows, columns| plan.tensor(name, rows, columns).expect("a tensor");
                    let (ai, bi, ci) = (tensor("a", m, k), tensor("b", k, n), tensor("bias", 1, n));
                    let (sums, outputs) = (tensor("sums", m, n), tensor("outputs", m, n));
                    let epilogue = Epilogue::BiasActivation { activation: activation.clone(), sums: keeps };
                    let operands = [("bias", ci), ("sums", sums), ("outputs", outputs)];
                    let shape = Shape { rows: m, columns: n, terms: k, ones: false };
                    let factors = Factors { layouts: Layouts::Plain, a: ai, b: bi };
                    plan.product(factors, shape, &Ending { epilogue, operands: &operands, bias: 0 }, "y").expect("a plan");
                    let nan = vec![f32::NAN; m * n];
                    let write: [(&str, &[f32]); 5] = [("a", &a), ("b", &b), ("bias", &bias), ("sums", &nan), ("outputs", &nan)];
                    let read = run(&gpu, plan, 1, &write, &["sums", "outputs"]);
                    let (x, y) = twin::bias_activation(activation, &expected, &wide(&bias));
                    let rounding = |i: usize| g(k + 1) * (magnitudes[i] + f64::from(bias[i % n].abs()));
                    if keeps {
                        assert_close(&format!("{what}: x"), &read[0], &x, rounding);
                    }
                    // No slope is above 1.1. The bounds for the formula of the activation itself are tested in
                    // tests/kernels.rs.
                    assert_close(&format!("{what}: y"), &read[1], &y, |i| 1.1 * rounding(i) + 1e-5);
                });
            }
        }
    }
    cases.finish();
}

#[test]
fn epilogues_multiply_by_the_derivative() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for family in families(&limits) {
        let limits = Limits { products: Products::Always(family), ..limits };
        for (m, k, n) in EPILOGUE_SHAPES {
            for activation in activations().iter().take(if n == 10 || n == 64 { usize::MAX } else { 1 }) {
                let keys = epilogue_keys((m, k, n), family, activation);
                let what = format!("{family:?} {} {m}×{k}×{n}", activation.name());
                cases.case(keys, &what, || {
                    let Case { a, b, expected, magnitudes } = case((m, k, n));
                    let x: Vec<f32> = numbers(5, m * n).iter().map(|x| 4.0 * x).collect();
                    let y: Vec<f32> = x.iter().map(|x| activation.value(f64::from(*x)) as f32).collect();
                    let mut plan = Plan::new(limits);
                    let mut tensor = |name, rows, columns| plan.tensor(name, rows, columns).expect("a tensor");
                    let (ai, bi) = (tensor("a", m, k), tensor("b", n, k));
                    let operands = [
                        ("sums", tensor("sums", m, n)),
                        ("outputs", tensor("outputs", m, n)),
                        ("deltas", tensor("deltas", m, n)),
                    ];
                    let shape = Shape { rows: m, columns: n, terms: k, ones: false };
                    let epilogue = Epilogue::Derivative(activation.clone());
                    let factors = Factors { layouts: Layouts::TransposedB, a: ai, b: bi };
                    plan.product(factors, shape, &Ending { epilogue, operands: &operands, bias: 0 }, "delta").expect("a plan");
                    let (b, nan) = (transposed(&b, k, n), vec![f32::NAN; m * n]);
                    let write: [(&str, &[f32]); 5] = [("a", &a), ("b", &b), ("sums", &x), ("outputs", &y), ("deltas", &nan)];
                    let read = run(&gpu, plan, 1, &write, &["deltas"]).remove(0);
                    let (x, y) = (wide(&x), wide(&y));
                    let delta = twin::hidden_delta(activation, &expected, &x, &y);
                    // The custom activation's formula contains a division and the rounding of y.
                    let slope = |i: usize| match activation {
                        Activation::Custom(_) => 1e-6 * expected[i].abs() * (1.0 + x[i].abs()),
                        _ => 0.0,
                    };
                    let bound = |i: usize| (g(k) * magnitudes[i] + 4.0 * U * expected[i].abs()) * (1.0 + y[i] * y[i]) + slope(i);
                    assert_close(&what, &read, &delta, bound);
                });
            }
        }
    }
    cases.finish();
}

/// The gradients of weight and bias, and the update, in one product: the row of ones goes to its place, and nothing
/// between or behind the parameters changes.
#[test]
fn epilogues_update_the_parameters() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for family in families(&limits) {
        let limits = Limits { products: Products::Always(family), ..limits };
        for (m, k, n) in EPILOGUE_SHAPES {
            cases.case(keys(Layouts::TransposedA, family, (m, k, n)), format!("{family:?} {m}×{k}×{n}"), || {
                let Case { a, b, expected, magnitudes } = case((m, k, n));
                let bias = (m * n).next_multiple_of(64);
                let len = bias + n + 64;
                let before = numbers(4, len);
                let mut plan = Plan::new(limits);
                let mut tensor = |name, rows, columns| plan.tensor(name, rows, columns).expect("a tensor");
                let (ai, bi) = (tensor("a", k, m), tensor("b", k, n));
                let (steps, cursor, losses) = (tensor("steps", 4096, 8), tensor("cursor", 1, 1), tensor("losses", 1, 1));
                let table = StepTable { steps, cursor, losses };
                let flat = plan.buffer("flat", len).expect("a buffer");
                plan.view("flat", flat, 0, 1, len);
                let parameters: Id = plan.view("parameters", flat, 0, 1, bias + n);
                let operands = [("steps", steps), ("cursor", cursor), ("parameters", parameters)];
                let shape = Shape { rows: m, columns: n, terms: k, ones: true };
                let factors = Factors { layouts: Layouts::TransposedA, a: ai, b: bi };
                let epilogue = Epilogue::Update(Rule::of(&Optimizer::Sgd, 0.0));
                plan.product(factors, shape, &Ending { epilogue, operands: &operands, bias }, "w").expect("a plan");
                let got = gpu
                    .block_on(async {
                        let mut staged = Staged::new(gpu.clone(), plan, 1).await?;
                        staged.write(ai, &transposed(&a, m, k))?;
                        staged.write(bi, &b)?;
                        staged.write(find(&staged.plan, "flat"), &before)?;
                        staged.run(&table, &[Step { learning_rate: 0.5, ..Step::default() }], &[0], None).await?;
                        let id = find(&staged.plan, "flat");
                        Ok(staged.read(&[(id, len)]).await?.remove(0))
                    })
                    .unwrap_or_else(|error| panic!("{error}"));
                let columns = |values: &[f64]| twin::bias_gradient(values, n);
                let (sums, absolute) = (columns(&wide(&b)), columns(&wide(&b).iter().map(|b| b.abs()).collect::<Vec<_>>()));
                let gradient = |i: usize| match i {
                    _ if i < m * n => (expected[i], magnitudes[i]),
                    _ if (bias..bias + n).contains(&i) => (sums[i - bias], absolute[i - bias]),
                    _ => (0.0, 0.0),
                };
                let after: Vec<f64> = (0..len).map(|i| f64::from(before[i]) - 0.5 * gradient(i).0).collect();
                let bound = |i: usize| match gradient(i) {
                    (0.0, 0.0) => 0.0,
                    (_, magnitude) => 0.5 * g(k) * magnitude + ULP * after[i].abs(),
                };
                assert_close(&format!("{family:?} {m}×{k}×{n}"), &got, &after, bound);
            });
        }
    }
    cases.finish();
}

/// Three steps with blocked products match three with plain stages, for layer sizes that are multiples of nothing, for
/// few rows, and for a batch so long that gradients are added in slices.
#[test]
fn steps_with_blocked_products_match_plain_steps() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    let network = Network::new(100)
        .dense(33, Activation::Tanh)
        .dense(35, Activation::Relu)
        .dense(12, activations().remove(4))
        .dense(10, Activation::Sigmoid);
    let lanes = match limits.products {
        Products::Rows { lanes, .. } => lanes,
        _ => None,
    };
    for rows in [10, 61, 3000] {
        let rates = [0.1, 0.02, 0.3];
        let steps: Vec<_> = rates
            .into_iter()
            .zip(0..)
            .map(|(learning_rate, loss_slot)| Step { learning_rate, loss_slot, ..Step::default() })
            .collect();
        let train = |products| {
            let table = TableSize { steps: 3, losses: 3 };
            let training = TrainingStep::new(&network, Loss::BinaryCrossEntropy, rows);
            let planned = Plan::training(&training, table, Limits { products, ..limits });
            let Planned { plan, ids } = planned.expect("a plan");
            let blocks = plan.dispatches.iter().any(|dispatch| matches!(dispatch.kernel, Kernel::Product(_)));
            assert_eq!(blocks, products != Products::Plain);
            gpu.block_on(async {
                let mut staged = Staged::new(gpu.clone(), plan, 1).await?;
                let count = staged.plan.len(ids.parameters);
                let targets: Vec<f32> = numbers(3, rows * 10).iter().map(|target| target.abs()).collect();
                staged.write(ids.parameters, &numbers(1, count).iter().map(|weight| 0.2 * weight).collect::<Vec<_>>())?;
                staged.write(ids.batch.inputs, &numbers(2, rows * 100))?;
                staged.write(ids.batch.targets, &targets)?;
                staged.run(&ids.table, &steps, &[0], None).await?;
                staged.read(&[(ids.table.losses, 3), (ids.parameters, count)]).await
            })
            .unwrap_or_else(|error| panic!("{error}"))
        };
        let plain = train(Products::Plain);
        for products in
            [limits.products, Products::Rows { lanes, most: 16 }, Products::Rows { lanes: None, most: 16 }, Products::Tiles]
        {
            let keys = [mod4("rows mod 4", rows), by("products", format!("{products:?}"))];
            let what = format!("{products:?} {rows}");
            cases.case(keys, &what, || {
                let blocks = train(products);
                // Both round by about 1e-7 in each of a few hundred additions.
                for (got, expected) in blocks.iter().zip(&plain) {
                    assert_close(&what, got, &wide(expected), |i| 2e-6 + 2e-6 * f64::from(expected[i].abs()));
                }
                assert_ne!(blocks[1], numbers(1, blocks[1].len()), "nothing was trained");
            });
        }
    }
    cases.finish();
}

/// A NaN or infinity affects only its own row of a or column of b.
#[test]
fn a_nan_affects_only_its_own_row_and_column() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for family in families(&limits) {
        let limits = Limits { products: Products::Always(family), ..limits };
        for (m, k, n) in [(19, 7, 37), (40, 18, 40), (64, 18, 64)] {
            for layouts in LAYOUTS {
                cases.case(keys(layouts, family, (m, k, n)), format!("{family:?} {layouts:?} {m}×{k}×{n}"), || {
                    let mut stream = Philox::new(9, 1, 0, 0);
                    let mut pick = |below: usize| (stream.uniform() * below as f32) as usize;
                    // The first term of a row of a is what the last iteration of the row before would reach. The last
                    // terms of all are next to what lies behind the tensors.
                    for (row, column, ka, kb) in [(1 + pick(m - 1), pick(n), 0, pick(k)), (m - 1, n - 1, k - 1, k - 1)] {
                        let (mut a, mut b) = (numbers(1, m * k), numbers(2, k * n));
                        a[row * k + ka] = f32::NAN;
                        b[kb * n + column] = f32::INFINITY;
                        let a = if layouts == Layouts::TransposedA { transposed(&a, m, k) } else { a };
                        let b = if layouts == Layouts::TransposedB { transposed(&b, k, n) } else { b };
                        let c = run(&gpu, product(layouts, (m, k, n), &limits), 1, &[("a", &a), ("b", &b)], &["c"]).remove(0);
                        for (i, value) in c.iter().enumerate() {
                            let spoilt = i / n == row || i % n == column;
                            assert_eq!(value.is_finite(), !spoilt, "{family:?} {layouts:?} {m}×{k}×{n}: element {i}, {value}");
                        }
                    }
                });
            }
        }
    }
    cases.finish();
}
