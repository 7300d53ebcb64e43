//! What reads files that come from anywhere, by the names of the fuzz targets: an error or a value, and never a panic. `tests/corpus.rs` runs the
//! same over the corpus.

#[cfg(not(fuzzing))]
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use shaderprop::{
    Activation, Array, Columns, Csv, Device, Error, Fit, Init, Load, Missing, Model, Network, Preprocessing, Table,
};

/// The fuzz targets, each of which has a folder in `fuzz/corpus/`.
#[allow(dead_code, reason = "the fuzz targets name themselves")]
pub const TARGETS: [&str; 6] = ["safetensors", "checkpoint", "npz", "npy", "idx", "csv"];

/// Where the file lies: in memory, if the system has such a folder.
static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("shaderprop-fuzz-{}", std::process::id()))
});

/// Reads `data` as a file of that kind. What the reader refuses has to be said in one sentence.
pub fn read(target: &str, data: &[u8]) {
    let path = PLACE.with_extension(target);
    std::fs::write(&path, data).expect("a file");
    read_file(target, &path);
    // What is behind the checksum is reached by another one too; in fuzzing any is taken.
    #[cfg(not(fuzzing))]
    if let Some(repaired) = Some(data).filter(|_| target == "checkpoint").and_then(repaired) {
        std::fs::write(&path, repaired).expect("a file");
        read_file(target, &path);
    }
    std::fs::remove_file(&path).expect("the file goes");
}

fn read_file(target: &str, path: &Path) {
    let result = match target {
        "safetensors" | "npz" => Model::load(&Device::cpu(), path, &Load::new()).map(predict),
        "checkpoint" => resume(path),
        "npy" => Array::read_npy(path).map(matrix),
        "idx" => Array::read_idx(path).map(matrix),
        "csv" => csv(path),
        other => panic!("no fuzz target {other}"),
    };
    if let Err(error) = result {
        let text = error.to_string();
        assert!(text.contains("expected") && !text.contains('\n'), "{text}");
    }
}

/// A checkpoint with the checksum that belongs to what is in it.
#[cfg(not(fuzzing))]
fn repaired(data: &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(u64::from_le_bytes(data.get(..8)?.try_into().ok()?)).ok()?;
    let header = serde_json::from_slice(data.get(8..length.checked_add(8)?)?).ok()?;
    let (was, is) = (sum(&header)?, checksum(&header, &data[8 + length..])?);
    let at = data.windows(8).position(|part| part == was.as_bytes())?;
    Some([&data[..at], is.as_bytes(), &data[at + 8..]].concat())
}

/// The checksum that it says it has.
#[cfg(not(fuzzing))]
fn sum(header: &serde_json::Value) -> Option<&str> {
    header["__metadata__"]["checksum"].as_str()
}

/// The checksum of a checkpoint: CRC-32 of the description, and of the tensors by their names, each as its name, type, shape and bytes.
#[cfg(not(fuzzing))]
pub fn checksum(header: &serde_json::Value, data: &[u8]) -> Option<String> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header["__metadata__"]["shaderprop"].as_str()?.as_bytes());
    let tensors: BTreeMap<_, _> = header.as_object()?.iter().filter(|(name, _)| *name != "__metadata__").collect();
    for (name, tensor) in tensors {
        let shape = tensor["shape"].as_array()?.iter().map(serde_json::Value::as_u64).collect::<Option<Vec<u64>>>()?;
        let place = |i: usize| usize::try_from(tensor["data_offsets"][i].as_u64()?).ok();
        hasher.update(format!("{name} {} {shape:?} ", tensor["dtype"].as_str()?).as_bytes());
        hasher.update(data.get(place(0)?..place(1)?)?);
    }
    Some(format!("{:08x}", hasher.finalize()))
}

/// A model that was loaded can be used.
fn predict(model: Model) {
    let row = vec![0.5; model.network().inputs()];
    if let Ok(inputs) = shaderprop::Matrix::new(1, row.len(), row) {
        let outputs = model.predict(&inputs).expect("a prediction");
        assert_eq!(outputs.columns(), model.network().outputs());
    }
}

fn matrix(array: Array) {
    assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
    let _ = array.into_matrix();
}

/// A training that is over when it is resumed, so that reading is all there is.
fn resume(path: &Path) -> Result<(), Error> {
    Model::load(&Device::cpu(), path, &Load::new().allow_non_finite(true)).map(|_| ())?;
    let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
    let mut model = Model::new(&Device::cpu(), &network, &Init::Zeros)?;
    let history = model.resume(path, &[[0.0, 1.0], [1.0, 0.0]], &[[0.0], [1.0]], &Fit::new().epochs(3))?;
    assert_eq!(history.loss.len(), 3);
    Ok(())
}

/// A table whose first column is what is predicted from the others.
fn csv(path: &Path) -> Result<(), Error> {
    let table = Table::read_csv(path, &Csv::guess())?;
    let Some(target) = table.names().first().cloned() else { return Ok(()) };
    let preprocessing = Preprocessing::fit(&table, &Columns::classes(target).missing(Missing::Median))?;
    let data = preprocessing.transform(&table)?;
    assert_eq!(data.inputs.rows(), data.targets.rows());
    Ok(())
}
