//! The stages for batches, classes and metrics, each against its CPU counterpart, at awkward sizes. Outputs are filled
//! with NaN beforehand.

mod common;

use common::{Cases, U, ULP, assert_close, by, g, mod4, numbers, open, run, wide};
use shaderprop::internals::Chance as PlannedChance;
use shaderprop::internals::reference::{Chance, clip, dropout, loss, output_delta, softmax, softmax_delta};
use shaderprop::internals::{
    BatchIds, Counts, Dropout, EpochOrder, Id, Limits, LossOf, Outputs, Piece, Plan, Slot, Step, StepTable, TableSize, Weights,
};
use shaderprop::{Activation, Loss};

const SHAPES: [(usize, usize); 8] = [(1, 2), (2, 3), (63, 1), (64, 10), (65, 7), (3, 129), (129, 4), (1757, 3)];

fn nan(len: usize) -> Vec<f32> {
    vec![f32::NAN; len]
}

fn tensor(plan: &mut Plan, name: &str, rows: usize, columns: usize) -> Id {
    plan.tensor(name, rows, columns).expect("a tensor")
}

fn table(plan: &mut Plan) -> StepTable {
    plan.step_table("", TableSize { steps: 1, losses: 3 }).expect("a table")
}

/// A row of the step table, as numbers that can be written.
fn row(step: Step) -> [f32; 8] {
    bytemuck::cast(step)
}

/// The device's limits, and limits that allow only one workgroup at a time.
fn both(limits: Limits) -> [Limits; 2] {
    [limits, Limits { workgroups: 1, ..limits }]
}

/// Batches that begin anywhere in an epoch's order, shuffled or not, have the rows of that order.
#[test]
fn batches_have_the_rows_of_the_order() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for (rows, count, first) in [(1, 1, 0), (5, 5, 0), (65, 64, 1), (1000, 130, 870), (70_001, 65, 69_936)] {
        for seed in [None, Some(3), Some(u64::MAX - 5)] {
            for (columns, outputs, classes) in [(1, 1, false), (6, 3, false), (8, 5, true), (67, 70, false)] {
                let order = EpochOrder { rows, seed };
                for (limits, piece) in both(limits).into_iter().zip([rows, rows.div_ceil(3)]) {
                    let keys = [
                        mod4("rows mod 4", rows),
                        mod4("columns mod 4", columns),
                        mod4("outputs mod 4", outputs),
                        by("classes", classes),
                        by("seed", format!("{seed:?}")),
                        by("workgroups", limits.workgroups),
                    ];
                    let what = format!("{count} of {rows} rows, {columns} columns, {outputs} outputs, seed {seed:?}");
                    cases.case(keys, &what, || {
                        let mut plan = Plan::new(limits);
                        let steps = table(&mut plan);
                        let list = tensor(&mut plan, "order", 1, count);
                        plan.order(&steps, &order, list);
                        let mut batch = |name, columns| tensor(&mut plan, name, count, columns);
                        let (inputs, targets, weights) =
                            (batch("inputs", columns), batch("targets", outputs), batch("weights", 1));
                        let mut pieces = Vec::new();
                        for (i, start) in (0..rows).step_by(piece).enumerate() {
                            let mut data =
                                |name, columns| tensor(&mut plan, &format!("{name}.{i}"), piece.min(rows - start), columns);
                            let inputs = data("inputs", columns);
                            let targets = data("targets", if classes { 1 } else { outputs });
                            pieces.push(Piece { inputs, targets, weights: Some(data("weights", 1)) });
                        }
                        let batch = BatchIds { inputs, targets, weights: Some(weights), data: pieces.clone() };
                        plan.gather(list, &batch, classes);
                        let step = row(Step { first: first as u32, epoch: 4, ..Step::default() });
                        let data_inputs = numbers(1, rows * columns);
                        let data_targets: Vec<f32> = match classes {
                            true => (0..rows).map(|row| (row % outputs) as f32).collect(),
                            false => numbers(2, rows * outputs),
                        };
                        let data_weights = numbers(3, rows);
                        let names: Vec<String> = (0..pieces.len())
                            .flat_map(|i| ["inputs", "targets", "weights"].map(|name| format!("{name}.{i}")))
                            .collect();
                        let mut write: Vec<(&str, &[f32])> = vec![("steps", &step)];
                        let per_row = if classes { 1 } else { outputs };
                        for (i, start) in (0..rows).step_by(piece).enumerate() {
                            let end = rows.min(start + piece);
                            write.push((&names[3 * i], &data_inputs[start * columns..end * columns]));
                            write.push((&names[3 * i + 1], &data_targets[start * per_row..end * per_row]));
                            write.push((&names[3 * i + 2], &data_weights[start..end]));
                        }
                        let read = run(&gpu, plan, 1, &write, &["inputs", "targets", "weights"]);
                        let places: Vec<usize> = (first..first + count).map(|place| order.row(4, place)).collect();
                        let gather = |values: &[f32], columns: usize| -> Vec<f32> {
                            places.iter().flat_map(|row| &values[row * columns..(row + 1) * columns]).copied().collect()
                        };
                        assert_eq!(read[0], gather(&data_inputs, columns), "{what}");
                        let expected = match classes {
                            true => places
                                .iter()
                                .flat_map(|row| (0..outputs).map(move |i| f32::from(u8::from(row % outputs == i))))
                                .collect(),
                            false => gather(&data_targets, outputs),
                        };
                        assert_eq!(read[1], expected, "{what}");
                        assert_eq!(read[2], gather(&data_weights, 1), "{what}");
                    });
                }
            }
        }
    }
    cases.finish();
}

#[test]
fn shares_add_up_to_one_and_vanish_without_weights() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for count in [1, 2, 63, 64, 65, 1757] {
        cases.case([mod4("count mod 4", count)], count, || {
            let mut plan = Plan::new(limits);
            let (weights, shares) = (tensor(&mut plan, "weights", count, 1), tensor(&mut plan, "shares", count, 1));
            plan.weigh(weights, shares).expect("a plan");
            let given: Vec<f32> = numbers(1, count).iter().map(|x| if *x < -0.5 { 0.0 } else { x + 1.0 }).collect();
            let total: f64 = wide(&given).iter().sum();
            let expected: Vec<f64> = wide(&given).iter().map(|w| if *w == 0.0 { 0.0 } else { w / total }).collect();
            let read = run(&gpu, plan.clone(), 1, &[("weights", &given), ("shares", &nan(count))], &["shares"]);
            assert_close(&format!("{count}"), &read[0], &expected, |i| (g(count) + 2.5 * ULP) * expected[i]);
            let read = run(&gpu, plan, 1, &[("weights", &vec![0.0; count]), ("shares", &nan(count))], &["shares"]);
            assert_eq!(read[0], vec![0.0; count], "no row has a weight");
        });
    }
    cases.finish();
}

/// Probabilities and their logarithms, for sums of ±4 and of ±10⁴.
#[test]
fn softmax_of_awkward_sizes_and_large_sums() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for limits in both(limits) {
        for (rows, columns) in SHAPES {
            for scale in [4.0, 1e4] {
                let keys = [
                    mod4("rows mod 4", rows),
                    mod4("columns mod 4", columns),
                    by("scale", scale),
                    by("workgroups", limits.workgroups),
                ];
                let what = format!("{rows}×{columns}, {scale}");
                cases.case(keys, &what, || {
                    let product: Vec<f32> = numbers(1, rows * columns).iter().map(|x| scale * x).collect();
                    let bias = numbers(2, columns);
                    let mut plan = Plan::new(limits);
                    let (bias_id, sums) = (tensor(&mut plan, "bias", 1, columns), tensor(&mut plan, "sums", rows, columns));
                    let outputs = tensor(&mut plan, "outputs", rows, columns);
                    plan.softmax(bias_id, sums, outputs).expect("a plan");
                    let write: [(&str, &[f32]); 3] = [("sums", &product), ("bias", &bias), ("outputs", &nan(rows * columns))];
                    let read = run(&gpu, plan, 1, &write, &["sums", "outputs"]);
                    let (logarithms, probabilities) = softmax(&wide(&product), &wide(&bias));
                    // x is rounded after the bias is added, and again after the largest x is subtracted. exp is
                    // accurate to 3 + 2|x| ULP, and log of a sum to 3 ULP or to the twenty roundings of the series.
                    let most = f64::from(scale) + 1.0;
                    let off = |i: usize| {
                        4.0 * U * most + (3.0 + 2.0 * logarithms[i].abs().min(104.0)) * ULP + 24.0 * U * (columns as f64).ln_1p()
                    };
                    assert_close(&format!("{what}: ln y"), &read[0], &logarithms, |i| {
                        off(i) + g(columns + 4) + U * logarithms[i].abs()
                    });
                    let tiny = f64::from(f32::MIN_POSITIVE);
                    assert_close(&what, &read[1], &probabilities, |i| probabilities[i] * (2.0 * off(i) + g(columns + 4)) + tiny);
                    let sums: Vec<f32> = read[1].chunks(columns).map(|row| row.iter().sum()).collect();
                    assert_close(&what, &sums, &vec![1.0; rows], |_| g(2 * columns + 16));
                });
            }
        }
    }
    cases.finish();
}

/// Logits of ±10⁴, for right and wrong predictions: the loss and its gradient are finite and exact.
#[test]
fn categorical_cross_entropy_of_large_logits() {
    let (gpu, limits) = open();
    for (logits, class, expected, delta) in [
        ([1e4, -1e4], 0, 0.0, [0.0, 0.0]),
        ([1e4, -1e4], 1, 2e4, [1.0, -1.0]),
        ([-1e4, -1e4], 0, std::f64::consts::LN_2, [-0.5, 0.5]),
    ] {
        let mut plan = Plan::new(limits);
        let mut new = |name: &str, columns| tensor(&mut plan, name, 1, columns);
        let (bias, sums, outputs, targets, deltas) =
            (new("bias", 2), new("sums", 2), new("outputs", 2), new("targets", 2), new("deltas", 2));
        let table = table(&mut plan);
        plan.softmax(bias, sums, outputs).expect("a plan");
        let from = Outputs { sums, outputs, targets };
        let (kind, softmax) = (Loss::CategoricalCrossEntropy, Activation::Softmax);
        let of = LossOf { loss: kind, activation: &softmax, from, weights: None };
        plan.output_delta(&of, deltas);
        plan.loss(&of, &table, Slot { index: 0, moves: true, total: 1.0 }).expect("a plan");
        let mut target = [0.0; 2];
        target[class] = 1.0;
        let read = run(&gpu, plan, 1, &[("sums", &logits), ("targets", &target), ("losses", &nan(3))], &["losses", "deltas"]);
        assert_close(&format!("{logits:?}"), &read[0][..1], &[expected], |_| 24.0 * U * expected);
        assert_eq!(read[1], delta);
    }
}

/// The output's delta and the loss with weights, for every loss, also after a softmax.
#[test]
fn weighted_deltas_and_losses() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for limits in both(limits) {
        for (rows, columns) in SHAPES {
            for kind in Loss::ALL {
                for activation in [Activation::Identity, Activation::Sigmoid, Activation::Softmax] {
                    let what = format!("{} {} {rows}×{columns}", kind.name(), activation.name());
                    let keys = [
                        mod4("rows mod 4", rows),
                        mod4("columns mod 4", columns),
                        by("loss", kind.name()),
                        by("activation", activation.name()),
                        by("workgroups", limits.workgroups),
                    ];
                    cases.case(keys, &what, || {
                        let x = numbers(1, rows * columns);
                        let (x, y) = match &activation {
                            Activation::Softmax => softmax(&wide(&x), &vec![0.0; columns]),
                            other => (wide(&x), wide(&x).iter().map(|x| other.value(*x)).collect()),
                        };
                        let narrow = |values: &[f64]| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
                        let (x, y) = (narrow(&x), narrow(&y));
                        let t: Vec<f32> = numbers(2, rows * columns).iter().map(|t| t.abs()).collect();
                        let weights: Vec<f32> =
                            (0..rows).map(|row| (row % 4) as f32 + if rows == 1 { 1.0 } else { 0.0 }).collect();
                        let total: f64 = wide(&weights).iter().sum();

                        let mut plan = Plan::new(limits);
                        let mut new = |name: &str, columns| tensor(&mut plan, name, rows, columns);
                        let (sums, outputs, targets) = (new("sums", columns), new("outputs", columns), new("targets", columns));
                        let (deltas, given, shares) = (new("deltas", columns), new("weights", 1), new("shares", 1));
                        let table = table(&mut plan);
                        plan.weigh(given, shares).expect("a plan");
                        let from = Outputs { sums, outputs, targets };
                        let weighing = if *kind == Loss::SquaredError { given } else { shares };
                        let of = |weights| LossOf { loss: *kind, activation: &activation, from, weights: Some(weights) };
                        plan.output_delta(&of(weighing), deltas);
                        let fused = matches!((kind, &activation), (Loss::CategoricalCrossEntropy, Activation::Softmax));
                        if activation == Activation::Softmax && !fused {
                            plan.softmax_delta(outputs, deltas).expect("a plan");
                        }
                        let slot = Slot { index: 1, moves: true, total };
                        plan.loss(&of(given), &table, slot).expect("a plan");
                        // The loss is added to that of the batches before.
                        let step = row(Step { adds: 1, loss_slot: 1, ..Step::default() });
                        let write: [(&str, &[f32]); 7] = [
                            ("sums", &x),
                            ("outputs", &y),
                            ("targets", &t),
                            ("weights", &weights),
                            ("deltas", &nan(rows * columns)),
                            ("steps", &step),
                            ("losses", &[9.0, 9.0, 0.5]),
                        ];
                        let read = run(&gpu, plan, 1, &write, &["deltas", "losses", "cursor"]);
                        let (x, y, t, weights) = (wide(&x), wide(&y), wide(&t), wide(&weights));
                        let expected = output_delta(*kind, &activation, (&x, &y, &t), columns, Some(&weights));
                        // Gradients of up to 2²³ times a share are divided, multiplied and, after a softmax, subtracted
                        // from their mean.
                        let largest = expected
                            .chunks(columns)
                            .map(|row| row.iter().fold(0.0f64, |most, x| most.max(x.abs())))
                            .collect::<Vec<_>>();
                        let bound = |i: usize| (32.0 * U + g(rows + columns)) * (largest[i / columns] + expected[i].abs()) + 1e-9;
                        assert_close(&what, &read[0], &expected, bound);
                        let expected = loss(*kind, &activation, (&x, &y, &t), columns, Some(&weights)) / total;
                        // A logarithm is accurate to 3 ULP, or to 2⁻²¹ near 1.
                        let bound = g(rows * columns + 16) * (expected.abs() + 1.0) + 4.0 * 2f64.powi(-21);
                        assert_close(&what, &read[1][2..], &[0.5 + expected], |_| bound);
                        assert_eq!(read[1][..2], [9.0, 9.0], "{what}: a different loss changed");
                        assert_eq!(read[2][0].to_bits(), 1, "{what}: the cursor");
                    });
                }
            }
        }
    }
    cases.finish();
}

#[test]
fn softmax_delta_matches_the_jacobian() {
    let error = [0.3, -0.7, 0.2];
    let (_, y) = softmax(&[0.1, 1.2, -0.4], &[0.0; 3]);
    let expected: Vec<f64> =
        (0..3).map(|i| (0..3).map(|j| error[j] * y[j] * (f64::from(u8::from(i == j)) - y[i])).sum()).collect();
    for (got, expected) in softmax_delta(&error, &y, 3).iter().zip(expected) {
        assert!((got - expected).abs() < 1e-15);
    }
}

/// The same elements are dropped forward and backward, as in the reference, and different ones in another epoch, step
/// or layer.
#[test]
fn dropout_matches_the_reference() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for limits in both(limits) {
        for count in [1, 3, 64, 65, 257, 1757] {
            let values: Vec<f32> = numbers(1, count).iter().map(|x| x + 2.0).collect();
            let mut seen: Vec<Vec<f32>> = Vec::new();
            for (rate, number, epoch, batch, seed) in [
                (0.5, 0, 0, 0, 7),
                (0.5, 0, 1, 0, 7),
                (0.5, 0, 0, 1, 7),
                (0.5, 1, 0, 0, 7),
                (0.5, 0, 0, 0, 7 << 40),
                (0.25, 2, 3, 4, 5),
            ] {
                let keys = [mod4("count mod 4", count), by("rate", rate), by("workgroups", limits.workgroups)];
                let what = format!("{count}, layer {number}, epoch {epoch}, batch {batch}, seed {seed}");
                cases.case(keys, &what, || {
                    let plan = |in_place: bool| {
                        let mut plan = Plan::new(limits);
                        let steps = table(&mut plan);
                        let outputs = tensor(&mut plan, "outputs", 1, count);
                        let dropped = tensor(&mut plan, "dropped", 1, count);
                        let chance = PlannedChance { table: steps, seed };
                        plan.dropout((!in_place).then_some(outputs), dropped, Dropout { rate, number }, chance);
                        plan
                    };
                    let step = row(Step { epoch, batch, ..Step::default() });
                    let expected: Vec<f64> = dropout(count, rate, number, &Chance { seed, epoch, batch })
                        .iter()
                        .zip(&values)
                        .map(|(factor, value)| factor * f64::from(*value))
                        .collect();
                    let forward = run(
                        &gpu,
                        plan(false),
                        1,
                        &[("steps", &step), ("outputs", &values), ("dropped", &nan(count))],
                        &["dropped"],
                    );
                    let back = run(&gpu, plan(true), 1, &[("steps", &step), ("dropped", &values)], &["dropped"]);
                    assert_close(&format!("{count}"), &forward[0], &expected, |i| 2.0 * U * expected[i]);
                    assert_eq!(forward, back);
                    if count == 1757 {
                        let kept = forward[0].iter().filter(|value| **value != 0.0).count() as f64;
                        // Five standard deviations.
                        let spread = 5.0 * (1757.0 * rate * (1.0 - rate)).sqrt();
                        assert!((kept - 1757.0 * (1.0 - rate)).abs() < spread, "{kept} of 1757 kept at a rate of {rate}");
                        assert!(seen.iter().all(|other| *other != forward[0]), "two of them dropped the same elements");
                        seen.push(forward[0].clone());
                    }
                });
            }
        }
    }
    cases.finish();
}

/// Gradients with norms below and above the limit, in parts and pieces. If one is NaN, they are left unchanged.
#[test]
fn clipping_uses_the_norm_of_all_gradients() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for limits in [limits, Limits { workgroups: 1, ..limits }, Limits { binding: 4 * 5000, ..limits }] {
        // The last count has more parts than a workgroup has invocations.
        for count in [1, 63, 4096, 4097, 10_001, 300_001] {
            let gradients = numbers(1, count);
            let norm = wide(&gradients).iter().map(|x| x * x).sum::<f64>().sqrt();
            for limit in [0.5 * norm, 2.0 * norm] {
                let keys = [
                    mod4("count mod 4", count),
                    by("clipped", limit < norm),
                    by("workgroups", limits.workgroups),
                    by("binding", limits.binding),
                ];
                let what = format!("{count} below {limit}");
                cases.case(keys, &what, || {
                    let mut plan = Plan::new(limits);
                    let flat = plan.flat("gradients", count).expect("a buffer");
                    plan.clip(flat, limit).expect("a plan");
                    let read = run(&gpu, plan.clone(), 1, &[("gradients", &gradients), ("clip", &[f32::NAN])], &["clip"]);
                    let expected = clip(&[&wide(&gradients)], limit);
                    // The depth of the additions: a lane's share of a part, a tree over the lanes, and both once more
                    // over the parts.
                    let depth = 4096 / 64 + 6 + count.div_ceil(4096 * 64) + 6;
                    assert_close(&format!("{count}"), &read[0], &[expected], |_| (g(depth + 8) + 8.0 * ULP) * expected);
                    let mut broken = gradients.clone();
                    broken[count / 2] = f32::NAN;
                    assert_eq!(run(&gpu, plan, 1, &[("gradients", &broken)], &["clip"])[0], [1.0]);
                });
            }
        }
    }
    cases.finish();
}

/// The counts match simple ones on the CPU, at awkward sizes: ranks with ties, the confusion matrix, and a NaN that is
/// never right.
#[test]
fn scores_are_counted() {
    let (gpu, limits) = open();
    let mut cases = Cases::new();
    for limits in both(limits) {
        for (rows, columns) in SHAPES {
            let keys = [mod4("rows mod 4", rows), mod4("columns mod 4", columns), by("workgroups", limits.workgroups)];
            let what = format!("{rows}×{columns}");
            cases.case(keys, &what, || {
                // Few different values, so that some are equal; no -0, which total_cmp below would order.
                let outputs: Vec<f32> = numbers(1, rows * columns).iter().map(|x| (x * 3.0).round() + 0.0).collect();
                let own: Vec<usize> = (0..rows).map(|row| (row * 7 + row / 3) % columns).collect();
                let targets: Vec<f32> =
                    (0..rows * columns).map(|i| f32::from(u8::from(own[i / columns] == i % columns))).collect();
                // Classes may also be given as shares: the largest share is that of the row's class.
                let shares: Vec<f32> =
                    numbers(2, rows * columns).iter().zip(&targets).map(|(x, own)| x.abs() + 2.0 * own).collect();
                let plan = |counts: Counts| {
                    let mut plan = Plan::new(limits);
                    let mut new = |name| tensor(&mut plan, name, rows, columns);
                    let from = Outputs { sums: new("sums"), outputs: new("outputs"), targets: new("targets") };
                    let counters = tensor(&mut plan, "counts", 1, counts.len(columns));
                    plan.score(counts, &from, counters).expect("a plan");
                    plan
                };
                let count = |counts: Counts, outputs: &[f32]| -> Vec<u32> {
                    let targets = if matches!(counts, Counts::Binary) { &targets } else { &shares };
                    let read = run(&gpu, plan(counts), 1, &[("outputs", outputs), ("targets", targets)], &["counts"]);
                    read[0].iter().map(|count| count.to_bits()).collect()
                };
                let mut expected = vec![0u32; columns * (columns + 1)];
                for (row, own) in own.iter().enumerate() {
                    let y = &outputs[row * columns..(row + 1) * columns];
                    let mut order: Vec<usize> = (0..columns).collect();
                    // Stable: among equal values, the first stays first.
                    order.sort_by(|a, b| y[*b].total_cmp(&y[*a]).then(a.cmp(b)));
                    expected[order.iter().position(|column| column == own).expect("its rank")] += 1;
                    expected[columns + own * columns + order[0]] += 1;
                }
                assert_eq!(count(Counts::Classes { confusion: true }, &outputs), expected, "{rows}×{columns}");
                assert_eq!(count(Counts::Classes { confusion: false }, &outputs), expected[..columns], "{rows}×{columns}");
                if columns > 1 {
                    let ranks = count(Counts::Classes { confusion: false }, &nan(rows * columns));
                    assert_eq!(ranks[columns - 1], rows as u32, "NaN ranks last");
                }
                let mut sides = vec![0u32; 4];
                for (y, t) in outputs.iter().zip(&targets) {
                    sides[2 * *t as usize + usize::from(*y > 0.5)] += 1;
                }
                assert_eq!(count(Counts::Binary, &outputs), sides);
            });
        }
    }
    cases.finish();
}

/// A kernel binds `weights` only if the rows have weights.
#[test]
fn weights_are_bound_only_if_there_are_any() {
    use shaderprop::internals::Kernel;
    let reads =
        |weights| Kernel::Loss(Loss::Huber, Activation::Identity, weights).row().bindings.iter().any(|b| b.name == "weights");
    assert!(reads(Weights::Given) && !reads(Weights::Equal));
}
