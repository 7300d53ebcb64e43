//! The command's output: results on stdout, everything else on stderr; and its exit codes.

use std::io::{ErrorKind, Write, stdout};
use std::process::ExitCode;

use shaderprop::{Device, Error};

use crate::options::Opened;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The arguments are wrong.
    Arguments(String),
    /// The work failed.
    Run(String),
    /// Ctrl-C or SIGTERM: the number of the signal.
    Signal(u8),
    /// The reader of stdout has gone.
    Gone,
}

impl Failure {
    /// Prints the failure and returns the exit code.
    pub fn tell(self) -> ExitCode {
        match self {
            Self::Arguments(message) => {
                eprintln!("error: {message}");
                2.into()
            }
            Self::Run(message) => {
                eprintln!("error: {message}");
                1.into()
            }
            Self::Signal(number) => (128 + number).into(),
            Self::Gone => 1.into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Exists { path } => Self::Run(format!("{path}: the file already exists; choose another name, or give --force")),
            Error::Setting { .. } | Error::UnknownColumn { .. } => Self::Arguments(error.to_string()),
            _ => Self::Run(error.to_string()),
        }
    }
}

/// Prints a line to stdout.
pub fn print(text: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{text}").map_err(stdout_failed)
}

pub fn stdout_failed(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::Gone,
        _ => Failure::Run(format!("cannot write to stdout: {error}")),
    }
}

/// Messages other than results.
#[derive(Clone, Copy)]
pub struct Talk {
    pub quiet: bool,
}

impl Talk {
    /// Prints a line to stderr.
    pub fn say(self, line: impl AsRef<str>) {
        if !self.quiet {
            // A failure to print a message does not stop the work.
            let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
        }
    }

    /// Prints the device that was opened, and why.
    pub fn opened(self, opened: &Opened) {
        match opened.by_size {
            true => self.say(
                "device: CPU engine (there is no GPU; for a network of this size it is faster than the software driver; --device software uses that)",
            ),
            false => self.device(&opened.device),
        }
    }

    /// Prints the device, and a notice if there is one.
    pub fn device(self, device: &Device) {
        self.say(format!("device: {}", device.info()));
        if let Some(notice) = device.notice() {
            self.say(format!("notice: {notice}"));
        }
    }
}

/// A number with four decimals, or with three significant digits if those take more decimals. Large numbers have fewer
/// decimals.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1e5 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.2}"),
        size if size >= 0.01 || size == 0.0 => format!("{value:.4}"),
        size if size >= 0.001 => format!("{value:.5}"),
        size if size >= 0.0001 => format!("{value:.6}"),
        _ => format!("{value:.2e}"),
    }
}

/// The first ten names, and how many more there are.
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const MOST: usize = 10;
    let first: Vec<String> = names.iter().take(MOST).map(|name| short(name.as_ref(), 60)).collect();
    match names.len().saturating_sub(MOST) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Text from a file, for display: on one line, and at most that many characters.
pub fn short(text: &str, most: usize) -> String {
    let line = |most: usize| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most);
    if text.chars().nth(most).is_some() { line(most - 1).chain(['…']).collect() } else { line(most).collect() }
}
