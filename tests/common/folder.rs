//! Folders that tests write to. Two suites may run at once in one clone without using each other's files.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once};

/// The folder that contains all others: `SHADERPROP_TESTS`, which a whole suite shares and removes at its end
/// (tests/run.sh), or else a folder of this process.
fn top() -> (PathBuf, bool) {
    match std::env::var_os("SHADERPROP_TESTS") {
        Some(of_suite) if !of_suite.is_empty() => (of_suite.into(), true),
        _ => (Path::new(env!("CARGO_TARGET_TMPDIR")).join(std::process::id().to_string()), false),
    }
}

/// An empty folder of that name. It is removed when the test ends, unless the test fails or `SHADERPROP_TESTS` is set.
/// A test is identified by its thread: request the folder there, not on a thread that the test starts.
pub fn folder(name: &str) -> PathBuf {
    make(name, true)
}

/// A folder of that name that all tests of this process share, with its existing contents. It is removed when the last
/// of these tests ends, under the same conditions.
pub fn shared(name: &str) -> PathBuf {
    make(name, false)
}

fn make(name: &str, empty: bool) -> PathBuf {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED.set(true);
            next(panic);
        }));
    });
    let (top, of_suite) = top();
    let path = top.join(name);
    let mut used = used();
    if empty {
        let _ = std::fs::remove_dir_all(&path);
    }
    std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if !of_suite && MADE.with_borrow(|made| !made.0.contains(&path)) {
        *used.entry(path.clone()).or_default() += 1;
        MADE.with_borrow_mut(|made| made.0.push(path.clone()));
    }
    path
}

/// How many threads use each folder. Folders are created and removed under this lock, so that none is removed while
/// another is created inside the same one.
fn used() -> MutexGuard<'static, BTreeMap<PathBuf, usize>> {
    static USED: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());
    USED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

thread_local! {
    static PANICKED: Cell<bool> = const { Cell::new(false) };
    static MADE: RefCell<Made> = const { RefCell::new(Made(Vec::new())) };
}

/// The folders of a thread.
struct Made(Vec<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        // The files of a failed test may explain the failure.
        if PANICKED.get() {
            return;
        }
        let mut used = used();
        for path in &self.0 {
            let users = used.get_mut(path).expect("a folder that is counted");
            *users -= 1;
            if *users == 0 {
                let _ = std::fs::remove_dir_all(path);
                // The folder of the process is removed with the last one in it.
                let _ = std::fs::remove_dir(top().0);
            }
        }
    }
}
