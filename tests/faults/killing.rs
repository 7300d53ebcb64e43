//! Killed at any moment of a training that writes a checkpoint after every epoch: the file loads, and the training that goes on from it ends bit by
//! bit as one that was not killed.

use std::fmt::Write;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use shaderprop::{
    Activation, Checkpoint, Device, DeviceChoice, EngineChoice, Error, Fit, Init, Load, Log, Matrix, Model, Network, Optimizer,
    Philox,
};

use crate::common::{self, REFUSED};

const EPOCHS: usize = 60;

/// Trains to the end, from the checkpoint in `FAULT_PATH` if there is one; prints a line before the first epoch and after each.
fn train() -> Result<String, Error> {
    let path = std::env::var("FAULT_PATH").expect("a path");
    let engine = if std::env::var_os("FAULT_FUSED").is_some() { EngineChoice::Fused } else { EngineChoice::Staged };
    let device = Device::open(&DeviceChoice::from_env())?;
    let value = |i: usize| (i * 37 % 101) as f32 / 50.0 - 1.0;
    let inputs = Matrix::new(24, 4, (0..96).map(value).collect::<Vec<_>>())?;
    let targets = Matrix::new(24, 1, (0..24).map(|i| value(i).abs()).collect::<Vec<_>>())?;
    let network = Network::new(4).dense(20, Activation::Tanh).dense(1, Activation::Sigmoid);
    let mut model = Model::new(&device, &network, &Init::default())?;
    let fit = Fit::new().optimizer(Optimizer::adam()).learning_rate(0.01).batch_size(10).epochs(EPOCHS).engine(engine);
    let fit = fit.checkpoint(Checkpoint::new(&path)).log_every(1);
    let done = |log: &Log| println!("epoch {}", log.epoch);
    println!("begun");
    match Path::new(&path).exists() {
        true => model.resume_with(&path, &inputs, &targets, &fit, done)?,
        false => model.fit_with(&inputs, &targets, &fit, done)?,
    };
    let mut bits = String::new();
    for value in model.weights().into_iter().flat_map(|tensor| tensor.values) {
        let _ = write!(bits, "{:08x}", value.to_bits());
    }
    Ok(bits)
}

pub fn child() -> ExitCode {
    match train() {
        Ok(bits) => {
            println!("{bits}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(REFUSED)
        }
    }
}

/// One training, killed after so many of its epochs, and some of the time of the next two.
struct Trial {
    number: usize,
    fused: bool,
    epochs: usize,
    share: f64,
}

pub fn run(long: bool) -> Vec<String> {
    let trials = if long { 300 } else { 24 };
    let folder = common::folder("killing");
    let command = |path: &Path, fused: bool| {
        let mut command = common::child("killing");
        command.env("FAULT_PATH", path);
        if fused {
            command.env("FAULT_FUSED", "1");
        }
        command
    };
    let whole = |path: &Path, fused| -> Result<String, String> {
        let output = common::finish(command(path, fused), Duration::from_secs(100))?;
        let bits = output.stdout.lines().last().unwrap_or_default().to_owned();
        if output.code == Some(0) { Ok(bits) } else { Err(format!("{:?}: {}", output.code, output.stderr)) }
    };
    // With its output as far as that says that the training has begun.
    let begin = |path: &Path, fused: bool| {
        let mut child = command(path, fused).spawn().expect("a process");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        output.read_line(&mut String::new()).expect("its first line");
        (child, output)
    };
    let right = [false, true].map(|fused| {
        let bits = whole(&folder.join(format!("whole-{fused}")), fused).expect("a training");
        let (mut child, mut output) = begin(&folder.join(format!("timed-{fused}")), fused);
        let since = Instant::now();
        output.read_to_string(&mut String::new()).expect("its other lines");
        let time = since.elapsed() / EPOCHS as u32;
        child.wait().expect("its end");
        (bits, time)
    });
    let mut chance = Philox::new(11, 1000, 0, 0);
    let all: Vec<Trial> = (0..trials)
        .map(|number| {
            let epochs = (chance.uniform() * EPOCHS as f32) as usize;
            Trial { number, fused: number % 2 == 1, epochs, share: 2.0 * f64::from(chance.uniform()) }
        })
        .collect();
    let results = common::each(&all, |_, Trial { number, fused, epochs, share }| -> Result<Option<u64>, String> {
        let path = folder.join(format!("killed-{number}"));
        let (bits, time) = &right[usize::from(*fused)];
        // By its epochs, not by the clock: how long they take is a matter of what else the machine does.
        let (mut child, mut output) = begin(&path, *fused);
        for _ in 0..*epochs {
            output.read_line(&mut String::new()).expect("an epoch's line");
        }
        std::thread::sleep(time.mul_f64(*share));
        child.kill().expect("its end");
        child.wait().expect("its end");
        let wrong = |what: String| format!("killed {share:.3} epochs after the {epochs}th, fused {fused}: {what}");
        let mut there = None;
        if path.exists() {
            let loaded = Model::load(&Device::cpu(), &path, &Load::new());
            there = Some(loaded.map_err(|error| wrong(format!("its checkpoint does not load: {error}")))?.epochs());
        }
        let end = whole(&path, *fused).map_err(wrong)?;
        if end != *bits {
            return Err(wrong("resumed, it ends with other weights".into()));
        }
        std::fs::remove_file(&path).expect("no checkpoint");
        Ok(there)
    });
    let epochs = || results.iter().filter_map(|result| result.as_ref().ok()?.as_ref());
    let (there, midway) = (epochs().count(), epochs().filter(|epochs| **epochs < EPOCHS as u64).count());
    let left = std::fs::read_dir(&folder).expect("the folder").flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().ends_with(".partial")).count();
    println!(
        "  {trials} killed, {there} of them with a checkpoint there, {midway} of these midway; {left} partial files are left"
    );
    std::fs::remove_dir_all(folder).expect("no folder");
    let mut escaped: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    if midway * 2 < trials {
        escaped.push(format!("{midway} of {trials} were killed midway: too few to say anything"));
    }
    if left > 0 {
        escaped.push(format!("{left} partial files are left after the training went on"));
    }
    escaped
}
