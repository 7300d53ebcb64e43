//! The progress of a training run or a sweep: a bar on a terminal, plain lines elsewhere, and for a training run one JSON object
//! per line for other programs.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};
use shaderprop::{Log, SweepLog};

use crate::talk::{self, Failure, Talk, figure};

/// How often the bar is drawn per second.
const DRAWN: u8 = 10;

/// Shows the epochs of a training run.
pub struct Progress {
    talk: Talk,
    bar: Option<ProgressBar>,
    json: bool,
    every: usize,
    epochs: usize,
    rows: usize,
    /// When this run's first epoch ended, and its number. The time before it includes compiling shaders.
    first: Option<(Instant, usize)>,
    last: Option<Log>,
    shown: usize,
    /// The epoch of the checkpoint to resume from, until it has been printed.
    resumed: Option<u64>,
    /// The first failure to write to stdout.
    failed: Option<Failure>,
}

impl Progress {
    /// For a training run of that many epochs on that many rows. Without a bar, one in `every` epochs is logged.
    pub fn new(talk: Talk, json: bool, (epochs, every): (usize, usize), rows: usize, resumed: Option<u64>) -> Self {
        let bar = bar(talk, epochs as u64, "{bar:8.cyan/blue} epoch {pos}/{len} {wide_msg} {eta} left");
        Self { talk, bar, json, every, epochs, rows, first: None, last: None, shown: 0, resumed, failed: None }
    }

    /// Shows an epoch that has ended.
    pub fn epoch(&mut self, log: &Log) {
        self.tell_resumed();
        self.first.get_or_insert((Instant::now(), log.epoch));
        if let Some(bar) = &self.bar {
            bar.set_position(log.epoch as u64);
            let speed = self.speed(log).map_or(String::new(), |speed| format!(" {}/s", rounded(speed)));
            bar.set_message(in_short(log) + &speed);
        }
        if (log.epoch - 1).is_multiple_of(self.every) {
            self.show(log);
        }
        self.last = Some(log.clone());
    }

    /// Rows per second since the first epoch ended.
    fn speed(&self, log: &Log) -> Option<f64> {
        let (begun, first) = self.first?;
        let epochs = log.epoch.checked_sub(first).filter(|epochs| *epochs > 0)?;
        Some((self.rows * epochs) as f64 / begun.elapsed().as_secs_f64().max(1e-9))
    }

    /// Prints where the training resumed, once the checkpoint has been accepted.
    fn tell_resumed(&mut self) {
        if let Some(epoch) = self.resumed.take() {
            self.beside(|| self.talk.say(format!("resumed at epoch {epoch}")));
        }
    }

    /// Writes without disturbing the bar, if there is one.
    fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Prints a line between those of epochs.
    pub fn say(&self, text: String) {
        self.beside(|| self.talk.say(text));
    }

    fn show(&mut self, log: &Log) {
        self.shown = log.epoch;
        if self.bar.is_none() {
            let speed = self.speed(log).map_or(String::new(), |speed| format!(", {speed:.0} samples/s"));
            self.talk.say(format!("epoch {}/{}: {}{speed}", log.epoch, self.epochs, in_words(log)));
        }
        if self.json && self.failed.is_none() {
            self.failed = self.beside(|| talk::print(&object(log, self.speed(log)).to_string())).err();
        }
    }

    /// Shows the last epoch, and restores the terminal.
    pub fn end(mut self) -> Result<(), Failure> {
        self.tell_resumed();
        if let Some(last) = self.last.take().filter(|last| last.epoch != self.shown) {
            self.show(&last);
        }
        self.failed.take().map_or(Ok(()), Err)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows how far a sweep is.
pub struct SweepProgress {
    talk: Talk,
    bar: Option<ProgressBar>,
    /// How many of the lines have been printed.
    lines: usize,
}

/// The length of a sweep's bar.
const WHOLE: f64 = 1000.0;

/// The number of lines of a sweep, as of a training run.
const LINES: f64 = 20.0;

impl SweepProgress {
    pub fn new(talk: Talk) -> Self {
        Self { talk, bar: bar(talk, WHOLE as u64, "{bar:8.cyan/blue} {wide_msg} {eta} left"), lines: 0 }
    }

    pub fn show(&mut self, log: &SweepLog) {
        let SweepLog { networks, len, epoch, epochs, .. } = log;
        let text = match (networks.len(), len) {
            (1, 2..) if epoch == epochs => format!("trained network {} of {len}", networks.end),
            (now, all) if now == *all => format!("epoch {epoch}/{epochs} of all {len} networks"),
            _ => format!("epoch {epoch}/{epochs} of networks {} to {} of {len}", networks.start + 1, networks.end),
        };
        // A sum of rounded numbers may be just below the next line.
        let lines = (log.share() * LINES + 1e-6) as usize;
        match &self.bar {
            Some(bar) => {
                bar.set_position((log.share() * WHOLE) as u64);
                bar.set_message(text);
            }
            None if lines > self.lines => self.talk.say(text),
            None => (),
        }
        self.lines = lines;
    }
}

impl Drop for SweepProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar of that length, if stderr is a terminal and may be written to.
fn bar(talk: Talk, length: u64, template: &str) -> Option<ProgressBar> {
    (!talk.quiet && std::io::stderr().is_terminal()).then(|| {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(DRAWN));
        // The templates are fixed and valid.
        let style = ProgressStyle::with_template(template);
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━━─"));
        bar.set_message("compiling shaders");
        bar.enable_steady_tick(Duration::from_millis(250));
        bar
    })
}

/// An epoch's numbers, those of validation last.
fn in_words(log: &Log) -> String {
    let mut words = vec![format!("loss {}", figure(log.loss))];
    words.extend(log.metrics.iter().map(|(name, value)| format!("{} {}", spaced(name), figure(*value))));
    words.extend(log.validation_loss.map(|loss| format!("validation loss {}", figure(loss))));
    words.extend(log.validation_metrics.iter().map(|(name, value)| format!("validation {} {}", spaced(name), figure(*value))));
    words.join(", ")
}

/// The same for a short line: the losses and the metric to watch.
fn in_short(log: &Log) -> String {
    let mut words = vec![format!("loss {}", figure(log.loss))];
    words.extend(log.validation_loss.map(|loss| format!("val {}", figure(loss))));
    let metrics = if log.validation_metrics.is_empty() { &log.metrics } else { &log.validation_metrics };
    // Only one metric, with a short name, fits.
    words.extend(
        metrics
            .iter()
            .take(1)
            .map(|(name, value)| format!("{} {}", spaced(name).replace("root mean squared error", "rmse"), figure(*value))),
    );
    words.join(" ")
}

/// A count in a few characters, such as 158k.
fn rounded(count: f64) -> String {
    match count {
        count if count >= 1e7 => format!("{:.0}M", count / 1e6),
        count if count >= 1e4 => format!("{:.0}k", count / 1e3),
        _ => format!("{count:.0}"),
    }
}

pub fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

fn object(log: &Log, speed: Option<f64>) -> Value {
    let mut object = Map::new();
    object.insert("epoch".into(), json!(log.epoch));
    object.insert("loss".into(), json!(log.loss));
    object.extend(log.metrics.iter().map(|(name, value)| (name.clone(), json!(value))));
    object.extend(log.validation_loss.map(|loss| ("validation_loss".to_owned(), json!(loss))));
    object.extend(log.validation_metrics.iter().map(|(name, value)| (format!("validation_{name}"), json!(value))));
    object.insert("learning_rate".into(), json!(log.learning_rate));
    object.extend(speed.map(|speed| ("samples_per_second".to_owned(), json!(speed.round()))));
    Value::Object(object)
}
