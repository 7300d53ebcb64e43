//! One network of a sweep, with what differs from the others.

use std::sync::Arc;

use crate::error::Error;
use crate::network::Init;
use crate::settings::Fit;

/// One network of a [`Sweep`](crate::Sweep): its initial weights and its own settings.
///
/// ```
/// use shaderprop::{Init, Member};
/// let member = Member::new(Init::GlorotUniform { seed: 7 }).learning_rate(0.3).epochs(500);
/// ```
#[derive(Clone, Debug)]
pub struct Member {
    pub(super) init: Init,
    learning_rate: Option<f64>,
    weight_decay: Option<f64>,
    pub(super) epochs: Option<usize>,
    pub(super) rows: Option<Arc<[usize]>>,
}

impl Member {
    /// A network with these initial weights and the settings of the sweep.
    pub fn new(init: Init) -> Self {
        Self { init, learning_rate: None, weight_decay: None, epochs: None, rows: None }
    }

    /// Sets its own learning rate in place of the sweep's.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.learning_rate = Some(learning_rate);
        self
    }

    /// Sets its own weight decay in place of the sweep's.
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = Some(decay);
        self
    }

    /// Sets its last epoch. After this many epochs in all it no longer changes, even if the sweep continues.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = Some(epochs);
        self
    }

    /// Sets the rows that it is trained on, counted from 0, such as those of a fold. By default it is trained on all
    /// rows. The batches are those of the sweep: in each batch, all other rows have the weight 0. A row that is given
    /// twice counts twice.
    #[must_use]
    pub fn rows(mut self, rows: impl Into<Arc<[usize]>>) -> Self {
        self.rows = Some(rows.into());
        self
    }

    /// The settings to train it by itself, apart from its epochs and its rows.
    pub(super) fn settings(&self, fit: &Fit) -> Fit {
        Fit {
            learning_rate: self.learning_rate.or(fit.learning_rate),
            weight_decay: self.weight_decay.or(fit.weight_decay),
            ..fit.clone()
        }
    }
}

/// Attributes an error to a member.
pub fn of_member(member: usize, error: Error) -> Error {
    Error::Member { member, error: Box::new(error) }
}
