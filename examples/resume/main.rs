//! A training run that may be interrupted at any moment: run it again, and it resumes from its checkpoint.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use shaderprop::{
    Activation, Checkpoint, Columns, Csv, Fit, Init, Loss, Metric, Model, Network, Optimizer, Preprocessing, Save, Schedule,
    Table,
};

#[path = "../common/mod.rs"]
mod common;

/// The command line's options.
struct Options {
    device: Option<String>,
    checkpoint: PathBuf,
    epochs: usize,
    out: Option<PathBuf>,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Trains on handwritten digits with a checkpoint after every epoch; interrupt it, and run it again to resume.",
        );
        let options = Self {
            device: given.device(),
            checkpoint: given.value(
                "--checkpoint",
                "digits.checkpoint",
                common::path,
                "The checkpoint; if it exists, the training resumes from it",
            ),
            epochs: given.value("--epochs", "100", common::number, "Passes over the data in total"),
            out: given.optional("--out", common::path, "Save the trained model; an existing file is not overwritten"),
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
    // Better to fail now than after the training.
    if let Some(out) = &options.out {
        Save::new().check(out)?;
    }
    let digits =
        Table::read_csv(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/digits/digits.csv.gz"), &Csv::new().header(false))?;
    let preprocessing = Preprocessing::fit(&digits, &Columns::classes(digits.names().len() - 1))?;
    let data = preprocessing.transform(&digits)?;
    let network = Network::new(preprocessing.inputs())
        .dense(64, Activation::Relu)
        .dropout(0.2)
        .dense(preprocessing.outputs(), Activation::Softmax);
    let device = common::open_device(options.device.as_deref())?;
    let mut model = Model::new(&device, &network, &Init::HeUniform { seed: 0 })?.with_preprocessing(preprocessing)?;
    let fit = Fit::new()
        .loss(Loss::CategoricalCrossEntropy)
        .optimizer(Optimizer::adam())
        .schedule(Schedule::Exponential { factor: 0.98 })
        .batch_size(64)
        .epochs(options.epochs)
        .metrics([Metric::Accuracy])
        .log_every(1)
        .checkpoint(Checkpoint::new(&options.checkpoint));
    let log =
        |log: &shaderprop::Log| eprintln!("epoch {}: loss {:.4}, accuracy {:.4}", log.epoch, log.loss, log.metrics["accuracy"]);
    let history = if options.checkpoint.exists() {
        model.resume_with(&options.checkpoint, &data.inputs, &data.targets, &fit, log)?
    } else {
        model.fit_with(&data.inputs, &data.targets, &fit, log)?
    };
    if let Some(out) = &options.out {
        model.save(out, &Save::new())?;
    }
    let last = history.loss.len() - 1;
    common::print(&format!(
        "epochs {}, loss {}, accuracy {:.4}",
        last + 1,
        history.loss[last],
        history.metrics["accuracy"][last]
    ));
    Ok(())
}
