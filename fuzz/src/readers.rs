//! The readers of untrusted files, by the names of the fuzz targets. They return an error or a value, and never panic.
//! `tests/corpus.rs` runs the same code on the corpus.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use shaderprop::{Activation, Array, Columns, Csv, Device, Error, Fit, Init, Load, Missing, Model, Network, Schema, Table};

/// The fuzz targets, each of which has a folder in `fuzz/corpus/`.
#[allow(dead_code, reason = "only tests/corpus.rs uses it")]
pub const TARGETS: [&str; 6] = ["safetensors", "checkpoint", "npz", "npy", "idx", "csv"];

/// The path of the file to read, without its extension: in memory, if the system has such a folder.
static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("shaderprop-fuzz-{}", std::process::id()))
});

/// Reads `data` as a file of that kind. The message of an error has to be one sentence.
pub fn read(target: &str, data: &[u8]) {
    let path = PLACE.with_extension(target);
    std::fs::write(&path, data).expect("a file");
    let result = match target {
        "safetensors" | "npz" => Model::load(&Device::cpu(), &path, &Load::new()).map(predict),
        "checkpoint" => resume(&path),
        "npy" => Array::read_npy(&path).map(matrix),
        "idx" => Array::read_idx(&path).map(matrix),
        "csv" => csv(&path),
        other => panic!("no fuzz target {other}"),
    };
    std::fs::remove_file(&path).expect("the file is removed");
    if let Err(error) = result {
        let text = error.to_string();
        let said = [": expected ", ": cannot be read: ", ": the checkpoint of a different training run, "];
        assert!(said.iter().any(|said| text.contains(said)) && text.contains("; ") && !text.contains('\n'), "{text}");
    }
}

/// Checks that a loaded model can predict.
fn predict(model: Model) {
    let row = vec![0.5; model.network().inputs()];
    if let Ok(inputs) = shaderprop::Matrix::new(1, row.len(), row) {
        let outputs = model.predict(&inputs).expect("a prediction");
        assert_eq!(outputs.columns(), model.network().outputs());
    }
}

fn matrix(array: Array) {
    assert_eq!(array.shape.iter().product::<usize>(), array.clone().into_values().len());
    let _ = array.into_matrix();
}

/// Resumes a training run that has already ended, so that nothing is trained after reading.
fn resume(path: &Path) -> Result<(), Error> {
    Model::load(&Device::cpu(), path, &Load::new().allow_non_finite(true)).map(|_| ())?;
    let network = Network::new(2).dense(2, Activation::Tanh).dense(1, Activation::Sigmoid);
    let mut model = Model::new(&Device::cpu(), &network, &Init::Zeros)?;
    let history = model.resume(path, &[[0.0, 1.0], [1.0, 0.0]], &[[0.0], [1.0]], &Fit::new().epochs(3))?;
    assert_eq!(history.loss.len(), 3);
    Ok(())
}

/// Reads a table, and prepares it for predicting the first column from the others.
fn csv(path: &Path) -> Result<(), Error> {
    let table = Table::read_csv(path, &Csv::guess())?;
    let Some(target) = table.names().first().cloned() else { return Ok(()) };
    let inferred = Columns::number(target).missing(Missing::Indicator).infer_target(&table, None)?;
    let schema = Schema::infer(&inferred.rows, &inferred.columns)?;
    let preprocessing = schema.fit(&inferred.rows)?;
    let data = preprocessing.transform(&inferred.rows)?;
    assert_eq!((data.inputs.rows(), data.inputs.columns()), (data.targets.rows(), preprocessing.inputs()));
    assert!(!inferred.is_class || preprocessing.class_of_rows(&inferred.rows)?.iter().all(Option::is_some));
    // All rows can be predicted, with or without a target.
    assert_eq!(preprocessing.transform_inputs(&table)?.rows(), table.rows());
    let _ = preprocessing.unread(&table)?;
    // A word among numbered classes is a class that was not fitted.
    assert!(preprocessing.rows_with_target(&table)?.rows() >= inferred.rows.rows());
    Ok(())
}
