//! `inspect`: prints what is in a model's file, or what is inferred of a table.

use std::path::PathBuf;

use clap::Args;
use shaderprop::{Device, Fit, Load, Model};

use crate::options::{self, Format, Place};
use crate::schema;
use crate::table::{ColumnOptions, SplitOptions, What};
use crate::talk::{self, Failure, Talk, short};

/// Prints the layers, parameters and columns of a model or a checkpoint, and how it was trained; or what is inferred of a table
///
/// Examples:
///   shaderprop train examples/iris/iris.csv --out iris.safetensors
///   shaderprop inspect iris.safetensors
///   shaderprop inspect examples/table/coffee.csv --schema coffee.toml
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// A model or a checkpoint (.safetensors or .npz), or a table as for `train`
    file: PathBuf,
    /// The targets of a table of arrays
    targets: Option<PathBuf>,
    /// Write what is inferred of a table to a file (.toml), which can be edited and given to train and sweep
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    schema: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long, help_heading = "Files")]
    force: bool,
    #[command(flatten)]
    columns: ColumnOptions,
    #[command(flatten)]
    format: Format,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let endings = ["safetensors", "npz", "checkpoint", "onnx", "json", "c"];
    let is_model = options.file.extension().is_some_and(|end| endings.iter().any(|ending| end == *ending));
    if is_model { model(options) } else { table(options) }
}

/// Prints what is inferred of a table, and writes it if that is asked for.
fn table(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: false };
    options::check_places([Place::of("--schema", options.schema.as_ref())], options.force)?;
    let data = [Some(options.file.clone()), options.targets.clone()].into_iter().flatten().collect();
    let what = What {
        data,
        schema: None,
        columns: options.columns.clone(),
        split: SplitOptions::default(),
        format: options.format.clone(),
    };
    let learned = what.read(talk)?;
    talk::print(&learned.schema.to_string())?;
    if let Some(path) = &options.schema {
        schema::write(path, options.force, &learned.schema)?;
        talk.say(format!("schema: {}", path.display()));
    }
    Ok(())
}

fn model(options: &Options) -> Result<(), Failure> {
    if options.schema.is_some() {
        return Err(Failure::Arguments("--schema applies to a table, not to a model; leave it out".into()));
    }
    let model = Model::load(&Device::cpu(), &options.file, &Load::new())?;
    let mut lines = vec![format!(
        "{}: a model with {} inputs, trained for {} epochs",
        options.file.display(),
        model.network().inputs(),
        model.epochs()
    )];
    lines.push(String::new());
    lines.push(model.summary(&Fit::new(), 1)?.to_string());
    if let Some(preprocessing) = model.preprocessing() {
        lines.push(format!("\n{preprocessing}"));
    }
    if !model.notes().is_empty() {
        lines.push("\nHow it was trained:".into());
        // A file from elsewhere may have any text in its notes.
        let notes: Vec<_> = model.notes().iter().map(|(name, text)| (short(name, 60), short(text, 1000))).collect();
        let longest = notes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        lines.extend(notes.iter().map(|(name, text)| format!("  {name:longest$}  {text}")));
    }
    talk::print(&lines.join("\n"))
}
