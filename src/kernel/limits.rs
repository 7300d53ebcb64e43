//! The limits of a device that kernels and plans depend on.

use super::product::Products;

/// The limits of a device that planning depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum size of a binding, in bytes.
    pub binding: u64,
    /// The maximum size of a buffer, in bytes.
    pub buffer: u64,
    /// The maximum number of workgroups in a dispatch, in each dimension.
    pub workgroups: u32,
    /// Whether the adapter computes on the CPU. Time estimates depend on it.
    pub software: bool,
    /// How large products are computed.
    pub products: Products,
    /// The maximum time of a dispatch of the fused engine, in nanoseconds.
    pub fused_dispatch: u64,
}

/// Under the 250 ms after which other programs on the device notice. In a browser the same device draws the page.
const FUSED_DISPATCH: u64 = if cfg!(target_arch = "wasm32") { 20_000_000 } else { 120_000_000 };

impl Limits {
    /// The limits of a device.
    pub fn of(limits: &wgpu::Limits, software: bool, products: Products) -> Self {
        Self {
            // Element counts and offsets are u32 in the shaders.
            binding: limits.max_storage_buffer_binding_size.min(u64::from(u32::MAX) & !3),
            buffer: limits.max_buffer_size,
            workgroups: limits.max_compute_workgroups_per_dimension,
            software,
            products,
            fused_dispatch: FUSED_DISPATCH,
        }
    }

    /// The limits of the CPU engine: tensors as large as on any GPU.
    pub const CPU: Self = Self {
        binding: 4 << 30,
        buffer: 4 << 30,
        workgroups: 65_535,
        software: true,
        products: Products::Plain,
        fused_dispatch: FUSED_DISPATCH,
    };
}
