//! A table with words and holes, from CSV to a confusion matrix: `cargo run --release --example table [FILE COLUMN]`.

use shaderprop::*;

#[path = "../common/mod.rs"]
mod common;

fn main() -> std::process::ExitCode {
    common::run(|| {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let shipped = arguments.is_empty();
        let coffee = || vec![concat!(env!("CARGO_MANIFEST_DIR"), "/examples/table/coffee.csv").into(), "grade".into()];
        let arguments = if shipped { coffee() } else { arguments };
        let [file, target] = arguments.try_into().map_err(|_| "expected FILE COLUMN")?;
        let table = Table::read_csv(&file, &Csv::new())?;
        let parts = Split::new(table.rows()).hold_out(0.25)?;
        let (train, test) = (table.select(&parts.train), table.select(&parts.test));

        // What stands for holes, the categories and the scales are learned from the training rows alone.
        let columns = Columns::classes(target.as_str()).missing(Missing::Median);
        let columns = if shipped { columns.drop(["lot"]) } else { columns };
        let preprocessing = Preprocessing::fit(&train, &columns)?;
        let (train, test) = (preprocessing.transform(&train)?, preprocessing.transform(&test)?);

        let network = Network::new(preprocessing.inputs()).dense(32, Activation::Relu);
        let network = network.dense(preprocessing.outputs(), Activation::Softmax);
        let device = common::open_device(None)?;
        let model = Model::new(&device, &network, &Init::default())?;
        let mut model = model.with_preprocessing(preprocessing.clone())?;
        let fit = Fit::new().loss(Loss::CategoricalCrossEntropy).optimizer(Optimizer::adam()).learning_rate(0.01);
        let fit = fit.batch_size(32).epochs(200).validation_split(0.2).early_stopping(EarlyStopping::patience(20));
        model.fit(&train.inputs, &train.targets, &fit)?;

        let evaluation = model.evaluate(&test.inputs, &test.targets, Loss::CategoricalCrossEntropy)?;
        let classes = preprocessing.classes().unwrap_or_default();
        common::print(&common::confusion_matrix(classes, &evaluation.confusion_matrix()));
        common::print(&format!("accuracy {:.4}", evaluation.accuracy));
        Ok(())
    })
}
