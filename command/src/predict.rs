//! `predict`: applies a model to rows. CSV is read in chunks, so its length has no limit.

use std::io::{BufWriter, Write, stdin, stdout};
use std::path::{Path, PathBuf};

use clap::Args;
use shaderprop::{Model, Predictions, Table, TableReader};

use crate::data;
use crate::evaluate::{fitted, load};
use crate::options::{Format, OnDevice};
use crate::talk::{Failure, Talk, stdout_failed};
use crate::unread::Unread;

/// Applies a model to rows, and prints a CSV with one line for each row: `prediction`, and for classes one `probability_CLASS` each
///
/// Example:
///   shaderprop train examples/iris/iris.csv --out iris.safetensors
///   shaderprop predict iris.safetensors examples/iris/iris.csv > predictions.csv
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Options {
    /// A model or a checkpoint that `train` wrote: .safetensors or .npz
    model: PathBuf,
    /// Rows in any format that `train` reads, with or without the target column; `-` reads CSV from stdin
    data: PathBuf,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    device: OnDevice,
    /// Accept any number of cells that are not numbers in columns of numbers; by default at most 1 % of a column
    #[arg(long, help_heading = "Data")]
    lenient: bool,
    /// Print only errors to stderr
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

/// The number of CSV rows that are read and predicted at once.
const ROWS: usize = 8192;

pub fn run(options: &Options) -> Result<(), Failure> {
    let talk = Talk { quiet: options.quiet };
    let (model, opened) = load(&options.model, &options.device, 1024)?;
    let preprocessing = fitted(&model, &options.model)?;
    let csv = options.format.csv();
    let mut rows = match &options.data {
        path if path == Path::new("-") => Rows::Read(Box::new(TableReader::new(stdin(), &csv)?)),
        path if path.is_dir() || data::is_array(path) => {
            let data = data::read(std::slice::from_ref(path), &options.format, talk)?;
            Rows::Whole(Some(Box::new(data.test.unwrap_or(data.table))))
        }
        path => Rows::Read(Box::new(TableReader::open(path, &csv)?)),
    };
    if let Rows::Read(reader) = &rows {
        data::say_notices(reader, talk);
    }
    talk.opened(&opened);
    let mut out = csv::Writer::from_writer(BufWriter::new(stdout().lock()));
    let mut header = true;
    let mut line = csv::StringRecord::new();
    let (mut unread, mut unknown) = (Unread::default(), Unread::default());
    let mut next = rows.next()?;
    while let Some(table) = next {
        unread.add_rows(table.rows());
        unread.add(preprocessing.unread(&table)?);
        unknown.add_rows(table.rows());
        unknown.add(preprocessing.unknown_categories(&table)?);
        next = rows.next()?;
        if next.is_none() {
            // What is wrong with a short table is said before anything of it is printed.
            unread.tell(options.lenient)?;
            unknown.tell_unknown(talk);
        }
        let predictions = preprocessing.interpret(model.predict(preprocessing.transform_inputs(&table)?)?)?;
        if std::mem::take(&mut header) {
            write(&mut out, &names(&model))?;
        }
        for row in 0..table.rows() {
            line.clear();
            match &predictions {
                Predictions::Classes { classes, probabilities } => {
                    line.push_field(&classes[row]);
                    probabilities.row(row).iter().for_each(|probability| line.push_field(&probability.to_string()));
                }
                Predictions::Numbers(numbers) => line.push_field(&numbers[row].to_string()),
                _ => return Err(Failure::Run("unknown kind of prediction; please report this".into())),
            }
            write(&mut out, &line)?;
        }
    }
    if header {
        write(&mut out, &names(&model))?;
    }
    out.flush().map_err(stdout_failed)
}

/// The source of the rows.
enum Rows {
    Read(Box<TableReader>),
    Whole(Option<Box<Table>>),
}

impl Rows {
    fn next(&mut self) -> Result<Option<Table>, Failure> {
        match self {
            Self::Read(reader) => Ok(reader.read(ROWS)?),
            Self::Whole(table) => Ok(table.take().map(|table| *table)),
        }
    }
}

fn names(model: &Model) -> csv::StringRecord {
    let classes = model.preprocessing().and_then(|preprocessing| preprocessing.classes()).unwrap_or_default();
    let probabilities = classes.iter().map(|class| format!("probability_{class}"));
    std::iter::once("prediction".to_owned()).chain(probabilities).collect::<Vec<_>>().into()
}

fn write<W: Write>(out: &mut csv::Writer<W>, record: &csv::StringRecord) -> Result<(), Failure> {
    out.write_record(record).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => stdout_failed(error),
        other => Failure::Run(format!("cannot write CSV to stdout: {other:?}; please report this")),
    })
}
