//! The adapters of this machine, and what training makes use of in them.

use super::guard::guarded;
use crate::error::Error;

/// The adapters that there are: discrete GPUs, integrated ones, others, and software last.
pub async fn adapters() -> Result<Vec<wgpu::Adapter>, Error> {
    let mut adapters = guarded("listing the adapters", async {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
        // We dispatch nothing indirectly, so its validation would only add pipelines of its own.
        descriptor.flags.remove(wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL);
        wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::all()).await
    })
    .await?;
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    Ok(adapters)
}

/// What training makes use of where an adapter has it: nothing of it is needed.
pub fn features(adapter: &wgpu::Adapter) -> wgpu::Features {
    // Software drivers run a subgroup as the lanes of a CPU's vectors, which our kernels for them make use of.
    let subgroups = if is_software(&adapter.get_info()) { wgpu::Features::SUBGROUP } else { wgpu::Features::empty() };
    adapter.features() & (subgroups | wgpu::Features::TIMESTAMP_QUERY)
}

/// Whether an adapter computes on the CPU.
pub fn is_software(info: &wgpu::AdapterInfo) -> bool {
    info.device_type == wgpu::DeviceType::Cpu
}
