//! Chooses between the staged and the fused engine: a pure function of the training's shape and the adapter, which also returns the reason.

use super::fused::Size;
use super::setup::TrainingShape;
use super::steps::Batches;
use crate::kernel::{Fused, Lanes, Limits, Products, Weights};
use crate::network::Network;
use crate::settings::{EngineChoice, Fit, Schedule, Scores};

/// The chosen engine, the reason, and the kernel if it is the fused engine.
pub struct Choice {
    pub fused: Option<Fused>,
    pub reason: String,
}

/// What differs between the networks of a sweep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Differing {
    pub weights: bool,
    pub decay: bool,
    pub ends: bool,
}

/// Up to this product of rows and parameters, one invocation trains a network with all rows unrolled.
const WRITTEN_OUT: usize = 256;

/// The maximum number of rows that are unrolled.
const ROWS_WRITTEN_OUT: usize = 16;

/// The maximum number of values in a lane. With more, software drivers take ten seconds to compile, or crash.
const MOST_NUMBERS: usize = 1024;

/// The registers of an invocation on common GPUs that are available for a network's values.
const REGISTERS: usize = 150;

/// The workgroup memory that every device has, in bytes.
const WORKGROUP_MEMORY: usize = 16 << 10;

/// The longest allowed epoch by its estimate, in nanoseconds. An epoch cannot be split, and drivers' watchdogs begin at
/// two seconds.
const LONGEST_EPOCH: f64 = 0.25e9;

/// Estimated cost in nanoseconds of a dispatch of the staged engine on a GPU, and of a row of the fused engine in
/// addition to its multiply-adds.
const LAUNCH: f64 = 6_000.0;
const ROW: f64 = 250.0;

/// Chooses the engine for one network.
pub fn choose(frame: &TrainingShape<'_>) -> Choice {
    let not = |reason: String| Choice { fused: None, reason };
    let fit = frame.fit;
    if fit.engine == EngineChoice::Staged {
        return not("it was requested".into());
    }
    let differing = Differing { weights: frame.rows.weights == Weights::Given, decay: fit.decay() != 0.0, ends: false };
    let observed = frame.validation.is_some() || frame.scores != Scores::default();
    let taken = match observed {
        true => Err("the fused engine supports neither metrics nor validation".into()),
        false => kernel(frame.network, fit, frame.rows.count, differing, &frame.limits),
    };
    match taken {
        Err(reason) => not(reason),
        Ok(fused) if fit.engine == EngineChoice::Fused => Choice { fused: Some(fused), reason: "it was requested".into() },
        Ok(fused) => match pays(&fused, &frame.limits) {
            Ok(reason) => Choice { fused: Some(fused), reason },
            Err(reason) => not(reason),
        },
    }
}

/// The fused kernel for that network with those settings, or the reason why there is none.
pub fn kernel(network: &Network, fit: &Fit, rows: usize, differing: Differing, limits: &Limits) -> Result<Fused, String> {
    let dropout = network.input_dropout() > 0.0 || network.layers().iter().any(|layer| layer.dropout > 0.0);
    if dropout {
        return Err("the fused engine does not support dropout".into());
    }
    if fit.clip_norm.is_some() {
        return Err("the fused engine does not clip gradients".into());
    }
    if network.layers().iter().all(|layer| layer.frozen) {
        return Err("all layers are frozen".into());
    }
    let batches = Batches::of(fit, rows);
    let optimizer = &fit.optimizer;
    let corrects = optimizer.corrections(1) != [1.0; 2];
    let mut fused = Fused {
        inputs: network.inputs(),
        layers: Fused::layers_of(network),
        loss: fit.loss,
        rule: Fused::rule_of(optimizer),
        rows,
        batch: batches.size,
        shuffled: batches.order.seed.is_some(),
        weighted: differing.weights,
        stepped: corrects || fit.schedule != Schedule::Constant || fit.warm_up > 0,
        decays: differing.decay,
        ends: differing.ends,
        lanes: Lanes::One,
    };
    let whole = batches.size == rows;
    if !(whole && rows <= ROWS_WRITTEN_OUT && rows * fused.parameters() <= WRITTEN_OUT) {
        let widest = fused.layers.iter().map(|layer| layer.outs).max().unwrap_or(1);
        fused.lanes = match limits.products {
            Products::Rows { lanes: Some(lanes), .. } => Lanes::Subgroup(lanes),
            _ => Lanes::Memory(widest.next_power_of_two().clamp(8, 64) as u32),
        };
    }
    if fused.held() > MOST_NUMBERS {
        let got = fused.held();
        return Err(format!(
            "the network does not fit in the registers: {got} numbers per invocation, but at most {MOST_NUMBERS} are allowed"
        ));
    }
    if fused.longest(limits, 1) == 0 {
        return Err(format!("one dispatch may not loop over the {rows} rows of an epoch"));
    }
    if fused.nanoseconds(limits) > LONGEST_EPOCH {
        return Err(format!("an epoch of {rows} rows takes longer than a dispatch is allowed to"));
    }
    if fused.workgroup_memory() > WORKGROUP_MEMORY {
        return Err("the values that its lanes exchange do not fit in workgroup memory".into());
    }
    let least = Size { networks: 1, kept: 0, copies: 0, longest: 1, scanned: false };
    if fused.bytes(&least, rows).1 > limits.binding.min(limits.buffer) {
        return Err("the data does not fit in a buffer binding".into());
    }
    Ok(fused)
}

/// Whether the fused engine is faster, and why.
fn pays(fused: &Fused, limits: &Limits) -> Result<String, String> {
    let numbers = fused.held();
    if limits.software {
        return match fused.lanes {
            Lanes::Memory(_) => Err("without subgroups of a fixed size, the fused engine is slow on a CPU".into()),
            // Measured on shapes from 2-2-1 to 64-32-10, up to 20,000 rows a step: docs/inside/performance.md.
            _ => Ok(format!("the network fits in the registers ({numbers} numbers per invocation), which is fastest on a CPU")),
        };
    }
    if numbers + fused.numbers() > REGISTERS {
        return Err(format!("{} numbers per invocation do not fit in the registers of a GPU", numbers + fused.numbers()));
    }
    // Compares the stages of a step with its rows one after the other.
    let staged = (4 + 6 * fused.layers.len()) as f64 * LAUNCH;
    let sums = 4.0 * fused.numbers() as f64;
    let row = if fused.lanes == Lanes::One { sums } else { ROW + sums };
    let alone = row * fused.batch as f64;
    match alone < staged {
        true => Ok("the network fits in the registers, and launches would take most of the time".into()),
        false => Err(format!("{} rows per step, one after the other, take longer than launching the stages", fused.batch)),
    }
}
