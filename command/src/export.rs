//! `export`: writes a trained model for other programs.

use std::path::PathBuf;

use clap::Args;
use shaderprop::{Device, Load, Model, Save};

use crate::options::{self, Place};
use crate::talk::{Failure, Talk};

/// Exports a model to ONNX, NPZ, JSON or C, depending on the extension of each file
///
/// Example:
///   shaderprop train examples/iris/iris.csv --out iris.safetensors
///   shaderprop export iris.safetensors iris.onnx iris.c iris.json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// A model or a checkpoint: .safetensors or .npz
    model: PathBuf,
    /// The files to write: .onnx, .npz, .json, .c or .safetensors
    #[arg(required = true, value_name = "OUT")]
    outs: Vec<PathBuf>,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
    /// Print only errors to stderr
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: options.quiet };
    options::check_places(options.outs.iter().map(|out| Place::of_model("OUT", Some(out))), options.force)?;
    let model = Model::load(&Device::cpu(), &options.model, &Load::new())?;
    for out in &options.outs {
        model.save(out, &Save::new().overwrite(options.force))?;
        talk.say(format!("saved: {}", out.display()));
    }
    Ok(())
}
