//! The planner: from a network, a number of rows and a device's limits to the dispatches of a step. Pure, and tested as such.
//!
//! A plan names its buffers, the tensors in them, and the dispatches in order; [`Staged`](crate::engine::Staged) only replays
//! it. A stage becomes several dispatches where its loops, its workgroups or its time would pass a limit. Cutting changes no
//! bit: pieces of a stage compute different elements, and where sums are cut is decided before, by the shape and the adapter.

use std::ops::Range;

use crate::error::Error;
use crate::kernel::{Binding, Family, Kernel, Limits, WORKGROUP_SIZE};

/// To be raised by any change after which a training gives other bits than before; checkpoints carry it.
pub const VERSION: u32 = 1;

/// The dispatches of a step, and what they work on.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What to allocate.
    pub buffers: Vec<Buffer>,
    /// The tensors in the buffers.
    pub tensors: Vec<Tensor>,
    /// What to run, in order.
    pub dispatches: Vec<Dispatch>,
    /// Where among the dispatches other steps than the first begin: see [`Plan::and`].
    pub starts: Vec<usize>,
    /// The buffer that products in slices share.
    pub(super) slices: Option<usize>,
}

/// A buffer to allocate.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Its label, which messages show.
    pub name: String,
    /// In elements of four bytes.
    pub len: usize,
}

/// A tensor: a part of a buffer, with a shape.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Which of the plan's buffers it is in.
    pub buffer: usize,
    /// Its first element there; elements have four bytes.
    pub offset: usize,
    /// Its shape.
    pub rows: usize,
    /// Its shape.
    pub columns: usize,
}

/// Which tensor of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub usize);

/// One dispatch.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The shader and the functions chosen for it.
    pub kernel: Kernel,
    /// The storage buffers that the kernel uses.
    pub operands: Vec<Operand>,
    /// The words of its `Params`.
    pub params: Vec<u32>,
    /// How many workgroups it has, in three dimensions.
    pub workgroups: [u32; 3],
    /// What it computes, as people write it.
    pub formula: String,
    /// How long it may take, by a rough count of operations.
    pub nanoseconds: u64,
}

/// A tensor at a binding.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// The number of its `@binding`.
    pub binding: u32,
    /// What is bound there.
    pub tensor: Id,
    /// Whether the kernel may write to it.
    pub written: bool,
}

/// The dispatch that would take longer by its estimate is cut; drivers' watchdogs begin at two seconds.
pub(super) const LONGEST_DISPATCH: u64 = 200_000_000;

/// Uniform buffers are bound at multiples of this, the coarsest alignment that WebGPU allows a device to ask.
pub(crate) const PARAMS_STRIDE: usize = 256;

/// What a dispatch costs however little it does.
pub(super) const LAUNCH: u64 = 5_000;

impl Limits {
    /// A rough time in nanoseconds for that many invocations of so many multiply-adds: half a GFLOP/s on a CPU, twenty on the slowest
    /// GPUs, where a dispatch of few invocations takes as long as each of them waits for memory, round by round of its loop.
    pub(super) fn nanoseconds(self, invocations: u64, rounds: u64) -> u64 {
        let operations = invocations.saturating_mul(rounds);
        LAUNCH.saturating_add(match self.software {
            true => operations.saturating_mul(4),
            false => (operations / 10).max(rounds.saturating_mul(200)),
        })
    }

    /// A rough time in nanoseconds for workgroups of a product: so many of them, each of so many terms. Four GFLOP/s on a CPU,
    /// twenty on the slowest GPUs.
    pub(super) fn product_nanoseconds(self, family: Family, workgroups: u64, terms: u64) -> u64 {
        let block = u64::from(family.rows()) * u64::from(family.columns());
        let operations = workgroups.saturating_mul(block).saturating_mul(terms);
        LAUNCH.saturating_add(match self.software {
            true => operations / 2,
            false => (operations / 10).max(terms.saturating_mul(200)),
        })
    }

    /// How many elements of so many operations each a dispatch may compute.
    pub(super) fn elements(self, operations: usize) -> usize {
        let per_element = operations.max(1) as u64;
        let in_time = LONGEST_DISPATCH / if self.software { 4 * per_element } else { per_element.div_ceil(10) };
        let in_workgroups = u64::from(self.workgroups) * u64::from(WORKGROUP_SIZE);
        let whole = u64::from(WORKGROUP_SIZE);
        ((in_time.min(in_workgroups) / whole).max(1) * whole) as usize
    }
}

impl Plan {
    /// This plan with the steps of another after its own, to be run apart. Buffers of the same name are one, as long as the longer of
    /// them; a tensor of both is found as it is in this one.
    #[must_use]
    pub fn and(mut self, other: Plan) -> Self {
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
        self.tensors.extend(other.tensors.into_iter().map(|tensor| Tensor { buffer: buffers[tensor.buffer], ..tensor }));
        let start = self.dispatches.len();
        self.starts.push(start);
        self.starts.extend(other.starts.into_iter().map(|other| start + other));
        self.dispatches.extend(other.dispatches.into_iter().map(|mut dispatch| {
            for operand in &mut dispatch.operands {
                operand.tensor.0 += before;
            }
            dispatch
        }));
        self
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

    /// The tensor of that name.
    ///
    /// # Panics
    /// If the plan has none: names are fixed by the plan's kind.
    pub fn find(&self, name: &str) -> Id {
        let found = self.tensors.iter().position(|tensor| tensor.name == name);
        Id(found.unwrap_or_else(|| panic!("the plan has no tensor `{name}`")))
    }

    /// The bytes of the tensors that a dispatch works on, each counted once.
    pub fn bytes(&self, dispatch: &Dispatch) -> usize {
        let bytes = |operand: &Operand| 4 * self.len(operand.tensor);
        dispatch.operands.iter().map(bytes).sum()
    }

    /// One dispatch of so many invocations, each of so many operations one after the other.
    pub(super) fn dispatch(
        &mut self,
        kernel: Kernel,
        operands: &[(&str, Id)],
        params: &[(&str, u32)],
        [invocations, rounds]: [usize; 2],
        formula: &str,
        limits: &Limits,
    ) {
        let workgroups = [invocations.div_ceil(WORKGROUP_SIZE as usize) as u32, 1, 1];
        let nanoseconds = limits.nanoseconds(invocations as u64, rounds as u64);
        self.push(kernel, operands, params, workgroups, formula, nanoseconds);
    }

    /// One dispatch. Only the operands that the kernel uses are bound.
    pub(super) fn push(
        &mut self,
        kernel: Kernel,
        operands: &[(&str, Id)],
        params: &[(&str, u32)],
        workgroups: [u32; 3],
        formula: &str,
        nanoseconds: u64,
    ) {
        let row = kernel.row();
        let names = params.iter().map(|(name, _)| name);
        assert!(row.params.iter().eq(names), "{} takes {:?}", kernel.label(), row.params);
        let operand = |binding: &Binding| {
            let given = operands.iter().find(|(name, _)| *name == binding.name);
            let (_, tensor) = given.unwrap_or_else(|| panic!("{} takes `{}`", kernel.label(), binding.name));
            Operand { binding: binding.index, tensor: *tensor, written: binding.written }
        };
        let operands = row.bindings.iter().map(operand).collect();
        let params = params.iter().map(|(_, word)| *word).collect();
        self.dispatches.push(Dispatch { kernel, operands, params, workgroups, formula: formula.into(), nanoseconds });
    }

    pub(super) fn len(&self, id: Id) -> usize {
        self.tensors[id.0].rows * self.tensors[id.0].columns
    }

    /// A tensor with a buffer of its own.
    pub fn tensor(&mut self, name: &str, rows: usize, columns: usize, limits: &Limits) -> Result<Id, Error> {
        let len = elements(name, rows, columns)?;
        check_bytes(name, len, limits.binding, BINDING)?;
        let buffer = self.buffer(name, len, limits)?;
        Ok(self.view(name, buffer, 0, rows, columns))
    }

    /// A buffer of `len` elements.
    pub fn buffer(&mut self, name: &str, len: usize, limits: &Limits) -> Result<usize, Error> {
        check_bytes(name, len, limits.buffer, BUFFER)?;
        self.buffers.push(Buffer { name: name.into(), len });
        Ok(self.buffers.len() - 1)
    }

    /// A tensor in a part of a buffer.
    pub fn view(&mut self, name: &str, buffer: usize, offset: usize, rows: usize, columns: usize) -> Id {
        self.tensors.push(Tensor { name: name.into(), buffer, offset, rows, columns });
        Id(self.tensors.len() - 1)
    }
}

/// How many elements of the loss one workgroup adds alone.
pub(crate) const ONE_WORKGROUP: usize = 4096;

/// What an element of an elementwise stage costs, in multiply-adds.
pub(super) const ELEMENTWISE: usize = 8;

/// 0..len in parts of at most `longest`.
pub(super) fn parts(len: usize, longest: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(longest).map(move |start| start..len.min(start.saturating_add(longest)))
}

/// A count that is known to be below 2³², since the buffer it belongs to could be bound.
pub(super) fn word(count: usize) -> u32 {
    u32::try_from(count).expect("the limits keep counts below 2³²")
}

pub(super) fn elements(name: &str, rows: usize, columns: usize) -> Result<usize, Error> {
    rows.checked_mul(columns).ok_or_else(|| Error::TooLarge {
        what: name.into(),
        limit: format!("{} values", usize::MAX),
        got: format!("{rows} × {columns}"),
    })
}

pub(super) const BUFFER: &str = "the device's longest buffer";
pub(super) const BINDING: &str = "the device's longest binding";

/// How many elements are read back in one go, by way of a buffer of their own.
pub fn readable(name: &str, rows: usize, columns: usize, limits: &Limits) -> Result<usize, Error> {
    let len = elements(name, rows, columns)?;
    check_bytes(name, len, limits.buffer, BUFFER)?;
    Ok(len)
}

pub(super) fn check_bytes(name: &str, len: usize, limit: u64, of: &str) -> Result<(), Error> {
    match (len as u64).checked_mul(4) {
        Some(bytes) if bytes <= limit => Ok(()),
        bytes => Err(Error::TooLarge {
            what: name.into(),
            limit: format!("{limit} bytes ({of})"),
            got: bytes.map_or_else(|| format!("{len} values of 4 bytes"), |bytes| format!("{bytes} bytes")),
        }),
    }
}
