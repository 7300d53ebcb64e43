//! The data: a CSV file, a pair of arrays, or a folder with MNIST's files; and its target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use shaderprop::{Array, Column, Columns, Csv, CsvNotice, Scaling, Table, TableReader, Written};

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
    /// Why the inferred task may be wrong, and the option that sets it.
    pub doubt: Option<String>,
}

/// Reads the target's labels, and infers the task unless it is given. Integers of an array file are labels. `written`
/// tells how the target's numbers are written; none for words.
pub fn target(table: &Table, place: usize, task: Option<Task>, written: Option<&Written>) -> Result<Target, Failure> {
    let integers = table.are_integers(place);
    let (classes, mut labels) = table.categories(place);
    let numbers: Vec<f64> = match written {
        Some(written) => classes.iter().filter_map(|cell| written.number(cell)).collect(),
        None => Vec::new(),
    };
    let are_numbers = numbers.len() == classes.len();
    let whole = are_numbers && numbers.iter().all(|number| number.fract() == 0.0) && written == Some(&Written::Plain);
    let repeated = 3 * classes.len() <= table.rows().max(6);
    let few = classes.len() <= FEW && whole && repeated;
    let inferred = if !are_numbers || few || integers { Task::Classify } else { Task::Regress };
    let doubt = match inferred {
        _ if task.is_some() || integers || !whole || !repeated => None,
        Task::Regress if classes.len() <= MOST_CLASSES => {
            Some(format!("{} different whole numbers; if they are classes, give --task classify", classes.len()))
        }
        Task::Classify if look_like_counts(&numbers, &labels) => {
            Some(format!("{} different whole numbers, some of them rare; if they are counts, give --task regress", classes.len()))
        }
        _ => None,
    };
    let task = task.unwrap_or(inferred);
    let name = short(&table.names()[place], 60);
    if task == Task::Classify && classes.len() < 2 {
        let got = short(classes.first().map_or("", String::as_str), 60);
        return Err(Failure::Arguments(format!(
            "the target `{name}`: at least 2 classes are needed, but all rows have `{got}`; choose another column with --target"
        )));
    }
    if task == Task::Classify && classes.len() > MOST_CLASSES.min(table.rows() / 2).max(FEW) {
        let (most, got) = (MOST_CLASSES.min(table.rows() / 2).max(FEW), classes.len());
        let advice =
            if are_numbers { "its cells are numbers, so give --task regress" } else { "choose another column with --target" };
        return Err(Failure::Arguments(format!(
            "the target `{name}`: expected at most {most} classes in {} rows, got {got}; {advice}",
            table.rows()
        )));
    }
    if task == Task::Regress && !are_numbers {
        let word = short(classes.iter().find(|cell| cell.parse::<f64>().is_err()).map_or("", String::as_str), 60);
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
fn look_like_counts(classes: &[f64], labels: &[usize]) -> bool {
    let mut rows = vec![0usize; classes.len()];
    labels.iter().for_each(|label| rows[*label] += 1);
    let (least, most) = (rows.iter().min().copied().unwrap_or(0), rows.iter().max().copied().unwrap_or(0));
    classes.len() >= 8 && !classes.iter().any(|class| *class < 0.0) && 5 * least <= most
}

/// How the rows without a target are told apart.
pub enum Meaning<'a> {
    /// In training, a word for missing values is a class if it is in at least 1 % of the rows of a column of words.
    Training(Option<Task>),
    /// A model has these classes, or predicts numbers.
    Known(Option<&'a [String]>),
}

/// Leaves out the rows whose target is missing. `written` tells how the target's numbers are written; none for words.
/// Other words in a column of numbers are missing too.
pub fn with_target(
    table: Table,
    place: usize,
    (meaning, words, written): (Meaning<'_>, &[String], Option<&Written>),
    talk: Talk,
) -> Result<Table, Failure> {
    let name = short(&table.names()[place], 60);
    let is_word = |cell: &str| words.iter().any(|word| cell.eq_ignore_ascii_case(word));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut has_classes = false;
    if written.is_none() {
        for row in 0..table.rows() {
            let cell = table.cell(row, place);
            if is_word(&cell) {
                *counts.entry(cell.into_owned()).or_default() += 1;
            } else {
                has_classes |= !cell.is_empty();
            }
        }
    }
    let is_class = |word: &str| match meaning {
        Meaning::Training(_) if !has_classes => false,
        Meaning::Training(Some(Task::Regress)) => false,
        Meaning::Training(_) => 100 * counts.get(word).copied().unwrap_or(0) >= table.rows(),
        Meaning::Known(classes) => classes.is_some_and(|classes| classes.iter().any(|class| class == word)),
    };
    let is_missing = |cell: &str| match written {
        Some(written) => written.number(cell).is_none_or(f64::is_nan) || is_word(cell),
        None => cell.is_empty() || (is_word(cell) && !is_class(cell)),
    };
    if let Meaning::Training(_) = meaning {
        for (word, count) in counts.iter().filter(|(word, _)| is_class(word)) {
            talk.say(format!(
                "notice: `{}` is a class of `{name}`, since {} it; if it means missing, leave these cells empty",
                short(word, 60),
                if *count == 1 { "1 row has".to_owned() } else { format!("{count} rows have") }
            ));
        }
    }
    let rows: Vec<usize> = (0..table.rows()).filter(|row| !is_missing(&table.cell(*row, place))).collect();
    if rows.is_empty() {
        return Err(Failure::Run(format!("the target `{name}`: missing in all {} rows; choose another column", table.rows())));
    }
    if rows.len() == table.rows() {
        return Ok(table);
    }
    talk.say(format!("left out {} without `{name}`", count_of(table.rows() - rows.len(), "row")));
    Ok(table.select(&rows))
}

/// A number of things.
pub fn count_of(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The treatment of the columns for a target.
pub fn columns(place: usize, task: Task, kind: Kind) -> Columns {
    let columns = match task {
        Task::Classify => Columns::classes(place),
        Task::Regress => Columns::number(place),
    };
    columns.scaling(if kind == Kind::Images { Scaling::MinMaxTogether } else { Scaling::Standardise })
}

/// Whether a file's name is that of an array file.
pub fn is_array(path: &Path) -> bool {
    array_kind(path).is_some()
}
