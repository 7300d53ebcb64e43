//! One dispatch, made of a kernel, and of operands and parameters by the names that its row in the table of kernels has.

use super::tensors::Id;
use crate::kernel::{Binding, Kernel};

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

/// What a kernel is dispatched with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub kernel: &'a Kernel,
    /// By the names of its bindings; those that it does not use are left out.
    pub operands: &'a [(&'a str, Id)],
    /// The fields of its `Params`, in their order.
    pub params: &'a [(&'a str, u32)],
    pub formula: &'a str,
}

/// Uniform buffers are bound at multiples of this, the coarsest alignment that WebGPU allows a device to ask.
pub(crate) const PARAMS_STRIDE: usize = 256;

impl Dispatch {
    /// That call in so many workgroups. Only the operands that the kernel uses are bound.
    ///
    /// # Panics
    /// If the kernel's row has other parameters, or operands that are not given.
    pub(super) fn new(call: &Call<'_>, workgroups: [u32; 3], nanoseconds: u64) -> Self {
        let &Call { kernel, operands, params, formula } = call;
        let row = kernel.row();
        assert!(row.params.iter().eq(params.iter().map(|(name, _)| name)), "{} takes {:?}", kernel.label(), row.params);
        let operand = |binding: &Binding| {
            let given = operands.iter().find(|(name, _)| *name == binding.name);
            let (_, tensor) = given.unwrap_or_else(|| panic!("{} takes `{}`", kernel.label(), binding.name));
            Operand { binding: binding.index, tensor: *tensor, written: binding.written }
        };
        Self {
            kernel: kernel.clone(),
            operands: row.bindings.iter().map(operand).collect(),
            params: params.iter().map(|(_, word)| *word).collect(),
            workgroups,
            formula: formula.into(),
            nanoseconds,
        }
    }
}
