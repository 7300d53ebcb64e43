//! Metrics: what is measured in addition to the loss, from counts and sums computed on the device.

use std::borrow::Cow;

use crate::error::Error;
use crate::network::Loss;
use crate::network::Network;

/// A metric of a network's outputs, computed in addition to the loss. The device does the counting and summing;
/// predictions are not read back.
///
/// If the last layer is a softmax or the loss is categorical cross-entropy, the class of a row is its largest output.
/// Otherwise each output is an independent yes-or-no answer: yes above 0.5, with a target of 0 or 1.
///
/// ```
/// use shaderprop::{Fit, Metric};
/// let fit = Fit::new().metrics([Metric::Accuracy, Metric::TopK(3)]);
/// assert_eq!(Metric::TopK(3).name(), "top_3_accuracy");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// The fraction of rows, or of yes-or-no answers, that are correct.
    Accuracy,
    /// The fraction of rows whose class is among the k largest outputs. For classes only.
    TopK(usize),
    /// True positives / predicted positives: for yes, or averaged over the classes that occur in the rows or in the
    /// predictions. 0 where nothing was predicted positive.
    Precision,
    /// True positives / actual positives: for yes, or averaged over the same classes. 0 where nothing is positive.
    Recall,
    /// 2 · precision · recall / (precision + recall): for yes, or averaged over the same classes.
    F1,
    /// The mean of |y − t|, in the target's own units if the model has a preprocessing that scales it.
    MeanAbsoluteError,
    /// The square root of the mean of (y − t)², in the same units.
    RootMeanSquaredError,
    /// 1 minus the sum of squared errors divided by the sum of the targets' squared distances from their means, over
    /// all outputs together. NaN if all targets of a column are equal, as in a single row: it is undefined then.
    RSquared,
}

/// What is counted and summed over a network's outputs for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scores {
    /// How correct outputs are counted.
    pub counts: Option<Counts>,
    /// Whether squared and absolute errors are summed, as additional losses.
    pub errors: bool,
}

/// How correct outputs are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Each output independently, above 0.5 or not.
    Binary,
    /// By the largest output of a row.
    Classes {
        /// Whether the confusion matrix is counted as well.
        confusion: bool,
    },
}

impl Counts {
    /// The number of counters for that many outputs.
    pub fn len(self, outputs: usize) -> usize {
        match self {
            Counts::Binary => 4,
            Counts::Classes { confusion: false } => outputs,
            Counts::Classes { confusion: true } => outputs.saturating_mul(outputs.saturating_add(1)),
        }
    }
}

impl Scores {
    /// The number of losses of a step: the loss itself, and the errors.
    pub fn losses(self) -> usize {
        if self.errors { 3 } else { 1 }
    }
}

/// The counts and sums of a pass over the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    /// The loss, and if errors are summed also the mean squared and the mean absolute error.
    pub losses: Vec<f64>,
    /// The counters, as described by [`Counts`].
    pub counts: Vec<u64>,
}

/// The values needed to compute metrics from what was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub rows: usize,
    pub outputs: usize,
    pub counts: Option<Counts>,
    /// The mean squared distance of the targets from the mean of their column.
    pub variance: f64,
    /// The size of an error of 1 in the target's own units.
    pub unit: f64,
}

impl Metric {
    /// The name in histories and files.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Metric::Accuracy => "accuracy".into(),
            Metric::TopK(k) => format!("top_{k}_accuracy").into(),
            Metric::Precision => "precision".into(),
            Metric::Recall => "recall".into(),
            Metric::F1 => "f1".into(),
            Metric::MeanAbsoluteError => "mean_absolute_error".into(),
            Metric::RootMeanSquaredError => "root_mean_squared_error".into(),
            Metric::RSquared => "r_squared".into(),
        }
    }

    /// Refuses a metric that has no meaning for that network.
    pub(crate) fn check(self, network: &Network, loss: Loss) -> Result<(), Error> {
        let Metric::TopK(k) = self else { return Ok(()) };
        let classes = if network.predicts_classes(loss) { network.outputs() } else { 0 };
        if (1..=classes).contains(&k) {
            return Ok(());
        }
        Err(Error::Setting {
            what: "the k of the metric TopK".into(),
            expected: if classes == 0 {
                "classes, by a softmax last".into()
            } else {
                format!("a number from 1 to {classes}, the number of classes")
            },
            got: k.to_string(),
        })
    }

    /// The counts and sums that the metrics need.
    pub(crate) fn scores(metrics: &[Metric], network: &Network, loss: Loss) -> Scores {
        let mut scores = Scores::default();
        for metric in metrics {
            let confusing = matches!(metric, Metric::Precision | Metric::Recall | Metric::F1);
            match metric {
                Metric::MeanAbsoluteError | Metric::RootMeanSquaredError | Metric::RSquared => scores.errors = true,
                _ if network.predicts_classes(loss) => {
                    let before = matches!(scores.counts, Some(Counts::Classes { confusion: true }));
                    scores.counts = Some(Counts::Classes { confusion: confusing || before });
                }
                _ => scores.counts = Some(Counts::Binary),
            }
        }
        scores
    }

    /// The value of the metric.
    pub(crate) fn value(self, measured: &Measured, scale: &Scale) -> f64 {
        let Measured { losses, counts } = measured;
        let error = |i: usize| losses.get(i).copied().unwrap_or(f64::NAN);
        let classes = matches!(scale.counts, Some(Counts::Classes { .. }));
        match self {
            Metric::Accuracy if classes => counts[0] as f64 / scale.rows as f64,
            Metric::Accuracy => (counts[0] + counts[3]) as f64 / (scale.rows * scale.outputs) as f64,
            Metric::TopK(k) if !classes || !(1..=scale.outputs).contains(&k) => f64::NAN,
            Metric::TopK(k) => counts.iter().take(k).sum::<u64>() as f64 / scale.rows as f64,
            Metric::Precision | Metric::Recall | Metric::F1 => match (confusion(counts, scale), scale.counts) {
                (Some(matrix), Some(Counts::Binary)) => self.of_class(&matrix, 1).unwrap_or(0.0),
                (Some(matrix), _) => self.of_confusion_matrix(&matrix),
                (None, _) => f64::NAN,
            },
            Metric::MeanAbsoluteError => error(2) * scale.unit,
            Metric::RootMeanSquaredError => error(1).sqrt() * scale.unit,
            Metric::RSquared if scale.variance == 0.0 => f64::NAN,
            Metric::RSquared => 1.0 - error(1) / scale.variance,
        }
    }

    /// Accuracy, precision, recall or F1 from a confusion matrix: a row for each true class, a column for each predicted
    /// class. Precision, recall and F1 are means over the classes that occur in a row or a column, as in scikit-learn
    /// with `average="macro"`. NaN for other metrics, for a matrix of zeros, and for one that is not square.
    ///
    /// ```
    /// use shaderprop::Metric;
    /// // Class 2 does not occur, and does not count.
    /// let matrix = vec![vec![3, 1, 0], vec![0, 4, 0], vec![0, 0, 0]];
    /// assert_eq!(Metric::Accuracy.of_confusion_matrix(&matrix), 7.0 / 8.0);
    /// assert_eq!(Metric::Recall.of_confusion_matrix(&matrix), (0.75 + 1.0) / 2.0);
    /// assert!(Metric::F1.of_confusion_matrix(&matrix[..2]).is_nan());
    /// ```
    pub fn of_confusion_matrix(self, matrix: &[Vec<u64>]) -> f64 {
        let classes = 0..matrix.len();
        if matrix.iter().any(|row| row.len() != matrix.len()) {
            return f64::NAN;
        }
        match self {
            Metric::Accuracy => {
                let right: u64 = classes.map(|class| matrix[class][class]).sum();
                right as f64 / matrix.iter().flatten().sum::<u64>() as f64
            }
            Metric::Precision | Metric::Recall | Metric::F1 => {
                let values: Vec<f64> = classes.filter_map(|class| self.of_class(matrix, class)).collect();
                values.iter().sum::<f64>() / values.len() as f64
            }
            _ => f64::NAN,
        }
    }

    /// Precision, recall or F1 of one class; `None` if it occurs neither in the rows nor in the predictions.
    fn of_class(self, matrix: &[Vec<u64>], class: usize) -> Option<f64> {
        let right = matrix[class][class];
        let predicted: u64 = matrix.iter().map(|row| row[class]).sum();
        let actual: u64 = matrix[class].iter().sum();
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        (predicted + actual > 0).then(|| match self {
            Metric::Precision => share(right, predicted),
            Metric::Recall => share(right, actual),
            _ => share(2 * right, predicted + actual),
        })
    }
}

/// The confusion matrix: rows are true classes, columns predicted classes.
pub(crate) fn confusion(counts: &[u64], scale: &Scale) -> Option<Vec<Vec<u64>>> {
    match scale.counts? {
        Counts::Binary => Some(counts.chunks(2).map(<[u64]>::to_vec).collect()),
        Counts::Classes { confusion: false } => None,
        Counts::Classes { confusion: true } => Some(counts[scale.outputs..].chunks(scale.outputs).map(<[u64]>::to_vec).collect()),
    }
}
