//! What a device allows, as far as kernels and plans need it.

use super::product::Products;

/// What a device allows, as far as planning needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest part of a buffer that can be bound, in bytes.
    pub binding: u64,
    /// The longest buffer, in bytes.
    pub buffer: u64,
    /// The most workgroups in one dispatch.
    pub workgroups: u32,
    /// Whether the adapter computes on the CPU: what takes long is estimated by it.
    pub software: bool,
    /// What products are computed with, where they are worth it.
    pub products: Products,
    /// How long a dispatch of the fused engine may take, in nanoseconds.
    pub fused_dispatch: u64,
}

/// Under the 250 ms after which others on the device notice. In a browser a page is drawn by the same device.
const FUSED_DISPATCH: u64 = if cfg!(target_arch = "wasm32") { 20_000_000 } else { 120_000_000 };

impl Limits {
    /// What a device allows.
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

    /// What the CPU engine takes on: as much in one tensor as any GPU.
    pub const CPU: Self = Self {
        binding: 4 << 30,
        buffer: 4 << 30,
        workgroups: 65_535,
        software: true,
        products: Products::Plain,
        fused_dispatch: FUSED_DISPATCH,
    };
}
