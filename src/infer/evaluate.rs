//! Evaluation: the loss and the metrics over rows, without training.

use super::resident::Resident;
use super::subject::Subject;
use crate::data::Data;
use crate::display::short;
use crate::error::Error;
use crate::network::Loss;
use crate::settings::{Counts, Measured, Metric, Scale, Scores, confusion};

/// The maximum number of classes for which a confusion matrix is counted.
const LARGEST_CONFUSION: usize = 1024;

/// The result of [`evaluate`](crate::Model::evaluate): the loss and metrics over all rows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The loss over all rows.
    pub loss: f64,
    /// The share of correct predictions: [`Metric::Accuracy`]. For independent yes-or-no outputs, an output above 0.5
    /// counts as 1 and any other as 0. A target that is neither 0 nor 1 is never correct. (Keras's `"accuracy"` of
    /// several such outputs is the categorical one.)
    pub accuracy: f64,
    pub(crate) measured: Measured,
    pub(crate) scale: Scale,
    /// Classes that the model does not have: the name, and how often each class was predicted in their rows.
    pub(crate) unseen: Vec<(String, Vec<u64>)>,
}

impl Evaluation {
    /// The value of a metric over all rows. It is NaN for [`Metric::TopK`] with more than the number of classes, and
    /// for metrics that need the confusion matrix where that is not counted.
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Init, Loss, Metric, Model, Network};
    /// let model = Model::new(&Device::cpu(), &Network::new(1).dense(1, Activation::Identity), &Init::Zeros)?;
    /// let evaluation = model.evaluate(&[[0.0], [0.0]], &[[3.0], [-1.0]], Loss::MeanSquaredError)?;
    /// assert_eq!(evaluation.metric(Metric::MeanAbsoluteError), 2.0);
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn metric(&self, metric: Metric) -> f64 {
        let value = metric.value(&self.measured, &self.scale);
        if self.unseen.is_empty() {
            return value;
        }
        match metric {
            Metric::Precision | Metric::Recall | Metric::F1 => metric.of_confusion_matrix(&self.confusion_matrix()),
            // Rows of unseen classes are wrong.
            _ if self.scale.rows == 0 => 0.0,
            _ => value * self.scale.rows as f64 / self.rows() as f64,
        }
    }

    /// The number of rows, with those of unseen classes.
    pub fn rows(&self) -> usize {
        self.scale.rows + self.unseen.iter().flat_map(|(_, counts)| counts).sum::<u64>() as usize
    }

    /// The classes of the rows that the model does not have, since it did not see them in training. Their rows count as
    /// wrong answers, but not in the loss. Only [`evaluate_table`](crate::Model::evaluate_table) knows of them.
    pub fn unseen_classes(&self) -> impl Iterator<Item = &str> {
        self.unseen.iter().map(|(name, _)| name.as_str())
    }

    /// Adds classes that the model does not have.
    pub(crate) fn with_unseen(mut self, unseen: Vec<(String, Vec<u64>)>) -> Self {
        self.unseen = unseen;
        self.accuracy = self.metric(Metric::Accuracy);
        self
    }

    /// The evaluation of no rows, for a model with that number of classes.
    pub(crate) fn of_no_rows(outputs: usize) -> Self {
        let counts = Counts::Classes { confusion: outputs <= LARGEST_CONFUSION };
        let scale = Scale { rows: 0, outputs, counts: Some(counts), variance: 0.0, unit: 1.0 };
        let measured = Measured { losses: vec![f64::NAN; 3], counts: vec![0; counts.len(outputs)] };
        Self { loss: f64::NAN, accuracy: 0.0, measured, scale, unseen: Vec::new() }
    }

    /// The confusion matrix: one row for each true class, one column for each predicted class. For yes-or-no outputs
    /// the classes are no and yes. [Unseen classes](Self::unseen_classes) are last. Empty for more than 1,024 classes.
    pub fn confusion_matrix(&self) -> Vec<Vec<u64>> {
        let mut matrix = confusion(&self.measured.counts, &self.scale).unwrap_or_default();
        if !matrix.is_empty() {
            matrix.extend(self.unseen.iter().map(|(_, counts)| counts.clone()));
            let classes = matrix.len();
            matrix.iter_mut().for_each(|row| row.resize(classes, 0));
        }
        matrix
    }

    /// Formats the confusion matrix as text with the class names as headings, and those of unseen classes after them.
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Init, Loss, Model, Network};
    /// let model = Model::new(&Device::cpu(), &Network::new(1).dense(2, Activation::Softmax), &Init::Zeros)?;
    /// let evaluation = model.evaluate(&[[0.0], [0.0]], &[[0.0], [1.0]], Loss::CategoricalCrossEntropy)?;
    /// let text = evaluation.confusion_text(&["no".to_owned(), "yes".to_owned()]);
    /// assert_eq!(text.lines().last(), Some("              yes |   1   0"));
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn confusion_text(&self, classes: &[String]) -> String {
        let counts = self.confusion_matrix();
        let classes = classes.iter().map(String::as_str).chain(self.unseen_classes());
        let classes: Vec<String> = classes.map(|class| short(class, 30)).collect();
        let longest = counts.iter().flatten().map(|count| count.to_string().len());
        let width = classes.iter().map(|class| class.chars().count()).chain(longest).max().unwrap_or(0) + 1;
        let corner = "actual, predicted";
        let first = width.max(corner.len());
        let row = |head: &str, cells: &mut dyn Iterator<Item = String>| {
            cells.fold(format!("{head:>first$} |"), |line, cell| line + &format!("{cell:>width$}"))
        };
        let mut lines = vec![row(corner, &mut classes.iter().cloned())];
        lines.push("-".repeat(lines[0].chars().count()));
        for (class, counts) in classes.iter().zip(&counts) {
            lines.push(row(class, &mut counts.iter().map(u64::to_string)));
        }
        lines.join("\n")
    }
}

/// Evaluates the network on those rows with that loss; metrics that are errors are multiplied by `unit`.
pub async fn evaluate(subject: &Subject<'_>, data: &Data<'_>, loss: Loss, unit: f64) -> Result<Evaluation, Error> {
    let (rows, outputs) = (data.inputs.rows(), subject.network.outputs());
    let counts = match subject.network.predicts_classes(loss) {
        true => Counts::Classes { confusion: outputs <= LARGEST_CONFUSION },
        false => Counts::Binary,
    };
    let scores = Scores { counts: Some(counts), errors: true };
    let mut measured = Measured { losses: vec![0.0; scores.losses()], counts: vec![0; counts.len(outputs)] };
    let mut kept = None;
    for piece in subject.pieces(rows) {
        let share = piece.len() as f64 / rows as f64;
        let part = data.select(&piece.clone().collect::<Vec<_>>());
        let resident = match Resident::kept(&mut kept, piece.len()) {
            Some(resident) => resident,
            None => kept.insert(Resident::evaluation(subject, loss, scores, piece.len()).await?),
        };
        let Measured { losses, counts } = resident.evaluate(part.inputs.values(), &part.dense_targets(outputs), scores).await?;
        measured.losses.iter_mut().zip(losses).for_each(|(sum, mean)| *sum += mean * share);
        measured.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    let scale = Scale { rows, outputs, counts: Some(counts), variance: data.variance(outputs), unit };
    let accuracy = Metric::Accuracy.value(&measured, &scale);
    Ok(Evaluation { loss: measured.losses[0], accuracy, measured, scale, unseen: Vec::new() })
}
