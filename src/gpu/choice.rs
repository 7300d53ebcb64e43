//! Which device to open.

/// Which device to open: for [`Device::open`](crate::Device::open).
///
/// ```
/// use shaderprop::DeviceChoice;
/// assert_eq!(DeviceChoice::from("software"), DeviceChoice::Software);
/// assert_eq!(DeviceChoice::from("Radeon"), DeviceChoice::Name("Radeon".into()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Hardware if there is any, else a software adapter.
    #[default]
    Auto,
    /// The first GPU: discrete before integrated.
    Hardware,
    /// The first software adapter.
    Software,
    /// The CPU engine.
    Cpu,
    /// The first adapter whose name contains this, in any case.
    Name(String),
}

impl DeviceChoice {
    /// What the environment variable `SHADERPROP_DEVICE` asks for; [`Auto`](Self::Auto) if it is empty or not set.
    pub fn from_env() -> Self {
        std::env::var_os("SHADERPROP_DEVICE").map_or(Self::Auto, |name| Self::from(name.to_string_lossy().as_ref()))
    }
}

impl From<&str> for DeviceChoice {
    /// `auto` (or nothing), `hardware`, `software`, `cpu` in any case, else a name.
    fn from(text: &str) -> Self {
        match text.trim().to_lowercase().as_str() {
            "" | "auto" => Self::Auto,
            "hardware" => Self::Hardware,
            "software" => Self::Software,
            "cpu" => Self::Cpu,
            _ => Self::Name(text.trim().into()),
        }
    }
}
