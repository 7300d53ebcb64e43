//! Handwritten digits of 8 × 8 pixels: trains on four fifths of them, and prints the confusion matrix of the others.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use shaderprop::{
    Activation, Columns, Csv, Fit, Init, Loss, Metric, Model, Network, Optimizer, Preprocessing, Scaling, Split, Table,
};

#[path = "../common/mod.rs"]
mod common;

const DIGITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/digits/digits.csv.gz");

/// The command line's options.
struct Options {
    device: Option<String>,
    seed: u64,
    epochs: usize,
    data: Option<PathBuf>,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Trains a network on 1,797 handwritten digits, and prints the confusion matrix of those that were held out.",
        );
        let options = Self {
            device: given.device(),
            seed: given.value(
                "--seed",
                "0",
                common::number,
                "Determines the split, the initial weights and the order of the digits",
            ),
            epochs: given.value("--epochs", "60", common::number, "Passes over the training data"),
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

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| train(&options))
}

fn train(options: &Options) -> Result<(), Box<dyn Error>> {
    let digits = Table::read_csv(options.data.as_deref().unwrap_or(Path::new(DIGITS)), &Csv::new().header(false))?;
    let columns = Columns::classes(digits.names().len() - 1).scaling(Scaling::MinMax);
    let labels: Vec<usize> =
        (0..digits.rows()).map(|row| digits.cell(row, digits.names().len() - 1).parse()).collect::<Result<_, _>>()?;
    let parts = Split::stratified(&labels).seed(options.seed).hold_out(0.2)?;
    let (train, test) = (digits.select(&parts.train), digits.select(&parts.test));
    let preprocessing = Preprocessing::fit(&train, &columns)?;
    let (train, test) = (preprocessing.transform(&train)?, preprocessing.transform(&test)?);

    let device = common::open_device(options.device.as_deref())?;
    let network =
        Network::new(preprocessing.inputs()).dense(64, Activation::Relu).dense(preprocessing.outputs(), Activation::Softmax);
    let mut model = Model::new(&device, &network, &Init::HeUniform { seed: options.seed })?;
    let loss = Loss::CategoricalCrossEntropy;
    let fit = Fit::new().loss(loss).optimizer(Optimizer::adam()).learning_rate(0.003).batch_size(64).epochs(options.epochs);
    let fit = fit.seed(options.seed).metrics([Metric::Accuracy]).log_every(10);
    model.fit_with(&train.inputs, &train.targets, &fit, |log| {
        eprintln!("epoch {}: loss {:.4}, accuracy {:.4}", log.epoch, log.loss, log.metrics["accuracy"]);
    })?;

    let evaluation = model.evaluate(&test.inputs, &test.targets, loss)?;
    let classes = preprocessing.classes().unwrap_or_default();
    common::print(&evaluation.confusion_text(classes));
    common::print(&format!("accuracy {:.4}", evaluation.accuracy));
    Ok(())
}
