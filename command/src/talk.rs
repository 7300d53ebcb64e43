//! What the command says: results on stdout, all else on stderr, and how it ends.

use std::io::{ErrorKind, Write, stdout};
use std::process::ExitCode;

use shaderprop::{Device, Error};

/// Why a command did not do what it should.
#[derive(Debug)]
pub enum Failure {
    /// The arguments are wrong.
    Arguments(String),
    /// It failed.
    Run(String),
    /// Ctrl-C or SIGTERM: the number of the signal.
    Signal(u8),
    /// Whoever read stdout has gone.
    Gone,
}

impl Failure {
    /// Says it, and gives the exit code.
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
            Error::Exists { path } => {
                Self::Run(format!("{path}: expected no file there yet, got one; choose another name, or give --force"))
            }
            Error::Setting { .. } | Error::UnknownColumn { .. } => Self::Arguments(error.to_string()),
            _ => Self::Run(error.to_string()),
        }
    }
}

/// Writes on stdout, and a line's end.
pub fn print(text: &str) -> Result<(), Failure> {
    writeln!(stdout(), "{text}").map_err(stdout_failed)
}

pub fn stdout_failed(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::Gone,
        _ => Failure::Run(format!("stdout: expected to write there, got: {error}; make room, or choose another place")),
    }
}

/// What is said beside the results.
#[derive(Clone, Copy)]
pub struct Talk {
    pub quiet: bool,
}

impl Talk {
    /// A line on stderr.
    pub fn say(self, line: impl AsRef<str>) {
        if !self.quiet {
            // Where nobody hears it the work goes on.
            let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
        }
    }

    /// Says what trains, and what should be known of it.
    pub fn device(self, device: &Device) {
        self.say(format!("device: {}", device.info()));
        if let Some(notice) = device.notice() {
            self.say(format!("notice: {notice}"));
        }
    }
}

/// A text out of a file, as it is shown: on one line, of at most so many characters.
pub fn short(text: &str, most: usize) -> String {
    let line = |most: usize| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most);
    if text.chars().nth(most).is_some() { line(most - 1).chain(['…']).collect() } else { line(most).collect() }
}
