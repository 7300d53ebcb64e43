//! What all other tests rely on: comparisons and loops over cases can fail, and folders are created and removed.

mod common;

use common::{Cases, by, close, folder, mod4, mod4s, shared};

#[test]
fn accepts_a_value_within_its_bound() {
    assert_eq!(close(&[1.0, 2.0], &[1.0, 2.5], |i| [0.0, 0.5][i]), Ok(()));
}

#[test]
fn rejects_a_wrong_element() {
    assert!(close(&[1.0, 2.0, 3.0], &[1.0, 2.1, 3.0], |_| 0.05).is_err());
}

#[test]
fn rejects_a_wrong_length() {
    assert!(close(&[1.0, 2.0], &[1.0, 2.0, 3.0], |_| 1.0).is_err());
    assert!(close(&[1.0, 2.0], &[1.0], |_| 1.0).is_err());
    assert!(close(&[], &[1.0], |_| 1.0).is_err());
}

#[test]
fn rejects_a_nan_and_an_infinity() {
    assert!(close(&[f32::NAN], &[1.0], |_| 1e30).is_err());
    assert!(close(&[f32::INFINITY], &[1.0], |_| 1e30).is_err());
    assert!(close(&[1.0], &[f64::NAN], |_| 1e30).is_err());
    assert!(close(&[1.0], &[1.0], |_| f64::NAN).is_err());
}

/// Products of all sizes up to 8, some of which fail: one layout at one width, and another at one size.
fn some_fail() -> Cases {
    let mut cases = Cases::new();
    cases.stops = false;
    for (m, k, n) in (1..9).flat_map(|m| (1..9).flat_map(move |k| (1..9).map(move |n| (m, k, n)))) {
        for layout in ["Plain", "TransposedA", "TransposedB"] {
            let keys = mod4s((m, k, n)).into_iter().chain([by("layout", layout)]);
            let what = format!("{layout} {m}×{k}×{n}");
            cases.case(keys, &what, || {
                assert!(layout != "TransposedB" || n % 4 != 1, "{what}: element {}: NaN, expected 0.5", n - 1);
                assert_eq!((layout, m * k * n), (layout, if layout == "Plain" && m * k * n == 512 { 0 } else { m * k * n }));
            });
        }
    }
    cases
}

/// The message of a function's panic.
fn message(fails: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(fails)).expect_err("a panic");
    panic.downcast::<String>().map_or_else(|panic| (*panic.downcast::<&str>().expect("text")).into(), |text| *text)
}

/// A loop with failing cases continues, counts them, and shows their pattern. Its report is kept in tests/snapshots.
#[test]
fn failing_cases_show_their_pattern() {
    let said = message(|| {
        some_fail().finish();
    });
    // Line numbers of this file are not kept.
    let said: Vec<String> = said
        .lines()
        .map(|line| match line.split_once("comparison.rs:") {
            Some((before, rest)) => {
                format!("{before}comparison.rs:{}", rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'))
            }
            None => line.to_owned(),
        })
        .collect();
    let kept = std::fs::read_to_string("tests/snapshots/cases.txt").unwrap_or_default();
    assert!(
        said.iter().map(String::as_str).eq(kept.lines()),
        "expected the text of tests/snapshots/cases.txt, got\n{}",
        said.join("\n")
    );
}

#[test]
fn cases_fail_as_they_should() {
    let mut good = Cases::new();
    good.case([mod4("size mod 4", 5)], "it holds", || ());
    good.case([mod4("size mod 4", 6)], "it holds too", || ());
    assert_eq!(good.finish(), 2);
    let none = message(|| {
        Cases::new().finish();
    });
    assert_eq!(none, "expected cases, there was none");
    assert_eq!(message(|| drop(some_fail())), "expected that Cases::finish is called, it was not");
    // One failure among many is enough, and a panic without text is reported, too.
    let one = message(|| {
        let mut cases = Cases::new();
        cases.stops = false;
        (0..1000).for_each(|i| cases.case([], i, || assert_ne!(i, 999)));
        cases.case([], "no text", || std::panic::panic_any(7));
        cases.finish();
    });
    assert!(one.starts_with("2 of 1001 cases failed\n") && one.contains("\n  999: tests/comparison.rs:"), "{one}");
    assert!(one.trim_end().ends_with("a panic without a message"), "{one}");
    // As tests/mutants.py runs them: the first failure ends the test.
    let first = message(|| {
        let mut cases = Cases::new();
        cases.stops = true;
        (0..1000).for_each(|i| cases.case([], i, || assert!(i < 3, "{i} is too large")));
        cases.finish();
    });
    assert_eq!(first, "3 is too large");
    // After that, other panics are reported as usual.
    let hooked = message(|| panic!("outside"));
    assert_eq!(hooked, "outside");
}

/// A folder of this process starts empty. It is removed when the thread that requested it ends, unless a test failed
/// there.
#[test]
fn folders_are_removed_with_their_test() {
    let run = |work: fn()| std::thread::spawn(move || (folder("comparison"), work()).0).join();
    let there = folder("comparison-here");
    std::fs::write(there.join("file"), "x").expect("a file");
    assert_eq!(std::fs::read_dir(folder("comparison-here")).expect("the folder").count(), 0);
    if std::env::var_os("SHADERPROP_TESTS").is_some() {
        return;
    }
    assert!(there.to_str().is_some_and(|path| path.contains(&std::process::id().to_string())), "{}", there.display());
    let gone = run(|| ()).expect("it passes");
    assert!(!gone.exists() && there.exists());
    assert!(run(|| panic!("it fails")).is_err());
    assert!(gone.exists());
    // If two threads share a folder, it is removed with the last of them.
    let shared_folder = shared("comparison-shared");
    std::thread::spawn(|| shared("comparison-shared")).join().expect("a folder");
    assert!(shared_folder.exists());
    std::fs::remove_dir_all(gone).expect("the folder of the failed test");
}
