//! Information about a device: its kind, driver and limits.

use std::fmt;

/// Information about a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// The adapter's name as reported by its driver; `cpu` for the CPU engine.
    pub name: String,
    /// The kind of device.
    pub kind: DeviceKind,
    /// The graphics API: `Vulkan`, `Metal`, `Dx12` or `BrowserWebGpu`; `none` for the CPU engine.
    pub backend: String,
    /// The driver and its version, as reported by the driver.
    pub driver: String,
    /// The limits that matter for training; `None` for the CPU engine.
    pub limits: Option<DeviceLimits>,
}

/// The limits of a device that matter for training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceLimits {
    /// The maximum size of a buffer, in bytes.
    pub buffer: u64,
    /// The maximum size of a buffer binding, in bytes. Larger data is processed in pieces.
    pub binding: u64,
    /// The memory shared by a workgroup, in bytes.
    pub workgroup_memory: u32,
    /// The maximum number of invocations in a workgroup.
    pub workgroup_invocations: u32,
    /// The minimum and maximum number of lanes in a subgroup.
    pub subgroup: (u32, u32),
    /// Whether the device has timestamps to measure kernels with.
    pub clock: bool,
}

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A GPU.
    Hardware,
    /// A GPU driver that computes on the CPU, such as Mesa's lavapipe or SwiftShader.
    Software,
    /// The CPU engine of this library: the reference in f64, without shaders.
    Cpu,
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DeviceKind::Cpu => write!(f, "{} (the CPU engine, f64)", self.name),
            DeviceKind::Hardware => write!(f, "{} (hardware, {}, {})", self.name, self.backend, self.driver),
            DeviceKind::Software => write!(f, "{} (software, {}, {})", self.name, self.backend, self.driver),
        }
    }
}

/// The information about the CPU engine.
pub fn cpu_info() -> DeviceInfo {
    DeviceInfo { name: "cpu".into(), kind: DeviceKind::Cpu, backend: "none".into(), driver: "none".into(), limits: None }
}

/// The information about an adapter.
pub fn info_of(adapter: &wgpu::Adapter) -> DeviceInfo {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    let kind = match info.device_type {
        wgpu::DeviceType::Cpu => DeviceKind::Software,
        _ => DeviceKind::Hardware,
    };
    DeviceInfo {
        name: info.name.clone(),
        kind,
        backend: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().into(),
        limits: Some(DeviceLimits {
            buffer: limits.max_buffer_size,
            binding: limits.max_storage_buffer_binding_size,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            subgroup: (info.subgroup_min_size, info.subgroup_max_size),
            clock: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
        }),
    }
}
