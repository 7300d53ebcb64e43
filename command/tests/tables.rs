//! Tables as people have them: what is inferred of them, what is said of that, and what decides otherwise.

#[allow(dead_code, reason = "no folder is shared here")]
#[path = "../../tests/common/folder.rs"]
mod folder;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An empty folder for a test.
fn folder(name: &str) -> PathBuf {
    folder::folder(&format!("tables-{name}"))
}

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_shaderprop")).current_dir(folder).args(args).output().expect("the command")
}

/// Runs a command that succeeds, and returns stdout and stderr.
#[track_caller]
fn done(folder: &Path, args: &[&str]) -> (String, String) {
    let output = run(folder, args);
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{args:?}: {out}{err}");
    (out, err)
}

/// Runs a command that fails with that code, in one sentence with these words.
#[track_caller]
fn fails(folder: &Path, args: &[&str], code: i32, words: &[&str]) {
    let output = run(folder, args);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {err}");
    let error = err.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{args:?}: {err}"));
    assert!(words.iter().all(|word| error.contains(word)), "{args:?}: {words:?} is not in: {error}");
}

/// What a short training prints on stderr.
#[track_caller]
fn trained(folder: &Path, args: &[&str]) -> String {
    done(folder, &[&["train", "--device", "cpu", "--epochs", "2"], args].concat()).1
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), text).expect("a file");
}

/// A table of that header and of rows from their index.
fn lines(header: &str, rows: usize, row: impl Fn(usize) -> String) -> String {
    (0..rows).fold(format!("{header}\n"), |text, i| text + &row(i) + "\n")
}

/// A number between -1 and 1 that looks random.
fn noise(i: usize) -> f64 {
    (i as f64 * 12.9898).sin() * 43_758.547 % 1.0
}

/// Each file with what must be printed of it, and what must not be.
fn check(name: &str, cases: &[(&str, String, &[&str])]) {
    let folder = folder(name);
    let mut wrong = Vec::new();
    for (file, text, words) in cases {
        write(&folder, file, text);
        let output = run(&folder, &["train", file, "--device", "cpu", "--epochs", "2", "--out", &format!("{file}.npz")]);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        let missing: Vec<_> = words.iter().filter(|word| !err.contains(**word)).collect();
        if !output.status.success() || !missing.is_empty() {
            wrong.push(format!("{file}: no {missing:?} in\n{err}"));
            continue;
        }
        // What can be trained on can be evaluated on, and predicted.
        for command in ["evaluate", "predict"] {
            let output = run(&folder, &[command, &format!("{file}.npz"), file, "--device", "cpu"]);
            if !output.status.success() {
                wrong.push(format!("{command} {file}: {}", String::from_utf8_lossy(&output.stderr)));
            }
        }
        let sweep =
            run(&folder, &["sweep", file, "--device", "cpu", "--epochs", "1", "--folds", "2", "--learning-rates", "0.01"]);
        if !sweep.status.success() {
            wrong.push(format!("sweep {file}: {}", String::from_utf8_lossy(&sweep.stderr)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn numbers_are_read_as_they_are_written() {
    let y = |i: usize| ["no", "yes"][i % 2];
    check(
        "numbers",
        &[
            (
                "euros.csv",
                lines("price;y", 40, |i| format!("{}.{:03},{:02} €;{}", 1 + i % 9, 7 * i, i, y(i))),
                &["`price` has numbers; `1.000,00 €` is read as 1000", "1 numeric"],
            ),
            ("spaces.csv", lines("a;y", 40, |i| format!("{} {:03};{}", 1 + i % 9, 7 * i, y(i))), &["`1 000` is read as 1000"]),
            ("accounting.csv", lines("a,y", 40, |i| format!("({}.5),{}", i, y(i))), &["`(0.5)` is read as -0.5"]),
            ("fortran.csv", lines("a,y", 40, |i| format!("{}.5D+0{},{}", i, i % 4, y(i))), &["is read as", "1 numeric"]),
            ("percent.csv", lines("a,y", 40, |i| format!("{}.5 %,{}", i, y(i))), &["`0.5 %` is read as 0.5"]),
            (
                "doubtful.csv",
                lines("a\ty", 12, |i| format!("{},{:03}\t{}", 1 + i, 7 * i, y(i))),
                &["`a` is treated as text", "--decimal"],
            ),
            // Another column shows the decimal sign.
            (
                "german.csv",
                lines("a;b;y", 40, |i| format!("{}.{:03};{},5;{}", 1 + i % 9, 7 * i, i, y(i))),
                &["`1.000` is read as 1000", "`0,5` is read as 0.5", "2 numeric"],
            ),
            (
                "shown.csv",
                lines("a\tb\ty", 40, |i| format!("{},{:03}\t{}.5\t{}", 1 + i, 7 * i, i, y(i))),
                &["`1,000` is read as 1000", "2 numeric"],
            ),
            ("dates.csv", lines("day,y", 40, |i| format!("{:02}/{:02}/2021,{}", 1 + i % 28, 1 + i % 12, y(i))), &["has dates"]),
            ("us.csv", lines("day,y", 40, |i| format!("{:02}/{:02}/2021,{}", 1 + i % 12, 1 + i % 28, y(i))), &["has dates"]),
            (
                "either.csv",
                lines("day,x,y", 24, |i| format!("{:02}/{:02}/2021,{i},{}", 1 + i % 12, 1 + i % 7, y(i))),
                &["the day or the month may come first", "--date-format"],
            ),
            (
                "times.csv",
                lines("at,y", 40, |i| format!("2021-03-01T{:02}:15:00Z,{}", i % 24, y(i))),
                &["`2021-03-01T00:15:00Z` is read as", "--split-time"],
            ),
            ("huge.csv", lines("a,b,y", 40, |i| format!("{}e290,{}e-290,{}", i, 1 + i, y(i))), &["2 numeric"]),
        ],
    );
    // Options decide what is in doubt.
    let folder = folder("decide");
    write(&folder, "d.csv", lines("a\ty", 40, |i| format!("{},{:03}\t{}", 1 + i, 7 * i, y(i))));
    assert!(trained(&folder, &["d.csv", "--decimal", ","]).contains("`1,000` is read as 1;"));
    assert!(trained(&folder, &["d.csv", "--decimal", "."]).contains("`1,000` is read as 1000"));
    write(&folder, "t.csv", lines("day,y", 40, |i| format!("{:02}/{:02}/2021,{}", 1 + i % 12, 1 + i % 7, y(i))));
    let said = trained(&folder, &["t.csv", "--date-format", "%d/%m/%Y"]);
    assert!(said.contains("`01/01/2021` is read as 2021-01-01"), "{said}");
    assert!(trained(&folder, &["d.csv", "--date-format", "%Y"]).contains("--date-format %Y fits no column"));
    write(&folder, "ymd.csv", lines("day,y", 40, |i| format!("2021{:02}{:02},{}", 1 + i % 12, 1 + i % 28, y(i))));
    assert!(trained(&folder, &["ymd.csv", "--date-format", "%Y%m%d"]).contains("`20210101` is read as 2021-01-01"));
    // A model of decimal commas does not take points for thousands separators.
    write(&folder, "comma.csv", lines("a;y", 60, |i| format!("{},{:03};{}", i % 90, 7 * i % 1000, y(i))));
    trained(&folder, &["comma.csv", "--out", "comma.npz", "--decimal", ","]);
    write(&folder, "point.csv", lines("a,y", 60, |i| format!("{}.{:03},{}", i % 90, 7 * i % 1000, y(i))));
    fails(
        &folder,
        &["predict", "comma.npz", "point.csv"],
        1,
        &["`a`", "numbers with a decimal comma, as in training", "60 of 60"],
    );
    fails(&folder, &["train", "t.csv", "--date-format", "%"], 2, &["date", "%d/%m/%Y"]);
    fails(&folder, &["train", "t.csv", "--decimal", ";"], 2, &["--decimal"]);
}

#[test]
fn files_of_other_programs_are_read() {
    let row = |i: usize| format!("{},{:.3},{}", i % 5, noise(i), ["no", "yes"][i % 2]);
    let table = lines("a,b,y", 40, row);
    check(
        "shapes",
        &[
            ("titles.csv", format!("Report\nof May\n\n{table}"), &["left out the first 2 lines, from `Report` on", "40 rows"]),
            ("comments.csv", format!("# made by hand\n# twice\n{table}"), &["left out the first 2 lines", "40 rows, 3 columns"]),
            ("marked.csv", format!("#{table}"), &["40 rows", "target: `y`"]),
            ("r.csv", lines("a,b,y", 40, |i| format!("r{i},{}", row(i))), &["left out the first cell of each row", "3 columns"]),
            ("units.csv", lines("a,b,y\ncm,kg,", 40, row), &["left out the line below the header", "`cm`", "40 rows"]),
            ("ends.csv", table.replace('\n', ",\n"), &["left out the last column, which is empty", "3 columns"]),
            ("blanks.txt", table.replace(',', "   "), &["separated by blanks", "3 columns"]),
            ("names.csv", table.replacen("a,b", "a,a", 1), &["`a` was renamed to `a.1`"]),
            ("unnamed.csv", table.replacen("a,b", ",", 1), &["2 columns were renamed", "`unnamed_0`"]),
            (
                "padded.csv",
                format!("Sales report,,\nMay,,\n,,\n{table}"),
                &["left out the first 2 lines, from `Sales report,,`", "3 columns"],
            ),
            ("sep.csv", format!("sep=|\r\n{}", table.replace(',', "|")), &["40 rows, 3 columns"]),
        ],
    );
    let folder = folder("encodings");
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(table.replace("yes", "ja ✓").encode_utf16()).flat_map(u16::to_be_bytes).collect();
    write(&folder, "utf16.csv", utf16);
    assert!(trained(&folder, &["utf16.csv"]).contains("the text was read as UTF-16"));
    let latin: Vec<u8> = table.replace("yes", "für").chars().map(|c| c as u8).collect();
    write(&folder, "latin.csv", latin);
    assert!(trained(&folder, &["latin.csv", "--out", "latin.npz"]).contains("Latin-1"));
    assert!(done(&folder, &["predict", "latin.npz", "latin.csv", "--device", "cpu"]).0.contains("probability_für"));
    write(&folder, "twice.csv", table.clone() + &table);
    fails(&folder, &["train", "twice.csv"], 1, &["a second header in line 42"]);
    for (name, text, words) in [
        ("x.json", "{\"a\": 1}\n{\"a\": 2}\n", "JSON"),
        ("x.csv", "[{\"a\": 1}]", "JSON"),
        ("book.csv", "PK\u{3}\u{4}, and more\n", "Excel"),
        ("one.csv", "a\n1\n2\n", "only one column"),
        ("quotes.csv", "a, b, y\n6, \"x, 2\", yes\n7, \"z, 2\", no\n", "4 cells in line 2"),
    ] {
        write(&folder, name, text);
        fails(&folder, &["train", name], 1, &[name, words]);
    }
    write(&folder, "ragged.csv", format!("{table}1,2,yes,3\n"));
    fails(&folder, &["train", "ragged.csv"], 1, &["4 cells in line 42, but 3 in the lines before"]);
}

/// What a reviewer found: each was read wrongly, without a word.
#[test]
fn no_row_or_column_is_lost_or_shifted() {
    let folder = folder("lost");
    // A cell that begins like a comment is data.
    let hash = |i: usize| if i.is_multiple_of(2) { "#N/A".into() } else { i.to_string() };
    write(&folder, "hash.csv", format!("# export\n{}", lines("x,y", 40, |i| format!("{},{}", hash(i), i % 3 % 2))));
    assert!(trained(&folder, &["hash.csv"]).contains("40 rows, 2 columns"));
    let comments = format!("# export\n{}{}", lines("x,y,z", 40, |i| format!("{i},{},1", i % 2)), "# end\n".repeat(300_000));
    write(&folder, "end.csv", comments);
    assert!(trained(&folder, &["end.csv", "--target", "y"]).contains("40 rows"));
    // A model of places takes columns by place, whatever they are called.
    let row = |i: usize| {
        format!("{},{:.3},{:.3},{}", ["a", "b"][i % 2], noise(i), noise(3 * i), if i < 4 { "".into() } else { i.to_string() })
    };
    let table: String = (0..60).map(|i| row(i) + "\n").collect();
    write(&folder, "t.data", &table);
    trained(&folder, &["t.data", "--header", "no", "--target", "0", "--out", "t.npz"]);
    let first: String = table.lines().take(3).map(|line| format!("{line}\n")).collect();
    write(&folder, "plain.data", &first);
    write(&folder, "numbered.data", format!("1,2,3,4\n{first}"));
    let predict =
        |name: &str, header: &str| done(&folder, &["predict", "t.npz", name, "--header", header, "--device", "cpu", "-q"]).0;
    assert_eq!(predict("plain.data", "no"), predict("numbered.data", "yes"));
    let whole = predict("t.data", "no");
    assert_eq!(predict("plain.data", "no").lines().collect::<Vec<_>>(), whole.lines().take(4).collect::<Vec<_>>());
    // What is given is not a title, and an empty line is no header.
    write(&folder, "given.csv", lines("x", 40, |i| format!("{i},{}", i % 2)));
    fails(&folder, &["train", "given.csv", "--header", "yes", "--delimiter", ","], 1, &["2 cells in line 2, but 1"]);
    write(&folder, "blank.csv", format!(",,\n{}", lines("a,b,y", 40, |i| format!("{i},{:.2},{}", noise(i), i % 2))));
    assert!(trained(&folder, &["blank.csv"]).contains("target: `y`, 2 classes"));
    // Versions and codes are text; only where all cells are numbers are equal ones the same.
    write(&folder, "versions.csv", lines("x,y", 60, |i| format!("{:.3},{}", noise(i), ["1.1", "1.10", "2.0b"][i % 3])));
    assert!(trained(&folder, &["versions.csv"]).contains("3 classes"));
    write(&folder, "codes.csv", lines("x,y", 60, |i| format!("{},{}", ["2D6", "3D30", "030 684 602"][i % 3], i % 2)));
    assert!(trained(&folder, &["codes.csv"]).contains("1 categorical: `x` (3)"));
    // So are versions with two points, and a sign twice.
    write(&folder, "three.csv", lines("x,y", 60, |i| format!("{:.3},{}", noise(i), ["1.1", "1.10", "1.2.3"][i % 3])));
    assert!(trained(&folder, &["three.csv"]).contains("3 classes"));
    write(&folder, "signs.csv", lines("x,y", 60, |i| format!("{:.3},{}", noise(i), ["1", "1.0", "--1"][i % 3])));
    assert!(trained(&folder, &["signs.csv"]).contains("3 classes"));
    // Thousands points of a comma-separated file are read by its model, and decimal points are not taken for them.
    let german = |i: usize| format!("\"{}.{:03}{}\",{}", 1 + i % 9, 7 * i, if i % 9 == 1 { ",5" } else { "" }, i % 2);
    write(&folder, "german.csv", lines("a,y", 90, german));
    assert!(trained(&folder, &["german.csv", "--out", "german.npz"]).contains("`1.000` is read as 1000"));
    let (_, said) = done(&folder, &["predict", "german.npz", "german.csv", "--device", "cpu"]);
    assert!(!said.contains("without a number"), "{said}");
    write(&folder, "points.csv", lines("a,y", 90, |i| format!("{}.{:03},{}", 1 + i % 9, 7 * i, i % 2)));
    fails(&folder, &["predict", "german.npz", "points.csv", "--device", "cpu"], 1, &["90 of 90 cells"]);
    let predicted = |name: &str| done(&folder, &["predict", "german.npz", name, "--device", "cpu", "-q", "--lenient"]).0;
    // With --lenient they are missing, as it says.
    write(&folder, "missing.csv", lines("a,y", 90, |i| format!("?,{}", i % 2)));
    assert_eq!(predicted("points.csv"), predicted("missing.csv"));
    // The first row is no line of units, and a class is a class.
    write(
        &folder,
        "first.csv",
        lines("name,age,y\nBob,unknown,a", 60, |i| format!("n{},{},{}", i % 5, 20 + i, ["a", "b"][i % 2])),
    );
    assert!(trained(&folder, &["first.csv"]).contains("61 rows"));
    write(
        &folder,
        "other.csv",
        lines("x,y", 200, |i| format!("{:.3},{}", noise(i), if i % 99 == 7 { "other".into() } else { (i % 3).to_string() })),
    );
    assert!(trained(&folder, &["other.csv", "--task", "classify"]).contains("4 classes"));
    assert!(
        trained(&folder, &["other.csv"]).contains("`y` has numbers, but also 2 cells that are none, such as `other` in line 9")
    );
    // Thousands and decimal commas of the target.
    write(&folder, "thousands.csv", lines("x;y", 200, |i| format!("{},5;{}.{:03},{:02}", i, 1 + i % 9, 7 * i % 1000, i % 100)));
    assert!(trained(&folder, &["thousands.csv"]).contains("`y` has numbers; `1.000,00` is read as 1000"));
    write(&folder, "shown.csv", lines("x;y", 200, |i| format!("{},5;{},{:03}", i, 1 + i % 9, 7 * i % 1000)));
    assert!(trained(&folder, &["shown.csv"]).contains("`y` has numbers; `1,000` is read as 1;"));
    // Targets that cannot be read are told, not left out.
    write(&folder, "numbers.csv", lines("x,y", 60, |i| format!("{:.3},{}.25", noise(i), i)));
    trained(&folder, &["numbers.csv", "--out", "n.npz"]);
    write(&folder, "commas.csv", lines("x,y", 60, |i| format!("{:.3},\"{},25\"", noise(i), i)));
    fails(&folder, &["evaluate", "n.npz", "commas.csv", "--device", "cpu"], 1, &["line 2", "`y`", "`0,25`"]);
    // A number that is missing in all training rows stays 0 in the others.
    write(
        &folder,
        "late.csv",
        lines("t,x,y", 100, |i| format!("{i},{},{:.2}", if i < 70 { "".into() } else { (50_000 + i).to_string() }, noise(i))),
    );
    let (out, _) = done(&folder, &["train", "late.csv", "--split-time", "t", "--device", "cpu", "--epochs", "5", "--json", "-q"]);
    let result: serde_json::Value = serde_json::from_str(out.lines().last().expect("a line")).expect("JSON");
    assert!(result["result"]["network"]["root_mean_squared_error"].as_f64().expect("a number") < 10.0, "{out}");
    // Many equal names, and a long word for missing values in an export.
    let many = "a,".repeat(20_000) + "y\n" + &("1,".repeat(20_000) + "0\n" + &"2,".repeat(20_000) + "1\n").repeat(2);
    write(&folder, "many.csv", many);
    assert!(done(&folder, &["inspect", "many.csv"]).0.lines().count() > 20_000);
    write(
        &folder,
        "words.csv",
        lines("x,y", 60, |i| format!("{},{}", ["red", "blue", "not applicable or unknown here"][i % 3], i % 2)),
    );
    trained(&folder, &["words.csv", "--na", "not applicable or unknown here", "--out", "words.onnx"]);
}

#[test]
fn missing_values_are_inputs() {
    // Those that are not missing are often equal to their median.
    let missing = |i: usize, word: &str| if i % 5 == 2 { word.to_owned() } else { (i as i64 % 3 - 1).to_string() };
    let y = |i: usize| if i % 5 == 2 { 50.0 } else { noise(i) };
    let table = |word: &str| lines("a,b,y", 400, |i| format!("{},{:.3},{:.3}", missing(i, word), noise(2 * i), y(i)));
    let folder = folder("missing");
    for word in ["", "NA", "#N/A", "<NA>", "-nan", "NULL", "\\N", "NaT", "?", "none"] {
        write(&folder, "t.csv", table(word));
        let said = trained(&folder, &["t.csv"]);
        assert!(said.contains("2 numeric") && !said.contains("notice"), "{word}: {said}");
    }
    for dash in ["-", ".", "--"] {
        write(&folder, "t.csv", table(dash));
        let said = trained(&folder, &["t.csv"]);
        assert!(said.contains(&format!("80 cells with `{dash}`")) && said.contains("2 numeric"), "{said}");
    }
    // That they are missing is an input, so that it can be learned.
    let (out, _) = done(&folder, &["train", "t.csv", "--device", "cpu", "--json", "--quiet"]);
    let r_squared = |out: &str| -> f64 {
        let result: serde_json::Value = serde_json::from_str(out.lines().last().expect("a line")).expect("JSON");
        result["result"]["network"]["r_squared"].as_f64().expect("a number")
    };
    assert!(r_squared(&out) > 0.9, "{out}");
    let (out, _) = done(&folder, &["train", "t.csv", "--device", "cpu", "--json", "--quiet", "--missing", "median"]);
    assert!(r_squared(&out) < 0.5, "{out}");
    // Words of one's own.
    write(&folder, "own.csv", table("-999"));
    assert!(trained(&folder, &["own.csv"]).contains("columns: 2 numeric"));
    let (shown, _) = done(&folder, &["train", "own.csv", "--device", "cpu", "--na", "-999,gone", "--out", "own.npz", "--quiet"]);
    assert!(!shown.is_empty());
    assert!(done(&folder, &["inspect", "own.npz"]).0.contains("with an indicator"));
    write(&folder, "none.csv", lines("a,y", 40, |i| format!("{},{}", ["NA", "low", "high"][i % 3], i % 2)));
    assert!(trained(&folder, &["none.csv", "--na", "none"]).contains("`a` (3)"));
    assert!(trained(&folder, &["none.csv"]).contains("`a` (2)"));
    // Given words are missing in the target, too.
    write(&folder, "gone.csv", lines("x,y", 90, |i| format!("{:.3},{}", noise(i), ["a", "b", "NA"][i % 3])));
    assert!(trained(&folder, &["gone.csv"]).contains("3 classes"));
    assert!(trained(&folder, &["gone.csv", "--na", "NA"]).contains("left out 30 rows without `y`"));
    write(
        &folder,
        "mostly.csv",
        lines("x,y", 90, |i| format!("{:.3},{}", noise(i), if i % 9 == 4 { "unknown".into() } else { format!("{}.5", i) })),
    );
    let output = run(&folder, &["train", "mostly.csv", "--device", "cpu"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("`y` is treated as text, since 10 of its cells are not numbers: `unknown` in line 6")
            && said.contains("--na"),
        "{said}"
    );
    // A column without any value is said.
    write(&folder, "empty.csv", lines("x,z,y", 60, |i| format!("{:.3},,{}", noise(i), i % 2)));
    assert!(trained(&folder, &["empty.csv"]).contains("`z` has no values; leave it out with --drop"));
    // Infinite numbers are refused in training, and missing in predictions.
    write(&folder, "inf.csv", table("inf"));
    fails(&folder, &["train", "inf.csv"], 1, &["line 4", "`a`", "finite", "`inf`"]);
    write(&folder, "new.csv", lines("a,b", 200, |i| if i == 7 { "inf,1".into() } else { format!("{:.3},1", noise(i)) }));
    let (predicted, said) = done(&folder, &["predict", "own.npz", "new.csv", "--quiet", "--device", "cpu"]);
    assert_eq!(predicted.lines().count(), 201);
    assert!(said.contains("warning: column `a` has 1 cell without a number, such as `inf` in line 9"), "{said}");
}

#[test]
fn targets_are_classes_or_numbers() {
    let y = |words: &'static [&'static str]| move |i: usize| format!("{:.3},{}", noise(i), words[i % words.len()]);
    check(
        "targets",
        &[
            ("spellings.csv", lines("x,y", 60, y(&["1", "0", "1.0", "-0"])), &["2 classes"]),
            ("truth.csv", lines("x,y", 60, y(&["True", "FALSE", "TRUE", "false"])), &["2 classes"]),
            (
                "none.csv",
                lines("x,y", 60, y(&["a", "None", "b"])),
                &["`None` is a class of `y`, since 20 rows have it", "3 classes"],
            ),
            ("holes.csv", lines("x,y", 60, y(&["a", "", "b"])), &["left out 20 rows without `y`", "2 classes"]),
            (
                "many.csv",
                lines("x,y", 900, |i| format!("{:.3},{}", noise(i), i % 30)),
                &["30 different whole numbers", "--task classify"],
            ),
            (
                "counts.csv",
                lines("x,y", 400, |i| format!("{:.3},{}", noise(i), (i % 20) * (i % 3) % 11)),
                &["which are taken for classes, not for counts", "--task regress"],
            ),
            (
                "stray.csv",
                lines("x,y", 100, |i| format!("{:.3},{}", noise(i), if i == 50 { "?x".into() } else { (i % 2).to_string() })),
                &["left out 1 row without `y`", "2 classes"],
            ),
            (
                "money.csv",
                lines("x,y", 60, |i| format!("{:.3},$1{:02}", noise(i), i)),
                &["`y` has numbers; `$100` is read as 100", "numbers (inferred"],
            ),
        ],
    );
    let folder = folder("evaluate");
    write(&folder, "t.csv", lines("x,y", 60, y(&["1", "0"])));
    trained(&folder, &["t.csv", "--out", "t.npz"]);
    write(&folder, "other.csv", "x,y\n0.5,1.0\n0.5,0.0\n0.1,2\n0.1,\n0.2,3\n");
    let (out, err) = done(&folder, &["evaluate", "t.npz", "other.csv", "--device", "cpu", "--json"]);
    let result: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(result["unseen_classes"], serde_json::json!(["2", "3"]));
    assert_eq!(result["confusion_matrix"].as_array().expect("rows").len(), 4);
    assert!(result["metrics"]["accuracy"].as_f64().expect("a number") <= 0.5, "{out}");
    assert!(err.contains("left out 1 row without `y`") && err.contains("2 classes were not in training"), "{err}");
    write(&folder, "few.csv", lines("x,y", 100, |i| format!("{},1", if i < 3 { "x".into() } else { i.to_string() })));
    fails(&folder, &["evaluate", "t.npz", "few.csv", "--device", "cpu"], 1, &["3 of 100 cells", "--lenient"]);
    // Categories that were not in training are counted.
    write(&folder, "c.csv", lines("colour,y", 60, |i| format!("{},{}", ["red", "blue"][i % 2], i % 2)));
    trained(&folder, &["c.csv", "--out", "c.npz"]);
    write(&folder, "new.csv", "colour,y\nRed,1\nred,0\nGreen,1\n");
    let unknown = "column `colour` has 2 of 3 cells with a category that was not in training, such as `Red` in line 2";
    assert!(done(&folder, &["evaluate", "c.npz", "new.csv", "--device", "cpu"]).1.contains(unknown));
    assert!(done(&folder, &["predict", "c.npz", "new.csv", "--device", "cpu"]).1.contains(unknown));
    let (out, _) = done(&folder, &["evaluate", "t.npz", "few.csv", "--device", "cpu", "--json", "--lenient"]);
    assert!(out.contains("\"unread_cells\":{\"x\":3}"), "{out}");
}

/// The seed does not decide what a column is, and neither do the rows that happen to be trained on.
#[test]
fn kinds_are_those_of_the_whole_table() {
    let folder = folder("kinds");
    write(
        &folder,
        "t.csv",
        lines("a,y", 100, |i| format!("{},{}", if i == 61 { "x".into() } else { (i % 9).to_string() }, i % 2)),
    );
    for seed in 0..6 {
        let said = trained(&folder, &["t.csv", "--seed", &seed.to_string()]);
        assert!(said.contains("`a` has numbers, but `x` in line 63") && said.contains("1 numeric"), "{said}");
    }
    write(
        &folder,
        "most.csv",
        lines("a,y", 100, |i| format!("{},{}", if i % 20 == 1 { "x".into() } else { i.to_string() }, i % 2)),
    );
    assert!(
        trained(&folder, &["most.csv"]).contains("`a` is treated as text, since 5 of its cells are not numbers: `x` in line 3")
    );
    write(&folder, "far.csv", lines("a,y", 100, |i| format!("{},{}", if i == 7 { "1e9".into() } else { i.to_string() }, i % 2)));
    assert!(trained(&folder, &["far.csv"]).contains("`a` has `1e9` in line 9, so far from the other numbers"));
}

/// Columns without names are told by their place, and a table of another width is refused.
#[test]
fn tables_without_names_keep_their_width() {
    let folder = folder("width");
    let row = |i: usize| format!("{},{:.3},{:.3},{:.3}", ["a", "b"][i % 2], noise(i), noise(2 * i), noise(3 * i));
    let table: String = (0..60).map(|i| row(i) + "\n").collect();
    write(&folder, "t.data", &table);
    for (target, out) in [("0", "first.npz"), ("-2", "last.npz")] {
        trained(
            &folder,
            &["t.data", "--target", target, "--out", out, "--task", if target == "0" { "classify" } else { "regress" }],
        );
    }
    let without = |place: usize| -> String {
        let cells =
            |line: &str| line.split(',').enumerate().filter(|(at, _)| *at != place).map(|(_, cell)| cell.to_owned()).collect();
        table
            .lines()
            .map(|line| {
                let cells: Vec<String> = cells(line);
                cells.join(",") + "\n"
            })
            .collect()
    };
    for (model, place) in [("first.npz", 0), ("last.npz", 2)] {
        write(&folder, "new.data", without(place));
        let whole = done(&folder, &["predict", model, "t.data", "--device", "cpu", "-q"]).0;
        let new = done(&folder, &["predict", model, "new.data", "--device", "cpu", "-q", "--header", "no"]).0;
        assert_eq!(whole, new, "{model}");
        write(
            &folder,
            "short.data",
            without(place).lines().map(|line| line.rsplit_once(',').expect("cells").0.to_owned() + "\n").collect::<String>(),
        );
        fails(
            &folder,
            &["predict", model, "short.data", "--header", "no"],
            1,
            &["expected 4", "or 3 without the target", "got 2"],
        );
    }
}

/// What is inferred can be written to a file, edited, and obeyed.
#[test]
fn schemas_are_written_edited_and_obeyed() {
    let folder = folder("schema");
    write(
        &folder,
        "t.csv",
        lines("id,price,colour,y", 60, |i| format!("{i},\"${},{:03}\",{},{}", 1 + i % 9, i, ["red", "blue"][i % 2], i % 3)),
    );
    let (out, _) = done(&folder, &["inspect", "t.csv", "--schema", "t.toml", "--drop", "id"]);
    assert!(
        out.contains("price   input    numbers with a decimal point and signs") && out.contains("y       target   classes"),
        "{out}"
    );
    fails(&folder, &["inspect", "t.csv", "--schema", "t.toml"], 1, &["t.toml", "already exists", "--force"]);
    done(&folder, &["inspect", "t.csv", "--schema", "t.toml", "--drop", "id", "--force"]);
    let text = std::fs::read_to_string(folder.join("t.toml")).expect("a schema");
    assert!(text.starts_with("# ") && text.contains("name = \"price\"") && text.contains("written = \"point\""), "{text}");
    let infers = trained(&folder, &["t.csv", "--drop", "id", "--out", "infers.npz"]);
    let obeys = trained(&folder, &["t.csv", "--schema", "t.toml", "--out", "obeys.npz"]);
    assert!(infers.contains("3 classes") && obeys.contains("3 classes"), "{obeys}");
    let weights = |name: &str| done(&folder, &["predict", name, "t.csv", "--device", "cpu", "-q"]).0;
    assert_eq!(weights("infers.npz"), weights("obeys.npz"));
    // Edited: the colour is left out, and the target is a number.
    let edited = text.replacen("name = \"colour\"\nuse = \"input\"", "name = \"colour\"\nuse = \"ignored\"", 1);
    let edited = edited.replacen("use = \"target\"\nkind = \"category\"", "use = \"target\"\nkind = \"number\"", 1);
    assert_ne!(edited, text);
    write(&folder, "edited.toml", &edited);
    let said = trained(&folder, &["t.csv", "--schema", "edited.toml"]);
    assert!(said.contains("target: `y`, numbers") && said.contains("columns: 1 numeric\n"), "{said}");
    let (_, said) =
        done(&folder, &["sweep", "t.csv", "--schema", "edited.toml", "--device", "cpu", "--epochs", "1", "--folds", "2"]);
    assert!(said.contains("target: `y`, numbers"), "{said}");
    for (text, words) in [
        (edited.replacen("kind = \"number\"", "kind = \"numeric\"", 1), &["line ", "numeric"][..]),
        (edited.replacen("name = \"price\"", "name = \"prize\"", 1), &["unknown column `prize`", "price"]),
        (edited.replacen("use = \"target\"", "use = \"input\"", 1), &["target"]),
        ("nonsense".to_owned(), &["bad.toml", "not a schema"]),
        (format!("{edited}\n[[column]]\nname = \"y\"\nkind = \"number\"\n"), &["each once", "`y` twice"]),
        (
            text.replacen("use = \"input\"\nkind = \"category\"", "use = \"input\"\nkind = \"number\"", 1),
            &["line 2", "`colour`", "at least 98 %"],
        ),
        (text.replacen("\"point\"", "{ date_as = \"%Q\" }", 1), &["the format of dates", "%Q"]),
    ] {
        write(&folder, "bad.toml", text);
        let output = run(&folder, &["train", "t.csv", "--schema", "bad.toml"]);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && words.iter().all(|word| err.contains(word)), "{words:?} is not in: {err}");
    }
    fails(&folder, &["train", "t.csv", "--schema", "missing.toml"], 1, &["missing.toml"]);
    fails(&folder, &["train", "t.csv", "--schema", "t.toml", "--drop", "id"], 2, &["--drop"]);
    fails(&folder, &["inspect", "infers.npz", "--schema", "x.toml"], 2, &["--schema"]);
    // `inspect` takes the options of a table.
    let (out, _) = done(
        &folder,
        &[
            "inspect",
            "t.csv",
            "--target",
            "price",
            "--task",
            "regress",
            "--categorical",
            "id",
            "--missing",
            "median",
            "--na",
            "x",
            "--decimal",
            ".",
            "--date-format",
            "%Y",
            "--header",
            "yes",
            "--delimiter",
            ",",
        ],
    );
    assert!(out.contains("id      input    categories") && out.contains("price   target   numbers"), "{out}");
    // A schema of the usual words leaves a class what it is.
    write(&folder, "none.csv", lines("x,y", 60, |i| format!("{:.3},{}", noise(i), ["a", "None", "b"][i % 3])));
    done(&folder, &["inspect", "none.csv", "--schema", "none.toml"]);
    let said = trained(&folder, &["none.csv", "--schema", "none.toml"]);
    assert!(said.contains("3 classes") && said.contains("`None` is a class of `y`"), "{said}");
    // The same options of a sweep.
    let options = ["--missing", "median", "--na", "x", "--decimal", ".", "--date-format", "%Y"];
    done(&folder, &[&["sweep", "t.csv", "--device", "cpu", "--epochs", "1", "--folds", "2"][..], &options].concat());
}
