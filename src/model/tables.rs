//! Models with preprocessing: prediction and evaluation on tables.

use super::model::Model;
use crate::data::{Predictions, Preprocessing, Table};
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
    /// converts the outputs back.
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
        preprocessing.interpret(self.predicting(preprocessing.transform_inputs(table)?).await?)
    }

    /// Evaluates the model on the raw rows of a table, like [`evaluate`](Self::evaluate). The loss is categorical
    /// cross-entropy for classes, and otherwise the mean squared error of the scaled numbers. Metrics that are errors
    /// are in the target's own units.
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
        let data = preprocessing.transform(table)?;
        let loss = if preprocessing.classes().is_some() { Loss::CategoricalCrossEntropy } else { Loss::MeanSquaredError };
        self.evaluating((&data.inputs).into(), (&data.targets).into(), loss).await
    }

    fn preprocessing_for(&self, what: &str) -> Result<&Preprocessing, Error> {
        self.preprocessing.as_ref().ok_or_else(|| Error::Setting {
            what: what.into(),
            expected: "a model with preprocessing".into(),
            got: "one without".into(),
        })
    }
}
