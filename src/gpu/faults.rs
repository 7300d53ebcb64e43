//! The state of an opened device: ready, lost or failed. The first fault is kept.

use std::sync::{Arc, Mutex};

use super::guard::{lock, one_line};
use crate::error::Error;

/// The state, shared with the handlers that the driver calls.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Is>>);

#[derive(Default)]
enum Is {
    /// The device accepts calls.
    #[default]
    Ready,
    /// The device is lost. A loss causes calls to be refused before it is reported, so it replaces their errors.
    Lost(Error),
    /// A call that nobody was waiting for was refused, or a call panicked or hung. Its effect is unknown.
    Failed(Error),
}

impl Faults {
    /// Returns the first fault as an error.
    pub fn check(&self) -> Result<(), Error> {
        match &*lock(&self.0) {
            Is::Ready => Ok(()),
            Is::Lost(error) | Is::Failed(error) => Err(error.clone()),
        }
    }

    /// Records that the device is lost.
    pub fn lose(&self, message: &str) {
        let mut is = lock(&self.0);
        if matches!(*is, Is::Ready | Is::Failed(Error::DeviceFailed { .. })) {
            *is = Is::Lost(Error::DeviceLost { message: one_line(message) });
        }
    }

    /// Records a failure unless there was a fault before. Returns the first fault.
    pub fn fail(&self, error: Error) -> Error {
        let mut is = lock(&self.0);
        match &*is {
            Is::Lost(first) | Is::Failed(first) => first.clone(),
            Is::Ready => {
                *is = Is::Failed(error.clone());
                error
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_is_kept_but_a_loss_is_the_cause_of_refused_calls() {
        let refused = || Error::DeviceFailed { message: "no".into(), cause: None };
        let panicked = || Error::Panicked { what: "a call".into(), message: "no".into() };
        let lost = || Error::DeviceLost { message: "gone".into() };
        let faults = Faults::default();
        assert_eq!(faults.check(), Ok(()));
        assert_eq!(faults.fail(refused()), refused());
        assert_eq!(faults.fail(panicked()), refused());
        faults.lose("gone");
        assert_eq!(faults.check(), Err(lost()));
        assert_eq!(faults.fail(panicked()), lost());
        let faults = Faults::default();
        faults.fail(panicked());
        faults.lose("gone");
        assert_eq!(faults.check(), Err(panicked()));
    }
}
