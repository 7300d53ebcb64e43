//! Plans match their reviewed snapshots: what is allocated, what each dispatch is, how it is split, and what is
//! refused. If a change is intended, the failure message says how to keep the new plans; then review their diff.

mod common;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use shaderprop::internals::{
    Counts, EpochOrder, EvaluationStep, Limits, Plan, Planned, Products, Scores, Source, TableSize, TrainingStep, Weights,
};
use shaderprop::{Activation, Error, Loss, Network, Optimizer};

const TABLE: TableSize = TableSize { steps: 16, losses: 8 };

/// A GPU with WebGPU's default limits, whose products are plain unless a test says otherwise.
const GPU: Limits = Limits { binding: 128 << 20, buffer: 256 << 20, software: false, ..Limits::CPU };

/// A CPU as an adapter, with subgroups of eight.
const SOFTWARE: Limits = Limits { products: Products::Rows { lanes: Some(8), most: 16 }, ..Limits::CPU };

const LEGEND: &str = "\
A stage: its formula, its kernel, what that reads and writes (binding: elements from which one on).
Its pieces: workgroups, time by the estimate, parameters; what is no integer by its bits as a float.
";

/// A plan's name and its text.
type Written = (&'static str, String);

fn written<I>(name: &'static str, planned: Result<Planned<I>, Error>) -> Written {
    let plan = planned.unwrap_or_else(|error| panic!("{name}: {error}")).plan;
    let mut text = format!("{LEGEND}buffers, in elements\n");
    for (i, buffer) in plan.buffers.iter().enumerate() {
        writeln!(text, "  {i}: {} of {}", buffer.name, buffer.len).expect("text");
    }
    text += "tensors: rows × columns, in which buffer from which element on\n";
    for tensor in &plan.tensors {
        writeln!(text, "  {}: {} × {}, in {} from {}", tensor.name, tensor.rows, tensor.columns, tensor.buffer, tensor.offset)
            .expect("text");
    }
    for program in plan.programs() {
        writeln!(text, "dispatches {program:?}").expect("text");
        let mut previous = String::new();
        for dispatch in &plan.dispatches[program] {
            let operands = dispatch.operands.iter().map(|operand| {
                let tensor = &plan.tensors[operand.tensor.0];
                let written = if operand.written { "writes" } else { "reads" };
                format!(
                    "{written} {} ({}: {} from {})",
                    tensor.name,
                    operand.binding,
                    tensor.rows * tensor.columns,
                    tensor.offset
                )
            });
            let operands = operands.collect::<Vec<_>>().join(", ");
            let stage = format!(
                "  {}\n    {}\n    {operands}: {} bytes\n",
                dispatch.formula,
                dispatch.kernel.label(),
                plan.bytes(dispatch)
            );
            // The pieces of a stage differ only in their parameters.
            if stage != previous {
                text += &stage;
                previous = stage;
            }
            let names = dispatch.kernel.row().params;
            assert_eq!(names.len(), dispatch.params.len());
            let params: Vec<_> = names.iter().zip(&dispatch.params).map(|(name, word)| format!("{name} {word}")).collect();
            let [x, y, z] = dispatch.workgroups;
            writeln!(text, "      {x} × {y} × {z} workgroups, {} ns: {}", dispatch.nanoseconds, params.join(", ")).expect("text");
        }
    }
    writeln!(text, "{} bytes, {} to read 100 elements", plan.total_bytes(0), plan.total_bytes(100)).expect("text");
    (name, text)
}

#[test]
fn plans_match_their_snapshots() {
    let plans = [small_networks(), wide_networks(), split_stages(), vec![refused()]].concat();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/plans");
    let made = common::folder("plans");
    let mut differing = Vec::new();
    for (name, text) in &plans {
        fs::write(made.join(name), text).expect("the plan");
        let before = fs::read_to_string(kept.join(name)).unwrap_or_default();
        if before != *text {
            let line = before.lines().zip(text.lines()).position(|(before, now)| before != now);
            let line = line.map_or("in length".into(), |line| format!("from line {} on", line + 1));
            differing.push(format!("cp {} {}  # differs {line}", made.join(name).display(), kept.display()));
        }
    }
    assert!(
        differing.is_empty(),
        "plans have changed; if this is intended, keep the new ones and review the diff:\n{}",
        differing.join("\n")
    );
    let names = |entries: fs::ReadDir| -> BTreeSet<_> { entries.map(|entry| entry.expect("a file").file_name()).collect() };
    let planned: BTreeSet<_> = plans.iter().map(|(name, _)| (*name).into()).collect();
    assert_eq!(names(fs::read_dir(&kept).expect("the snapshots")), planned, "a snapshot without a plan");
}

/// The XOR tutorial, a small network with every setting at once, and frozen layers.
fn small_networks() -> Vec<Written> {
    let mut plans = Vec::new();
    let xor = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    plans.push(written("xor.txt", Plan::training(&TrainingStep::new(&xor, Loss::SquaredError, 4), TABLE, GPU)));

    let network = Network::new(6)
        .dropout(0.1)
        .dense(20, Activation::Gelu)
        .dropout(0.25)
        .dense(40, Activation::Relu)
        .weight_decay(0.5)
        .dense(30, Activation::Tanh)
        .dense(3, Activation::Softmax);
    let order = EpochOrder { rows: 100, seed: Some(7 << 32 | 9) };
    let scores = Scores { counts: Some(Counts::Classes { confusion: true }), errors: true };
    let training = TrainingStep {
        source: Source::Gathered { order, classes: true },
        weights: Weights::Given,
        samples: 100,
        total: 80.0,
        optimizer: Optimizer::adam(),
        weight_decay: 0.125,
        clip_norm: Some(2.5),
        seed: 3 << 32 | 5,
        scores,
        ..TrainingStep::new(&network, Loss::CategoricalCrossEntropy, 16)
    };
    let evaluation = EvaluationStep {
        source: Source::Gathered { order: EpochOrder { rows: 50, seed: None }, classes: true },
        samples: 50,
        pieces: 4,
        scores,
        ..EvaluationStep::new(&network, Loss::CategoricalCrossEntropy, 13)
    };
    let shorter = TrainingStep { rows: 4, ..training.clone() };
    let all = Plan::training(&training, TABLE, GPU).and_then(|mut planned| {
        planned.plan.and(Plan::training(&shorter, TABLE, GPU)?);
        planned.plan.and(Plan::evaluation(&evaluation, GPU)?);
        Ok(planned)
    });
    plans.push(written("everything.txt", all));

    // Frozen layers, the first one included; a softmax that does not fuse with its loss; and two joined plans of two
    // steps each.
    let network = Network::new(3)
        .dense(4, Activation::Tanh)
        .frozen()
        .dense(5, Activation::Softplus)
        .dense(6, Activation::Silu)
        .frozen()
        .dense(2, Activation::Softmax);
    let scores = Scores { counts: Some(Counts::Classes { confusion: false }), errors: false };
    let training = TrainingStep { scores, ..TrainingStep::new(&network, Loss::MeanSquaredError, 3) };
    let pair = |rows| -> Result<Planned<()>, Error> {
        let training = TrainingStep { rows, ..training.clone() };
        let mut plan = Plan::training(&training, TABLE, GPU)?.plan;
        plan.and(Plan::prediction(&network, rows, GPU)?);
        Ok(Planned { plan, ids: () })
    };
    let both = pair(3).and_then(|mut planned| {
        planned.plan.and(pair(2)?);
        Ok(planned)
    });
    plans.push(written("frozen.txt", both));
    plans
}

/// Blocked products of each family.
fn wide_networks() -> Vec<Written> {
    let mut plans = Vec::new();
    let network =
        Network::new(64).dense(130, Activation::Gelu).dropout(0.5).dense(66, Activation::Relu).dense(10, Activation::Softmax);
    let training = TrainingStep {
        optimizer: Optimizer::momentum(0.9),
        scores: Scores { counts: Some(Counts::Classes { confusion: false }), errors: false },
        ..TrainingStep::new(&network, Loss::CategoricalCrossEntropy, 100)
    };
    plans.push(written("rows.txt", Plan::training(&training, TABLE, SOFTWARE)));
    plans.push(written("tiles.txt", Plan::training(&training, TABLE, Limits { products: Products::Tiles, ..GPU })));
    let rows = Limits { products: Products::Rows { lanes: None, most: 16 }, ..Limits::CPU };
    let clipped = TrainingStep { clip_norm: Some(1.0), ..training.clone() };
    plans.push(written("rows_clipped.txt", Plan::training(&clipped, TABLE, rows)));
    // Sums with enough terms to be split into slices.
    let long = Network::new(30).dense(40, Activation::Relu).dense(12, Activation::Identity);
    let training = TrainingStep::new(&long, Loss::MeanSquaredError, 6000);
    plans.push(written("slices.txt", Plan::training(&training, TABLE, SOFTWARE)));
    plans.push(written("slices_tiles.txt", Plan::training(&training, TABLE, Limits { products: Products::Tiles, ..GPU })));
    // Sums with more terms than one loop adds: they are split into slices whatever the number of blocks.
    let deep = Network::new(1 << 18).dense(64, Activation::Relu);
    plans.push(written("slices_long.txt", Plan::prediction(&deep, 200, SOFTWARE)));
    // Many blocks of few terms each, which are still one dispatch.
    let flat = Network::new(8).dense(64, Activation::Relu);
    plans.push(written("flat.txt", Plan::prediction(&flat, 400_000, SOFTWARE)));
    // Too many blocks for one dispatch.
    let wide = Network::new(4000).dense(5000, Activation::Relu);
    plans.push(written("wide.txt", Plan::prediction(&wide, 500, SOFTWARE)));
    let tiles = Limits { products: Products::Tiles, workgroups: 25, binding: 4 << 30, buffer: 4 << 30, ..GPU };
    plans.push(written("wide_tiles.txt", Plan::prediction(&wide, 4000, tiles)));
    plans
}

/// Stages that are split because of a limit or their time.
fn split_stages() -> Vec<Written> {
    let mut plans = Vec::new();
    let network = Network::new(40).dense(50, Activation::Tanh).dense(3, Activation::Softmax);
    let order = EpochOrder { rows: 3000, seed: Some(1) };
    let training = TrainingStep {
        source: Source::Gathered { order, classes: true },
        weights: Weights::Given,
        optimizer: Optimizer::adam(),
        clip_norm: Some(1.0),
        scores: Scores { counts: Some(Counts::Classes { confusion: false }), errors: false },
        ..TrainingStep::new(&network, Loss::MeanAbsoluteError, 2000)
    };
    // With bindings of 400,000 bytes, the first piece of the data has 2,500 rows of 40 inputs.
    plans.push(written("workgroups.txt", Plan::training(&training, TABLE, Limits { workgroups: 400, binding: 400_000, ..GPU })));
    let binary = Network::new(2).dense(7, Activation::Sigmoid);
    let scores = Scores { counts: Some(Counts::Binary), errors: true };
    let evaluation = EvaluationStep { scores, ..EvaluationStep::new(&binary, Loss::BinaryCrossEntropy, 1500) };
    plans.push(written("few_workgroups.txt", Plan::evaluation(&evaluation, Limits { workgroups: 60, ..GPU })));

    // Rows that a workgroup copies in several iterations.
    let broad = Network::new(300).dense(90, Activation::Softmax);
    let source = Source::Gathered { order: EpochOrder { rows: 20, seed: None }, classes: false };
    let evaluation = EvaluationStep { source, ..EvaluationStep::new(&broad, Loss::CategoricalCrossEntropy, 10) };
    plans.push(written("broad.txt", Plan::evaluation(&evaluation, GPU)));

    // Loops of more than 32,768 iterations, and stages of more than 200 ms by the estimate.
    let long = Network::new(70_000).dense(3, Activation::Tanh);
    plans.push(written("long_rows.txt", Plan::training(&TrainingStep::new(&long, Loss::MeanSquaredError, 3), TABLE, GPU)));
    let narrow = Network::new(1).dense(1, Activation::Tanh);
    plans.push(written("many_rows.txt", Plan::training(&TrainingStep::new(&narrow, Loss::MeanSquaredError, 70_000), TABLE, GPU)));
    let plain = Limits::CPU;
    let slow = Network::new(600).dense(600, Activation::Tanh).dropout(0.5).dense(2, Activation::Tanh);
    let adam = TrainingStep { optimizer: Optimizer::adam(), ..TrainingStep::new(&slow, Loss::MeanSquaredError, 5000) };
    plans.push(written("slow.txt", Plan::training(&TrainingStep { clip_norm: Some(1.0), ..adam }, TABLE, plain)));

    let classes = Network::new(2).dense(8192, Activation::Softmax);
    plans.push(written("many_classes.txt", Plan::prediction(&classes, 1000, plain)));

    // More parameters than fit in one binding, although each layer fits.
    let parts = Network::new(64).dense(63, Activation::Tanh).dense(64, Activation::Tanh).dense(4, Activation::Identity);
    let training = TrainingStep {
        optimizer: Optimizer::adam(),
        clip_norm: Some(1.0),
        ..TrainingStep::new(&parts, Loss::MeanSquaredError, 2)
    };
    let bound = Limits { binding: 17_000, ..GPU };
    let trained = Plan::training(&training, TABLE, bound);
    let looked = trained.and_then(|mut planned| {
        planned.plan.and(Plan::look(&parts, bound)?);
        Ok(planned)
    });
    plans.push(written("bound.txt", looked));
    let look = Network::new(300).dense(300, Activation::Tanh);
    plans.push(written("look.txt", Plan::look(&look, Limits { workgroups: 7, ..GPU })));
    plans
}

fn plan_of<I>(planned: Planned<I>) -> Plan {
    planned.plan
}

/// What does not fit is refused with the number that exceeds the limit. The numbers are the last that fits and the next
/// one.
fn refused() -> Written {
    let mut text = String::new();
    let mut say = |what: &str, plan: Result<Plan, Error>| {
        let said = plan.map_or_else(|error| error.to_string(), |plan| format!("{} dispatches", plan.dispatches.len()));
        writeln!(text, "{what}\n  {said}").expect("text");
    };
    let training = |network: &Network, rows, limits| {
        Plan::training(&TrainingStep::new(network, Loss::MeanSquaredError, rows), TABLE, limits).map(plan_of)
    };
    let network = Network::new(8).dense(20, Activation::Relu).dense(4, Activation::Relu);
    for (binding, buffer) in [(1279, 4096), (1280, 4096), (4096, 1551), (4096, 1583), (4096, 1584)] {
        say(
            &format!("bindings of {binding} bytes, buffers of {buffer}"),
            training(&network, 16, Limits { binding, buffer, ..GPU }),
        );
    }
    let softmax = |classes| Network::new(2).dense(classes, Activation::Softmax);
    for classes in [8192, 8193] {
        say(&format!("{classes} classes"), Plan::prediction(&softmax(classes), 2, GPU).map(plan_of));
    }
    for rows in [1_048_576, 1_048_577] {
        let network = Network::new(1).dense(1, Activation::Tanh);
        let weighted = TrainingStep { weights: Weights::Given, ..TrainingStep::new(&network, Loss::MeanSquaredError, rows) };
        say(&format!("{rows} rows with weights"), Plan::training(&weighted, TABLE, GPU).map(plan_of));
    }
    let gathered = |inputs, outputs, rows, weights, limits| {
        let network = Network::new(inputs).dense(outputs, Activation::Tanh);
        let source = Source::Gathered { order: EpochOrder { rows, seed: None }, classes: false };
        Plan::training(&TrainingStep { source, weights, ..TrainingStep::new(&network, Loss::MeanSquaredError, 2) }, TABLE, limits)
            .map(plan_of)
    };
    for values in [1_048_576, 1_048_577] {
        say(&format!("rows of {values} inputs"), gathered(values, 1, 2, Weights::Equal, GPU));
    }
    let frozen = Network::new(2).dense(2, Activation::Tanh).frozen();
    say("all frozen", training(&frozen, 2, GPU));
    for (rows, products) in [(512, Products::Plain), (511, Products::Tiles), (512, Products::Tiles)] {
        let network = Network::new(8).dense(8, Activation::Tanh);
        say(&format!("{rows} rows of 8 × 8, {products:?}"), training(&network, rows, Limits { products, ..GPU }));
    }
    // Layers and the slices of products are bound as a whole. If they do not fit, the products are plain.
    for binding in [8127, 8128] {
        let network = Network::new(40).dense(48, Activation::Tanh);
        let limits = Limits { binding, products: Products::Tiles, ..GPU };
        say(&format!("bindings of {binding} bytes for a layer by blocks"), training(&network, 40, limits));
    }
    for (binding, buffer) in [(3_611_999, 1 << 24), (3_612_000, 1 << 24), (1 << 24, 3_611_999), (1 << 24, 3_612_000)] {
        let network = Network::new(300).dense(300, Activation::Tanh);
        let limits = Limits { binding, buffer, products: Products::Tiles, ..GPU };
        say(&format!("bindings of {binding} bytes, buffers of {buffer}, for slices"), training(&network, 2560, limits));
    }
    // The maximum number of pieces of data, and one row more.
    for (inputs, outputs, most) in [(16, 4, 256), (4, 16, 256), (12, 4, 336)] {
        for rows in [most, most + 1] {
            let limits = Limits { binding: 2048, buffer: 4096, ..GPU };
            say(
                &format!("{rows} rows of {inputs} and {outputs} values"),
                gathered(inputs, outputs, rows, Weights::Given, limits),
            );
        }
    }
    for rows in [128, 129] {
        let limits = Limits { binding: 2048, buffer: 1024, ..GPU };
        say(&format!("{rows} rows of 16 and 1 values in shorter buffers"), gathered(16, 1, rows, Weights::Equal, limits));
    }
    ("refused.txt", text)
}

/// The planner's limits are derived from the device's.
#[test]
fn limits_are_those_of_the_device() {
    let limits = wgpu::Limits { max_storage_buffer_binding_size: 1000, max_buffer_size: 2000, ..wgpu::Limits::default() };
    let planned = Limits::of(&limits, true, Products::Tiles);
    let expected = Limits { binding: 1000, buffer: 2000, workgroups: 65_535, products: Products::Tiles, ..Limits::CPU };
    assert_eq!(planned, expected);
    // Elements are counted in 32 bits, and a binding has only whole elements.
    let large = wgpu::Limits { max_storage_buffer_binding_size: 1 << 40, ..limits };
    assert_eq!(Limits::of(&large, false, Products::Plain).binding, (1 << 32) - 4);
}
