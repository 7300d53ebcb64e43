//! Loops over many cases: failing cases are collected, and their pattern is shown at the end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// How many failures are shown with their messages, and how many values of a key are listed.
const SHOWN: usize = 5;
const LISTED: usize = 12;

/// How much of a message is shown: two long vectors that differ would hide everything else.
const LONGEST: usize = 600;

/// What a case has in common with others: the name of a property, such as `layout`, and its value.
pub type Key = (&'static str, String);

pub fn by(name: &'static str, value: impl Display) -> Key {
    (name, value.to_string())
}

/// A size modulo four, the width of a vector. It shows whether a kernel fails at the end of a row.
pub fn mod4(name: &'static str, size: usize) -> Key {
    (name, (size % 4).to_string())
}

/// The three sizes of a product, each modulo four.
pub fn mod4s((m, k, n): (usize, usize, usize)) -> [Key; 3] {
    [mod4("m mod 4", m), mod4("k mod 4", k), mod4("n mod 4", n)]
}

/// The values of a key, each with the number of its failed cases and of all its cases.
type Values = BTreeMap<String, (usize, usize)>;

/// The cases of a test. The test fails unless `finish` is called, so that no failure is forgotten.
pub struct Cases {
    count: usize,
    keys: Vec<(&'static str, Values)>,
    failures: Vec<String>,
    finished: bool,
    /// Whether the first failure ends the test: tests/mutants.py requests this with `SHADERPROP_FIRST_FAILURE`.
    pub stops: bool,
}

thread_local! {
    static COLLECTS: Cell<bool> = const { Cell::new(false) };
    /// The place of the last panic that was collected.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Cases {
    pub fn new() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let next = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if COLLECTS.get() {
                    PLACE.set(panic.location().map(ToString::to_string).unwrap_or_default());
                } else {
                    next(panic);
                }
            }));
        });
        let stops = std::env::var_os("SHADERPROP_FIRST_FAILURE").is_some();
        Self { count: 0, keys: Vec::new(), failures: Vec::new(), finished: false, stops }
    }

    /// Runs a case, which fails if it panics. The keys of all cases of a test should have the same names.
    pub fn case(&mut self, keys: impl IntoIterator<Item = Key>, what: impl Display, check: impl FnOnce()) {
        self.count += 1;
        let failure = if self.stops {
            check();
            None
        } else {
            COLLECTS.set(true);
            let result = catch_unwind(AssertUnwindSafe(check));
            COLLECTS.set(false);
            result.err()
        };
        let failed = usize::from(failure.is_some());
        for (name, value) in keys {
            let place = self.keys.iter().position(|(own, _)| *own == name).unwrap_or_else(|| {
                self.keys.push((name, Values::new()));
                self.keys.len() - 1
            });
            let (failures, count) = self.keys[place].1.entry(value).or_default();
            *failures += failed;
            *count += 1;
        }
        if let Some(payload) = failure {
            let message = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
            let (what, message) = (what.to_string(), message.unwrap_or("a panic without a message"));
            // Many messages begin with their case.
            let message = message.strip_prefix(&what).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(message);
            self.failures.push(format!("{what}: {}: {}", PLACE.take(), cut(message)));
        }
    }

    /// Fails if a case failed or if there was none. Returns the number of cases.
    #[track_caller]
    pub fn finish(mut self) -> usize {
        self.finished = true;
        assert!(self.count > 0, "expected cases, there was none");
        assert!(self.failures.is_empty(), "{}", self.report());
        self.count
    }

    /// How many cases failed, for each value of each key, and the first failures.
    fn report(&self) -> String {
        let mut text = format!("{} of {} cases failed\n", self.failures.len(), self.count);
        let width = self.keys.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, values) in &self.keys {
            let failing: Vec<_> = values.iter().filter(|(_, (failed, _))| *failed > 0).collect();
            let failing = list(failing.iter().map(|(value, (failed, count))| format!("{value}: {failed} of {count}")));
            let whole = list(values.iter().filter(|(_, (failed, _))| *failed == 0).map(|(value, _)| value.clone()));
            let none = if whole.is_empty() { String::new() } else { format!("; none of {whole}") };
            writeln!(text, "  {name:width$}  {failing}{none}").expect("text");
        }
        let first = if self.failures.len() > SHOWN { format!("the first {SHOWN}") } else { "they are".into() };
        writeln!(text, "{first}:").expect("text");
        for failure in self.failures.iter().take(SHOWN) {
            writeln!(text, "  {}", failure.replace('\n', "\n    ")).expect("text");
        }
        text
    }
}

/// The first values, separated by commas, and how many more there are.
fn list(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    let more = if all.len() > LISTED { format!(" and {} more", all.len() - LISTED) } else { String::new() };
    all.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ") + &more
}

fn cut(message: &str) -> String {
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &message[..end]),
        None => message.to_owned(),
    }
}

impl Drop for Cases {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "expected that Cases::finish is called, it was not");
        // The test failed outside of its cases. What is known about them may still help.
        if !self.finished && !self.failures.is_empty() {
            eprintln!("{}", self.report());
        }
    }
}
