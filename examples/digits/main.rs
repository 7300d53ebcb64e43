//! Handwritten digits of 8 × 8 pixels: trains on four fifths of them, and shows which of the others it takes for which.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use shaderprop::{
    Activation, Columns, Csv, Fit, Init, Loss, Metric, Model, Network, Optimizer, Preprocessing, Scaling, Split, Table,
};

#[path = "../common/mod.rs"]
mod common;

/// Trains a network on 1,797 handwritten digits and prints the confusion matrix of those it has not seen.
#[derive(Parser)]
struct Options {
    /// auto, hardware, software, cpu, or a part of an adapter's name [default: SHADERPROP_DEVICE, else auto]
    #[arg(long)]
    device: Option<String>,
    /// What the split, the start and the order of the digits depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How often all digits are gone through
    #[arg(long, default_value_t = 60)]
    epochs: usize,
    /// Another CSV file of digits, without a header, the digit last
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/digits/digits.csv.gz"), hide_default_value = true)]
    data: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    common::run(|| train(&options))
}

fn train(options: &Options) -> Result<(), Box<dyn Error>> {
    let digits = Table::read_csv(&options.data, &Csv::new().header(false))?;
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
