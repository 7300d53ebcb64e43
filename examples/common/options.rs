//! The options of an example. Each is declared once, with how it is read and what `--help` says about it.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::exit;
use std::str::FromStr;

/// The arguments of the command line.
pub struct Options {
    given: pico_args::Arguments,
    help: bool,
    /// What the program does.
    about: &'static str,
    /// The lines of `--help`: an option and its meaning.
    lines: Vec<(String, String)>,
    /// The first error.
    wrong: Option<String>,
}

impl Options {
    /// For a program with that description.
    pub fn new(about: &'static str) -> Self {
        let mut given = pico_args::Arguments::from_env();
        // Taken out first, so that it is not read as a path.
        let help = given.contains(["-h", "--help"]);
        Self { given, help, about, lines: Vec::new(), wrong: None }
    }

    /// The device that `--device` asks for.
    pub fn device(&mut self) -> Option<String> {
        let about =
            "The device: auto, hardware, software, cpu, or part of an adapter's name [default: SHADERPROP_DEVICE, else auto]";
        self.optional("--device", text, about)
    }

    /// Whether an option without a value is given.
    pub fn flag(&mut self, name: &'static str, about: &str) -> bool {
        self.lines.push((name.into(), about.into()));
        self.given.contains(name)
    }

    /// An option without a default.
    pub fn optional<T>(&mut self, name: &'static str, parse: fn(&str) -> Result<T, String>, about: &str) -> Option<T> {
        self.lines.push((format!("{name} <{}>", name.trim_start_matches('-').to_uppercase()), about.into()));
        let given = self.given.opt_value_from_str::<_, String>(name).map_err(|error| error.to_string());
        let read = given.and_then(|given| {
            given.map(|text| parse(&text).map_err(|error| format!("{name}: {error}, got `{text}`; correct it"))).transpose()
        });
        self.or_wrong(read)
    }

    fn or_wrong<T>(&mut self, read: Result<Option<T>, String>) -> Option<T> {
        read.unwrap_or_else(|wrong| {
            self.wrong.get_or_insert(wrong);
            None
        })
    }

    /// An option with a default.
    pub fn value<T>(&mut self, name: &'static str, default: &str, parse: fn(&str) -> Result<T, String>, about: &str) -> T {
        let value = self.optional(name, parse, &format!("{about} [default: {default}]"));
        value.unwrap_or_else(|| parse(default).unwrap_or_else(|error| panic!("{name} is {default} by default: {error}")))
    }

    /// A path without an option's name. Call this after all options.
    pub fn path(&mut self, name: &str, about: &str) -> Option<PathBuf> {
        self.lines.push((format!("[{name}]"), about.into()));
        let read = self.given.opt_free_from_os_str(|path| Ok::<PathBuf, String>(path.into()));
        let path = self.or_wrong(read.map_err(|error| error.to_string()))?;
        if path.to_string_lossy().starts_with('-') {
            self.wrong.get_or_insert(format!("unknown argument `{}`; see --help", path.display()));
            return None;
        }
        Some(path)
    }

    /// Prints the help if `--help` is given. If the command line is wrong, ends the program with exit code 2.
    pub fn end(self) {
        if self.help {
            let widest = self.lines.iter().map(|(option, _)| option.len()).max().unwrap_or(0);
            let mut help = self.about.to_owned();
            help.push('\n');
            for (option, about) in &self.lines {
                let _ = write!(help, "\n  {option:widest$}  {about}");
            }
            super::print(&help);
            exit(0);
        }
        let left = self.given.finish();
        let unknown = left.first().map(|first| format!("unknown argument `{}`; see --help", first.to_string_lossy()));
        if let Some(wrong) = self.wrong.or(unknown) {
            eprintln!("error: {wrong}");
            exit(2);
        }
    }
}

/// Reads any text.
pub fn text(text: &str) -> Result<String, String> {
    Ok(text.into())
}

/// Reads a path.
pub fn path(text: &str) -> Result<PathBuf, String> {
    Ok(text.into())
}

/// Reads a number.
pub fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a number".into())
}

/// Reads a count of at least 1.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|size| *size > 0).ok_or_else(|| "expected a number of at least 1".into())
}

/// Reads numbers that are separated by commas.
pub fn numbers<T: FromStr>(text: &str) -> Result<Vec<T>, String> {
    text.split(',').map(number).collect::<Result<_, _>>().map_err(|_: String| "expected numbers, separated by commas".into())
}
