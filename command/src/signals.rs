//! Ctrl-C and SIGTERM: the first signal stops training cleanly, the second one ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use shaderprop::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::talk::{Failure, Talk};

/// Listens for signals from its creation on.
pub struct Signals {
    thrown: Arc<AtomicBool>,
    which: Arc<AtomicUsize>,
}

impl Signals {
    pub fn listen() -> Self {
        let (thrown, which) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the first signal must not find the flag set. A signal that cannot be handled ends the
            // program, as usual.
            let second = flag::register_conditional_shutdown(signal, 128 + signal, thrown.clone());
            let told = second.and_then(|_| flag::register_usize(signal, which.clone(), signal as usize));
            if let Err(error) = told.and_then(|_| flag::register(signal, thrown.clone())) {
                log::warn!("signal {signal} cannot be handled ({error}); it will end the program without a checkpoint");
            }
        }
        Self { thrown, which }
    }

    /// The flag that cancels a training run.
    pub fn cancel(&self) -> Cancel {
        self.thrown.clone().into()
    }

    /// Returns an error if a signal came, and prints where the command was interrupted.
    pub fn check(&self, talk: Talk, place: impl FnOnce() -> String) -> Result<(), Failure> {
        if !self.thrown.load(Ordering::SeqCst) {
            return Ok(());
        }
        talk.say(format!("interrupted {}", place()));
        Err(Failure::Signal(self.which.load(Ordering::SeqCst) as u8))
    }
}
