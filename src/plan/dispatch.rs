//! A dispatch: a kernel with its operands and parameters, which are given by the names in the table of kernels.

use super::tensors::Id;
use crate::kernel::{Binding, Kernel};

/// A dispatch.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The kernel.
    pub kernel: Kernel,
    /// The storage buffers of the kernel.
    pub operands: Vec<Operand>,
    /// The words of its `Params`.
    pub params: Vec<u32>,
    /// The number of workgroups in three dimensions.
    pub workgroups: [u32; 3],
    /// The formula it computes, for people to read.
    pub formula: String,
    /// The estimated time, by a rough count of operations.
    pub nanoseconds: u64,
}

/// A tensor at a binding.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// The number of the `@binding`.
    pub binding: u32,
    /// The tensor that is bound.
    pub tensor: Id,
    /// Whether the kernel may write to it.
    pub written: bool,
}

/// The arguments of a dispatch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub kernel: &'a Kernel,
    /// The operands by the names of their bindings. Operands that the kernel does not use are omitted.
    pub operands: &'a [(&'a str, Id)],
    /// The fields of its `Params`, in order.
    pub params: &'a [(&'a str, u32)],
    pub formula: &'a str,
}

/// Uniform buffers are bound at multiples of this, the largest alignment that WebGPU allows a device to require.
pub(crate) const PARAMS_STRIDE: usize = 256;

impl Dispatch {
    /// Creates a dispatch of that many workgroups. Only the operands that the kernel uses are bound.
    ///
    /// # Panics
    /// If the kernel's row has other parameters, or needs operands that are not given.
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
