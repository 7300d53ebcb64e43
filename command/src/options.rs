//! Options that several commands share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use shaderprop::{AtomicFile, Csv, Device, DeviceChoice, DeviceInfo, DeviceKind, EngineChoice, Save};

use crate::talk::Failure;

/// The format of a CSV file.
#[derive(Args, Clone, Debug)]
pub struct Format {
    /// Whether the first line of a CSV file names the columns; auto: inferred from the first lines
    #[arg(long, value_enum, default_value_t = Header::Auto, help_heading = "Data")]
    pub header: Header,
    /// The delimiter of a CSV file [default: whichever of , ; | and tab separates the first lines evenly]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, help_heading = "Data")]
    pub delimiter: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Header {
    Auto,
    Yes,
    No,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        _ => Err("expected one ASCII character, or `tab`".into()),
    }
}

impl Format {
    pub fn csv(&self) -> Csv {
        let mut csv = Csv::guess();
        if self.header != Header::Auto {
            csv = csv.header(self.header == Header::Yes);
        }
        self.delimiter.map_or(csv, |delimiter| csv.delimiter(delimiter))
    }
}

/// The cells of a line of CSV: `a,b`, or `\"a,b\",c`.
pub fn fields(text: &str) -> Vec<String> {
    let mut line = csv::ReaderBuilder::new();
    let mut line = line.has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    line.records().map_while(Result::ok).flat_map(|record| record.iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Names of columns in an option.
#[derive(Clone, Debug)]
pub struct Names(Vec<String>);

impl Names {
    /// The names in all uses of an option.
    pub fn all(names: &[Self]) -> impl Iterator<Item = &str> {
        names.iter().flat_map(|names| names.0.iter().map(String::as_str))
    }
}

pub fn names(text: &str) -> Result<Names, String> {
    match fields(text) {
        // Values may begin with a hyphen, as -1 does. So a missing value takes the option after it.
        names if names.is_empty() || text.starts_with("--") => Err("expected the names of columns, separated by commas".into()),
        names => Ok(Names(names)),
    }
}

/// The device to compute on.
#[derive(Args, Clone, Debug)]
pub struct OnDevice {
    /// The device: auto, hardware, software, cpu, or part of an adapter's name [default: SHADERPROP_DEVICE, else auto]
    #[arg(long, help_heading = "Device")]
    pub device: Option<String>,
}

/// For steps of at least this many multiply-adds, a software driver's threads gain more than they cost:
/// docs/inside/performance.md.
const WORTH_THREADS: usize = 1 << 24;

/// About what a training step computes. How a device is opened, and which one, depends on nothing else.
#[derive(Clone, Copy, Debug)]
pub struct StepSize {
    /// The multiply-adds of its products.
    pub multiply_adds: usize,
    /// Its weights, and the outputs of all units for all rows: what it computes one by one.
    pub elements: usize,
}

impl StepSize {
    /// That of the smallest networks.
    pub const LEAST: Self = Self { multiply_adds: 0, elements: 0 };

    /// Whether the CPU engine is faster than a software driver. It computes products on all cores and everything else on
    /// one, so what counts is the share of the products, unless the step is small. The limits are measurements:
    /// docs/inside/performance.md.
    pub fn suits_the_cpu_engine(self) -> bool {
        const SMALL: usize = 1 << 20;
        const MULTIPLY_ADDS_PER_ELEMENT: usize = 256;
        self.elements < SMALL || self.multiply_adds / MULTIPLY_ADDS_PER_ELEMENT >= self.elements
    }
}

/// The device that was opened.
pub struct Opened {
    pub device: Device,
    /// Whether the size of the network decided for the CPU engine.
    pub by_size: bool,
}

/// Why `auto` took the CPU engine.
pub const BY_SIZE: &str = "auto: without a GPU, the CPU engine is faster for a network of this size than the software driver";

impl OnDevice {
    /// Opens it, for steps of that size.
    pub fn open(&self, size: StepSize) -> Result<Opened, Failure> {
        open(&self.choice(), size)
    }

    pub fn choice(&self) -> DeviceChoice {
        self.device.as_deref().map_or_else(DeviceChoice::from_env, DeviceChoice::from)
    }
}

/// Opens a device. If `auto` finds no GPU, but only a software driver, the size of a step decides between the driver and
/// the CPU engine.
fn open(choice: &DeviceChoice, size: StepSize) -> Result<Opened, Failure> {
    let suits = *choice == DeviceChoice::Auto && size.suits_the_cpu_engine();
    let by_size = || Opened { device: Device::cpu(), by_size: true };
    // Listing the adapters takes less time than opening one.
    let software = |info: &DeviceInfo| info.kind == DeviceKind::Software;
    let known = if suits { without_complaint(shaderprop::devices).unwrap_or_default() } else { Vec::new() };
    if known.iter().any(software) && !known.iter().any(|info| info.kind == DeviceKind::Hardware) {
        return Ok(by_size());
    }
    let device = open_adapter(choice, size)?;
    // The GPU did not open.
    Ok(if suits && software(device.info()) { by_size() } else { Opened { device, by_size: false } })
}

/// Opens a device, whatever the network. Mesa's software driver hands each dispatch to a thread pool, which for a small
/// dispatch takes many times longer than the work itself. For small steps this sets the variable that turns the pool
/// off, which the driver reads when it is opened. A value that is already set stays.
pub fn open_adapter(choice: &DeviceChoice, size: StepSize) -> Result<Device, Failure> {
    let threads = std::env::var("LP_NUM_THREADS").ok();
    let threads = threads.or_else(|| (size.multiply_adds < WORTH_THREADS).then(|| "0".into()));
    Ok(temp_env::with_var("LP_NUM_THREADS", threads, || without_complaint(|| Device::open_or_cpu(choice)))?)
}

/// Calls a function that may load a driver. Some drivers print an error if XDG_RUNTIME_DIR is not set, as in a
/// container, although they do not need it here. A value that is already set stays.
pub fn without_complaint<T>(load: impl FnOnce() -> T) -> T {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(_) => load(),
        None => temp_env::with_var("XDG_RUNTIME_DIR", Some(std::env::temp_dir()), load),
    }
}

/// The device and the engine to train with.
#[derive(Args, Clone, Debug)]
pub struct OnEngine {
    #[command(flatten)]
    pub device: OnDevice,
    /// The engine: one dispatch for each stage of a step (staged), many epochs in one dispatch (fused), or the CPU engine (cpu)
    #[arg(long, value_enum, default_value_t = Engine::Auto, help_heading = "Device")]
    pub engine: Engine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    Auto,
    Staged,
    Fused,
    Cpu,
}

impl OnEngine {
    /// The chosen device. The engine `cpu` means the device `cpu`; a contradiction is an error.
    pub fn choice(&self) -> Result<DeviceChoice, Failure> {
        let (choice, explicit) = (self.device.choice(), self.device.device.is_some());
        match self.engine {
            Engine::Cpu if explicit && choice != DeviceChoice::Cpu => {
                let device = self.device.device.as_deref().unwrap_or_default();
                Err(Failure::Arguments(format!("--engine cpu contradicts --device {device}; leave out one of the two")))
            }
            Engine::Cpu => Ok(DeviceChoice::Cpu),
            Engine::Staged | Engine::Fused if choice == DeviceChoice::Cpu => {
                let name = if self.engine == Engine::Staged { "staged" } else { "fused" };
                Err(Failure::Arguments(format!(
                    "--engine {name} needs a device that runs shaders, which cpu does not; leave out one of the two"
                )))
            }
            _ => Ok(choice),
        }
    }

    pub fn engine(&self) -> EngineChoice {
        match self.engine {
            Engine::Auto | Engine::Cpu => EngineChoice::Auto,
            Engine::Staged => EngineChoice::Staged,
            Engine::Fused => EngineChoice::Fused,
        }
    }

    /// Opens the device. An engine that runs shaders needs one that does, whatever the size.
    pub fn open(&self, size: StepSize) -> Result<Opened, Failure> {
        match self.engine {
            Engine::Staged | Engine::Fused => Ok(Opened { device: self.open_adapter(size)?, by_size: false }),
            Engine::Auto | Engine::Cpu => open(&self.choice()?, size),
        }
    }

    /// Opens the device, whatever the network.
    pub fn open_adapter(&self, size: StepSize) -> Result<Device, Failure> {
        let device = open_adapter(&self.choice()?, size)?;
        if matches!(self.engine, Engine::Staged | Engine::Fused) && device.info().limits.is_none() {
            let why = device.notice().unwrap_or_else(|| "no adapter".into());
            return Err(Failure::Run(format!(
                "--engine: no device that runs shaders could be opened ({why}); leave out the option"
            )));
        }
        Ok(device)
    }
}

/// An output file that an option asks for.
pub struct Place<'a> {
    pub option: &'static str,
    pub path: &'a Path,
    /// Whether it will be a model, whose extension decides its format.
    pub model: bool,
    /// Whether it is the checkpoint to resume from, which may be overwritten.
    pub resumed: bool,
}

impl<'a> Place<'a> {
    /// The file of an option, if it is given.
    pub fn of(option: &'static str, path: Option<&'a PathBuf>) -> Option<Self> {
        path.map(|path| Self { option, path, model: false, resumed: false })
    }

    pub fn of_model(option: &'static str, path: Option<&'a PathBuf>) -> Option<Self> {
        path.map(|path| Self { option, path, model: true, resumed: false })
    }
}

/// Checks that all output files can be written, before the work begins.
pub fn check_places<'a>(places: impl IntoIterator<Item = Option<Place<'a>>>, force: bool) -> Result<(), Failure> {
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    for Place { option, path, model, resumed } in places.into_iter().flatten() {
        let force = force || resumed;
        let checked = match model {
            true => Save::new().overwrite(force).check(path),
            false => AtomicFile::new(path).overwrite(force).check(),
        };
        checked.map_err(|error| place_failed(option, path, error))?;
        // Two names may stand for one file, for example through a link.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let whole = std::fs::canonicalize(path).unwrap_or_else(|_| folder.join(path.file_name().unwrap_or_default()));
        if let Some((other, _)) = taken.iter().find(|(_, other)| *other == whole) {
            let path = path.display();
            return Err(Failure::Arguments(format!("{option} {path}: {other} names the same file; change one of the two")));
        }
        taken.push((option, whole));
    }
    Ok(())
}

fn place_failed(option: &str, path: &Path, error: shaderprop::Error) -> Failure {
    match error {
        shaderprop::Error::Exists { .. } => {
            let path = path.display();
            Failure::Run(format!("{option} {path}: the file already exists; choose another name, or give --force"))
        }
        other => other.into(),
    }
}

/// Writes a file completely, or not at all.
pub fn write(path: &Path, force: bool, content: &[u8]) -> Result<(), Failure> {
    Ok(AtomicFile::new(path).overwrite(force).write(|file| file.write_all(content))?)
}

/// A count of at least 1.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "expected a whole number of at least 1".into())
}

/// A share: at least 0 and below 1.
pub fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| "expected a number from 0 to below 1, such as 0.2".into())
}

/// A number that is finite and not negative.
pub fn not_negative(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| "expected a finite number of at least 0".into())
}

#[cfg(test)]
mod tests {
    use super::StepSize;

    /// The choices for the networks in docs/inside/performance.md.
    #[test]
    fn the_cpu_engine_gets_small_steps_and_those_that_are_mostly_products() {
        let size = |layers: &[usize], rows: usize| {
            let parameters: usize = layers.windows(2).map(|pair| pair[0] * pair[1]).sum();
            let outputs = rows * layers[1..].iter().sum::<usize>();
            StepSize { multiply_adds: 3 * rows * parameters, elements: parameters + outputs }
        };
        for (layers, rows, expected) in [
            (&[4, 64, 32, 3][..], 32, true),
            (&[64, 64, 32, 10], 64, true),
            (&[20, 64, 32, 1], 1024, true),
            (&[20, 64, 32, 1], 16384, false),
            (&[784, 512, 512, 10], 64, true),
            (&[784, 512, 512, 10], 256, true),
            (&[64, 2048, 2048, 10], 32, false),
            (&[1024, 1024, 1024, 1024], 512, true),
        ] {
            assert_eq!(size(layers, rows).suits_the_cpu_engine(), expected, "{layers:?}, {rows} rows");
        }
        assert!(StepSize::LEAST.suits_the_cpu_engine());
    }
}
