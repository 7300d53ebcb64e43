//! Stages whose invocations loop over rows, or share a sum within one workgroup.

use crate::error::Error;
use crate::kernel::{Kernel, LONGEST_LOOP, WORKGROUP_SIZE};
use crate::plan::dispatch::Call;
use crate::plan::estimate::{ELEMENTWISE, Work};
use crate::plan::pieces::{parts, word};
use crate::plan::program::Plan;
use crate::plan::tensors::{Id, PlannedTensor};

/// A stage with one invocation for each row, which loops over the columns.
pub(super) struct RowStage<'a> {
    pub kernel: Kernel,
    pub operands: &'a [(&'a str, Id)],
    /// The tensor with the rows.
    pub of: Id,
    /// Parameters other than the numbers of rows and columns.
    pub params: &'a [(&'a str, u32)],
    pub formula: &'a str,
}

impl Plan {
    pub(super) fn row_stage(&mut self, stage: &RowStage<'_>) -> Result<(), Error> {
        let PlannedTensor { rows, columns, .. } = self.tensors[stage.of.0];
        if columns > LONGEST_LOOP / 4 {
            return Err(Error::TooLarge {
                what: "classes".into(),
                limit: format!("{}, the number of columns that an invocation can process", LONGEST_LOOP / 4),
                got: columns.to_string(),
            });
        }
        let rounds = columns * ELEMENTWISE;
        for piece in parts(rows, self.limits.elements(rounds)) {
            let params = [("first", word(piece.start)), ("end", word(piece.end)), ("columns", word(columns))];
            let params = [params.as_slice(), stage.params].concat();
            let call = Call { kernel: &stage.kernel, operands: stage.operands, params: &params, formula: stage.formula };
            self.dispatch(&call, Work { invocations: piece.len(), rounds });
        }
        Ok(())
    }

    /// The number of loop iterations of each invocation when one workgroup shares that many elements.
    pub(super) fn rounds_of_one_workgroup(what: &str, count: usize) -> Result<usize, Error> {
        let rounds = count.div_ceil(WORKGROUP_SIZE as usize);
        if rounds <= LONGEST_LOOP / 2 {
            return Ok(rounds);
        }
        Err(Error::TooLarge {
            what: what.into(),
            limit: format!("{} that one workgroup can sum", LONGEST_LOOP / 2 * WORKGROUP_SIZE as usize),
            got: count.to_string(),
        })
    }
}
