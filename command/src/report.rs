//! A model's metrics on some rows, next to those of trivial predictions.

use serde_json::{Map, Value, json};
use shaderprop::{Evaluation, Metric, Preprocessing, Table};

use crate::progress::spaced;
use crate::recipe::Task;
use crate::talk::{Failure, figure, short};

/// A model's name, and its metrics with their names.
pub struct Score {
    pub name: String,
    pub values: Vec<(String, f64)>,
}

/// The metrics that a result lists.
fn metrics(task: Task) -> &'static [Metric] {
    match task {
        Task::Classify => &[Metric::Accuracy, Metric::Precision, Metric::Recall, Metric::F1],
        Task::Regress => &[Metric::RootMeanSquaredError, Metric::MeanAbsoluteError, Metric::RSquared],
    }
}

impl Score {
    pub fn of(name: &str, task: Task, evaluation: &Evaluation) -> Self {
        let values = metrics(task).iter().map(|metric| (metric.name().into_owned(), evaluation.metric(*metric))).collect();
        Self { name: name.into(), values }
    }

    pub fn json(&self) -> Value {
        Value::Object(self.values.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>())
    }

    /// The main metric.
    pub fn first(&self) -> (&str, f64) {
        self.values.first().map_or(("loss", f64::NAN), |(name, value)| (name, *value))
    }
}

/// The metrics, on other rows, of always predicting the training rows' most frequent class or their mean. No target may
/// be missing.
pub fn trivial(preprocessing: &Preprocessing, train: &Table, other: &Table) -> Result<Score, Failure> {
    match preprocessing.target_written() {
        None => majority(preprocessing, train, other),
        Some(written) => {
            let (of_train, of_other) = (preprocessing.find_target(train)?, preprocessing.find_target(other)?);
            let numbers = |table: &Table, column: usize| -> Vec<f64> {
                (0..table.rows()).filter_map(|row| written.number(&table.cell(row, column))).collect()
            };
            Ok(mean(&numbers(train, of_train), &numbers(other, of_other)))
        }
    }
}

fn majority(preprocessing: &Preprocessing, train: &Table, other: &Table) -> Result<Score, Failure> {
    let classes = preprocessing.classes().unwrap_or_default();
    let mut counts = vec![0; classes.len()];
    preprocessing.class_of_rows(train)?.into_iter().flatten().for_each(|class| counts[class] += 1);
    let most = (0..classes.len()).fold(0, |most, class| if counts[class] > counts[most] { class } else { most });
    // The last class is that of rows whose class has no training row.
    let mut matrix = vec![vec![0; classes.len() + 1]; classes.len() + 1];
    preprocessing.class_of_rows(other)?.into_iter().for_each(|class| matrix[class.unwrap_or(classes.len())][most] += 1);
    let values = metrics(Task::Classify).iter().map(|metric| (metric.name().into_owned(), metric.of_confusion_matrix(&matrix)));
    Ok(Score { name: format!("always `{}`", short(&classes[most], 30)), values: values.collect() })
}

fn mean(train: &[f64], numbers: &[f64]) -> Score {
    let average = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
    let mean = average(train);
    let squares = |around: f64| average(&numbers.iter().map(|number| (number - around).powi(2)).collect::<Vec<_>>());
    let absolute = average(&numbers.iter().map(|number| (number - mean).abs()).collect::<Vec<_>>());
    let equal = numbers.iter().all(|number| *number == numbers[0]);
    let variance = if equal { 0.0 } else { squares(average(numbers)) };
    let values = [
        ("root_mean_squared_error", squares(mean).sqrt()),
        ("mean_absolute_error", absolute),
        ("r_squared", if variance == 0.0 { f64::NAN } else { 1.0 - squares(mean) / variance }),
    ];
    Score { name: "always the mean".into(), values: values.map(|(name, value)| (name.to_owned(), value)).to_vec() }
}

/// A table of scores, one per line. In a narrow terminal the last metrics are left out.
pub fn table(scores: &[Score]) -> String {
    let width = console::Term::stdout().size_checked().map_or(usize::MAX, |(_, columns)| columns.into());
    let first = scores.iter().map(|score| score.name.chars().count()).max().unwrap_or(0);
    let names: Vec<String> = scores.first().map_or(vec![], |score| score.values.iter().map(|(name, _)| spaced(name)).collect());
    let column = |name: &str| name.len().max(9);
    let fits = |count: usize| first + names[..count].iter().map(|name| column(name) + 2).sum::<usize>() <= width;
    let shown = (1..=names.len()).rev().find(|count| fits(*count)).unwrap_or(1).min(names.len());
    let number = |value: f64| if value.is_nan() { "undefined".into() } else { figure(value) };
    let mut lines = vec![names[..shown].iter().fold(" ".repeat(first), |line, name| format!("{line}  {name:>9}"))];
    for score in scores {
        let cells = score.values.iter().zip(&names[..shown]);
        let cells = cells.map(|((_, value), name)| format!("  {:>width$}", number(*value), width = column(name)));
        lines.push(format!("{:first$}{}", score.name, cells.collect::<String>()));
    }
    lines.join("\n")
}
