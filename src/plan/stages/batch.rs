//! The rows of a batch: their order, their copies, and their shares of the loss.

use std::ops::Range;

use crate::data::Order;
use crate::error::Error;
use crate::kernel::{Kernel, WORKGROUP_SIZE, Weights, width};
use crate::plan::dispatch::{Call, Dispatch};
use crate::plan::estimate::{ELEMENTWISE, Work};
use crate::plan::ids::{BatchIds, StepTable};
use crate::plan::pieces::{parts, word};
use crate::plan::program::Plan;
use crate::plan::tensors::{Id, PlannedTensor};

/// The operations for one position of an order. A random block is ten rounds of a few operations.
fn operations(order: &Order) -> usize {
    let (.., rounds) = order.digits();
    ELEMENTWISE + rounds as usize * 20
}

impl Plan {
    /// The row indices of the batch.
    pub fn order(&mut self, table: &StepTable, order: &Order, list: Id) {
        for piece in parts(self.len(list), self.limits.elements(operations(order))) {
            let dispatch = self.ordering(table, order, list, piece);
            self.dispatches.push(dispatch);
        }
    }

    /// The dispatch that fills those positions of the list. The list continues with the epochs after the step's epoch.
    pub fn ordering(&self, table: &StepTable, order: &Order, list: Id, places: Range<usize>) -> Dispatch {
        let (x_range, y_range, rounds) = order.digits();
        let seed = order.seed.unwrap_or(0);
        let call = Call {
            kernel: &Kernel::Order,
            operands: &[("steps", table.steps), ("cursor", table.cursor), ("order", list)],
            params: &[
                ("first", word(places.start)),
                ("end", word(places.end)),
                ("rows", word(order.rows)),
                ("x_range", x_range),
                ("y_range", y_range),
                ("rounds", rounds),
                ("seed_low", seed as u32),
                ("seed_high", (seed >> 32) as u32),
            ],
            formula: match rounds {
                0 => "order = the rows from the batch's first on",
                _ => "order = the epoch's permutation of the rows, from the batch's first on",
            },
        };
        self.made(&call, Work { invocations: places.len(), rounds: operations(order) })
    }

    /// Copies the batch's rows from the data, piece by piece.
    pub fn gather(&mut self, order: Id, batch: &BatchIds, classes: bool) {
        let PlannedTensor { rows, columns, .. } = self.tensors[batch.inputs.0];
        let width = width(columns);
        let weights = if batch.weights.is_some() { Weights::Given } else { Weights::Equal };
        let kernel = Kernel::Gather { width, classes, weights };
        let outputs = self.tensors[batch.targets.0].columns;
        let operations = (columns / width as usize + outputs).div_ceil(WORKGROUP_SIZE as usize) * ELEMENTWISE;
        let longest = (self.limits.elements(operations) / WORKGROUP_SIZE as usize).max(1);
        let mut piece_first = 0;
        for piece in &batch.data {
            let piece_end = piece_first + self.tensors[piece.inputs.0].rows;
            let mut operands = vec![
                ("order", order),
                ("data_inputs", piece.inputs),
                ("data_targets", piece.targets),
                ("inputs", batch.inputs),
                ("targets", batch.targets),
            ];
            operands.extend(piece.weights.map(|data| ("data_weights", data)));
            operands.extend(batch.weights.map(|weights| ("weights", weights)));
            for rows in parts(rows, longest) {
                let params = [
                    ("first", word(rows.start)),
                    ("columns", word(columns / width as usize)),
                    ("outputs", word(outputs)),
                    ("piece_first", word(piece_first)),
                    ("piece_end", word(piece_end)),
                ];
                let formula = "inputs and targets = the rows of the data in the batch's order";
                let call = Call { kernel: &kernel, operands: &operands, params: &params, formula };
                let invocations = rows.len() * WORKGROUP_SIZE as usize;
                self.dispatch(&call, Work { invocations, rounds: operations });
            }
            piece_first = piece_end;
        }
    }

    /// The shares of the batch's rows in their total weight.
    pub fn weigh(&mut self, weights: Id, shares: Id) -> Result<(), Error> {
        let count = self.len(weights);
        let rounds = Self::rounds_of_one_workgroup("rows of a batch with weights", count)?;
        let call = Call {
            kernel: &Kernel::Weigh,
            operands: &[("weights", weights), ("shares", shares)],
            params: &[("count", word(count))],
            formula: "shares = weights / sum of the weights",
        };
        self.dispatch(&call, Work { invocations: WORKGROUP_SIZE as usize, rounds: 2 * rounds });
        Ok(())
    }
}
