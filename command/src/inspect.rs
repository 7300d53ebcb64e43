//! `inspect`: prints what is in a model's file.

use std::path::PathBuf;

use clap::Args;
use shaderprop::{Device, Fit, Load, Model};

use crate::talk::{self, Failure, short};

/// Prints the layers, parameters and columns of a model or a checkpoint, and how it was trained
///
/// Example:
///   shaderprop train examples/iris/iris.csv --out iris.safetensors
///   shaderprop inspect iris.safetensors
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// A model or a checkpoint: .safetensors or .npz
    file: PathBuf,
}

pub fn run(options: &Options) -> Result<(), Failure> {
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
