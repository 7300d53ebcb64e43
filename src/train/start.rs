//! The start and the results of a training run.

use std::sync::atomic::AtomicBool;

use super::checkpoint::Resumed;
use super::history::History;
use super::state::State;
use crate::data::Preprocessing;
use crate::error::Error;
use crate::gpu::Device;
use crate::network::{Layout, Network};

/// The results of a training run.
pub struct Trained {
    pub parameters: Vec<f64>,
    pub state: State,
    pub history: History,
}

/// The error of a training run, and the parameters to keep if they are better than those before the call.
pub struct Failed {
    pub error: Error,
    /// With the state in which the optimizer starts afresh.
    pub kept: Option<(Vec<f64>, State)>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, kept: None }
    }
}

/// A network with its weights, ready to be trained.
pub struct Start<'a> {
    pub device: &'a Device,
    pub network: &'a Network,
    pub layout: &'a Layout,
    pub preprocessing: Option<&'a Preprocessing>,
    pub parameters: &'a [f64],
    pub state: &'a State,
    /// A training run to resume, which replaces the parameters and the state.
    pub resumed: Option<Resumed>,
    /// Set once a checkpoint is written.
    pub saved: Option<&'a AtomicBool>,
}
