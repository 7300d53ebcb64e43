//! The planner keeps every limit, for any network and any device; no GPU is needed.

use rand::Rng;
use shaderprop::internals::{Limits, Plan, Table};
use shaderprop::{Activation, Error, Loss, Network, Philox};

const TABLE: Table = Table { steps: 4096, losses: 1000 };

fn limits() -> Limits {
    Limits { binding: 128 << 20, buffer: 256 << 20, workgroups: 65_535, software: false }
}

#[test]
fn xor_is_thirteen_dispatches() {
    let network = Network::new(2).dense(2, Activation::Sigmoid).dense(1, Activation::Sigmoid);
    let plan = Plan::training(&network, Loss::SquaredError, 4, TABLE, limits()).expect("a plan");
    assert_eq!(plan.dispatches.len(), 13);
}

#[test]
fn ten_thousand_random_networks_and_limits() {
    let mut stream = Philox::new(1, 1, 0, 0);
    let mut pick = |from: usize, to: usize| from + stream.next_u32() as usize % (to - from);
    let (mut planned, mut refused) = (0, 0);
    for _ in 0..10_000 {
        let activation = |i: usize| Activation::ALL[i % Activation::ALL.len()];
        let network = (0..pick(1, 5)).fold(Network::new(pick(1, 300)), |network, i| network.dense(pick(1, 300), activation(i)));
        let loss = Loss::ALL[pick(0, Loss::ALL.len())];
        let limits = Limits {
            binding: 4 << pick(6, 20),
            buffer: 4 << pick(8, 20),
            workgroups: pick(1, 70) as u32,
            software: pick(0, 2) == 0,
        };
        let table = Table { steps: 16, losses: 16 };
        let plan = match Plan::training(&network, loss, pick(1, 300), table, limits) {
            Ok(plan) => plan,
            Err(error) => {
                assert!(matches!(error, Error::TooLarge { .. }), "{error}");
                refused += 1;
                continue;
            }
        };
        planned += 1;
        for buffer in &plan.buffers {
            assert!(buffer.len as u64 * 4 <= limits.buffer);
        }
        for dispatch in &plan.dispatches {
            assert!((1..=limits.workgroups).contains(&dispatch.workgroups), "{}", dispatch.formula);
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
                let same = dispatch.operands.iter().filter(|operand| buffer(operand.tensor) == buffer(written.tensor)).count();
                assert_eq!(same, 1, "{}", dispatch.formula);
            }
        }
    }
    assert!(planned > 1000 && refused > 1000, "{planned} planned, {refused} refused: both must be tested");
}

/// Every element of every product is computed once, whatever the cuts: first..end of the pieces cover it without overlap.
#[test]
fn pieces_cover_a_product_once() {
    let network = Network::new(300).dense(200, Activation::Tanh);
    let limits = Limits { workgroups: 7, ..limits() };
    let plan = Plan::training(&network, Loss::MeanSquaredError, 50, TABLE, limits).expect("a plan");
    for (formula, elements) in [("layers.0.sum = ", 50 * 200), ("layers.0.weight.gradient = ", 300 * 200)] {
        let mut next = 0;
        for dispatch in plan.dispatches.iter().filter(|dispatch| dispatch.formula.starts_with(formula)) {
            assert_eq!(dispatch.params[0], next);
            assert!(dispatch.params[1] - dispatch.params[0] <= 64 * dispatch.workgroups);
            next = dispatch.params[1];
        }
        assert_eq!(next, elements);
    }
}

/// A product that would take longer than its estimate allows is cut into rows; on slow adapters sooner.
#[test]
fn long_products_are_cut() {
    let network = Network::new(4096).dense(4096, Activation::Relu);
    let dispatches = |software| {
        let plan = Plan::prediction(&network, 1024, Limits { software, ..limits() }).expect("a plan");
        plan.dispatches.iter().filter(|dispatch| dispatch.formula.contains('·')).count()
    };
    assert!(dispatches(false) > 1 && dispatches(true) > 4 * dispatches(false));
}

#[test]
fn sizes_that_overflow_or_pass_a_limit_are_refused() {
    let huge = usize::MAX / 2;
    for network in [
        Network::new(huge).dense(huge, Activation::Relu),
        Network::new(2).dense(huge, Activation::Relu).dense(huge, Activation::Relu),
        Network::new(1 << 40).dense(1 << 20, Activation::Relu),
        Network::new(1 << 14).dense(1 << 14, Activation::Relu),
    ] {
        let error = Plan::training(&network, Loss::MeanSquaredError, 4, TABLE, limits()).expect_err("too large");
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
    let network = Network::new(2).dense(2, Activation::Relu);
    for rows in [usize::MAX, usize::MAX / 8, 1 << 40, (128 << 20) / 8 + 1] {
        let error = Plan::training(&network, Loss::MeanSquaredError, rows, TABLE, limits()).expect_err("too large");
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
}
