//! Estimates the time of dispatches from counts of operations. Plans are split by it before anything is measured.

use crate::kernel::{Family, Limits, WORKGROUP_SIZE};

/// The maximum estimated time of a dispatch in nanoseconds; a longer one is split. Drivers' watchdogs begin at two
/// seconds.
pub(super) const LONGEST_DISPATCH: u64 = 200_000_000;

/// The fixed cost of a dispatch, in nanoseconds.
pub(super) const LAUNCH: u64 = 5_000;

/// The cost of an element of an elementwise stage, in multiply-adds.
pub(super) const ELEMENTWISE: usize = 8;

/// The work of a dispatch: the number of invocations, and the number of sequential operations of each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub invocations: usize,
    pub rounds: usize,
}

impl Limits {
    /// A rough time in nanoseconds: half a GFLOP/s on a CPU, twenty on the slowest GPUs. There, a dispatch of few
    /// invocations takes as long as each waits for memory in the iterations of its loop.
    pub(super) fn nanoseconds(self, work: Work) -> u64 {
        let (invocations, rounds) = (work.invocations as u64, work.rounds as u64);
        let operations = invocations.saturating_mul(rounds);
        LAUNCH.saturating_add(match self.software {
            true => operations.saturating_mul(4),
            false => (operations / 10).max(rounds.saturating_mul(200)),
        })
    }

    /// A rough time in nanoseconds of a product, for that many workgroups with that many terms. Four GFLOP/s on a CPU,
    /// twenty on the slowest GPUs.
    pub(super) fn product_nanoseconds(self, family: Family, workgroups: u64, terms: u64) -> u64 {
        let block = u64::from(family.rows()) * u64::from(family.columns());
        let operations = workgroups.saturating_mul(block).saturating_mul(terms);
        LAUNCH.saturating_add(match self.software {
            true => operations / 2,
            false => (operations / 10).max(terms.saturating_mul(200)),
        })
    }

    /// The maximum number of elements in a dispatch, with that many operations each.
    pub(super) fn elements(self, operations: usize) -> usize {
        let per_element = operations.max(1) as u64;
        let in_time = LONGEST_DISPATCH / if self.software { 4 * per_element } else { per_element.div_ceil(10) };
        let in_workgroups = u64::from(self.workgroups) * u64::from(WORKGROUP_SIZE);
        let whole = u64::from(WORKGROUP_SIZE);
        ((in_time.min(in_workgroups) / whole).max(1) * whole) as usize
    }
}
