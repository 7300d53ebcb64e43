//! The samples of a training run: inputs, targets or class indices, and the weight of each row.

use std::borrow::Cow;

use super::class_weights::ClassWeights;
use super::matrix::{Matrix, argmax};
use crate::error::Error;
use crate::network::Loss;
use crate::network::Network;

/// Rows that were checked against a network and a loss.
pub struct Data<'a> {
    pub inputs: Matrix<'a>,
    pub targets: Matrix<'a>,
    /// Whether the targets are class indices, one for each row.
    pub classes: bool,
    pub weights: Option<Vec<f32>>,
}

impl<'a> Data<'a> {
    /// Checks inputs and targets.
    pub fn new(network: &Network, loss: Loss, inputs: Matrix<'a>, targets: Matrix<'a>) -> Result<Self, Error> {
        Self::named("", network, loss, inputs, targets)
    }

    /// Checks inputs and targets; `prefix` is put before their names in messages.
    pub fn named(prefix: &str, network: &Network, loss: Loss, inputs: Matrix<'a>, targets: Matrix<'a>) -> Result<Self, Error> {
        let names = [format!("{prefix}inputs"), format!("{prefix}targets")];
        check_columns(&names[0], &inputs, network.inputs())?;
        check_rows(inputs.rows())?;
        let outputs = network.outputs();
        if loss == Loss::CategoricalCrossEntropy && outputs < 2 {
            return Err(Error::Setting {
                what: "the outputs of a network for categorical_cross_entropy".into(),
                expected: "one for each of at least 2 classes".into(),
                got: outputs.to_string(),
            });
        }
        let classes = loss.takes_classes() && targets.columns() == 1;
        if !classes {
            check_columns(&names[1], &targets, outputs)?;
        }
        if inputs.rows() != targets.rows() {
            return Err(Error::Shape {
                what: names[1].clone(),
                expected: format!("{} rows, as many as the inputs", inputs.rows()),
                got: targets.rows().to_string(),
                advice: "give one row of targets for each row of inputs".into(),
            });
        }
        check_inputs(&names[0], network, &inputs)?;
        targets.check_finite(&names[1])?;
        let data = Self { inputs, targets, classes, weights: None };
        data.check_targets(&names[1], loss, outputs)?;
        Ok(data)
    }

    fn check_targets(&self, name: &str, loss: Loss, outputs: usize) -> Result<(), Error> {
        let refuse = |expected: String, at: usize| {
            let (value, columns) = (self.targets.values()[at], self.targets.columns());
            Err(Error::Setting {
                what: format!("{name} for {}", loss.name()),
                expected,
                got: format!("{value} at row {}, column {}", at / columns, at % columns),
            })
        };
        let values = self.targets.values();
        if self.classes {
            let fits = |class: &f32| class.fract() == 0.0 && *class >= 0.0 && (*class as usize) < outputs;
            return match values.iter().position(|class| !fits(class)) {
                None => Ok(()),
                Some(at) => refuse(format!("class indices, whole numbers from 0 to {}", outputs - 1), at),
            };
        }
        let (least, greatest) = loss.definition().targets;
        if let Some(at) = values.iter().position(|target| *target < least || *target > greatest) {
            return refuse(format!("numbers from {least} to {greatest}"), at);
        }
        if loss == Loss::CategoricalCrossEntropy {
            let sum = |row: &[f32]| row.iter().map(|value| f64::from(*value)).sum::<f64>();
            if let Some(row) = values.chunks(outputs).position(|row| (sum(row) - 1.0).abs() > 1e-3) {
                return Err(Error::Setting {
                    what: format!("{name} for {}", loss.name()),
                    expected: "rows that add up to 1, or one column of class indices".into(),
                    got: format!("row {row}, which adds up to {}", sum(&values[row * outputs..(row + 1) * outputs])),
                });
            }
        }
        Ok(())
    }

    /// The targets with one column for each output: class indices become one-hot rows.
    pub fn dense_targets(&self, outputs: usize) -> Cow<'_, [f32]> {
        if !self.classes {
            return self.targets.values().into();
        }
        let mut dense = vec![0.0; self.targets.rows() * outputs];
        for (row, class) in self.targets.values().iter().enumerate() {
            dense[row * outputs + *class as usize] = 1.0;
        }
        dense.into()
    }

    /// Identifies these rows: their number, and a checksum over all values.
    pub fn fingerprint(&self) -> String {
        let mut hasher = crc32fast::Hasher::new();
        let weights = self.weights.as_deref().unwrap_or_default();
        for values in [self.inputs.values(), self.targets.values(), weights] {
            hasher.update(bytemuck::cast_slice(values));
        }
        format!("{} rows with the checksum {:08x}", self.inputs.rows(), hasher.finalize())
    }

    /// The sum of the weights of all rows.
    pub fn total_weight(&self) -> f64 {
        match &self.weights {
            Some(weights) => weights.iter().map(|weight| f64::from(*weight)).sum(),
            None => self.inputs.rows() as f64,
        }
    }

    /// The mean squared distance of the targets from the mean of their column. Exactly 0 if the targets of each column
    /// are equal, although their mean may be rounded.
    pub fn variance(&self, outputs: usize) -> f64 {
        let rows = self.targets.rows() as f64;
        if self.classes {
            // A column of 0 and 1 with a share p of ones has the variance p (1 - p).
            let mut counts = vec![0usize; outputs];
            self.targets.values().iter().for_each(|class| counts[*class as usize] += 1);
            return counts.iter().map(|count| *count as f64 / rows).map(|p| p * (1.0 - p)).sum::<f64>() / outputs as f64;
        }
        let targets = self.targets.values();
        let mut sum = 0.0;
        for column in 0..outputs {
            let values = || targets.iter().skip(column).step_by(outputs).map(|value| f64::from(*value));
            if values().all(|value| Some(value) == values().next()) {
                continue;
            }
            let mean = values().sum::<f64>() / rows;
            sum += values().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        }
        sum / (rows * outputs as f64)
    }

    /// A copy of the given rows.
    pub fn select(&self, rows: &[usize]) -> Data<'static> {
        Data {
            inputs: self.inputs.select(rows),
            targets: self.targets.select(rows),
            classes: self.classes,
            weights: self.weights.as_ref().map(|weights| rows.iter().map(|row| weights[*row]).collect()),
        }
    }

    /// The class of each row, where rows have classes.
    pub fn row_classes(&self, network: &Network, loss: Loss) -> Option<Vec<usize>> {
        let outputs = network.outputs();
        if self.classes {
            return Some(self.targets.values().iter().map(|class| *class as usize).collect());
        }
        if network.predicts_classes(loss) {
            return Some(self.targets.values().chunks(outputs).map(argmax).collect());
        }
        let binary = outputs == 1 && self.targets.values().iter().all(|target| *target == 0.0 || *target == 1.0);
        binary.then(|| self.targets.values().iter().map(|target| *target as usize).collect())
    }

    /// Applies the sample weights of the settings.
    pub fn with_sample_weights(mut self, given: Option<&[f32]>) -> Result<Self, Error> {
        let rows = self.inputs.rows();
        if let Some(given) = given {
            if given.len() != rows {
                return Err(Error::Shape {
                    what: "sample_weights".into(),
                    expected: format!("{rows}, one for each row"),
                    got: given.len().to_string(),
                    advice: "give as many weights as rows".into(),
                });
            }
            check_weights("sample_weights", given)?;
            self.weights = Some(given.to_vec());
        }
        Ok(self)
    }

    /// Applies the class weights of the settings to the training rows.
    pub fn with_class_weights(mut self, network: &Network, loss: Loss, by_class: Option<&ClassWeights>) -> Result<Self, Error> {
        let setting =
            |what: &str, expected: &str, got: String| Err(Error::Setting { what: what.into(), expected: expected.into(), got });
        let rows = self.inputs.rows();
        if let Some(by_class) = by_class {
            let Some(classes) = self.row_classes(network, loss) else {
                let got = format!("{} outputs with {}", network.outputs(), loss.name());
                return setting("class_weights", "targets that are classes", got);
            };
            let count = network.outputs().max(2);
            let of_class: Vec<f32> = match by_class {
                ClassWeights::Balanced => {
                    let mut counts = vec![0usize; count];
                    classes.iter().for_each(|class| counts[*class] += 1);
                    let present = counts.iter().filter(|count| **count > 0).count();
                    if present < 2 {
                        return setting("balanced class_weights", "rows of at least 2 classes", present.to_string());
                    }
                    counts.iter().map(|count| rows as f32 / (present as f32 * (*count).max(1) as f32)).collect()
                }
                ClassWeights::Given(given) => {
                    if given.len() != count {
                        return setting("class_weights", &format!("{count}, one for each class"), given.len().to_string());
                    }
                    check_weights("class_weights", given)?;
                    given.clone()
                }
            };
            let mut all = self.weights.unwrap_or_else(|| vec![1.0; rows]);
            for (weight, class) in all.iter_mut().zip(&classes) {
                *weight *= of_class[*class];
            }
            self.weights = Some(all);
        }
        let total = self.total_weight();
        // The device divides by the total.
        if !((total as f32).is_normal() && (1.0 / total as f32).is_normal()) {
            return setting("the weights of the rows to train on", "a sum above 0 that an f32 can hold", total.to_string());
        }
        Ok(self)
    }
}

fn check_weights(what: &str, weights: &[f32]) -> Result<(), Error> {
    match weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
        None => Ok(()),
        Some(at) => Err(Error::Setting {
            what: what.into(),
            expected: "finite numbers of at least 0".into(),
            got: format!("{} at {at}", weights[at]),
        }),
    }
}

/// Refuses inputs that the network does not take.
pub fn check_inputs(name: &str, network: &Network, inputs: &Matrix<'_>) -> Result<(), Error> {
    check_columns(name, inputs, network.inputs())?;
    if inputs.rows() == 0 {
        return Err(Error::Shape {
            what: name.into(),
            expected: "at least one row".into(),
            got: "none".into(),
            advice: "give some data".into(),
        });
    }
    inputs.check_finite(name)
}

/// Refuses more rows than the shaders can count.
pub fn check_rows(rows: usize) -> Result<(), Error> {
    if u32::try_from(rows).is_ok() {
        return Ok(());
    }
    Err(Error::TooLarge { what: "rows".into(), limit: u32::MAX.to_string(), got: rows.to_string() })
}

fn check_columns(what: &str, data: &Matrix<'_>, columns: usize) -> Result<(), Error> {
    if data.columns() == columns {
        return Ok(());
    }
    Err(Error::Shape {
        what: what.into(),
        expected: format!("{columns} values per row"),
        got: data.columns().to_string(),
        advice: "change the data or the network".into(),
    })
}
