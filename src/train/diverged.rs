//! Handles a training run that diverged: the error to report, and the parameters to go back to.

use super::readout::Readout;
use super::state::State;
use crate::engine::Snapshot;
use crate::error::Error;
use crate::network::Layout;
use crate::settings::{Fit, OnNonFinite};

/// The parameters that a diverged training goes back to.
#[derive(Default)]
pub enum Good {
    /// Those that the model had before.
    #[default]
    Before,
    /// Those of the checkpoint that it was resumed from.
    Resumed(Vec<f64>, State),
    /// Those of the last check, with the state at that time.
    Snapshot(State),
}

impl Good {
    /// The parameters, and the state to continue from; `None` if they are those from before.
    pub async fn find(self, readout: &mut Readout) -> Result<Option<(Vec<f64>, State)>, Error> {
        let (parameters, mut state) = match self {
            Good::Before => return Ok(None),
            Good::Resumed(parameters, state) => (parameters, state),
            Good::Snapshot(state) => (readout.parameters(Some(Snapshot::Good)).await?, state),
        };
        state.forget_optimizer();
        Ok(Some((parameters, state)))
    }
}

/// The error for the first loss that is not finite among the last `count`.
pub fn not_finite(what: &str, losses: &[f64], count: usize, fit: &Fit) -> Option<Error> {
    if fit.on_non_finite == OnNonFinite::Continue {
        return None;
    }
    // A loss beyond f32 is infinite, on the CPU engine too. The last loss is that of the last epoch.
    let last = &losses[losses.len() - count..];
    let at = last.iter().position(|loss| !(*loss as f32).is_finite())?;
    Some(diverged(what, last[at], losses.len() - count + at + 1, fit))
}

/// The error for the first parameter that is not finite; `None` if the device found some other value.
pub fn diverged_parameters(layout: &Layout, parameters: &[f64], epoch: usize, fit: &Fit) -> Option<Error> {
    layout.places.iter().find_map(|place| {
        let values = &parameters[place.offset..place.offset + place.len];
        let value = values.iter().find(|value| !(**value as f32).is_finite())?;
        Some(diverged(&place.name, *value, epoch, fit))
    })
}

fn diverged(what: &str, value: f64, epoch: usize, fit: &Fit) -> Error {
    Error::Diverged { what: what.into(), value: value as f32, epoch, learning_rate: fit.base_rate() }
}
