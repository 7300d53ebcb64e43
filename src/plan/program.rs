//! The plan: from a network, a number of rows and a device's limits to the dispatches of a step, as a pure function.
//!
//! A plan lists its buffers, the tensors in them, and the dispatches in order; an engine only replays it. A stage
//! becomes several dispatches if its loops, its workgroups or its time would exceed a limit. This splitting changes no
//! bit: the pieces of a stage compute different elements. How sums are divided is decided before, from the shape and
//! the adapter.

use std::ops::Range;

use super::dispatch::{Call, Dispatch, Operand, PARAMS_STRIDE};
use super::estimate::Work;
use super::ids::Ids;
use super::tensors::{BINDING, BUFFER, Buffer, Flat, Id, PlannedTensor, check_bytes, elements};
use crate::error::Error;
use crate::kernel::{Limits, WORKGROUP_SIZE};

/// The version of the planner. Raise it with any change after which a training run gives different bits. Checkpoints
/// store it.
pub const VERSION: u32 = 1;

/// The dispatches of a step, and the tensors they work on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The buffers to allocate.
    pub buffers: Vec<Buffer>,
    /// The tensors in the buffers.
    pub tensors: Vec<PlannedTensor>,
    /// The dispatches, in order.
    pub dispatches: Vec<Dispatch>,
    /// The indices of the dispatches where the programs after the first begin: see [`Plan::and`].
    starts: Vec<usize>,
    /// The limits of the device.
    pub(super) limits: Limits,
    /// The buffer that products in slices share.
    pub(super) slices: Option<usize>,
}

/// A plan and the ids of its tensors.
#[derive(Clone, Debug)]
pub struct Planned<I> {
    /// The plan.
    pub plan: Plan,
    /// The ids of its tensors.
    pub ids: I,
}

impl Plan {
    /// An empty plan for a device with those limits.
    pub fn new(limits: Limits) -> Self {
        Self { buffers: vec![], tensors: vec![], dispatches: vec![], starts: vec![], limits, slices: None }
    }

    /// Appends the programs of another plan, to be run separately. Returns the other plan's ids, adjusted to this one.
    /// Buffers of the same name are shared, with the length of the longer one.
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

    /// The dispatches of each program.
    pub fn programs(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.starts.iter().copied());
        let ends = self.starts.iter().copied().chain([self.dispatches.len()]);
        starts.zip(ends).map(|(start, end)| start..end).collect()
    }

    /// The total bytes of all buffers, including the dispatches' parameters and the staging buffer for `readable`
    /// elements.
    pub fn total_bytes(&self, readable: usize) -> u64 {
        let buffers: u64 = self.buffers.iter().map(|buffer| buffer.len as u64 * 4).sum();
        buffers + self.dispatches.len() as u64 * PARAMS_STRIDE as u64 + readable as u64 * 4
    }

    /// The bytes of the tensors that a dispatch works on, each counted once.
    pub fn bytes(&self, dispatch: &Dispatch) -> usize {
        let bytes = |operand: &Operand| 4 * self.len(operand.tensor);
        dispatch.operands.iter().map(bytes).sum()
    }

    /// The whole tensor of a piece, if a stage was split into pieces: the first tensor of that name.
    pub fn whole(&self, piece: Id) -> Id {
        let name = &self.tensors[piece.0].name;
        self.tensors.iter().position(|tensor| tensor.name == *name).map_or(piece, Id)
    }

    /// The number of elements of a tensor.
    pub fn len(&self, id: Id) -> usize {
        self.tensors[id.0].rows * self.tensors[id.0].columns
    }

    /// The name of a tensor.
    pub(super) fn name(&self, id: Id) -> &str {
        &self.tensors[id.0].name
    }

    /// Adds a tensor with its own buffer.
    pub fn tensor(&mut self, name: &str, rows: usize, columns: usize) -> Result<Id, Error> {
        let len = elements(name, rows, columns)?;
        check_bytes(name, len, self.limits.binding, BINDING)?;
        let buffer = self.buffer(name, len)?;
        Ok(self.view(name, buffer, 0, rows, columns))
    }

    /// Adds a flat buffer of `len` elements, with a tensor of all of it.
    pub fn flat(&mut self, name: &str, len: usize) -> Result<Flat, Error> {
        let buffer = self.buffer(name, len)?;
        Ok(Flat { buffer, whole: self.view(name, buffer, 0, 1, len), len })
    }

    /// Adds a buffer of `len` elements.
    pub fn buffer(&mut self, name: &str, len: usize) -> Result<usize, Error> {
        check_bytes(name, len, self.limits.buffer, BUFFER)?;
        self.buffers.push(Buffer { name: name.into(), len });
        Ok(self.buffers.len() - 1)
    }

    /// Adds a tensor in a part of a buffer.
    pub fn view(&mut self, name: &str, buffer: usize, offset: usize, rows: usize, columns: usize) -> Id {
        self.tensors.push(PlannedTensor { name: name.into(), buffer, offset, rows, columns });
        Id(self.tensors.len() - 1)
    }

    /// Adds a dispatch that does that work.
    pub(super) fn dispatch(&mut self, call: &Call<'_>, work: Work) {
        self.dispatches.push(self.made(call, work));
    }

    /// Creates the same dispatch without adding it to the plan.
    pub(super) fn made(&self, call: &Call<'_>, work: Work) -> Dispatch {
        let workgroups = [work.invocations.div_ceil(WORKGROUP_SIZE as usize) as u32, 1, 1];
        Dispatch::new(call, workgroups, self.limits.nanoseconds(work))
    }
}
