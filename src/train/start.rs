//! What a training starts from, and what it ends with.

use std::sync::atomic::AtomicBool;

use super::checkpoint::Resumed;
use super::history::History;
use super::state::State;
use crate::data::Preprocessing;
use crate::error::Error;
use crate::gpu::Device;
use crate::network::{Layout, Network};

/// What a training ends with.
pub struct Trained {
    pub parameters: Vec<f64>,
    pub state: State,
    pub history: History,
}

/// What went wrong, and parameters to keep if some are better than those before the call.
pub struct Failed {
    pub error: Error,
    /// With the state in which the optimizer begins anew.
    pub kept: Option<(Vec<f64>, State)>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, kept: None }
    }
}

/// A network with weights, as the trainer takes it.
pub struct Start<'a> {
    pub device: &'a Device,
    pub network: &'a Network,
    pub layout: &'a Layout,
    pub preprocessing: Option<&'a Preprocessing>,
    pub parameters: &'a [f64],
    pub state: &'a State,
    /// The training that goes on, if it does, instead of the parameters and the state.
    pub resumed: Option<Resumed>,
    /// Is told once a checkpoint is written.
    pub saved: Option<&'a AtomicBool>,
}
