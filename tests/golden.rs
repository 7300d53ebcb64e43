//! Golden files: results are the same as when these files were written, and the saved ones still load.
//!
//! `SHADERPROP_GOLDEN=write` writes missing files, and never replaces one: see tests/golden/README.md.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{device, numbers, wide};
use safetensors::SafeTensors;
use shaderprop::internals::reference::Reference;
use shaderprop::{
    Activation, Checkpoint, ClassWeights, Columns, Csv, Device, EarlyStopping, Ended, Engine, EngineChoice, Fit, History, Init,
    Load, Log, Loss, Matrix, Member, Metric, Missing, Model, Network, Optimizer, Order, Predictions, Preprocessing, Save,
    Scaling, Schedule, Split, Sweep, Table, Tensor, cross_validate,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// The version that wrote the models. Files contain it, so another version writes different bytes.
const WRITTEN_BY: &str = "0.1.0";

/// The allowed error where the last bits may differ, relative to numbers above 1 and absolute for smaller ones: for
/// predictions, and for results of many steps.
const PREDICTION_TOLERANCE: f64 = 1e-5;
const TRAINING_TOLERANCE: f64 = 1e-3;

/// The same for a share of rows: some rows may be counted differently.
const SHARE_TOLERANCE: f64 = 0.1;

/// The columns of a history that are shares.
const SHARES: [&str; 4] = ["accuracy", "precision", "recall", "f1"];

/// Writes to stderr directly, because the test harness captures what passing tests print.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "golden: {what}");
}

/// An empty folder for a test.
fn folder(name: &str) -> PathBuf {
    common::folder(&format!("golden-{name}"))
}

/// Reads a golden file. If it is missing, and golden files are to be written, it is first created from what `make`
/// returns.
fn golden(name: &str, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = Path::new(FOLDER).join(name);
    if std::env::var_os("SHADERPROP_GOLDEN").is_some_and(|what| what == "write") && !path.exists() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let made = make();
        // A file that has been created in the meantime is not replaced.
        fs::File::create_new(&path).and_then(|mut file| file.write_all(&made)).expect("a new golden file");
        say(&format!("{name} is written"));
    }
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; SHADERPROP_GOLDEN=write writes it", path.display()))
}

/// What the last bits depend on: the device with its driver, and the platform's math library, identified by a checksum
/// of some of its results.
fn environment(device: &Device) -> String {
    let functions: [fn(f64) -> f64; 8] = [
        f64::exp,
        f64::tanh,
        f64::cos,
        |x| x.abs().ln(),
        |x| x.abs().ln_1p(),
        |x| x.abs().powf(1.7),
        |x| 0.97f64.powf((100.0 * x).trunc()),
        libm::erfc,
    ];
    let mut hasher = crc32fast::Hasher::new();
    for x in numbers(3, 4000) {
        for function in functions {
            hasher.update(&function(8.0 * f64::from(x)).to_le_bytes());
        }
    }
    let subgroups = device.info().limits.map_or(String::new(), |limits| format!(", subgroups {:?}", limits.subgroup));
    format!("{}{subgroups}, {}, mathematics {:08x}", device.info(), std::env::consts::ARCH, hasher.finalize())
}

/// The same for the device of the tests, which may be limited to what a browser has.
fn test_environment(device: &Device) -> String {
    let browser = std::env::var_os("SHADERPROP_TEST_BROWSER").is_some() && device.info() != Device::cpu().info();
    environment(device) + if browser { ", as in a browser" } else { "" }
}

/// The same for a training run. On the CPU engine, the last bits of its larger products depend on the processor's
/// vector instructions too: a checksum of some products.
fn training_environment(device: &Device) -> String {
    if device.info() != Device::cpu().info() {
        return test_environment(device);
    }
    let network = Network::new(64).dense(32, Activation::Identity);
    let layout = network.layout().expect("a network");
    let parameters = wide(&numbers(4, layout.len));
    let reference = Reference::new(&network, Loss::MeanSquaredError, &layout, &parameters);
    let mut hasher = crc32fast::Hasher::new();
    for value in &reference.forward(&wide(&numbers(5, 64 * 64)), None)[0].sums {
        hasher.update(&value.to_le_bytes());
    }
    format!("{}, products {:08x}", test_environment(device), hasher.finalize())
}

/// Compares a text with its golden file: exactly in the same environment, otherwise within a tolerance, which it
/// reports.
fn check(name: &str, environment: &str, got: &str, within: f64) {
    let kept = golden(name, || format!("# {environment}\n{got}").into_bytes());
    let kept = String::from_utf8(kept).expect("UTF-8");
    let (head, kept) = kept.split_once('\n').expect("a first line");
    let written_in = head.strip_prefix("# ").expect("the environment");
    if written_in == environment {
        same(name, kept, got);
    } else {
        say(&format!("{name} is compared only within {within:e}: it was written on {written_in}; this is {environment}"));
        if let Err(difference) = near(kept, got, within) {
            panic!("tests/golden/{name}: {difference}");
        }
    }
}

/// Compares a text with its golden file exactly, in any environment.
fn check_exactly(name: &str, got: &str) {
    let kept = golden(name, || got.as_bytes().to_vec());
    same(name, std::str::from_utf8(&kept).expect("UTF-8"), got);
}

#[track_caller]
fn same(name: &str, kept: &str, got: &str) {
    if kept != got {
        let path = folder(&format!("differs-{}", name.replace('/', "-"))).join("now.txt");
        fs::write(&path, got).expect("the new text");
        let differs = |(_, (kept, got)): &(usize, (&str, &str))| kept != got;
        let first = kept.lines().zip(got.lines()).enumerate().find(differs);
        let (line, (kept, got)) = first.unwrap_or((0, ("a text of a different length", "this one")));
        panic!("tests/golden/{name} differs from the new text in {}: line {}: {got}, expected {kept}", path.display(), line + 1);
    }
}

/// Checks that two texts have the same words, and the same numbers within a tolerance.
fn near(kept: &str, got: &str, within: f64) -> Result<(), String> {
    if kept.lines().count() != got.lines().count() {
        return Err(format!("{} lines, expected {}", got.lines().count(), kept.lines().count()));
    }
    let mut columns: Vec<&str> = Vec::new();
    for (line, (kept, got)) in kept.lines().zip(got.lines()).enumerate() {
        let words = |line: &'_ str| -> Vec<String> { line.split([' ', ',']).map(str::to_owned).collect() };
        if kept.starts_with("epoch,") {
            columns = kept.split(',').collect();
        }
        let (kept, got) = (words(kept), words(got));
        if kept.len() != got.len() {
            return Err(format!("line {}: {got:?}, expected {kept:?}", line + 1));
        }
        let of_epoch = kept.len() == columns.len();
        for (i, (kept, got)) in kept.iter().zip(&got).enumerate() {
            let share = of_epoch && SHARES.iter().any(|name| columns[i].ends_with(name));
            let bound = if share { SHARE_TOLERANCE } else { within };
            let alike = match (kept.parse::<f64>(), got.parse::<f64>()) {
                (Ok(kept), Ok(got)) => kept == got || (kept - got).abs() <= bound * kept.abs().max(1.0),
                _ => kept == got,
            };
            if !alike {
                return Err(format!("line {}: {got}, expected {kept}", line + 1));
            }
        }
    }
    Ok(())
}

/// Weights, one line per row, with the fewest digits that give the same f32.
fn weights(tensors: &[Tensor]) -> String {
    let mut text = String::new();
    for Tensor { name, shape, values } in tensors {
        writeln!(text, "{name} {shape:?}").expect("text");
        text += &rows_of(values, *shape.last().expect("a shape"));
    }
    text
}

fn rows_of(values: &[f32], columns: usize) -> String {
    let row = |row: &[f32]| row.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" ") + "\n";
    values.chunks(columns).map(row).collect()
}

/// The result of a training run. The digits of each number identify it uniquely.
fn outcome(model: &Model, history: &History) -> String {
    let History { engine, ended, best_epoch, .. } = history;
    let csv = history.to_csv();
    format!("engine {engine}, ended {ended:?}, best epoch {best_epoch:?}\n{csv}{}", weights(&model.weights()))
}

// Models.

/// A table with text, missing values and numbers of different magnitudes.
fn coffee() -> Table {
    Table::read_csv(format!("{FOLDER}/coffee.csv"), &Csv::new()).expect("the table")
}

/// A network with every property, and every activation.
fn everything() -> Network {
    Activation::ALL
        .iter()
        .fold(Network::new(5).dropout(0.1), |network, activation| network.dense(4, activation.clone()))
        .dropout(0.25)
        .weight_decay(0.003)
        .dense(3, Activation::Tanh)
        .frozen()
        .dense(2, Activation::Softmax)
}

/// The saved models: two trained on a table, for classes and for numbers, and one without a table.
fn model(name: &str) -> Model {
    let table = coffee();
    // Targets must not be missing.
    let moisture = table.find("moisture").expect("the column");
    let table = table.select(&(0..table.rows()).filter(|row| !table.cell(*row, moisture).is_empty()).collect::<Vec<_>>());
    let of_table = |columns: Columns, network: &dyn Fn(usize, usize) -> Network, loss: Loss| {
        let fitted = Preprocessing::fit(&table, &columns.drop(["lot"]).missing(Missing::Median)).expect("it fits");
        let data = fitted.transform(&table).expect("data");
        let network = network(fitted.inputs(), fitted.outputs());
        let model = Model::new(&Device::cpu(), &network, &Init::HeUniform { seed: 5 }).expect("a model");
        let mut model = model.with_preprocessing(fitted).expect("it fits");
        let fit = Fit::new().loss(loss).optimizer(Optimizer::adam()).learning_rate(0.02).batch_size(16).epochs(15);
        model.fit(&data.inputs, &data.targets, &fit).expect("a training run");
        model
    };
    match name {
        "classes" => of_table(
            Columns::classes("grade"),
            &|inputs, outputs| Network::new(inputs).dense(8, Activation::Relu).dense(outputs, Activation::Softmax),
            Loss::CategoricalCrossEntropy,
        ),
        "indicators" => indicators(),
        "numbers" => of_table(
            Columns::number("moisture").categorical(["days"]).scaling(Scaling::MinMax),
            &|inputs, outputs| Network::new(inputs).dense(3, Activation::Silu).dense(outputs, Activation::Identity),
            Loss::Huber,
        ),
        _ => {
            let mut model = Model::new(&Device::cpu(), &everything(), &Init::PyTorch { seed: 6 }).expect("a model");
            let inputs = Matrix::new(20, 5, numbers(7, 100)).expect("inputs");
            let classes = Matrix::column((0..20).map(|row| (row % 2) as f32).collect::<Vec<_>>());
            let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::rmsprop()).epochs(10);
            model.fit(&inputs, &classes, &fit).expect("a training run");
            model.note("note", "of one's own: \"ß\"");
            model
        }
    }
}

/// A model of a table with all that version 0.1.0 did not know at first: missing values that are inputs, numbers that are
/// not written plainly, dates, and columns without names.
fn indicators() -> Model {
    let table = written_in_many_ways();
    let columns = Columns::number(5).missing(Missing::Indicator).missing_words(["none", "-9"]);
    let fitted = Preprocessing::fit(&table, &columns).expect("it fits");
    let data = fitted.transform(&table).expect("data");
    let network = Network::new(fitted.inputs()).dense(4, Activation::Tanh).dense(1, Activation::Identity);
    let model = Model::new(&Device::cpu(), &network, &Init::HeUniform { seed: 8 }).expect("a model");
    let mut model = model.with_preprocessing(fitted).expect("it fits");
    model.fit(&data.inputs, &data.targets, &Fit::new().learning_rate(0.05).epochs(5)).expect("a training run");
    model
}

/// The table of that model: a percentage, a price, a date, a category and a plain number, each sometimes missing; and the
/// target.
fn written_in_many_ways() -> Table {
    let mut text = String::new();
    for i in 0..400 {
        let or_missing = |cell: String, every: usize| if i % every == 3 { "none".into() } else { cell };
        let price = or_missing(format!("\"${},{:03}\"", 1 + i % 9, 7 * i % 1000), 7);
        let day = or_missing(format!("2020-0{}-1{}", 1 + i % 9, i % 10), 11);
        let colour = or_missing(["red", "blue", "1", "1.0"][i % 4].into(), 9);
        let plain = if i % 13 == 5 { "-9".into() } else { format!("{}.5", i * i) };
        writeln!(text, "{}.{}%,{price},{day},{colour},{plain},{}", i, i % 10, 3 * i + 1).expect("a line");
    }
    Table::from_csv(text.as_bytes(), &Csv::new().header(false)).expect("a table")
}

/// The description of a model in its file.
fn described(model: &Model) -> String {
    let network = model.network();
    let mut text = format!("{} epochs, {} inputs, dropout {}\n", model.epochs(), network.inputs(), network.input_dropout());
    for layer in network.layers() {
        let (dropout, decay, frozen) = (layer.dropout, layer.weight_decay, layer.frozen);
        let name = layer.activation.name();
        writeln!(text, "{} units, {name}, dropout {dropout}, weight decay {decay:?}, frozen {frozen}", layer.units)
            .expect("text");
    }
    if let Some(fitted) = model.preprocessing() {
        writeln!(text, "target {}, classes {:?}", fitted.target(), fitted.classes()).expect("text");
        writeln!(text, "numbers {:?}\ncategories {:?}", fitted.numbers(), fitted.categories()).expect("text");
    }
    for (name, note) in model.notes() {
        writeln!(text, "note {name}: {note}").expect("text");
    }
    text + &weights(&model.weights())
}

/// The predictions of a model.
fn predicted(model: &Model) -> String {
    if model.preprocessing().is_none() {
        let rows = Matrix::new(9, 5, numbers(8, 45)).expect("rows");
        let predictions = model.predict(&rows).expect("predictions");
        return rows_of(predictions.values(), predictions.columns());
    }
    let by_place = model.preprocessing().is_some_and(|fitted| fitted.target() == "5");
    match model.predict_table(&if by_place { written_in_many_ways() } else { coffee() }).expect("predictions") {
        Predictions::Classes { classes, probabilities } => {
            let rows = rows_of(probabilities.values(), probabilities.columns());
            classes.iter().zip(rows.lines()).map(|(class, row)| format!("{class} {row}\n")).collect()
        }
        Predictions::Numbers(numbers) => numbers.iter().map(|number| format!("{number:?}\n")).collect(),
        _ => panic!("predictions of a new kind"),
    }
}

/// The parts of a model's file by name, in order, without its version and what depends on the version's length.
fn parts(name: &str, bytes: &[u8], version: &str) -> Vec<(String, Vec<u8>)> {
    let without = |text: &str, before: &str, after: &str| {
        let found = format!("{before}{version}{after}");
        assert_eq!(text.matches(&found).count(), 1, "{name}: expected {found} once");
        text.replace(&found, "version").into_bytes()
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    match name.rsplit_once('.').expect("an ending").1 {
        "safetensors" => {
            let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
            let header = text(&bytes[8..8 + length]);
            let header = without(header.trim_end(), r#"\"version\":\""#, r#"\""#);
            vec![("header".into(), header), ("tensors".into(), bytes[8 + length..].to_vec())]
        }
        "npz" => {
            let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
            let entries = archive.len();
            let entry = |i| {
                let mut entry = archive.by_index(i).expect("an entry");
                let name = entry.name().expect("a name").into_owned();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("its bytes");
                if name == "shaderprop.npy" {
                    let length = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
                    bytes = without(&text(&bytes[length..]), r#""version":""#, r#"""#);
                }
                (name, bytes)
            };
            (0..entries).map(entry).collect()
        }
        "json" => vec![("text".into(), without(&text(bytes), r#""version":""#, r#"""#))],
        "c" => vec![("text".into(), without(&text(bytes), "trained with shaderprop ", "."))],
        "onnx" => {
            // Protocol Buffers: fields are numbers, or have a length. Field 3 is the version, which one of the fields
            // 14 also contains.
            let (mut at, mut fields) = (0, Vec::new());
            let number = |at: &mut usize| {
                let (mut value, mut shift) = (0, 0);
                loop {
                    let byte = bytes[*at];
                    *at += 1;
                    value |= usize::from(byte & 127) << shift;
                    shift += 7;
                    if byte < 128 {
                        return value;
                    }
                }
            };
            while at < bytes.len() {
                let tag = number(&mut at);
                let from = at;
                let length = number(&mut at);
                if tag & 7 == 2 {
                    at += length;
                }
                let value = &bytes[from..at];
                let says = |what: &str| value.windows(what.len()).any(|window| window == what.as_bytes());
                if tag >> 3 != 3 && !(tag >> 3 == 14 && says("shaderprop") && says(version)) {
                    fields.push((format!("field {}", tag >> 3), value.to_vec()));
                }
            }
            fields
        }
        ending => panic!("{ending} is not a model format"),
    }
}

#[test]
fn models_load_predict_and_are_saved_unchanged() {
    let own = env!("CARGO_PKG_VERSION");
    if own != WRITTEN_BY {
        say(&format!(
            "models are saved by version {own}: they are compared with those of {WRITTEN_BY}, except for the version number"
        ));
    }
    let folder = folder("models");
    for name in ["classes", "indicators", "numbers", "plain"] {
        let file = |ending: &str| format!("models/{name}.{ending}");
        let formats = ["safetensors", "npz", "onnx", "json", "c"];
        let saved =
            |model: &Model, ending: &str| model.to_bytes(format!("{name}.{ending}"), &Save::new()).expect("a model's file");
        let models = ["safetensors", "npz"].map(|ending| golden(&file(ending), || saved(&model(name), ending)));
        let kept_model = folder.join(format!("{name}.kept.safetensors"));
        fs::write(&kept_model, &models[0]).expect("a file");
        let exported = |ending: &str| saved(&Model::load(&Device::cpu(), &kept_model, &Load::new()).expect("a model"), ending);
        let [safetensors, npz] = models;
        let exports = ["onnx", "json", "c"].map(|ending| golden(&file(ending), || exported(ending)));
        let [onnx, json, c] = exports;
        let written = [safetensors, npz, onnx, json, c];
        for (kept, ending) in written.iter().zip(["safetensors", "npz"]) {
            let path = folder.join(format!("{name}.{ending}"));
            fs::write(&path, kept).expect("a file");
            for on in [Device::cpu(), device()] {
                let loaded = Model::load(&on, &path, &Load::new()).unwrap_or_else(|error| panic!("{error}"));
                check_exactly(&file("said.txt"), &described(&loaded));
                let cpu = on.info() == Device::cpu().info();
                let engine = if cpu { "cpu" } else { "device" };
                check(&file(&format!("{engine}.txt")), &test_environment(&on), &predicted(&loaded), PREDICTION_TOLERANCE);
                let mut other = Model::new(&on, loaded.network(), &Init::Zeros).expect("a model");
                other.load_weights(&path, &Load::new()).expect("weights");
                assert_eq!(other.weights(), loaded.weights(), "{name}.{ending}");

                for (kept, ending) in written.iter().zip(formats) {
                    let name = format!("{name}.{ending}");
                    let saved = loaded.to_bytes(&name, &Save::new()).expect("a model's file");
                    assert!(parts(&name, &saved, own) == parts(&name, kept, WRITTEN_BY), "{name} has changed");
                    assert!(own != WRITTEN_BY || saved == *kept, "{name}: its parts are put together differently");
                }
            }
        }
    }
    fs::remove_dir_all(folder).expect("the folder is removed");
}

// Training runs.

/// Rows that can be learned, apart from some noise.
fn rows(count: usize, inputs: usize) -> (Matrix<'static>, Matrix<'static>) {
    let x = numbers(1, count * inputs);
    let yes = |(x, noise): (&[f32], f32)| f32::from(x[0] + x[1] * x[2] + 0.3 * noise > 0.0);
    let y: Vec<f32> = x.chunks(inputs).zip(numbers(2, count)).map(yes).collect();
    (Matrix::new(count, inputs, x).expect("inputs"), Matrix::column(y))
}

/// A training run with every setting that the engine supports, and the epoch after which its checkpoint is written.
fn with_every_setting(engine: Engine) -> (Network, Fit, usize) {
    let counts: Vec<f32> = numbers(9, 150).iter().map(|number| 1.0 + 0.5 * number).collect();
    let fit = Fit::new()
        .loss(Loss::BinaryCrossEntropy)
        .learning_rate(0.03)
        .warm_up(12)
        .weight_decay(1e-3)
        .batch_size(16)
        .sample_weights(counts)
        .class_weights(ClassWeights::Balanced)
        .early_stopping(EarlyStopping::patience(4).min_delta(0.003))
        .epochs(60)
        .seed(11);
    let network = Network::new(4)
        .dropout(0.05)
        .dense(12, Activation::Gelu)
        .dropout(0.2)
        .weight_decay(1e-2)
        .dense(6, Activation::Tanh)
        .dense(1, Activation::Sigmoid);
    let measured = |fit: Fit| {
        let fit = fit.metrics([Metric::Accuracy, Metric::MeanAbsoluteError]).clip_norm(0.7);
        fit.validation_split(0.25).stratify(true)
    };
    match engine {
        Engine::Staged => {
            let plateau = Schedule::ReduceOnPlateau { factor: 0.5, patience: 1, threshold: 1e-2, cooldown: 1, minimum: 1e-4 };
            (network, measured(fit.optimizer(Optimizer::adam()).schedule(plateau).engine(EngineChoice::Staged)), 7)
        }
        Engine::Cpu => {
            let schedule = Schedule::Cosine { epochs: 25, minimum: 1e-3 };
            (network, measured(fit.optimizer(Optimizer::adamw()).schedule(schedule)), 7)
        }
        // The fused engine supports no dropout, no clipping and no metrics, so the training loss is monitored.
        Engine::Fused => {
            let network = Network::new(4).dense(6, Activation::Tanh).dense(1, Activation::Sigmoid);
            let schedule = Schedule::Step { every: 5, factor: 0.7 };
            (network, fit.optimizer(Optimizer::adam()).schedule(schedule).engine(EngineChoice::Fused), 7)
        }
    }
}

fn checkpoint_continues(engine: Engine) {
    let device = if engine == Engine::Cpu { Device::cpu() } else { device() };
    let here = test_environment(&device);
    let folder = folder(engine.name());
    let (network, fit, middle) = with_every_setting(engine);
    let (x, y) = rows(150, 4);
    let new = || Model::new(&device, &network, &Init::GlorotUniform { seed: 4 }).expect("a model");
    let file = |ending: &str| format!("checkpoints/{}.{ending}", engine.name());
    // Checks the result, and that of two more epochs.
    let check_end = |mut model: Model, history: History| {
        assert_eq!(history.engine, engine);
        check(&file("txt"), &here, &outcome(&model, &history), TRAINING_TOLERANCE);
        let more = model.fit(&x, &y, &fit.clone().epochs(2)).expect("two more epochs");
        check(&file("more.txt"), &here, &outcome(&model, &more), TRAINING_TOLERANCE);
    };
    let mut model = new();
    let history = model.fit(&x, &y, &fit).expect("the training run");
    let ran = history.loss.len();
    assert!(history.ended == Ended::EarlyStopping && ran > middle + 4, "{:?} after {ran} epochs", history.ended);
    check_end(model, history);

    // The same, stopped in the middle.
    let path = folder.join("now.checkpoint");
    let saved = fit.clone().checkpoint(Checkpoint::new(&path)).log_every(1);
    let stop = |log: &Log| if log.epoch == middle { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    new().fit_with(&x, &y, &saved, stop).expect("half the training run");
    let now = fs::read(&path).expect("a checkpoint");
    let kept = golden(&file("checkpoint"), || now.clone());
    let path = folder.join("kept.checkpoint");
    fs::write(&path, &kept).expect("a file");

    let loaded = Model::load(&device, &path, &Load::new()).unwrap_or_else(|error| panic!("{error}"));
    check_exactly(&file("said.txt"), &described(&loaded));
    // Another device writes different numbers.
    if described(&loaded).contains(&format!("note device: {}\n", device.info())) && !here.contains("browser") {
        let tensors = |bytes: &[u8]| {
            let file = SafeTensors::deserialize(bytes).expect("tensors");
            let mut tensors: Vec<_> =
                file.iter().map(|(name, tensor)| (name.to_owned(), tensor.shape().to_vec(), tensor.data().to_vec())).collect();
            tensors.sort();
            tensors
        };
        let (now, kept) = (tensors(&now), tensors(&kept));
        let names = |tensors: &[(String, Vec<usize>, Vec<u8>)]| tensors.iter().map(|tensor| tensor.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(&now), names(&kept));
        for (now, kept) in now.iter().zip(&kept) {
            assert!(now == kept, "the checkpoint has a different {}", now.0);
        }
    }

    let mut model = new();
    let history = model.resume(&path, &x, &y, &fit.clone().checkpoint(Checkpoint::new(&path)));
    check_end(model, history.unwrap_or_else(|error| panic!("{error}")));
    fs::remove_dir_all(folder).expect("the folder is removed");
}

#[test]
fn a_checkpoint_of_the_staged_engine_continues() {
    checkpoint_continues(Engine::Staged);
}

#[test]
fn a_checkpoint_of_the_fused_engine_continues() {
    checkpoint_continues(Engine::Fused);
}

#[test]
fn a_checkpoint_of_the_cpu_engine_continues() {
    checkpoint_continues(Engine::Cpu);
}

/// Short training runs by name: every optimizer, loss, schedule and activation, and every other setting that affects
/// results. Those that the fused engine does not support come last, after `None`.
fn trainings() -> Vec<Option<(String, Network, Fit)>> {
    let narrow = || Network::new(4).dense(5, Activation::Tanh).dense(1, Activation::Sigmoid);
    let fit = || Fit::new().loss(Loss::BinaryCrossEntropy).learning_rate(0.05).batch_size(16).epochs(4).seed(3);
    let mut all = Vec::new();
    let mut add = |name: String, network: Network, fit: Fit| all.push(Some((name, network, fit)));
    for (name, optimizer) in ["SGD", "momentum", "Nesterov", "RMSprop", "Adam", "AdamW"].into_iter().zip(Optimizer::ALL) {
        add(name.into(), narrow(), fit().optimizer(*optimizer).weight_decay(0.01));
    }
    for loss in Loss::ALL {
        let last = Network::new(4).dense(5, Activation::Elu);
        let network = match loss {
            Loss::CategoricalCrossEntropy => last.dense(2, Activation::Softmax),
            Loss::BinaryCrossEntropy => last.dense(1, Activation::Sigmoid),
            _ => last.dense(1, Activation::Identity),
        };
        add(format!("{}, all rows a step", loss.name()), network, fit().loss(*loss).batch_size(1000).learning_rate(0.02));
    }
    for (name, schedule) in [
        ("step", Schedule::Step { every: 2, factor: 0.5 }),
        ("exponential", Schedule::Exponential { factor: 0.9 }),
        ("cosine", Schedule::Cosine { epochs: 3, minimum: 0.001 }),
        ("plateau", Schedule::ReduceOnPlateau { factor: 0.5, patience: 0, threshold: 0.1, cooldown: 0, minimum: 0.0 }),
    ] {
        add(format!("{name}, after a warm-up"), narrow(), fit().schedule(schedule).warm_up(9));
    }
    for activation in Activation::ALL {
        let network = Network::new(4).dense(4, activation.clone()).dense(3, activation.clone()).dense(1, Activation::Sigmoid);
        add(activation.name().into(), network, fit());
    }
    let softsign = Activation::custom(
        "softsign",
        "x / (1.0 + abs(x))",
        "(1.0 - abs(y)) * (1.0 - abs(y))",
        |x| x / (1.0 + x.abs()),
        |_, y| (1.0 - y.abs()) * (1.0 - y.abs()),
    );
    add("an activation of one's own".into(), Network::new(4).dense(4, softsign).dense(1, Activation::Sigmoid), fit());
    add("in order".into(), narrow(), fit().shuffle(false));
    add("weighted".into(), narrow(), fit().class_weights(ClassWeights::Given(vec![1.0, 3.0])));
    let frozen = Network::new(4).dense(5, Activation::Tanh).frozen().dense(4, Activation::Relu).weight_decay(0.1);
    add("frozen".into(), frozen.dense(1, Activation::Sigmoid), fit());

    all.push(None);
    let mut add = |name: &str, network: Network, fit: Fit| all.push(Some((name.into(), network, fit)));
    let dropping = Network::new(4).dropout(0.1).dense(9, Activation::Relu).dropout(0.3).dense(1, Activation::Sigmoid);
    add("dropout", dropping, fit().optimizer(Optimizer::adam()).learning_rate(0.01));
    add("clipped", narrow(), fit().clip_norm(0.1));
    let classes = Network::new(4).dense(6, Activation::Silu).dense(2, Activation::Softmax);
    let counted = [Metric::Accuracy, Metric::TopK(2), Metric::Precision, Metric::Recall, Metric::F1];
    add("classes measured", classes, fit().loss(Loss::CategoricalCrossEntropy).metrics(counted).validation_split(0.3));
    let errors = [Metric::MeanAbsoluteError, Metric::RootMeanSquaredError, Metric::RSquared];
    add("errors measured", narrow(), fit().loss(Loss::MeanSquaredError).metrics(errors).validation_split(0.3));
    // Wide enough for blocked products.
    let wide = Network::new(4).dense(80, Activation::Relu).dense(40, Activation::Tanh).dense(1, Activation::Sigmoid);
    add("wide", wide, fit().optimizer(Optimizer::momentum(0.9)).batch_size(64).learning_rate(0.01).epochs(3));
    all
}

/// The device for an engine, and the setting that selects the engine.
fn place(engine: Engine) -> (Device, EngineChoice) {
    match engine {
        Engine::Staged => (device(), EngineChoice::Staged),
        Engine::Fused => (device(), EngineChoice::Fused),
        Engine::Cpu => (Device::cpu(), EngineChoice::Auto),
    }
}

const ENGINES: [Engine; 3] = [Engine::Staged, Engine::Fused, Engine::Cpu];

#[test]
fn training_runs_are_unchanged() {
    let (x, y) = rows(70, 4);
    for engine in ENGINES {
        let (device, choice) = place(engine);
        let mut text = String::new();
        let all = trainings();
        let taken: Vec<_> = match engine {
            Engine::Fused => all.into_iter().map_while(|training| training).collect(),
            _ => all.into_iter().flatten().collect(),
        };
        for (name, network, fit) in taken {
            let mut model = Model::new(&device, &network, &Init::GlorotNormal { seed: 2 }).expect("a model");
            let history = model.fit(&x, &y, &fit.engine(choice)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(history.engine, engine, "{name}");
            let evaluation = model.evaluate(&x, &y, Loss::MeanSquaredError);
            let evaluation = evaluation.map_or_else(|error| error.to_string(), |evaluation| evaluation.loss.to_string());
            write!(text, "\n{name}\n{}evaluated {evaluation}\n", outcome(&model, &history)).expect("text");
        }
        check(&format!("trainings/{engine}.txt"), &training_environment(&device), &text, TRAINING_TOLERANCE);
    }
}

#[test]
fn training_on_digits_is_unchanged() {
    let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/digits/digits.csv.gz");
    let table = Table::read_csv(digits, &Csv::new().header(false)).expect("digits");
    let table = table.select(&(0..600).collect::<Vec<_>>());
    let columns = Columns::classes(table.names().len() - 1).scaling(Scaling::MinMaxTogether);
    let fitted = Preprocessing::fit(&table, &columns).expect("it fits");
    let data = fitted.transform(&table).expect("data");
    let network = Network::new(fitted.inputs()).dense(32, Activation::Relu).dense(fitted.outputs(), Activation::Softmax);
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.003).batch_size(64);
    let fit = fit.epochs(8).seed(1);
    for engine in ENGINES {
        let (device, choice) = place(engine);
        let mut model = Model::new(&device, &network, &Init::HeUniform { seed: 1 }).expect("a model");
        // The fused engine supports neither metrics nor validation.
        let fit =
            if engine == Engine::Fused { fit.clone() } else { fit.clone().metrics([Metric::Accuracy]).validation_split(0.2) };
        let history = model.fit(&data.inputs, &data.targets, &fit.engine(choice)).expect("a training run");
        let mut text = outcome(&model, &history);
        if history.engine != engine {
            // Not every network fits in the fused engine's registers on every device. If this one did when the file was
            // written, the last bits reveal the other engine.
            say(&format!("digits/{engine}.txt: the {} engine trains here instead", history.engine));
            text = text.replacen(history.engine.name(), engine.name(), 1);
        }
        check(&format!("digits/{engine}.txt"), &training_environment(&device), &text, TRAINING_TOLERANCE);
    }
}

#[test]
fn sweeps_and_folds_are_unchanged() {
    let (x, y) = rows(60, 4);
    let network = Network::new(4).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
    let fit = Fit::new().loss(Loss::BinaryCrossEntropy).optimizer(Optimizer::adam()).batch_size(20).epochs(6);
    for (name, device) in [("cpu", Device::cpu()), ("device", device())] {
        let mut text = String::new();
        let members = (0..5).map(|i| {
            let member = Member::new(Init::LecunUniform { seed: i }).learning_rate(0.01 * (i + 1) as f64);
            let member = member.weight_decay(0.001 * i as f64).epochs(2 + i as usize);
            if i == 3 { member.rows((10..50).collect::<Vec<_>>()) } else { member }
        });
        let mut sweep = Sweep::new(&device, &network, members).expect("a sweep");
        let history = sweep.fit(&x, &y, &fit.clone().log_every(2)).expect("a training run");
        writeln!(text, "engine {}, logged {:?}", history.engine, history.logged).expect("text");
        for (i, member) in history.members.iter().enumerate() {
            let logged = member.logged.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
            writeln!(text, "member {i}, epochs {}, rank {}, loss {}", member.epochs, member.rank, member.loss).expect("text");
            writeln!(text, "logged {logged}, diverged {}", member.diverged).expect("text");
            text += &weights(&sweep.weights_of(i).expect("weights"));
        }
        // Which engine is faster depends on the adapter.
        let fit = fit.clone().engine(EngineChoice::Staged);
        let folds = cross_validate(&device, &network, &Init::default(), (&x, &y), &fit, &Split::new(60).seed(2), 3);
        for fold in folds.expect("folds") {
            write!(text, "fold\n{}", outcome(&fold.model, &fold.history)).expect("text");
            writeln!(text, "evaluated {}, accuracy {}", fold.evaluation.loss, fold.evaluation.accuracy).expect("text");
        }
        check(&format!("sweeps/{name}.txt"), &test_environment(&device), &text, TRAINING_TOLERANCE);
    }
}

/// Everything that is drawn from a seed before training.
#[test]
fn random_draws_are_unchanged() {
    let network = Network::new(3).dense(4, Activation::Tanh).dense(2, Activation::Identity);
    let seed = 12;
    let inits = [
        ("Glorot, uniform", Init::GlorotUniform { seed }),
        ("Glorot, normal", Init::GlorotNormal { seed }),
        ("He, uniform", Init::HeUniform { seed }),
        ("He, normal", Init::HeNormal { seed }),
        ("LeCun, uniform", Init::LecunUniform { seed }),
        ("LeCun, normal", Init::LecunNormal { seed }),
        ("PyTorch", Init::PyTorch { seed }),
        ("uniform", Init::Uniform { seed, low: -0.3, high: 0.7 }),
        ("normal", Init::Normal { seed, mean: 0.1, deviation: 0.2 }),
        ("NumPy, weights first", Init::NumPy { seed: 42, order: Order::WeightsThenBiases }),
        ("NumPy, layer by layer", Init::NumPy { seed: 42, order: Order::LayerByLayer }),
    ];
    let mut text = String::new();
    for (name, init) in inits {
        let model = Model::new(&Device::cpu(), &network, &init).expect("a model");
        write!(text, "\n{name}\n{}", weights(&model.weights())).expect("text");
    }
    check("drawn/starts.txt", &environment(&Device::cpu()), &text, PREDICTION_TOLERANCE);

    let classes: Vec<usize> = (0..40).map(|row| row * row % 3).collect();
    let mut text = String::new();
    for (name, split) in [("rows", Split::new(40).seed(5)), ("classes", Split::stratified(&classes).seed(5))] {
        let mut parts = split.k_fold(3).expect("folds");
        parts.push(split.hold_out(0.25).expect("parts"));
        for parts in parts {
            writeln!(text, "{name}\ntrain {:?}\ntest {:?}", parts.train, parts.test).expect("text");
        }
    }
    check_exactly("drawn/splits.txt", &text);
}

// Programs.

/// The output of an example.
fn printed(name: &str, args: &[&str]) -> String {
    let deps = std::env::current_exe().expect("a path");
    let release = deps.parent().and_then(|deps| deps.parent()).expect("the folder of the build");
    let program = release.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(&program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}; build the examples first", program.display()));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn xor_output_is_unchanged() {
    for order in ["weights-then-biases", "layer-by-layer"] {
        for engine in ENGINES {
            let text = printed("xor", &["--order", order, "--engine", engine.name()]);
            // The program opens the device without limiting it.
            check(&format!("xor/{order}.{engine}.txt"), &environment(&place(engine).0), &text, TRAINING_TOLERANCE);
        }
        let text = printed("xor", &["--order", order, "--engine", "staged", "--explain", "3"]);
        check(&format!("xor/{order}.explained.txt"), &environment(&device()), &text, TRAINING_TOLERANCE);
    }
}

/// Every module that the example `shaders` writes: a list of their lengths and checksums, and their text in an archive.
#[test]
fn modules_are_unchanged() {
    let folder = folder("modules");
    printed("shaders", &[folder.to_str().expect("a path in UTF-8")]);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).expect("modules").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let (mut listed, mut text) = (String::new(), String::new());
    for path in paths {
        let (name, source) = (path.file_name().expect("a name").to_string_lossy(), fs::read_to_string(&path).expect("a module"));
        writeln!(listed, "{name} {} {:08x}", source.len(), crc32fast::hash(source.as_bytes())).expect("text");
        write!(text, "// {name}\n{source}\n").expect("text");
    }
    fs::remove_dir_all(folder).expect("the folder is removed");
    // The list first, so that the failure names the module.
    check_exactly("modules/listed.txt", &listed);
    let kept = golden("modules/all.wgsl.gz", || {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(text.as_bytes()).expect("an archive");
        packed.finish().expect("an archive")
    });
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&kept[..]).read_to_string(&mut unpacked).expect("the modules");
    same("modules/all.wgsl.gz", &unpacked, &text);
}

#[test]
fn comparisons_can_fail() {
    let kept = "engine staged\nepoch,loss,accuracy\n1,0.25,0.5\nlayers.0.bias [2]\n0.5 -3.25\n";
    near(kept, kept, 0.0).expect("the same");
    for (got, within) in [("0.2501", 1e-3), ("0.2499", 1e-3)] {
        near(kept, &kept.replace("0.25,", &format!("{got},")), within).expect("near");
    }
    near(kept, &kept.replace(",0.5", ",0.45"), 1e-3).expect("a share");
    for (from, to) in
        [("0.25,", "0.252,"), (",0.5", ",0.7"), ("staged", "fused"), ("-3.25", "3.25"), ("-3.25", "NaN"), ("-3.25", "")]
    {
        near(kept, &kept.replace(from, to), 1e-3).expect_err(to);
    }
    near(kept, &kept.replace(" -3.25", ""), 1e-3).expect_err("fewer numbers");
    near(kept, "engine staged\n", 1e-3).expect_err("fewer lines");
    let text = |version: &str, rest: &str| format!(r#"{{"version":"{version}",{rest}}}"#).into_bytes();
    let of = |version: &str, rest: &str| parts("a.json", &text(version, rest), version);
    assert_eq!(of("0.1.0", "1"), of("10.0.0", "1"), "the version does not count");
    assert_ne!(of("0.1.0", "1"), of("0.1.0", "2"), "the rest does");
    let kept = golden("models/classes.onnx", || panic!("the models are not written yet"));
    let at = |what: &[u8]| kept.windows(what.len()).position(|window| window == what).expect("the file has it");
    let mut other = kept.clone();
    while let Some(at) = other.windows(5).position(|window| window == WRITTEN_BY.as_bytes()) {
        other[at..at + 5].copy_from_slice(b"9.8.7");
    }
    let of = |bytes: &[u8], version: &str| parts("classes.onnx", bytes, version);
    assert!(of(&kept, WRITTEN_BY) == of(&other, "9.8.7"), "the version does not count");
    other[at(b"layers.0.bias")] = b'L';
    assert!(of(&kept, WRITTEN_BY) != of(&other, "9.8.7"), "the rest does");
}
