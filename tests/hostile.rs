//! Malformed and malicious files: they give a typed error or a model, but no panic, and take no more memory than a
//! small multiple of their size.

#[path = "common/checksum.rs"]
mod checksum;
mod common;

use std::alloc::System;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cap::Cap;
use common::{check_message, refused};
use shaderprop::{
    Activation, Checkpoint, Columns, Csv, Device, Error, Fit, Init, Load, Loss, Missing, Model, Network, Optimizer,
    Preprocessing, Save, Table,
};

/// Beyond the limit an allocation fails, and the test with it.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

const ALLOWED: usize = 16 << 20;

/// Each test holds this lock from its beginning, because the memory limit applies to all of them.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs `work`, which may allocate at most [`ALLOWED`] bytes in addition to what is in use already.
fn within_memory(work: impl FnOnce()) {
    struct Limit;
    impl Drop for Limit {
        fn drop(&mut self) {
            let _ = MEMORY.set_limit(usize::MAX);
        }
    }
    let _limit = Limit;
    MEMORY.set_limit(MEMORY.allocated() + ALLOWED).expect("a limit above what is used");
    work();
}

fn path(name: &str) -> PathBuf {
    common::shared("hostile").join(name)
}

const PEOPLE: &str = "name,age,city,height,buys\nann,30,Rome,1.5,yes\nbob,,Oslo,1.7,no\ncid,50,Rome,NA,no\ndan,40,?,1.9,yes\n";

/// A model whose file has about 4 KiB.
fn model() -> Model {
    let table = Table::from_csv(PEOPLE.as_bytes(), &Csv::new()).expect("a table");
    let columns = Columns::classes("buys").drop(["name"]).missing(Missing::Median);
    let fitted = Preprocessing::fit(&table, &columns).expect("it fits");
    let network = Network::new(5).dense(40, Activation::Tanh).dense(12, Activation::Relu).dense(2, Activation::Softmax);
    let model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    model.with_preprocessing(fitted).expect("it fits")
}

fn saved(name: &str) -> (PathBuf, Vec<u8>, Model) {
    let (path, model) = (path(name), model());
    model.save(&path, &Save::new().overwrite(true)).expect("it is saved");
    let bytes = fs::read(&path).expect("a file");
    (path, bytes, model)
}

/// Loading gives a model, or a typed error whose message is one sentence.
#[track_caller]
fn load(path: &Path) -> Option<Model> {
    match Model::load(&Device::cpu(), path, &Load::new()) {
        Ok(model) => Some(model),
        Err(error) => {
            assert!(matches!(error, Error::File { .. } | Error::NotFinite { .. }), "{error:?}");
            check_message(&error);
            None
        }
    }
}

/// Truncates a file byte by byte, down to nothing. Like the flips below, this changes the file in place, because some
/// file systems write a file to the disk each time it is rewritten as a whole.
fn each_truncation(path: &Path, bytes: &[u8], mut look: impl FnMut(usize)) {
    fs::write(path, bytes).expect("a file");
    let file = File::options().write(true).open(path).expect("a file");
    for length in (0..bytes.len()).rev() {
        file.set_len(length as u64).expect("the file is truncated");
        look(length);
    }
}

/// Flips each bit of a file in turn, and passes on the index of its byte.
fn each_flip(path: &Path, bytes: &[u8], mut look: impl FnMut(usize)) {
    fs::write(path, bytes).expect("a file");
    let mut file = File::options().write(true).open(path).expect("a file");
    for (place, byte) in bytes.iter().enumerate() {
        let mut write = |byte: u8| {
            file.seek(SeekFrom::Start(place as u64)).expect("its place");
            file.write_all(&[byte]).expect("it is written");
        };
        for bit in 0..8 {
            write(byte ^ 1 << bit);
            look(place);
        }
        write(*byte);
    }
}

fn every_truncation_is_refused(name: &str) {
    let (path, bytes, _) = saved(name);
    within_memory(|| {
        each_truncation(&path, &bytes, |length| {
            assert!(load(&path).is_none(), "{length} of {} bytes were taken for a model", bytes.len());
        });
    });
    fs::write(&path, &bytes).expect("a file");
    assert!(load(&path).is_some());
    // Extra bytes are refused, too, except after an archive.
    if !name.ends_with("npz") {
        fs::write(&path, [&bytes[..], &[0]].concat()).expect("a file");
        assert!(load(&path).is_none(), "one extra byte");
    }
}

#[test]
fn a_truncated_model_is_refused() {
    let _alone = alone();
    every_truncation_is_refused("cut.safetensors");
    every_truncation_is_refused("cut.npz");
}

/// A flipped bit in a weight gives a different weight, and one in a string or number of the description a different
/// description. All others are refused.
#[test]
fn every_flipped_bit_is_refused_or_leaves_a_valid_model() {
    let _alone = alone();
    let (path, bytes, model) = saved("flip.safetensors");
    assert!((3072..6144).contains(&bytes.len()), "{} bytes", bytes.len());
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight")) as usize;
    let described = String::from_utf8_lossy(&bytes[8..8 + header]).find(",\"layers.0.weight\"").expect("the tensors");
    let mut taken = [0; 2];
    within_memory(|| {
        each_flip(&path, &bytes, |place| {
            let Some(loaded) = load(&path) else { return };
            if place >= 8 + header {
                taken[0] += 1;
                let bits = |model: &Model| -> Vec<u32> {
                    model
                        .weights()
                        .iter()
                        .flat_map(|tensor| tensor.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>())
                        .collect()
                };
                let differing: u32 = bits(&loaded).iter().zip(bits(&model)).map(|(a, b)| (a ^ b).count_ones()).sum();
                assert_eq!(differing, 1, "byte {place}");
                assert_eq!((loaded.network(), loaded.preprocessing()), (model.network(), model.preprocessing()));
            } else {
                taken[1] += 1;
                assert!((8..8 + described).contains(&place), "byte {place} is neither a weight nor in the description");
                assert_eq!(loaded.weights(), model.weights(), "byte {place}");
            }
        });
    });
    // All bits of the weights are accepted, except those that make a weight infinite, and some of the description.
    assert!(taken[0] > (bytes.len() - header) * 7 && taken[1] > 100, "{taken:?}");
}

/// An archive has its own checksums, which detect nearly every flip.
#[test]
fn every_flipped_bit_of_an_archive_is_refused_or_leaves_a_valid_model() {
    let _alone = alone();
    let (path, bytes, model) = saved("flip.npz");
    within_memory(|| {
        each_flip(&path, &bytes, |place| {
            if let Some(loaded) = load(&path) {
                assert_eq!(loaded.weights(), model.weights(), "byte {place}");
                assert_eq!((loaded.network(), loaded.preprocessing()), (model.network(), model.preprocessing()));
            }
        });
    });
}

/// No bit of a checkpoint may differ from what was written.
#[test]
fn every_flipped_bit_of_a_checkpoint_is_refused() {
    let _alone = alone();
    let path = path("flip.checkpoint");
    let network = Network::new(2).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
    let (x, y) = ([[0.0, 1.0], [1.0, 0.0]], [[0.0], [1.0]]);
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let fit = Fit::new().optimizer(Optimizer::adam()).epochs(3);
    let saving = fit.clone().checkpoint(Checkpoint::new(&path).overwrite(true));
    model.fit(&x, &y, &saving).expect("a training run");
    let bytes = fs::read(&path).expect("a file");
    let resume = |model: &mut Model| match model.resume(&path, &x, &y, &fit) {
        Ok(history) => Some(history),
        Err(Error::File { .. } | Error::NotFinite { .. }) => None,
        Err(error) => panic!("{error:?}"),
    };
    let mut accepted = Vec::new();
    within_memory(|| {
        each_flip(&path, &bytes, |place| {
            if resume(&mut model).is_some() {
                accepted.push(place);
            }
        });
        each_truncation(&path, &bytes, |length| {
            assert!(resume(&mut model).is_none(), "{length} of {} bytes", bytes.len());
        });
    });
    assert_eq!(accepted, [0usize; 0]);
    fs::write(&path, &bytes).expect("a file");
    assert!(resume(&mut model).is_some());
}

/// Checkpoints with a correct checksum but wrong counts, which no accident produces.
#[test]
fn checkpoints_that_contradict_themselves_are_refused() {
    let _alone = alone();
    let path = path("forged.checkpoint");
    let network = Network::new(2).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
    let (x, y) = ([[0.0, 1.0], [1.0, 0.0]], [[0.0], [1.0]]);
    let fit = Fit::new().optimizer(Optimizer::adam()).epochs(3);
    let mut trained = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    trained.fit(&x, &y, &fit.clone().checkpoint(Checkpoint::new(&path).overwrite(true))).expect("a training run");
    let bytes = fs::read(&path).expect("a file");
    let (header, data) = bytes[8..].split_at(u64::from_le_bytes(bytes[..8].try_into().expect("eight")) as usize);
    let resumed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut header: serde_json::Value = serde_json::from_slice(header).expect("a header");
        let metadata = &mut header["__metadata__"];
        let mut described = serde_json::from_str(metadata["shaderprop"].as_str().expect("a description")).expect("JSON");
        change(&mut described);
        let described = described.to_string();
        metadata["shaderprop"] = described.into();
        header["__metadata__"]["checksum"] = checksum::checksum(&header, data).expect("a checksum").into();
        let mut header = header.to_string();
        header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
        fs::write(&path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()).expect("a file");
        let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
        model.resume(&path, &x, &y, &fit).map(|history| (history, model.weights()))
    };
    let (whole, weights) = resumed(&|_| ()).expect("as it was written");
    assert_eq!((whole.loss.len(), weights), (3, trained.weights()));
    let counts = |name: &'static str, value: u64| {
        resumed(&move |described| match name {
            "epochs" => described["epochs"] = value.into(),
            "bad" => described["training"]["plateau"]["bad"] = value.into(),
            name => described["training"][name] = value.into(),
        })
    };
    for (name, most) in [("steps", 1 << 53), ("schedule_began", 3), ("since_best", 3), ("best_epoch", 3), ("bad", 3)] {
        counts(name, most).unwrap_or_else(|error| panic!("{name} of {most}: {error}"));
        refused(counts(name, most + 1), &["contradict each other"]);
    }
    counts("epochs", 1 << 53).unwrap_or_else(|error| panic!("{error}"));
    refused(counts("epochs", (1 << 53) + 1), &["9007199254740993 epochs, but at most 9007199254740992 are allowed"]);
    // The bytes of two tensors are exchanged.
    let mut exchanged: serde_json::Value = serde_json::from_slice(header).expect("a header");
    let places = ["means", "squares"].map(|slot| exchanged[format!("optimizer.{slot}.layers.0.weight")]["data_offsets"].take());
    for (slot, place) in ["squares", "means"].iter().zip(places) {
        exchanged[format!("optimizer.{slot}.layers.0.weight")]["data_offsets"] = place;
    }
    let exchanged = exchanged.to_string();
    fs::write(&path, [&(exchanged.len() as u64).to_le_bytes(), exchanged.as_bytes(), data].concat()).expect("a file");
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    refused(model.resume(&path, &x, &y, &fit), &["a damaged checkpoint"]);
    // A schedule that began after the last epoch has had no epochs without improvement.
    let late = |bad: u64| {
        resumed(&move |described| {
            described["training"]["schedule_began"] = 3.into();
            described["training"]["plateau"]["bad"] = bad.into();
        })
    };
    late(0).unwrap_or_else(|error| panic!("{error}"));
    refused(late(1), &["contradict each other"]);
    refused(counts("best_epoch", 0), &["contradict each other"]);
    refused(counts("epochs", 2), &["contradict each other"]);
}

/// Headers that the safetensors library accepts, or that would cost it much memory.
#[test]
fn headers_that_lie_are_refused() {
    let _alone = alone();
    let (path, bytes, _) = saved("lies.safetensors");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight")) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).expect("text").trim_end().to_owned();
    let file = |header: &str, data: &[u8]| [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
    let data = &bytes[8 + length..];
    let with = |from: &str, to: &str| {
        assert!(header.contains(from), "{from} in {header}");
        file(&header.replacen(from, to, 1), data)
    };
    let last = header.rfind('}').expect("an end");
    let bias = header.find("\"layers.0.bias\"").expect("the bias");
    let more = |entry: &str| file(&format!("{},{entry}}}", &header[..last]), data);
    let many: String =
        (0..5000).map(|i| format!(",\"t{i}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}")).collect();
    let lies: Vec<(&str, Vec<u8>)> = vec![
        ("an empty file", vec![]),
        ("only a length", 5u64.to_le_bytes().to_vec()),
        ("a header as large as all memory", u64::MAX.to_le_bytes().to_vec()),
        ("a header of 88 MB", [&(88u64 << 20).to_le_bytes()[..], b"{}"].concat()),
        ("a header that is a list", file("[]", &[])),
        ("a deep header", file(&"[".repeat(100_000), &[])),
        ("an object within an object", file(&"{\"a\":".repeat(10_000), &[])),
        ("a duplicate name", more("\"layers.0.bias\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}")),
        ("a duplicate name with the same entry", more(&header[bias..=bias + header[bias..].find('}').expect("its end")])),
        ("an overlap", with("\"data_offsets\":[800,960]", "\"data_offsets\":[640,800]")),
        ("duplicate metadata", more("\"__metadata__\":{}")),
        ("a name with NUL", more("\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}")),
        ("a path as a name", more("\"../a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}")),
        (
            "a huge dimension next to an empty one",
            more("\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551615,0],\"data_offsets\":[0,0]}"),
        ),
        ("sizes that overflow", more("\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4],\"data_offsets\":[0,0]}")),
        ("five dimensions", more("\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,0],\"data_offsets\":[0,0]}")),
        ("5,000 tensors", file(&format!("{}{many}}}", &header[..last]), data)),
        ("a different type", with("\"F32\"", "\"F16\"")),
        ("a type that is an array", with("\"F32\"", "[]")),
        ("a gap", with("\"data_offsets\":[0,800]", "\"data_offsets\":[8,800]")),
        ("an end before the start", with("\"data_offsets\":[0,800]", "\"data_offsets\":[800,0]")),
        ("bytes beyond the file", with("\"data_offsets\":[0,800]", "\"data_offsets\":[0,8000]")),
        ("a different shape", with("\"shape\":[40,5]", "\"shape\":[5,40]")),
        ("an extra field", with("\"dtype\"", "\"type\":1,\"dtype\"")),
        ("no description", with("\"shaderprop\"", "\"somebody\"")),
        ("a later format", with("\\\"format\\\":1", "\\\"format\\\":2")),
        ("units by the billion", with("\\\"units\\\":40", "\\\"units\\\":4000000000")),
        ("too many epochs", with("\\\"epochs\\\":0", "\\\"epochs\\\":18446744073709551615")),
        ("too many units", with("\\\"units\\\":40", "\\\"units\\\":18446744073709551615")),
        ("no units", with("\\\"units\\\":40", "\\\"units\\\":0")),
        ("an unknown activation", with("\\\"activation\\\":\\\"tanh\\\"", "\\\"activation\\\":\\\"tan\\\"")),
        ("a dropout of 2", with("\\\"dropout\\\":0.0", "\\\"dropout\\\":2.0")),
        ("a duplicate column", with("\\\"name\\\":\\\"height\\\"", "\\\"name\\\":\\\"age\\\"")),
        ("a scale of 0", with("\\\"scale\\\":", "\\\"scale\\\":0.0,\\\"x\\\":")),
        ("a category that does not exist", with("\\\"missing\\\":1", "\\\"missing\\\":7")),
        ("categories out of order", with("\\\"Oslo\\\",\\\"Rome\\\"", "\\\"Rome\\\",\\\"Oslo\\\"")),
        ("a duplicate class", with("\\\"no\\\",\\\"yes\\\"", "\\\"no\\\",\\\"no\\\"")),
        ("more classes than outputs", with("\\\"no\\\",\\\"yes\\\"", "\\\"no\\\",\\\"yes\\\",\\\"maybe\\\"")),
        ("a ZIP archive", fs::read(saved("lies.npz").0).expect("a file")),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
    ];
    within_memory(|| {
        for (what, bytes) in &lies {
            fs::write(&path, bytes).expect("a file");
            assert!(load(&path).is_none(), "{what}");
        }
    });
    // A tensor with four dimensions is refused because its name is unknown, one with five because of its dimensions.
    for (dimensions, wanted) in
        [("1,1,1,0", "an unexpected tensor \"a\""), ("1,1,1,1,0", "of 5 dimensions, but at most 4 are allowed")]
    {
        let tensor = format!("\"a\":{{\"dtype\":\"F32\",\"shape\":[{dimensions}],\"data_offsets\":[0,0]}}");
        fs::write(&path, more(&tensor)).expect("a file");
        refused(Model::load(&Device::cpu(), &path, &Load::new()), &[wanted]);
    }
    // The error says what is wrong, and quotes only a part of long text from the file.
    let load_bytes = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        Model::load(&Device::cpu(), &path, &Load::new()).map(|_| ())
    };
    refused(load_bytes(&bytes[..7]), &["a file that ends in its header"]);
    refused(load_bytes(&bytes[..7 + length]), &["a file that ends in its header"]);
    refused(load_bytes(&file("{}", &[])), &["Model::load_weights"]);
    refused(
        load_bytes(&[&(88u64 << 20).to_le_bytes()[..], b"{}"].concat()),
        &["give the header 92274688 bytes, but at most 1048576 are allowed"],
    );
    let short = load_bytes(&file("[]", &[])).expect_err("a list").to_string();
    assert!(short.contains("expected an object") && !short.contains('…'), "{short}");
    let (shown, whole) = ("x".repeat(150), "x".repeat(300));
    let long = load_bytes(&with("\"dtype\"", &format!("\"{whole}\":1,\"dtype\""))).expect_err("an extra field").to_string();
    assert!(long.contains(&format!("unknown field `{shown}")) && long.contains('…') && !long.contains(&whole), "{long}");
    // A system file that is longer than its reported size.
    #[cfg(target_os = "linux")]
    assert!(load(Path::new("/proc/self/auxv")).is_none());
    // A file that is named like an archive but is not one.
    let npz = path.with_extension("npz");
    fs::write(&npz, &bytes).expect("a file");
    refused(Model::load(&Device::cpu(), &npz, &Load::new()), &["an archive that cannot be read: "]);
    // Without a known extension, the contents decide.
    let plain = path.with_extension("model");
    fs::write(&plain, &bytes).expect("a file");
    assert!(load(&plain).is_some());
}

/// An archive that unpacks to a thousand times its size, and one whose array claims more data than it has.
#[test]
fn archives_that_blow_up_are_refused() {
    let _alone = alone();
    use std::io::Cursor;
    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};
    let path = path("bomb.npz");
    let archive = |method, entries: &[(&str, Vec<u8>)]| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, data) in entries {
            zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).expect("an entry");
            zip.write_all(data).expect("data");
        }
        zip.finish().expect("an archive").into_inner()
    };
    let npy = |shape: &str, data: usize| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
    };
    let bomb = archive(CompressionMethod::Deflated, &[("layers.0.weight.npy", npy("(8388608,)", 32 << 20))]);
    assert!(bomb.len() < 1 << 16, "{} bytes", bomb.len());
    let promise = archive(CompressionMethod::Stored, &[("layers.0.weight.npy", npy("(4294967296,)", 16))]);
    let no_array = archive(CompressionMethod::Stored, &[("readme.txt", b"hello".to_vec())]);
    let many: Vec<(String, Vec<u8>)> = (0..4200).map(|i| (format!("t{i}.npy"), npy("(0,)", 0))).collect();
    let many =
        archive(CompressionMethod::Stored, &many.iter().map(|(name, data)| (name.as_str(), data.clone())).collect::<Vec<_>>());
    let network = Network::new(2).dense(1, Activation::Sigmoid);
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    within_memory(|| {
        for bytes in [&bomb, &promise, &no_array, &many] {
            fs::write(&path, bytes).expect("a file");
            assert!(load(&path).is_none());
            assert!(matches!(model.load_weights(&path, &Load::new()), Err(Error::File { .. })));
        }
    });
    // The weights of the right network, but all zeros: 32 MiB in a few KiB.
    let zeros = [("layers.0.weight.npy", npy("(2048, 4096)", 32 << 20)), ("layers.0.bias.npy", npy("(4096,)", 16384))];
    fs::write(&path, archive(CompressionMethod::Deflated, &zeros)).expect("a file");
    let mut large = Model::new(&Device::cpu(), &Network::new(2048).dense(4096, Activation::Relu), &Init::Zeros).expect("a model");
    let error = large.load_weights(&path, &Load::new()).expect_err("it blows up").to_string();
    assert!(error.contains("unpacks to more than 8 times"), "{error}");
    // A description that is compressed, and whose type takes more memory than its bytes.
    let described = archive(
        CompressionMethod::Deflated,
        &[("shaderprop.npy", {
            let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (67108864,), }\n";
            [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &vec![0; 64 << 20]].concat()
        })],
    );
    within_memory(|| {
        fs::write(&path, &described).expect("a file");
        assert!(load(&path).is_none());
    });
    // A description that is not a list, or longer than allowed: its shape is checked before it is read.
    for (shape, length) in [("(1, 64)", 64), ("(67108865,)", 0)] {
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
        let array =
            [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &vec![b' '; length]].concat();
        fs::write(&path, archive(CompressionMethod::Stored, &[("shaderprop.npy", array)])).expect("a file");
        refused(Model::load(&Device::cpu(), &path, &Load::new()), &["instead of a list of at most"]);
    }
    // Any archive may unpack to up to 1 MiB.
    let zeros = [("layers.0.weight.npy", npy("(256, 512)", 512 << 10)), ("layers.0.bias.npy", npy("(512,)", 2048))];
    let archived = archive(CompressionMethod::Deflated, &zeros);
    assert!(archived.len() < 1 << 12, "{} bytes", archived.len());
    fs::write(&path, archived).expect("a file");
    let mut small =
        Model::new(&Device::cpu(), &Network::new(256).dense(512, Activation::Relu), &Init::default()).expect("a model");
    small.load_weights(&path, &Load::new()).expect("weights");
    assert!(small.weights().iter().all(|tensor| tensor.values.iter().all(|value| *value == 0.0)));
    // Archives compressed by NumPy are loaded.
    let compressed = [("layers.0.weight.npy", npy("(2, 1)", 8)), ("layers.0.bias.npy", npy("(1,)", 4))];
    fs::write(&path, archive(CompressionMethod::Deflated, &compressed)).expect("a file");
    model.load_weights(&path, &Load::new()).expect("weights");
    let fit = Fit::new().loss(Loss::BinaryCrossEntropy);
    model.fit(&[[0.0, 0.0]], &[[1.0]], &fit).expect("a training run");
}
