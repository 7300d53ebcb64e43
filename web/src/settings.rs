//! The settings of a training run, as JSON: those of `Fit`, with JavaScript's names.

use std::time::Duration;

use serde::Deserialize;
use shaderprop::{EarlyStopping, EngineChoice, Fit, Loss, Metric, Optimizer};
use wasm_bindgen::JsValue;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Settings {
    loss: String,
    optimizer: String,
    learning_rate: Option<f64>,
    weight_decay: Option<f64>,
    clip_norm: Option<f64>,
    epochs: usize,
    batch_size: Option<usize>,
    shuffle: bool,
    seed: u64,
    metrics: Vec<String>,
    /// Epochs without improvement after which training stops.
    patience: Option<usize>,
    log_every: Option<usize>,
    /// In milliseconds.
    log_interval: Option<f64>,
    log_weights: bool,
    engine: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            loss: Loss::default().name().into(),
            optimizer: Optimizer::default().name().into(),
            learning_rate: None,
            weight_decay: None,
            clip_norm: None,
            epochs: 1,
            batch_size: None,
            shuffle: true,
            seed: 0,
            metrics: Vec::new(),
            patience: None,
            log_every: None,
            log_interval: None,
            log_weights: false,
            engine: None,
        }
    }
}

impl Settings {
    pub fn parse(json: &str) -> Result<Self, JsValue> {
        crate::parsed("settings", json)
    }

    pub fn loss(&self) -> Result<Loss, JsValue> {
        loss(&self.loss)
    }

    pub fn fit(&self) -> Result<Fit, JsValue> {
        let optimizer = Optimizer::ALL.iter().find(|optimizer| optimizer.name() == self.optimizer).copied();
        let optimizers = || Optimizer::ALL.iter().map(|optimizer| optimizer.name().to_owned()).collect();
        let optimizer = optimizer.ok_or_else(|| unknown("optimizer", &self.optimizer, optimizers()))?;
        let mut fit =
            Fit::new().loss(self.loss()?).optimizer(optimizer).epochs(self.epochs).shuffle(self.shuffle).seed(self.seed);
        if let Some(rate) = self.learning_rate {
            fit = fit.learning_rate(rate);
        }
        if let Some(decay) = self.weight_decay {
            fit = fit.weight_decay(decay);
        }
        if let Some(norm) = self.clip_norm {
            fit = fit.clip_norm(norm);
        }
        if let Some(rows) = self.batch_size {
            fit = fit.batch_size(rows);
        }
        if let Some(epochs) = self.patience {
            fit = fit.early_stopping(EarlyStopping::patience(epochs).restore_best(true));
        }
        if let Some(epochs) = self.log_every {
            fit = fit.log_every(epochs);
        }
        if let Some(milliseconds) = self.log_interval {
            let interval = Duration::try_from_secs_f64(milliseconds / 1000.0).map_err(|_| {
                js_sys::Error::new(&format!(
                    "settings.logInterval: expected a number of milliseconds, at least 0, got {milliseconds}; change it"
                ))
            })?;
            fit = fit.log_interval(interval);
        }
        fit = match self.engine.as_deref() {
            None | Some("auto") => fit,
            Some("staged") => fit.engine(EngineChoice::Staged),
            Some("fused") => fit.engine(EngineChoice::Fused),
            Some(other) => return Err(unknown("engine", other, ["auto", "staged", "fused"].map(str::to_owned).to_vec())),
        };
        let metrics = self.metrics.iter().map(|name| metric(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(fit.metrics(metrics).log_weights(self.log_weights))
    }
}

/// The loss of that name.
pub fn loss(name: &str) -> Result<Loss, JsValue> {
    let names = || Loss::ALL.iter().map(|loss| loss.name().to_owned()).collect();
    Loss::ALL.iter().find(|loss| loss.name() == name).copied().ok_or_else(|| unknown("loss", name, names()))
}

fn metric(name: &str) -> Result<Metric, JsValue> {
    let all = [
        Metric::Accuracy,
        Metric::Precision,
        Metric::Recall,
        Metric::F1,
        Metric::MeanAbsoluteError,
        Metric::RootMeanSquaredError,
        Metric::RSquared,
    ];
    let names = || all.iter().map(|metric| metric.name().into_owned()).collect();
    all.iter().find(|metric| metric.name() == name).copied().ok_or_else(|| unknown("metric", name, names()))
}

/// The error for an unknown name.
pub fn unknown(what: &str, got: &str, known: Vec<String>) -> JsValue {
    js_sys::Error::new(&format!("{what}: expected one of {}, got {got:?}; choose one of these", known.join(", "))).into()
}
