//! The training rows and the validation rows.

use crate::data::{Data, Split};
use crate::error::Error;
use crate::network::Network;
use crate::settings::{Fit, Validation};

/// The rows of a training run, checked.
pub struct TrainingData<'a> {
    /// The rows to train on.
    pub train: Data<'a>,
    /// The rows to validate on after each epoch.
    pub validation: Option<Data<'a>>,
}

impl<'a> TrainingData<'a> {
    /// Holds out the validation rows, and applies weights to the others.
    pub fn new(network: &Network, data: Data<'a>, fit: &'a Fit) -> Result<Self, Error> {
        let data = data.with_sample_weights(fit.sample_weights.as_deref())?;
        let (data, validation) = match &fit.validation {
            None => (data, None),
            Some(Validation::Data(given)) => {
                let (inputs, targets) = ((&given.0).into(), (&given.1).into());
                (data, Some(Data::named("validation ", network, fit.loss, inputs, targets)?))
            }
            Some(Validation::Split(share)) => {
                let split = match data.row_classes(network, fit.loss).filter(|_| fit.stratify) {
                    Some(classes) => Split::stratified(&classes),
                    None if fit.stratify => {
                        return Err(Error::Setting {
                            what: "stratify".into(),
                            expected: "targets that are classes".into(),
                            got: format!("{} outputs with {}", network.outputs(), fit.loss.name()),
                        });
                    }
                    None => Split::new(data.inputs.rows()),
                };
                let parts = split.seed(fit.seed).hold_out(*share)?;
                // All validation rows count the same.
                let validation = Data { weights: None, ..data.select(&parts.test) };
                (data.select(&parts.train), Some(validation))
            }
        };
        let train = data.with_class_weights(network, fit.loss, fit.class_weights.as_ref())?;
        Ok(Self { train, validation })
    }
}
