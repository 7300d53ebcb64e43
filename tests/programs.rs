//! The example programs, as a user runs them: what they print to stdout and stderr, and how they exit.

mod common;

use std::process::{Command, Output};

use shaderprop::internals::Kernel;

/// Runs an example with these arguments and environment variables.
fn example(name: &str, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let deps = std::env::current_exe().expect("a path");
    let release = deps.parent().and_then(|deps| deps.parent()).expect("the folder of the build");
    let program = release.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(&program).args(args).envs(variables.iter().copied()).output();
    output.unwrap_or_else(|error| panic!("{}: {error}; build the examples first", program.display()))
}

/// Runs an example on the CPU engine or on the adapter of the tests. Fails if the program could not open the adapter
/// and trained on the CPU engine instead.
fn on(device: &str, name: &str) -> Output {
    if device == "cpu" {
        return example(name, &["--device", "cpu"], &[]);
    }
    let output = example(name, &[], &[]);
    assert!(!text(&output.stderr).contains("the CPU engine"), "no adapter was opened: {}", text(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A training run with a checkpoint in every epoch is killed 50 times at random moments. It always continues, and ends
/// with the same bits as an uninterrupted run.
#[test]
fn a_killed_training_run_continues_from_its_checkpoint() {
    let folder = common::folder("killed");
    let deps = std::env::current_exe().expect("a path");
    let release = deps.parent().and_then(|deps| deps.parent()).expect("the folder of the build");
    let program = release.join("examples").join(format!("resume{}", std::env::consts::EXE_SUFFIX));
    let command = |run: usize| {
        let mut command = Command::new(&program);
        let (checkpoint, out) = (folder.join(format!("{run}.checkpoint")), folder.join(format!("{run}.safetensors")));
        command.arg("--checkpoint").arg(checkpoint).arg("--out").arg(out).args(["--epochs", "60"]);
        command
    };
    let ended = |output: Output| -> Vec<u8> {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("the CPU engine"), "no adapter was opened");
        output.stdout
    };
    let started = std::time::Instant::now();
    let expected = ended(command(0).output().expect("the program"));
    let whole = started.elapsed();
    let model = |run: usize| std::fs::read(folder.join(format!("{run}.safetensors"))).expect("the model");
    let (mut random, mut kills, mut run) = (shaderprop::Philox::new(5, 1000, 0, 0), 0, 0);
    while kills < 50 {
        run += 1;
        // A run may end before it is killed. Then another one is started.
        loop {
            let mut child = command(run)
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("it starts");
            std::thread::sleep(whole.mul_f32(0.6 * random.uniform()));
            let running = child.try_wait().expect("its state").is_none();
            if !running || kills == 50 {
                assert_eq!(ended(child.wait_with_output().expect("its output")), expected);
                break;
            }
            child.kill().expect("it is killed");
            child.wait().expect("its end");
            kills += 1;
            // It was killed after everything was done.
            if folder.join(format!("{run}.safetensors")).exists() {
                break;
            }
        }
        assert_eq!(model(run), model(0), "after {kills} kills");
    }
    let left: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    println!("{kills} kills in {run} training runs");
}

/// The pixels of a square PNG of this width, which has a single chunk of data and unfiltered rows.
fn pixels(path: &std::path::Path, width: usize) -> Vec<u8> {
    let file = std::fs::read(path).expect("a picture");
    let mut rest = file.strip_prefix(b"\x89PNG\r\n\x1a\n").expect("a PNG's signature");
    let mut chunks = std::collections::HashMap::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let (chunk, after) = after.split_at(4 + u32::from_be_bytes(*length) as usize);
        let (sum, after) = after.split_first_chunk().expect("a checksum");
        assert_eq!(u32::from_be_bytes(*sum), crc32fast::hash(chunk), "{}", path.display());
        assert!(chunks.insert(&chunk[..4], &chunk[4..]).is_none());
        rest = after;
    }
    let size = (width as u32).to_be_bytes();
    assert_eq!(chunks[&b"IHDR"[..]], [&size[..], &size, &[8, 2, 0, 0, 0]].concat(), "eight bits of red, green and blue");
    assert!(chunks[&b"IEND"[..]].is_empty());
    let mut rows = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(chunks[&b"IDAT"[..]]), &mut rows).expect("compressed rows");
    assert_eq!(rows.len(), width * (1 + 3 * width));
    assert!(rows.iter().step_by(1 + 3 * width).all(|filter| *filter == 0));
    rows.chunks(1 + 3 * width).flat_map(|row| &row[1..]).copied().collect()
}

/// Training between frames: the pictures show a decision boundary that moves, and the weights are read back.
#[test]
fn an_application_trains_between_its_frames() {
    let folder = common::folder("embed").join("frames");
    let out = folder.to_str().expect("a path");
    let output = example("embed", &["--frames", "200", "--budget", "20", "--out", out], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert!(
        lines.len() == 3 && lines[1].starts_with("frames without training") && lines[2].starts_with("training adds"),
        "{lines:?}"
    );
    let words: Vec<&str> = lines[0].split([' ', ',']).collect();
    let (steps, accuracy): (usize, f64) =
        (words[1].parse().expect("steps"), words[words.len() - 1].parse().expect("an accuracy"));
    assert!(steps >= 150 && accuracy > 0.9, "{lines:?}");
    let picture = |frame: usize| pixels(&folder.join(format!("frame-{frame:05}.png")), 256);
    let (first, last) = (picture(1), picture(200));
    // Both pictures have the colours of both classes, and the boundary has moved.
    for pixels in [&first, &last] {
        let count = |of: fn(&[u8]) -> bool| pixels.chunks(3).filter(|pixel| of(pixel)).count();
        assert!(count(|p| p[2] > p[0].saturating_add(20)) > 3000 && count(|p| p[0] > p[2].saturating_add(20)) > 3000);
    }
    let changed = first.chunks(3).zip(last.chunks(3)).filter(|(a, b)| (a[0] > a[2]) != (b[0] > b[2])).count();
    assert!(changed > 3000, "{changed} pixels changed sides");

    // Another run uses a new folder. A bad budget or path is an error, not a panic.
    let output = example("embed", &["--frames", "3", "--out", out], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(folder.with_file_name("frames-2").join("frame-00003.png").exists());
    for args in [&["--budget", "0"][..], &["--out", "/nonexistent/folder"], &["--frames", "0"]] {
        let output = example("embed", args, &[]);
        assert!(!output.status.success() && !text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    }
    let output = example("embed", &["--out", out], &NO_ADAPTER);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no GPU adapter"), "{}", text(&output.stderr));
}

/// With these variables, no driver is found, and no backend but Vulkan is requested.
const NO_ADAPTER: [(&str, &str); 4] = [
    ("VK_DRIVER_FILES", "/nonexistent"),
    ("VK_ICD_FILENAMES", "/nonexistent"),
    ("WGPU_BACKEND", "vulkan"),
    ("SHADERPROP_DEVICE", ""),
];

/// Every example with options lists them, and refuses others with exit code 2.
#[test]
fn examples_list_their_options() {
    for (name, option) in [
        ("bench", "--matmul <MATMUL>"),
        ("digits", "--seed <SEED>"),
        ("embed", "--budget <BUDGET>"),
        ("kfold", "--learning-rates <LEARNING-RATES>"),
        ("mnist", "[FOLDER]"),
        ("perceptron", "--explain <EXPLAIN>"),
        ("resume", "--checkpoint <CHECKPOINT>"),
        ("shaders", "--layers <LAYERS>"),
        ("xor", "--engine <ENGINE>"),
        ("xor_keras", "--epochs <EPOCHS>"),
        ("xor_landscape", "--picture <PICTURE>"),
    ] {
        let help = example(name, &["--help"], &[]);
        assert_eq!((help.status.code(), text(&help.stderr)), (Some(0), ""), "{name}");
        assert!(text(&help.stdout).contains(&format!("\n  {option} ")), "{name}: {}", text(&help.stdout));
        for (args, said) in [(&["--no-such-option"][..], "`--no-such-option`"), (&["--epochs"], "--epochs"), (&["a", "b"], "`")] {
            let refused = example(name, args, &[]);
            let lines: Vec<_> = text(&refused.stderr).lines().collect();
            assert_eq!(
                (refused.status.code(), text(&refused.stdout), lines.len()),
                (Some(2), "", 1),
                "{name} {args:?}: {lines:?}"
            );
            assert!(lines[0].starts_with("error: ") && lines[0].contains(said), "{name} {args:?}: {lines:?}");
        }
    }
    let wrong = example("xor", &["--epochs", "many", "--seed=-1"], &[]);
    assert_eq!(text(&wrong.stderr), "error: --epochs: expected a number, got `many`; correct it\n");
}

#[test]
fn xor_prints_the_same_bytes_ten_times_out_of_ten() {
    for order in ["weights-then-biases", "layer-by-layer"] {
        let run = || example("xor", &["--order", order], &[]);
        let first = run();
        assert!(!text(&first.stderr).contains("the CPU engine"), "no adapter was opened: {}", text(&first.stderr));
        let lines: Vec<_> = text(&first.stdout).lines().collect();
        assert_eq!(lines.len(), 10 + 1 + 4, "{}", text(&first.stderr));
        for (i, line) in lines[..10].iter().enumerate() {
            assert!(line.starts_with(&format!("Epoch {}, Loss: 0.", 1 + 1000 * i)), "{line}");
        }
        assert_eq!(lines[10], "Predicted Output after Training:");
        for _ in 1..10 {
            assert_eq!(run().stdout, first.stdout);
        }
    }
}

/// Each engine prints the same numbers within rounding. Without `--engine`, the program uses the staged engine, and
/// compares it with the fused engine at the end.
#[test]
fn xor_trains_with_the_requested_engine() {
    let losses = |output: &Output| -> Vec<f64> {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let number = |line: &str| line.rsplit(' ').next().and_then(|word| word.parse().ok()).expect("a number");
        text(&output.stdout).lines().filter(|line| line.starts_with("Epoch")).map(number).collect()
    };
    let default = example("xor", &[], &[]);
    let last = text(&default.stderr).lines().last().expect("a line");
    assert!(last.starts_with("the fused engine: the same 10000 epochs in "), "{last}");
    let difference: f64 = last.rsplit(' ').next().and_then(|word| word.parse().ok()).expect("a number");
    assert!(difference > 0.0 && difference < 1e-5, "{last}");
    let expected = losses(&default);
    for engine in ["staged", "fused", "cpu"] {
        let output = example("xor", &["--engine", engine], &[]);
        assert!(text(&output.stderr).contains(&format!("engine: {engine}")), "{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("the fused engine:"), "an engine was requested");
        for (got, expected) in losses(&output).iter().zip(&expected) {
            assert!((got - expected).abs() <= 1e-4 * expected, "{engine}: {got}, {expected}");
        }
    }
    for (contradiction, variables) in [
        (&["--engine", "cpu", "--device", "auto"][..], &[][..]),
        (&["--engine", "fused", "--device", "cpu"], &[]),
        (&["--engine", "fused"], &[("SHADERPROP_DEVICE", "cpu")]),
        (&["--engine", "staged"], &NO_ADAPTER),
    ] {
        let output = example("xor", contradiction, variables);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
        assert!(text(&output.stderr).contains("error: --engine"), "{}", text(&output.stderr));
    }
}

/// The counts add up. Some networks of both kinds solve XOR, and some end in the tutorial's local minimum. The picture
/// is an SVG, and a second one does not replace it.
#[test]
fn xor_landscape_counts_and_draws() {
    let folder = common::folder("landscape");
    let picture = folder.join("xor.svg");
    let picture = picture.to_str().expect("UTF-8");
    let run = |networks: &str, epochs: &str| {
        let output = example("xor_landscape", &["--networks", networks, "--epochs", epochs, "--picture", picture], &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout).to_owned()
    };
    let printed = run("1000", "10000");
    let counts: Vec<(u64, &str)> = printed
        .lines()
        .filter(|line| !line.ends_with('%'))
        .filter_map(|line| line.trim_start().split_once("  "))
        .filter_map(|(count, what)| Some((count.parse().ok()?, what)))
        .collect();
    assert_eq!(counts.len(), 12, "{printed}");
    for kind in counts.chunks(6) {
        assert_eq!(kind.iter().map(|(count, _)| count).sum::<u64>(), 1000, "{printed}");
        assert!(kind[0].1 == "solve XOR" && kind[0].0 > 100, "{printed}");
    }
    assert!(counts[1].0 > 100 && counts[1].1.starts_with("end in the local minimum 0.47739"), "{printed}");
    let rate = printed.lines().find_map(|line| line.strip_prefix("network_epochs_per_second=")).expect("the rate");
    assert!(rate.parse::<f64>().is_ok_and(|rate| rate > 0.0), "{rate}");
    // One network of each kind, for one epoch.
    run("1", "1");
    let mut drawn: Vec<_> = std::fs::read_dir(&folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    drawn.sort();
    assert_eq!(drawn.iter().map(|path| path.file_name().expect("a name")).collect::<Vec<_>>(), ["xor-2.svg", "xor.svg"]);
    for path in drawn {
        let svg = std::fs::read_to_string(path).expect("the picture");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.matches("<polyline ").count() == 2, "{svg}");
    }
    let png = example("xor_landscape", &["--picture", "x.png"], &[]);
    assert_eq!(png.status.code(), Some(2));
    assert!(text(&png.stderr).contains("--picture: expected a name that ends in .svg, got `x.png`"), "{}", text(&png.stderr));
    let nowhere = example("xor_landscape", &["--networks", "1", "--epochs", "1", "--picture", "/no/such/folder/x.svg"], &[]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stderr).contains("error: /no/such/folder/x.svg"), "{}", text(&nowhere.stderr));
}

/// One line per learning rate. The best one reaches the usual accuracy of a network of this size on these digits. The
/// error for an invalid one names it.
#[test]
fn kfold_compares_learning_rates() {
    let output = example("kfold", &["--folds", "4", "--learning-rates", "0.001,0.1"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("8 networks in"), "{}", text(&output.stderr));
    let accuracies: Vec<(f64, f64)> = text(&output.stdout)
        .lines()
        .map(|line| {
            let (mean, rest) = line.split_once("accuracy ").and_then(|(_, rest)| rest.split_once(" ± ")).expect("a mean");
            let (deviation, rest) = rest.split_once(' ').expect("a deviation");
            assert_eq!(rest, "over 4 folds");
            (mean.parse().expect("a number"), deviation.parse().expect("a number"))
        })
        .collect();
    assert_eq!(accuracies.len(), 2);
    assert!(accuracies[1].0 > 0.96 && accuracies[1].1 < 0.02 && accuracies[0].0 < accuracies[1].0, "{accuracies:?}");
    for (arguments, said) in [
        (["--folds", "1"], "the number of folds"),
        (["--learning-rates", "0.1,-1"], "network 5 of the sweep"),
        (["--epochs", "0"], "epochs"),
    ] {
        let output = example("kfold", &arguments, &[]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

#[test]
fn xor_explains_an_epoch() {
    let output = example("xor", &["--explain", "2", "--device", "auto"], &[]);
    let text = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(text.starts_with("Epoch 2, 13 stages\n"), "{text}");
    // The loss of epoch 2, and a weight after its update, as computed in float64, to the printed digits.
    assert!(text.contains("0.285206") && text.contains("0.374206"), "{text}");
    let beyond = example("xor", &["--explain", "3", "--epochs", "2"], &[]);
    assert_eq!((beyond.status.code(), beyond.stdout.len()), (Some(1), 0));
}

/// Without any adapter, programs train on the CPU engine and say so in one line. The library returns an error instead.
#[test]
fn without_an_adapter_programs_continue_and_the_library_refuses() {
    let example = |args: &[&str]| {
        let output = example("xor", args, &NO_ADAPTER);
        (output.status.code(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let (code, stdout, stderr) = example(&["--epochs", "5", "--log-every", "2"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.starts_with("Epoch 1, Loss: 0.28797"), "{stdout}");
    assert_eq!(stdout.lines().count(), 3 + 1 + 4, "{stdout}");
    assert_eq!(stderr.lines().filter(|line| line.contains("no GPU adapter") && line.contains("install")).count(), 1, "{stderr}");

    let (code, stdout, stderr) = example(&["--device", "software"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.lines().any(|line| line.starts_with("error: no GPU adapter") && line.contains("install")), "{stderr}");

    let (code, _, stderr) = example(&["--device", "no such adapter"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("unknown device `no such adapter`"), "{stderr}");
}

/// The numbers that follow these words in a line.
fn after(line: &str, words: &[&str]) -> Vec<f64> {
    let number = |word: &&str| {
        let (_, rest) = line.split_once(*word).unwrap_or_else(|| panic!("no `{word}` in: {line}"));
        let text: String = rest.trim_start().chars().take_while(|c| c.is_ascii_digit() || "-.e".contains(*c)).collect();
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    words.iter().map(number).collect()
}

/// The second tutorial prints the numbers of epoch 55,000. Its text names epoch 25,000, for which these numbers were
/// computed in float64.
#[test]
fn the_perceptron_prints_the_second_tutorials_numbers() {
    for device in ["", "cpu"] {
        let output = on(device, "perceptron");
        let lines: Vec<_> = text(&output.stdout).lines().collect();
        assert_eq!((output.status.code(), lines.len()), (Some(0), 4), "{}", text(&output.stderr));
        let expected = [
            ("ours 25000:", [-0.0026630805670836075, 0.02262959352710257, 0.987786819391863]),
            ("ours 55000:", [-0.0014133988903706311, 0.01031463, 0.99440207]),
            ("document 55000:", [-0.0014133988903706311, 0.01031463, 0.99440207]),
        ];
        for (line, (start, expected)) in lines.iter().zip(expected) {
            assert!(line.starts_with(start), "{line}");
            let got = after(line, &["error sum", "[1,0,0]", "[0,1,0]"]);
            for (i, bound) in [1e-4, 1e-5, 1e-5].into_iter().enumerate() {
                assert!((got[i] - expected[i]).abs() <= bound, "{device}: {line}");
            }
        }
    }
}

/// From Keras's initial weights to Keras's results: the loss of all eight runs, and the accuracy of those that have no
/// output of exactly a half.
#[test]
fn xor_keras_ends_where_keras_does() {
    for device in ["", "cpu"] {
        let output = on(device, "xor_keras");
        let lines: Vec<_> = text(&output.stdout).lines().collect();
        assert_eq!((output.status.code(), lines.len()), (Some(0), 3 * 8 + 1), "{}", text(&output.stderr));
        let ends = ["(2 ln 1.5", "solves XOR", "(2 ln 1.5", "minimum ln 2", "minimum ln 2", "(ln 2)/2", "(2 ln 1.5", "(ln 2)/2"];
        for (run, end) in ends.iter().enumerate() {
            let [ours, keras, at] = [0, 1, 2].map(|i| lines[3 * run + i]);
            assert!(ours.starts_with(&format!("ours {run}: loss ")) && keras.starts_with(&format!("keras {run}: loss ")));
            let (ours_numbers, keras_numbers) = (after(ours, &["loss", "accuracy"]), after(keras, &["loss", "accuracy"]));
            assert!((ours_numbers[0] - keras_numbers[0]).abs() <= 1e-4 * keras_numbers[0], "{device}: {ours}, {keras}");
            if [0, 1, 2, 6].contains(&run) {
                assert_eq!(ours_numbers[1], keras_numbers[1], "{device}: {ours}, {keras}");
                let predictions = |line: &str| line.split_once("predictions").map(|(_, rest)| rest.to_owned());
                assert_eq!(predictions(ours), predictions(keras), "{device}");
            }
            assert!(at.starts_with(&format!("end {run}: ")) && at.contains(end), "{at}");
        }
        assert_eq!(lines[24], "1 start solves XOR, of 8");
    }
}

/// All modules are written. A second run changes nothing, and a file that differs is not overwritten.
#[test]
fn shaders_are_written_and_nothing_is_overwritten() {
    let folder = common::folder("shaders").join("new");
    let path = folder.to_str().expect("UTF-8");
    let first = example("shaders", &[path], &[]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let count = std::fs::read_dir(&folder).expect("the folder").count();
    assert_eq!(text(&first.stdout).lines().count(), count);
    for kernel in Kernel::all() {
        assert!(folder.join(kernel.module_name()).exists(), "{}", kernel.label());
    }
    assert!(count > Kernel::all().len(), "the products of a network are written too");
    assert_eq!(example("shaders", &[path], &[]).status.code(), Some(0));
    let changed = folder.join("matmul.wgsl");
    std::fs::write(&changed, "mine").expect("a file");
    let refused = example("shaders", &[path], &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("matmul.wgsl"), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read_to_string(&changed).expect("a file"), "mine");
}

/// The output of the benchmark in both of its forms. What it cannot do gives a single error.
#[test]
fn bench_prints_keys_and_values() {
    let keys = |arguments: &[&str]| {
        let output = example("bench", arguments, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let number = |line: &str| {
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
            key.to_owned()
        };
        text(&output.stdout).lines().map(number).collect::<Vec<_>>()
    };
    let step = keys(&["--layers", "100,50,10", "--batch", "61", "--steps", "2", "--no-peak"]);
    for key in ["first_step_ms", "ms_per_step", "dispatches_per_step", "bytes_per_step", "device_bytes", "gflops"] {
        assert!(step.iter().any(|found| found == key), "{key} of {step:?}");
    }
    let product = keys(&["--matmul", "64x30x77", "--no-peak"]);
    assert!(product.iter().any(|found| found == "abt_gflops") && product.iter().any(|found| found == "gflops"), "{product:?}");
    let refused = example("bench", &["--layers", "5"], &[]);
    assert_eq!((refused.status.code(), text(&refused.stderr).matches("error: ").count()), (Some(1), 1));
}

/// The accuracy on the last line of a program's output.
fn accuracy(output: &Output) -> f64 {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let last = text(&output.stdout).lines().last().expect("a last line");
    let number = last.strip_prefix("accuracy ").and_then(|rest| rest.split([' ', ',']).next());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{last}"))
}

/// The held-out digits of ten splits, the first of which is the default.
#[test]
fn digits_are_recognised() {
    let run = |seed: &str| example("digits", &["--seed", seed], &[]);
    let first = run("0");
    let lines: Vec<&str> = text(&first.stdout).lines().collect();
    // The confusion matrix (headings, a rule, ten rows), and then the accuracy.
    assert_eq!(lines.len(), 13, "{lines:?}");
    let counts = |line: &&str| -> u64 {
        line.split('|').nth(1).expect("counts").split_whitespace().filter_map(|n| n.parse::<u64>().ok()).sum()
    };
    assert_eq!(lines[2..12].iter().map(counts).sum::<u64>(), 359, "a fifth of 1,797 digits is held out");
    assert!(accuracy(&first) >= 0.97, "{}", lines[12]);
    assert_eq!(run("0").stdout, first.stdout, "the same bytes again");
    let mean = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|seed| accuracy(&run(seed))).iter().sum::<f64>() / 10.0;
    assert!(mean >= 0.965, "{mean}");
    let output = example("digits", &["--data", "/no/such/file"], &[]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
}

#[test]
fn a_table_with_text_and_missing_values_is_learned() {
    let output = example("table", &[], &[]);
    assert!(accuracy(&output) >= 0.75, "{}", text(&output.stdout));
    assert_eq!(text(&output.stdout).lines().count(), 2 + 3 + 1);
}

/// MNIST is not included. If it is available, this trains one epoch; if not, it says so.
#[test]
fn mnist_is_learned() {
    let output = example("mnist", &[], &[("SHADERPROP_MNIST", "")]);
    assert_eq!(output.status.code(), Some(1), "it asks for a folder");
    assert!(text(&output.stderr).contains("SHADERPROP_MNIST"), "{}", text(&output.stderr));
    let Some(folder) = std::env::var_os("SHADERPROP_MNIST").filter(|folder| !folder.is_empty()) else {
        // Bypasses the capture of the test's output.
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "NOT RUN: training on MNIST, for want of its folder in SHADERPROP_MNIST");
        return;
    };
    let output = example("mnist", &["--epochs", "1"], &[("SHADERPROP_MNIST", folder.to_str().expect("a path"))]);
    assert!(accuracy(&output) >= 0.92, "{}", text(&output.stdout));
    assert!(text(&output.stdout).trim_end().ends_with("samples/s"));
}
