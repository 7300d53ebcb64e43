//! `train`: from a table to a measured model.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use shaderprop::{
    Checkpoint, Device, EarlyStopping, Ended, Engine, EngineChoice, Error, Fit, History, Load, Log, Model, Network, Optimizer,
    Preprocessing, Save, Schedule, Table,
};

use crate::options::{self, OnEngine, Opened, Place};
use crate::picture;
use crate::progress::Progress;
use crate::recipe::{self, How, Task, metric};
use crate::report::{self, Score};
use crate::signals::Signals;
use crate::split::{self, Parts};
use crate::table::{Learned, What};
use crate::talk::{self, Failure, Talk};

/// Trains a network on a table, and evaluates it on held-out rows
///
/// Examples:
///   shaderprop train examples/iris/iris.csv
///   shaderprop train examples/digits/digits.csv.gz --target 64 --out digits.npz --plot digits.png
///   shaderprop train examples/table/coffee.csv --drop lot --checkpoint coffee.checkpoint
#[derive(Args)]
#[command(verbatim_doc_comment, allow_negative_numbers = true)]
pub struct Options {
    #[command(flatten)]
    what: What,
    /// The fraction of the rows that is held out for the test at the end
    #[arg(long, value_name = "SHARE", value_parser = options::share, default_value = "0.2", help_heading = "Data")]
    test_split: f64,
    /// The fraction of the remaining rows that is used for validation after each epoch, which decides when to stop
    #[arg(long, value_name = "SHARE", value_parser = options::share, default_value = "0.2", help_heading = "Data")]
    validation_split: f64,
    #[command(flatten)]
    how: How,
    /// The fraction of each hidden layer's outputs that is dropped at random [default: 0.1; 0 with --engine fused, which does not support dropout]
    #[arg(long, value_name = "SHARE", value_parser = options::share, help_heading = "Network")]
    dropout: Option<f64>,
    /// The learning rate [default: 0.003 for rmsprop, adam and adamw, 0.03 for the others]
    #[arg(long, value_name = "RATE", value_parser = options::not_negative, help_heading = "Training")]
    learning_rate: Option<f64>,
    /// Stop after that many epochs without a better validation loss, and restore the best weights; 0: never [default: 20]
    #[arg(long, value_name = "EPOCHS", help_heading = "Training")]
    patience: Option<usize>,
    #[command(flatten)]
    engine: OnEngine,
    /// Save the model: .safetensors, .npz, .onnx, .json or .c
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    out: Option<PathBuf>,
    /// Save the losses and metrics of all epochs: .csv or .json
    #[arg(long, value_name = "FILE", value_parser = history_file, help_heading = "Files")]
    history: Option<PathBuf>,
    /// Draw the losses and metrics of all epochs: .png or .svg
    #[arg(long, value_name = "FILE", value_parser = picture::file, help_heading = "Files")]
    plot: Option<PathBuf>,
    /// Save the complete training state after each epoch; if the device is lost, training resumes from it
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    checkpoint: Option<PathBuf>,
    /// Resume from a checkpoint, with the same options as before; --epochs is the total
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    resume: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long, help_heading = "Files")]
    force: bool,
    /// Epochs between log lines, starting with epoch 1 [default: a twentieth of all epochs]
    #[arg(long, value_name = "EPOCHS", value_parser = options::at_least_one, help_heading = "Output")]
    log_every: Option<usize>,
    /// Print JSON instead of a table: one object for each logged epoch, and one with the result
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Print only errors to stderr
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

/// The wait before each attempt to reopen a lost device. A driver may need a moment. After three losses, the command
/// gives up.
const RECOVERIES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5)];

fn history_file(text: &str) -> Result<PathBuf, String> {
    match Path::new(text).extension().and_then(|end| end.to_str()) {
        Some("csv" | "json") => Ok(text.into()),
        _ => Err("expected a name that ends in .csv or .json".into()),
    }
}

/// The three parts of the rows, and the preprocessing that was fitted to the training rows.
struct Rows {
    train: Table,
    validation: Table,
    test: Table,
    preprocessing: Preprocessing,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: options.quiet };
    let signals = Signals::listen();
    options.engine.choice()?;
    if options.engine.engine() == EngineChoice::Fused && options.validation_split > 0.0 {
        return Err(Failure::Arguments("--engine fused does not support validation; give --validation-split 0 too".into()));
    }
    if options.patience.is_some_and(|epochs| epochs > 0) && options.validation_split == 0.0 {
        return Err(Failure::Arguments(
            "--patience needs validation rows, but --validation-split 0 leaves none; leave out one of the two".into(),
        ));
    }
    options.check_places()?;
    let learned = options.what.read(talk)?;
    let task = learned.target.task;
    let rows = options.rows(&learned, talk)?;
    let settings = options.settings(task, &rows)?;
    let network = options.how.network(&options.how.hidden.0, options.dropout(), &rows.preprocessing);
    let opened = options.engine.open(recipe::size(&network, options.how.batch(rows.train.rows())))?;
    talk.opened(&opened);
    signals.check(talk, || "before training began".into())?;
    let (model, history) = options.train(&network, &opened, &rows, &settings, (&signals, talk))?;
    options.finish(&learned, (&rows, model, &history), (&settings, &signals, talk))
}

impl Options {
    fn check_places(&self) -> Result<(), Failure> {
        let resumed = |place: &Place| {
            let whole = |path: &Path| std::fs::canonicalize(path).ok();
            self.resume.as_ref().is_some_and(|resume| whole(resume).is_some() && whole(resume) == whole(place.path))
        };
        let checkpoint = Place::of("--checkpoint", self.checkpoint.as_ref());
        let checkpoint = checkpoint.map(|place| Place { resumed: resumed(&place), ..place });
        options::check_places(
            [
                Place::of_model("--out", self.out.as_ref()),
                Place::of("--history", self.history.as_ref()),
                Place::of("--plot", self.plot.as_ref()),
                checkpoint,
            ],
            self.force,
        )
    }

    /// Splits the rows, and fits the preprocessing to the training rows.
    fn rows(&self, learned: &Learned, talk: Talk) -> Result<Rows, Failure> {
        let table = &learned.table;
        let test = if learned.test.is_some() { 0.0 } else { self.test_split };
        let shares = (test, self.validation_split);
        let Parts { train, validation, test } =
            split::parts(table, &learned.target, learned.by.as_ref(), shares, (self.how.seed, talk))?;
        let own = table.select(&test);
        let rows = (table.select(&train), table.select(&validation), learned.test.clone().unwrap_or(own));
        let preprocessing = learned.fit(&rows.0, talk)?;
        // Rows that cannot be measured on are reported before the training, not after it.
        for part in [&rows.1, &rows.2].into_iter().filter(|part| part.rows() > 0) {
            preprocessing.transform(part)?;
        }
        talk.say(format!(
            "rows: {} for training, {} for validation after each epoch, {} for the test at the end",
            rows.0.rows(),
            rows.1.rows(),
            rows.2.rows()
        ));
        Ok(Rows { train: rows.0, validation: rows.1, test: rows.2, preprocessing })
    }

    fn rate(&self) -> f64 {
        self.learning_rate.unwrap_or(match self.how.optimizer {
            Optimizer::RmsProp { .. } | Optimizer::Adam { .. } | Optimizer::AdamW { .. } => 0.003,
            _ => 0.03,
        })
    }

    fn dropout(&self) -> f64 {
        self.dropout.unwrap_or(if self.engine.engine() == EngineChoice::Fused { 0.0 } else { 0.1 })
    }

    fn patience(&self) -> usize {
        self.patience.unwrap_or(20)
    }

    fn every(&self) -> usize {
        self.log_every.unwrap_or(self.how.epochs / 20).max(1)
    }

    /// The settings, without those that belong to a single run.
    fn settings(&self, task: Task, rows: &Rows) -> Result<Fit, Failure> {
        let mut fit = self.how.settings(task, &rows.preprocessing, rows.train.rows())?.learning_rate(self.rate());
        fit = fit.engine(self.engine.engine()).log_every(self.every());
        if rows.validation.rows() > 0 {
            let validation = rows.preprocessing.transform(&rows.validation)?;
            fit = fit.validation_data(validation.inputs, validation.targets).metrics([metric(task)]).log_every(1);
        }
        if self.patience() > 0 && rows.validation.rows() > 0 {
            fit = fit.early_stopping(EarlyStopping::patience(self.patience()));
        }
        Ok(fit)
    }

    fn train(
        &self,
        network: &Network,
        opened: &Opened,
        rows: &Rows,
        settings: &Fit,
        (signals, talk): (&Signals, Talk),
    ) -> Result<(Model, History), Failure> {
        let data = rows.preprocessing.transform(&rows.train)?;
        let model = Model::new(&opened.device, network, &self.how.init(self.how.seed))?;
        let mut model = model.with_preprocessing(rows.preprocessing.clone())?;
        let mut fit = settings.clone().cancel(&signals.cancel());
        if let Some(path) = &self.checkpoint {
            fit = fit.checkpoint(Checkpoint::new(path).overwrite(self.force));
        }
        if let Some(path) = &self.out {
            model.check_save(path, &Save::new().overwrite(self.force))?;
        }
        let engine = model.engine(&fit, rows.train.rows())?;
        if self.engine.engine() == EngineChoice::Fused && engine.engine != Engine::Fused {
            return Err(Failure::Arguments(format!(
                "--engine fused cannot train this: {}; choose another engine",
                engine.reason
            )));
        }
        let sizes: Vec<_> = network.layers().iter().map(|layer| layer.units.to_string()).collect();
        let parameters = model.summary(&fit, rows.train.rows())?.parameters;
        talk.say(format!(
            "network: {}-{}, {}, {parameters} parameters; {}, batches of {} rows",
            network.inputs(),
            sizes.join("-"),
            self.how.activation.name(),
            self.how.optimizer.name(),
            self.how.batch(rows.train.rows())
        ));
        let stood = self.resume.as_ref().map(|path| Model::load(&Device::cpu(), path, &Load::new())).transpose()?;
        let begun = stood.as_ref().map_or(0, |model| model.epochs() as usize);
        let shown = (self.how.epochs, self.every());
        let mut progress = Progress::new(talk, self.json, shown, rows.train.rows(), stood.map(|model| model.epochs()));
        let mut history = match &self.resume {
            Some(path) => model.resume_with(path, &data.inputs, &data.targets, &fit, |log: &Log| progress.epoch(log)),
            None => model.fit_with(&data.inputs, &data.targets, &fit, |log: &Log| progress.epoch(log)),
        };
        let lost = history.as_ref().err().filter(|error| error.needs_new_device() && self.checkpoint.is_some()).cloned();
        if let Some(lost) = lost {
            progress.say(format!("{lost} (trying that now, to resume from the last checkpoint)"));
            for wait in RECOVERIES {
                std::thread::sleep(wait);
                history = model.recover_with(&data.inputs, &data.targets, &fit, |log: &Log| progress.epoch(log));
                match &history {
                    Err(error) if error.needs_new_device() => (),
                    // The adapter does not open, or not yet. If it never does, the error to report is the loss.
                    Err(Error::DeviceRequest { .. } | Error::UnknownDevice { .. } | Error::NoAdapter) => {
                        history = Err(lost.clone())
                    }
                    _ => break,
                }
            }
        }
        let history = history?;
        if opened.by_size {
            model.note("device chosen by", options::BY_SIZE);
        }
        // If stdout failed, the model is still saved; the failure is reported at the end.
        let told = progress.end();
        if history.ended == Ended::Cancelled {
            let done = history.loss.len();
            // The checkpoint is written after each complete epoch.
            let written = if done > begun { self.checkpoint.as_ref() } else { self.resume.as_ref() };
            signals.check(talk, || match written {
                _ if done == 0 => "in the first epoch; nothing was saved".into(),
                Some(path) => format!("after epoch {done}; to continue: {}", resuming(path)),
                None => format!("after epoch {done}; nothing was saved; with --checkpoint FILE training could be resumed"),
            })?;
        }
        self.tell_end(&history, talk);
        if let Err(failure) = told {
            self.save(&model, &history, talk)?;
            return Err(failure);
        }
        Ok((model, history))
    }

    /// Prints why the training ended.
    fn tell_end(&self, history: &History, talk: Talk) {
        let done = history.loss.len();
        match (history.ended, history.best_epoch) {
            (Ended::EarlyStopping, Some(best)) => {
                talk.say(format!(
                    "stopped after epoch {done}: no better validation loss for {} epochs; restored the weights of epoch {best}",
                    self.patience()
                ));
            }
            (_, Some(best)) => {
                talk.say(format!("finished after epoch {done}; restored the weights of epoch {best}, the best one"))
            }
            _ => talk.say(format!("finished after epoch {done}")),
        }
    }

    /// Measures the model, saves the files and prints the result.
    fn finish(
        &self,
        learned: &Learned,
        (rows, mut model, history): (&Rows, Model, &History),
        (settings, signals, talk): (&Fit, &Signals, Talk),
    ) -> Result<(), Failure> {
        let task = learned.target.task;
        let (measured, kind) = match () {
            () if rows.test.rows() > 0 => (&rows.test, "test rows, held out from training"),
            () if rows.validation.rows() > 0 => (&rows.validation, "validation rows, which also chose the best epoch"),
            () => (&rows.train, "rows, all of which were used for training"),
        };
        let measuring = || -> Result<(Score, Option<Score>), Failure> {
            let score = Score::of("this network", task, &model.evaluate_table(measured)?);
            let validated = match rows.validation.rows() {
                0 => None,
                _ => Some(Score::of("validation", task, &model.evaluate_table(&rows.validation)?)),
            };
            Ok((score, validated))
        };
        let (score, validation) = match measuring() {
            Ok(scores) => scores,
            Err(failure) => {
                // The trained model is saved all the same.
                self.save(&model, history, talk)?;
                return Err(failure);
            }
        };
        for (name, score) in [("measured", Some(&score)), ("validation", validation.as_ref())] {
            if let Some((metric, value)) = score.map(Score::first) {
                model.note(format!("{name} {metric}"), value.to_string());
            }
        }
        model.note("measured on", format!("{} {kind}", measured.rows()));
        if let Some(by) = &learned.by {
            model.note("split", by.named());
        }
        // Save first. If that fails, the result is printed all the same.
        let saved = self.save(&model, history, talk);
        let linear = self.linear(&model, rows, measured, (task, settings, signals, talk));
        if saved.is_ok() {
            signals.check(talk, || "after the training; all files were saved".into())?;
        }
        let linear = match linear {
            Ok(linear) => linear,
            Err(failure) => return saved.and(Err(failure)),
        };
        let trivial = report::trivial(&rows.preprocessing, &rows.train, measured)?;
        if self.json {
            let result = json!({"result": {
                "target": rows.preprocessing.target(),
                "task": if task == Task::Classify { "classify" } else { "regress" },
                "epochs": history.loss.len(),
                "best_epoch": history.best_epoch,
                "stopped_early": history.ended == Ended::EarlyStopping,
                "engine": history.engine.name(),
                "device": model.device().info().to_string(),
                "rows": {"train": rows.train.rows(), "validation": rows.validation.rows(), "test": rows.test.rows()},
                "measured_on": kind.split(',').next(),
                "network": score.json(),
                "validation": validation.map(|score| score.json()),
                "linear_model": linear.as_ref().map(Score::json),
                "trivial": trivial.json(),
            }});
            talk::print(&result.to_string())?;
            return saved;
        }
        let scores: Vec<Score> = [Some(score), linear, Some(trivial)].into_iter().flatten().collect();
        talk::print(&format!("On {} {kind}:\n\n{}", measured.rows(), report::table(&scores)))?;
        if let Some(validation) = &validation {
            let (name, value) = validation.first();
            talk::print(&format!("\nOn the validation rows: {} {}", crate::progress::spaced(name), talk::figure(value)))?;
        }
        if self.out.is_none() {
            talk.say("the model was not saved; give --out FILE to save it");
        }
        saved
    }

    /// Writes all requested files that can be written, then returns the first failure.
    fn save(&self, model: &Model, history: &History, talk: Talk) -> Result<(), Failure> {
        let written = [self.save_model(model, talk), self.save_history(history, talk), self.save_plot(history, talk)];
        written.into_iter().collect()
    }

    fn save_model(&self, model: &Model, talk: Talk) -> Result<(), Failure> {
        if let Some(path) = &self.out {
            model.save(path, &Save::new().overwrite(self.force))?;
            talk.say(format!("saved: {}", path.display()));
        }
        Ok(())
    }

    fn save_history(&self, history: &History, talk: Talk) -> Result<(), Failure> {
        if let Some(path) = &self.history {
            let json = path.extension().is_some_and(|end| end == "json");
            let text = if json { history.to_json() + "\n" } else { history.to_csv() };
            options::write(path, self.force, text.as_bytes())?;
            talk.say(format!("history: {}", path.display()));
        }
        Ok(())
    }

    fn save_plot(&self, history: &History, talk: Talk) -> Result<(), Failure> {
        if let Some(path) = &self.plot {
            let run = picture::curves::Run::of("", history);
            picture::save(path, self.force, picture::SIZE, &picture::curves::Curves(&[run]))?;
            talk.say(format!("picture: {}", path.display()));
        }
        Ok(())
    }

    /// The score of a linear model that is trained on the same rows; none if it diverges.
    fn linear(
        &self,
        model: &Model,
        rows: &Rows,
        measured: &Table,
        (task, settings, signals, talk): (Task, &Fit, &Signals, Talk),
    ) -> Result<Option<Score>, Failure> {
        let network = self.how.network(&[], 0.0, &rows.preprocessing);
        let linear = Model::new(model.device(), &network, &shaderprop::Init::Zeros)?;
        let mut linear = linear.with_preprocessing(rows.preprocessing.clone())?;
        // With Adam, whatever the network's optimizer; on the same rows, for at most as many epochs.
        let fit = settings.clone().optimizer(Optimizer::adam()).learning_rate(0.01).schedule(Schedule::Constant);
        let fit = fit.engine(EngineChoice::Auto).cancel(&signals.cancel());
        let data = rows.preprocessing.transform(&rows.train)?;
        match linear.fit(&data.inputs, &data.targets, &fit) {
            Err(error @ shaderprop::Error::Diverged { .. }) => {
                talk.say(format!("notice: no linear model to compare with: {error}"));
                Ok(None)
            }
            trained => {
                trained?;
                Ok(Some(Score::of("linear model", task, &linear.evaluate_table(measured)?)))
            }
        }
    }
}

/// The command that continues an interrupted one.
fn resuming(checkpoint: &Path) -> String {
    let mut words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(first) = words.first_mut() {
        *first = "shaderprop".into();
    }
    let mut kept = Vec::new();
    let mut skip = false;
    for word in words {
        // An earlier checkpoint to resume from is replaced by this one.
        if std::mem::take(&mut skip) || word.starts_with("--resume=") {
            continue;
        }
        if word == "--resume" {
            skip = true;
            continue;
        }
        kept.push(word);
    }
    // After `train`, because what follows `--` is not an option.
    kept.splice(2.min(kept.len())..2.min(kept.len()), ["--resume".into(), checkpoint.display().to_string()]);
    kept.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word, quoted for a shell if necessary.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
