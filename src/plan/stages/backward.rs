//! The backward pass without its products: deltas, and the gradients of biases.

use super::loss::LossOf;
use super::rows::RowStage;
use crate::error::Error;
use crate::kernel::{Kernel, LONGEST_LOOP};
use crate::network::Activation;
use crate::plan::dispatch::Call;
use crate::plan::estimate::{ELEMENTWISE, Work};
use crate::plan::pieces::{parts, word};
use crate::plan::program::Plan;
use crate::plan::tensors::{Id, PlannedTensor};

impl Plan {
    /// delta = ∂loss/∂x of the last layer. The weights are the rows' shares for a mean, and their sample weights for a
    /// sum.
    pub fn output_delta(&mut self, of: &LossOf<'_>, deltas: Id) {
        let &LossOf { loss, activation, from, weights } = of;
        let PlannedTensor { rows, columns, .. } = self.tensors[deltas.0];
        // The shares of the rows add up to 1.
        let rows = if weights.is_some() { 1.0 } else { rows as f64 };
        let scale = if loss.is_mean() { 1.0 / (rows * loss.outputs_in_mean(columns)) } else { 1.0 } as f32;
        let name = self.name(deltas);
        let gradient = loss.formulas(activation).gradient_formula;
        let mut formula = match loss.fuses_with(activation) || *activation == Activation::Softmax {
            true => format!("{name} = {gradient}"),
            false => format!("{name} = ({gradient}) · {}", activation.definition().derivative_formula),
        };
        if let Some(weights) = weights {
            formula += &format!(", times {} of the row", self.name(weights));
        }
        if scale != 1.0 {
            formula += &format!(", times {scale}");
        }
        formula += &format!("; y = {}, t = {}", self.name(from.outputs), self.name(from.targets));
        let mut operands = vec![("sums", from.sums), ("outputs", from.outputs), ("targets", from.targets), ("deltas", deltas)];
        operands.extend(weights.map(|weights| (if loss.is_mean() { "shares" } else { "weights" }, weights)));
        let kernel = Kernel::OutputDelta(loss, activation.clone(), of.kind());
        for piece in parts(self.len(deltas), self.limits.elements(ELEMENTWISE)) {
            let params =
                [("first", word(piece.start)), ("end", word(piece.end)), ("columns", word(columns)), ("scale", scale.to_bits())];
            let call = Call { kernel: &kernel, operands: &operands, params: &params, formula: &formula };
            self.dispatch(&call, Work { invocations: piece.len(), rounds: ELEMENTWISE });
        }
    }

    /// delta = softmax's derivative applied to the error, in place.
    pub fn softmax_delta(&mut self, outputs: Id, deltas: Id) -> Result<(), Error> {
        let (delta, y) = (self.name(deltas), self.name(outputs));
        let formula = format!("{delta} = y · ({delta} - sum of {delta} y over the row); y = {y}");
        let operands = [("outputs", outputs), ("deltas", deltas)];
        let stage = RowStage { kernel: Kernel::SoftmaxDelta, operands: &operands, of: deltas, params: &[], formula: &formula };
        self.row_stage(&stage)
    }

    /// delta = error · f', in place.
    pub fn hidden_delta(&mut self, activation: &Activation, sums: Id, outputs: Id, deltas: Id) {
        let (delta, y) = (self.name(deltas), self.name(outputs));
        let formula = format!("{delta} = {delta} · {}; y = {y}", activation.definition().derivative_formula);
        let kernel = Kernel::HiddenDelta(activation.clone());
        let operands = [("sums", sums), ("outputs", outputs), ("deltas", deltas)];
        for piece in parts(self.len(deltas), self.limits.elements(ELEMENTWISE)) {
            let params = [("first", word(piece.start)), ("end", word(piece.end))];
            let call = Call { kernel: &kernel, operands: &operands, params: &params, formula: &formula };
            self.dispatch(&call, Work { invocations: piece.len(), rounds: ELEMENTWISE });
        }
    }

    /// The sum of each column of the deltas.
    pub fn bias_gradient(&mut self, deltas: Id, gradient: Id) {
        let PlannedTensor { rows, columns, .. } = self.tensors[deltas.0];
        let formula = format!("{} = sum of {} over its rows", self.name(gradient), self.name(deltas));
        let operands = [("deltas", deltas), ("gradient", gradient)];
        for terms in parts(rows, LONGEST_LOOP) {
            for piece in parts(columns, self.limits.elements(terms.len())) {
                let params = [
                    ("first", word(piece.start)),
                    ("end", word(piece.end)),
                    ("columns", word(columns)),
                    ("row_first", word(terms.start)),
                    ("row_end", word(terms.end)),
                ];
                let call = Call { kernel: &Kernel::BiasGradient, operands: &operands, params: &params, formula: &formula };
                self.dispatch(&call, Work { invocations: piece.len(), rounds: terms.len() });
            }
        }
    }
}
