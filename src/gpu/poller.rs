//! The thread that polls the device for futures, because wgpu runs callbacks only during a poll. It starts with the
//! first future that waits, sleeps while none does, and ends with the device.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::awaited::{Awaited, wait_for};
use super::faults::Faults;
use super::guard::{Guarded, guard, lock};

/// How long each poll waits for the device. Destroying the device or a buffer may have to wait this long, and so may
/// the report of a fault that another thread has found.
const ROUND: Duration = Duration::from_millis(100);

/// The thread of a device, once it has started.
#[derive(Default)]
pub struct Poller {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

/// The waiting futures, first come, first served: a device works in the order of submission.
#[derive(Default)]
struct Waiting {
    closed: bool,
    numbered: u64,
    futures: VecDeque<Entry>,
}

/// What a future waits for.
#[derive(Clone)]
struct Entry {
    future: u64,
    awaited: Awaited,
    waker: Waker,
}

/// A future's entry among those that wait, removed when it is dropped.
pub struct Waiter<'a> {
    poller: &'a Poller,
    future: u64,
    waits: bool,
}

impl Poller {
    /// Adds an entry for another future.
    pub fn watch(&self) -> Waiter<'_> {
        let mut waiting = lock(&self.shared.waiting);
        waiting.numbered += 1;
        Waiter { poller: self, future: waiting.numbered, waits: false }
    }

    /// Tells the thread to end.
    pub fn close(&self) {
        lock(&self.shared.waiting).closed = true;
        self.shared.changed.notify_all();
    }

    /// Waits until the thread has ended.
    pub fn join(&self) {
        // A woken future may drop the device on this very thread, which then ends afterwards.
        let ended = lock(&self.thread).take().filter(|thread| thread.thread().id() != thread::current().id());
        if ended.is_some_and(|thread| thread.join().is_err()) {
            log::warn!("the thread that waits for the device has panicked");
        }
    }

    /// Starts the thread if necessary. Returns whether it is running.
    fn started(&self, device: &wgpu::Device, faults: &Faults) -> bool {
        let mut thread = lock(&self.thread);
        if thread.is_none() {
            let (shared, device, faults) = (self.shared.clone(), Guarded::new(device.clone()), faults.clone());
            let run = move || shared.run(&device, &faults);
            *thread = thread::Builder::new().name("shaderprop device".into()).spawn(run).ok();
        }
        thread.is_some()
    }
}

impl Waiter<'_> {
    /// Registers the future to be woken when what it waits for is done. Returns whether there is a thread to wake it.
    /// None is needed if it does not wait for the device.
    pub fn set(&mut self, awaited: &Awaited, waker: &Waker, device: &wgpu::Device, faults: &Faults) -> bool {
        if awaited.is_none() {
            self.give_up();
            return true;
        }
        if !self.poller.started(device, faults) {
            return false;
        }
        let entry = Entry { future: self.future, awaited: awaited.clone(), waker: waker.clone() };
        self.give_up();
        lock(&self.poller.shared.waiting).futures.push_back(entry);
        self.waits = true;
        self.poller.shared.changed.notify_all();
        true
    }

    fn give_up(&mut self) {
        if std::mem::take(&mut self.waits) {
            // A waker may run anything when it is dropped, so it is not dropped under the lock.
            let own: VecDeque<Entry> = {
                let mut waiting = lock(&self.poller.shared.waiting);
                let all = std::mem::take(&mut waiting.futures);
                let (own, others) = all.into_iter().partition(|other| other.future == self.future);
                waiting.futures = others;
                own
            };
            drop(own);
        }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Shared {
    fn run(&self, device: &wgpu::Device, faults: &Faults) {
        while let Some(Entry { future, awaited, .. }) = self.first() {
            // Faults found by other threads are reported to all futures too.
            let done = faults.check().and_then(|()| wait_for(device, &awaited, ROUND));
            match done {
                Ok(true) => self.wake(|other| other.future == future),
                // It is waited for again, unless another one is first by now.
                Ok(false) => (),
                Err(error) => {
                    faults.fail(error);
                    self.wake(|_| true);
                }
            }
        }
    }

    /// The next future to wait for; `None` once the device is being closed.
    fn first(&self) -> Option<Entry> {
        let waiting = self.changed.wait_while(lock(&self.waiting), |waiting| !waiting.closed && waiting.futures.is_empty());
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.futures.front().filter(|_| !waiting.closed).cloned()
    }

    fn wake(&self, which: impl Fn(&Entry) -> bool) {
        let woken: VecDeque<Entry> = {
            let mut waiting = lock(&self.waiting);
            let (woken, others) = std::mem::take(&mut waiting.futures).into_iter().partition(which);
            waiting.futures = others;
            woken
        };
        for Entry { waker, .. } in woken {
            if let Err(error) = guard("waking a future", || waker.wake()) {
                log::warn!("{error}");
            }
        }
    }
}
