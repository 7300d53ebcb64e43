//! A table with text, numbers and missing values, from CSV to a confusion matrix.

use shaderprop::*;

#[path = "../common/mod.rs"]
mod common;

fn main() -> std::process::ExitCode {
    common::run(|| {
        let table = Table::read_csv(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/table/coffee.csv"), &Csv::new())?;
        let parts = Split::new(table.rows()).hold_out(0.25)?;
        // Replacements for missing values, categories and scales are learned from the training rows only.
        let columns = Columns::classes("grade").drop(["lot"]).missing(Missing::Median);
        let preprocessing = Preprocessing::fit(&table.select(&parts.train), &columns)?;
        let train = preprocessing.transform(&table.select(&parts.train))?;
        let test = preprocessing.transform(&table.select(&parts.test))?;

        let network = Network::new(preprocessing.inputs()).dense(32, Activation::Relu);
        let network = network.dense(preprocessing.outputs(), Activation::Softmax);
        let mut model = Model::new(&common::open_device(None)?, &network, &Init::default())?;
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.01);
        let fit = fit.batch_size(32).epochs(200).validation_split(0.2).early_stopping(EarlyStopping::patience(20));
        model.fit(&train.inputs, &train.targets, &fit)?;

        let evaluation = model.evaluate(&test.inputs, &test.targets, Loss::CategoricalCrossEntropy)?;
        let classes = preprocessing.classes().unwrap_or_default();
        common::print(&evaluation.confusion_text(classes));
        common::print(&format!("accuracy {:.4}", evaluation.accuracy));
        Ok(())
    })
}
