//! What a training run survives: a driver that fails, a disk that fails, being killed, and too little memory.
//!
//! `cargo test --release --test faults [-- PART [CALL]]`, where PART is injections, saving, killing or memory, and CALL
//! one of Vulkan's functions. `SHADERPROP_LONG` tries everything instead of a part. The program starts itself as the
//! child process in which the faults occur. It has no `catch_unwind` of its own, so a panic that leaves the library
//! gives exit code 101.

#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "no folder is shared here")]
#[path = "../common/folder.rs"]
mod folder;
#[cfg(target_os = "linux")]
mod injections;
#[cfg(target_os = "linux")]
mod killing;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod saving;
#[cfg(target_os = "linux")]
mod shim;
#[cfg(target_os = "linux")]
mod works;

use std::process::ExitCode;

/// Runs all of a part or some of it, and returns what escaped.
#[cfg(target_os = "linux")]
type Part = fn(bool) -> Vec<String>;

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("NOT RUN: faults, which are made by means of Linux");
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match std::env::var(common::CHILD).as_deref() {
        Ok("injections") => return injections::child(),
        Ok("killing") => return killing::child(),
        Ok("memory") => return memory::child(),
        Ok("saving") => return saving::child(),
        _ => (),
    }
    let long = std::env::var_os("SHADERPROP_LONG").is_some();
    let only = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let parts: [(&str, Part); 4] =
        [("injections", injections::run), ("saving", saving::run), ("killing", killing::run), ("memory", memory::run)];
    let known = |only: &String| parts.iter().any(|(name, _)| name.contains(only.as_str()));
    if let Some(other) = only.as_ref().filter(|only| !known(only)) {
        // cargo passes its filter to all tests.
        println!("faults: no part is called {other}, so nothing is run");
        return ExitCode::SUCCESS;
    }
    let mut escaped = Vec::new();
    for (name, run) in parts.into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| name.contains(only.as_str()))) {
        println!("{name}");
        escaped.extend(run(long).into_iter().map(|message| format!("{name}: {message}")));
    }
    escaped.iter().for_each(|message| println!("{message}"));
    println!("faults: {} escaped", escaped.len());
    if escaped.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(target_os = "linux")]
mod common {
    //! Runs this program as the child process in which the faults occur.

    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    /// The environment variable that says which child a process is.
    pub const CHILD: &str = "SHADERPROP_FAULTS";

    /// The exit code of a child if the library returned an error.
    pub const REFUSED: u8 = 3;

    /// What a child printed, and how it ended.
    pub struct Output {
        /// None if a signal ended it.
        pub code: Option<i32>,
        pub stdout: String,
        pub stderr: String,
    }

    /// This program as the child of that name.
    pub fn child(name: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.env(CHILD, name).env("RUST_BACKTRACE", "0").stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a child to its end. Returns an error if it takes too long.
    pub fn finish(mut command: Command, longest: Duration) -> Result<Output, String> {
        let mut child = command.spawn().expect("a process");
        let since = Instant::now();
        // Its output fits in the pipe.
        while child.try_wait().expect("its state").is_none() {
            if since.elapsed() > longest {
                child.kill().expect("its end");
                return Err("it hangs".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output().expect("its output");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) })
    }

    /// Whether a line is an error of the library: a sentence that ends with what to do.
    pub fn is_sentence(line: &str) -> bool {
        let advice =
            ["use fewer rows", "update ", "reopen ", "choose another", "make room", "create ", "change ", "install ", "check "];
        line.rsplit_once("; ")
            .is_some_and(|(wrong, then)| wrong.contains(": ") && advice.iter().any(|advice| then.starts_with(advice)))
    }

    /// A folder of this run.
    pub fn folder(name: &str) -> PathBuf {
        crate::folder::folder(&format!("faults-{name}"))
    }

    /// The results of `work` for each item, on all processors, in any order.
    pub fn each<T: Sync, R: Send>(all: &[T], work: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
        let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (work, next, results) = (&work, &next, &results);
                scope.spawn(move || {
                    while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let result = work(thread, one);
                        results.lock().expect("the results").push(result);
                    }
                });
            }
        });
        results.into_inner().expect("the results")
    }
}
