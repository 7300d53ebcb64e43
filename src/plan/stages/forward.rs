//! The forward pass without its products: biases, activations, dropout.

use super::rows::RowStage;
use crate::error::Error;
use crate::kernel::Kernel;
use crate::network::Activation;
use crate::plan::dispatch::Call;
use crate::plan::estimate::{ELEMENTWISE, Work};
use crate::plan::ids::StepTable;
use crate::plan::pieces::{parts, word};
use crate::plan::program::Plan;
use crate::plan::tensors::Id;
use crate::random::{DROPOUT, dropout_threshold};

/// The rate of a dropout, and its number in the random stream.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    /// The share of elements that are dropped.
    pub rate: f64,
    /// 0 for the network's inputs; the layer's index plus one for a layer's outputs.
    pub number: u32,
}

/// The keys of dropout's random numbers.
#[derive(Clone, Copy, Debug)]
pub struct Chance {
    /// The step table, for the epoch and the step.
    pub table: StepTable,
    /// The training's seed.
    pub seed: u64,
}

impl Plan {
    /// x = product + bias in `sums`, y = activation(x) in `outputs`.
    pub fn bias_activation(&mut self, activation: &Activation, bias: Id, sums: Id, outputs: Id) {
        let (columns, count) = (self.tensors[sums.0].columns, self.len(sums));
        let definition = activation.definition();
        let (x, b, y) = (self.name(sums), self.name(bias), self.name(outputs));
        let formula = format!("x = {x} + {b}, then {y} = {}(x) = {}", definition.name, definition.formula);
        let kernel = Kernel::BiasActivation(activation.clone());
        let operands = [("bias", bias), ("sums", sums), ("outputs", outputs)];
        for piece in parts(count, self.limits.elements(ELEMENTWISE)) {
            let params = [("first", word(piece.start)), ("end", word(piece.end)), ("columns", word(columns))];
            let call = Call { kernel: &kernel, operands: &operands, params: &params, formula: &formula };
            self.dispatch(&call, Work { invocations: piece.len(), rounds: ELEMENTWISE });
        }
    }

    /// y = softmax(product + bias) in `outputs`, its logarithm in `sums`.
    pub fn softmax(&mut self, bias: Id, sums: Id, outputs: Id) -> Result<(), Error> {
        let (x, b, y) = (self.name(sums), self.name(bias), self.name(outputs));
        let formula = format!("x = {x} + {b}, then {y} = e^x / sum of e^x over the row, and {x} = ln {y}");
        let operands = [("bias", bias), ("sums", sums), ("outputs", outputs)];
        let stage = RowStage { kernel: Kernel::Softmax, operands: &operands, of: outputs, params: &[], formula: &formula };
        self.row_stage(&stage)
    }

    /// Applies dropout, from `outputs` to `dropped`, or in place.
    pub fn dropout(&mut self, outputs: Option<Id>, dropped: Id, dropout: Dropout, chance: Chance) {
        let (Dropout { rate, number }, Chance { table, seed }) = (dropout, chance);
        let from = self.name(outputs.unwrap_or(dropped));
        let formula = format!("{} = {from} / {}, or 0 by a chance of {rate}", self.name(dropped), 1.0 - rate);
        let mut operands = vec![("steps", table.steps), ("cursor", table.cursor), ("dropped", dropped)];
        operands.extend(outputs.map(|outputs| ("outputs", outputs)));
        let kernel = Kernel::Dropout { in_place: outputs.is_none() };
        // A random block is ten rounds.
        let rounds = ELEMENTWISE + 100;
        for piece in parts(self.len(dropped), self.limits.elements(rounds)) {
            let params = [
                ("first", word(piece.start)),
                ("end", word(piece.end)),
                ("seed_low", seed as u32),
                ("seed_high", (seed >> 32) as u32),
                ("purpose", DROPOUT | number << 8),
                ("threshold", dropout_threshold(rate)),
                ("scale", ((1.0 / (1.0 - rate)) as f32).to_bits()),
            ];
            let call = Call { kernel: &kernel, operands: &operands, params: &params, formula: &formula };
            self.dispatch(&call, Work { invocations: piece.len(), rounds });
        }
    }
}
