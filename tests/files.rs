//! Models as files: a saved model loads unchanged, other programs can read it, and nothing is lost if a file cannot be
//! written.

mod common;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{device, numbers, refused};
use safetensors::SafeTensors;
use shaderprop::{
    Activation, Checkpoint, Columns, Csv, Device, Error, Fit, Format, Init, Load, Loss, Missing, Model, Network, Optimizer,
    Predictions, Preprocessing, Save, Table, Tensor,
};

/// An empty folder for a test.
fn folder(name: &str) -> PathBuf {
    common::folder(&format!("files-{name}"))
}

/// The names of all entries of a folder, including hidden ones.
fn listed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

/// A network with every property that a file describes.
fn network() -> Network {
    Network::new(5)
        .dropout(0.1)
        .dense(4, Activation::Gelu)
        .dropout(0.25)
        .weight_decay(0.003)
        .dense(3, Activation::Tanh)
        .frozen()
        .dense(2, Activation::Softmax)
}

const PEOPLE: &str = "name,age,city,height,buys\nann,30,Rome,1.5,yes\nbob,,Oslo,1.7,no\ncid,50,Rome,NA,no\ndan,40,?,1.9,yes\n";

/// A trained model with preprocessing.
fn model(device: &Device) -> (Model, Table) {
    let table = Table::from_csv(PEOPLE.as_bytes(), &Csv::new()).expect("a table");
    let columns = Columns::classes("buys").drop(["name"]).missing(Missing::Median);
    let fitted = Preprocessing::fit(&table, &columns).expect("it fits");
    let data = fitted.transform(&table).expect("data");
    let model = Model::new(device, &network(), &Init::GlorotUniform { seed: 3 }).expect("a model");
    let mut model = model.with_preprocessing(fitted).expect("it fits");
    let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).epochs(20);
    model.fit(&data.inputs, &data.targets, &fit).expect("a training run");
    (model, table)
}

#[test]
fn a_saved_model_loads_unchanged() {
    let folder = folder("round");
    for device in [device(), Device::cpu()] {
        let (model, table) = model(&device);
        for name in ["model.safetensors", "model.npz"] {
            let path = folder.join(name);
            model.save(&path, &Save::new().overwrite(true)).expect("it is saved");
            let loaded = Model::load(&device, &path, &Load::new()).expect("it loads");
            assert_eq!(loaded.network(), model.network());
            assert_eq!(loaded.weights(), model.weights());
            assert_eq!(loaded.preprocessing(), model.preprocessing());
            assert_eq!(loaded.epochs(), 20);
            assert_eq!(loaded.notes(), model.notes());
            assert!(model.notes().contains_key("optimizer"));
            if *device.info() != *Device::cpu().info() {
                assert_eq!(loaded.predict_table(&table).expect("predictions"), model.predict_table(&table).expect("predictions"));
            }
            // Saving the same model again gives the same bytes.
            let first = fs::read(&path).expect("a file");
            model.save(&path, &Save::new().overwrite(true)).expect("it is saved again");
            assert_eq!(fs::read(&path).expect("a file"), first, "{name}");

            let mut other = Model::new(&device, &network(), &Init::Zeros).expect("a model");
            other.load_weights(&path, &Load::new()).expect("weights");
            assert_eq!(other.weights(), model.weights());
        }
    }
    assert_eq!(listed(&folder), ["model.npz", "model.safetensors"]);
}

/// The safetensors library reads what PyTorch would: the names, and weights of shape (out, in).
#[test]
fn the_safetensors_library_reads_saved_models() {
    let path = folder("library").join("model.safetensors");
    let (model, _) = model(&Device::cpu());
    model.save(&path, &Save::new()).expect("it is saved");
    let bytes = fs::read(&path).expect("a file");
    let (start, metadata) = SafeTensors::read_metadata(&bytes).expect("metadata");
    assert!((start + 8).is_multiple_of(8), "the tensors are aligned");
    let description = &metadata.metadata().as_ref().expect("a description")["shaderprop"];
    let description: serde_json::Value = serde_json::from_str(description).expect("JSON");
    assert_eq!(description["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(description["preprocessing"]["target"]["classes"]["names"], serde_json::json!(["no", "yes"]));
    let file = SafeTensors::deserialize(&bytes).expect("tensors");
    assert_eq!(file.len(), 6);
    for Tensor { name, shape, values } in model.weights() {
        let tensor = file.tensor(&name).expect("the tensor");
        let read: Vec<f32> = tensor.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().expect("four"))).collect();
        match *shape {
            [ins, outs] => {
                assert_eq!(tensor.shape(), [outs, ins]);
                let back: Vec<f32> = (0..ins * outs).map(|i| read[i % outs * ins + i / outs]).collect();
                assert_eq!(back, values, "{name}");
            }
            _ => assert_eq!((tensor.shape(), &read), (shape.as_slice(), &values)),
        }
    }
}

/// Files of other programs contain only tensors, in any order.
#[test]
fn weights_of_other_programs_are_loaded() {
    let folder = folder("others");
    let network = Network::new(3).dense(2, Activation::Relu);
    let mut model = Model::new(&Device::cpu(), &network, &Init::Zeros).expect("a model");
    let (weight, bias) = (numbers(1, 6), numbers(2, 2));
    let write = |name: &str, tensors: &[(&str, &[usize], &[f32])]| {
        let views = tensors.iter().map(|(name, shape, values)| {
            let view =
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytemuck::cast_slice(values));
            (*name, view.expect("a tensor"))
        });
        let path = folder.join(name);
        fs::write(&path, safetensors::serialize(views, None).expect("bytes")).expect("a file");
        path
    };
    let path = write("torch.safetensors", &[("layers.0.weight", &[2, 3], &weight), ("layers.0.bias", &[2], &bias)]);
    model.load_weights(&path, &Load::new()).expect("weights");
    let turned: Vec<f32> = (0..6).map(|i| weight[i % 2 * 3 + i / 2]).collect();
    assert_eq!(model.weight("layers.0.weight").expect("the weight").values, turned);
    assert_eq!(model.weight("layers.0.bias").expect("the bias").values, bias);
    // The file does not describe a network.
    refused(Model::load(&Device::cpu(), &path, &Load::new()), &["torch.safetensors", "Model::load_weights"]);

    let before = model.weights();
    for (tensors, words) in [
        (vec![("layers.0.weight", &[2, 3][..], &weight[..])], vec!["no tensor layers.0.bias of shape [2]"]),
        (
            vec![("layers.0.weight", &[3, 2], &weight), ("layers.0.bias", &[2], &bias)],
            vec!["layers.0.weight", "[3, 2] of type F32", "instead of [2, 3] of type F32"],
        ),
        (
            vec![("layers.0.weight", &[2, 3], &weight), ("layers.0.bias", &[2], &bias), ("layers.1.bias", &[2], &bias)],
            vec!["layers.1.bias", "an unexpected tensor"],
        ),
    ] {
        refused(model.load_weights(write("bad.safetensors", &tensors), &Load::new()), &words);
    }
    let nan = [f32::NAN, 0.0];
    let path = write("nan.safetensors", &[("layers.0.weight", &[2, 3], &weight), ("layers.0.bias", &[2], &nan)]);
    refused(model.load_weights(&path, &Load::new()), &["layers.0.bias", "NaN"]);
    assert_eq!(model.weights(), before, "a refused file changes nothing");
    model.load_weights(&path, &Load::new().allow_non_finite(true)).expect("non-finite numbers are allowed");
    assert!(model.weight("layers.0.bias").expect("the bias").values[0].is_nan());
    refused(model.save(folder.join("nan.npz"), &Save::new()), &["layers.0.bias", "NaN"]);
    model.save(folder.join("nan.npz"), &Save::new().allow_non_finite(true)).expect("non-finite numbers are allowed");
    refused(Model::load(&Device::cpu(), folder.join("nan.npz"), &Load::new()), &["NaN"]);
}

/// Archives of `numpy.savez` have no description. In archives written here, an array's data begins at a multiple of 64
/// bytes from the start of its entry, where NumPy can map it.
#[test]
fn archives_of_other_programs_are_loaded() {
    let folder = folder("archives");
    let network = Network::new(3).dense(2, Activation::Relu);
    let mut model = Model::new(&Device::cpu(), &network, &Init::Zeros).expect("a model");
    let (weight, bias) = (numbers(1, 6), numbers(2, 2));
    let npy = |shape: &str, values: &[f32]| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let data = bytemuck::cast_slice(values);
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    };
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, data) in [("layers.0.bias.npy", npy("(2,)", &bias)), ("layers.0.weight.npy", npy("(3, 2)", &weight))] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(&data).expect("data");
    }
    let path = folder.join("numpy.npz");
    fs::write(&path, zip.finish().expect("an archive").into_inner()).expect("a file");
    refused(Model::load(&Device::cpu(), &path, &Load::new()), &["numpy.npz", "Model::load_weights"]);
    model.load_weights(&path, &Load::new()).expect("weights");
    assert_eq!(model.weight("layers.0.weight").expect("the weight").values, weight);
    assert_eq!(model.weight("layers.0.bias").expect("the bias").values, bias);

    // The right number of elements, but the shape of a different network.
    let path = folder.join("turned.npz");
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, data) in [("layers.0.weight.npy", npy("(2, 3)", &weight)), ("layers.0.bias.npy", npy("(2,)", &bias))] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(&data).expect("data");
    }
    fs::write(&path, zip.finish().expect("an archive").into_inner()).expect("a file");
    refused(model.load_weights(&path, &Load::new()), &["layers.0.weight", "of shape [2, 3] instead of [3, 2]"]);

    let path = folder.join("own.npz");
    model.save(&path, &Save::new()).expect("it is saved");
    let mut archive = zip::ZipArchive::new(fs::File::open(&path).expect("a file")).expect("an archive");
    assert_eq!(archive.len(), 3);
    for i in 0..archive.len() {
        let mut bytes = Vec::new();
        archive.by_index(i).expect("an entry").read_to_end(&mut bytes).expect("its bytes");
        let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert!((10 + header).is_multiple_of(64), "{header} bytes of header");
        assert_eq!((bytes[10], bytes[9 + header]), (b'{', b'\n'));
    }
}

/// A description may have 1,048,576 bytes. A longer one is refused when a model is saved, so no saved model is refused
/// when it is loaded.
#[test]
fn the_longest_description_is_loaded() {
    let folder = folder("longest");
    let mut model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Relu), &Init::Zeros).expect("a model");
    let described = |path: &Path| match path.extension().is_some_and(|ending| ending == "npz") {
        true => {
            let mut archive = zip::ZipArchive::new(fs::File::open(path).expect("a file")).expect("an archive");
            let mut bytes = Vec::new();
            archive.by_name("shaderprop.npy").expect("a description").read_to_end(&mut bytes).expect("its bytes");
            bytes.len() - 10 - usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))
        }
        false => u64::from_le_bytes(fs::read(path).expect("a file")[..8].try_into().expect("eight")) as usize,
    };
    for name in ["model.safetensors", "model.npz"] {
        let path = folder.join(name);
        let overwrite = Save::new().overwrite(true);
        model.note("n", "x".repeat(8));
        model.save(&path, &overwrite).expect("it is saved");
        let longest = 8 + (1 << 20) - described(&path);
        model.note("n", "x".repeat(longest));
        model.save(&path, &overwrite).expect("it is saved");
        assert_eq!(described(&path), 1 << 20, "{name}");
        let loaded = Model::load(&Device::cpu(), &path, &Load::new()).expect("a model");
        assert_eq!(loaded.notes(), model.notes(), "{name}");
        model.note("n", "x".repeat(longest + 8));
        refused(model.save(&path, &overwrite), &["but at most 1048576 are allowed"]);
    }
}

#[test]
fn custom_activations_are_passed_to_load() {
    let softsign = || {
        Activation::custom(
            "softsign",
            "x / (1.0 + abs(x))",
            "(1.0 - abs(y)) * (1.0 - abs(y))",
            |x| x / (1.0 + x.abs()),
            |_, y| (1.0 - y.abs()) * (1.0 - y.abs()),
        )
    };
    let folder = folder("custom");
    let network = Network::new(2).dense(3, softsign()).dense(1, Activation::Sigmoid);
    let model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    for name in ["model.safetensors", "model.npz"] {
        let path = folder.join(name);
        model.save(&path, &Save::new()).expect("it is saved");
        refused(Model::load(&Device::cpu(), &path, &Load::new()), &["softsign", "Load::custom"]);
        let loaded = Model::load(&Device::cpu(), &path, &Load::new().custom(softsign())).expect("it loads");
        let x = [[0.3, -2.0]];
        assert_eq!(loaded.predict(&x).expect("a prediction"), model.predict(&x).expect("a prediction"));
        assert!(!String::from_utf8_lossy(&fs::read(&path).expect("a file")).contains("abs("), "the file contains WGSL");
    }
    for name in ["model.onnx", "model.c"] {
        let error = model.save(folder.join(name), &Save::new()).expect_err("the format cannot express it");
        assert!(matches!(error, Error::Export { .. }), "{error}");
        refused::<()>(Err(error), &["softsign"]);
    }
    assert_eq!(listed(&folder), ["model.npz", "model.safetensors"]);
}

#[test]
fn nothing_is_overwritten_or_half_written() {
    let folder = folder("place");
    let model = Model::new(&Device::cpu(), &Network::new(2).dense(1, Activation::Sigmoid), &Init::default()).expect("a model");
    for name in ["a.safetensors", "a.npz", "a.onnx", "a.c"] {
        let path = folder.join(name);
        fs::write(&path, "precious").expect("a file");
        for result in [model.save(&path, &Save::new()), Save::new().check(&path)] {
            assert!(matches!(result, Err(Error::Exists { .. })), "{result:?}");
            refused(result, &[name, "overwriting"]);
        }
        assert_eq!(fs::read(&path).expect("the file"), b"precious");
        Save::new().overwrite(true).check(&path).expect("a place");
        assert_eq!(fs::read(&path).expect("the file"), b"precious");
        model.save(&path, &Save::new().overwrite(true)).expect("overwriting is allowed");
        assert_ne!(fs::read(&path).expect("the file"), b"precious");
        fs::remove_file(&path).expect("the file is removed");
        Save::new().check(&path).expect("a place");
        assert!(!path.exists());
    }
    refused(model.save(folder.join("a.txt"), &Save::new()), &[".safetensors, .npz, .onnx, .json or .c"]);
    assert_eq!(Format::of("A.ONNX").expect("a format"), Format::Onnx);
    fs::create_dir(folder.join("folder.npz")).expect("a folder");
    for path in [folder.join("folder.npz"), folder.join("none").join("a.npz")] {
        for save in [Save::new(), Save::new().overwrite(true)] {
            for result in [model.save(&path, &save), save.check(&path)] {
                assert!(matches!(result, Err(Error::Write { .. })), "{}: {result:?}", path.display());
                let kind = if path.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::NotFound };
                assert_eq!(result.as_ref().err().and_then(Error::io_kind), Some(kind), "{}: {result:?}", path.display());
                refused(result, &[]);
            }
        }
    }
    // A device file is refused, and not replaced by a regular one.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/dev/null", folder.join("null.npz")).expect("a link");
        refused(model.save(folder.join("null.npz"), &Save::new().overwrite(true)), &["no plain file"]);
        // The target of a link is replaced. The link and the permissions of the file stay.
        use std::os::unix::fs::PermissionsExt;
        let (real, link) = (folder.join("real.npz"), folder.join("link.npz"));
        fs::write(&real, "old").expect("a file");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("permissions");
        std::os::unix::fs::symlink(&real, &link).expect("a link");
        model.save(&link, &Save::new().overwrite(true)).expect("overwriting is allowed");
        assert!(link.is_symlink() && fs::read(&real).expect("the file").starts_with(b"PK"));
        assert_eq!(fs::metadata(&real).expect("the file").permissions().mode() & 0o777, 0o640);
    }
    // A folder without write permission. A privileged process can write to it anyway.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let forbidden = folder.join("forbidden");
        fs::create_dir(&forbidden).expect("a folder");
        fs::set_permissions(&forbidden, fs::Permissions::from_mode(0o500)).expect("permissions");
        if fs::write(forbidden.join("tried"), "").is_err() {
            let result = model.save(forbidden.join("a.npz"), &Save::new());
            assert_eq!(result.as_ref().err().and_then(Error::io_kind), Some(ErrorKind::PermissionDenied));
            refused(result, &["change the permissions"]);
        }
    }
    refused(Model::load(&Device::cpu(), &folder, &Load::new()), &["a folder"]);
    refused(Model::load(&Device::cpu(), folder.join("none.npz"), &Load::new()), &["none.npz"]);
    refused(Model::load(&Device::cpu(), folder.join("none.onnx"), &Load::new()), &["for other programs"]);
    assert!(listed(&folder).iter().all(|name| !name.starts_with('.')), "{:?}", listed(&folder));
}

/// What could not be loaded again, or cannot be expressed in a format, is refused before anything is written.
#[test]
fn what_a_format_cannot_hold_is_refused() {
    let folder = folder("cannot");
    let with = |text: String, inputs: fn(&Preprocessing) -> usize| {
        let table = Table::from_csv(text.as_bytes(), &Csv::new()).expect("a table");
        let fitted = Preprocessing::fit(&table, &Columns::number("y")).expect("it fits");
        let network = Network::new(inputs(&fitted)).dense(1, Activation::Identity);
        Model::new(&Device::cpu(), &network, &Init::Zeros).expect("a model").with_preprocessing(fitted).expect("it fits")
    };
    // A description of more than 1 MiB: 600 categories of 2,000 letters.
    let long: String = (0..600).map(|i| format!("{}{i},{i}\n", "x".repeat(2000))).collect();
    let long = with(format!("word,y\n{long}"), Preprocessing::inputs);
    for name in ["long.safetensors", "long.npz"] {
        let error = long.save(folder.join(name), &Save::new()).expect_err("it is too long");
        assert!(matches!(error, Error::Export { .. }), "{error}");
        refused::<()>(Err(error), &["bytes, but at most 1048576 are allowed"]);
    }
    // A category with a NUL, which would end a C string.
    let nul = with("word,y\na\0b,1\na\0c,2\n".into(), Preprocessing::inputs);
    refused(nul.save(folder.join("nul.c"), &Save::new()), &["category", "string of C"]);
    nul.save(folder.join("nul.safetensors"), &Save::new()).expect("safetensors can hold it");
    // C has no literal for numbers that are not finite.
    let mut infinite =
        Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), &Init::Zeros).expect("a model");
    let fit = Fit::new().on_non_finite(shaderprop::OnNonFinite::Continue).learning_rate(1e30).epochs(9);
    infinite.fit(&[[1.0]], &[[1.0]], &fit).expect("training continues");
    refused(infinite.save(folder.join("infinite.c"), &Save::new().allow_non_finite(true)), &["not finite"]);
    assert_eq!(listed(&folder), ["nul.safetensors"]);
}

/// A model with as many tensors as a file may have loads again. One more layer is refused before it is written.
#[test]
fn the_largest_number_of_tensors_is_loaded() {
    let folder = folder("most");
    let model = |layers: usize| {
        let network = (0..layers).fold(Network::new(1), |network, _| network.dense(1, Activation::Tanh));
        Model::new(&Device::cpu(), &network, &Init::default()).expect("a model")
    };
    let (most, more) = (model(2048), model(2049));
    for name in ["most.safetensors", "most.npz"] {
        let path = folder.join(name);
        refused(more.save(&path, &Save::new()), &["4098 tensors, but at most 4096 are allowed"]);
        most.save(&path, &Save::new()).expect("it is saved");
        let loaded = Model::load(&Device::cpu(), &path, &Load::new()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.weights(), most.weights(), "{name}");
    }
}

/// Being finite as an f64 is not enough: on a device, and in most files, the number would be infinite.
#[test]
fn numbers_beyond_f32_count_as_not_finite() {
    let path = folder("beyond").join("model.checkpoint");
    let network = Network::new(1).dense(1, Activation::Identity);
    let mut model = Model::new(&Device::cpu(), &network, &Init::Zeros).expect("a model");
    let fit = Fit::new().on_non_finite(shaderprop::OnNonFinite::Continue).learning_rate(1e30).epochs(2);
    model.fit(&[[1.0]], &[[1.0]], &fit.checkpoint(Checkpoint::new(&path))).expect("training continues");
    let finite = fs::read(&path).expect("a file").windows(8).any(|part| part.starts_with(b"\"F64\""));
    assert!(finite, "the CPU engine's numbers are f64");
    refused(Model::load(&Device::cpu(), &path, &Load::new()), &["layers.0", "finite"]);
    Model::load(&Device::cpu(), &path, &Load::new().allow_non_finite(true)).expect("non-finite numbers are allowed");
}

/// Reading and writing never wait for a pipe.
#[cfg(unix)]
#[test]
fn a_pipe_is_not_a_file() {
    // Not even for one with the name of a partial file.
    let place = folder("partial-pipe").join("model.npz");
    let name = format!(".shaderprop-{:08x}-1-0.partial", crc32fast::hash(b"model.npz"));
    assert!(Command::new("mkfifo").arg(place.with_file_name(name)).status().expect("mkfifo").success());
    Save::new().check(&place).expect("a place");
    let pipe = folder("pipe").join("model.safetensors");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    refused(Model::load(&Device::cpu(), &pipe, &Load::new()), &["no plain file"]);
    refused(Model::load(&Device::cpu(), pipe.with_file_name("none"), &Load::new()), &["none"]);
}

/// On a full disk, the existing file stays, and nothing else is left.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_the_existing_file() {
    let folder = folder("full");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&folder).status();
    if !mounted.is_ok_and(|status| status.success()) {
        // tests/run.sh says so on its last line.
        let _ = writeln!(std::io::stderr(), "NOT RUN: a full disk, for want of the right to mount one");
        return;
    }
    let model = |units| {
        Model::new(&Device::cpu(), &Network::new(64).dense(units, Activation::Sigmoid), &Init::default()).expect("a model")
    };
    let path = folder.join("model.safetensors");
    let (small, large) = (model(10), model(1000));
    small.save(&path, &Save::new()).expect("there is room");
    let results = [large.save(&path, &Save::new().overwrite(true)), large.save(folder.join("other.npz"), &Save::new())];
    let weights = Model::load(&Device::cpu(), &path, &Load::new()).map(|model| model.weights());
    let left = listed(&folder);
    assert!(Command::new("umount").arg(&folder).status().expect("umount").success());
    for result in results {
        assert!(matches!(result, Err(Error::Write { .. })), "{result:?}");
        assert_eq!(result.as_ref().err().and_then(Error::io_kind), Some(ErrorKind::StorageFull));
        refused(result, &["No space left", "make room"]);
    }
    assert_eq!(weights.expect("the old one"), small.weights());
    assert_eq!(left, ["model.safetensors"]);
}

/// 64-bit lengths (ZIP64, version 4.5 of the format) are used only for entries that need them, so that readers without
/// ZIP64 can read the others.
#[test]
fn archives_use_zip64_only_where_needed() {
    let path = folder("zip64").join("model.npz");
    // 5 MiB of zeros, in which nothing can be mistaken for an entry.
    let network = Network::new(1300).dense(1024, Activation::Relu);
    let model = Model::new(&Device::cpu(), &network, &Init::Zeros).expect("a model");
    model.save(&path, &Save::new()).expect("it is saved");
    let bytes = fs::read(&path).expect("the archive");
    let needed: Vec<_> =
        (0..bytes.len() - 8).filter(|at| bytes[*at..].starts_with(b"PK\x01\x02")).map(|at| bytes[at + 6]).collect();
    assert_eq!(needed.len(), 3, "the weight, the bias, the description");
    assert!(needed.iter().all(|version| *version < 45), "{needed:?}");
}

/// A partial file of a killed run is removed at the next start. One that a running process is writing is not.
#[test]
fn partial_files_of_killed_runs_are_removed() {
    let folder = folder("leftovers");
    let path = folder.join("model.safetensors");
    let prefix = format!(".shaderprop-{:08x}-", crc32fast::hash(b"model.safetensors"));
    let (left, other) = (folder.join(format!("{prefix}1-0.partial")), folder.join(".shaderprop-00000000-1-0.partial"));
    let running = folder.join(format!("{prefix}2-0.partial"));
    for path in [&left, &other, &running] {
        fs::write(path, "half").expect("a file");
    }
    let lock = fs::File::open(&running).expect("the file");
    lock.lock().expect("a lock");
    Save::new().check(&path).expect("a place");
    assert!(!left.exists() && other.exists() && running.exists());
    drop(lock);
    let network = Network::new(2).dense(1, Activation::Sigmoid);
    let mut model = Model::new(&Device::cpu(), &network, &Init::default()).expect("a model");
    let fit = Fit::new().checkpoint(Checkpoint::new(&path));
    model.fit(&[[0.0, 1.0]], &[[1.0]], &fit).expect("a training run");
    assert!(!running.exists() && other.exists() && path.exists());
}

/// Several writers save to one file at once: the file is always complete, and one of them is last.
#[test]
fn simultaneous_writers_do_not_mix() {
    let path = folder("at-once").join("model.safetensors");
    let network = Network::new(8).dense(500, Activation::Sigmoid);
    let models: Vec<Model> =
        (0..4).map(|seed| Model::new(&Device::cpu(), &network, &Init::GlorotUniform { seed }).expect("a model")).collect();
    std::thread::scope(|scope| {
        for model in &models {
            scope.spawn(|| (0..25).for_each(|_| model.save(&path, &Save::new().overwrite(true)).expect("it is saved")));
        }
        for _ in 0..100 {
            if let Ok(loaded) = Model::load(&Device::cpu(), &path, &Load::new()) {
                assert!(models.iter().any(|model| model.weights() == loaded.weights()));
            }
        }
    });
    let loaded = Model::load(&Device::cpu(), &path, &Load::new()).expect("it loads");
    assert!(models.iter().any(|model| model.weights() == loaded.weights()));
    assert_eq!(listed(path.parent().expect("the folder")), ["model.safetensors"]);
    // Without overwriting, only the first one succeeds.
    let other = path.with_file_name("first.safetensors");
    let saved: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = models.iter().map(|model| scope.spawn(|| model.save(&other, &Save::new()).is_ok())).collect();
        writers.into_iter().map(|writer| usize::from(writer.join().expect("a writer"))).sum()
    });
    assert_eq!(saved, 1);
}

/// Numbers in the description are restored to the last bit.
#[test]
fn a_loaded_regression_predicts_in_its_units() {
    let path = folder("regression").join("model.npz");
    let rows: String = (0..30).map(|i| format!("{},{}\n", 0.1 * f64::from(i), 1e-7 + f64::from(i * i) / 3.0)).collect();
    let table = Table::from_csv(format!("x,y\n{rows}").as_bytes(), &Csv::new()).expect("a table");
    let fitted = Preprocessing::fit(&table, &Columns::number("y")).expect("it fits");
    let model = Model::new(
        &Device::cpu(),
        &Network::new(1).dense(1, Activation::Identity),
        &Init::Uniform { low: -1.0, high: 1.0, seed: 0 },
    );
    let model = model.and_then(|model| model.with_preprocessing(fitted)).expect("a model");
    model.save(&path, &Save::new()).expect("it is saved");
    let loaded = Model::load(&Device::cpu(), &path, &Load::new()).expect("it loads");
    assert_eq!(loaded.preprocessing(), model.preprocessing());
    let Predictions::Numbers(numbers) = loaded.predict_table(&table).expect("predictions") else { panic!("numbers") };
    assert_eq!(Predictions::Numbers(numbers), model.predict_table(&table).expect("predictions"));
}
