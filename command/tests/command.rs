//! The command `shaderprop` as users run it: what it prints to stdout and stderr, the files that it writes, and its
//! exit codes.

#[allow(dead_code, reason = "no folder is shared here")]
#[path = "../../tests/common/folder.rs"]
mod folder;
#[cfg(target_os = "linux")]
#[path = "../../tests/faults/shim.rs"]
mod shim;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use shaderprop::{Activation, Columns, Csv, Device, Init, Load, Model, Network, Preprocessing, Save, Table};

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits/digits.csv.gz");
const IRIS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/iris/iris.csv");
const COFFEE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/table/coffee.csv");

/// An empty folder of that name.
fn folder(name: &str) -> PathBuf {
    folder::folder(&format!("command-{name}"))
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shaderprop"));
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the command")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// An NPY file of values of that type.
fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes(), values].concat()
}

/// Runs the command, which has to succeed; returns its stdout and stderr.
fn done(folder: &Path, args: &[&str]) -> (String, String) {
    let output = run(folder, args);
    let (out, err) = (text(&output.stdout).to_owned(), text(&output.stderr).to_owned());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {err}");
    assert!(!err.contains("training on the CPU engine: "), "no adapter was opened: {err}");
    (out, err)
}

/// Runs the command, which has to fail with that exit code, without output on stdout. The last line of stderr has to be
/// an error that contains all of `said`.
fn fails(folder: &Path, args: &[&str], code: i32, said: &[&str]) {
    let output = run(folder, args);
    let err = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), ""), "{args:?}: {err}");
    let last = err.lines().last().unwrap_or_default();
    for part in said {
        assert!(last.contains(part), "{args:?}: {part} is not in: {last}");
    }
    assert!(last.starts_with("error: ") && !err.contains("panicked"), "{err}");
}

/// Like [`fails`]; the command has to fail before training.
fn fails_early(folder: &Path, args: &[&str], code: i32, said: &[&str]) {
    fails(folder, args, code, said);
    let err = text(&run(folder, args).stderr).to_owned();
    assert!(!err.contains("network: "), "training has begun: {err}");
}

/// The JSON objects in the output, one per line.
fn objects(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Runs the command; returns the result in the last JSON object.
fn result(folder: &Path, args: &[&str]) -> Value {
    let mut all = objects(&done(folder, args).0);
    all.pop().expect("an object")["result"].take()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// Width, height and pixels of a PNG.
fn pixels(path: &Path) -> (u32, u32, Vec<u8>) {
    let file = std::io::BufReader::new(std::fs::File::open(path).expect("the picture"));
    let mut reader = png::Decoder::new(file).read_info().expect("a PNG file");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("an image");
    (info.width, info.height, pixels)
}

/// The number of pixels of about that colour.
fn count(pixels: &[u8], colour: [u8; 3]) -> usize {
    pixels.chunks(3).filter(|pixel| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 12)).count()
}

const BLUE: [u8; 3] = [0, 114, 178];
const ORANGE: [u8; 3] = [213, 94, 0];
const GREEN: [u8; 3] = [0, 158, 115];

/// Without options other than the target, the mean accuracy over ten seeds is high.
#[test]
fn default_options_give_good_accuracy() {
    let folder = folder("defaults");
    for (args, least) in [(&[DIGITS, "--target", "64"][..], 0.955), (&[IRIS], 0.93)] {
        let mut sums = [0.0; 2];
        for seed in 0..10 {
            let seed = seed.to_string();
            let result = result(&folder, &[&["train"], args, &["--seed", &seed, "--json", "--quiet"]].concat());
            sums[0] += number(&result["validation"]["accuracy"]) / 10.0;
            sums[1] += number(&result["network"]["accuracy"]) / 10.0;
            assert_eq!(result["measured_on"], "test rows");
            assert!(number(&result["trivial"]["accuracy"]) < 0.4 && number(&result["linear_model"]["accuracy"]) > 0.7);
        }
        println!("{}: validation {:.4}, test {:.4}", args[0], sums[0], sums[1]);
        assert!(sums[0] >= least, "{}: {sums:?}", args[0]);
        assert!(sums[1] >= least - 0.03, "{}: {sums:?}", args[0]);
    }
}

#[test]
fn train_reports_its_progress_and_its_results() {
    let folder = folder("train");
    let args =
        ["train", COFFEE, "--drop", "lot", "--out", "coffee.safetensors", "--history", "coffee.csv", "--plot", "coffee.png"];
    let (out, err) = done(&folder, &args);
    for said in [
        "400 rows, 7 columns",
        "target: `grade`, 3 classes (inferred; --target and --task override this)",
        "columns: 3 numeric, 2 categorical: `origin` (5), `process` (3)\n",
        "256 for training, 64 for validation after each epoch, 80 for the test",
        "device: ",
        "network: 15-64-32-3",
        "epoch 1/200: loss ",
        "validation accuracy",
        "saved: coffee.safetensors",
    ] {
        assert!(err.contains(said), "{said}: {err}");
    }
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "On 80 test rows, held out from training:");
    assert!(
        lines[2].contains("accuracy") && lines[3].starts_with("this network") && lines[4].starts_with("linear model"),
        "{out}"
    );
    assert!(lines[5].starts_with("always `poor`") && lines[7].starts_with("On the validation rows: accuracy 0."), "{out}");
    // The history has a line for each epoch, and stderr has the last of them, too. The picture has both curves.
    let history = Table::read_csv(folder.join("coffee.csv"), &Csv::new()).expect("a history");
    assert_eq!(history.names()[..4], ["epoch", "loss", "accuracy", "validation_loss"]);
    let loss: f64 = history.cell(history.rows() - 1, 1).parse().expect("a loss");
    assert!(err.contains(&format!("epoch {}/200: loss {loss:.4}", history.rows())), "{err}");
    let (width, height, picture) = pixels(&folder.join("coffee.png"));
    assert_eq!((width, height), (800, 500));
    assert!(count(&picture, BLUE) > 300 && count(&picture, ORANGE) > 300 && count(&picture, [0; 3]) > 200);
    // The printed result is that of the saved model on the held-out rows, and `inspect` shows it.
    let model = Model::load(&Device::cpu(), folder.join("coffee.safetensors"), &Load::new()).expect("the model");
    let accuracy: f64 = model.notes()["measured accuracy"].parse().expect("a number");
    assert!(lines[3].contains(&format!("{accuracy:.4}")), "{out}");
    let (inspected, _) = done(&folder, &["inspect", "coffee.safetensors"]);
    for said in [
        "layers.2  softmax",
        "3203 parameters",
        "origin    5 categories: Brazil",
        "altitude  number: (x - ",
        "optimizer",
        "80 test rows",
    ] {
        assert!(inspected.contains(said), "{said}: {inspected}");
    }
    // Files are not overwritten without --force. With --quiet, nothing is printed to stderr.
    fails(&folder, &args, 1, &["--out coffee.safetensors", "--force"]);
    let quiet = [&args[..], &["--force", "--quiet", "--epochs", "2"]].concat();
    assert_eq!(done(&folder, &quiet).1, "");
}

#[test]
fn train_accepts_every_option() {
    let folder = folder("options");
    let base = ["train", COFFEE, "--target", "grade", "--drop", "lot", "--json", "--epochs", "4", "--seed", "1"];
    let with = |more: &[&str]| result(&folder, &[&base, more].concat());
    let plain = with(&[]);
    assert_eq!((&plain["task"], &plain["epochs"]), (&Value::from("classify"), &Value::from(4)));
    // Each option changes the result, and repeating the run gives the same result: on a device that runs shaders, where
    // the CPU engine might be taken without --engine.
    let shaders = ["--engine", "staged"];
    let staged = with(&shaders);
    for more in [
        &["--hidden", "8"][..],
        &["--hidden", "none"],
        &["--activation", "tanh"],
        &["--optimizer", "rmsprop"],
        &["--optimizer", "sgd"],
        &["--learning-rate", "0.02"],
        &["--schedule", "exponential:0.5"],
        &["--schedule", "step:1:0.5"],
        &["--schedule", "cosine"],
        &["--schedule", "plateau:0.1:0", "--learning-rate", "0.3"],
        &["--batch-size", "50"],
        &["--dropout", "0.5"],
        &["--weight-decay", "0.3"],
        &["--patience", "0"],
        &["--class-weight", "balanced"],
        &["--class-weight", "fine=20,poor=0.1"],
        &["--missing", "frequent", "--categorical", "days"],
        &["--categorical", "days,moisture"],
        &["--test-split", "0.4"],
        &["--validation-split", "0.5"],
        &["--seed", "2"],
    ] {
        // An option that is given twice is refused, so the first --seed is removed.
        let base: Vec<&str> = if more[0] == "--seed" { base[..base.len() - 2].to_vec() } else { base.to_vec() };
        let args = [&base, more, &shaders].concat();
        let other = result(&folder, &args);
        assert_ne!(other, staged, "{more:?}");
        assert_eq!(other, result(&folder, &args), "{more:?}");
    }
    for (more, same) in [
        (&["--task", "classify"][..], true),
        (&["--loss", "categorical_cross_entropy"], true),
        (&["--header", "yes", "--delimiter", ","], true),
        (&["--log-every", "2"], true),
        (&["--device", "auto"], true),
    ] {
        assert_eq!(with(more) == plain, same, "{more:?}");
    }
    // The engines agree within rounding.
    let without = ["--validation-split", "0", "--log-every", "3", "--hidden", "12"];
    let [fused, staged, cpu] = [&["--engine", "fused"][..], &["--engine", "staged"], &["--engine", "cpu"]]
        .map(|engine| with(&[&without, engine].concat()));
    assert_eq!((&fused["engine"], &staged["engine"], &cpu["engine"]), (&"fused".into(), &"staged".into(), &"cpu".into()));
    for other in [&fused, &cpu] {
        assert!(
            (number(&other["network"]["accuracy"]) - number(&staged["network"]["accuracy"])).abs() < 0.05,
            "{other} {staged}"
        );
    }
    assert_eq!(result(&folder, &[&base, &["--device", "cpu"][..]].concat())["engine"], "cpu");
    // There is an object for each logged epoch, and for the last epoch.
    let (out, _) = done(&folder, &[&base[..], &["--log-every", "2"]].concat());
    let logged = objects(&out);
    let epochs: Vec<_> = logged[..logged.len() - 1].iter().map(|object| object["epoch"].as_u64()).collect();
    assert_eq!(epochs, [Some(1), Some(3), Some(4)]);
    for name in ["loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate"] {
        assert!(logged[1][name].is_f64(), "{}", logged[1]);
    }
    // Early stopping reports the best epoch.
    let stopped = result(&folder, &["train", IRIS, "--json", "--patience", "2", "--learning-rate", "0.1"]);
    assert_eq!(stopped["stopped_early"], true);
    assert_eq!(number(&stopped["best_epoch"]) + 2.0, number(&stopped["epochs"]));
    // Options that contradict each other are refused, as wrong arguments.
    for (more, said) in [
        (&["--engine", "cpu", "--device", "auto"][..], &["--engine cpu", "auto"][..]),
        (&["--engine", "fused", "--device", "cpu"], &["--engine fused", "cpu"]),
        (&["--engine", "fused"], &["--validation-split 0"]),
        (&["--patience", "3", "--validation-split", "0"], &["--patience", "--validation-split 0"]),
        (&["--engine", "fused", "--validation-split", "0", "--dropout", "0.5"], &["--engine fused", "dropout"]),
        (&["--loss", "huber"], &["--loss", "categorical_cross_entropy", "huber"]),
        (&["--class-weight", "bad=2"], &["--class-weight", "poor", "bad=2"]),
        (&["--task", "regress"], &["numbers", "--task classify"]),
        (
            &["--out", "x.safetensors", "--history", "y.csv", "--plot", "y.csv.png", "--checkpoint", "x.safetensors"],
            &["--checkpoint", "--out"],
        ),
    ] {
        fails(&folder, &[&base, more].concat(), 2, said);
    }
    for more in [
        &["--hidden", "8,0"][..],
        &["--activation", "rrelu"],
        &["--optimizer", "adam2"],
        &["--loss", "l3"],
        &["--schedule", "step:0.5"],
        &["--schedule", "cosine:1:2"],
        &["--batch-size", "0"],
        &["--dropout", "1"],
        &["--learning-rate", "-1"],
        &["--learning-rate", "nan"],
        &["--weight-decay", "-1"],
        &["--test-split", "1.5"],
        &["--missing", "mean"],
        &["--out", "x.safetensors", "--out"],
        &["--history", "x.txt"],
        &["--plot", "x.jpg"],
        &["--delimiter", "ab"],
        &["--nonsense"],
    ] {
        let output = run(&folder, &[&base, more].concat());
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{more:?}");
        assert!(text(&output.stderr).contains(more[0]), "{more:?}: {}", text(&output.stderr));
    }
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 0, "nothing was written");
}

/// Errors are in the target's units, next to those of the mean and of a linear model.
#[test]
fn train_supports_regression() {
    let folder = folder("numbers");
    let rows: String =
        (0..400).map(|i| (i % 20, i * 7 % 23)).map(|(a, b)| format!("{a};{b};{}\n", 1000.5 + f64::from(a * b) * 50.0)).collect();
    std::fs::write(folder.join("prices.csv"), format!("a;b;price\n{rows}")).expect("a file");
    for loss in ["mean_squared_error", "mean_absolute_error", "huber"] {
        let args = ["train", "prices.csv", "--json", "--loss", loss, "--out", "p.safetensors", "--force", "--history", "p.json"];
        let result = result(&folder, &args);
        assert_eq!((&result["task"], &result["target"]), (&"regress".into(), &"price".into()));
        let error = |name: &str| number(&result[name]["root_mean_squared_error"]);
        assert!(error("network") < 0.2 * error("linear_model") && error("linear_model") < 0.9 * error("trivial"), "{result}");
        assert!(
            number(&result["network"]["r_squared"]) > 0.98 && number(&result["trivial"]["r_squared"]).abs() < 0.1,
            "{result}"
        );
        // The errors are in the target's units, also in the history.
        assert!(error("trivial") > 3000.0, "{result}");
        let history: Value = serde_json::from_slice(&std::fs::read(folder.join("p.json")).expect("a history")).expect("JSON");
        let last =
            history["validation_root_mean_squared_error"].as_array().and_then(|all| all.iter().map(number).reduce(f64::min));
        assert!(last.is_some_and(|least| least > 0.3 * error("network") && least < 10.0 * error("network")), "{last:?} {result}");
    }
    let (out, err) = done(&folder, &["evaluate", "p.safetensors", "prices.csv", "--plot", "p.png", "--json"]);
    let evaluated = &objects(&out)[0];
    assert!(number(&evaluated["metrics"]["r_squared"]) > 0.98 && evaluated["rows"] == 400 && err.contains("p.png"), "{out}");
    // The points have a paler shade of their colour.
    let pale = pixels(&folder.join("p.png")).2.chunks(3).filter(|pixel| pixel[2] > pixel[0].saturating_add(40)).count();
    assert!((300..60_000).contains(&pale), "{pale}");
    // Predictions are in the target's units, too. The columns may be in a different order, and without the target.
    std::fs::write(folder.join("new.csv"), "b,a\n10,10\n20,5\n").expect("a file");
    let (out, _) = done(&folder, &["predict", "p.safetensors", "new.csv", "--quiet"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "prediction"));
    for line in &lines[1..] {
        assert!((line.parse::<f64>().expect("a number") - 6000.5).abs() < 900.0, "{out}");
    }
    // The plane of two inputs can be drawn; that of a model with more inputs is refused.
    done(
        &folder,
        &["plot", "p.safetensors", "prices.csv", "--out", "plane.png", "--device", "auto", "--header", "yes", "--delimiter", ";"],
    );
    assert!(pixels(&folder.join("plane.png")).2.chunks(3).collect::<std::collections::HashSet<_>>().len() > 50);
    done(&folder, &["train", IRIS, "--epochs", "2", "--out", "i.npz"]);
    fails(&folder, &["plot", "i.npz", "--out", "no.png"], 1, &["i.npz", "two numeric columns", "4 inputs"]);
}

/// A checkpoint in each epoch changes no bit of the result. A resumed run ends like one that was never stopped.
/// Different options are refused.
#[test]
fn checkpoints_do_not_change_the_result_and_can_be_resumed() {
    let folder = folder("checkpoint");
    fn train<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["train", DIGITS, "--target", "64", "--patience", "0"], more].concat()
    }
    let model = |name: &str| std::fs::read(folder.join(name)).expect("a model");
    let (plain, _) = done(&folder, &train(&["--epochs", "12", "--out", "a.safetensors"]));
    done(&folder, &train(&["--epochs", "12", "--out", "b.safetensors", "--checkpoint", "b.checkpoint"]));
    assert!(model("a.safetensors") == model("b.safetensors"));
    done(&folder, &train(&["--epochs", "5", "--checkpoint", "c.checkpoint"]));
    let (resumed, err) = done(
        &folder,
        &train(&["--epochs", "12", "--out", "c.safetensors", "--checkpoint", "c.checkpoint", "--resume", "c.checkpoint"]),
    );
    assert!(
        err.contains("resumed at epoch 5\n") && resumed == plain && model("a.safetensors") == model("c.safetensors"),
        "{err}"
    );
    // Resuming a finished run says so. If its checkpoint goes to another file, the first file stays.
    let (again, err) = done(&folder, &train(&["--epochs", "12", "--resume", "c.checkpoint", "--checkpoint", "d.checkpoint"]));
    assert!(err.contains("resumed at epoch 12\n") && again == plain, "{err}");
    fails(&folder, &train(&["--epochs", "12", "--checkpoint", "c.checkpoint"]), 1, &["--checkpoint c.checkpoint", "--force"]);
    for (more, said) in [
        (&["--seed", "4"][..], "seed differs: it was 0, and is 4"),
        (&["--learning-rate", "0.1"], "learning_rate"),
        (&["--hidden", "20"], "64-20-10"),
        (&["--batch-size", "20"], "batch_size"),
        (&["--weight-decay", "0"], "weight_decay"),
        (&["--optimizer", "adamw"], "optimizer"),
        (&["--test-split", "0.3"], "preprocessing"),
        (&["--epochs", "3"], "12 epochs, but the settings ask for 3"),
    ] {
        let epochs: &[&str] = if more[0] == "--epochs" { &[] } else { &["--epochs", "20"] };
        fails(&folder, &[&train(&["--resume", "c.checkpoint"])[..], epochs, more].concat(), 1, &["c.checkpoint", said]);
    }
    fails(&folder, &train(&["--resume", "none.checkpoint"]), 1, &["none.checkpoint"]);
    fails(&folder, &train(&["--resume", "a.safetensors"]), 1, &["a.safetensors", "checkpoint"]);
}

/// Reads stderr until it contains `said`. A thread reads the rest; it returns everything.
#[cfg(unix)]
fn wait_for(child: &mut std::process::Child, said: &str) -> std::thread::JoinHandle<String> {
    use std::io::BufRead;
    let mut reader = std::io::BufReader::new(child.stderr.take().expect("stderr"));
    let mut all = String::new();
    while !all.contains(said) {
        assert!(reader.read_line(&mut all).expect("a line") > 0, "stderr has ended: {all}");
    }
    std::thread::spawn(move || {
        std::io::Read::read_to_string(&mut reader, &mut all).expect("text");
        all
    })
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().expect("kill").success());
}

/// The first signal stops training with a checkpoint. The command prints how to continue, and that works. A second
/// signal ends the command at once.
#[cfg(unix)]
#[test]
fn signals_stop_training_with_a_checkpoint() {
    let folder = folder("signals");
    let args = ["train", DIGITS, "--target", "64", "--patience", "0", "--epochs", "150", "--log-every", "1"];
    done(&folder, &[&args[..], &["--out", "whole.safetensors"]].concat());
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (out, checkpoint) = (format!("with space {name}.safetensors"), format!("{name}.checkpoint"));
        let all = [&args[..], &["--out", &out, "--checkpoint", &checkpoint]].concat();
        let mut child = command(&folder, &all).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the command starts");
        let words = wait_for(&mut child, "epoch 2/");
        signal(&child, name);
        assert_eq!(child.wait().expect("an exit status").code(), Some(code));
        assert!(words.join().expect("its stderr").contains(&format!("--resume {checkpoint}")));
        assert!(!folder.join(&out).exists());
        let resuming = command(&folder, &[&all[..], &["--resume", &checkpoint]].concat());
        let mut child = { resuming }.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the command starts");
        let words = wait_for(&mut child, "resumed at epoch ");
        signal(&child, name);
        let ended = child.wait().expect("an exit status");
        let err = words.join().expect("its stderr");
        // Training may have finished before the signal.
        assert!(ended.code() == Some(code) || ended.code() == Some(0), "{err}");
        if ended.code() == Some(code) {
            let how = err.lines().find_map(|line| line.split_once("; to continue: ")).expect("how to continue").1;
            let path = Path::new(env!("CARGO_BIN_EXE_shaderprop")).parent().expect("a folder");
            let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap_or_default());
            let went_on = Command::new("sh").args(["-c", how]).current_dir(&folder).env("PATH", path).output().expect("a shell");
            assert_eq!(went_on.status.code(), Some(0), "{how}: {}", text(&went_on.stderr));
        }
        assert!(
            std::fs::read(folder.join(out)).expect("a model")
                == std::fs::read(folder.join("whole.safetensors")).expect("a model")
        );
    }
    // A second signal ends the command at once.
    let mut child = command(&folder, &[&args[..7], &["100000", "--batch-size", "8"]].concat());
    let mut child = child.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the command starts");
    let words = wait_for(&mut child, "network: ");
    signal(&child, "INT");
    let begun = Instant::now();
    signal(&child, "INT");
    assert_eq!(child.wait().expect("an exit status").code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5) && !words.join().expect("its stderr").contains("panicked"));
    // Without a checkpoint training cannot be resumed, and the command says so.
    let child = command(&folder, &[&args[..7], &["100000"]].concat()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let mut child = child.expect("the command starts");
    let words = wait_for(&mut child, "epoch 1/");
    signal(&child, "TERM");
    assert_eq!(child.wait().expect("an exit status").code(), Some(143));
    assert!(words.join().expect("its stderr").contains("nothing was saved; with --checkpoint FILE"));
}

/// If nobody reads stdout, or it cannot be written to, the trained model is saved all the same.
#[cfg(unix)]
#[test]
fn the_model_is_saved_even_if_stdout_fails() {
    let folder = folder("gone");
    let path = env!("CARGO_BIN_EXE_shaderprop");
    for (out, to) in [("a.npz", "| head -1"), ("b.npz", "> /dev/full")] {
        let line = format!("'{path}' train --json -q --epochs 30 --log-every 1 --out {out} -- '{IRIS}' {to}");
        Command::new("sh").args(["-c", &line]).current_dir(&folder).output().expect("a shell");
        assert!(Model::load(&Device::cpu(), folder.join(out), &Load::new()).is_ok(), "{line}");
    }
}

/// Trains, evaluates and predicts on NPY and IDX files: plain or gzipped, in pairs or in MNIST's folder.
#[test]
fn arrays_can_be_used_as_data() {
    let folder = folder("arrays");
    // Images of 4 x 4 pixels, with a bright left or right half.
    let image = |i: usize| -> Vec<u8> {
        (0..16).map(|p| if (p % 4 < 2) == i.is_multiple_of(2) { 200 + (i * 7 + p) % 50 } else { (i + p) % 60 } as u8).collect()
    };
    let idx = |dimensions: &[u32], data: Vec<u8>| {
        let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
        dimensions.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
        [bytes, data].concat()
    };
    let npy =
        |shape: &str, values: &[f32]| npy("<f4", shape, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    let gzipped = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("bytes");
        encoder.finish().expect("bytes")
    };
    let set = |count: usize| {
        let pixels: Vec<u8> = (0..count).flat_map(image).collect();
        let labels: Vec<u8> = (0..count).map(|i| (i % 2) as u8 + 3).collect();
        (idx(&[count as u32, 4, 4], pixels), idx(&[count as u32], labels))
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("a file");
    std::fs::create_dir(folder.join("mnist")).expect("a folder");
    let (train, test) = (set(100), set(30));
    write("mnist/train-images-idx3-ubyte.gz", &gzipped(&train.0));
    write("mnist/train-labels-idx1-ubyte", &train.1);
    write("mnist/t10k-images.idx3-ubyte", &test.0);
    write("mnist/t10k-labels-idx1-ubyte.gz", &gzipped(&test.1));
    let shown = result(&folder, &["train", "mnist", "--json", "--epochs", "20", "--out", "m.safetensors"]);
    assert_eq!(
        (&shown["rows"]["test"], &shown["rows"]["train"], number(&shown["network"]["accuracy"])),
        (&30.into(), &80.into(), 1.0)
    );
    let images = "mnist/t10k-images.idx3-ubyte";
    let (out, _) =
        done(&folder, &["evaluate", "m.safetensors", images, "mnist/t10k-labels-idx1-ubyte.gz", "--device", "software"]);
    assert!(out.starts_with("On 30 rows") && out.contains("3 | 15  0"), "{out}");
    for data in ["mnist", images] {
        let (out, _) = done(&folder, &["predict", "m.safetensors", data]);
        let classes: Vec<&str> = out.lines().skip(1).map(|line| line.split(',').next().expect("a class")).collect();
        assert!(
            out.starts_with("prediction,probability_3,probability_4\n") && classes.len() == 30 && classes[..3] == ["3", "4", "3"],
            "{out}"
        );
    }
    let pair = ["mnist/train-images-idx3-ubyte.gz", "mnist/train-labels-idx1-ubyte"];
    assert_eq!(number(&result(&folder, &["train", pair[0], pair[1], "--json", "--epochs", "20"])["network"]["accuracy"]), 1.0);

    let x: Vec<f32> = (0..120).map(|i| if i == 5 { f32::NAN } else { (i * 37 % 100) as f32 }).collect();
    let y: Vec<f32> = (0..60).map(|i| 0.5 + 2.0 * (i * 74 % 100) as f32 + ((2 * i + 1) * 37 % 100) as f32).collect();
    write("x.npy", &npy("(60, 2)", &x));
    write("y.npy", &npy("(60,)", &y));
    let numbers = result(&folder, &["train", "x.npy", "y.npy", "--json", "--out", "n.npz"]);
    assert!(numbers["task"] == "regress" && number(&numbers["network"]["r_squared"]) > 0.9, "{numbers}");
    let (out, _) = done(&folder, &["predict", "n.npz", "x.npy"]);
    assert_eq!(out.lines().count(), 61);
    fails(&folder, &["train", "x.npy"], 2, &["x.npy", "two arrays"]);
    fails(&folder, &["train", "x.npy", IRIS], 2, &["iris.csv", "array"]);
    write("short.npy", &npy("(2,)", &y[..2]));
    fails(&folder, &["train", "x.npy", "short.npy"], 1, &["targets", "60"]);
    fails(&folder, &["train", "."], 1, &["train-images-idx3-ubyte", "folder"]);
}

/// Every command infers the same header and delimiter: with numbers as names, with words but no names, and with
/// semicolons in quotes.
#[test]
fn header_and_delimiter_are_inferred_in_every_command() {
    let folder = folder("first-lines");
    let x = |i: usize| ((i * 7919) % 1000) as f64 / 999.0;
    let rows = |first: &str, row: &dyn Fn(usize) -> String| {
        let lines = std::iter::once(first.to_owned()).filter(|first| !first.is_empty()).chain((0..80).map(row));
        lines.map(|line| line + "\n").collect::<String>()
    };
    let years = rows("2019,2020,y", &|i| format!("{:.3},{:.3},{}", x(i), x(i + 80), u8::from(x(i) > 0.5)));
    let words = rows("", &|i| format!("{},{},{}", ["a", "b"][i % 2], ["g", "h", "k"][i % 3], ["yes", "no"][i % 2]));
    let quoted = rows("id,\"lat;lon\",y", &|i| format!("{:.3},\"{};{}\",{}", x(i), i % 2, i % 3, ["yes", "no"][i % 2]));
    for (name, table, target) in [("years", years, "`y`"), ("words", words, "`2`"), ("quoted", quoted, "`y`")] {
        let (table_file, model) = (format!("{name}.csv"), format!("{name}.safetensors"));
        std::fs::write(folder.join(&table_file), &table).expect("a table");
        let (_, said) = done(&folder, &["train", &table_file, "--epochs", "2", "--out", &model]);
        assert!(said.contains("80 rows, 3 columns") && said.contains(&format!("target: {target}, 2 classes")), "{said}");
        assert!(!said.contains("first line"), "{said}");
        let (predicted, _) = done(&folder, &["predict", &model, &table_file]);
        assert_eq!(predicted.lines().count(), 81, "{name}");
        let (evaluated, _) = done(&folder, &["evaluate", &model, &table_file]);
        assert!(evaluated.contains("80 rows"), "{evaluated}");
        let (_, said) = done(&folder, &["sweep", &table_file, "--seeds", "2", "--epochs", "2"]);
        assert!(said.contains("80 rows, 3 columns") && said.contains(&format!("target: {target}, 2 classes")), "{said}");
    }
    // If the first line may be either, a notice names the options that decide. With such an option there is no notice.
    let names = rows("size,7,y", &|i| format!("{:.3},{i},{}", x(i), ["yes", "no"][i % 2]));
    std::fs::write(folder.join("names.csv"), names).expect("a table");
    let train = ["train", "names.csv", "--epochs", "1", "--out", "names.safetensors", "--force"];
    let (_, said) = done(&folder, &train);
    assert!(said.contains("notice: the first line may be data") && said.contains("--header no"), "{said}");
    let (_, said) = done(&folder, &[&train[..], &["--header", "yes"]].concat());
    assert!(!said.contains("the first line"), "{said}");
}

/// Small numbers keep significant digits, R² is undefined if all targets are equal, and rows without a target do not
/// count.
#[test]
fn figures_are_readable_and_rows_without_a_target_are_left_out() {
    let folder = folder("figures");
    let x = |i: usize| ((i * 7919) % 1000) as f64 / 999.0;
    let write = |name: &str, row: &dyn Fn(usize) -> String| {
        let lines =
            std::iter::once("a,b,y".to_owned()).chain((0..60).map(|i| format!("{:.3},{:.3},{}", x(i), x(i + 60), row(i))));
        std::fs::write(folder.join(name), lines.map(|line| line + "\n").collect::<String>()).expect("a table");
    };
    let fit = |name: &str, model: &str| {
        done(&folder, &["train", name, "--task", "regress", "--epochs", "20", "--device", "cpu", "--out", model, "--force"])
    };
    for (name, scale) in [("nano.csv", 1e-9), ("micro.csv", 3e-6), ("tiny.csv", 1e-30)] {
        write(name, &|i| format!("{:e}", scale * (1.0 + x(i))));
        let (out, _) = fit(name, "small.safetensors");
        let figures: Vec<f64> = out
            .lines()
            .find(|line| line.starts_with("this network"))
            .expect("a line")
            .split_whitespace()
            .skip(2)
            .map(|cell| cell.parse().expect("a figure"))
            .collect();
        assert!(figures[0] > 0.0 && figures[0] < scale && figures[1] > 0.0, "{name}: {out}");
    }
    for (name, value) in [("constant.csv", "0.1"), ("zero.csv", "0"), ("large.csv", "12345.678")] {
        write(name, &|_| value.to_owned());
        let (out, said) = fit(name, "constant.safetensors");
        assert!(out.contains("undefined") && !out.contains("NaN") && !out.contains("inf"), "{out}");
        assert!(said.contains(&format!("notice: `y` is {value} in every row")), "{said}");
        let (out, _) = done(&folder, &["evaluate", "constant.safetensors", name, "--device", "cpu", "--json"]);
        assert!(out.contains("\"r_squared\":null"), "{out}");
    }
    // `evaluate` leaves out rows without a target, as `train` does, for every task and spelling.
    write("classes.csv", &|i| ["yes", "no"][i % 2].to_owned());
    done(&folder, &["train", "classes.csv", "--epochs", "2", "--device", "cpu", "--out", "classes.safetensors"]);
    write("numbers.csv", &|i| format!("{:.3}", x(i)));
    fit("numbers.csv", "numbers.safetensors");
    for (model, target) in [("classes.safetensors", "no"), ("numbers.safetensors", "0.5")] {
        for missing in ["", "NA", "null"] {
            write("some.csv", &|i| if i % 3 == 0 { missing.to_owned() } else { target.to_owned() });
            let (out, said) = done(&folder, &["evaluate", model, "some.csv", "--device", "cpu"]);
            assert!(out.contains("On 40 rows") && said.contains("left out 20 rows without `y`"), "{out}{said}");
        }
    }
}

/// A frequent word for missing values is a class if the target has words, and a missing value if it has numbers.
#[test]
fn a_class_may_be_called_none() {
    let folder = folder("none");
    let write = |name: &str, row: &dyn Fn(usize) -> &'static str| {
        let lines = std::iter::once("a,b,y".to_owned()).chain((0..300).map(|i| format!("{},{},{}", i % 17, i % 11, row(i))));
        std::fs::write(folder.join(name), lines.map(|line| line + "\n").collect::<String>()).expect("a table");
    };
    let train = |name: &str, more: &[&str]| {
        let args = [&["train", name, "--epochs", "1", "--device", "cpu", "--out", "m.safetensors", "--force"], more].concat();
        done(&folder, &args).1
    };
    for (name, word) in [("none.csv", "None"), ("null.csv", "NULL"), ("na.csv", "N/A")] {
        let row = |i: usize| match i % 3 {
            0 => ["None", "NULL", "N/A"].into_iter().find(|known| *known == word).expect("the word"),
            1 => "some",
            _ => "",
        };
        write(name, &row);
        let said = train(name, &[]);
        assert!(said.contains("target: `y`, 2 classes") && said.contains("left out 100 rows without `y`"), "{said}");
        assert!(said.contains(&format!("notice: `{word}` is a class of `y`, since 100 rows have it")), "{said}");
        // The model has the class, so its rows are evaluated, and predictions include it.
        let (out, said) = done(&folder, &["evaluate", "m.safetensors", name, "--device", "cpu"]);
        assert!(out.contains("On 200 rows") && said.contains("left out 100 rows without `y`"), "{out}{said}");
        let (out, _) = done(&folder, &["predict", "m.safetensors", name, "--device", "cpu"]);
        assert!(out.starts_with(&format!("prediction,probability_{word},probability_some\n")), "{out}");
        let (_, said) = done(&folder, &["sweep", name, "--seeds", "2", "--epochs", "1", "--device", "cpu"]);
        assert!(said.contains("target: `y`, 2 classes"), "{said}");
    }
    // A rare word is a missing value, and so is any word among numbers.
    write("rare.csv", &|i| if i == 7 { "None" } else { ["yes", "no"][i % 2] });
    assert!(train("rare.csv", &[]).contains("left out 1 row without `y`"));
    write("numbers.csv", &|i| if i % 3 == 0 { "NA" } else { ["0", "1"][i % 2] });
    assert!(train("numbers.csv", &[]).contains("left out 100 rows without `y`"));
    fails(&folder, &["train", "numbers.csv", "--missing", "error", "--out", "n.safetensors"], 1, &["`y`", "100 rows"]);
    write("classes.csv", &|i| ["None", "some"][i % 2]);
    fails(&folder, &["train", "classes.csv", "--task", "regress", "--out", "n.safetensors"], 2, &["`y`", "some"]);
}

/// Integers of an array file are classes, however many there are. Whole numbers of a CSV file may be either, and a
/// notice says so.
#[test]
fn a_notice_says_if_the_task_is_in_doubt() {
    let folder = folder("classes");
    let train = |args: &[&str]| {
        let args = [&["train"][..], args, &["--epochs", "1", "--out", "m.npz", "--device", "cpu", "--force"]].concat();
        done(&folder, &args).1
    };
    let floats = |name: &str, shape: &str| {
        let values: Vec<u8> = (0..600).flat_map(|i| ((i % 26) as f32).to_le_bytes()).collect();
        std::fs::write(folder.join(name), npy("<f4", shape, &values)).expect("an array");
    };
    floats("x.npy", "(600, 1)");
    floats("floats.npy", "(600,)");
    let integers: Vec<u8> = (0..600u16).flat_map(|i| (i % 26).to_le_bytes()).collect();
    std::fs::write(folder.join("integers.npy"), npy("<u2", "(600,)", &integers)).expect("an array");
    let bytes: Vec<u8> = (0..600u16).map(|i| (i % 47) as u8).collect();
    std::fs::write(folder.join("labels-idx1-ubyte"), [&[0, 0, 8, 1, 0, 0, 2, 88][..], &bytes].concat()).expect("an array");
    assert!(train(&["x.npy", "integers.npy"]).contains("26 classes"));
    assert!(train(&["x.npy", "labels-idx1-ubyte"]).contains("47 classes"));
    let said = train(&["x.npy", "integers.npy", "--task", "regress"]);
    assert!(said.contains(", numbers") && !said.contains("different whole numbers"), "{said}");
    let said = train(&["x.npy", "floats.npy"]);
    assert!(said.contains(", numbers") && said.contains("if they are classes, give --task classify"), "{said}");
    let csv = |name: &str, y: &dyn Fn(usize) -> String| {
        let lines = std::iter::once("x,y".to_owned()).chain((0..600).map(|i| format!("{:.2},{}", (i % 37) as f64 / 37.0, y(i))));
        std::fs::write(folder.join(name), lines.collect::<Vec<_>>().join("\n")).expect("a table");
        train(&[name])
    };
    let said = csv("letters.csv", &|i| (i % 24).to_string());
    assert!(
        said.contains(", numbers") && said.contains("notice: `y` has 24 different whole numbers, which are taken for numbers"),
        "{said}"
    );
    // Digits are about equally frequent; counts are not.
    assert!(!csv("digits.csv", &|i| (i % 10).to_string()).contains("notice: `y`"));
    let said = csv("counts.csv", &|i| (i * 7919 % 600 + 1).ilog2().to_string());
    assert!(said.contains("classes") && said.contains("if they are counts, give --task regress"), "{said}");
    assert!(!csv("measured.csv", &|i| format!("{:.2}", i as f64 / 7.0)).contains("notice: `y`"));
}

/// Names with commas can be given, long lists are shortened, and the error for a table that is too small names the
/// option that helps.
#[test]
fn names_and_lists_in_options_and_messages() {
    let folder = folder("names");
    let write = |name: &str, lines: &[String]| std::fs::write(folder.join(name), lines.join("\n") + "\n").expect("a table");
    // Quoted as in CSV.
    let row = |i: usize| format!("{i},{},{},\"{}\"", i % 7, i % 5, ["low, cold=bad", "high"][i % 2]);
    let header = "\"size, cm\",\"a \"\"b\"\"\",c,y".to_owned();
    write("comma.csv", &std::iter::once(header).chain((0..60).map(row)).collect::<Vec<_>>());
    let train = ["train", "comma.csv", "--epochs", "1", "--device", "cpu", "--out", "m.safetensors", "--force"];
    for (drop, columns) in [("\"size, cm\"", 2), ("\"size, cm\",c", 1), ("c,\"a \"\"b\"\"\"", 1), ("0,2", 1)] {
        let (_, said) = done(&folder, &[&train[..], &["--drop", drop]].concat());
        assert!(said.contains(&format!("columns: {columns} numeric")), "{drop}: {said}");
    }
    let (_, said) = done(&folder, &[&train[..], &["--categorical", "\"size, cm\"", "--drop", "c"]].concat());
    assert!(said.contains("1 numeric, 1 categorical: `size, cm`"), "{said}");
    done(&folder, &[&train[..], &["--class-weight", "\"low, cold=bad=2\",high=1"]].concat());
    fails(
        &folder,
        &[&train[..], &["--class-weight", "low, cold=bad=2"]].concat(),
        2,
        &["--class-weight", "low, cold=bad", "high"],
    );
    // Messages list ten names, and say how many more there are.
    let many: Vec<String> = std::iter::once("x,y".to_owned()).chain((0..900).map(|i| format!("{i},class{}", i % 300))).collect();
    write("many.csv", &many);
    let args =
        ["train", "many.csv", "--epochs", "1", "--device", "cpu", "--out", "many.safetensors", "--class-weight", "clas1=2"];
    let said = run(&folder, &args);
    let said = text(&said.stderr).lines().find(|line| line.starts_with("error")).expect("an error").to_owned();
    assert!(said.contains("and 290 more") && said.len() < 400, "{said}");
    done(&folder, &[&args[..8], &["--validation-split", "0"]].concat());
    write("other.csv", &["x,y".to_owned(), "1,class1".to_owned(), "2,neither".to_owned()]);
    // A class that was not in training is a wrong answer.
    let (_, said) = done(&folder, &["evaluate", "many.safetensors", "other.csv", "--device", "cpu"]);
    assert!(said.contains("notice: 1 class was not in training") && said.contains(": neither"), "{said}");
    // There are too few rows to hold any out.
    write("two.csv", &["a,b,y".to_owned(), "1,2,x".to_owned(), "2,3,z".to_owned()]);
    fails(&folder, &["train", "two.csv", "--device", "cpu", "--out", "two.safetensors"], 2, &["2 rows", "--test-split 0"]);
    let whole = ["train", "two.csv", "--device", "cpu", "--epochs", "1", "--out", "two.safetensors", "--test-split", "0"];
    fails(&folder, &whole, 2, &["2 rows", "--validation-split 0"]);
    done(&folder, &[&whole[..], &["--validation-split", "0"]].concat());
}

/// Drivers print no error about a variable that they do not need.
#[cfg(target_os = "linux")]
#[test]
fn no_message_is_printed_about_a_runtime_folder() {
    let folder = folder("runtime");
    std::fs::write(folder.join("xor.csv"), "a,b,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n").expect("a table");
    let whole = ["--test-split", "0", "--validation-split", "0", "--epochs", "1", "--quiet"];
    for args in [&["devices"][..], &[&["train", "xor.csv", "--out", "m.safetensors"][..], &whole].concat()] {
        let output = command(&folder, args).env_remove("XDG_RUNTIME_DIR").output().expect("the command");
        let said = text(&output.stderr);
        assert!(output.status.success() && !said.contains("XDG_RUNTIME_DIR"), "{args:?}: {said}");
        assert!(said.is_empty() || !args.contains(&"--quiet"), "{args:?}: {said}");
    }
}

/// `predict` prints a line for each row, in order: with or without the target, for any number of rows, from a file or
/// from stdin.
#[test]
fn predict_streams() {
    let folder = folder("predict");
    done(&folder, &["train", IRIS, "--epochs", "30", "--out", "iris.safetensors"]);
    let table = std::fs::read_to_string(IRIS).expect("the table");
    let (out, _) = done(&folder, &["predict", "iris.safetensors", IRIS, "--header", "auto", "--delimiter", ","]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines[0], lines.len()), ("prediction,probability_setosa,probability_versicolor,probability_virginica", 151));
    let species = |line: &str| line.rsplit(',').next().map(str::to_owned);
    let right =
        table.lines().skip(1).zip(&lines[1..]).filter(|(row, line)| species(row).as_deref() == line.split(',').next()).count();
    assert!(right > 140, "{right}");
    for line in &lines[1..] {
        let numbers: Vec<f32> = line.split(',').skip(1).map(|cell| cell.parse().expect("a probability")).collect();
        assert!((numbers.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{line}");
    }
    // Without the target, from stdin, and repeated: more rows than are held in memory at once.
    let features: Vec<String> =
        table.lines().skip(1).map(|line| line.rsplit_once(',').expect("cells").0.to_owned() + "\n").collect();
    let mut many = String::from("sepal_length,sepal_width,petal_length,petal_width\n");
    let times = 120;
    (0..times).for_each(|_| many.extend(features.iter().map(String::as_str)));
    let mut child = command(&folder, &["predict", "iris.safetensors", "-", "--quiet"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("stdin");
    let feeder = std::thread::spawn(move || stdin.write_all(many.as_bytes()));
    let output = child.wait_with_output().expect("its output");
    feeder.join().expect("no panic").expect("everything was read");
    let streamed: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!((output.status.code(), streamed.len()), (Some(0), 150 * times + 1));
    for (i, line) in streamed[1..].iter().enumerate() {
        let alone = lines[1 + i % 150];
        assert_eq!(line.split(',').next(), alone.split(',').next(), "row {i}");
    }
    // A few cells that are not numbers are missing, and counted, even with --quiet. More of them are refused.
    let bad = |count: usize| {
        let rows = features.concat().repeat(60) + &"1,2,x,4\n".repeat(count);
        std::fs::write(folder.join("bad.csv"), format!("sepal_length,sepal_width,petal_length,petal_width\n{rows}"))
            .expect("a file");
        run(&folder, &["predict", "iris.safetensors", "bad.csv", "--quiet"])
    };
    let output = bad(2);
    assert_eq!((output.status.code(), text(&output.stdout).lines().count()), (Some(0), 9003));
    assert!(text(&output.stderr).contains("`petal_length` has 2 cells without a number, such as `x` in line 9002"));
    let output = bad(150);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("150 of 9150 cells have something else, such as `x` in line 9002"));
    let (lenient, _) = done(&folder, &["predict", "iris.safetensors", "bad.csv", "--lenient"]);
    assert_eq!(lenient.lines().count(), 9151);
    // There is no message if the reader of stdout stops early.
    let path = env!("CARGO_BIN_EXE_shaderprop");
    let pipe = format!("'{path}' predict iris.safetensors '{IRIS}' --quiet | head -1");
    let output = Command::new("sh").args(["-c", &pipe]).current_dir(&folder).output().expect("a shell");
    assert_eq!((text(&output.stdout).lines().count(), text(&output.stderr)), (1, ""));
    fails(&folder, &["predict", "iris.safetensors", COFFEE], 2, &["sepal_length", "coffee.csv"]);
    fails(&folder, &["predict", COFFEE, IRIS], 1, &["coffee.csv"]);
    let network = shaderprop::Network::new(4).dense(2, shaderprop::Activation::Tanh);
    let raw = Model::new(&Device::cpu(), &network, &Init::Zeros).expect("a model");
    raw.save(folder.join("raw.npz"), &shaderprop::Save::new()).expect("saved");
    fails(&folder, &["predict", "raw.npz", IRIS, "--device", "cpu"], 1, &["raw.npz", "columns"]);
}

#[test]
fn evaluate_counts_and_draws() {
    let folder = folder("evaluate");
    done(&folder, &["train", DIGITS, "--target", "64", "--epochs", "8", "--out", "d.safetensors"]);
    let args = ["evaluate", "d.safetensors", DIGITS, "--header", "no", "--delimiter", ","];
    let (out, err) = done(&folder, &[&args[..], &["--plot", "c.png"]].concat());
    assert!(
        out.starts_with("On 1797 rows: loss 0.") && out.contains("actual, predicted |") && err.contains("picture: c.png"),
        "{out}"
    );
    let (json, quiet) = done(&folder, &[&args[..], &["--json", "--quiet", "--plot", "c.svg"]].concat());
    let object = &objects(&json)[0];
    let matrix: Vec<Vec<u64>> = serde_json::from_value(object["confusion_matrix"].clone()).expect("counts");
    let right: u64 = (0..10).map(|i| matrix[i][i]).sum();
    assert_eq!((matrix.iter().flatten().sum::<u64>(), quiet.as_str()), (1797, ""));
    assert_eq!(number(&object["metrics"]["accuracy"]), right as f64 / 1797.0);
    assert!(right > 1650, "{right}");
    // The diagonal of the picture is dark, and its text has the numbers of the matrix.
    let (width, height, picture) = pixels(&folder.join("c.png"));
    assert_eq!((width, height), (800, 500));
    assert!(count(&picture, [14, 69, 133]) > 5_000, "{}", count(&picture, [14, 69, 133]));
    let svg = std::fs::read_to_string(folder.join("c.svg")).expect("a picture");
    assert!(
        ["predicted", "actual"].iter().all(|label| svg.contains(&format!("\n{label}\n")))
            && matrix.iter().enumerate().all(|(i, row)| svg.contains(&format!("\n{}\n", row[i]))),
        "{svg}"
    );
    fails(&folder, &[&args[..], &["--plot", "c.png"]].concat(), 1, &["--plot c.png", "--force"]);
    done(&folder, &[&args[..], &["--plot", "c.png", "--force"]].concat());
    fails(&folder, &["evaluate", "d.safetensors", IRIS], 1, &["the columns of", "iris.csv", "expected 65", "got 5"]);
}

/// NPZ and JSON have the model's numbers.
#[test]
fn export_writes_every_format() {
    let folder = folder("export");
    done(&folder, &["train", COFFEE, "--drop", "lot", "--epochs", "3", "--out", "c.safetensors"]);
    let outs = ["c.onnx", "c.npz", "c.json", "c.c"];
    let (_, err) = done(&folder, &[&["export", "c.safetensors"], &outs[..]].concat());
    assert!(outs.iter().all(|out| folder.join(out).exists() && err.contains(&format!("saved: {out}"))), "{err}");
    let model = Model::load(&Device::cpu(), folder.join("c.safetensors"), &Load::new()).expect("the model");
    let npz = Model::load(&Device::cpu(), folder.join("c.npz"), &Load::new()).expect("the model");
    assert_eq!((npz.weights(), npz.notes()), (model.weights(), model.notes()));
    let json: Value = serde_json::from_slice(&std::fs::read(folder.join("c.json")).expect("a file")).expect("JSON");
    for tensor in model.weights() {
        let mut flat = Vec::new();
        for value in json["weights"][&tensor.name].as_array().expect("numbers") {
            match value.as_array() {
                Some(row) => {
                    assert_eq!(row.len(), tensor.shape[1]);
                    flat.extend(row.iter().map(|value| number(value) as f32));
                }
                None => flat.push(number(value) as f32),
            }
        }
        assert_eq!(flat, tensor.values, "{}", tensor.name);
    }
    assert_eq!(json["network"]["layers"][0]["activation"], "relu");
    assert_eq!(json["preprocessing"]["target"]["classes"]["names"][2], "poor");
    fails(&folder, &["export", "c.safetensors", "c.c"], 1, &["c.c", "--force"]);
    assert_eq!(done(&folder, &["export", "c.safetensors", "c.c", "--force", "--quiet"]).1, "");
    fails(&folder, &["export", "c.safetensors", "c.txt"], 2, &["c.txt", ".onnx", ".json"]);
    fails(&folder, &["export", "c.onnx", "d.c"], 1, &["c.onnx"]);
    fails(&folder, &["inspect", "c.json"], 1, &["c.json"]);
}

/// Each run has its own curves, and each class its own part of the plane.
#[test]
fn plot_draws_histories_and_boundaries() {
    let folder = folder("plot");
    for (name, rate) in [("slow.csv", "0.0005"), ("fast.json", "0.01")] {
        done(&folder, &["train", IRIS, "--epochs", "40", "--learning-rate", rate, "--history", name]);
    }
    let (_, err) = done(&folder, &["plot", "slow.csv", "fast.json", "--out", "both.png"]);
    assert!(err.contains("picture: both.png"));
    let (width, height, picture) = pixels(&folder.join("both.png"));
    assert_eq!((width, height), (800, 500));
    assert!(count(&picture, BLUE) > 300 && count(&picture, ORANGE) > 300, "a colour for each run");
    done(&folder, &["plot", "slow.csv", "--out", "one.png", "--size", "1200x700", "--quiet"]);
    let (width, height, picture) = pixels(&folder.join("one.png"));
    assert_eq!((width, height), (1200, 700));
    assert!(count(&picture, BLUE) > 300 && count(&picture, ORANGE) > 300, "training and validation");
    done(&folder, &["plot", "slow.csv", "fast.json", "--out", "both.svg"]);
    let svg = std::fs::read_to_string(folder.join("both.svg")).expect("a picture");
    assert!(["slow", "fast", "epoch", "accuracy"].iter().all(|word| svg.contains(&format!("\n{word}\n"))), "{svg}");
    fails(&folder, &["plot", "slow.csv", "--out", "one.png"], 1, &["--out one.png", "--force"]);
    done(&folder, &["plot", "slow.csv", "--out", "one.png", "--force"]);
    fails(&folder, &["plot", IRIS, "--out", "no.png"], 1, &["iris.csv", "history"]);
    fails(&folder, &["plot", "none.csv", "--out", "no.png"], 1, &["none.csv"]);
    assert_eq!(run(&folder, &["plot", "slow.csv", "--out", "no.png", "--size", "2x2"]).status.code(), Some(2));

    done(&folder, &["train", IRIS, "--drop", "sepal_length,sepal_width", "--out", "petals.safetensors"]);
    done(&folder, &["plot", "petals.safetensors", IRIS, "--out", "plane.png", "--header", "yes"]);
    let (_, _, picture) = pixels(&folder.join("plane.png"));
    for (class, colour) in [BLUE, ORANGE, GREEN].into_iter().enumerate() {
        // The colour of each class, paler than its points, covers at least a twentieth of the picture.
        let pale = picture.chunks(3).filter(|pixel| {
            let share = (0..3).map(|i| (255.0 - f64::from(pixel[i])) / (255.0 - f64::from(colour[i]))).collect::<Vec<_>>();
            share[0] > 0.15 && share[0] < 0.7 && share.iter().all(|other| (other - share[0]).abs() < 0.05)
        });
        assert!(pale.count() > 20_000, "class {class}");
        assert!(count(&picture, colour) > 200, "class {class}");
    }
    done(&folder, &["plot", "petals.safetensors", "--out", "plane.svg"]);
}

/// Extreme numbers, names as long as a file, and more classes than can be drawn: each is refused in one sentence, or
/// shown as well as possible.
#[test]
fn extreme_input_is_refused_or_shown_in_part() {
    let folder = folder("too-much");
    for (name, losses) in [("far.csv", ["-1.7e308", "1.7e308"]), ("wide.csv", ["1e-300", "1.7e308"]), ("no.csv", ["nan", "inf"])]
    {
        let history = format!("epoch,loss\n1,{}\n2,{}\n", losses[0], losses[1]);
        std::fs::write(folder.join(name), history).expect("a history");
        done(&folder, &["plot", name, "--out", &format!("{name}.png")]);
    }
    let rows: String = (0..1025).map(|i| format!("{i},class{i}\n")).collect();
    std::fs::write(folder.join("classes.csv"), format!("x,kind\n{rows}")).expect("a table");
    let table = Table::read_csv(folder.join("classes.csv"), &Csv::new()).expect("a table");
    let fitted = Preprocessing::fit(&table, &Columns::classes("kind")).expect("the preprocessing");
    let network = Network::new(1).dense(1025, Activation::Softmax);
    let model = Model::new(&Device::cpu(), &network, &Init::Zeros).and_then(|model| model.with_preprocessing(fitted));
    let mut model = model.expect("a model");
    model.note("\u{1b}[31m".repeat(20_000), "x\ny".repeat(20_000));
    model.save(folder.join("classes.safetensors"), &Save::new()).expect("the model is saved");
    let (out, _) = done(&folder, &["evaluate", "classes.safetensors", "classes.csv"]);
    assert!(out.contains("On 1025 rows") && !out.contains("taken for"), "{out}");
    let picture = ["evaluate", "classes.safetensors", "classes.csv", "--plot", "no.png"];
    fails(&folder, &picture, 2, &["--plot", "at most 1024 classes", "got 1025"]);
    let (out, _) = done(&folder, &["inspect", "classes.safetensors"]);
    assert!(out.len() < 5000 && !out.contains('\u{1b}') && out.contains('…'), "{} bytes", out.len());

    // A model that could not be saved is refused before training.
    let words: String = (0..200).map(|i| format!("{}{i},{}\n", "x".repeat(9000), i % 2)).collect();
    std::fs::write(folder.join("words.csv"), format!("word,kind\n{words}")).expect("a table");
    for out in ["words.safetensors", "words.npz"] {
        let output = run(&folder, &["train", "words.csv", "--header", "yes", "--out", out]);
        let err = text(&output.stderr);
        assert!(
            output.status.code() == Some(1) && err.contains("but at most 1048576 are allowed") && !err.contains("\nepoch "),
            "{err}"
        );
        assert!(err.len() < 2000, "{err}");
    }
    // The new checkpoint may overwrite the one to resume from, but a picture may not.
    done(&folder, &["train", IRIS, "--epochs", "3", "--checkpoint", "run.checkpoint"]);
    let same = ["train", IRIS, "--epochs", "5", "--resume", "run.checkpoint", "--checkpoint", "run.checkpoint", "--plot"];
    #[cfg(unix)]
    std::os::unix::fs::symlink("run.checkpoint", folder.join("run.png")).expect("a link");
    #[cfg(unix)]
    fails(&folder, &[&same[..], &["run.png", "--force"]].concat(), 2, &["--plot names the same file"]);
    assert!(Model::load(&Device::cpu(), folder.join("run.checkpoint"), &Load::new()).is_ok());
}

#[test]
fn sweep_ranks_and_saves() {
    let folder = folder("sweep");
    let base =
        ["sweep", IRIS, "--learning-rates", "0.00001,0.01", "--hidden", "8", "--epochs", "20", "--folds", "3", "--seeds", "2"];
    let (out, err) = done(&folder, &[&base[..], &["--out", "best.safetensors"]].concat());
    assert!(
        err.contains("16 networks: 2 learning rates, 2 seeds, 3 folds plus all rows; engine: fused")
            && err.contains("trained in "),
        "{err}"
    );
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines.len() == 3 && lines[1].contains("0.01  0.9") && lines[1].ends_with("over 6 networks"), "{out}");
    // The network with the best learning rate is saved, and its accuracy is as good.
    let (evaluated, _) = done(&folder, &["evaluate", "best.safetensors", IRIS, "--json"]);
    assert!(number(&objects(&evaluated)[0]["metrics"]["accuracy"]) > 0.9, "{evaluated}");
    let (inspected, _) = done(&folder, &["inspect", "best.safetensors"]);
    assert!(inspected.contains("learning_rate  0.01\n") && inspected.contains("over 6 networks"), "{inspected}");
    let json = |more: &[&str]| objects(&done(&folder, &[&base[..], &["--json"], more].concat()).0);
    let plain = json(&[]);
    assert!(plain.len() == 2 && plain[0]["rank"] == 1 && plain[0]["learning_rate"] == 0.01, "{plain:?}");
    let scores: Vec<f64> = plain[0]["scores"].as_array().expect("scores").iter().map(number).collect();
    let mean = scores.iter().sum::<f64>() / 6.0;
    let deviation = (scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
    assert!((number(&plain[0]["mean"]) - mean).abs() < 1e-12 && (number(&plain[0]["deviation"]) - deviation).abs() < 1e-12);
    for more in [
        &["--activation", "tanh"][..],
        &["--optimizer", "momentum"],
        &["--schedule", "cosine:0.001"],
        &["--batch-size", "50"],
        &["--weight-decay", "0.5"],
        &["--class-weight", "setosa=9"],
        &["--seed", "7"],
        &["--drop", "petal_length"],
        &["--categorical", "sepal_width"],
    ] {
        assert_ne!(json(more), plain, "{more:?}");
    }
    let same = [
        &["--target", "species", "--task", "classify", "--header", "yes", "--delimiter", ",", "--missing", "error"][..],
        &["--engine", "fused", "--device", "auto", "--loss", "categorical_cross_entropy"],
    ];
    for more in same {
        assert_eq!(json(more), plain, "{more:?}");
    }
    fails(&folder, &[&base[..], &["--out", "best.safetensors"]].concat(), 1, &["--out best.safetensors", "--force"]);
    assert_eq!(done(&folder, &[&base[..], &["--out", "best.safetensors", "--force", "--quiet"]].concat()).1, "");
    fails(&folder, &["sweep", IRIS, "--folds", "1"], 2, &["--folds"]);
    fails(&folder, &["sweep", IRIS, "--schedule", "plateau", "--epochs", "1"], 2, &["ReduceOnPlateau"]);
    fails(&folder, &["sweep", IRIS, "--engine", "cpu", "--device", "auto"], 2, &["--engine cpu"]);
    // Rates with which all networks diverge are ranked last, and no model is saved for them.
    let (out, _) =
        done(&folder, &["sweep", IRIS, "--learning-rates", "1e30,0.01", "--optimizer", "sgd", "--hidden", "4", "--epochs", "3"]);
    assert!(out.lines().nth(2).is_some_and(|line| line.contains("5 diverged")), "{out}");
    let diverging =
        ["sweep", IRIS, "--learning-rates", "1e30", "--optimizer", "sgd", "--hidden", "4", "--epochs", "3", "--out", "no.npz"];
    let output = run(&folder, &diverging);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("diverge") && !folder.join("no.npz").exists(), "{}", text(&output.stderr));
}

fn has_gpu(folder: &Path) -> bool {
    objects(&done(folder, &["devices", "--json"]).0).iter().any(|device| device["kind"] == "hardware")
}

/// Without a GPU, the size of the network decides between the software driver and the CPU engine; options that name one
/// of them decide otherwise.
#[test]
fn without_a_gpu_the_size_decides() {
    let folder = folder("size");
    if has_gpu(&folder) {
        let _ = writeln!(std::io::stderr(), "not run: without_a_gpu_the_size_decides, because there is a GPU");
        return;
    }
    let train = |device: &str, more: &[&str]| {
        let args = [&["train", IRIS, "--epochs", "2", "--json", "--out", "m.safetensors", "--force"], more].concat();
        let output = command(&folder, &args).env("SHADERPROP_DEVICE", device).output().expect("the command");
        assert_eq!(output.status.code(), Some(0), "{more:?}: {}", text(&output.stderr));
        let result = objects(text(&output.stdout)).pop().expect("a result")["result"].take();
        let model = Model::load(&Device::cpu(), folder.join("m.safetensors"), &Load::new()).expect("the model");
        let chosen = model.notes().get("device chosen by").cloned();
        (result["engine"].as_str().expect("an engine").to_owned(), text(&output.stderr).to_owned(), chosen, model)
    };
    let said = "device: CPU engine (there is no GPU; for a network of this size it is faster than the software driver; \
                --device software uses that)\n";
    for (device, more) in [("", &[][..]), ("auto", &[]), ("software", &["--device", "auto"])] {
        let (engine, err, chosen, model) = train(device, more);
        assert!(engine == "cpu" && err.contains(said), "{device} {more:?}: {err}");
        assert!(chosen.is_some_and(|why| why.starts_with("auto: ")) && model.notes()["engine"] == "cpu", "{device} {more:?}");
    }
    let (inspected, _) = done(&folder, &["inspect", "m.safetensors"]);
    assert!(inspected.contains("device chosen by") && inspected.contains("cpu (the CPU engine, f64)"), "{inspected}");
    for args in [&["evaluate", "m.safetensors", IRIS][..], &["predict", "m.safetensors", IRIS]] {
        assert!(done(&folder, args).1.contains(said), "{args:?}");
        assert!(!done(&folder, &[args, &["--device", "software"]].concat()).1.contains("CPU engine"), "{args:?}");
    }
    let (engine, err, chosen, _) = train("", &["--quiet"]);
    assert!(engine == "cpu" && err.is_empty() && chosen.is_some(), "{err}");
    // A large network in which the products are not most of the work, and options that decide.
    for (device, more, expected) in [
        ("", &["--hidden", "1024,1024", "--batch-size", "8"][..], "staged"),
        ("", &["--device", "software"], "staged"),
        ("software", &[], "staged"),
        ("", &["--engine", "staged"], "staged"),
        ("", &["--engine", "fused", "--validation-split", "0", "--hidden", "8"], "fused"),
        ("", &["--engine", "cpu"], "cpu"),
        ("", &["--device", "cpu"], "cpu"),
        ("cpu", &[], "cpu"),
    ] {
        let (engine, err, chosen, _) = train(device, more);
        assert_eq!(engine, expected, "{device} {more:?}");
        assert!(!err.contains("there is no GPU") && chosen.is_none(), "{device} {more:?}: {err}");
    }
    // A sweep stays on the software driver where the fused engine trains all networks at once.
    let sweep = |more: &[&str]| {
        let args = ["sweep", IRIS, "--epochs", "1", "--learning-rates", "0.01", "--out", "s.safetensors", "--force"];
        let err = done(&folder, &[&args, more].concat()).1;
        let model = Model::load(&Device::cpu(), folder.join("s.safetensors"), &Load::new()).expect("the model");
        (err, model.notes().contains_key("device chosen by"))
    };
    let (err, noted) = sweep(&["--hidden", "8"]);
    assert!(err.contains("engine: fused") && !err.contains(said) && !noted, "{err}");
    let (err, noted) = sweep(&["--hidden", "128,64"]);
    assert!(err.contains("engine: cpu") && err.contains(said) && noted, "{err}");
    let (err, noted) = sweep(&["--hidden", "128,64", "--engine", "staged"]);
    assert!(err.contains("engine: staged") && !err.contains(said) && !noted, "{err}");
}

/// With these variables no driver is found, and only the Vulkan backend is tried.
const NO_ADAPTER: [(&str, &str); 4] = [
    ("VK_DRIVER_FILES", "/nonexistent"),
    ("VK_ICD_FILENAMES", "/nonexistent"),
    ("WGPU_BACKEND", "vulkan"),
    ("SHADERPROP_DEVICE", ""),
];

#[test]
fn devices_are_listed_and_pass_the_doctor() {
    let folder = folder("devices");
    let (out, err) = done(&folder, &["devices"]);
    assert!(out.starts_with("* ") && out.contains("buffers up to") && out.ends_with("cpu (the CPU engine, f64)\n"), "{out}");
    assert!(err.contains("* would be used: "), "{err}");
    if !has_gpu(&folder) {
        assert!(err.contains("for most networks the CPU engine is faster than this adapter"), "{err}");
    }
    let (out, _) = done(&folder, &["devices", "--json", "--device", "cpu"]);
    let listed = objects(&out);
    let last = listed.last().expect("a device");
    assert!(
        listed.len() > 1
            && last["kind"] == "cpu"
            && last["used"] == true
            && listed[0]["limits"]["buffer"].as_u64() > Some(1 << 20),
        "{out}"
    );
    fails(&folder, &["train", IRIS, "--device", "no such adapter"], 1, &["no such adapter", "cpu"]);
    assert_eq!(run(&folder, &["devices", "--device", "no such adapter"]).status.code(), Some(1));

    let (out, _) = done(&folder, &["doctor"]);
    assert!(out.lines().filter(|line| line.starts_with("ok     ") && line.contains(".wgsl ")).count() > 15, "{out}");
    for said in [
        "ok     fused",
        "ok     product ab tiles",
        "ok     product atb rows",
        "ok     gradients: ",
        "ok     bits: ",
        "GFLOP/s",
        "ok     crossover: 4-64-32-3, 32 rows: ",
        "ok     crossover: 20-64-32-1, 16384 rows: ",
    ] {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(!out.contains("WRONG"), "{out}");
    let (row, quiet) = done(&folder, &["doctor", "--report", "--quiet", "--device", "auto"]);
    assert!(
        row.starts_with("| ") && row.lines().count() == 1 && row.contains("all passed") && row.contains("% of peak"),
        "{row}"
    );
    assert_eq!(quiet, "");
    fails(&folder, &["doctor", "--device", "cpu"], 1, &["runs shaders"]);

    // Without an adapter, the CPU engine trains, and a message says so.
    let without = |args: &[&str]| command(&folder, args).envs(NO_ADAPTER).output().expect("the command");
    let output = without(&["train", IRIS, "--epochs", "3", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("training on the CPU engine: no GPU adapter"), "{}", text(&output.stderr));
    for args in [&["doctor"][..], &["train", IRIS, "--engine", "staged"], &["train", IRIS, "--device", "hardware"]] {
        let output = without(args);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{args:?}");
    }
    assert!(text(&without(&["devices"]).stdout).starts_with("* cpu"));
}

#[test]
fn bad_input_gives_an_error_of_one_sentence() {
    let folder = folder("bad");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    fails(&folder, &["train", "none.csv"], 1, &["none.csv: cannot be read: No such file", "; check the path"]);
    write("empty.csv", "");
    fails(&folder, &["train", "empty.csv"], 1, &["empty.csv", "no rows"]);
    write("header.csv", "a,b\n");
    fails(&folder, &["train", "header.csv"], 1, &["header.csv", "rows below the header"]);
    write("ragged.csv", "a,b\n1,2\n3\n");
    fails(&folder, &["train", "ragged.csv"], 1, &["ragged.csv", "line 3"]);
    fails(&folder, &["train", IRIS, "--target", "speces"], 2, &["speces", "species"]);
    fails(&folder, &["train", IRIS, "--target", "9"], 2, &["9"]);
    fails(&folder, &["train", IRIS, "--drop", "petal"], 2, &["petal"]);
    fails(&folder, &["train", IRIS, "--drop", "species"], 2, &["species"]);
    write("missing.csv", "a,b\n1,x\n,y\n3,x\n4,y\n");
    fails(
        &folder,
        &["train", "missing.csv", "--missing", "error", "--test-split", "0", "--validation-split", "0"],
        1,
        &["missing.csv, line 3", "column `a`"],
    );
    let many: String = (0..100_000).map(|i| format!("{},{}\n", i % 7, i * 3)).collect();
    write("many.csv", &format!("a,id\n{many}"));
    fails(&folder, &["train", "many.csv", "--task", "classify"], 2, &["id", "1000 classes", "100000", "--task regress"]);
    write("names.csv", &format!("a,id\n{}", many.replace('\n', "n\n")));
    fails(&folder, &["train", "names.csv"], 2, &["id", "1000 classes", "100000", "--target"]);
    write("one.csv", "a,b\n1,x\n2,x\n3,x\n");
    fails(&folder, &["train", "one.csv"], 2, &["classes", "at least 2"]);
    write("infinite.csv", "a,b\n1,x\n2,y\ninf,x\n4,y\n5,x\n6,y\n");
    fails(&folder, &["train", "infinite.csv", "--test-split", "0", "--validation-split", "0"], 1, &["line 4", "inf"]);
    // Output files are checked before training.
    for option in ["--out", "--checkpoint"] {
        fails_early(&folder, &["train", DIGITS, option, "/no/such/folder/x.safetensors"], 1, &["/no/such/folder"]);
    }
    fails_early(&folder, &["train", IRIS, "--history", "/no/such/folder/x.csv"], 1, &["/no/such/folder"]);
    fails_early(&folder, &["train", IRIS, "--plot", "/no/such/folder/x.png"], 1, &["/no/such/folder"]);
    fails(&folder, &["train", IRIS, "--out", "x.txt"], 2, &["x.txt", ".safetensors"]);
    fails(&folder, &["train", IRIS, "--out", "."], 2, &["."]);
    // With this learning rate every network diverges.
    fails(
        &folder,
        &["train", IRIS, "--optimizer", "sgd", "--learning-rate", "1e30", "--out", "x.npz"],
        1,
        &["diverged", "learning rate"],
    );
    assert!(!folder.join("x.npz").exists());
    fails(&folder, &["inspect", "none.npz"], 1, &["none.npz"]);
    // A notice names text columns that do not look like categories.
    let (_, err) = done(&folder, &["train", COFFEE, "--epochs", "1"]);
    assert!(err.contains("notice: `lot` has 256 different categories in 256 rows, such as `lot-0"), "{err}");
    // Rows without a target are left out, and the only row of a class is a training row.
    let rows: String = (0..60)
        .map(|i| {
            format!(
                "{i},{}\n",
                if i % 7 == 0 {
                    ""
                } else if i < 30 {
                    "low"
                } else {
                    "high"
                }
            )
        })
        .collect();
    write("some.csv", &format!("x,y\n{rows}60,rare\n"));
    let (_, err) = done(&folder, &["train", "some.csv", "--epochs", "3"]);
    assert!(err.contains("left out 9 rows without `y`") && err.contains("3 classes"), "{err}");
}

/// The examples in every command's help run unchanged, in a folder with the shipped data.
#[cfg(unix)]
#[test]
fn the_examples_in_every_help_text_run() {
    let folder = folder("help");
    std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples"), folder.join("examples")).expect("a link");
    let path = Path::new(env!("CARGO_BIN_EXE_shaderprop")).parent().expect("a folder");
    let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap_or_default());
    let mut ran = 0;
    for command in COMMANDS {
        let (help, _) = done(&folder, &[command, "--help"]);
        let examples: Vec<&str> = help
            .lines()
            .map(str::trim)
            .filter_map(|line| line.strip_prefix("Example: ").or(Some(line)))
            .filter(|line| line.starts_with("shaderprop "))
            .collect();
        assert!(!examples.is_empty(), "{command} has no example: {help}");
        let place = folder.join(command);
        std::fs::create_dir_all(place.join(".local/share/bash-completion/completions")).expect("a folder");
        std::os::unix::fs::symlink(folder.join("examples"), place.join("examples")).expect("a link");
        for example in examples {
            let mut shell = Command::new("sh");
            let output =
                shell.args(["-c", example]).current_dir(&place).env("PATH", &path).env("HOME", &place).output().expect("a shell");
            assert_eq!(output.status.code(), Some(0), "{example}: {}", text(&output.stderr));
            ran += 1;
        }
    }
    assert!(ran > 10, "{ran}");
    let (bash, _) = done(&folder, &["completions", "bash"]);
    assert!(bash.contains("_shaderprop") && bash.contains("--learning-rate"));
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(done(&folder, &["completions", shell]).0.contains("learning-rate"));
    }
}

const COMMANDS: [&str; 10] =
    ["devices", "train", "sweep", "evaluate", "predict", "export", "inspect", "plot", "doctor", "completions"];

/// Every option of every command is used by a test that runs the command.
#[test]
fn every_option_is_in_a_test() {
    let folder = folder("every");
    let source = concat!(include_str!("command.rs"), include_str!("splits.rs"), include_str!("tables.rs"));
    // A test that runs a command contains the names of the command and of its options.
    let functions: Vec<&str> = source.split("\n#[test]\n").collect();
    let (help, _) = done(&folder, &["--help"]);
    for command in COMMANDS {
        assert!(help.contains(&format!("  {command} ")), "{command}: {help}");
        let (help, _) = done(&folder, &[command, "--help"]);
        let options = help.lines().filter_map(|line| {
            let at = line
                .find("--")
                .filter(|at| line[..*at].chars().all(|c| c == ' ' || c == '-' || c == ',' || c.is_ascii_lowercase()))?;
            line[at..].split([' ', '=']).next().filter(|option| option.len() > 2)
        });
        let mut known = 0;
        for option in options.filter(|option| !["--help", "--version"].contains(option)) {
            known += 1;
            let run =
                |function: &&&str| function.contains(&format!("\"{command}\"")) && function.contains(&format!("\"{option}\""));
            assert!(functions.iter().any(|function| run(&function)), "no test runs {command} with {option}");
        }
        assert!(known > 0 || ["completions"].contains(&command), "{help}");
    }
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("Exit codes: 0 success, 1 failure, 2 wrong arguments"), "{help}");
    assert!(text(&run(&folder, &["--version"]).stdout).starts_with("shaderprop 0."));
}

/// If the device is lost during training, a run with a checkpoint continues by itself and ends with the same weights. A
/// run without one reports the loss.
#[cfg(target_os = "linux")]
#[test]
fn training_recovers_from_a_lost_device() {
    let folder = folder("lost");
    let driver = shim::Driver::build(&folder);
    let train = |out: &str, lost: Option<&str>, more: &[&str]| {
        let args = ["train", IRIS, "--epochs", "30", "--patience", "0", "--engine", "staged", "--out", out];
        let mut command = command(&folder, &[&args, more].concat());
        driver.used_by(&mut command);
        if let Some(at) = lost {
            command.env("FAULT_CALL", "vkQueueSubmit").env("FAULT_CODE", "-4").env("FAULT_AT", at);
        }
        command.output().expect("the command")
    };
    let whole = train("whole.npz", None, &[]);
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
    let recovered = train("recovered.npz", Some("60"), &["--checkpoint", "iris.checkpoint"]);
    let err = text(&recovered.stderr);
    assert_eq!(recovered.status.code(), Some(0), "{err}");
    assert!(err.contains("device lost: ") && err.contains("to resume from the last checkpoint"), "{err}");
    let weights = |name: &str| Model::load(&Device::cpu(), folder.join(name), &Load::new()).expect("a model").weights();
    assert_eq!(weights("recovered.npz"), weights("whole.npz"));
    let lost = train("lost.npz", Some("60"), &[]);
    assert_eq!(lost.status.code(), Some(1));
    assert!(text(&lost.stderr).contains("error: device lost: ") && !folder.join("lost.npz").exists(), "{}", text(&lost.stderr));
}
