//! An opened device with its queue: opening, limits, closing.
//!
//! The calls that wait are async and never poll the device. Outside a browser, `wait.rs` polls it, with a timeout. The
//! first fault that no call was waiting for (an uncaptured error, a lost device, a timeout, a panic) is kept and
//! returned by every later call, so that numbers from a broken device are never passed on. If the device is lost, that
//! error replaces those of the calls that failed because of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::adapters::{features, is_software};
use super::faults::Faults;
use super::guard::{Guarded, guarded, lock, said};
use super::pace::{Pace, SUBMISSIONS};
#[cfg(not(target_arch = "wasm32"))]
use super::poller::Poller;
use crate::error::Error;
use crate::kernel::{Kernel, Limits, Products};

/// An opened device with its queue, its pipelines and its faults.
pub struct Gpu {
    pub(super) device: Guarded<wgpu::Device>,
    pub(super) queue: Guarded<wgpu::Queue>,
    /// Whether the device belongs to an application, which installs its handlers, polls it and submits to it.
    pub(super) adopted: bool,
    limits: wgpu::Limits,
    software: bool,
    products: Products,
    pub(super) faults: Faults,
    /// Polls the device while futures wait.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) poller: Poller,
    pub(super) pipelines: Mutex<HashMap<Kernel, wgpu::ComputePipeline>>,
    pub(super) readbacks: AtomicU64,
    pub(super) command_buffers: AtomicU64,
    /// Measured time for the estimated nanoseconds.
    pace: Mutex<Pace>,
}

impl Gpu {
    /// Opens an adapter with all its limits, because the defaults are those of a phone. In a browser it uses the
    /// defaults, which is what pages are written for.
    pub async fn open(adapter: &wgpu::Adapter) -> Result<Self, Error> {
        if cfg!(target_arch = "wasm32") {
            return Self::open_with(adapter, wgpu::Limits::default(), wgpu::Features::empty()).await;
        }
        Self::open_with(adapter, adapter.limits(), features(adapter)).await
    }

    /// Opens an adapter with those limits and features.
    pub async fn open_with(
        adapter: &wgpu::Adapter,
        required_limits: wgpu::Limits,
        required_features: wgpu::Features,
    ) -> Result<Self, Error> {
        let info = adapter.get_info();
        let (device, queue) = guarded("opening the adapter", async {
            adapter
                .request_device(&wgpu::DeviceDescriptor {
                    label: Some("shaderprop"),
                    required_limits,
                    required_features,
                    ..Default::default()
                })
                .await
        })
        .await?
        .map_err(|error| {
            let (message, cause) = said(error);
            Error::DeviceRequest { adapter: info.name.clone(), message, cause }
        })?;

        let gpu = Self::new(device, queue, false);
        let faults = gpu.faults.clone();
        gpu.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let (message, cause) = said(error);
            faults.fail(Error::DeviceFailed { message, cause });
        }));
        let faults = gpu.faults.clone();
        gpu.device.set_device_lost_callback(move |reason, message| faults.lose(&format!("{reason:?} {message}")));
        // If the first submission finds no memory, wgpu-hal 30.0.1 forgets that two of its semaphores are the same and
        // later frees them twice. So the first submission is empty, and if it fails the device is never dropped.
        if let Err(error) = gpu.submit(vec![]).and_then(|_| gpu.look()) {
            let message = match gpu.cause(error) {
                Error::DeviceLost { message } => message,
                error => error.to_string(),
            };
            std::mem::forget(gpu);
            return Err(Error::DeviceRequest { adapter: info.name, message, cause: None });
        }
        Ok(gpu)
    }

    /// Adopts an application's device: it gets no handlers, is never polled, and receives no submissions from here.
    pub fn adopt(device: &wgpu::Device, queue: &wgpu::Queue) -> Self {
        Self::new(device.clone(), queue.clone(), true)
    }

    fn new(device: wgpu::Device, queue: wgpu::Queue, adopted: bool) -> Self {
        let (info, limits) = (device.adapter_info(), device.limits());
        let software = is_software(&info);
        let subgroups = software && device.features().contains(wgpu::Features::SUBGROUP);
        Self {
            software,
            products: Products::of(&info, &limits, subgroups),
            limits,
            device: Guarded::new(device),
            queue: Guarded::new(queue),
            adopted,
            faults: Faults::default(),
            #[cfg(not(target_arch = "wasm32"))]
            poller: Poller::default(),
            pipelines: Mutex::default(),
            readbacks: AtomicU64::new(0),
            command_buffers: AtomicU64::new(0),
            pace: Mutex::new(Pace::new(SUBMISSIONS)),
        }
    }

    /// The limits of the opened device.
    pub fn limits(&self) -> &wgpu::Limits {
        &self.limits
    }

    /// Whether it computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.software
    }

    /// The limits for planning.
    pub fn plan_limits(&self) -> Limits {
        Limits::of(&self.limits, self.software, self.products)
    }

    /// The number of readbacks so far.
    pub fn readbacks(&self) -> u64 {
        self.readbacks.load(Ordering::Relaxed)
    }

    /// The number of command buffers of steps submitted so far.
    pub fn command_buffers(&self) -> u64 {
        self.command_buffers.load(Ordering::Relaxed)
    }

    /// The measured pace, for kernels that may still have to be compiled.
    pub fn pace(&self) -> Pace {
        lock(&self.pace).clone().cold()
    }

    /// Stores the measured pace for later work.
    pub fn set_pace(&self, pace: &Pace) {
        lock(&self.pace).clone_from(pace);
    }

    /// Destroys the device, for tests, as unplugging it would.
    pub fn destroy(&self) {
        self.device.destroy();
    }
}

impl Drop for Gpu {
    /// A device that does not answer is leaked, because wgpu would wait for its queue forever when dropping it. An
    /// application drops its own device, and a browser drops its devices.
    fn drop(&mut self) {
        #[cfg(not(target_arch = "wasm32"))]
        if !self.adopted {
            self.poller.close();
            if self.comes_to_its_end() {
                self.poller.join();
            } else {
                self.device.leak();
                self.queue.leak();
            }
        }
    }
}
