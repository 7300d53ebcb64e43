//! Checkpoints: saves the complete state of a training run to a file, and restores it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::best_loss::BestLoss;
use super::history::{Ended, History};
use super::readout::End;
use super::start::Start;
use super::state::State;
use super::training_data::TrainingData;
use crate::data::Data;
use crate::engine::Engine;
use crate::error::Error;
use crate::file::checkpoint::{
    CHECKSUM, Contents, Description, Existing, KEY, MOST_COUNTED, NetworkText, PREFIXES, Progress, Target, Tensor, Type,
    check_finite, expect_names, file_shape, parameters, tensors, verify,
};
use crate::file::{self, Format};
use crate::gpu::Device;
use crate::network::{Activation, Layout, Place};
use crate::plan;
use crate::settings::{Fit, OnNonFinite};

/// A training run to resume.
#[derive(Clone, Debug)]
pub struct Resumed {
    pub parameters: Vec<f64>,
    pub state: State,
    /// The parameters of the best epoch.
    pub best: Option<Vec<f64>>,
    pub watch: BestLoss,
    pub history: History,
    /// The file that it was read from.
    path: PathBuf,
    circumstances: BTreeMap<String, String>,
}

/// The state of a training run to save.
pub struct SavedState<'a> {
    pub state: &'a State,
    pub watch: &'a BestLoss,
    pub history: &'a History,
    /// Whether early stopping has ended it.
    pub stopped: bool,
}

/// Writes the checkpoints of a training run.
pub struct Saver {
    target: Target,
    /// What to do with an existing file. After the first checkpoint the existing file is that one.
    existing: Existing,
    circumstances: BTreeMap<String, String>,
    settings: BTreeMap<String, String>,
    kind: Type,
    description: Description,
    /// The best parameters and their epoch, so that they are read back only once.
    pub best: Option<(usize, Vec<f64>)>,
    /// The number of epochs done at the last checkpoint.
    saved: Option<usize>,
}

/// The settings and the data's fingerprint that must be the same to resume a training run.
pub fn settings(start: &Start<'_>, rows: &TrainingData<'_>, fit: &Fit) -> BTreeMap<String, String> {
    let mut settings = fit.settings();
    settings.insert("data".into(), rows.train.fingerprint());
    settings.insert("validation data".into(), rows.validation.as_ref().map_or("none".into(), Data::fingerprint));
    for layer in start.network.layers() {
        if let Activation::Custom(definition) = &layer.activation {
            let wgsl = format!("{} with the derivative {}", definition.wgsl_value.wgsl, definition.wgsl_derivative.wgsl);
            settings.insert(format!("activation {}", definition.name), wgsl);
        }
    }
    settings
}

/// The engine, the device and the planner of a training run.
pub fn circumstances(device: &Device, engine: Engine) -> BTreeMap<String, String> {
    let all = [
        ("engine", engine.name().to_owned()),
        ("device", device.info().to_string()),
        ("planner version", plan::VERSION.to_string()),
        ("shaderprop version", env!("CARGO_PKG_VERSION").into()),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Resumed {
    /// Logs a warning if the engine, the device or a version is a different one.
    pub fn compare(&self, start: &Start<'_>, engine: Engine) {
        for (name, is) in circumstances(start.device, engine) {
            let was = self.circumstances.get(&name).map_or("none", String::as_str);
            if was != is {
                let path = self.path.display();
                log::warn!(
                    "{path}: resumed with a different {name} (it was {was}, and is {is}): the last bits may differ from those of an uninterrupted run"
                );
            }
        }
    }
}

impl Saver {
    /// Creates a saver if the training has a checkpoint, after checking that it can be written.
    pub fn of(start: &Start<'_>, rows: &TrainingData<'_>, fit: &Fit, engine: Engine) -> Result<Option<Self>, Error> {
        let Some(checkpoint) = &fit.checkpoint else { return Ok(None) };
        let settings = settings(start, rows, fit);
        let same = |resumed: &Resumed| {
            let (its, own) = (std::fs::canonicalize(&resumed.path), std::fs::canonicalize(&checkpoint.path));
            matches!((its, own), (Ok(its), Ok(own)) if its == own)
        };
        let own = start.resumed.as_ref().is_some_and(same);
        let existing = if own || checkpoint.overwrite { Existing::Replaced } else { Existing::Refused };
        // Model::load selects the format by the extension.
        if matches!(Format::of(&checkpoint.path), Ok(Format::Npz | Format::Onnx | Format::Json | Format::C)) {
            return Err(Error::Setting {
                what: "the name of a checkpoint".into(),
                expected: "one without the extension of another format".into(),
                got: checkpoint.path.display().to_string(),
            });
        }
        let circumstances = circumstances(start.device, engine);
        let kind = if engine == Engine::Cpu { Type::F64 } else { Type::F32 };
        let mut description = Description::new(start.network, start.preprocessing, 0, BTreeMap::new());
        description.training = Some(Progress::longest(&circumstances, &settings));
        check_length(&mut description, kind, start, fit)?;
        Ok(Some(Self {
            target: Target::checked(&checkpoint.path, existing)?,
            existing,
            circumstances,
            settings,
            kind,
            description,
            best: start.resumed.as_ref().and_then(|resumed| Some((resumed.watch.best_epoch?, resumed.best.clone()?))),
            saved: None,
        }))
    }

    /// Whether the known parameters of the best epoch are up to date.
    pub fn knows_best(&self, epoch: Option<usize>) -> bool {
        self.best.as_ref().map(|(epoch, _)| *epoch) == epoch
    }

    /// Whether the last checkpoint was written after that many epochs.
    pub fn has(&self, done: usize) -> bool {
        self.saved == Some(done)
    }

    /// Writes a checkpoint.
    pub fn save(&mut self, layout: &Layout, end: &End, standing: &SavedState<'_>) -> Result<(), Error> {
        let SavedState { state, watch, history, stopped } = *standing;
        let mut all = tensors("", layout, &end.parameters, self.kind);
        for (slot, values) in state.optimizer.definition().slots.iter().zip(&end.slots) {
            all.extend(tensors(&format!("optimizer.{slot}."), layout, values, self.kind));
        }
        if let Some((_, best)) = &self.best {
            all.extend(tensors("best.", layout, best, self.kind));
        }
        for (name, values) in columns(history) {
            all.push(Tensor { name, shape: vec![values.len()], kind: Type::F64, values: values.to_vec() });
        }
        self.description.epochs = state.epochs;
        self.description.training = Some(Progress {
            circumstances: self.circumstances.clone(),
            settings: self.settings.clone(),
            done: history.loss.len(),
            steps: state.steps,
            schedule_began: state.schedule_began,
            plateau: state.plateau,
            best_loss: watch.best.unwrap_or(f64::NAN),
            best_epoch: watch.best_epoch,
            since_best: watch.since,
            stopped,
        });
        let described = self.description.to_json();
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(described.as_bytes());
        file::checkpoint::hash_all(&all, &mut hasher);
        let metadata = [(KEY, described.as_str()), (CHECKSUM, &format!("{:08x}", hasher.finalize()))];
        let header = file::checkpoint::header(&metadata, &all);
        let header = header.map_err(|what| Error::Export { format: "a checkpoint".into(), what })?;
        self.target.write(self.existing, |to| file::checkpoint::write(to, &header, &all))?;
        (self.existing, self.saved) = (Existing::Replaced, Some(history.loss.len()));
        Ok(())
    }
}

/// Refuses a training run whose checkpoint headers would be longer than can be read, before its first epoch.
fn check_length(description: &mut Description, kind: Type, start: &Start<'_>, fit: &Fit) -> Result<(), Error> {
    let restores = fit.early_stopping.is_some_and(|stopping| stopping.restore_best);
    let slots = fit.optimizer.definition().slots.iter().map(|slot| format!("optimizer.{slot}."));
    let prefixes = std::iter::once(String::new()).chain(slots).chain(restores.then(|| "best.".into()));
    let of_weights = |prefix: String| {
        let tensor = move |place: &Place| (format!("{prefix}{}", place.name), file_shape(&place.shape), kind);
        start.layout.places.iter().map(tensor)
    };
    let metrics = fit.metrics.iter().map(|metric| metric.name().into_owned());
    let both = |name: String| {
        let of_validation = fit.validation.is_some().then(|| format!("validation_metrics.{name}"));
        [Some(format!("metrics.{name}")), of_validation]
    };
    let columns = ["loss", "validation_loss", "learning_rate"].map(str::to_owned).into_iter();
    let columns = columns.chain(metrics.flat_map(both).flatten());
    let columns = columns.map(|name| (format!("history.{name}"), vec![fit.epochs], Type::F64));
    let all = prefixes.flat_map(of_weights).chain(columns);
    let all: Vec<Tensor> = all.map(|(name, shape, kind)| Tensor { name, shape, kind, values: vec![] }).collect();
    // With the longest possible numbers.
    description.epochs = u64::MAX;
    let described = description.to_json();
    let header = file::checkpoint::header(&[(KEY, described.as_str()), (CHECKSUM, "00000000")], &all);
    header.map(|_| ()).map_err(|what| Error::Export { format: "a checkpoint".into(), what })
}

/// The columns of a history with one number for each epoch, by tensor name.
fn columns(history: &History) -> Vec<(String, &[f64])> {
    let mut columns: Vec<(String, &[f64])> = vec![
        ("history.loss".into(), &history.loss),
        ("history.validation_loss".into(), &history.validation_loss),
        ("history.learning_rate".into(), &history.learning_rate),
    ];
    for (prefix, metrics) in [("", &history.metrics), ("validation_", &history.validation_metrics)] {
        columns.extend(metrics.iter().map(|(name, values)| (format!("history.{prefix}metrics.{name}"), values.as_slice())));
    }
    columns
}

/// Reads a checkpoint of a training run with these settings.
pub fn read(path: &Path, start: &Start<'_>, settings: &BTreeMap<String, String>, fit: &Fit) -> Result<Resumed, Error> {
    let expected = "a checkpoint of this training run";
    let refuse = |message: String| Error::file(path, expected, message);
    let contents = file::checkpoint::read(path).map_err(|why| Error::file(path, expected, why))?;
    let described = contents.metadata.get(KEY).ok_or_else(|| refuse("a file not written by shaderprop".into()))?;
    let mut description = Description::parse(described).map_err(refuse)?;
    let progress = description.training.take().ok_or_else(|| refuse("a model, to be loaded with Model::load".into()))?;
    verify(&contents, described).map_err(refuse)?;
    let other = |message: String| Error::OtherTraining { path: path.display().to_string(), message };
    let network = NetworkText::of(start.network);
    if description.network != network {
        let (was, is) = (description.network.sizes(), network.sizes());
        let differ = if was == is { " and differs in other ways" } else { "" };
        return Err(other(format!("whose network is {was}, but the model's is {is}{differ}")));
    }
    // The data comes last, because other settings, such as a seed, change its fingerprint too.
    let mut in_order: Vec<_> = settings.iter().collect();
    in_order.sort_by_key(|(name, _)| name.ends_with("data"));
    let differs = |(name, value): &&(&String, &String)| progress.settings.get(*name) != Some(*value);
    if let Some((name, value)) = in_order.iter().find(differs).filter(|(name, _)| !name.ends_with("data")) {
        let was = progress.settings.get(*name).map_or("none", String::as_str);
        return Err(other(format!("whose {name} differs: it was {was}, and is {value}")));
    }
    if description.preprocessing().map_err(refuse)?.as_ref() != start.preprocessing {
        return Err(other("whose preprocessing differs from the model's".into()));
    }
    if let Some((name, value)) = in_order.iter().find(differs) {
        let was = progress.settings.get(*name).map_or("none", String::as_str);
        return Err(other(format!("whose {name} differs: it was {was}, and is {value}")));
    }
    if progress.done > fit.epochs {
        return Err(other(format!("written after {} epochs, but the settings ask for {} in all", progress.done, fit.epochs)));
    }
    let resumed = Found { path, contents: &contents, description: &description, progress: &progress }
        .restore(start, fit)
        .map_err(refuse)?;
    if fit.on_non_finite == OnNonFinite::Stop {
        check_finite(start.layout, &resumed.parameters, |value| (*value as f32).is_finite())?;
    }
    Ok(resumed)
}

/// The contents of a checkpoint.
struct Found<'a> {
    path: &'a Path,
    contents: &'a Contents,
    description: &'a Description,
    progress: &'a Progress,
}

impl Found<'_> {
    /// The training to resume.
    fn restore(&self, start: &Start<'_>, fit: &Fit) -> Result<Resumed, String> {
        let &Self { path, contents, description, progress } = self;
        let layout = start.layout;
        let take = |prefix: &str| parameters(contents, prefix, layout, &[Type::F32, Type::F64]);
        expect_names(contents.names(), "", layout, PREFIXES)?;
        let slots = fit.optimizer.definition().slots.iter().map(|slot| take(&format!("optimizer.{slot}.")));
        let slots = slots.collect::<Result<Vec<_>, String>>()?;
        let looked = fit.early_stopping.filter(|stopping| stopping.restore_best).and(progress.best_epoch);
        let best = looked.map(|_| take("best.")).transpose()?;
        let column = |name: &str, length: usize| contents.take(&format!("history.{name}"), &[length], &[Type::F64]);
        let done = progress.done;
        let validated = if fit.validation.is_some() { done } else { 0 };
        let metrics = |prefix: &str, length: usize| -> Result<BTreeMap<String, Vec<f64>>, String> {
            let named = |name: String| Ok((name.clone(), column(&format!("{prefix}metrics.{name}"), length)?));
            fit.metrics.iter().filter(|_| length > 0).map(|metric| named(metric.name().into_owned())).collect()
        };
        let measured = if fit.metrics.is_empty() { 0 } else { done };
        let history = History {
            loss: column("loss", done)?,
            metrics: metrics("", measured)?,
            validation_loss: column("validation_loss", validated)?,
            validation_metrics: metrics("validation_", validated.min(measured))?,
            learning_rate: column("learning_rate", done)?,
            ended: if progress.stopped { Ended::EarlyStopping } else { Ended::Finished },
            ..History::default()
        };
        let state = State {
            slots,
            optimizer: fit.optimizer,
            steps: progress.steps,
            epochs: description.epochs,
            schedule: fit.schedule,
            schedule_began: progress.schedule_began,
            plateau: progress.plateau,
        };
        let counted = state.schedule_began <= state.epochs && done as u64 <= state.epochs && state.steps <= MOST_COUNTED;
        let watched = progress.since_best <= done && progress.best_epoch.is_none_or(|epoch| (1..=done).contains(&epoch));
        if !counted || !watched || !state.plateau.is_after(state.epochs - state.schedule_began) {
            return Err("a checkpoint whose counts of epochs and steps contradict each other".into());
        }
        let watch = BestLoss {
            best: Some(progress.best_loss).filter(|loss| !loss.is_nan()),
            best_epoch: progress.best_epoch,
            since: progress.since_best,
        };
        let circumstances = progress.circumstances.clone();
        Ok(Resumed { parameters: take("")?, state, best, watch, history, path: path.into(), circumstances })
    }
}
