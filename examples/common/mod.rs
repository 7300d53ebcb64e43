//! What every example needs: logging, a device with its notice, and printing.

#![allow(dead_code, unused_imports, reason = "each program uses some of this")]

mod options;

use std::error::Error;
use std::io::{ErrorKind, Write, stdout};
use std::process::{ExitCode, exit};

use shaderprop::{Device, DeviceChoice, Stage};

pub use self::options::{Options, at_least_one, number, numbers, path};

/// Opens the device of `--device`, else of `SHADERPROP_DEVICE`, else the best one; prints on stderr which one it is.
pub fn open_device(option: Option<&str>) -> Result<Device, shaderprop::Error> {
    without_driver_threads(|| open_wide(option))
}

/// The same for wide layers, which gain from a software driver's threads.
pub fn open_wide(option: Option<&str>) -> Result<Device, shaderprop::Error> {
    let choice = option.map_or_else(DeviceChoice::from_env, DeviceChoice::from);
    let device = without_complaint(|| Device::open_or_cpu(&choice))?;
    eprintln!("device: {}", device.info());
    if let Some(notice) = device.notice() {
        eprintln!("notice: {notice}");
    }
    Ok(device)
}

/// Opens a device so that a software driver computes on the thread that submits. Mesa's software driver hands every
/// dispatch to a thread pool, which for networks as small as these takes many times longer than the work itself. The
/// driver reads this variable when it is opened. A value that is already set stays.
pub fn without_driver_threads<T>(open: impl FnOnce() -> T) -> T {
    let threads = std::env::var("LP_NUM_THREADS").unwrap_or_else(|_| "0".into());
    temp_env::with_var("LP_NUM_THREADS", Some(threads), || without_complaint(open))
}

/// Calls a function that opens a device. Some drivers print an error if XDG_RUNTIME_DIR is not set, as in a container,
/// although they do not need it here. A value that is already set stays.
pub fn without_complaint<T>(open: impl FnOnce() -> T) -> T {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(_) => open(),
        None => temp_env::with_var("XDG_RUNTIME_DIR", Some(std::env::temp_dir()), open),
    }
}

/// Runs a program's work; an error is one line on stderr and exit code 1.
pub fn run(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn,wgpu=error,wgpu_hal=off,naga=error")).init();
    shaderprop::silence_caught_panics();
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line to stdout. If that fails, the program ends: silently if the reader has gone, as with `head`.
pub fn print(line: &str) {
    if let Err(error) = writeln!(stdout(), "{line}") {
        if error.kind() != ErrorKind::BrokenPipe {
            eprintln!("error: cannot write to stdout: {error}");
        }
        exit(1);
    }
}

/// Prints an epoch stage by stage.
pub fn explain(epoch: usize, stages: &[Stage]) {
    print(&format!("Epoch {epoch}, {} stages", stages.len()));
    for (i, stage) in stages.iter().enumerate() {
        print(&format!("\n{}. {}", i + 1, stage.to_string().trim_end()));
    }
}

/// A number with eight significant digits, about as many as an f32 has.
pub fn digits(value: f64) -> String {
    let magnitude = if value == 0.0 || !value.is_finite() { 0 } else { value.abs().log10().floor() as i32 };
    format!("{value:.*}", (7 - magnitude).clamp(0, 40) as usize)
}
