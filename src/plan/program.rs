//! The plan: from a network, a number of rows and a device's limits to the dispatches of a step. Pure, and tested as such.
//!
//! A plan names its buffers, the tensors in them, and the dispatches in order; an engine only replays it. A stage becomes several
//! dispatches where its loops, its workgroups or its time would pass a limit. Cutting changes no bit: pieces of a stage compute
//! different elements, and where sums are cut is decided before, by the shape and the adapter.

use std::ops::Range;

use super::dispatch::{Call, Dispatch, Operand, PARAMS_STRIDE};
use super::estimate::Work;
use super::ids::Ids;
use super::tensors::{BINDING, BUFFER, Buffer, Flat, Id, PlannedTensor, check_bytes, elements};
use crate::error::Error;
use crate::kernel::{Limits, WORKGROUP_SIZE};

/// To be raised by any change after which a training gives other bits than before; checkpoints carry it.
pub const VERSION: u32 = 1;

/// The dispatches of a step, and what they work on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What to allocate.
    pub buffers: Vec<Buffer>,
    /// The tensors in the buffers.
    pub tensors: Vec<PlannedTensor>,
    /// What to run, in order.
    pub dispatches: Vec<Dispatch>,
    /// Where among the dispatches other steps than the first begin: see [`Plan::and`].
    starts: Vec<usize>,
    /// Those of the device that it is for.
    pub(super) limits: Limits,
    /// The buffer that products in slices share.
    pub(super) slices: Option<usize>,
}

/// A plan, and which of its tensors are what.
#[derive(Clone, Debug)]
pub struct Planned<I> {
    /// The plan.
    pub plan: Plan,
    /// Its tensors.
    pub ids: I,
}

impl Plan {
    /// One of nothing yet, for a device of those limits.
    pub fn new(limits: Limits) -> Self {
        Self { buffers: vec![], tensors: vec![], dispatches: vec![], starts: vec![], limits, slices: None }
    }

    /// Puts the steps of another plan after its own, to be run apart; gives the other's ids as they are in this one. Buffers of the same
    /// name are one, as long as the longer of them.
    pub fn and<I: Ids>(&mut self, other: Planned<I>) -> I {
        let Planned { plan: other, mut ids } = other;
        let buffers: Vec<usize> = other
            .buffers
            .into_iter()
            .map(|buffer| match self.buffers.iter().position(|own| own.name == buffer.name) {
                Some(own) => {
                    self.buffers[own].len = self.buffers[own].len.max(buffer.len);
                    own
                }
                None => {
                    self.buffers.push(buffer);
                    self.buffers.len() - 1
                }
            })
            .collect();
        let before = self.tensors.len();
        ids.shift(before);
        self.tensors.extend(other.tensors.into_iter().map(|tensor| PlannedTensor { buffer: buffers[tensor.buffer], ..tensor }));
        let start = self.dispatches.len();
        self.starts.push(start);
        self.starts.extend(other.starts.into_iter().map(|other| start + other));
        self.dispatches.extend(other.dispatches.into_iter().map(|mut dispatch| {
            dispatch.operands.iter_mut().for_each(|operand| operand.tensor.shift(before));
            dispatch
        }));
        ids
    }

    /// The dispatches of each step.
    pub fn programs(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.starts.iter().copied());
        let ends = self.starts.iter().copied().chain([self.dispatches.len()]);
        starts.zip(ends).map(|(start, end)| start..end).collect()
    }

    /// The bytes of all buffers together, with those of the dispatches' parameters and of what so many elements are read back through.
    pub fn total_bytes(&self, readable: usize) -> u64 {
        let buffers: u64 = self.buffers.iter().map(|buffer| buffer.len as u64 * 4).sum();
        buffers + self.dispatches.len() as u64 * PARAMS_STRIDE as u64 + readable as u64 * 4
    }

    /// The bytes of the tensors that a dispatch works on, each counted once.
    pub fn bytes(&self, dispatch: &Dispatch) -> usize {
        let bytes = |operand: &Operand| 4 * self.len(operand.tensor);
        dispatch.operands.iter().map(bytes).sum()
    }

    /// The tensor that a piece is of, where a stage was cut into pieces of it: the first of that name is the whole.
    pub fn whole(&self, piece: Id) -> Id {
        let name = &self.tensors[piece.0].name;
        self.tensors.iter().position(|tensor| tensor.name == *name).map_or(piece, Id)
    }

    /// How many elements a tensor has.
    pub fn len(&self, id: Id) -> usize {
        self.tensors[id.0].rows * self.tensors[id.0].columns
    }

    /// What a tensor is called.
    pub(super) fn name(&self, id: Id) -> &str {
        &self.tensors[id.0].name
    }

    /// A tensor with a buffer of its own.
    pub fn tensor(&mut self, name: &str, rows: usize, columns: usize) -> Result<Id, Error> {
        let len = elements(name, rows, columns)?;
        check_bytes(name, len, self.limits.binding, BINDING)?;
        let buffer = self.buffer(name, len)?;
        Ok(self.view(name, buffer, 0, rows, columns))
    }

    /// A flat buffer of `len` elements, with a tensor of all of it.
    pub fn flat(&mut self, name: &str, len: usize) -> Result<Flat, Error> {
        let buffer = self.buffer(name, len)?;
        Ok(Flat { buffer, whole: self.view(name, buffer, 0, 1, len), len })
    }

    /// A buffer of `len` elements.
    pub fn buffer(&mut self, name: &str, len: usize) -> Result<usize, Error> {
        check_bytes(name, len, self.limits.buffer, BUFFER)?;
        self.buffers.push(Buffer { name: name.into(), len });
        Ok(self.buffers.len() - 1)
    }

    /// A tensor in a part of a buffer.
    pub fn view(&mut self, name: &str, buffer: usize, offset: usize, rows: usize, columns: usize) -> Id {
        self.tensors.push(PlannedTensor { name: name.into(), buffer, offset, rows, columns });
        Id(self.tensors.len() - 1)
    }

    /// One dispatch that does that work.
    pub(super) fn dispatch(&mut self, call: &Call<'_>, work: Work) {
        self.dispatches.push(self.made(call, work));
    }

    /// The same, but it is not put into the plan.
    pub(super) fn made(&self, call: &Call<'_>, work: Work) -> Dispatch {
        let workgroups = [work.invocations.div_ceil(WORKGROUP_SIZE as usize) as u32, 1, 1];
        Dispatch::new(call, workgroups, self.limits.nanoseconds(work))
    }
}
