//! Models with preprocessing: prediction and evaluation on tables.

use std::collections::BTreeMap;

use super::model::Model;
use crate::data::{Predictions, Preprocessing, Table, UnreadCells, argmax};
use crate::error::Error;
use crate::infer::Evaluation;
use crate::network::Loss;

impl Model {
    /// Attaches a fitted preprocessing to the model, so that it can predict from the raw rows of a table.
    ///
    /// # Errors
    /// [`Error::Shape`] if the network's inputs or outputs do not match the preprocessing.
    pub fn with_preprocessing(mut self, preprocessing: Preprocessing) -> Result<Self, Error> {
        let sizes = (preprocessing.inputs(), preprocessing.outputs());
        if sizes != (self.network.inputs(), self.network.outputs()) {
            return Err(Error::Shape {
                what: "a network for that preprocessing".into(),
                expected: format!("{} inputs and {} outputs", sizes.0, sizes.1),
                got: format!("{} and {}", self.network.inputs(), self.network.outputs()),
                advice: "change the network".into(),
            });
        }
        self.preprocessing = Some(preprocessing);
        Ok(self)
    }

    /// The attached preprocessing, if any.
    pub fn preprocessing(&self) -> Option<&Preprocessing> {
        self.preprocessing.as_ref()
    }

    /// Predicts class names or numbers for the raw rows of a table. The [`Preprocessing`] transforms the rows and
    /// converts the outputs back. A few cells in columns of numbers may be other text, and are treated as missing:
    /// [`Preprocessing::unread`] counts them, and more than 1 % of a column are an error.
    ///
    /// # Errors
    /// [`Error::Setting`] without preprocessing; [`Error::UnknownColumn`] and [`Error::Cell`]; and as
    /// [`predict`](Self::predict).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn predict_table(&self, table: &Table) -> Result<Predictions, Error> {
        self.device.block_on(self.predicting_table(table))
    }

    /// The async form of [`predict_table`](Self::predict_table), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`predict_table`](Self::predict_table).
    pub async fn predict_table_async(&self, table: &Table) -> Result<Predictions, Error> {
        self.device.drive(self.predicting_table(table)).await
    }

    async fn predicting_table(&self, table: &Table) -> Result<Predictions, Error> {
        let preprocessing = self.preprocessing_for("predicting from a table")?;
        if let Some(unread) = preprocessing.unread(table)?.into_iter().find(UnreadCells::is_too_many) {
            return Err(unread.refused());
        }
        preprocessing.interpret(self.predicting(preprocessing.transform_inputs(table)?).await?)
    }

    /// Evaluates the model on the raw rows of a table, like [`evaluate`](Self::evaluate). The loss is categorical
    /// cross-entropy for classes, and otherwise the mean squared error of the scaled numbers. Metrics that are errors
    /// are in the target's own units. A class that the model has not seen in training is a wrong answer:
    /// [`Evaluation::unseen_classes`].
    ///
    /// # Errors
    /// The same as [`predict_table`](Self::predict_table). The table needs the target column.
    ///
    /// ```
    /// use shaderprop::{Activation, Columns, Csv, Device, Init, Metric, Model, Network, Preprocessing, Table};
    /// let table = Table::from_csv("size,price\n1,100\n2,300\n".as_bytes(), &Csv::new())?;
    /// let preprocessing = Preprocessing::fit(&table, &Columns::number("price"))?;
    /// // The network predicts 0, which is the mean price, 200.
    /// let model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), &Init::Zeros)?;
    /// let evaluation = model.with_preprocessing(preprocessing)?.evaluate_table(&table)?;
    /// assert_eq!(evaluation.metric(Metric::RootMeanSquaredError), 100.0);
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn evaluate_table(&self, table: &Table) -> Result<Evaluation, Error> {
        self.device.block_on(self.evaluating_table(table))
    }

    /// The async form of [`evaluate_table`](Self::evaluate_table), for browsers and event loops.
    ///
    /// # Errors
    /// The same as [`evaluate_table`](Self::evaluate_table).
    pub async fn evaluate_table_async(&self, table: &Table) -> Result<Evaluation, Error> {
        self.device.drive(self.evaluating_table(table)).await
    }

    async fn evaluating_table(&self, table: &Table) -> Result<Evaluation, Error> {
        let preprocessing = self.preprocessing_for("evaluating on a table")?;
        let Some(classes) = preprocessing.classes() else {
            let data = preprocessing.transform(table)?;
            return self.evaluating((&data.inputs).into(), (&data.targets).into(), Loss::MeanSquaredError).await;
        };
        let of_rows = preprocessing.class_of_rows(table)?;
        let (known, unseen): (Vec<usize>, Vec<usize>) = (0..table.rows()).partition(|row| of_rows[*row].is_some());
        let known_part = if unseen.is_empty() { table.clone() } else { table.select(&known) };
        let evaluation = match known.len() {
            0 if !unseen.is_empty() => Evaluation::of_no_rows(classes.len()),
            _ => {
                let data = preprocessing.transform(&known_part)?;
                self.evaluating((&data.inputs).into(), (&data.targets).into(), Loss::CategoricalCrossEntropy).await?
            }
        };
        if unseen.is_empty() {
            return Ok(evaluation);
        }
        let target = preprocessing.find_target(table)?;
        let outputs = self.predicting(preprocessing.transform_inputs(&table.select(&unseen))?).await?;
        let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (i, row) in unseen.iter().enumerate() {
            let counts = counts.entry(table.cell(*row, target).into_owned()).or_insert_with(|| vec![0; classes.len()]);
            counts[argmax(outputs.row(i))] += 1;
        }
        Ok(evaluation.with_unseen(counts.into_iter().collect()))
    }

    fn preprocessing_for(&self, what: &str) -> Result<&Preprocessing, Error> {
        self.preprocessing.as_ref().ok_or_else(|| Error::Setting {
            what: what.into(),
            expected: "a model with preprocessing".into(),
            got: "one without".into(),
        })
    }
}
