//! A training run of a sweep: what all its networks share, and its result.

use super::member::Member;
use super::weights::Weights;
use crate::data::Data;
use crate::settings::Fit;
use crate::train::State;

/// What all networks of a training run share.
pub struct Task<'a> {
    pub fit: &'a Fit,
    pub data: &'a Data<'a>,
    pub members: &'a [Member],
    pub weights: Option<&'a Weights>,
}

/// What a training run returns, apart from the numbers of the networks.
pub struct Trained {
    /// The logged losses of each network.
    pub logged: Vec<Vec<f32>>,
    /// The state after the last epoch.
    pub state: State,
}
