//! Plans the rows of a step: given, or gathered from data on the device in pieces that can be bound.

use crate::error::Error;
use crate::kernel::{LONGEST_LOOP, WORKGROUP_SIZE, Weights};
use crate::network::Network;
use crate::plan::ids::{BatchIds, Piece, StepTable};
use crate::plan::pieces::parts;
use crate::plan::program::Plan;
use crate::plan::task::Source;

/// The rows of a step, and their source.
pub(super) struct RowsOf<'a> {
    pub network: &'a Network,
    pub count: usize,
    pub source: &'a Source,
    pub weights: Weights,
}

/// The maximum number of values in a row that the invocations of a workgroup can copy within the limit of loop
/// iterations.
const LONGEST_ROW: usize = LONGEST_LOOP / 2 * WORKGROUP_SIZE as usize;

/// The maximum number of pieces that data is divided into. Each piece costs a dispatch in every batch.
const MOST_PIECES: usize = 8;

impl Plan {
    /// The rows of a step, and where they come from.
    pub(super) fn batch(&mut self, prefix: &str, rows: &RowsOf<'_>, table: &StepTable) -> Result<BatchIds, Error> {
        let &RowsOf { network, count, source, weights } = rows;
        let mut tensor = |name: &str, columns| self.tensor(&format!("{prefix}{name}"), count, columns);
        let mut batch = BatchIds {
            inputs: tensor("inputs", network.inputs())?,
            targets: tensor("targets", network.outputs())?,
            weights: (weights == Weights::Given).then(|| tensor("weights", 1)).transpose()?,
            data: Vec::new(),
        };
        if let Source::Gathered { order, classes } = source {
            let outputs = if *classes { 1 } else { network.outputs() };
            batch.data = self.pieces(prefix, order.rows, [network.inputs(), outputs], weights)?;
            let list = self.tensor(&format!("{prefix}order"), 1, count)?;
            self.order(table, order, list);
            self.gather(list, &batch, *classes);
        }
        Ok(batch)
    }

    /// Data of `rows` rows, in pieces that can each be bound: `data.inputs.0` and so on, and the same for targets and
    /// weights. `columns` are those of inputs and targets.
    fn pieces(&mut self, prefix: &str, rows: usize, columns: [usize; 2], weights: Weights) -> Result<Vec<Piece>, Error> {
        let [inputs, targets] = columns;
        let longest = inputs.max(targets);
        if longest > LONGEST_ROW {
            return Err(Error::TooLarge {
                what: "a row of the data".into(),
                limit: format!("{LONGEST_ROW} values, which a workgroup can copy"),
                got: longest.to_string(),
            });
        }
        let most = self.limits.binding.min(self.limits.buffer) / (4 * longest as u64);
        let most = most.max(1) as usize;
        if rows.div_ceil(most) > MOST_PIECES {
            return Err(Error::TooLarge {
                what: format!("{prefix}data"),
                limit: format!("{} rows, {MOST_PIECES} times as many as the device can bind", MOST_PIECES.saturating_mul(most)),
                got: format!("{rows} rows"),
            });
        }
        let pieces = parts(rows, most).enumerate();
        pieces
            .map(|(i, piece)| {
                let mut tensor = |name, columns| self.tensor(&format!("{prefix}data.{name}.{i}"), piece.len(), columns);
                Ok(Piece {
                    inputs: tensor("inputs", inputs)?,
                    targets: tensor("targets", targets)?,
                    weights: (weights == Weights::Given).then(|| tensor("weights", 1)).transpose()?,
                })
            })
            .collect()
    }
}
