//! The data: a CSV file, a pair of arrays, or a folder with MNIST's files; and its target.

use std::path::{Path, PathBuf};

use shaderprop::{Array, Column, Columns, Csv, CsvNotice, Scaling, Table, TableReader};

use crate::options::Format;
use crate::recipe::Task;
use crate::talk::{Failure, Talk, short};

/// A table and its source.
pub struct Data {
    pub table: Table,
    /// The test rows, if the data comes with its own.
    pub test: Option<Table>,
    pub kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// CSV, with or without a header.
    Text { header: bool },
    /// Arrays of numbers.
    Numbers,
    /// Images.
    Images,
}

/// The largest number of classes that a target may have.
const MOST_CLASSES: usize = 1000;

/// So many classes are always allowed.
const FEW: usize = 20;

/// The format of an array file.
enum Stored {
    Npy,
    Idx,
}

/// The format that a file's name stands for; none for CSV.
fn array_kind(path: &Path) -> Option<Stored> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name {
        name if name.ends_with(".npy") => Some(Stored::Npy),
        name if name.ends_with("-ubyte") || name.ends_with(".idx") => Some(Stored::Idx),
        _ => None,
    }
}

fn array(path: &Path) -> Result<(Array, Kind), Failure> {
    match array_kind(path) {
        Some(Stored::Npy) => Ok((Array::read_npy(path)?, Kind::Numbers)),
        Some(Stored::Idx) => Ok((Array::read_idx(path)?, Kind::Images)),
        None => Err(Failure::Arguments(format!(
            "{}: not an array file (.npy, .idx or -ubyte, or these with .gz); give one CSV file or two array files",
            path.display()
        ))),
    }
}

/// Reads the data: one CSV file, or inputs and targets as arrays, or a folder.
pub fn read(paths: &[PathBuf], format: &Format, talk: Talk) -> Result<Data, Failure> {
    match paths {
        [folder] if folder.is_dir() => mnist(folder),
        [path] if array_kind(path).is_none() => {
            let (table, header) = csv(path, &format.csv(), talk)?;
            Ok(Data { table, test: None, kind: Kind::Text { header } })
        }
        [inputs] => {
            let (inputs_of, kind) = array(inputs)?;
            Ok(Data { table: Table::from_arrays(inputs.display().to_string(), inputs_of, None)?, test: None, kind })
        }
        [inputs, targets, ..] => pair(inputs, targets).map(|(table, kind)| Data { table, test: None, kind }),
        [] => Err(Failure::Arguments("DATA: no file given".into())),
    }
}

fn csv(path: &Path, csv: &Csv, talk: Talk) -> Result<(Table, bool), Failure> {
    let mut reader = TableReader::open(path, csv)?;
    say_notices(&reader, talk);
    let header = reader.has_header();
    match reader.read(usize::MAX)? {
        Some(table) => Ok((table, header)),
        None => Err(Failure::Run(format!("{}: no rows below the header; check the file, or give --header no", path.display()))),
    }
}

/// Prints what was inferred of a CSV file but not beyond doubt, with the option that decides it, and what was left out.
pub fn say_notices(reader: &TableReader, talk: Talk) {
    for notice in reader.notices() {
        let decide = match notice {
            CsvNotice::Header { assumed: true } => "; if it is data, give --header no; if not, --header yes",
            CsvNotice::Header { assumed: false } => "; if it has the names, give --header yes; if not, --header no",
            CsvNotice::Delimiter { .. } | CsvNotice::Blanks => "; --delimiter decides otherwise",
            CsvNotice::Encoding(_) => "; if that is wrong, convert the file to UTF-8",
            _ => "",
        };
        talk.say(format!("notice: {notice}{decide}"));
    }
}

/// Inputs and targets, and the kind of the inputs.
fn pair(inputs: &Path, targets: &Path) -> Result<(Table, Kind), Failure> {
    let ((inputs_of, kind), (targets_of, _)) = (array(inputs)?, array(targets)?);
    Ok((Table::from_arrays(inputs.display().to_string(), inputs_of, Some(targets_of))?, kind))
}

/// A folder with MNIST's files, or with another data set under the same names.
fn mnist(folder: &Path) -> Result<Data, Failure> {
    let find = |name: &str| {
        let ways = [name.to_owned(), name.replacen("-idx", ".idx", 1)];
        let mut ways = ways.iter().flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))]);
        ways.find(|path| path.is_file()).ok_or_else(|| {
            Failure::Run(format!(
                "{}: this folder has no {name} or {name}.gz; give a file, or a folder with MNIST's four files",
                folder.display()
            ))
        })
    };
    let (table, kind) = pair(&find("train-images-idx3-ubyte")?, &find("train-labels-idx1-ubyte")?)?;
    let (test, ..) = pair(&find("t10k-images-idx3-ubyte")?, &find("t10k-labels-idx1-ubyte")?)?;
    Ok(Data { table, test: Some(test), kind })
}

/// A column by its name, or by its position if no column has that name. A negative position counts from the end: -1 is
/// the last column.
pub fn column(table: &Table, text: &str) -> Result<Column, Failure> {
    let index = match text.strip_prefix('-') {
        Some(back) => back.parse().ok().and_then(|back| table.names().len().checked_sub(back)),
        None => text.parse().ok(),
    };
    match index.filter(|_| !table.names().iter().any(|name| name == text)) {
        Some(index) => {
            table.find(index)?;
            Ok(index.into())
        }
        None => {
            table.find(text)?;
            Ok(text.into())
        }
    }
}

/// The target column.
pub struct Target {
    pub place: usize,
    pub task: Task,
    /// The class of each row; empty for numbers.
    pub labels: Vec<usize>,
}

impl Target {
    /// Checks that the target can be learned. `are_numbers` tells whether its cells are numbers.
    pub fn of(table: &Table, place: usize, task: Task, are_numbers: bool) -> Result<Self, Failure> {
        let (classes, labels) = table.categories(place);
        let name = short(&table.names()[place], 60);
        let most = MOST_CLASSES.min(table.rows() / 2).max(FEW);
        match task {
            Task::Regress if !are_numbers => {
                let word = short(classes.iter().find(|cell| cell.parse::<f64>().is_err()).map_or("", String::as_str), 60);
                Err(Failure::Arguments(format!(
                    "the target `{name}`: expected numbers, got `{word}`; give --task classify, or another --target"
                )))
            }
            Task::Regress => Ok(Self { place, task, labels: Vec::new() }),
            Task::Classify if classes.len() < 2 => {
                let got = short(classes.first().map_or("", String::as_str), 60);
                Err(Failure::Arguments(format!(
                    "the target `{name}`: at least 2 classes are needed, but all rows have `{got}`; choose another column with --target"
                )))
            }
            Task::Classify if classes.len() > most => {
                let advice = match are_numbers {
                    true => "its cells are numbers, so give --task regress",
                    false => "choose another column with --target",
                };
                Err(Failure::Arguments(format!(
                    "the target `{name}`: expected at most {most} classes in {}, got {}; {advice}",
                    count_of(table.rows(), "row"),
                    classes.len()
                )))
            }
            Task::Classify => Ok(Self { place, task, labels }),
        }
    }
}

/// A number of things.
pub fn count_of(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The treatment of the columns for a target.
pub fn columns(place: usize, kind: Kind) -> Columns {
    Columns::number(place).scaling(if kind == Kind::Images { Scaling::MinMaxTogether } else { Scaling::Standardise })
}

/// Whether a file's name is that of an array file.
pub fn is_array(path: &Path) -> bool {
    array_kind(path).is_some()
}
