//! The state of an opened device: ready, lost or failed. The first fault is kept.

use std::sync::{Arc, Mutex};

use super::guard::{lock, one_line};
use crate::error::Error;

/// Shared with the handlers that the driver calls.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Is>>);

#[derive(Default)]
enum Is {
    /// It takes calls.
    #[default]
    Ready,
    /// It is gone. A loss is the cause of calls that were refused before it was told, and replaces their error.
    Lost(Error),
    /// A call that nobody was waiting for was refused, or one panicked or hung: what came of it is unknown.
    Failed(Error),
}

impl Faults {
    /// The first fault, if there was one.
    pub fn check(&self) -> Result<(), Error> {
        match &*lock(&self.0) {
            Is::Ready => Ok(()),
            Is::Lost(error) | Is::Failed(error) => Err(error.clone()),
        }
    }

    /// It is gone.
    pub fn lose(&self, message: &str) {
        let mut is = lock(&self.0);
        if matches!(*is, Is::Ready | Is::Failed(Error::DeviceFailed { .. })) {
            *is = Is::Lost(Error::DeviceLost { message: one_line(message) });
        }
    }

    /// It has failed by that error, unless something was wrong before; returns what was first.
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
