//! `evaluate`: measures a model on rows whose target is known.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use shaderprop::{Load, Model, Predictions, Table};

use crate::data;
use crate::options::{self, Format, OnDevice, Opened, Place};
use crate::picture::{self, confusion::Confusion, scatter::Scatter};
use crate::recipe::{self, Task};
use crate::report::{self, Score};
use crate::talk::{self, Failure, Talk, short};
use crate::unread::Unread;

/// Evaluates a trained model on rows whose target is known
///
/// Example:
///   shaderprop train examples/iris/iris.csv --out iris.safetensors
///   shaderprop evaluate iris.safetensors examples/iris/iris.csv --plot confusion.png
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// A model or a checkpoint that `train` wrote: .safetensors or .npz
    model: PathBuf,
    /// Rows with the target column, in any format that `train` reads; for MNIST's folder, its test images
    #[arg(required = true, num_args = 1..=2, value_name = "DATA")]
    data: Vec<PathBuf>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    device: OnDevice,
    /// Draw the confusion matrix, or predictions against actual values: .png or .svg
    #[arg(long, value_name = "FILE", value_parser = picture::file, help_heading = "Files")]
    plot: Option<PathBuf>,
    /// Accept any number of cells that are not numbers in columns of numbers; by default at most 1 % of a column
    #[arg(long, help_heading = "Data")]
    lenient: bool,
    /// Overwrite an existing file
    #[arg(long, help_heading = "Files")]
    force: bool,
    /// Print one JSON object instead of text
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Print only errors to stderr
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

/// With more classes that were not in training, the confusion matrix says nothing.
const MOST_UNSEEN: usize = 10;

/// The largest number of classes for which an evaluation has a confusion matrix.
const MOST_DRAWN: usize = 1024;

pub fn run(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: options.quiet };
    options::check_places([Place::of("--plot", options.plot.as_ref())], options.force)?;
    let (model, opened) = load(&options.model, &options.device, 1024)?;
    let preprocessing = fitted(&model, &options.model)?;
    let count = preprocessing.classes().map_or(0, <[String]>::len);
    if options.plot.is_some() && count > MOST_DRAWN {
        return Err(Failure::Arguments(format!(
            "--plot: expected at most {MOST_DRAWN} classes for a confusion matrix, got {count}; leave it out"
        )));
    }
    let data = data::read(&options.data, &options.format, talk)?;
    let table = data.test.unwrap_or(data.table);
    let all = table.rows();
    let table = preprocessing.rows_with_target(&table)?;
    if table.rows() < all {
        let (left_out, target) = (data::count_of(all - table.rows(), "row"), short(preprocessing.target(), 60));
        talk.say(format!("left out {left_out} without `{target}`"));
    }
    let mut unread = Unread::default();
    unread.add(preprocessing.unread(&table)?);
    unread.tell(options.lenient)?;
    let mut unknown = Unread::default();
    unknown.add(preprocessing.unknown_categories(&table)?);
    unknown.tell_unknown(talk);
    talk.opened(&opened);
    let task = if preprocessing.classes().is_some() { Task::Classify } else { Task::Regress };
    let evaluation = model.evaluate_table(&table)?;
    let score = Score::of("this model", task, &evaluation);
    let classes = preprocessing.classes().unwrap_or_default();
    let unseen: Vec<&str> = evaluation.unseen_classes().collect();
    if !unseen.is_empty() {
        let were = if unseen.len() == 1 { "1 class was".into() } else { format!("{} classes were", unseen.len()) };
        talk.say(format!(
            "notice: {were} not in training, so that such rows count as wrong answers, but not in the loss: {}",
            talk::listed(&unseen)
        ));
    }
    if let Some(path) = &options.plot {
        match task {
            Task::Classify => {
                let counts = evaluation.confusion_matrix();
                let all: Vec<String> = classes.iter().cloned().chain(unseen.iter().map(|class| (*class).to_owned())).collect();
                picture::save(path, options.force, picture::SIZE, &Confusion { classes: &all, counts: &counts })?;
            }
            Task::Regress => {
                let target = preprocessing.target();
                let points = points(&model, &table)?;
                picture::save(path, options.force, picture::SIZE, &Scatter { target, points: &points })?;
            }
        }
        talk.say(format!("picture: {}", path.display()));
    }
    if options.json {
        let object = json!({
            "rows": table.rows(),
            "loss": evaluation.loss,
            "metrics": score.json(),
            "classes": classes,
            "unseen_classes": unseen,
            "unread_cells": unread.json(),
            "unknown_categories": unknown.json(),
            "confusion_matrix": if task == Task::Classify { evaluation.confusion_matrix() } else { vec![] },
        });
        return talk::print(&object.to_string());
    }
    let rows = data::count_of(table.rows(), "row");
    talk::print(&format!("On {rows}: loss {}\n\n{}", talk::figure(evaluation.loss), report::table(&[score])))?;
    if task == Task::Classify && unseen.len() <= MOST_UNSEEN && !evaluation.confusion_matrix().is_empty() {
        talk::print(&format!("\n{}", evaluation.confusion_text(classes)))?;
    }
    Ok(())
}

/// The actual value and the prediction of each row.
fn points(model: &Model, table: &Table) -> Result<Vec<(f64, f64)>, Failure> {
    let Some(preprocessing) = model.preprocessing() else { return Ok(Vec::new()) };
    let outputs = model.predict(preprocessing.transform_inputs(table)?)?;
    let Predictions::Numbers(numbers) = preprocessing.interpret(outputs)? else { return Ok(Vec::new()) };
    let (column, written) = (preprocessing.find_target(table)?, preprocessing.target_written());
    let is = |row: usize| written.and_then(|written| written.number(&table.cell(row, column))).unwrap_or(f64::NAN);
    Ok(numbers.into_iter().enumerate().map(|(row, predicted)| (is(row), predicted)).collect())
}

/// Loads a model onto a device, for batches of that many rows.
pub fn load(path: &PathBuf, device: &OnDevice, rows: usize) -> Result<(Model, Opened), Failure> {
    // The network's size decides which device is opened, and how. This also reports a bad file before that.
    let known = Model::load(&shaderprop::Device::cpu(), path, &Load::new())?;
    let opened = device.open(recipe::size(known.network(), rows))?;
    Ok((Model::load(&opened.device, path, &Load::new())?, opened))
}

/// A model's preprocessing, which every model that `train` saves has.
pub fn fitted<'a>(model: &'a Model, path: &std::path::Path) -> Result<&'a shaderprop::Preprocessing, Failure> {
    model.preprocessing().ok_or_else(|| {
        Failure::Run(format!("{}: this model has no table columns; use a model that `shaderprop train` saved", path.display()))
    })
}
