//! Writes complete WGSL modules to a folder: each stage with each function that can be appended to it, a network's blocked
//! products, and some fused kernels.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use shaderprop::internals::{Fused, Kernel, Limits, Plan, Products, TableSize, TrainingStep};
use shaderprop::{Activation, Loss, Network};

#[path = "../common/mod.rs"]
mod common;

/// The command line's options.
struct Options {
    layers: Vec<usize>,
    batch: usize,
    folder: Option<PathBuf>,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Writes complete WGSL modules to a folder, to read or to process: all stages, the blocked products of a network, and some fused kernels.",
        );
        let options = Self {
            layers: given.value(
                "--layers",
                "784,512,512,10",
                common::numbers,
                "The network: the number of inputs, then the units of each layer",
            ),
            batch: given.value("--batch", "256", common::at_least_one, "Rows in a step"),
            folder: given.path("FOLDER", "The folder to write to; an existing file with other content is not overwritten"),
        };
        given.end();
        options
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| write(&options))
}

fn write(options: &Options) -> Result<(), Box<dyn Error>> {
    let at = |error: std::io::Error, path: &PathBuf| format!("{}: {error}; choose another folder", path.display());
    let folder = options.folder.as_ref().ok_or("no folder given")?;
    fs::create_dir_all(folder).map_err(|error| at(error, folder))?;
    let [inputs, units @ ..] = &options.layers[..] else {
        return Err("--layers: expected at least the inputs and one layer, such as 784,128,10".into());
    };
    let network = units.iter().fold(Network::new(*inputs), |network, units| network.dense(*units, Activation::Sigmoid));
    let mut kernels = Kernel::all();
    kernels.extend(Fused::some().into_iter().map(|fused| Kernel::Fused(Box::new(fused))));
    for products in [
        Products::Rows { lanes: Some(8), most: 32 },
        Products::Rows { lanes: Some(8), most: 16 },
        Products::Rows { lanes: None, most: 16 },
        Products::Tiles,
    ] {
        // The limits of a large device.
        let limits = Limits { products, software: products != Products::Tiles, ..Limits::CPU };
        let table = TableSize { steps: 1, losses: 1 };
        let plan = Plan::training(&TrainingStep::new(&network, Loss::MeanSquaredError, options.batch), table, limits)?;
        for kernel in plan.plan.dispatches.into_iter().map(|dispatch| dispatch.kernel) {
            if !kernels.contains(&kernel) {
                kernels.push(kernel);
            }
        }
    }
    for kernel in kernels {
        let path = folder.join(kernel.module_name());
        match File::create_new(&path) {
            Ok(mut file) => file.write_all(kernel.source().as_bytes()).map_err(|error| at(error, &path))?,
            // An earlier run has written the same file.
            Err(_) if fs::read(&path).is_ok_and(|there| there == kernel.source().as_bytes()) => (),
            Err(error) => return Err(at(error, &path).into()),
        }
        common::print(&path.display().to_string());
    }
    Ok(())
}
