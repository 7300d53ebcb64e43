//! The error type of the library. Each message says what failed, what was expected, what was found, and what to do.

use std::borrow::Cow;

/// The error type of the library.
///
/// Errors about shapes, settings, numbers, names and sizes are detected before anything is allocated; they leave model
/// and device unchanged. Most errors of the driver concern a single call, and the device stays usable. After an error
/// that [needs a new device](Error::needs_new_device), the device returns the same error for every later call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no adapter that Vulkan, Metal or DX12 supports, or WebGPU in a browser.
    #[cfg_attr(
        not(target_arch = "wasm32"),
        error(
            "no GPU adapter: expected one that Vulkan, Metal or DX12 reaches, found none; install the GPU's driver \
             (a software one on Debian: apt-get install mesa-vulkan-drivers) or choose the device `cpu`"
        )
    )]
    #[cfg_attr(
        target_arch = "wasm32",
        error(
            "no GPU adapter: expected one that WebGPU reaches, found none; update the GPU's driver, or allow hardware acceleration in the \
             browser's settings"
        )
    )]
    NoAdapter,

    /// No adapter matches the device name.
    #[error("unknown device `{}`: expected auto, hardware, software, cpu or a part of the name of an adapter, of which there are: {}; choose one of these", quoted(.name), or_none(.known))]
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
    #[error("unknown tensor `{}`: expected one of {}; choose one of these", quoted(.name), .known.join(", "))]
    UnknownTensor {
        /// The requested name.
        name: String,
        /// The names of the network's tensors.
        known: Vec<String>,
    },

    /// An error of one network of a sweep.
    #[error("network {member} of the sweep, counted from 0: {error}")]
    Member {
        /// The index of the network.
        member: usize,
        /// Its error.
        error: Box<Error>,
    },

    /// The table has no such column.
    #[error("unknown column `{}`: expected one of {}, which has {}; choose one of these", quoted(.name), quoted(.table), or_none(.known))]
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
        "{}, {}row {row}, column `{}`: expected {}, got `{}`; correct it, or choose another treatment of the column",
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
    #[error("{}: expected {expected}, got: {}; check the file", quoted(.path), quoted(.message))]
    File {
        /// The path.
        path: String,
        /// The expected kind of file.
        expected: String,
        /// What is wrong with it.
        message: String,
    },

    /// A file cannot be written. An existing file is unchanged, unless the system failed to sync the folder at the end;
    /// then the new file is complete.
    #[error("{}: expected a place that can be written, got: {message}; choose another, or make room", quoted(.path))]
    Write {
        /// The path.
        path: String,
        /// What is wrong, or the system's message.
        message: String,
    },

    /// The file already exists and would be overwritten.
    #[error("{}: expected no file there yet, got one; choose another name, or allow overwriting", quoted(.path))]
    Exists {
        /// The path.
        path: String,
    },

    /// The checkpoint belongs to another training than the one to resume.
    #[error("{}: expected a checkpoint of this training, got {}; give it what it was begun with, or begin anew", quoted(.path), quoted(.message))]
    OtherTraining {
        /// The path.
        path: String,
        /// What differs: the value in the checkpoint, and the current one.
        message: String,
    },

    /// An export format cannot represent the model.
    #[error("{}: expected what it can say, got {}; change the network or the preprocessing, or choose another format", quoted(.format), quoted(.what))]
    Export {
        /// The format.
        format: String,
        /// What it cannot represent.
        what: String,
    },

    /// Something is larger than the device, or this machine's arithmetic, can handle.
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
    #[error("{what}: expected a device that runs shaders, got the CPU engine; choose a GPU or a software adapter")]
    NeedsAdapter {
        /// The requested operation.
        what: String,
    },

    /// Training diverged: a loss or a weight was no longer finite at a log point. The model keeps the weights of the
    /// previous log point, or else those from before the training.
    #[error(
        "training diverged: expected {what} to be finite, got {value} by epoch {epoch}; lower the learning rate \
         ({learning_rate}) or scale the inputs (the model keeps the weights of the log point before, else those it had before)"
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
    #[error(
        "shader {label}, line {line}: expected WGSL that compiles, got `{code}`, of which the compiler says: {message}; correct it"
    )]
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
    #[error("adapter {adapter}: expected it to open, got: {message}; update its driver or choose another device")]
    DeviceRequest {
        /// The adapter's name.
        adapter: String,
        /// The driver's message.
        message: String,
    },

    /// The device or this process does not have enough memory. What was allocated for the call is freed; a smaller call
    /// can follow.
    #[error("{what}: expected {bytes} bytes of free memory, got {taken} of them; use fewer rows or narrower layers")]
    OutOfMemory {
        /// What was to be allocated.
        what: String,
        /// The bytes needed in all.
        bytes: u64,
        /// The bytes that had been allocated when the next buffer was refused. They are free again.
        taken: u64,
    },

    /// The driver refused a call.
    #[error("{what}: expected the driver to accept the call, got: {message}; update the driver or choose another device")]
    Driver {
        /// The purpose of the call.
        what: String,
        /// The driver's message.
        message: String,
    },

    /// The device is lost: it was removed, a watchdog reset it, or its driver crashed.
    #[error("device lost: expected it to stay, got: {message}; open a new device")]
    DeviceLost {
        /// The driver's message.
        message: String,
    },

    /// The driver refused something that no call was waiting for, so that the contents of the device are unknown.
    #[error("device failed: expected it to take all that it is given, got: {message}; open a new device")]
    DeviceFailed {
        /// The driver's message.
        message: String,
    },

    /// The device did not answer in time.
    #[error("{what}: expected an answer within {seconds} s, got none; open a new device")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How many seconds.
        seconds: u64,
    },

    /// A panic in a layer below this library, caught.
    #[error("{what}: expected it to return, it panicked: {message}; open a new device")]
    Panicked {
        /// The call that panicked.
        what: String,
        /// The panic's message.
        message: String,
    },
}

impl Error {
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

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { quoted(&names.join(", ")).into() }
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
        let error =
            Error::File { path: "a\nb".into(), expected: "a table".into(), message: format!("\u{1b}[31m{}", "x".repeat(1000)) };
        let text = error.to_string();
        assert!(!text.contains(char::is_control) && text.len() < 600, "{text}");
        assert!(text.starts_with("a b: expected a table, got:  [31mxxx"), "{text}");
    }
}
