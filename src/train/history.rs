//! What training reports: losses and metrics of every epoch, and the log on the way.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::engine::Engine;
use crate::network::Tensor;

/// What [`fit`](crate::Model::fit) returns.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// The loss of every epoch: the mean over the rows, by their weights, of the losses before each update; penalties are left out. `loss[0]`
    /// belongs to epoch 1 of this call.
    pub loss: Vec<f64>,
    /// The metrics of every epoch by their names, of the same outputs as the loss.
    pub metrics: BTreeMap<String, Vec<f64>>,
    /// The loss over the validation rows after every epoch; empty without any.
    pub validation_loss: Vec<f64>,
    /// The metrics over the validation rows after every epoch.
    pub validation_metrics: BTreeMap<String, Vec<f64>>,
    /// The learning rate of every epoch's last step.
    pub learning_rate: Vec<f64>,
    /// The epoch with the best watched loss, counted from 1, where early stopping watched.
    pub best_epoch: Option<usize>,
    /// Why training ended.
    pub ended: Ended,
    /// What trained.
    pub engine: Engine,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// All epochs are done.
    #[default]
    Finished,
    /// The watched loss no longer improved.
    EarlyStopping,
    /// Another thread cancelled it.
    Cancelled,
    /// The closure of [`fit_with`](crate::Model::fit_with) asked for it.
    Asked,
}

/// A log point, handed to the closure of [`fit_with`](crate::Model::fit_with).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Log {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Its loss, of the weights before each update.
    pub loss: f64,
    /// Its metrics by their names.
    pub metrics: BTreeMap<String, f64>,
    /// The loss over the validation rows after it.
    pub validation_loss: Option<f64>,
    /// The metrics over the validation rows after it.
    pub validation_metrics: BTreeMap<String, f64>,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// All weights and biases after it, with [`Fit::log_weights`](crate::Fit::log_weights); else none.
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

    /// The columns beside the epoch, by name, in the order of files.
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

    /// The history as CSV: a header, then a line for each epoch.
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

    /// The history as JSON: an object of arrays, one number an epoch. What is not finite is null.
    pub fn to_json(&self) -> String {
        let epochs: Vec<usize> = (1..=self.loss.len()).collect();
        let mut text = format!("{{\"epoch\":{}", serde_json::json!(epochs));
        for (name, values) in self.columns() {
            let _ = write!(text, ",\"{name}\":{}", serde_json::json!(values));
        }
        text + "}"
    }
}
