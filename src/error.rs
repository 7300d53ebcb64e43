//! The error type of the library. Each message says what failed, what was expected, what was found, and what to do.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use crate::display::listed;

/// The error type of the library.
///
/// Errors about shapes, settings, numbers, names and sizes are detected before anything is allocated; they leave model
/// and device unchanged. Most errors of the driver concern a single call, and the device stays usable. After an error
/// that [needs a new device](Error::needs_new_device), the device returns the same error for every later call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter was found through Vulkan, Metal or DX12, or through WebGPU in a browser.
    #[cfg_attr(
        not(target_arch = "wasm32"),
        error(
            "no GPU adapter was found through Vulkan, Metal or DX12; install the GPU's driver (on Debian, for a software one: \
             apt-get install mesa-vulkan-drivers), or choose the device `cpu`"
        )
    )]
    #[cfg_attr(
        target_arch = "wasm32",
        error(
            "no GPU adapter was found through WebGPU; update the GPU's driver, or allow hardware acceleration in the browser's settings"
        )
    )]
    NoAdapter,

    /// No adapter matches the device name.
    #[error("unknown device `{}`; choose auto, hardware, software, cpu or part of the name of an adapter ({})", quoted(.name), or_none(.known))]
    UnknownDevice {
        /// The requested name.
        name: String,
        /// The names of the available adapters.
        known: Vec<String>,
    },

    /// Data or a tensor does not have the shape that the network needs.
    #[error("{}: expected {}, got {}; {}", quoted(.what), quoted(.expected), quoted(.got), quoted(.advice))]
    Shape {
        /// What has the wrong shape.
        what: String,
        /// The expected shape.
        expected: String,
        /// The actual shape.
        got: String,
        /// How to fix it.
        advice: String,
    },

    /// A network or a setting of [`Fit`](crate::Fit) is invalid.
    #[error("{}: expected {}, got {}; change it", quoted(.what), quoted(.expected), quoted(.got))]
    Setting {
        /// The name of the setting.
        what: String,
        /// The allowed values.
        expected: String,
        /// The actual value.
        got: String,
    },

    /// The input contains a NaN or an infinity.
    #[error("{what}: expected finite numbers, got {value} at {place}; clean the data or replace it")]
    NotFinite {
        /// The data or tensor.
        what: String,
        /// The position in it, counted from 0.
        place: String,
        /// The value.
        value: f32,
    },

    /// The network has no tensor of that name.
    #[error("unknown tensor `{}`; choose one of {}", quoted(.name), or_none(.known))]
    UnknownTensor {
        /// The requested name.
        name: String,
        /// The names of the network's tensors.
        known: Vec<String>,
    },

    /// An error of one network of a sweep.
    #[error("network {member} of the sweep, counting from 0: {error}")]
    Member {
        /// The index of the network.
        member: usize,
        /// Its error.
        #[source]
        error: Box<Error>,
    },

    /// The table has no such column.
    #[error("unknown column `{}` in {}; choose an existing one ({})", quoted(.name), quoted(.table), or_none(.known))]
    UnknownColumn {
        /// The requested name.
        name: String,
        /// The table.
        table: String,
        /// Similar names, or the first ones if there are none.
        known: Vec<String>,
    },

    /// A cell of a table is invalid.
    #[error(
        "{}, {}row {row}, column `{}`: expected {}, got `{}`; correct it, or treat the column in another way",
        quoted(.table), .line.map(|line| format!("line {line}, ")).unwrap_or_default(), quoted(.column), quoted(.expected), quoted(.got)
    )]
    Cell {
        /// The table.
        table: String,
        /// The row of the file, counted from 1 below the header.
        row: u64,
        /// Its line, counted from 1, if the file has lines.
        line: Option<u64>,
        /// The name of the column.
        column: String,
        /// What is allowed.
        expected: String,
        /// The content of the cell.
        got: String,
    },

    /// A file cannot be read.
    #[error("{}: {}", quoted(.path), unreadable(.expected, .message, .cause.as_ref()))]
    File {
        /// The path.
        path: String,
        /// The expected kind of file.
        expected: String,
        /// Its error.
        message: String,
        /// The system's error, if there is one.
        #[source]
        cause: Option<Cause>,
    },

    /// A file cannot be written. An existing file is unchanged, unless the system failed to sync the folder at the end;
    /// then the new file is complete.
    #[error("{}: cannot be written: {cause}; {}", quoted(.path), how_to_write(.cause))]
    Write {
        /// The path.
        path: String,
        /// The system's error. [`Error::io_kind`] distinguishes a full disk from missing permissions.
        #[source]
        cause: Cause,
    },

    /// The file already exists and would be overwritten.
    #[error("{}: the file already exists; choose another name, or allow overwriting", quoted(.path))]
    Exists {
        /// The path.
        path: String,
    },

    /// The checkpoint belongs to a different training run than the one to resume.
    #[error("{}: the checkpoint of a different training run, {}; resume with the same network, data and settings as that run, or start a new one", quoted(.path), quoted(.message))]
    OtherTraining {
        /// The path.
        path: String,
        /// What differs: the value in the checkpoint, and the current one.
        message: String,
    },

    /// An export format cannot represent the model.
    #[error("{} cannot represent {}; change the network or the preprocessing, or choose another format", quoted(.format), quoted(.what))]
    Export {
        /// The format.
        format: String,
        /// What it cannot represent.
        what: String,
    },

    /// Something is larger than the device can handle, or than the CPU can address.
    #[error("{what}: expected at most {limit}, got {got}; use smaller batches, fewer rows or narrower layers, or another device")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit, with its unit.
        limit: String,
        /// The requested size, with its unit.
        got: String,
    },

    /// The CPU engine cannot do this, because it runs no shaders.
    #[error("{what} needs shaders, which the CPU engine does not run; choose a GPU or a software adapter")]
    NeedsAdapter {
        /// The requested operation.
        what: String,
    },

    /// Training diverged: a loss or a weight was no longer finite at a log point. The model keeps the weights of the
    /// previous log point, or else those from before the training.
    #[error(
        "training diverged: {what} was {value} by epoch {epoch}; lower the learning rate ({learning_rate}) or scale the inputs \
         (the model keeps the weights of the previous log point, or those from before the training)"
    )]
    Diverged {
        /// `a loss`, or the name of a tensor.
        what: String,
        /// The value.
        value: f32,
        /// The epoch of the loss, or the last epoch run, counted from 1.
        epoch: usize,
        /// The learning rate of the settings.
        learning_rate: f64,
    },

    /// A shader does not compile.
    #[error("shader {label}, line {line}: `{code}` does not compile: {message}; correct the WGSL")]
    Shader {
        /// The shader's file, and the functions chosen for it.
        label: String,
        /// The line, counted from 1, in the file with these functions appended; 0 if the compiler names none.
        line: u32,
        /// The text of that line.
        code: String,
        /// The compiler's message.
        message: String,
    },

    /// The driver does not open the adapter.
    #[error("the adapter {adapter} cannot be opened: {message}; update its driver, or choose another device")]
    DeviceRequest {
        /// The adapter's name.
        adapter: String,
        /// The driver's message.
        message: String,
        /// The driver's error, if it gave one.
        #[source]
        cause: Option<Cause>,
    },

    /// The device or this process does not have enough memory. What was allocated for the call is freed; a smaller call
    /// can follow.
    #[error(
        "out of memory for {what}: {bytes} bytes are needed, but only {taken} could be allocated; use fewer rows or narrower layers"
    )]
    OutOfMemory {
        /// What was to be allocated.
        what: String,
        /// The bytes needed in all.
        bytes: u64,
        /// The bytes that had been allocated when the next buffer was refused. They are free again.
        taken: u64,
    },

    /// The driver refused a call.
    #[error("{what}: the driver refused the call: {message}; update the driver, or choose another device")]
    Driver {
        /// The purpose of the call.
        what: String,
        /// The driver's message.
        message: String,
        /// The driver's error, if it gave one.
        #[source]
        cause: Option<Cause>,
    },

    /// The device is lost: it was removed, a watchdog reset it, or its driver crashed.
    #[error("device lost: {message}; reopen it, or call `Model::recover`")]
    DeviceLost {
        /// The driver's message.
        message: String,
    },

    /// The driver refused an operation that no call was waiting for, so the contents of the device are unknown.
    #[error("device failed: {message}; reopen it, or call `Model::recover`")]
    DeviceFailed {
        /// The driver's message.
        message: String,
        /// The driver's error, if it gave one.
        #[source]
        cause: Option<Cause>,
    },

    /// The device did not respond in time.
    #[error("{what} did not finish within {seconds} s; reopen the device, or call `Model::recover`")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How many seconds.
        seconds: u64,
    },

    /// A caught panic in a layer below this library.
    #[error("{what} panicked: {message}; reopen the device, or call `Model::recover`")]
    Panicked {
        /// The call that panicked.
        what: String,
        /// The panic's message.
        message: String,
    },
}

/// The cause of an [`Error`]: the error of the system or the driver. [`Error::source`](std::error::Error::source)
/// returns it with its own type, such as [`std::io::Error`].
#[derive(Clone)]
pub struct Cause(Arc<dyn StdError + Send + Sync>);

impl Cause {
    /// Wraps an error as a cause.
    pub(crate) fn new(error: impl StdError + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }
}

impl Deref for Cause {
    type Target = dyn StdError + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Cause {
    /// Causes with the same message are equal.
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// Why a file is refused: what it contains, or the system's error.
#[derive(Debug)]
pub(crate) struct Refusal {
    message: String,
    cause: Option<Cause>,
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message, cause: None }
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self { message: error.to_string(), cause: Some(Cause::new(error)) }
    }
}

impl Error {
    /// A file that cannot be read as what it should be.
    pub(crate) fn file(path: &Path, expected: &str, why: impl Into<Refusal>) -> Self {
        let Refusal { message, cause } = why.into();
        Self::File { path: path.display().to_string(), expected: expected.into(), message, cause }
    }

    /// A place that cannot be written.
    pub(crate) fn write(path: &Path, error: io::Error) -> Self {
        Self::Write { path: path.display().to_string(), cause: Cause::new(error) }
    }

    /// The kind of the system's error that caused this one, if there is one. It distinguishes a full disk from missing
    /// permissions.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use shaderprop::{Device, Load, Model};
    /// let error = Model::load(&Device::cpu(), "no such file.safetensors", &Load::new()).expect_err("no such file");
    /// assert_eq!(error.io_kind(), Some(ErrorKind::NotFound));
    /// ```
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        let mut behind: Option<&(dyn StdError + 'static)> = Some(self);
        while let Some(error) = behind {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return Some(error.kind());
            }
            behind = error.source();
        }
        None
    }

    /// Whether the device can no longer be used. It returns this error for every later call and has to be reopened, as
    /// [`Model::recover`](crate::Model::recover) does.
    ///
    /// ```
    /// use shaderprop::Error;
    /// assert!(Error::DeviceLost { message: "unplugged".into() }.needs_new_device());
    /// assert!(!Error::NoAdapter.needs_new_device());
    /// ```
    pub fn needs_new_device(&self) -> bool {
        matches!(self, Self::DeviceLost { .. } | Self::DeviceFailed { .. } | Self::Timeout { .. } | Self::Panicked { .. })
    }
}

/// Why a file cannot be read, and what to do about it.
fn unreadable(expected: &str, message: &str, cause: Option<&Cause>) -> String {
    let message = quoted(message);
    match kind_of(cause) {
        // The system could read it, but not what is in it.
        None | Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof) => {
            format!("expected {expected}, got: {message}; check the file")
        }
        Some(io::ErrorKind::NotFound) => format!("cannot be read: {message}; check the path"),
        Some(io::ErrorKind::PermissionDenied) => format!("cannot be read: {message}; change its permissions"),
        Some(_) => format!("cannot be read: {message}; check the file and its disk"),
    }
}

/// What to do about a place that cannot be written.
fn how_to_write(cause: &Cause) -> &'static str {
    use io::ErrorKind as Kind;
    match kind_of(Some(cause)) {
        Some(Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge) => "make room there, or choose another place",
        Some(Kind::NotFound | Kind::NotADirectory) => "create its folder, or choose another place",
        Some(Kind::PermissionDenied | Kind::ReadOnlyFilesystem) => "change the permissions, or choose another place",
        _ => "choose another place",
    }
}

fn kind_of(cause: Option<&Cause>) -> Option<io::ErrorKind> {
    cause?.downcast_ref::<io::Error>().map(io::Error::kind)
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { quoted(&listed(names)).into() }
}

/// Text from a file or a user, on one line of limited length.
fn quoted(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 400;
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return text.into();
    }
    let line: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() <= LONGEST {
        return line.into_iter().collect::<String>().into();
    }
    // The end of a path is the file name.
    let (begin, end) = (&line[..LONGEST / 2], &line[line.len() - LONGEST / 2..]);
    begin.iter().chain(&['…']).chain(end).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_stays_on_the_line() {
        let error = Error::file(Path::new("a\nb"), "a table", format!("\u{1b}[31m{}", "x".repeat(1000)));
        let text = error.to_string();
        assert!(!text.contains(char::is_control) && text.len() < 600, "{text}");
        assert!(text.starts_with("a b: expected a table, got:  [31mxxx"), "{text}");
    }

    #[test]
    fn causes_are_told_apart() {
        let full = || Error::write(Path::new("a"), io::ErrorKind::StorageFull.into());
        let forbidden = Error::write(Path::new("a"), io::ErrorKind::PermissionDenied.into());
        assert!(full() == full() && full() != forbidden);
        assert_eq!(full().io_kind(), Some(io::ErrorKind::StorageFull));
        let source = full().source().and_then(|source| source.downcast_ref::<io::Error>().map(io::Error::kind));
        assert_eq!(source, Some(io::ErrorKind::StorageFull), "as what it is");
        // Also behind another error.
        assert_eq!(Error::Member { member: 1, error: Box::new(forbidden) }.io_kind(), Some(io::ErrorKind::PermissionDenied));
        assert_eq!(Error::NoAdapter.io_kind(), None);
        for (error, advice) in
            [(full(), "make room"), (Error::write(Path::new("a"), io::ErrorKind::NotFound.into()), "create its folder")]
        {
            assert!(error.to_string().contains(advice), "{error}");
        }
    }
}
