//! Models for other programs: C source compiled with gcc predicts the same numbers, and models are exported for other
//! engines.
//!
//! With `SHADERPROP_TESTS` set, the files and their expected predictions stay in its folder `exports`. tests/run.sh
//! passes that folder to tests/onnx (a Rust engine) and tests/exports.py (onnxruntime, PyTorch).

mod common;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::{Cases, by, device, numbers};
use serde_json::{Value, json};
use shaderprop::{
    Activation, Column, Columns, Csv, Device, Error, Fit, Init, Loss, Matrix, Missing, Model, Network, Optimizer, Predictions,
    Preprocessing, Save, Scaling, Table, Written,
};

/// The tests' folder of exported files.
fn folder() -> PathBuf {
    common::shared("exports")
}

/// A row of a table as exported models take it.
#[derive(Clone, Default)]
struct Row {
    /// NaN where missing.
    numbers: Vec<f64>,
    categories: Vec<String>,
}

/// The rows of a table, with these columns.
fn rows(table: &Table, numbers: &[String], categories: &[String]) -> Vec<Row> {
    let place = |name: &String| table.names().iter().position(|own| own == name).expect("the column");
    let row = |row: usize| Row {
        numbers: numbers.iter().map(|name| table.cell(row, place(name)).parse().unwrap_or(f64::NAN)).collect(),
        categories: categories.iter().map(|name| table.cell(row, place(name)).into_owned()).collect(),
    };
    (0..table.rows()).map(row).collect()
}

/// Saves a model in all formats, with rows, its predictions for them, and the allowed error of other programs.
fn export(name: &str, model: &Model, rows: &[Row], inputs: &Matrix<'_>, expected: &[f64], bound: f64) {
    let save = Save::new().overwrite(true);
    for extension in ["onnx", "c", "safetensors", "npz"] {
        model.save(folder().join(format!("{name}.{extension}")), &save).unwrap_or_else(|error| panic!("{error}"));
    }
    let columns = expected.len() / inputs.rows();
    let lists = |of: &dyn Fn(&Row) -> Value| -> Vec<Value> { rows.iter().map(of).collect() };
    let activations: Vec<&str> = model.network().layers().iter().map(|layer| layer.activation.name()).collect();
    // Numbers that are not finite become null in JSON.
    let case = json!({
        "activations": activations,
        "inputs": (0..inputs.rows()).map(|row| inputs.row(row)).collect::<Vec<_>>(),
        "raw": model.preprocessing().is_some(),
        "numbers": lists(&|row| json!(row.numbers)),
        "categories": lists(&|row| json!(row.categories)),
        "output": expected.chunks(columns).collect::<Vec<_>>(),
        "bound": bound,
    });
    fs::write(folder().join(format!("{name}.json")), case.to_string()).expect("a file");
}

/// Compiles the C source of that name, with a program around it. Returns its output for each row, or the position of
/// the column because of which it refuses the row.
fn run_c(name: &str, rows: &[Row], outputs: usize, kind: &str) -> Vec<Result<Vec<f64>, usize>> {
    let (numbers, categories) = (rows[0].numbers.len(), rows[0].categories.len());
    let read_categories = if categories == 0 {
        String::new()
    } else {
        format!(
            "for (i = 0; i < {categories}; i++) {{
            if (!fgets(cells[i], sizeof cells[i], stdin)) return 1;
            cells[i][strlen(cells[i]) - 1] = '\\0';
            categories[i] = strcmp(cells[i], \"(null)\") == 0 ? NULL : cells[i];
        }}"
        )
    };
    let program = format!(
        "#include <stdio.h>\n#include <stdlib.h>\n#include \"{name}.c\"\n
int main(void) {{
    static char line[1000];
    static double numbers[{numbers} + 1];
    static char cells[{categories} + 1][1000];
    static const char *categories[{categories} + 1];
    {kind} output[{outputs}] = {{0}};
    int row, i, refused;
    (void)cells;
    for (row = 0; row < {rows}; row++) {{
        for (i = 0; i < {numbers}; i++) numbers[i] = fgets(line, sizeof line, stdin) ? strtod(line, NULL) : 0.0;
        {read_categories}
        refused = {name}_predict(numbers, categories, output);
        printf(\"%d\", refused);
        for (i = 0; i < {outputs}; i++) printf(\" %.17g\", (double)output[i]);
        printf(\"\\n\");
    }}
    return 0;
}}\n",
        rows = rows.len()
    );
    let text: String = rows
        .iter()
        .flat_map(|row| {
            row.numbers.iter().map(|number| format!("{number:?}\n")).chain(row.categories.iter().map(|cell| format!("{cell}\n")))
        })
        .collect();
    let parse = |line: &str| {
        let mut words = line.split(' ');
        match words.next().expect("the code") {
            "0" => Ok(words.map(|word| word.parse().expect("a number")).collect()),
            place => Err(place.parse().expect("a place")),
        }
    };
    compile_and_run(name, &program, &text).lines().map(parse).collect()
}

/// Compiles a program as strict C99 without a warning, and returns what it prints.
fn compile_and_run(name: &str, program: &str, input: &str) -> String {
    let (source, binary) = (folder().join(format!("{name}-main.c")), folder().join(format!("{name}-main")));
    fs::write(&source, program).expect("a file");
    let gcc = Command::new("gcc")
        .args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O2", "-o"])
        .args([&binary, &source])
        .arg("-lm")
        .output()
        .expect("gcc");
    assert!(gcc.status.success(), "{}", String::from_utf8_lossy(&gcc.stderr));
    let mut child = Command::new(&binary).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program");
    let mut stdin = child.stdin.take().expect("its input");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("its output");
    writer.join().expect("a thread").expect("its input is read");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
fn agree(what: &str, got: &[f64], expected: &[f64], bound: f64) -> f64 {
    assert_eq!(got.len(), expected.len(), "{what}");
    let mut worst = 0.0f64;
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs();
        // A NaN is within no bound.
        assert!(error <= bound, "{what}: output {i}: {got}, expected {expected}");
        worst = worst.max(error);
    }
    worst
}

/// A model trained on all rows of a table, and its inputs.
fn trained(table: &Table, columns: &Columns, hidden: usize, loss: Loss, last: Activation) -> (Model, Matrix<'static>) {
    let fitted = Preprocessing::fit(table, columns).expect("it fits");
    let data = fitted.transform(table).expect("data");
    let network = Network::new(fitted.inputs()).dense(hidden, Activation::Relu).dense(fitted.outputs(), last);
    let model = Model::new(&device(), &network, &Init::HeUniform { seed: 1 }).expect("a model");
    let mut model = model.with_preprocessing(fitted).expect("it fits");
    let fit = Fit::new().loss(loss).optimizer(Optimizer::adam()).learning_rate(0.003).batch_size(64).epochs(30);
    model.fit(&data.inputs, &data.targets, &fit).expect("a training run");
    (model, data.inputs)
}

fn probabilities(model: &Model, table: &Table) -> Vec<f64> {
    match model.predict_table(table).expect("predictions") {
        Predictions::Classes { probabilities, .. } => probabilities.values().iter().map(|value| f64::from(*value)).collect(),
        Predictions::Numbers(numbers) => numbers,
        other => panic!("{other:?}"),
    }
}

fn example(path: &str, csv: &Csv) -> Table {
    Table::read_csv(format!("{}/examples/{path}", env!("CARGO_MANIFEST_DIR")), csv).expect("a table")
}

/// The names of the columns except these.
fn columns(table: &Table, without: &[&str]) -> Vec<String> {
    table.names().iter().filter(|name| !without.contains(&name.as_str())).cloned().collect()
}

#[test]
fn digits_are_predicted_the_same_in_c() {
    let table = example("digits/digits.csv.gz", &Csv::new().header(false));
    let (model, inputs) = trained(
        &table,
        &Columns::classes(64).scaling(Scaling::Standardise),
        64,
        Loss::CategoricalCrossEntropy,
        Activation::Softmax,
    );
    let rows = rows(&table, &columns(&table, &["64"]), &[]);
    let expected = probabilities(&model, &table);
    assert_eq!((rows.len(), expected.len()), (1797, 17970));
    export("digits", &model, &rows, &inputs, &expected, 1e-5);
    let got: Vec<f64> = run_c("digits", &rows, 10, "float").into_iter().flat_map(|row| row.expect("taken")).collect();
    println!("digits in C: {:e}", agree("digits", &got, &expected, 1e-5));
}

#[test]
fn a_table_with_text_and_missing_values_is_predicted_the_same_in_c() {
    let table = example("table/coffee.csv", &Csv::new());
    let columns = Columns::classes("grade").drop(["lot"]).missing(Missing::Median);
    let (model, inputs) = trained(&table, &columns, 32, Loss::CategoricalCrossEntropy, Activation::Softmax);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let rows = rows(&table, &names(&["altitude", "moisture", "days"]), &names(&["origin", "process"]));
    assert!(
        rows.iter().any(|row| row.numbers[0].is_nan()) && rows.iter().any(|row| row.categories[0].is_empty()),
        "there are missing values"
    );
    let expected = probabilities(&model, &table);
    assert_eq!((rows.len(), expected.len()), (400, 1200));
    export("coffee", &model, &rows, &inputs, &expected, 1e-5);
    let got: Vec<f64> = run_c("coffee", &rows, 3, "float").into_iter().flat_map(|row| row.expect("taken")).collect();
    println!("coffee in C: {:e}", agree("coffee", &got, &expected, 1e-5));
    // Each name of a missing value gives the same result as an empty string.
    for missing in ["NA", "n/a", "NaN", "Null", "NONE", "?", "(null)"] {
        let mut row = rows[0].clone();
        row.categories[0] = missing.into();
        let mut empty = row.clone();
        empty.categories[0] = String::new();
        let got = run_c("coffee", &[row, empty], 3, "float");
        assert_eq!(got[0], got[1], "{missing}");
    }
}

/// Missing values that are inputs, numbers and dates that are not written plainly, and categories in several spellings.
#[test]
fn a_table_as_people_write_them_is_predicted_the_same_in_c() {
    let mut text = String::from("price,day,size,kind,truth,y\n");
    for i in 0..420 {
        let or = |cell: String, every: usize, other: &str| if i % every == 3 { other.to_owned() } else { cell };
        let price = or(format!("\"${},{:03}\"", 1 + i % 9, 7 * i % 1000), 7, "n/a");
        let day = or(format!("2020-0{}-1{}", 1 + i % 9, i % 10), 11, "");
        let size = or(format!("{}.5", i * i), 13, "-");
        let kind = or(["1", "1.0", "2", "3"][i % 4].to_owned(), 9, ["", "NULL", "None"][i % 3]);
        text += &format!("{price},{day},{size},{kind},{},{}\n", ["True", "FALSE", "true"][i % 3], (i % 5) as f64 + 0.5);
    }
    let table = Table::from_csv(text.as_bytes(), &Csv::new()).expect("a table");
    let columns = Columns::number("y").missing(Missing::Indicator).categorical(["kind"]);
    let (model, inputs) = trained(&table, &columns, 8, Loss::MeanSquaredError, Activation::Identity);
    // Three numbers with an indicator each, since at least 30 rows lack them; 1, 2, 3, missing and others; two and others.
    assert_eq!(inputs.columns(), 6 + 5 + 3);
    let written = [Written::Point, Written::Date, Written::Plain];
    let number = |row: usize, column: usize| written[column].number(&table.cell(row, column)).unwrap_or(f64::NAN);
    let row = |row: usize| Row {
        numbers: (0..3).map(|column| number(row, column)).collect(),
        categories: [3, 4].map(|column| table.cell(row, column).into_owned()).to_vec(),
    };
    let rows: Vec<Row> = (0..table.rows()).map(row).collect();
    let expected = probabilities(&model, &table);
    export("people", &model, &rows, &inputs, &expected, 1e-4);
    let got: Vec<f64> = run_c("people", &rows, 1, "double").into_iter().flat_map(|row| row.expect("taken")).collect();
    println!("people in C: {:e}", agree("people", &got, &expected, 1e-4));
    // An infinite number is missing, and so is NULL.
    let with =
        |number: f64, kind: &str| Row { numbers: vec![number, 18_300.0, 1.0], categories: vec![kind.into(), "true".into()] };
    let same = [with(f64::NAN, ""), with(f64::INFINITY, "(null)"), with(f64::NEG_INFINITY, "nOnE")];
    let got = run_c("people", &same, 1, "double");
    assert!(got[0].is_ok() && got.iter().all(|row| row == &got[0]), "{got:?}");
    assert_eq!(run_c("people", &[with(1.0, "01"), with(1.0, "1")], 1, "double").len(), 2);
}

/// A predicted number in its own unit, missing values that are refused, and text that could break C strings, comments
/// or trigraphs.
#[test]
fn awkward_tables_are_predicted_the_same_in_c() {
    let words = ["a\"b", "back\\slash", "what??/", "*/ int x;", "é", "new\nline", "007", "Zürich"];
    let mut text = String::from("time,\"kind */ ??/\",price\n");
    for i in 0..64 {
        text +=
            &format!("{},\"{}\",{}\n", 1_700_000_000 + 1000 * i, words[i % 8].replace('"', "\"\""), 1e6 + 3.5 * (i * i) as f64);
    }
    let table = Table::from_csv(text.as_bytes(), &Csv::new()).expect("a table");
    let columns = Columns::number("price").categorical([Column::Index(1)]);
    let (model, inputs) = trained(&table, &columns, 8, Loss::MeanSquaredError, Activation::Identity);
    let rows = rows(&table, &["time".to_owned()], &["kind */ ??/".to_owned()]);
    let expected = probabilities(&model, &table);
    assert!(expected.iter().all(|price| *price > 5e5), "in units of the price");
    // Relative to the standard deviation of the price, a few thousand.
    let bound = 1e-5 * 4000.0;
    export("awkward", &model, &rows, &inputs, &expected, bound);
    // The program reads one line per cell, so cells with a line break are left out.
    let plain: Vec<usize> = (0..rows.len()).filter(|i| !rows[*i].categories[0].contains('\n')).collect();
    let given: Vec<Row> = plain.iter().map(|i| rows[*i].clone()).collect();
    let got: Vec<f64> = run_c("awkward", &given, 1, "double").into_iter().flat_map(|row| row.expect("taken")).collect();
    let expected: Vec<f64> = plain.iter().map(|i| expected[*i]).collect();
    println!("awkward in C: {:e}", agree("awkward", &got, &expected, bound));

    let with = |number: f64, category: &str| Row { numbers: vec![number], categories: vec![category.into()] };
    let refused = [
        with(f64::NAN, "é"),
        with(f64::INFINITY, "é"),
        with(1e300, "é"),
        with(1.7e9, ""),
        with(1.7e9, "(null)"),
        with(1.7e9, "nA"),
    ];
    let places: Vec<Result<Vec<f64>, usize>> = run_c("awkward", &refused, 1, "double");
    assert_eq!(places, [Err(1), Err(1), Err(1), Err(2), Err(2), Err(2)]);
    assert!(run_c("awkward", &[with(1.7e9, "unseen")], 1, "double")[0].is_ok());

    // A number that fits in an f32, but not once it is scaled.
    let text: String = (0..20).map(|i| format!("{}e-6,{i}\n", i * i)).collect();
    let table = Table::from_csv(format!("x,y\n{text}").as_bytes(), &Csv::new()).expect("a table");
    let (model, inputs) = trained(&table, &Columns::number("y"), 4, Loss::MeanSquaredError, Activation::Identity);
    let large = Table::from_csv("x\n1e36\n".as_bytes(), &Csv::new()).expect("a table");
    assert!(matches!(model.predict_table(&large), Err(Error::Cell { row: 1, .. })));
    let row = |number: f64| Row { numbers: vec![number], categories: vec![] };
    let rows: Vec<Row> = (0..20).map(|i| row(f64::from(i * i) * 1e-6)).collect();
    export("tiny", &model, &rows, &inputs, &probabilities(&model, &table), 1e-4);
    let got = run_c("tiny", &[row(1e36), row(1e-6)], 1, "double");
    assert!(got[0] == Err(1) && got[1].is_ok(), "{got:?}");
}

/// Every activation, without preprocessing, also far from zero.
#[test]
fn every_activation_is_the_same_in_c() {
    let hidden: Vec<Activation> = Activation::ALL.to_vec();
    for last in [Activation::Softmax, Activation::Identity] {
        let name = format!("activations_{}", last.name());
        let mut network = Network::new(3);
        for activation in &hidden {
            network = network.dense(6, activation.clone());
        }
        let network = network.dense(4, last.clone());
        let model = Model::new(&Device::cpu(), &network, &Init::Normal { mean: 0.0, deviation: 0.9, seed: 5 }).expect("a model");
        let values: Vec<f32> = numbers(9, 300).iter().enumerate().map(|(i, x)| x * [0.5, 3.0, 40.0][i % 3]).collect();
        let inputs = Matrix::new(100, 3, values).expect("inputs");
        let expected: Vec<f64> = model.predict(&inputs).expect("predictions").values().iter().map(|y| f64::from(*y)).collect();
        // Relative to the largest output.
        let bound = 1e-5 * expected.iter().fold(1.0f64, |size, y| size.max(y.abs()));
        export(&name, &model, &[], &inputs, &expected, bound);
        let program = format!(
            "#include <stdio.h>\n#include \"{name}.c\"\nint main(void) {{
    float input[3], output[4];
    while (scanf(\"%f %f %f\", input, input + 1, input + 2) == 3) {{
        {name}_predict(input, output);
        printf(\"%.9g %.9g %.9g %.9g\\n\", output[0], output[1], output[2], output[3]);
    }}
    return 0;
}}\n"
        );
        let text: String =
            (0..100).map(|row| inputs.row(row).iter().map(|x| format!("{x:?} ")).collect::<String>() + "\n").collect();
        let printed = compile_and_run(&name, &program, &text);
        let got: Vec<f64> = printed.split_whitespace().map(|word| word.parse().expect("a number")).collect();
        println!("{name} in C: {:e}", agree(&name, &got, &expected, bound));
    }
    // Each activation alone, to the last digits.
    let mut cases = Cases::new();
    for activation in &hidden {
        let network = Network::new(1).dense(1, activation.clone());
        let mut model = Model::new(&Device::cpu(), &network, &Init::Zeros).expect("a model");
        let mut weight = model.weight("layers.0.weight").expect("the weight");
        weight.values[0] = 1.0;
        model.set_weights(&[weight]).expect("a weight");
        let name = format!("one_{}", activation.name());
        model.save(folder().join(format!("{name}.c")), &Save::new().overwrite(true)).expect("it is saved");
        let program = format!(
            "#include <stdio.h>\n#include \"{name}.c\"\nint main(void) {{
    float x, y;
    while (scanf(\"%f\", &x) == 1) {{
        {name}_predict(&x, &y);
        printf(\"%.9g\\n\", y);
    }}
    return 0;
}}\n"
        );
        let xs: Vec<f32> = (-400..=400).map(|i| i as f32 / 20.0).chain([-88.0, 88.0, -1e30, 1e30]).collect();
        let printed = compile_and_run(&name, &program, &xs.iter().map(|x| format!("{x:?}\n")).collect::<String>());
        for (x, y) in xs.iter().zip(printed.lines()) {
            cases.case([by("activation", activation.name())], format!("{}({x})", activation.name()), || {
                let (y, expected): (f64, f64) = (y.parse().expect("a number"), activation.value(f64::from(*x)));
                // f32 rounding, plus an absolute error for values close to 0.
                assert!((y - expected).abs() <= 4e-6 * expected.abs() + 1e-7, "{y}, expected {expected}");
            });
        }
    }
    cases.finish();
}

#[test]
fn names_become_c_identifiers() {
    let model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Sigmoid), &Init::default()).expect("a model");
    for (file, function) in [("8 digits-é.c", "model_8_digits___predict"), ("A b.c", "A_b_predict")] {
        let path = folder().join(file);
        model.save(&path, &Save::new().overwrite(true)).expect("it is saved");
        let source = fs::read_to_string(&path).expect("text");
        assert!(source.contains(function), "{source}");
        assert!(source.is_ascii());
    }
    let result: Result<(), Error> = model.save(folder().join("model.h"), &Save::new());
    assert!(matches!(result, Err(Error::Setting { .. })));
}
