//! k-fold cross-validation: one training run for each fold, evaluated on the rows it was not trained on.

use super::model::Model;
use crate::data::{Matrix, Split};
use crate::error::Error;
use crate::gpu::Device;
use crate::infer::Evaluation;
use crate::network::{Init, Network};
use crate::settings::Fit;
use crate::train::{Ended, History};

/// The result for one fold of [`cross_validate`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fold {
    /// The history of its training.
    pub history: History,
    /// The evaluation on the rows of the fold, which were not trained on.
    pub evaluation: Evaluation,
    /// The trained model.
    pub model: Model,
}

/// Cross-validates a network. For each of `folds` folds of `split`, it trains a new model from `init` on the rows of
/// the other folds, or of an [ordered](Split::ordered) split on the earlier rows, and evaluates it on this fold. If it
/// is cancelled, it returns the folds that are complete.
///
/// # Errors
/// The same as [`Split::k_fold`] and [`Model::fit`]; [`Error::Setting`] if the settings contain sample weights, which
/// belong to all rows.
///
/// ```
/// use shaderprop::{Activation, Device, Fit, Init, Matrix, Network, Split, cross_validate};
/// let inputs = Matrix::column((0..20).map(|i| i as f32 / 20.0).collect::<Vec<_>>());
/// let targets = inputs.clone();
/// let network = Network::new(1).dense(1, Activation::Identity);
/// let fit = Fit::new().learning_rate(0.5).epochs(200);
/// let folds = cross_validate(&Device::cpu(), &network, &Init::default(), (&inputs, &targets), &fit, &Split::new(20), 4)?;
/// assert_eq!(folds.len(), 4);
/// assert!(folds.iter().all(|fold| fold.evaluation.loss < 0.01));
/// # Ok::<(), shaderprop::Error>(())
/// ```
pub fn cross_validate(
    device: &Device,
    network: &Network,
    init: &Init,
    (inputs, targets): (&Matrix<'_>, &Matrix<'_>),
    fit: &Fit,
    split: &Split,
    folds: usize,
) -> Result<Vec<Fold>, Error> {
    let setting = |what: &str, expected: String, got: String| Err(Error::Setting { what: what.into(), expected, got });
    for (what, rows) in [("the rows of a split", split.rows()), ("the rows of targets", targets.rows())] {
        if rows != inputs.rows() {
            return setting(what, format!("{}, the number of rows of the inputs", inputs.rows()), rows.to_string());
        }
    }
    if fit.sample_weights.is_some() {
        return setting("sample_weights in cross-validation", "none".into(), "some".into());
    }
    if fit.checkpoint.is_some() {
        return setting("checkpoint in cross-validation", "none, since each fold would replace it".into(), "one".into());
    }
    let mut done = Vec::new();
    for parts in split.k_fold(folds)? {
        let mut model = Model::new(device, network, init)?;
        let history = model.fit(inputs.select(&parts.train), targets.select(&parts.train), fit)?;
        if history.ended == Ended::Cancelled {
            break;
        }
        let evaluation = model.evaluate(inputs.select(&parts.test), targets.select(&parts.test), fit.loss)?;
        done.push(Fold { history, evaluation, model });
    }
    Ok(done)
}
