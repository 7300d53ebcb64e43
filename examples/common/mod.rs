//! What every example does first: logging, the device, and what the user should be told of it.

#![allow(dead_code, unused_imports, reason = "each program uses its part")]

mod options;

use std::error::Error;
use std::io::{ErrorKind, Write, stdout};
use std::process::{ExitCode, exit};

use shaderprop::{Device, DeviceChoice, Stage};

pub use self::options::{Options, at_least_one, number, numbers, path};

/// Opens the device of `--device`, else of `SHADERPROP_DEVICE`, else the best there is; says on stderr which.
pub fn open_device(option: Option<&str>) -> Result<Device, shaderprop::Error> {
    without_driver_threads(|| open_wide(option))
}

/// The same for wide layers, which a software driver's threads are good for.
pub fn open_wide(option: Option<&str>) -> Result<Device, shaderprop::Error> {
    let choice = option.map_or_else(DeviceChoice::from_env, DeviceChoice::from);
    let device = Device::open_or_cpu(&choice)?;
    eprintln!("device: {}", device.info());
    if let Some(notice) = device.notice() {
        eprintln!("notice: {notice}");
    }
    Ok(device)
}

/// Opens something on a software driver such that it computes on the thread that submits. Mesa's hands every dispatch to a pool of
/// threads, which for networks as small as these examples' takes many times longer than the work. It reads this variable when it
/// is opened; where it is set already, that stands.
pub fn without_driver_threads<T>(open: impl FnOnce() -> T) -> T {
    let threads = std::env::var("LP_NUM_THREADS").unwrap_or_else(|_| "0".into());
    temp_env::with_var("LP_NUM_THREADS", Some(threads), open)
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

/// Prints a line on stdout. Where it can't be written the program ends: silently if the reader has gone, as `head` does.
pub fn print(line: &str) {
    if let Err(error) = writeln!(stdout(), "{line}") {
        if error.kind() != ErrorKind::BrokenPipe {
            eprintln!("error: stdout: {error}");
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

/// A number with eight significant digits: as many as an f32 has.
pub fn digits(value: f64) -> String {
    let magnitude = if value == 0.0 || !value.is_finite() { 0 } else { value.abs().log10().floor() as i32 };
    format!("{value:.*}", (7 - magnitude).clamp(0, 40) as usize)
}
