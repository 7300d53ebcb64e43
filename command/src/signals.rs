//! Ctrl-C and SIGTERM: the first is told to the training, the second ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use shaderprop::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::talk::{Failure, Talk};

/// Listens from when it is made.
pub struct Signals {
    thrown: Arc<AtomicBool>,
    which: Arc<AtomicUsize>,
}

impl Signals {
    pub fn listen() -> Self {
        let (thrown, which) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds nothing thrown yet. Where one cannot be listened to it ends the program, as without us.
            let second = flag::register_conditional_shutdown(signal, 128 + signal, thrown.clone());
            let told = second.and_then(|_| flag::register_usize(signal, which.clone(), signal as usize));
            if let Err(error) = told.and_then(|_| flag::register(signal, thrown.clone())) {
                log::warn!("signal {signal}: expected to listen to it, got: {error}; it ends the program without a checkpoint");
            }
        }
        Self { thrown, which }
    }

    /// What a training is told by.
    pub fn cancel(&self) -> Cancel {
        self.thrown.clone().into()
    }

    /// An error if one came; says that the command ends, and where it was.
    pub fn check(&self, talk: Talk, place: impl FnOnce() -> String) -> Result<(), Failure> {
        if !self.thrown.load(Ordering::SeqCst) {
            return Ok(());
        }
        talk.say(format!("interrupted {}", place()));
        Err(Failure::Signal(self.which.load(Ordering::SeqCst) as u8))
    }
}
