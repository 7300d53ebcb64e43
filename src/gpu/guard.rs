//! Turns panics in the layers below this library into errors, which print nothing if a program wishes so. In a browser,
//! where panics do not unwind, a panic ends the module.

use std::any::Any;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use crate::error::{Cause, Error};

thread_local! {
    /// Whether [`guard`] will catch a panic on this thread.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Silences caught panics, for programs: from now on, a panic that this library catches and returns as an [`Error`]
/// prints nothing. Other panics print as before. A library should not call this.
pub fn silence_caught_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !GUARDED.get() {
            previous(info);
        }
    }));
}

/// Runs a call that may panic in a layer below.
pub fn guard<T>(what: &str, call: impl FnOnce() -> T) -> Result<T, Error> {
    let before = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(before);
    result.map_err(|panic| Error::Panicked { what: what.into(), message: one_line(panic_message(panic.as_ref())) })
}

/// Runs a future that may panic in a layer below.
pub async fn guarded<T>(what: &str, future: impl Future<Output = T>) -> Result<T, Error> {
    let mut future = pin!(future);
    poll_fn(|context| match guard(what, || future.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        Err(error) => Poll::Ready(Err(error)),
    })
    .await
}

/// A value whose drop may panic. The panic is caught, since it can no longer be reported.
pub struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> Guarded<T> {
    /// Never drops the value.
    pub fn leak(&mut self) {
        std::mem::forget(self.0.take());
    }
}

impl<T> Deref for Guarded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        if let Err(error) = guard("closing the device", || drop(value)) {
            log::warn!("{error}");
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// What a driver's error says, and the error itself.
#[cfg(not(target_arch = "wasm32"))]
pub fn said(error: impl std::error::Error + Send + Sync + 'static) -> (String, Option<Cause>) {
    (one_line(&error.to_string()), Some(Cause::new(error)))
}

/// What a driver's error says. In a browser it is a value of the page's, which no other thread may have.
#[cfg(target_arch = "wasm32")]
pub fn said(error: impl std::fmt::Display) -> (String, Option<Cause>) {
    (one_line(&error.to_string()), None)
}

pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Locks a mutex even if a thread panicked while holding it: each value is written in one assignment.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
