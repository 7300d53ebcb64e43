//! What is known of a device: what it is, what it allows.

use std::fmt;

/// Describes a device, as its driver does: for lists of devices, and to choose one by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// The adapter's name, as its driver gives it; `cpu` for the CPU engine.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// `Vulkan`, `Metal`, `Dx12` or `BrowserWebGpu`; `none` for the CPU engine.
    pub backend: String,
    /// The driver and its version, as it gives them.
    pub driver: String,
    /// What it allows; none of the CPU engine.
    pub limits: Option<DeviceLimits>,
}

/// The limits of a device that decide how large networks and batches may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceLimits {
    /// The longest buffer, in bytes.
    pub buffer: u64,
    /// The longest part of one that a shader is given, in bytes: longer data goes through in pieces.
    pub binding: u64,
    /// The memory that a workgroup shares, in bytes.
    pub workgroup_memory: u32,
    /// The most invocations in a workgroup.
    pub workgroup_invocations: u32,
    /// The fewest and the most lanes of a subgroup.
    pub subgroup: (u32, u32),
    /// Whether it has a clock of its own, by which kernels are measured.
    pub clock: bool,
}

/// Tells GPUs from what computes on the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// A GPU.
    Hardware,
    /// A GPU driver that computes on the CPU, such as Mesa's lavapipe or SwiftShader.
    Software,
    /// The CPU engine of this library: the reference, in f64, without shaders.
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

/// What is known of the CPU engine.
pub fn cpu_info() -> DeviceInfo {
    DeviceInfo { name: "cpu".into(), kind: DeviceKind::Cpu, backend: "none".into(), driver: "none".into(), limits: None }
}

/// What is known of an adapter.
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
