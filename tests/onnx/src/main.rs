//! onnx-test FOLDER: runs each `NAME.onnx` in a folder on the rows of `NAME.json`, and compares the outputs with those
//! in that file.

use std::path::Path;
use std::process::exit;

use serde_json::Value;
use tract_onnx::prelude::*;

fn main() -> TractResult<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| fail("expected a folder of exported models"));
    let mut tested = 0;
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "onnx") {
            test(&path)?;
            tested += 1;
        }
    }
    // digits, coffee, awkward, people, and the two with all activations.
    if tested < 6 {
        fail(&format!("{tested} models in {folder}, expected at least 6; run the tests in tests/export.rs first"));
    }
    Ok(())
}

fn fail(message: &str) -> ! {
    eprintln!("error: {message}");
    exit(1);
}

fn test(path: &Path) -> TractResult<()> {
    let case: Value = serde_json::from_str(&std::fs::read_to_string(path.with_extension("json"))?)?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (raw, expected) = (case["raw"] == true, list(&case["output"]));
    let rows = expected.len();
    let flat = |name: &str| -> Vec<Value> { list(&case[name]).iter().flat_map(list).collect() };
    let floats = |name: &str| -> Vec<f64> { flat(name).iter().map(|value| value.as_f64().unwrap_or(f64::NAN)).collect() };
    let columns = |values: usize| values / rows;

    let mut model = tract_onnx::onnx().model_for_path(path)?;
    let mut inputs: TVec<TValue> = tvec!();
    let names: Vec<String> = model.input_outlets()?.iter().map(|outlet| model.node(outlet.node).name.clone()).collect();
    for (i, name) in names.iter().enumerate() {
        let tensor: Tensor = match name.as_str() {
            "input" => {
                let values: Vec<f32> = floats("inputs").iter().map(|value| *value as f32).collect();
                tract_ndarray::Array2::from_shape_vec((rows, columns(values.len())), values)?.into()
            }
            "numbers" => {
                let values = floats("numbers");
                tract_ndarray::Array2::from_shape_vec((rows, columns(values.len())), values)?.into()
            }
            "categories" => {
                let values: Vec<String> =
                    flat("categories").iter().map(|cell| cell.as_str().unwrap_or_default().into()).collect();
                tract_ndarray::Array2::from_shape_vec((rows, columns(values.len())), values)?.into()
            }
            other => fail(&format!("{}: unknown input {other}", path.display())),
        };
        model.set_input_fact(i, InferenceFact::dt_shape(tensor.datum_type(), tensor.shape()))?;
        inputs.push(tensor.into());
    }
    let output = model.into_typed()?.into_decluttered()?.into_runnable()?.run(inputs)?;
    let output = output[0].cast_to::<f64>()?;
    let got: Vec<f64> = output.to_plain_array_view::<f64>()?.iter().copied().collect();
    let expected: Vec<f64> = expected.iter().flat_map(list).map(|value| value.as_f64().unwrap_or(f64::NAN)).collect();
    if got.len() != expected.len() {
        fail(&format!("{}: {} outputs, expected {}", path.display(), got.len(), expected.len()));
    }
    let bound = case["bound"].as_f64().unwrap_or(0.0);
    let worst = got.iter().zip(&expected).map(|(got, expected)| (got - expected).abs()).fold(0.0, |worst: f64, error| {
        // NaN counts as the largest error.
        if error.is_nan() || error > worst { error } else { worst }
    });
    println!("{}: {rows} rows {}, off by at most {worst:e}", path.display(), if raw { "of a table" } else { "" });
    if !(worst <= bound) {
        fail(&format!("{}: off by {worst:e}, expected at most {bound:e}", path.display()));
    }
    Ok(())
}
