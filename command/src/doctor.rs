//! `doctor`: whether a driver computes correctly, and how fast.

use clap::Args;
use shaderprop::doctor::{self, Report, Speed};
use shaderprop::{Device, Error};

use crate::options::OnDevice;
use crate::talk::{self, Failure, Talk};

/// Checks the driver: every kernel against the reference, gradients against finite differences, determinism, and speed
///
/// The exit code is 1 if a result is wrong.
///
/// Example:
///   shaderprop doctor
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    #[command(flatten)]
    device: OnDevice,
    /// Print one row for docs/inside/drivers.md instead
    #[arg(long)]
    report: bool,
    /// Print only errors to stderr
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: options.quiet };
    let device = options.device.open(0)?;
    talk.device(&device);
    let report = check(&device, talk)?;
    if !options.report {
        talk::print(&report.to_string())?;
    }
    // On a software driver, with the driver's own threads.
    let speed = doctor::speed(&options.device.open(usize::MAX)?)?;
    talk::print(&if options.report { row(&report, &speed) } else { format!("ok     {speed}") })?;
    match report.passed() {
        true => Ok(()),
        false => Err(Failure::Run(format!(
            "{}: wrong results in {}; update the driver, and report this with `shaderprop doctor --report`",
            report.device.name,
            report.wrong().join("; ")
        ))),
    }
}

fn check(device: &Device, talk: Talk) -> Result<Report, Failure> {
    let report = doctor::check_with(device, |progress| {
        if progress.training % 10 == 1 {
            talk.say(format!("training {} of {}: {}", progress.training, progress.of, progress.name));
        }
    });
    let report = report.map_err(|error| match error {
        Error::NeedsAdapter { .. } => Failure::Run(
            "doctor needs a device that runs shaders, and the CPU engine runs none; choose another with --device".into(),
        ),
        error => error.into(),
    })?;
    for (training, error) in &report.failures {
        talk.say(format!("{training}: {error}"));
    }
    Ok(report)
}

/// A row for docs/inside/drivers.md.
fn row(report: &Report, speed: &Speed) -> String {
    let info = &report.device;
    let cells = [
        info.name.clone(),
        format!("{}, {}", info.driver, info.backend),
        format!("*ran*, shaderprop {}", env!("CARGO_PKG_VERSION")),
        if report.passed() {
            format!("{} kernels in {} training runs, gradients, determinism: all passed", report.kernels.len(), report.trainings)
        } else {
            format!("WRONG: {}", report.wrong().join("; "))
        },
        format!("{:.1} GFLOP/s, {:.0} % of peak", speed.training, 100.0 * speed.share_of_peak()),
    ];
    format!("| {} |", cells.map(|cell| cell.replace('|', "/")).join(" | "))
}
