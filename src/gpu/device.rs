//! Devices: what a program opens and trains on.

use std::fmt;
use std::sync::Arc;

use super::adapters::adapters;
use super::choice::DeviceChoice;
use super::info::{DeviceInfo, DeviceKind, cpu_info, info_of};
use super::opening::Gpu;
use crate::error::Error;
use crate::kernel::Limits;

/// The device that trains: a GPU, a software adapter, or the CPU engine. Clones are cheap and refer to the same device.
///
/// ```
/// use shaderprop::{Device, DeviceKind};
/// let device = Device::cpu();
/// assert_eq!(device.info().kind, DeviceKind::Cpu);
/// ```
#[derive(Clone)]
pub struct Device {
    info: DeviceInfo,
    pub(crate) gpu: Option<Arc<Gpu>>,
    /// Why the CPU engine was opened, if it was not requested.
    fallback: Option<Error>,
    /// Limits that planning keeps instead of the adapter's, for tests.
    limits: Option<Limits>,
}

/// Lists the devices of this machine, best first: GPUs, software adapters, and the CPU engine, which is always
/// available.
///
/// # Errors
/// [`Error::Panicked`] if a driver fails while it is queried.
///
/// ```
/// let devices = shaderprop::devices()?;
/// assert_eq!(devices.last().map(|device| device.name.as_str()), Some("cpu"));
/// # Ok::<(), shaderprop::Error>(())
/// ```
#[cfg(not(target_arch = "wasm32"))]
pub fn devices() -> Result<Vec<DeviceInfo>, Error> {
    let adapters = pollster::block_on(adapters())?;
    Ok(adapters.iter().map(info_of).chain([cpu_info()]).collect())
}

impl Device {
    /// Opens a device.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] if there is no adapter of that kind, [`Error::UnknownDevice`] if none has the name,
    /// [`Error::DeviceRequest`] or [`Error::Panicked`] if the driver does not open it. With [`DeviceChoice::Auto`], an
    /// adapter that does not open is skipped with a warning in the log.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(choice: &DeviceChoice) -> Result<Self, Error> {
        pollster::block_on(Self::open_async(choice))
    }

    /// The async form of [`open`](Self::open), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`open`](Self::open). A browser without WebGPU has no adapter.
    pub async fn open_async(choice: &DeviceChoice) -> Result<Self, Error> {
        if *choice == DeviceChoice::Cpu {
            return Ok(Self::cpu());
        }
        let adapters = adapters().await?;
        let kind = |adapter: &wgpu::Adapter| info_of(adapter).kind;
        let fits = |adapter: &wgpu::Adapter| match choice {
            DeviceChoice::Hardware => kind(adapter) == DeviceKind::Hardware,
            DeviceChoice::Software => kind(adapter) == DeviceKind::Software,
            DeviceChoice::Name(name) => adapter.get_info().name.to_lowercase().contains(&name.to_lowercase()),
            DeviceChoice::Auto | DeviceChoice::Cpu => true,
        };
        let mut last = match choice {
            DeviceChoice::Name(name) => Error::UnknownDevice {
                name: name.clone(),
                known: adapters.iter().map(|adapter| adapter.get_info().name).collect(),
            },
            _ => Error::NoAdapter,
        };
        for adapter in adapters.iter().filter(|adapter| fits(adapter)) {
            match Gpu::open(adapter).await {
                Ok(gpu) => {
                    return Ok(Self { info: info_of(adapter), gpu: Some(Arc::new(gpu)), fallback: None, limits: None });
                }
                Err(error) if *choice == DeviceChoice::Auto => {
                    log::warn!("{error}");
                    last = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Reopens the same adapter after this device was lost. Existing clones stay lost. The CPU engine is never lost;
    /// this returns a clone of it.
    ///
    /// # Errors
    /// [`Error::UnknownDevice`] if the adapter is not available (yet); [`Error::DeviceRequest`] and [`Error::Panicked`]
    /// if the driver does not open it.
    ///
    /// ```
    /// use shaderprop::Device;
    /// assert_eq!(Device::cpu().reopen()?.info(), Device::cpu().info());
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn reopen(&self) -> Result<Self, Error> {
        pollster::block_on(self.reopen_async())
    }

    /// The async form of [`reopen`](Self::reopen), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`reopen`](Self::reopen).
    pub async fn reopen_async(&self) -> Result<Self, Error> {
        if self.gpu.is_none() {
            return Ok(self.clone());
        }
        let adapters = adapters().await?;
        let Some(adapter) = adapters.iter().find(|adapter| info_of(adapter) == self.info) else {
            let known = adapters.iter().map(|adapter| adapter.get_info().name).collect();
            return Err(Error::UnknownDevice { name: self.info.name.clone(), known });
        };
        Ok(Self { gpu: Some(Arc::new(Gpu::open(adapter).await?)), ..self.clone() })
    }

    /// Opens a device like [`open`](Self::open), but falls back to the CPU engine where [`DeviceChoice::Auto`] finds no
    /// adapter that opens. This is what most programs want. [`notice`](Self::notice) then explains the fallback.
    ///
    /// # Errors
    /// The same as [`open`](Self::open), except that [`DeviceChoice::Auto`] never fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open_or_cpu(choice: &DeviceChoice) -> Result<Self, Error> {
        match Self::open(choice) {
            Err(error) if *choice == DeviceChoice::Auto => Ok(Self { fallback: Some(error), ..Self::cpu() }),
            opened => opened,
        }
    }

    /// The CPU engine: the reference implementation in f64. It needs no adapter. Matrix products use all cores, and
    /// everything else one.
    pub fn cpu() -> Self {
        Self { info: cpu_info(), gpu: None, fallback: None, limits: None }
    }

    /// The limits that planning keeps.
    pub(crate) fn limits(&self) -> Limits {
        self.limits.unwrap_or(self.gpu.as_ref().map_or(Limits::CPU, |gpu| gpu.plan_limits()))
    }

    /// The same adapter, opened with no more than a browser guarantees, for tests.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn reopen_as_in_a_browser(&self) -> Result<Self, Error> {
        pollster::block_on(async {
            let adapters = adapters().await?;
            let adapter = adapters.iter().find(|adapter| info_of(adapter) == self.info).ok_or(Error::NoAdapter)?;
            let gpu = Gpu::open_with(adapter, wgpu::Limits::default(), wgpu::Features::empty()).await?;
            Ok(Self { gpu: Some(Arc::new(gpu)), ..self.clone() })
        })
    }

    /// The same device, planned for as if it had these limits.
    pub(crate) fn with_limits(&self, limits: Limits) -> Self {
        Self { limits: Some(limits), ..self.clone() }
    }

    /// Runs a future of the library to completion on this thread.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match &self.gpu {
            Some(gpu) => gpu.block_on(work),
            None => pollster::block_on(work),
        }
    }

    /// Awaits a future of the library and maps its faults, without blocking.
    pub(crate) async fn drive<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match &self.gpu {
            Some(gpu) => gpu.drive(work).await,
            None => work.await,
        }
    }

    /// Destroys the device and returns its memory to the driver or the browser. From then on, everything that uses it
    /// or a clone of it fails with an error that [needs a new device](Error::needs_new_device). Dropping all clones has
    /// the same effect once the models on it are gone. The CPU engine cannot be destroyed.
    ///
    /// ```no_run
    /// use shaderprop::{Device, DeviceChoice};
    /// let device = Device::open(&DeviceChoice::Auto)?;
    /// device.destroy();
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn destroy(&self) {
        if let Some(gpu) = &self.gpu {
            gpu.destroy();
        }
    }

    /// Returns the permanent fault of the device, if there is one. An earlier error may be a consequence of it.
    /// [`reopen_async`](Self::reopen_async) opens the device again.
    ///
    /// ```
    /// use shaderprop::Device;
    /// assert_eq!(Device::cpu().fault(), None);
    /// ```
    pub fn fault(&self) -> Option<Error> {
        self.gpu.as_ref()?.check().err()
    }

    /// Information about this device.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// A one-line notice for users who expected a GPU. `None` for hardware, and for a CPU engine that was requested.
    pub fn notice(&self) -> Option<String> {
        match self.info.kind {
            DeviceKind::Software => Some(format!(
                "{} is a software adapter: it runs the shaders on the CPU, where a CPU library may be faster",
                self.info.name
            )),
            DeviceKind::Cpu => self.fallback.as_ref().map(|error| format!("training on the CPU engine: {error}")),
            DeviceKind::Hardware => None,
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Device").field(&self.info).finish()
    }
}
