//! The command's splits by a column, its notices of columns that leak the target, positions from the end, and the
//! progress of `sweep`.

#[allow(dead_code, reason = "no folder is shared here")]
#[path = "../../tests/common/folder.rs"]
mod folder;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const IRIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/iris/iris.csv");
const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits/digits.csv.gz");
const COFFEE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/table/coffee.csv");

/// An empty folder of that name.
fn folder(name: &str) -> PathBuf {
    folder::folder(&format!("splits-{name}"))
}

/// Runs the command; returns the exit code, stdout and stderr.
fn run(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shaderprop"));
    let output = command.current_dir(folder).args(args).stdin(Stdio::null()).output().expect("the command");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Runs the command, which has to succeed; returns stdout and stderr.
fn done(folder: &Path, args: &[&str]) -> (String, String) {
    let (code, out, err) = run(folder, args);
    assert_eq!(code, Some(0), "{args:?}: {err}");
    (out, err)
}

/// Runs the command, which has to fail with that exit code. The last line of stderr has to contain all of `said`.
fn fails(folder: &Path, args: &[&str], code: i32, said: &[&str]) {
    let (got, out, err) = run(folder, args);
    assert_eq!((got, out.as_str()), (Some(code), ""), "{args:?}: {err}");
    let last = err.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: ") && said.iter().all(|said| last.contains(said)), "{args:?}: {said:?} is not in: {last}");
}

/// Runs `train` on the CPU engine for one epoch, with those options; returns the number of rows of each part, and
/// stderr.
fn rows(folder: &Path, args: &[&str]) -> ([u64; 3], String) {
    let (out, err) = done(folder, &[&["train", "--json", "--device", "cpu", "--epochs", "1", "--hidden", "4"], args].concat());
    let result: Value = serde_json::from_str(out.lines().last().expect("a line")).expect("JSON");
    let rows = &result["result"]["rows"];
    (["train", "validation", "test"].map(|part| rows[part].as_u64().expect("a number")), err)
}

/// The numbers in the line of stderr that begins so.
fn numbers(err: &str, line: &str) -> Vec<u64> {
    let line = err.lines().find_map(|all| all.strip_prefix(line)).unwrap_or_else(|| panic!("{line} is not in: {err}"));
    line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Writes a table of visits of patients: a date, a number that depends on the patient, another number, and a class. Patient
/// 7 has 30 of 150 rows.
fn patients(folder: &Path) {
    let mut text = String::from("patient,date,marker,noise,grade\n");
    for row in 0..150 {
        let patient = if row % 5 == 0 { 7 } else { row * 7 % 25 };
        let (year, month) = (2020 + row * 11 % 5, 1 + row * 5 % 12);
        text += &format!("p{patient},{year}-{month:02}-15,{},{},{}\n", patient * 3, row * row % 17, ["a", "b"][patient % 2]);
    }
    std::fs::write(folder.join("patients.csv"), text).expect("a file");
}

#[test]
fn groups_are_in_one_part_only() {
    let folder = folder("groups");
    patients(&folder);
    for seed in ["0", "1", "2", "3"] {
        let args = ["patients.csv", "--split-by", "patient", "--drop", "date", "--seed", seed];
        let (parts, err) = rows(&folder, &args);
        assert_eq!(parts.iter().sum::<u64>(), 150);
        assert!((25..=35).contains(&parts[2]) && (19..=29).contains(&parts[1]), "{parts:?}");
        // The 20 patients are divided.
        let groups = numbers(&err, "groups of `patient`:");
        assert_eq!((groups.len(), groups.iter().sum()), (3, 20), "{err}");
        assert!(err.contains("--split-by `patient`: this column is not an input; --keep-split-column makes it one"), "{err}");
        assert!(err.contains("columns: 2 numeric\n") && !err.contains("`patient` ("), "{err}");
        assert_eq!(rows(&folder, &args), (parts, err), "the same seed gives the same split");
    }
    // Without the test or the validation part, too. By position, and from the end.
    for column in ["0", "-5"] {
        let (parts, err) = rows(&folder, &["patients.csv", "--split-by", column, "--test-split", "0", "--drop", "date"]);
        assert!(parts[2] == 0 && numbers(&err, "groups of `patient`:").len() == 2, "{err}");
    }
    // The column becomes an input if that is asked for.
    for keep in [&["--keep-split-column"][..], &["--categorical", "patient"]] {
        let (_, err) = rows(&folder, &[&["patients.csv", "--split-by", "patient"], keep].concat());
        assert!(err.contains("`patient` (") && !err.contains("not an input"), "{err}");
    }
    // A number as a group, and a target of numbers.
    let (parts, err) = rows(&folder, &["patients.csv", "--split-by", "marker", "--target", "noise", "--task", "regress"]);
    assert!(parts.iter().sum::<u64>() == 150 && numbers(&err, "groups of `marker`:").iter().sum::<u64>() == 20, "{err}");
    // The model records the split.
    done(&folder, &["train", "patients.csv", "--split-by", "patient", "--epochs", "1", "--device", "cpu", "--out", "p.npz"]);
    assert!(done(&folder, &["inspect", "p.npz"]).0.contains("--split-by `patient`"));
    // It needs no column to split by in order to predict.
    std::fs::write(folder.join("new.csv"), "date,marker,noise\n2024-01-15,3,4\n").expect("a file");
    assert_eq!(done(&folder, &["predict", "p.npz", "new.csv", "--device", "cpu"]).0.lines().count(), 2);
}

#[test]
fn missing_groups_are_one_group() {
    let folder = folder("missing");
    let row = |row: usize| match row % 4 {
        0 => format!("{},{row},0\n", ["", "NA", "nan"][row / 4 % 3]),
        _ => format!("g{},{row},1\n", row % 9),
    };
    let text: String = (0..120).map(row).collect();
    std::fs::write(folder.join("t.csv"), format!("group,x,y\n{text}")).expect("a file");
    let (_, err) = rows(&folder, &["t.csv", "--split-by", "group"]);
    assert!(err.contains("notice: 30 rows have no `group`; they are one group"), "{err}");
    assert_eq!(numbers(&err, "groups of `group`:").iter().sum::<u64>(), 10, "{err}");
}

#[test]
fn the_last_rows_by_time_are_held_out() {
    let folder = folder("time");
    patients(&folder);
    let args = ["patients.csv", "--split-time", "date", "--drop", "patient"];
    let (parts, err) = rows(&folder, &args);
    assert_eq!(parts.iter().sum::<u64>(), 150);
    assert!((24..=36).contains(&parts[2]) && (18..=30).contains(&parts[1]), "{parts:?}");
    let line = err.lines().find(|line| line.starts_with("rows by `date`: ")).unwrap_or_else(|| panic!("{err}"));
    let dates: Vec<&str> = line.split([' ', ',']).filter(|word| word.starts_with("202")).collect();
    assert!(dates.len() == 3 && dates[0] < dates[1] && dates[1] < dates[2] && dates[2] == "2024-12-15", "{line}");
    assert!(err.contains("--split-time `date`: this column is not an input"), "{err}");
    // The seed has no effect on the split.
    let (other, again) = rows(&folder, &[&args[..], &["--seed", "9"]].concat());
    assert!(other == parts && again.contains(line), "{again}");
    // Numbers are times, too. As an input, the column stays what it is.
    let (parts, err) = rows(&folder, &["patients.csv", "--split-time", "marker", "--target", "noise", "--keep-split-column"]);
    assert!(parts.iter().all(|rows| *rows > 0) && err.contains("columns: 2 numeric"), "{err}");
}

#[test]
fn classes_that_training_never_sees_are_named() {
    let folder = folder("unseen");
    // The class `late` is in the last rows only.
    let text: String =
        (0..100).map(|row| format!("{row},{},{}\n", row * 7 % 13, if row < 90 { ["a", "b"][row % 2] } else { "late" })).collect();
    std::fs::write(folder.join("t.csv"), format!("time,x,y\n{text}")).expect("a file");
    let (parts, err) = rows(&folder, &["t.csv", "--split-time", "time"]);
    assert_eq!(parts, [64, 16, 10]);
    assert!(err.contains("notice: training never sees these classes of `y`: late; ") && err.contains("left out (10)"), "{err}");
    // A random split moves rows instead.
    let (parts, err) = rows(&folder, &["t.csv"]);
    assert!(parts.iter().sum::<u64>() == 100 && !err.contains("never sees"), "{err}");
    let sweep = [
        "sweep",
        "t.csv",
        "--split-time",
        "time",
        "--folds",
        "4",
        "--epochs",
        "1",
        "--device",
        "cpu",
        "--learning-rates",
        "0.01",
    ];
    let (out, err) = done(&folder, &sweep);
    assert!(err.contains("notice: in 1 of 4 folds, training sees no row of some held-out classes of `y`: late"), "{err}");
    assert!(out.contains("over 4 networks"), "{out}");
    // With a single class for training there is nothing to learn.
    let text: String = (0..100).map(|row| format!("{row},{},{}\n", row * 7 % 13, ["a", "b"][row / 70])).collect();
    std::fs::write(folder.join("one.csv"), format!("time,x,y\n{text}")).expect("a file");
    fails(&folder, &["train", "one.csv", "--split-time", "time"], 2, &["--split-time `time`", "the class `a` of `y`"]);
}

#[test]
fn splits_that_cannot_be_made_are_refused() {
    let folder = folder("refused");
    patients(&folder);
    let table = |name: &str, rows: &[&str]| {
        std::fs::write(folder.join(name), format!("g,x,y\n{}\n", rows.join("\n"))).expect("a file");
    };
    table("one.csv", &["a,1,0", "a,2,1", "a,3,0", "a,4,1", "a,5,0", "a,6,1"]);
    table("two.csv", &["a,1,0", "a,2,1", "a,3,0", "b,4,1", "b,5,0", "b,6,1"]);
    table("equal.csv", &["2024-01-01,1,0", "2024-01-01,2,1", "2024-01-01,3,0", "2024-01-01,4,1"]);
    table("gap.csv", &["2024-01-01,1,0", "2024-01-02,2,1", ",3,0", "2024-01-03,4,1"]);
    table("word.csv", &["2024-01-01,1,0", "2024-01-02,2,1", "31.12.2024,3,0", "2024-01-03,4,1"]);
    table("mixed.csv", &["2024-01-01,1,0", "2024-01-02,2,1", "2024,3,0", "2024-01-03,4,1"]);
    for (args, code, said) in [
        (
            &["patients.csv", "--split-by", "patient", "--split-time", "date"][..],
            2,
            &["--split-by and --split-time", "leave out"][..],
        ),
        (&["patients.csv", "--keep-split-column"], 2, &["--keep-split-column", "--split-by or --split-time"]),
        (&["patients.csv", "--split-by", "patiens"], 2, &["unknown column `patiens`", "patient"]),
        (&["patients.csv", "--split-time", "grade"], 2, &["--split-time `grade`", "the target"]),
        (&["patients.csv", "--split-by", "-1"], 2, &["--split-by `grade`", "the target"]),
        (&["one.csv", "--split-by", "g"], 2, &["--split-by `g`: all 6 rows have `a`; choose another column"]),
        (
            &["two.csv", "--split-by", "g"],
            2,
            &["--split-by `g`: the 3 rows that are not test rows all have", "--validation-split 0"],
        ),
        (&["equal.csv", "--split-time", "g"], 2, &["--split-time `g`: all 4 rows have `2024-01-01`"]),
        (&["gap.csv", "--split-time", "g"], 1, &["--split-time", "line 4, row 3, column `g`", "got ``"]),
        (&["word.csv", "--split-time", "g"], 1, &["line 4, row 3", "2024-03-31", "got `31.12.2024`"]),
        (&["mixed.csv", "--split-time", "g"], 1, &["line 4, row 3", "as in the other rows", "got `2024`"]),
        (&["patients.csv", "--split-by", "patient", "--test-split", "0.001"], 2, &["share", "--test-split 0"]),
    ] {
        fails(&folder, &[&["train"], args].concat(), code, said);
    }
    for (args, said) in [
        (&["one.csv", "--split-by", "g"][..], &["--split-by `g`: all 6 rows have `a`"][..]),
        (&["two.csv", "--split-by", "g"], &["2 groups are too few for 5 folds; give --folds 2, or choose"]),
        (&["two.csv", "--split-time", "x"], &["6 different times", "too few for 6 folds; give --folds 5"]),
        (&["two.csv", "--split-time", "g"], &["--split-time"]),
        (&["patients.csv", "--split-by", "patient", "--split-time", "date"], &["--split-by and --split-time"]),
    ] {
        let folds = if said[0].starts_with("6 diff") { "6" } else { "5" };
        let code = if args == ["two.csv", "--split-time", "g"] { 1 } else { 2 };
        fails(&folder, &[&["sweep", "--folds", folds], args].concat(), code, said);
    }
    // Two groups are enough without validation.
    assert_eq!(rows(&folder, &["two.csv", "--split-by", "g", "--validation-split", "0"]).0, [3, 0, 3]);
}

/// The folds of a sweep are groups, or later rows. A network that knows the patient is right within a patient, and on new
/// ones as good as a guess.
#[test]
fn sweeps_split_by_a_column() {
    let folder = folder("sweep");
    let text: String = (0..240)
        .map(|row: usize| (row * 37 % 60, row))
        .map(|(patient, row)| format!("p{patient},{},{},{}\n", patient as f64 * 1.7, row * row % 7, patient * patient % 11 % 2))
        .collect();
    std::fs::write(folder.join("t.csv"), format!("patient,marker,x,y\n{text}")).expect("a file");
    let base =
        ["sweep", "t.csv", "--learning-rates", "0.02", "--epochs", "150", "--json", "--categorical", "marker", "--device", "cpu"];
    let mean = |more: &[&str]| {
        let (out, err) = done(&folder, &[&base, more].concat());
        (serde_json::from_str::<Value>(&out).expect("JSON")["mean"].as_f64().expect("a number"), err)
    };
    let (random, _) = mean(&["--drop", "patient"]);
    let (grouped, err) = mean(&["--split-by", "patient"]);
    assert!(random > 0.95 && grouped < 0.8, "{random} {grouped}");
    assert!(err.contains("--split-by `patient`: this column is not an input"), "{err}");
    let (_, err) = mean(&["--split-by", "patient", "--keep-split-column"]);
    assert!(err.contains("`patient` (60)"), "{err}");
    // The model that is saved records the split.
    done(&folder, &["sweep", "t.csv", "--split-time", "x", "--folds", "3", "--epochs", "2", "--hidden", "4", "--out", "s.npz"]);
    assert!(done(&folder, &["inspect", "s.npz"]).0.contains("--split-time `x`"));
}

#[test]
fn columns_that_leak_the_target_get_a_notice() {
    let folder = folder("leaks");
    let notices = |header: &str, row: &dyn Fn(usize) -> String, more: &[&str]| {
        let text: String = (0..60).map(|i| row(i) + "\n").collect();
        std::fs::write(folder.join("t.csv"), format!("{header}\n{text}")).expect("a file");
        let (_, err) = rows(&folder, &[&["t.csv"], more].concat());
        let found =
            |line: &&str| line.starts_with("notice: ") && (line.contains("the rows, which") || line.contains("in the order of"));
        err.lines().filter(found).map(str::to_owned).collect::<Vec<_>>()
    };
    let noise = |i: usize| i * i % 13;
    let class = |i: usize| ["a", "b", "c"][i / 20];
    let mixed = |i: usize| ["a", "b", "c"][i * i % 3];
    for (what, row) in [
        ("from 0", &(|i: usize| i as f64) as &dyn Fn(usize) -> f64),
        ("from 1", &|i| i as f64 + 1.0),
        ("in steps", &|i| 100.0 - i as f64 * 0.1),
    ] {
        let found = notices("id,x,y", &|i| format!("{},{},{}", row(i), noise(i), mixed(i)), &[]);
        assert!(
            found.len() == 1 && found[0].contains("`id` numbers the rows") && found[0].contains("--drop"),
            "{what}: {found:?}"
        );
    }
    // Rows without a target that are left out do not hide the number.
    let holes = |i: usize| format!("{i},{},{}", noise(i), if i % 7 == 3 { "" } else { mixed(i) });
    assert_eq!(notices("id,x,y", &holes, &[]).len(), 1);
    // A number of the rows as they were sorted by class or by the target, though later shuffled or thinned out.
    let shuffled = |i: usize| (i * 37 + 5) % 60;
    let found = notices("id,x,y", &|i| format!("{},{},{}", shuffled(i) + 1, noise(i), class(shuffled(i))), &[]);
    assert!(
        found.len() == 1 && found[0].contains("`id`") && found[0].contains("`y`") && found[0].contains("--drop"),
        "{found:?}"
    );
    assert_eq!(notices("id,x,y", &|i| format!("{},{},{}", i * i + 3, noise(i), class(i)), &[]).len(), 1);
    assert_eq!(notices("id,x,y", &|i| format!("{},{},{}", i * i + 3, noise(i), i as f64 * 0.37), &[]).len(), 1);
    // It is no input, or it is all that there is.
    let numbered = |i: usize| format!("{i},{},{}", noise(i), class(i));
    assert!(notices("id,x,y", &numbered, &["--drop", "id"]).is_empty());
    assert!(notices("id,x,y", &numbered, &["--drop", "x"]).is_empty());
    let grouped = |i: usize| format!("{i},{},{}", noise(i), mixed(i));
    assert!(notices("id,x,y", &grouped, &["--split-time", "id"]).is_empty());
    // What separates the classes, what grows with the target, and numbers of rows in any other order are no leaks.
    for (what, row) in [
        (
            "a threshold",
            &(|i: usize| format!("{},{},{}", shuffled(i) as f64 * 0.77, noise(i), class(shuffled(i))))
                as &dyn Fn(usize) -> String,
        ),
        ("a threshold of whole numbers", &|i| format!("{},{},{}", shuffled(i) * 3, noise(i), class(shuffled(i)))),
        ("a measurement that grows", &|i| format!("{},{},{}", (i * i) as f64 * 0.77, noise(i), i as f64 * 0.37)),
        ("numbers that order nothing", &|i| format!("{},{},{}", shuffled(i), noise(i), mixed(i))),
        ("ties", &|i| format!("{},{},{}", i / 2, noise(i), class(i))),
        ("a rare class at the end", &|i| format!("{},{},{}", i * i, noise(i), if i == 59 { "a" } else { "b" })),
    ] {
        assert!(notices("id,x,y", row, &[]).is_empty(), "{what}");
    }
    for args in [&[IRIS][..], &[DIGITS, "--target", "64"], &[COFFEE, "--drop", "lot"]] {
        let (_, err) = rows(&folder, args);
        assert!(!err.contains("the rows, which") && !err.contains("in the order of"), "{err}");
    }
}

#[test]
fn positions_may_count_from_the_end() {
    let folder = folder("positions");
    patients(&folder);
    for target in [&["--target", "-2"][..], &["--target=-2"]] {
        let (_, err) = rows(&folder, &[&["patients.csv", "--task", "regress", "--drop", "-5,-4"], target].concat());
        assert!(err.contains("target: `noise`") && err.contains("columns: 1 numeric, 1 categorical: `grade`"), "{err}");
    }
    let (_, err) = rows(&folder, &["patients.csv", "--drop=-5", "--drop", "date", "--categorical", "-2"]);
    assert!(err.contains("columns: 1 numeric, 1 categorical: `noise`"), "{err}");
    // A column of that name comes first.
    let text: String = (0..60).map(|i| format!("{},{},{}\n", i % 2, i * 7 % 11, i * 5 % 9)).collect();
    std::fs::write(folder.join("named.csv"), format!("-1,x,z\n{text}")).expect("a file");
    assert!(rows(&folder, &["named.csv", "--target", "-1"]).1.contains("target: `-1`"));
    for (args, said) in [
        (&["--target", "-6"][..], "unknown column `-6`"),
        (&["--target", "-0"], "unknown column"),
        (&["--drop", "-9"], "unknown column `-9`"),
    ] {
        fails(&folder, &[&["train", "patients.csv"], args].concat(), 2, &[said]);
    }
    // An option is no value of another one.
    let (code, _, err) = run(&folder, &["train", "patients.csv", "--drop", "--json"]);
    assert!(code == Some(2) && err.contains("--drop") && err.contains("names of columns"), "{err}");
}

/// On a pipe, `sweep` prints lines: twenty at most, and none with --quiet.
#[test]
fn sweeps_show_their_progress() {
    let folder = folder("progress");
    let base = ["sweep", IRIS, "--learning-rates", "0.01,0.1", "--folds", "3", "--hidden", "4", "--epochs", "100"];
    let lines = |more: &[&str]| {
        let (out, err) = done(&folder, &[&base, more].concat());
        assert_eq!(out.lines().count(), 3, "{out}");
        err.lines()
            .filter(|line| line.starts_with("epoch ") || line.starts_with("trained network"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let fused = lines(&[]);
    assert_eq!(
        (fused.len(), fused[0].as_str(), fused[19].as_str()),
        (20, "epoch 5/100 of all 8 networks", "epoch 100/100 of all 8 networks")
    );
    let one_by_one = lines(&["--device", "cpu"]);
    assert_eq!((one_by_one.len(), one_by_one[7].as_str()), (8, "trained network 8 of 8"));
    let many = lines(&["--device", "cpu", "--seeds", "5"]);
    assert_eq!((many.len(), many[19].as_str()), (20, "trained network 40 of 40"));
    assert!(lines(&["--quiet"]).is_empty());
    // The results do not depend on it.
    let json = |more: &[&str]| done(&folder, &[&base, &["--json"][..], more].concat()).0;
    assert_eq!(json(&[]), json(&["--quiet"]));
}
