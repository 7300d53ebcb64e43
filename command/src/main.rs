//! The command `shaderprop`: trains, measures and applies networks without any Rust code.

mod data;
mod devices;
mod doctor;
mod evaluate;
mod export;
mod inspect;
mod leaks;
mod options;
mod picture;
mod plot;
mod predict;
mod progress;
mod recipe;
mod report;
mod schema;
mod signals;
mod split;
mod sweep;
mod table;
mod talk;
mod train;
mod unread;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::talk::Failure;

/// Trains neural networks on tables and images, on the GPU, without CUDA.
///
/// Results go to stdout, everything else to stderr. Exit codes: 0 success, 1 failure, 2 wrong arguments, 130 and 143 interrupted.
#[derive(Parser)]
#[command(name = "shaderprop", version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Devices(devices::Options),
    Train(Box<train::Options>),
    Sweep(Box<sweep::Options>),
    Evaluate(evaluate::Options),
    Predict(predict::Options),
    Export(export::Options),
    Inspect(inspect::Options),
    Plot(plot::Options),
    Doctor(doctor::Options),
    /// Prints a shell's completion script for this command
    ///
    /// Example: shaderprop completions bash > ~/.local/share/bash-completion/completions/shaderprop
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let quiet = std::env::args_os().any(|word| word == "--quiet" || word == "-q");
    let filter = if quiet { "error,wgpu_hal=off" } else { "warn,wgpu=error,wgpu_hal=off,naga=error" };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(filter))
        .format(|out, record| {
            use std::io::Write;
            writeln!(out, "{}: {}", record.level().as_str().to_lowercase(), record.args())
        })
        .init();
    shaderprop::silence_caught_panics();
    let done = match &arguments.command {
        Command::Devices(options) => devices::run(options),
        Command::Train(options) => train::run(options),
        Command::Sweep(options) => sweep::run(options),
        Command::Evaluate(options) => evaluate::run(options),
        Command::Predict(options) => predict::run(options),
        Command::Export(options) => export::run(options),
        Command::Inspect(options) => inspect::run(options),
        Command::Plot(options) => plot::run(options),
        Command::Doctor(options) => doctor::run(options),
        Command::Completions { shell } => completions(*shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "shaderprop", &mut text);
    talk::print(String::from_utf8_lossy(&text).trim_end())
}
