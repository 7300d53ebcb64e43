//! A training run that writes a checkpoint after every epoch is killed at any moment. The file loads, and the run that
//! resumes from it ends with the same bits as one that was not killed.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use shaderprop::{
    Activation, Checkpoint, Device, DeviceChoice, EngineChoice, Error, Fit, Init, Load, Log, Matrix, Model, Network, Optimizer,
    Philox,
};

use crate::common::{self, REFUSED};

const EPOCHS: usize = 60;

/// How long a training run may print nothing.
const LONGEST: Duration = Duration::from_secs(100);

/// Trains to the end, from the checkpoint in `FAULT_PATH` if there is one. Prints a line before the first epoch and
/// after each epoch.
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

/// One training run, killed after a given number of epochs and part of the time that the next ones take.
struct Trial {
    number: usize,
    fused: bool,
    epochs: usize,
    share: f64,
}

/// A training run in progress, and the lines that it prints.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    /// Starts a process, and waits until it says that it has begun.
    fn begin(mut command: Command) -> Result<Self, String> {
        let mut child = command.spawn().expect("a process");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let running = Self { child, lines };
        running.says("begun")?;
        Ok(running)
    }

    fn says(&self, expected: &str) -> Result<(), String> {
        match self.lines.recv_timeout(LONGEST) {
            Ok(line) if line == expected => Ok(()),
            other => Err(format!("expected the line `{expected}`, got {other:?}")),
        }
    }

    /// Kills the process. Returns its exit code, or none if it had not ended by itself.
    fn kill(&mut self) -> Option<i32> {
        self.child.kill().expect("its end");
        self.child.wait().expect("its end").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The result of a training run that is not killed, the time to the line of its first epoch, and the time for each
/// other epoch.
struct Whole {
    bits: String,
    first: Duration,
    each: Duration,
}

/// The number of files that a save has not finished.
fn partial(folder: &Path) -> usize {
    let files = std::fs::read_dir(folder).expect("the folder").flatten();
    files.filter(|entry| entry.file_name().to_string_lossy().ends_with(".partial")).count()
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
        let output = common::finish(command(path, fused), LONGEST)?;
        let bits = output.stdout.lines().last().unwrap_or_default().to_owned();
        if output.code == Some(0) { Ok(bits) } else { Err(format!("{:?}: {}", output.code, output.stderr)) }
    };
    let right = [false, true].map(|fused| {
        let bits = whole(&folder.join(format!("whole-{fused}")), fused).expect("a training run");
        let timed = Running::begin(command(&folder.join(format!("timed-{fused}")), fused)).expect("a training run");
        let since = Instant::now();
        timed.says("epoch 1").expect("the first epoch");
        let first = since.elapsed();
        (2..=EPOCHS).for_each(|epoch| timed.says(&format!("epoch {epoch}")).expect("an epoch"));
        let each = (since.elapsed() - first) / EPOCHS as u32;
        timed.says(&bits).expect("the same weights");
        Whole { bits, first, each }
    });
    let mut chance = Philox::new(11, 1000, 0, 0);
    let all: Vec<Trial> = (0..trials)
        .map(|number| {
            let (epochs, share) = ((chance.uniform() * EPOCHS as f32) as usize, f64::from(chance.uniform()));
            // More happens before the first checkpoint than between two others.
            Trial { number, fused: number % 2 == 1, epochs: if number % 12 < 2 { 0 } else { epochs }, share }
        })
        .collect();
    let results = common::each(&all, |_, Trial { number, fused, epochs, share }| -> Result<(Option<u64>, usize), String> {
        let folder = folder.join(format!("killed-{number}"));
        std::fs::create_dir(&folder).expect("a folder");
        let path = folder.join("checkpoint");
        let Whole { bits, first, each } = &right[usize::from(*fused)];
        let wrong =
            |what: String| format!("killed after epoch {epochs} and {share:.3} of the time that follows, fused {fused}: {what}");
        // Counted in epochs, not in time, because their duration depends on what else the machine does.
        let mut running = Running::begin(command(&path, *fused)).map_err(wrong)?;
        for epoch in 1..=*epochs {
            running.says(&format!("epoch {epoch}")).map_err(wrong)?;
        }
        std::thread::sleep(if *epochs == 0 { first.mul_f64(1.2 * share) } else { each.mul_f64(2.0 * share) });
        if let Some(code @ 1..) = running.kill() {
            return Err(wrong(format!("it had already ended, with {code}")));
        }
        let mut there = None;
        if path.exists() {
            let loaded = Model::load(&Device::cpu(), &path, &Load::new());
            there = Some(loaded.map_err(|error| wrong(format!("its checkpoint does not load: {error}")))?.epochs());
        }
        if there.unwrap_or(0) < *epochs as u64 {
            return Err(wrong(format!("the checkpoint has {there:?} epochs")));
        }
        let midst = partial(&folder);
        let end = whole(&path, *fused).map_err(wrong)?;
        if end != *bits {
            return Err(wrong("the resumed run ends with different weights".into()));
        }
        let left = partial(&folder);
        if left > 0 {
            return Err(wrong(format!("{left} partial files are left after the resumed run")));
        }
        Ok((there, midst))
    });
    let ended = || results.iter().flatten();
    let there = ended().filter(|(there, _)| there.is_some()).count();
    let midway = ended().filter(|(there, _)| there.is_some_and(|epochs| epochs < EPOCHS as u64)).count();
    let saving = ended().filter(|(_, midst)| *midst > 0).count();
    println!(
        "  {trials} killed, {there} of them with a checkpoint, {midway} of these midway; {saving} while a file was being written"
    );
    std::fs::remove_dir_all(folder).expect("the folder is removed");
    let mut escaped: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    if midway * 2 < trials {
        escaped.push(format!("{midway} of {trials} were killed midway: too few for a conclusion"));
    }
    if long && saving == 0 {
        escaped.push("none was killed while a file was being written".into());
    }
    escaped
}
