//! When training leaves the finite numbers: what is found, and where it goes back to.

use super::readout::Readout;
use super::state::State;
use crate::engine::Snapshot;
use crate::error::Error;
use crate::network::Layout;
use crate::settings::{Fit, OnNonFinite};

/// The parameters to which a training that diverges goes back.
#[derive(Default)]
pub enum Good {
    /// Those that the model had before.
    #[default]
    Before,
    /// Those of the checkpoint that it was resumed from.
    Resumed(Vec<f64>, State),
    /// Those of the last look, and the state then.
    Snapshot(State),
}

impl Good {
    /// The parameters and the state that goes on from them; none if they are those of before.
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

/// The error for the first of the last so many losses that is not finite.
pub fn not_finite(what: &str, losses: &[f64], count: usize, fit: &Fit) -> Option<Error> {
    if fit.on_non_finite == OnNonFinite::Continue {
        return None;
    }
    // What an f32 does not hold is infinite, on the CPU engine too. The last loss is the last epoch's.
    let last = &losses[losses.len() - count..];
    let at = last.iter().position(|loss| !(*loss as f32).is_finite())?;
    Some(diverged(what, last[at], losses.len() - count + at + 1, fit))
}

/// The error for the first parameter that is not finite; none if that is something else that the device looked at.
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
