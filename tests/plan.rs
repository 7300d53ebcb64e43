//! The planner respects every limit, for any network and any device. No GPU is needed.

mod common;

use common::{Cases, by, mod4, mod4s};
use rand::Rng;
use shaderprop::internals::{
    Counts, Dispatch, Ending, Epilogue, EpochOrder, Factors, Kernel, LONGEST_LOOP, Layouts, Limits, Plan, Products, Scores,
    Shape, Source, TableSize, TrainingStep, Weights,
};
use shaderprop::{Activation, Error, Loss, Network, Optimizer, Philox};

/// All ways in which an adapter may compute products.
const PRODUCTS: [Products; 4] =
    [Products::Plain, Products::Rows { lanes: None, most: 16 }, Products::Rows { lanes: Some(8), most: 32 }, Products::Tiles];

const TABLE: TableSize = TableSize { steps: 4096, losses: 1000 };

fn limits() -> Limits {
    Limits {
        binding: 128 << 20,
        buffer: 256 << 20,
        workgroups: 65_535,
        software: false,
        products: Products::Plain,
        ..Limits::CPU
    }
}

#[test]
fn xor_is_thirteen_dispatches() {
    let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    let plan = Plan::training(&TrainingStep::new(&network, Loss::SquaredError, 4), TABLE, limits()).expect("a plan").plan;
    assert_eq!(plan.dispatches.len(), 13);
}

#[test]
fn ten_thousand_random_networks_and_limits() {
    let mut stream = Philox::new(1, 1, 0, 0);
    let mut pick = |from: usize, to: usize| from + stream.next_u32() as usize % (to - from);
    let (mut planned, mut refused, mut blocks, mut sliced) = (0, 0, 0, 0);
    let mut cases = Cases::new();
    for _ in 0..10_000 {
        let activation = |i: usize| Activation::ALL[i % Activation::ALL.len()].clone();
        let network = (0..pick(1, 5)).fold(Network::new(pick(1, 300)), |network, i| network.dense(pick(1, 300), activation(i)));
        let loss = Loss::ALL[pick(0, Loss::ALL.len())];
        let limits = Limits {
            binding: 4 << pick(6, 24),
            buffer: 4 << pick(8, 24),
            workgroups: pick(1, 70) as u32,
            software: pick(0, 2) == 0,
            products: PRODUCTS[pick(0, PRODUCTS.len())],
            ..limits()
        };
        let table = TableSize { steps: 16, losses: 16 };
        let rows = if pick(0, 2) == 0 { pick(1, 5000) } else { pick(1, 300) };
        let network = if pick(0, 3) == 0 { network.frozen() } else { network };
        let network = if pick(0, 3) == 0 { network.dropout(0.25).dense(3, Activation::Softmax) } else { network };
        let order = EpochOrder { rows: rows + pick(0, 5000), seed: Some(1) };
        let training = TrainingStep {
            source: if pick(0, 2) == 0 { Source::Given } else { Source::Gathered { order, classes: pick(0, 2) == 0 } },
            weights: if pick(0, 2) == 0 { Weights::Equal } else { Weights::Given },
            optimizer: Optimizer::ALL[pick(0, Optimizer::ALL.len())],
            clip_norm: Some(1.0).filter(|_| pick(0, 3) == 0),
            scores: Scores { counts: Some(Counts::Binary).filter(|_| pick(0, 2) == 0), errors: pick(0, 2) == 0 },
            ..TrainingStep::new(&network, loss, rows)
        };
        let plan = match Plan::training(&training, table, limits) {
            Ok(planned) => planned.plan,
            // All its layers are frozen.
            Err(Error::Setting { .. }) => continue,
            Err(error) => {
                assert!(matches!(error, Error::TooLarge { .. }), "{error}");
                refused += 1;
                continue;
            }
        };
        planned += 1;
        let keys = [
            mod4("rows mod 4", rows),
            by("products", format!("{:?}", limits.products)),
            by("loss", loss.name()),
            by("optimizer", training.optimizer.name()),
        ];
        let what = format!("{training:?}, {limits:?}");
        cases.case(keys, &what, || {
            let is = |wanted: fn(&Kernel) -> bool| plan.dispatches.iter().any(|dispatch| wanted(&dispatch.kernel));
            blocks += usize::from(is(|kernel| matches!(kernel, Kernel::Product(_))));
            sliced += usize::from(is(|kernel| matches!(kernel, Kernel::SumSlices { .. })));
            for buffer in &plan.buffers {
                assert!(buffer.len as u64 * 4 <= limits.buffer);
            }
            for dispatch in &plan.dispatches {
                assert!(dispatch.workgroups.iter().all(|count| (1..=limits.workgroups).contains(count)), "{}", dispatch.formula);
                assert!(dispatch.nanoseconds <= 250_000_000, "{}", dispatch.formula);
                for operand in &dispatch.operands {
                    let tensor = &plan.tensors[operand.tensor.0];
                    assert!((tensor.rows * tensor.columns) as u64 * 4 <= limits.binding, "{}", tensor.name);
                    assert_eq!(tensor.offset % 64, 0, "{}: WebGPU's coarsest offset alignment is 256 bytes", tensor.name);
                    assert!(tensor.offset + tensor.rows * tensor.columns <= plan.buffers[tensor.buffer].len, "{}", tensor.name);
                }
                // No buffer is read in one binding and written in another of the same dispatch.
                for written in dispatch.operands.iter().filter(|operand| operand.written) {
                    let buffer = |id: shaderprop::internals::Id| plan.tensors[id.0].buffer;
                    let same =
                        dispatch.operands.iter().filter(|operand| buffer(operand.tensor) == buffer(written.tensor)).count();
                    assert_eq!(same, 1, "{}", dispatch.formula);
                }
            }
        });
    }
    assert!(planned > 1000 && refused > 1000, "{planned} planned, {refused} refused: both must be tested");
    assert!(blocks > 300 && sliced > 100, "{blocks} in blocks, {sliced} in slices: both must be tested");
    cases.finish();
}

/// A parameter of a dispatch, by its name: among them are the range of its loop and that of its elements.
fn field(dispatch: &Dispatch, names: &[&str], name: &str) -> Option<usize> {
    let at = names.iter().position(|field| *field == name)?;
    Some(dispatch.params[at] as usize)
}

/// Every stage of a random large network on a random device: no loop has more than 32,768 iterations, no dispatch takes
/// more than 250 ms by its estimate, and each element's sum is covered once, from its first term to its last.
#[test]
fn stages_of_large_networks_are_covered_once_within_the_limits() {
    let mut stream = Philox::new(2, 1, 0, 0);
    let mut pick = |from: usize, to: usize| from + stream.next_u32() as usize % (to - from);
    let mut cut = 0;
    let mut cases = Cases::new();
    for _ in 0..400 {
        let network = Network::new(pick(1, 3000)).dense(pick(1, 3000), Activation::Tanh).dense(pick(1, 40), Activation::Sigmoid);
        let limits = Limits {
            software: pick(0, 2) == 0,
            workgroups: pick(1000, 65_536) as u32,
            binding: 4 << 30,
            buffer: 4 << 30,
            ..limits()
        };
        let rows = pick(1, 200_000);
        let keys = [mod4("rows mod 4", rows), mod4("inputs mod 4", network.inputs()), by("software", limits.software)];
        let what = format!("{rows} rows, {network:?}, {limits:?}");
        cases.case(keys, &what, || {
            let plan =
                Plan::training(&TrainingStep::new(&network, Loss::BinaryCrossEntropy, rows), TABLE, limits).expect("a plan").plan;
            let mut rest = plan.dispatches.as_slice();
            while let Some(first) = rest.first() {
                let pieces = rest
                    .iter()
                    .take_while(|dispatch| dispatch.formula == first.formula && dispatch.kernel == first.kernel)
                    .count();
                let (stage, after) = rest.split_at(pieces);
                rest = after;
                let names = first.kernel.row().params;
                cut += usize::from(pieces > 1);
                // The terms of the sums, and the elements: both start at 0, without gaps. Terms change slowest.
                let (mut terms_end, mut elements_end, mut whole, mut counted) = (0, 0, None, 0);
                for dispatch in stage {
                    assert!(dispatch.nanoseconds <= 250_000_000, "{}: {} ns", dispatch.formula, dispatch.nanoseconds);
                    assert!(dispatch.workgroups[0] <= limits.workgroups);
                    let terms = field(dispatch, &names, "k_first").zip(field(dispatch, &names, "k_end"));
                    let terms =
                        terms.or(field(dispatch, &names, "row_first").zip(field(dispatch, &names, "row_end"))).unwrap_or((0, 1));
                    assert!(terms.1 - terms.0 <= LONGEST_LOOP, "{}: {terms:?}", dispatch.formula);
                    if let Kernel::Loss(..) | Kernel::TotalLoss = dispatch.kernel {
                        let elements = rows * network.outputs();
                        let parts = if dispatch.kernel == Kernel::TotalLoss { elements.div_ceil(4096) } else { elements };
                        assert_eq!((pieces, field(dispatch, &names, "count")), (1, Some(parts)));
                        assert!(parts.div_ceil(64) + 6 <= LONGEST_LOOP);
                        continue;
                    }
                    let Some((start, end)) = field(dispatch, &names, "first").zip(field(dispatch, &names, "end")) else {
                        // The update covers the flat buffer piece by piece.
                        let width = if let Kernel::Update { width, .. } = dispatch.kernel { width as usize } else { 1 };
                        let count = field(dispatch, &names, "count").expect("a count") * width;
                        let piece =
                            &plan.tensors[dispatch.operands.iter().rfind(|operand| operand.written).expect("an output").tensor.0];
                        assert_eq!((piece.offset, piece.columns), (counted, count));
                        assert!(count <= 64 * width * dispatch.workgroups[0] as usize);
                        counted += count;
                        continue;
                    };
                    match dispatch.kernel {
                        Kernel::PartialLoss(..) => assert_eq!((end - start).div_ceil(4096), dispatch.workgroups[0] as usize),
                        _ => assert!(end - start <= 64 * dispatch.workgroups[0] as usize),
                    }
                    if terms.0 == terms_end && start == 0 {
                        assert!(whole.is_none_or(|whole| whole == elements_end), "{}: a gap at the end", dispatch.formula);
                        whole = (terms_end > 0).then_some(elements_end).or(whole);
                        (terms_end, elements_end) = (terms.1, 0);
                    }
                    assert_eq!((terms.1, start), (terms_end, elements_end), "{}: a gap", dispatch.formula);
                    elements_end = end;
                }
                let written = first.operands.iter().rfind(|operand| operand.written).expect("an output").tensor;
                let output = &plan.tensors[written.0];
                let expected = match first.kernel {
                    Kernel::Update { .. } => {
                        assert_eq!(counted, plan.buffers[output.buffer].len);
                        continue;
                    }
                    Kernel::Loss(..) | Kernel::TotalLoss => continue,
                    Kernel::PartialLoss(..) => rows * network.outputs(),
                    _ => output.rows * output.columns,
                };
                assert_eq!(elements_end, expected, "{}", first.formula);
                let read = &plan.tensors[first.operands[0].tensor.0];
                let terms = match first.kernel {
                    // a is of shape (M, K) or (K, M), and c of (M, N).
                    Kernel::Matmul => read.rows * read.columns / output.rows,
                    Kernel::BiasGradient => rows,
                    _ => 1,
                };
                assert_eq!(terms_end, terms, "{}: not all terms", first.formula);
            }
        });
    }
    assert!(cut > 1000, "only {cut} stages were split: little was tested");
    cases.finish();
}

/// Blocked products cover every element once, in rectangles within all limits. Their slices cover all terms, in loops
/// that are short enough. Each dispatch stays within 250 ms by its estimate.
#[test]
fn products_are_covered_once_within_the_limits() {
    let mut stream = Philox::new(3, 1, 0, 0);
    let mut pick = |from: usize, to: usize| from + stream.next_u32() as usize % (to - from);
    let (mut cut, mut sliced) = (0, 0);
    let mut cases = Cases::new();
    for round in 0..3000 {
        let products = PRODUCTS[1 + round % 3];
        let limits = Limits { software: pick(0, 2) == 0, workgroups: pick(200, 65_536) as u32, products, ..limits() };
        let [m, k, n] = [12, 18, 12].map(|scale| {
            let most = 2 << pick(0, scale);
            pick(1, most)
        });
        let mut plan = Plan::new(limits);
        let (Ok(a), Ok(b), Ok(c)) = (plan.tensor("a", k, m), plan.tensor("b", k, n), plan.tensor("c", m + 1, n)) else {
            continue;
        };
        let shape = Shape { rows: m, columns: n, terms: k, ones: pick(0, 2) == 0 };
        let factors = Factors { layouts: Layouts::TransposedA, a, b };
        let ending = Ending { epilogue: Epilogue::Store, operands: &[("c", c)], bias: m * n };
        if plan.product(factors, shape, &ending, "c").is_err() {
            continue;
        }
        let family = products.family(shape).expect("a family");
        let keys =
            mod4s((m, k, n)).into_iter().chain([by("products", format!("{products:?}")), by("family", format!("{family:?}"))]);
        let what = format!("{m}×{k}×{n}");
        cases.case(keys, &what, || {
            let (mut covered, mut rounds) = (0, 0);
            // Where the next rectangle begins: slices advance fastest, then rows, then columns.
            let (mut next_column, mut next_row, mut next_slice) = (0, 0, 0);
            let product = plan.dispatches.iter().find(|dispatch| !matches!(dispatch.kernel, Kernel::SumSlices { .. }));
            let kernel = &product.expect("a product").kernel;
            let names = kernel.row().params;
            for dispatch in &plan.dispatches {
                assert!(dispatch.workgroups.iter().all(|count| (1..=limits.workgroups).contains(count)), "{m}×{k}×{n}");
                assert!(dispatch.nanoseconds <= 250_000_000, "{m}×{k}×{n}: {} ns", dispatch.nanoseconds);
                if matches!(dispatch.kernel, Kernel::SumSlices { .. }) {
                    continue;
                }
                assert_eq!(dispatch.kernel, *kernel);
                let get = |name| field(dispatch, &names, name).expect("a parameter");
                let [down, across, slices] = dispatch.workgroups.map(|count| count as usize);
                let rows = get("row_end") - get("row_first");
                assert_eq!((get("row_first") % family.rows() as usize, get("column_first") % family.columns() as usize), (0, 0));
                assert_eq!(rows.div_ceil(family.rows() as usize), down);
                let columns = (n - get("column_first")).min(across * family.columns() as usize);
                let (terms, first) = (get("slice_terms"), get("slice_first"));
                assert_eq!(terms % family.depth() as usize, 0);
                // The last slice ends with the last term, the others before it.
                let end = ((first + slices) * terms).min(k);
                assert!(end > (first + slices - 1) * terms, "{k} terms: an empty slice");
                covered += rows * columns * (end - first * terms);
                assert_eq!((get("column_first"), get("row_first"), first), (next_column, next_row, next_slice), "{m}×{k}×{n}");
                next_slice += slices;
                if end == k {
                    (next_slice, next_row) = (0, get("row_end"));
                }
                if end == k && next_row == shape.all_rows() {
                    (next_row, next_column) = (0, next_column + columns);
                }
                rounds = terms / family.depth() as usize + family.finishing_rounds() as usize;
                sliced += usize::from(slices > 1);
            }
            assert_eq!(covered, shape.all_rows() * n * k, "{m}×{k}×{n}");
            assert!(rounds <= LONGEST_LOOP);
            cut += usize::from(plan.dispatches.len() > 2);
        });
    }
    assert!(cut > 100 && sliced > 100, "{cut} were split and {sliced} sliced: little was tested");
    cases.finish();
}

/// A product that is too long by its estimate is split into rows, and sooner on slow adapters.
#[test]
fn long_products_are_split() {
    let network = Network::new(4096).dense(4096, Activation::Relu);
    let dispatches = |software| {
        let plan = Plan::prediction(&network, 1024, Limits { software, ..limits() }).expect("a plan").plan;
        plan.dispatches.iter().filter(|dispatch| dispatch.formula.contains('·')).count()
    };
    assert!(dispatches(false) > 1 && dispatches(true) > 4 * dispatches(false));
}

/// A single block may take longer than a dispatch may. Then its terms are split into slices, however many blocks there
/// are.
#[test]
fn long_blocks_are_split_into_slices() {
    let network = Network::new(1 << 18).dense(2048, Activation::Relu);
    let limits = Limits { products: Products::Tiles, binding: 4 << 30, buffer: 4 << 30, ..limits() };
    let plan = Plan::prediction(&network, 2304, limits).expect("a plan").plan;
    assert!(plan.dispatches.iter().all(|dispatch| dispatch.nanoseconds <= 250_000_000));
    assert!(plan.dispatches.iter().any(|dispatch| matches!(dispatch.kernel, Kernel::SumSlices { .. })));
}

#[test]
fn sizes_that_overflow_or_exceed_a_limit_are_refused() {
    let huge = usize::MAX / 2;
    for network in [
        Network::new(huge).dense(huge, Activation::Relu),
        Network::new(2).dense(huge, Activation::Relu).dense(huge, Activation::Relu),
        Network::new(1 << 40).dense(1 << 20, Activation::Relu),
        Network::new(1 << 14).dense(1 << 14, Activation::Relu),
    ] {
        let error =
            Plan::training(&TrainingStep::new(&network, Loss::MeanSquaredError, 4), TABLE, limits()).expect_err("too large");
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
    let network = Network::new(2).dense(2, Activation::Relu);
    for rows in [usize::MAX, usize::MAX / 8, 1 << 40, (128 << 20) / 8 + 1] {
        let error =
            Plan::training(&TrainingStep::new(&network, Loss::MeanSquaredError, rows), TABLE, limits()).expect_err("too large");
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
}
