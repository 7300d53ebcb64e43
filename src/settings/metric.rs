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
    /// True positives / predicted positives: for yes, or averaged over the classes. 0 where nothing was predicted
    /// positive.
    Precision,
    /// True positives / actual positives: for yes, or averaged over the classes. 0 where nothing is positive.
    Recall,
    /// 2 · precision · recall / (precision + recall): for yes, or averaged over the classes.
    F1,
    /// The mean of |y − t|, in the target's own units if the model has a preprocessing that scales it.
    MeanAbsoluteError,
    /// The square root of the mean of (y − t)², in the same units.
    RootMeanSquaredError,
    /// 1 minus the sum of squared errors divided by the sum of the targets' squared distances from their means, over
    /// all outputs together.
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
            Metric::Precision => mean_over_classes(counts, scale, |right, taken, _| share(right, taken)),
            Metric::Recall => mean_over_classes(counts, scale, |right, _, of| share(right, of)),
            Metric::F1 => mean_over_classes(counts, scale, |right, taken, of| share(2 * right, taken + of)),
            Metric::MeanAbsoluteError => error(2) * scale.unit,
            Metric::RootMeanSquaredError => error(1).sqrt() * scale.unit,
            Metric::RSquared => 1.0 - error(1) / scale.variance,
        }
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

/// The mean over the classes, or the value for yes, of a function of (true positives, predicted positives, actual
/// positives).
fn mean_over_classes(counts: &[u64], scale: &Scale, of: impl Fn(u64, u64, u64) -> f64) -> f64 {
    let Some(matrix) = confusion(counts, scale) else { return f64::NAN };
    let value = |class: usize| {
        let taken = matrix.iter().map(|row| row[class]).sum();
        of(matrix[class][class], taken, matrix[class].iter().sum())
    };
    match scale.counts {
        Some(Counts::Binary) => value(1),
        _ => (0..matrix.len()).map(value).sum::<f64>() / matrix.len() as f64,
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
