//! The results that training reports: losses and metrics of every epoch, and log points.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::engine::Engine;
use crate::network::Tensor;

/// The history of a training run, returned by [`fit`](crate::Model::fit): the losses and metrics of every epoch.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The training loss of every epoch: the mean over the rows, weighted by their weights, of the losses before each
    /// update, without penalties. `loss[0]` belongs to epoch 1 of this call.
    pub loss: Vec<f64>,
    /// The metrics of every epoch by name, measured on the same outputs as the loss.
    pub metrics: BTreeMap<String, Vec<f64>>,
    /// The validation loss after every epoch; empty without validation rows.
    pub validation_loss: Vec<f64>,
    /// The validation metrics after every epoch, by name.
    pub validation_metrics: BTreeMap<String, Vec<f64>>,
    /// The learning rate of each epoch's last step.
    pub learning_rate: Vec<f64>,
    /// The epoch with the best monitored loss, counted from 1; only with early stopping.
    pub best_epoch: Option<usize>,
    /// Why training ended.
    pub ended: Ended,
    /// The engine that trained.
    pub engine: Engine,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// All epochs are done.
    #[default]
    Finished,
    /// The monitored loss no longer improved.
    EarlyStopping,
    /// Training was [cancelled](crate::Cancel).
    Cancelled,
    /// The closure of [`fit_with`](crate::Model::fit_with) stopped it.
    ByCallback,
}

/// A log point, passed to the closure of [`fit_with`](crate::Model::fit_with).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Log {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Its training loss, computed before each update.
    pub loss: f64,
    /// Its metrics, by name.
    pub metrics: BTreeMap<String, f64>,
    /// The validation loss after the epoch.
    pub validation_loss: Option<f64>,
    /// The validation metrics after the epoch, by name.
    pub validation_metrics: BTreeMap<String, f64>,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// All weights and biases after the epoch; empty without [`Fit::log_weights`](crate::Fit::log_weights).
    pub weights: Vec<Tensor>,
}

impl History {
    /// The log of its last epoch, counted from 1.
    pub(crate) fn last(&self, epoch: usize) -> Log {
        let last = |metrics: &BTreeMap<String, Vec<f64>>| {
            metrics.iter().filter_map(|(name, values)| Some((name.clone(), *values.last()?))).collect()
        };
        Log {
            epoch,
            loss: self.loss[epoch - 1],
            metrics: last(&self.metrics),
            validation_loss: self.validation_loss.last().copied(),
            validation_metrics: last(&self.validation_metrics),
            learning_rate: self.learning_rate[epoch - 1],
            weights: Vec::new(),
        }
    }

    /// The columns in addition to the epoch, by name, in the order in which files have them.
    fn columns(&self) -> Vec<(String, &[f64])> {
        let mut columns = vec![("loss".to_owned(), self.loss.as_slice())];
        columns.extend(self.metrics.iter().map(|(name, values)| (name.clone(), values.as_slice())));
        if !self.validation_loss.is_empty() {
            columns.push(("validation_loss".into(), &self.validation_loss));
        }
        columns.extend(self.validation_metrics.iter().map(|(name, values)| (format!("validation_{name}"), values.as_slice())));
        columns.push(("learning_rate".into(), &self.learning_rate));
        columns
    }

    /// Formats the history as CSV: a header, then one line for each epoch.
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Fit, Init, Model, Network};
    /// let mut model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), &Init::Zeros)?;
    /// let history = model.fit(&[[1.0]], &[[2.0]], &Fit::new().learning_rate(0.5))?;
    /// assert_eq!(history.to_csv(), "epoch,loss,learning_rate\n1,4,0.5\n");
    /// assert_eq!(history.to_json(), r#"{"epoch":[1],"loss":[4.0],"learning_rate":[0.5]}"#);
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn to_csv(&self) -> String {
        let columns = self.columns();
        let mut text = String::from("epoch");
        for (name, _) in &columns {
            let _ = write!(text, ",{name}");
        }
        text.push('\n');
        for epoch in 0..self.loss.len() {
            let _ = write!(text, "{}", epoch + 1);
            for (_, values) in &columns {
                let _ = write!(text, ",{}", values[epoch]);
            }
            text.push('\n');
        }
        text
    }

    /// Formats the history as JSON: an object of arrays with one number for each epoch. Values that are not finite are
    /// null.
    pub fn to_json(&self) -> String {
        let epochs: Vec<usize> = (1..=self.loss.len()).collect();
        let mut text = format!("{{\"epoch\":{}", serde_json::json!(epochs));
        for (name, values) in self.columns() {
            let _ = write!(text, ",\"{name}\":{}", serde_json::json!(values));
        }
        text + "}"
    }
}
