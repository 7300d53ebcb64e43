//! Cross-validation of learning rates on handwritten digits: all folds and rates are trained at once.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use shaderprop::{Activation, Csv, Fit, Init, Loss, Matrix, Member, Network, Optimizer, Split, Sweep, Table};

#[path = "../common/mod.rs"]
mod common;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/digits/digits.csv.gz");

/// The command line's options.
struct Options {
    device: Option<String>,
    folds: usize,
    learning_rates: Vec<f64>,
    epochs: usize,
    seed: u64,
    data: Option<PathBuf>,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Trains one network for each fold and learning rate in a single sweep, and prints the accuracy on the held-out rows.",
        );
        let options = Self {
            device: given.device(),
            folds: given.value("--folds", "5", common::number, "The number of folds; each is held out once"),
            learning_rates: given.value(
                "--learning-rates",
                "0.001,0.01,0.03,0.1,0.3",
                common::numbers,
                "The learning rates to compare",
            ),
            epochs: given.value("--epochs", "30", common::number, "Passes over the training data"),
            seed: given.value(
                "--seed",
                "0",
                common::number,
                "Determines the folds, the initial weights and the order of the digits",
            ),
            data: given.optional(
                "--data",
                common::path,
                "Another CSV file of digits, without a header and with the digit in the last column",
            ),
        };
        given.end();
        options
    }
}

/// The largest value of a pixel.
const BRIGHTEST: f32 = 16.0;

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| validate(&options))
}

fn validate(options: &Options) -> Result<(), Box<dyn Error>> {
    let (inputs, labels) = digits(options.data.as_deref().unwrap_or(Path::new(DIGITS)))?;
    let targets = Matrix::column(labels.iter().map(|label| *label as f32).collect::<Vec<_>>());
    let folds = Split::stratified(&labels).seed(options.seed).k_fold(options.folds)?;

    let device = common::open_wide(options.device.as_deref())?;
    let network = Network::new(inputs.columns()).dense(32, Activation::Relu).dense(10, Activation::Softmax);
    let mut members = Vec::new();
    for rate in &options.learning_rates {
        for (fold, parts) in folds.iter().enumerate() {
            let start = Init::HeUniform { seed: options.seed.wrapping_add(fold as u64) };
            members.push(Member::new(start).learning_rate(*rate).rows(parts.train.as_slice()));
        }
    }
    let loss = Loss::CategoricalCrossEntropy;
    let fit = Fit::new().loss(loss).optimizer(Optimizer::momentum(0.9)).batch_size(32).epochs(options.epochs).seed(options.seed);
    let mut sweep = Sweep::new(&device, &network, members)?;
    let begun = Instant::now();
    let history = sweep.fit(&inputs, &targets, &fit)?;
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{} networks in {seconds:.2} s, engine: {} ({})", sweep.len(), history.engine, history.reason);

    for (i, rate) in options.learning_rates.iter().enumerate() {
        let mut accuracies = Vec::new();
        let mut diverged = 0;
        for (fold, parts) in folds.iter().enumerate() {
            let member = i * folds.len() + fold;
            if history.members[member].diverged {
                diverged += 1;
                continue;
            }
            let model = sweep.model(member)?;
            accuracies.push(model.evaluate(inputs.select(&parts.test), targets.select(&parts.test), loss)?.accuracy);
        }
        if accuracies.is_empty() {
            common::print(&format!("learning rate {rate}: all {diverged} networks diverged"));
            continue;
        }
        let note = if diverged > 0 { format!(", {diverged} diverged") } else { String::new() };
        let (accuracy, count) = (mean_and_deviation(&accuracies), accuracies.len());
        common::print(&format!("learning rate {rate}: accuracy {accuracy} over {count} folds{note}"));
    }
    Ok(())
}

/// The pixels, scaled to 0 to 1, and the label of each row.
fn digits(path: &Path) -> Result<(Matrix<'static>, Vec<usize>), Box<dyn Error>> {
    let table = Table::read_csv(path, &Csv::new().header(false))?;
    let last = table.names().len() - 1;
    let mut pixels = Vec::with_capacity(table.rows() * last);
    let mut labels = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        for column in 0..last {
            pixels.push(number::<f32>(&table, row, column)? / BRIGHTEST);
        }
        labels.push(number(&table, row, last)?);
    }
    Ok((Matrix::new(table.rows(), last, pixels)?, labels))
}

fn number<T: FromStr>(table: &Table, row: usize, column: usize) -> Result<T, String> {
    let cell = table.cell(row, column);
    let refused = |_| format!("row {}, column {}: expected a number, got `{cell}`", row + 1, column + 1);
    cell.parse().map_err(refused)
}

/// The mean, and for more than one value the sample standard deviation.
fn mean_and_deviation(values: &[f64]) -> String {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    match values.len() {
        1 => format!("{mean:.4}"),
        _ => format!("{mean:.4} ± {:.4}", (squares / (count - 1.0)).sqrt()),
    }
}
