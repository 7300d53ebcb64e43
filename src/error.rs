//! Everything that can go wrong, as one type; each message says what, what was expected, what came, and what to do.

use std::borrow::Cow;

/// What went wrong.
///
/// Those about shapes, settings, numbers, names and sizes are found before anything is allocated, and leave model and device as they
/// were. Of those that come from the driver, most concern one call, and the device stays usable; after those that
/// [need a new device](Error::needs_new_device) it answers every later call with the same error.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter that Vulkan, Metal or DX12 reaches, or WebGPU in a browser.
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

    /// A device name that fits no adapter.
    #[error("unknown device `{}`: expected auto, hardware, software, cpu or a part of the name of an adapter, of which there are: {}; choose one of these", quoted(.name), or_none(.known))]
    UnknownDevice {
        /// What was asked for.
        name: String,
        /// The names of the adapters that there are.
        known: Vec<String>,
    },

    /// Data, or a tensor, of another shape than the network has.
    #[error("{}: expected {}, got {}; {}", quoted(.what), quoted(.expected), quoted(.got), quoted(.advice))]
    Shape {
        /// Whose shape it is.
        what: String,
        /// The shape that fits.
        expected: String,
        /// The shape that came.
        got: String,
        /// How to mend it.
        advice: String,
    },

    /// A network, or a setting of [`Fit`](crate::Fit), that has no meaning.
    #[error("{}: expected {}, got {}; change it", quoted(.what), quoted(.expected), quoted(.got))]
    Setting {
        /// The setting's name.
        what: String,
        /// What it may be.
        expected: String,
        /// What it was.
        got: String,
    },

    /// A NaN or an infinity in what was handed in.
    #[error("{what}: expected finite numbers, got {value} at {place}; clean the data or replace it")]
    NotFinite {
        /// Which data or tensor.
        what: String,
        /// Where in it, counted from 0.
        place: String,
        /// The value found.
        value: f32,
    },

    /// A tensor name that the network does not have.
    #[error("unknown tensor `{}`: expected one of {}; choose one of these", quoted(.name), .known.join(", "))]
    UnknownTensor {
        /// What was asked for.
        name: String,
        /// The names of the network's tensors.
        known: Vec<String>,
    },

    /// What is wrong with one network of a sweep.
    #[error("network {member} of the sweep, counted from 0: {error}")]
    Member {
        /// Which.
        member: usize,
        /// What is wrong with it.
        error: Box<Error>,
    },

    /// A column that a table does not have.
    #[error("unknown column `{}`: expected one of {}, which has {}; choose one of these", quoted(.name), quoted(.table), or_none(.known))]
    UnknownColumn {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        table: String,
        /// Near names, or if there are none the first ones.
        known: Vec<String>,
    },

    /// A cell of a table that has no meaning.
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
        /// The column's name.
        column: String,
        /// What it may be.
        expected: String,
        /// What stands there.
        got: String,
    },

    /// A file that cannot be read.
    #[error("{}: expected {expected}, got: {}; check the file", quoted(.path), quoted(.message))]
    File {
        /// Its path.
        path: String,
        /// What it should be.
        expected: String,
        /// What it is.
        message: String,
    },

    /// A place that cannot be written. What was there before is as it was, unless the system failed to sync the folder at last: then the new file is
    /// there whole.
    #[error("{}: expected a place that can be written, got: {message}; choose another, or make room", quoted(.path))]
    Write {
        /// Its path.
        path: String,
        /// What it is, or the system's words.
        message: String,
    },

    /// A file that would be overwritten.
    #[error("{}: expected no file there yet, got one; choose another name, or allow overwriting", quoted(.path))]
    Exists {
        /// Its path.
        path: String,
    },

    /// A checkpoint of another training than the one that should go on.
    #[error("{}: expected a checkpoint of this training, got {}; give it what it was begun with, or begin anew", quoted(.path), quoted(.message))]
    OtherTraining {
        /// Its path.
        path: String,
        /// What differs: how it was, and how it is.
        message: String,
    },

    /// What a format for other programs has no words for.
    #[error("{}: expected what it can say, got {}; change the network or the preprocessing, or choose another format", quoted(.format), quoted(.what))]
    Export {
        /// The format.
        format: String,
        /// What it cannot say.
        what: String,
    },

    /// Something larger than the device, or this machine's arithmetic, can hold.
    #[error("{what}: expected at most {limit}, got {got}; use smaller batches, fewer rows or narrower layers, or another device")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit, with its unit.
        limit: String,
        /// The size asked for, with its unit.
        got: String,
    },

    /// What the CPU engine cannot do, because it runs no shaders.
    #[error("{what}: expected a device that runs shaders, got the CPU engine; choose a GPU or a software adapter")]
    NeedsAdapter {
        /// What was asked for.
        what: String,
    },

    /// Training left the finite numbers, as was found at a log point. The model keeps the weights of the one before, else those that it had
    /// before the training.
    #[error(
        "training diverged: expected {what} to be finite, got {value} by epoch {epoch}; lower the learning rate \
         ({learning_rate}) or scale the inputs (the model keeps the weights of the log point before, else those it had before)"
    )]
    Diverged {
        /// `a loss`, or the name of a tensor.
        what: String,
        /// The value found.
        value: f32,
        /// The epoch of that loss, or the last one run, counted from 1.
        epoch: usize,
        /// The learning rate that was set.
        learning_rate: f64,
    },

    /// A shader that did not compile.
    #[error(
        "shader {label}, line {line}: expected WGSL that compiles, got `{code}`, of which the compiler says: {message}; correct it"
    )]
    Shader {
        /// The shader's file, with the functions chosen for it.
        label: String,
        /// The line, counted from 1, of the file with these functions appended; 0 if the compiler names none.
        line: u32,
        /// What stands there.
        code: String,
        /// The compiler's words.
        message: String,
    },

    /// The driver would not open the adapter.
    #[error("adapter {adapter}: expected it to open, got: {message}; update its driver or choose another device")]
    DeviceRequest {
        /// The adapter's name.
        adapter: String,
        /// The driver's words.
        message: String,
    },

    /// The device, or this process, has not enough memory. What was allocated for the call is freed; a smaller one can follow.
    #[error("{what}: expected {bytes} bytes of free memory, got {taken} of them; use fewer rows or narrower layers")]
    OutOfMemory {
        /// What was to be allocated.
        what: String,
        /// How much, in all.
        bytes: u64,
        /// How much of it had been allocated when the next buffer was refused; it is free again.
        taken: u64,
    },

    /// The driver refused a call.
    #[error("{what}: expected the driver to accept the call, got: {message}; update the driver or choose another device")]
    Driver {
        /// What the call was for.
        what: String,
        /// The driver's words.
        message: String,
    },

    /// The device is gone: removed, reset by a watchdog, or its driver crashed.
    #[error("device lost: expected it to stay, got: {message}; open a new device")]
    DeviceLost {
        /// The driver's words.
        message: String,
    },

    /// The driver refused something that no call was waiting for, so that what the device holds is unknown.
    #[error("device failed: expected it to take all that it is given, got: {message}; open a new device")]
    DeviceFailed {
        /// The driver's words.
        message: String,
    },

    /// The device did not answer in time.
    #[error("{what}: expected an answer within {seconds} s, got none; open a new device")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },

    /// A panic below this library, caught.
    #[error("{what}: expected it to return, it panicked: {message}; open a new device")]
    Panicked {
        /// The call that panicked.
        what: String,
        /// The panic's message.
        message: String,
    },
}

impl Error {
    /// Whether the device is of no use any more: it answers every later call with this error, and has to be opened anew, as
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

/// What a file or a user says, on one line and not too long.
fn quoted(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 400;
    if text.len() <= LONGEST && !text.contains(char::is_control) {
        return text.into();
    }
    let line: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() <= LONGEST {
        return line.into_iter().collect::<String>().into();
    }
    // The end of a path is its file's name.
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
