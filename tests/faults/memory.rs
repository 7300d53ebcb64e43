//! Too little memory: a network that does not fit is refused with the amount that it needs, and then a smaller one
//! trains on the same device.

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use shaderprop::{Activation, Device, DeviceChoice, Error, Fit, Init, Matrix, Model, Network, Optimizer};

use crate::common::{self, CHILD, Output, REFUSED, is_sentence};

/// The number of memory limits between what the small network takes and what the large one takes.
const LEVELS: u64 = 20;

/// Trains a network with this many hidden units, for long enough that everything is allocated.
fn train(device: &Device, units: usize) -> Result<Model, Error> {
    let network = Network::new(units).dense(units, Activation::Tanh).dense(1, Activation::Identity);
    let mut model = Model::new(device, &network, &Init::default())?;
    let inputs = Matrix::new(2, units, vec![0.5; 2 * units])?;
    let fit = Fit::new().optimizer(Optimizer::adam()).learning_rate(0.001).epochs(3).log_every(1);
    model.fit(&inputs, Matrix::column(vec![1.0, 0.0]), &fit)?;
    Ok(model)
}

/// The most memory that the process has requested, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("what Linux says of the process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// A small network, a large one, and the small one again.
pub fn child() -> ExitCode {
    shaderprop::silence_caught_panics();
    let run = || -> Result<bool, Error> {
        let device = Device::open(&DeviceChoice::from_env())?;
        let small = train(&device, 16)?.weights();
        // This call allocates what the CPU engine and a device's blocked products need only once, so that it is
        // not measured.
        train(&device, 600)?;
        println!("small {}", peak());
        let large = train(&device, 4000);
        println!("large {}", peak());
        if let Err(error) = &large {
            eprintln!("{error}");
        }
        let again = train(&device, 16)?.weights();
        println!("{}", if again == small { "the same" } else { "others" });
        Ok(large.is_ok())
    };
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(REFUSED),
        Err(error) => {
            eprintln!("unusable: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the child with this much memory.
fn limited(kilobytes: Option<u64>) -> Result<Output, String> {
    let mut command = Command::new("sh");
    let limit = kilobytes.map_or(String::new(), |kilobytes| format!("ulimit -v {kilobytes}; "));
    command.args(["-c", &format!("{limit}exec \"$0\"")]).arg(std::env::current_exe().expect("this program"));
    command.env(CHILD, "memory").env("RUST_BACKTRACE", "0").stdout(Stdio::piped()).stderr(Stdio::piped());
    common::finish(command, Duration::from_secs(200))
}

pub fn run(_long: bool) -> Vec<String> {
    let whole = limited(None).expect("a training run");
    assert_eq!(whole.code, Some(0), "without a limit it should train: {}", whole.stderr);
    let of = |name: &str| -> u64 {
        let line = whole.stdout.lines().find_map(|line| line.strip_prefix(name)).expect("a peak");
        line.trim().parse().expect("a number")
    };
    let (small, large) = (of("small"), of("large"));
    println!("  the small network takes {} MiB of addresses, the large one {}", small >> 10, large >> 10);
    let levels: Vec<u64> = (0..LEVELS).map(|i| small + (large - small) * (2 * i + 1) / (2 * LEVELS)).collect();
    let results = common::each(&levels, |_, kilobytes| -> Result<String, String> {
        let Output { code, stdout, stderr } = limited(Some(*kilobytes))?;
        // The error says how much was needed, and how much of that was available.
        let amounts = |line: &&str| is_sentence(line) && line.contains(" bytes are needed, but only ");
        let error = stderr.lines().find(amounts).unwrap_or_default().to_owned();
        match code {
            Some(3) if stdout.ends_with("the same\n") && !error.is_empty() && stderr.lines().count() == 1 => Ok(error),
            code => Err(format!("{} MiB: exit code {code:?}: {stdout}{stderr}", kilobytes >> 10)),
        }
    });
    let refused = results.iter().filter(|result| result.is_ok()).count();
    println!("  {refused} of {LEVELS} levels: an error, and the small network trains afterwards");
    if let Some(error) = results.iter().flatten().next() {
        println!("  such as: {error}");
    }
    results.into_iter().filter_map(Result::err).collect()
}
