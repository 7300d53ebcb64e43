//! Stages over flat buffers: the update, clipping, and the check for NaN and infinite values.

use std::ops::Range;

use crate::error::Error;
use crate::kernel::{Kernel, Limits, WORKGROUP_SIZE};
use crate::network::{ALIGNMENT, Rule};
use crate::plan::dispatch::Call;
use crate::plan::estimate::{ELEMENTWISE, Work};
use crate::plan::ids::StepTable;
use crate::plan::pieces::{ONE_WORKGROUP, parts, word};
use crate::plan::program::Plan;
use crate::plan::tensors::{Flat, Id};

/// The operands of an update, and its rule.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// All weights and biases.
    pub parameters: Flat,
    /// Their gradients.
    pub gradients: Flat,
    /// The optimizer state.
    pub slots: &'a [Flat],
    /// The update rule.
    pub rule: &'a Rule,
    /// The factor for the gradients, if they are clipped.
    pub clip: Option<Id>,
}

/// From this many parameters on, an invocation updates four of them.
const WORTH_FOUR: usize = 1024;

impl Plan {
    /// Updates the parameters of that range.
    pub fn update(&mut self, update: &Update<'_>, range: Range<usize>, table: &StepTable) {
        let &Update { parameters, gradients, slots, rule, clip } = update;
        // With few parameters, an invocation updates one, which reads like the formula.
        let width = if range.len() >= WORTH_FOUR && range.len().is_multiple_of(4) { 4 } else { 1 };
        let bindable = ((self.limits.binding / 4) as usize / ALIGNMENT).max(1) * ALIGNMENT;
        let rounds = ELEMENTWISE * width;
        let formula = format!("{}, for every weight and bias", rule.formula);
        let kernel = Kernel::Update { rule: rule.clone(), width: width as u32, clipped: clip.is_some() };
        for piece in parts(range.len(), self.limits.elements(rounds).saturating_mul(width).min(bindable)) {
            let start = range.start + piece.start;
            let mut view = |name: &str, flat: Flat| self.view(name, flat.buffer, start, 1, piece.len());
            let mut operands = vec![
                ("steps", table.steps),
                ("cursor", table.cursor),
                ("gradients", view("gradients", gradients)),
                ("parameters", view("parameters", parameters)),
            ];
            for (name, slot) in rule.slots.iter().zip(slots) {
                operands.push((name, view(&format!("optimizer.{name}"), *slot)));
            }
            operands.extend(clip.map(|clip| ("clip", clip)));
            let invocations = piece.len() / width;
            let params = [("count", word(invocations))];
            let call = Call { kernel: &kernel, operands: &operands, params: &params, formula: &formula };
            self.dispatch(&call, Work { invocations, rounds });
        }
    }

    /// The factor for all gradients that limits their norm to `limit`.
    pub fn clip(&mut self, gradients: Flat, limit: f64) -> Result<Id, Error> {
        let count = gradients.len.div_ceil(ONE_WORKGROUP);
        let partials = self.tensor("partial squares", 1, count)?;
        let clip = self.tensor("clip", 1, 1)?;
        for piece in parts(gradients.len, longest_part(&self.limits)) {
            let from = self.view("gradients", gradients.buffer, piece.start, 1, piece.len());
            let call = Call {
                kernel: &Kernel::SquareSum,
                operands: &[("gradients", from), ("partials", partials)],
                params: &[("count", word(piece.len())), ("part", word(piece.start / ONE_WORKGROUP))],
                formula: "the squares of the gradients, added up in parts",
            };
            self.dispatch(&call, in_parts(piece.len()));
        }
        let rounds = Self::rounds_of_one_workgroup("gradients to be clipped", count)?;
        let call = Call {
            kernel: &Kernel::Clip,
            operands: &[("partials", partials), ("clip", clip)],
            params: &[("count", word(count)), ("limit", (limit as f32).to_bits())],
            formula: &format!("clip = {limit} / (√(sum of the squares of the gradients) + 1e-6), at most 1"),
        };
        self.dispatch(&call, Work { invocations: WORKGROUP_SIZE as usize, rounds });
        Ok(clip)
    }

    /// Checks whether all elements of a flat buffer are finite. The returned tensor is 0 if they are.
    pub fn finite(&mut self, parameters: usize) -> Result<Id, Error> {
        let found = self.tensor("not_finite", 1, 1)?;
        for piece in parts(self.buffers[parameters].len, longest_part(&self.limits)) {
            let from = self.view("parameters", parameters, piece.start, 1, piece.len());
            let call = Call {
                kernel: &Kernel::Finite,
                operands: &[("parameters", from), ("not_finite", found)],
                params: &[("count", word(piece.len()))],
                formula: "whether all parameters are numbers",
            };
            self.dispatch(&call, in_parts(piece.len()));
        }
        Ok(found)
    }
}

/// The number of loop iterations of an invocation in a workgroup that covers one part.
const ROUNDS: usize = ONE_WORKGROUP / WORKGROUP_SIZE as usize;

/// The work of workgroups that cover one part each, of `len` elements in all.
fn in_parts(len: usize) -> Work {
    Work { invocations: len.div_ceil(ONE_WORKGROUP) * WORKGROUP_SIZE as usize, rounds: ROUNDS }
}

/// The maximum number of elements covered in one dispatch, in whole parts.
fn longest_part(limits: &Limits) -> usize {
    let bindable = ((limits.binding / 4) as usize / ONE_WORKGROUP).max(1) * ONE_WORKGROUP;
    let longest = (limits.elements(ROUNDS) / WORKGROUP_SIZE as usize).max(1) * ONE_WORKGROUP;
    longest.min(bindable)
}
