//! The data: a CSV file, a pair of arrays, or a folder with MNIST's files; and its target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use shaderprop::{Array, Column, Columns, Csv, CsvDoubt, Missing, Scaling, Table, TableReader};

use crate::options::Format;
use crate::recipe::Task;
use crate::talk::{Failure, Talk, short};

/// A table and its source.
pub struct Data {
    pub table: Table,
    /// The test rows, if the data comes with its own.
    pub test: Option<Table>,
    pub kind: Kind,
    /// Whether the targets are an array of integers.
    pub integers: bool,
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

/// A numeric target is inferred to be classes if it has at most this many different values, all of them whole.
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
            Ok(Data { table, test: None, kind: Kind::Text { header }, integers: false })
        }
        [inputs] => {
            let (inputs_of, kind) = array(inputs)?;
            Ok(Data {
                table: Table::from_arrays(inputs.display().to_string(), inputs_of, None)?,
                test: None,
                kind,
                integers: false,
            })
        }
        [inputs, targets, ..] => pair(inputs, targets).map(|(table, kind, integers)| Data { table, test: None, kind, integers }),
        [] => Err(Failure::Arguments("DATA: no file given".into())),
    }
}

fn csv(path: &Path, csv: &Csv, talk: Talk) -> Result<(Table, bool), Failure> {
    let mut reader = TableReader::open(path, csv)?;
    say_doubts(&reader, talk);
    let header = reader.has_header();
    match reader.read(usize::MAX)? {
        Some(table) => Ok((table, header)),
        None => Err(Failure::Run(format!("{}: no rows below the header; check the file, or give --header no", path.display()))),
    }
}

/// Prints what was inferred of a CSV file but is in doubt, with the option that decides it.
pub fn say_doubts(reader: &TableReader, talk: Talk) {
    for doubt in reader.doubts() {
        let decide = match doubt {
            CsvDoubt::Header { assumed: true } => "if it is data, give --header no; if not, --header yes",
            CsvDoubt::Header { assumed: false } => "if it has the names, give --header yes; if not, --header no",
            _ => "give --delimiter",
        };
        talk.say(format!("notice: {doubt}; {decide}"));
    }
}

/// Inputs and targets, the kind of the inputs, and whether the targets are integers.
fn pair(inputs: &Path, targets: &Path) -> Result<(Table, Kind, bool), Failure> {
    let ((inputs_of, kind), (targets_of, _)) = (array(inputs)?, array(targets)?);
    let integers = targets_of.integers;
    Ok((Table::from_arrays(inputs.display().to_string(), inputs_of, Some(targets_of))?, kind, integers))
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
    let (table, kind, integers) = pair(&find("train-images-idx3-ubyte")?, &find("train-labels-idx1-ubyte")?)?;
    let (test, ..) = pair(&find("t10k-images-idx3-ubyte")?, &find("t10k-labels-idx1-ubyte")?)?;
    Ok(Data { table, test: Some(test), kind, integers })
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
    /// Why the inferred task may be wrong, and the option that sets it.
    pub doubt: Option<String>,
}

/// Reads the target's labels, and infers the task unless it is given. Integers of an array file are labels.
pub fn target(table: &Table, place: usize, task: Option<Task>, integers: bool) -> Result<Target, Failure> {
    let mut classes = BTreeMap::new();
    let (mut labels, mut numbers, mut whole) = (Vec::with_capacity(table.rows()), true, true);
    for row in 0..table.rows() {
        let cell = table.cell(row, place);
        let number = cell.parse::<f64>();
        numbers &= number.is_ok();
        whole &= number.is_ok_and(|number| number.fract() == 0.0);
        let next = classes.len();
        labels.push(*classes.entry(cell.into_owned()).or_insert(next));
    }
    let repeated = 3 * classes.len() <= table.rows().max(6);
    let few = classes.len() <= FEW && whole && repeated;
    let inferred = if !numbers || few || integers { Task::Classify } else { Task::Regress };
    let doubt = match inferred {
        _ if task.is_some() || integers || !whole || !repeated => None,
        Task::Regress if classes.len() <= MOST_CLASSES => {
            Some(format!("{} different whole numbers; if they are classes, give --task classify", classes.len()))
        }
        Task::Classify if look_like_counts(&classes, &labels) => {
            Some(format!("{} different whole numbers, some of them rare; if they are counts, give --task regress", classes.len()))
        }
        _ => None,
    };
    let task = task.unwrap_or(inferred);
    let name = short(&table.names()[place], 60);
    if task == Task::Classify && classes.len() < 2 {
        let got = short(classes.keys().next().map_or("", String::as_str), 60);
        return Err(Failure::Arguments(format!(
            "the target `{name}`: at least 2 classes are needed, but all rows have `{got}`; choose another column with --target"
        )));
    }
    if task == Task::Classify && classes.len() > MOST_CLASSES.min(table.rows() / 2).max(FEW) {
        let (most, got) = (MOST_CLASSES.min(table.rows() / 2).max(FEW), classes.len());
        let advice =
            if numbers { "its cells are numbers, so give --task regress" } else { "choose another column with --target" };
        return Err(Failure::Arguments(format!(
            "the target `{name}`: expected at most {most} classes in {} rows, got {got}; {advice}",
            table.rows()
        )));
    }
    if task == Task::Regress && !numbers {
        let word = short(classes.keys().find(|cell| cell.parse::<f64>().is_err()).map_or("", String::as_str), 60);
        return Err(Failure::Arguments(format!(
            "the target `{name}`: expected numbers, got `{word}`; give --task classify, or another --target"
        )));
    }
    if task == Task::Regress {
        labels.clear();
    }
    Ok(Target { place, task, labels, doubt })
}

/// Whether whole numbers look like counts: at least eight different ones, none negative, and the rarest at most a fifth
/// as frequent as the most frequent one. Classes are more even, as a rule.
fn look_like_counts(classes: &BTreeMap<String, usize>, labels: &[usize]) -> bool {
    let mut rows = vec![0usize; classes.len()];
    labels.iter().for_each(|label| rows[*label] += 1);
    let (least, most) = (rows.iter().min().copied().unwrap_or(0), rows.iter().max().copied().unwrap_or(0));
    classes.len() >= 8 && !classes.keys().any(|cell| cell.starts_with('-')) && 5 * least <= most
}

/// How to treat a word for missing values in the target. For a trained model, it is a class if the model has that
/// class. In training, it is a class if the column has text and at least 1 % of the rows have the word.
#[derive(Clone, Copy)]
pub enum MissingTarget<'a> {
    Training(Option<Task>),
    Known(Option<&'a [String]>),
}

/// Leaves out the rows whose target is missing.
pub fn with_target(table: Table, place: usize, meaning: MissingTarget<'_>, talk: Talk) -> Table {
    let name = short(&table.names()[place], 60);
    let mut words: BTreeMap<String, usize> = BTreeMap::new();
    let mut text = false;
    for row in 0..table.rows() {
        let cell = table.cell(row, place);
        if is_missing_word(&cell) {
            *words.entry(cell.into_owned()).or_default() += 1;
        } else {
            text |= !cell.is_empty() && cell.parse::<f64>().is_err();
        }
    }
    let is_class = |word: &str| match meaning {
        MissingTarget::Training(Some(Task::Regress)) => false,
        MissingTarget::Training(_) => text && 100 * words.get(word).copied().unwrap_or(0) >= table.rows(),
        MissingTarget::Known(classes) => classes.is_some_and(|classes| classes.iter().any(|class| class == word)),
    };
    let missing = |cell: &str| cell.is_empty() || (is_missing_word(cell) && !is_class(cell));
    if let MissingTarget::Training(_) = meaning {
        for (word, count) in words.iter().filter(|(word, _)| is_class(word)) {
            talk.say(format!("notice: `{word}` is a class of `{name}`, since {count} rows have it; if it means missing, leave these cells empty"));
        }
    }
    let rows: Vec<usize> = (0..table.rows()).filter(|row| !missing(&table.cell(*row, place))).collect();
    if rows.is_empty() || rows.len() == table.rows() {
        return table;
    }
    let left_out = table.rows() - rows.len();
    talk.say(format!("left out {left_out} row{} without `{name}`", if left_out == 1 { "" } else { "s" }));
    table.select(&rows)
}

/// Whether a cell is a word for missing values.
pub fn is_missing_word(cell: &str) -> bool {
    ["na", "n/a", "nan", "null", "none", "?"].iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// The treatment of the columns that the options ask for.
pub fn columns(target: &Target, kind: Kind, missing: Missing, (categorical, dropped): (&[Column], &[Column])) -> Columns {
    let columns = match target.task {
        Task::Classify => Columns::classes(target.place),
        Task::Regress => Columns::number(target.place),
    };
    let scaling = if kind == Kind::Images { Scaling::MinMaxTogether } else { Scaling::Standardise };
    columns.drop(dropped.iter().cloned()).categorical(categorical.iter().cloned()).missing(missing).scaling(scaling)
}

/// Whether a file's name is that of an array file.
pub fn is_array(path: &Path) -> bool {
    array_kind(path).is_some()
}
