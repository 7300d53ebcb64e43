//! Measures the outputs: the loss, and counts for metrics.

use super::rows::RowStage;
use crate::error::Error;
use crate::kernel::{Kernel, LONGEST_LOOP, WORKGROUP_SIZE, Weights};
use crate::network::{Activation, Loss};
use crate::plan::dispatch::Call;
use crate::plan::estimate::{ELEMENTWISE, Work};
use crate::plan::ids::StepTable;
use crate::plan::pieces::{ONE_WORKGROUP, parts, word};
use crate::plan::program::Plan;
use crate::plan::tensors::Id;
use crate::settings::Counts;

/// The last layer's tensors, and the targets.
#[derive(Clone, Copy, Debug)]
pub struct Outputs {
    /// x of the last layer.
    pub sums: Id,
    /// y of the last layer.
    pub outputs: Id,
    /// The targets.
    pub targets: Id,
}

/// A loss and its operands.
#[derive(Clone, Copy, Debug)]
pub struct LossOf<'a> {
    /// The loss.
    pub loss: Loss,
    /// The last layer's activation.
    pub activation: &'a Activation,
    /// The last layer's tensors, and the targets.
    pub from: Outputs,
    /// The sample weights, if they differ.
    pub weights: Option<Id>,
}

/// Where a loss is stored.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The index of the loss within the step.
    pub index: usize,
    /// Whether it is the last loss of the step, which moves the cursor.
    pub moves: bool,
    /// The total weight of all rows of the epoch, which the mean is over.
    pub total: f64,
}

impl LossOf<'_> {
    /// Whether rows have sample weights.
    pub(super) fn kind(&self) -> Weights {
        if self.weights.is_some() { Weights::Given } else { Weights::Equal }
    }
}

impl Plan {
    /// Counts the correct outputs.
    pub fn score(&mut self, counts: Counts, from: &Outputs, counters: Id) -> Result<(), Error> {
        let operands = [("outputs", from.outputs), ("targets", from.targets), ("counts", counters)];
        match counts {
            Counts::Binary => {
                let formula = "counts of outputs above a half and not, by their targets";
                for piece in parts(self.len(from.outputs), self.limits.elements(ELEMENTWISE)) {
                    let params = [("first", word(piece.start)), ("end", word(piece.end))];
                    let call = Call { kernel: &Kernel::ScoreBinary, operands: &operands, params: &params, formula };
                    self.dispatch(&call, Work { invocations: piece.len(), rounds: ELEMENTWISE });
                }
                Ok(())
            }
            Counts::Classes { confusion } => self.row_stage(&RowStage {
                kernel: Kernel::ScoreClasses,
                operands: &operands,
                of: from.outputs,
                params: &[("confusion", u32::from(confusion))],
                formula: "counts of rows by the rank of their own class",
            }),
        }
    }

    /// Stores the loss of the batch in its slot, as a part of the epoch's mean, and moves the cursor to the next step.
    pub fn loss(&mut self, of: &LossOf<'_>, table: &StepTable, slot: Slot) -> Result<(), Error> {
        let &LossOf { loss, activation, from, weights } = of;
        let mut count = self.len(from.outputs);
        let columns = self.tensors[from.outputs.0].columns;
        let scale = (1.0 / (slot.total * loss.outputs_in_mean(columns))) as f32;
        let read = match loss.fuses_with(activation) {
            true => format!("x = {}", self.name(from.sums)),
            false => format!("y = {}", self.name(from.outputs)),
        };
        let value = loss.formulas(activation).formula;
        let mut formula = format!("loss = mean of {value}; {read}, t = {}", self.name(from.targets));
        let mut operands = vec![
            ("sums", from.sums),
            ("outputs", from.outputs),
            ("targets", from.targets),
            ("steps", table.steps),
            ("cursor", table.cursor),
            ("losses", table.losses),
        ];
        operands.extend(weights.map(|weights| ("weights", weights)));
        let mut kernel = Kernel::Loss(loss, activation.clone(), of.kind());
        if count > ONE_WORKGROUP {
            // Each workgroup adds some of the elements, and the last stage adds their sums.
            let partials = self.tensor("partial losses", 1, count.div_ceil(ONE_WORKGROUP))?;
            operands.push(("partials", partials));
            let in_part = ONE_WORKGROUP / WORKGROUP_SIZE as usize;
            let rounds = in_part * ELEMENTWISE;
            let parted = Kernel::PartialLoss(loss, activation.clone(), of.kind());
            for piece in parts(count, self.limits.elements(rounds) * in_part) {
                let params = [("first", word(piece.start)), ("end", word(piece.end)), ("columns", word(columns))];
                let call = Call { kernel: &parted, operands: &operands, params: &params, formula: &formula };
                let invocations = piece.len().div_ceil(ONE_WORKGROUP) * WORKGROUP_SIZE as usize;
                self.dispatch(&call, Work { invocations, rounds });
            }
            count = count.div_ceil(ONE_WORKGROUP);
            kernel = Kernel::TotalLoss;
            formula = "loss = the parts of it added up".into();
        }
        // One workgroup, whose invocations share the elements.
        let params = [
            ("count", word(count)),
            ("columns", word(columns)),
            ("scale", scale.to_bits()),
            ("slot", word(slot.index)),
            ("moves", u32::from(slot.moves)),
        ];
        let rounds = count.div_ceil(WORKGROUP_SIZE as usize);
        assert!(rounds <= LONGEST_LOOP / 2, "{count} parts of a loss");
        let call = Call { kernel: &kernel, operands: &operands, params: &params, formula: &formula };
        self.dispatch(&call, Work { invocations: WORKGROUP_SIZE as usize, rounds: rounds * ELEMENTWISE });
        Ok(())
    }
}
