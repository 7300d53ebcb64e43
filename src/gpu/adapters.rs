//! Lists the adapters of this machine, and the features of them that training uses.

use super::guard::guarded;
use crate::error::Error;

/// Lists the available adapters: discrete GPUs, integrated ones, others, and software last.
pub async fn adapters() -> Result<Vec<wgpu::Adapter>, Error> {
    let mut adapters = guarded("listing the adapters", async {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
        // There are no indirect dispatches here; their validation would only add pipelines.
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

/// The features that training uses if an adapter has them. None is required.
pub fn features(adapter: &wgpu::Adapter) -> wgpu::Features {
    // Software drivers run a subgroup as the lanes of a CPU's vectors, which the kernels for them use.
    let subgroups = if is_software(&adapter.get_info()) { wgpu::Features::SUBGROUP } else { wgpu::Features::empty() };
    adapter.features() & (subgroups | wgpu::Features::TIMESTAMP_QUERY)
}

/// Whether an adapter computes on the CPU.
pub fn is_software(info: &wgpu::AdapterInfo) -> bool {
    info.device_type == wgpu::DeviceType::Cpu
}
