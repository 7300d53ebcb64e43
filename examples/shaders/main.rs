//! Writes every assembled WGSL module to a folder: each stage's file with the functions appended that can be chosen for it.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use shaderprop::internals::Kernel;

#[path = "../common/mod.rs"]
mod common;

/// Writes every assembled WGSL module to a folder, for reading and for tools.
#[derive(Parser)]
struct Options {
    /// Where to; a file that is there already and differs is not overwritten
    folder: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    common::run(|| write(&options))
}

fn write(options: &Options) -> Result<(), Box<dyn Error>> {
    let at = |error: std::io::Error, path: &PathBuf| format!("{}: {error}; choose another folder", path.display());
    fs::create_dir_all(&options.folder).map_err(|error| at(error, &options.folder))?;
    for kernel in Kernel::all() {
        let path = options.folder.join(kernel.module_name());
        match File::create_new(&path) {
            Ok(mut file) => file.write_all(kernel.source().as_bytes()).map_err(|error| at(error, &path))?,
            // Of an earlier run, if it is the same.
            Err(_) if fs::read(&path).is_ok_and(|there| there == kernel.source().as_bytes()) => (),
            Err(error) => return Err(at(error, &path).into()),
        }
        common::print(&path.display().to_string());
    }
    Ok(())
}
