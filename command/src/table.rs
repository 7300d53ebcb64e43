//! The table that a network learns: the options that describe it, and what is inferred of it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shaderprop::{
    ColumnKind, ColumnUse, Columns, InferredTarget, Missing, Preprocessing, Schema, SchemaColumn, Table, TableNotice,
    TargetNotice, Written,
};

use crate::data::{self, Data, Kind, Target};
use crate::leaks;
use crate::options::{self, Format, Names};
use crate::recipe::Task;
use crate::schema;
use crate::split::By;
use crate::talk::{Failure, Talk, listed, short};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MissingValues {
    /// Replace numbers by the column's median, with one more input that tells where they were missing if at least 30 rows lack them; missing text is a category of its own
    Indicator,
    /// Replace numbers by the column's median, and text by its most frequent category
    Median,
    /// Replace both by the column's most frequent value
    Frequent,
    /// Refuse missing values
    Error,
}

/// The data and its columns.
#[derive(Args, Clone, Debug)]
pub struct What {
    /// A CSV file (plain or gzipped); or inputs and targets as two NPY or IDX files; or a folder with MNIST's four files
    #[arg(required = true, num_args = 1..=2, value_name = "DATA")]
    pub data: Vec<PathBuf>,
    /// Obey a schema that `inspect` wrote, instead of inferring the columns
    #[arg(long, value_name = "FILE", help_heading = "Data", conflicts_with_all = COLUMN_OPTIONS)]
    pub schema: Option<PathBuf>,
    #[command(flatten)]
    pub columns: ColumnOptions,
    #[command(flatten)]
    pub split: SplitOptions,
    #[command(flatten)]
    pub format: Format,
}

/// The column to split by.
#[derive(Args, Clone, Debug, Default)]
pub struct SplitOptions {
    /// Keep rows with equal cells in this column together, such as those of one patient, when rows are held out or split into folds; the column is then not an input
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub split_by: Option<String>,
    /// Hold out the last rows by this column of numbers or dates, and split into folds that are trained on earlier rows; the column is then not an input
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub split_time: Option<String>,
    /// Make the column of --split-by or --split-time an input all the same
    #[arg(long, help_heading = "Data")]
    pub keep_split_column: bool,
}

/// The names of the options in [`ColumnOptions`].
const COLUMN_OPTIONS: [&str; 8] = ["target", "task", "categorical", "missing", "na", "decimal", "date_format", "drop"];

/// What the columns of the data are, where that is not inferred.
#[derive(Args, Clone, Debug)]
pub struct ColumnOptions {
    /// The column to learn, by name or by position counted from 0, or from the end as -1, -2 [default: the last]
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub target: Option<String>,
    /// Whether the target is a class or a number [default: a class if it has text or few different whole numbers]
    #[arg(long, value_enum, help_heading = "Data")]
    pub task: Option<Task>,
    /// Columns to treat as categories, in addition to those with text; auto: none
    #[arg(long, value_name = "COLUMNS", value_parser = options::names, default_value = "auto", allow_hyphen_values = true, help_heading = "Data")]
    pub categorical: Vec<Names>,
    /// How to treat missing values
    #[arg(long, value_enum, default_value_t = MissingValues::Indicator, help_heading = "Data")]
    pub missing: MissingValues,
    /// The words that mean a missing value, in any case, besides empty cells; none: no words [default: those of pandas, such as NA, n/a, NaN, null and None, and ?]
    #[arg(long, value_name = "WORDS", value_parser = options::names, allow_hyphen_values = true, help_heading = "Data")]
    pub na: Vec<Names>,
    /// The decimal sign of numbers: a comma or a point [default: inferred for each column]
    #[arg(long, value_name = "SIGN", value_parser = decimal, help_heading = "Data")]
    pub decimal: Option<char>,
    /// How dates are written, such as %d/%m/%Y [default: ISO 8601, or inferred for each column where there is no doubt]
    #[arg(long, value_name = "FORMAT", help_heading = "Data")]
    pub date_format: Option<String>,
    /// Columns to leave out, separated by commas; quote a name that contains a comma, as in CSV
    #[arg(long, value_name = "COLUMNS", value_parser = options::names, allow_hyphen_values = true, help_heading = "Data")]
    pub drop: Vec<Names>,
}

fn decimal(text: &str) -> Result<char, String> {
    match text {
        "," => Ok(','),
        "." => Ok('.'),
        _ => Err("expected `,` or `.`".into()),
    }
}

/// A text column with at most this many categories never looks like names.
const FEW_CATEGORIES: usize = 20;

/// The data and its target.
pub struct Learned {
    pub table: Table,
    pub test: Option<Table>,
    pub target: Target,
    /// The column to split by, if there is one.
    pub by: Option<By>,
    /// What the columns are, as inferred from all rows.
    pub schema: Schema,
}

impl What {
    /// Reads the data, infers what the options leave open, and prints what was inferred.
    pub fn read(&self, talk: Talk) -> Result<Learned, Failure> {
        self.split.check()?;
        let schema = self.schema.as_deref().map(schema::read).transpose()?;
        let Data { table, test, kind } = data::read(&self.data, &self.format, talk)?;
        if !matches!(kind, Kind::Text { .. }) && self.data.len() == 1 && test.is_none() {
            return Err(Failure::Arguments(format!(
                "{}: training needs two arrays, the inputs and the targets; give the targets' file too",
                self.data[0].display()
            )));
        }
        say_data(&self.data, &table, kind, talk);
        if table.names().len() < 2 {
            return Err(Failure::Run(format!(
                "{}: only one column was found, but a target and inputs are needed; give --delimiter, or another file",
                self.data[0].display()
            )));
        }
        match schema {
            Some(schema) => self.learn_by(schema, (table, test), talk),
            None => self.learn((table, test, kind), talk),
        }
    }

    /// Obeys a schema.
    fn learn_by(&self, mut schema: Schema, (table, test): (Table, Option<Table>), talk: Talk) -> Result<Learned, Failure> {
        let target = schema.columns().iter().find(|column| column.used == ColumnUse::Target);
        let target = target.ok_or_else(|| Failure::Run("the schema: no column has `use = \"target\"`; choose one".into()))?;
        let (place, is_number) = (table.find(target.name.as_str())?, target.kind == ColumnKind::Number);
        let task = if is_number { Task::Regress } else { Task::Classify };
        schema.check(&table)?;
        let is_known = |name: &String| schema.columns().iter().any(|column| column.name == *name);
        let left_out: Vec<&String> = table.names().iter().filter(|name| !is_known(name)).collect();
        if !left_out.is_empty() {
            talk.say(format!("notice: not in the schema, and left out: {}", listed(&left_out)));
        }
        let row_numbers = leaks::row_numbers(&table);
        let columns = Columns::number(place).missing_words(schema.missing_words().iter().cloned());
        let inferred = columns.infer_target(&table, Some(task == Task::Classify))?;
        inferred.notices.iter().for_each(|notice| say_target_notice(notice, talk));
        let table = inferred.rows;
        let target = Target::of(&table, place, task, is_number)?;
        say_target(&table, &target, "", talk);
        let by = self.split.by(&table, place, &Columns::number(place), talk)?;
        if let Some(by) = by.as_ref().filter(|_| !self.split.keep_split_column) {
            schema.ignore(&table.names()[by.column]);
        }
        let is_input = |column: &&SchemaColumn| column.used == ColumnUse::Input;
        let inputs: Vec<usize> =
            schema.columns().iter().filter(is_input).filter_map(|column| table.find(column.name.as_str()).ok()).collect();
        leaks::tell(&table, &target, &row_numbers, &inputs, talk);
        Ok(Learned { table, test, target, by, schema })
    }

    /// Infers what the options leave open, and prints it.
    fn learn(&self, (table, test, kind): (Table, Option<Table>, Kind), talk: Talk) -> Result<Learned, Failure> {
        let options = &self.columns;
        let place = match &options.target {
            Some(text) => table.find(data::column(&table, text)?)?,
            None => table.names().len() - 1,
        };
        let row_numbers = leaks::row_numbers(&table);
        let columns = options.columns(&table, data::columns(place, kind))?;
        let is_class = options.task.map(|task| task == Task::Classify);
        let inferred = columns.infer_target(&table, is_class)?;
        options.check_missing(&inferred, &table.names()[place])?;
        let (table, mut columns) = (inferred.rows, inferred.columns);
        let task = if inferred.is_class { Task::Classify } else { Task::Regress };
        inferred.notices.iter().filter(|notice| is_first(notice)).for_each(|notice| say_target_notice(notice, talk));
        let target = Target::of(&table, place, task, inferred.written.is_some())?;
        let how = match (&options.target, options.task) {
            (None, None) => " (inferred; --target and --task override this)",
            (None, Some(_)) => " (the last column; --target overrides this)",
            (Some(_), None) => " (inferred; --task overrides this)",
            (Some(_), Some(_)) => "",
        };
        say_target(&table, &target, how, talk);
        inferred.notices.iter().filter(|notice| !is_first(notice)).for_each(|notice| say_target_notice(notice, talk));
        let by = self.split.by(&table, place, &columns, talk)?;
        let (dropped, categorical) = (options.dropped(&table)?, options.categories(&table)?);
        let is_listed = |column: usize| dropped.contains(&column) || categorical.contains(&column);
        if let Some(by) = by.as_ref().filter(|by| !self.split.keep_split_column && !is_listed(by.column)) {
            talk.say(format!("{}: this column is not an input; --keep-split-column makes it one", by.named()));
            columns = columns.drop([by.column]);
        }
        let schema = Schema::infer(&table, &columns)?;
        say_notices(&schema, talk);
        if let Some(format) = &options.date_format
            && !schema.columns().iter().any(|column| matches!(column.written, Written::DateAs(_)))
        {
            talk.say(format!("notice: --date-format {format} fits no column"));
        }
        let is_input = |column: &usize| schema.columns()[*column].used == ColumnUse::Input;
        let inputs: Vec<usize> = (0..table.names().len()).filter(is_input).collect();
        leaks::tell(&table, &target, &row_numbers, &inputs, talk);
        Ok(Learned { table, test, target, by, schema })
    }
}

impl SplitOptions {
    fn check(&self) -> Result<(), Failure> {
        match (&self.split_by, &self.split_time) {
            (Some(_), Some(_)) => {
                Err(Failure::Arguments("--split-by and --split-time cannot both split the rows; leave out one of the two".into()))
            }
            (None, None) if self.keep_split_column => Err(Failure::Arguments(
                "--keep-split-column is for the column of --split-by or --split-time; give one of these, or leave it out".into(),
            )),
            _ => Ok(()),
        }
    }

    /// The column to split by, if there is one.
    fn by(&self, table: &Table, target: usize, columns: &Columns, talk: Talk) -> Result<Option<By>, Failure> {
        let (option, text) = match (&self.split_by, &self.split_time) {
            (Some(text), _) => ("--split-by", text),
            (None, Some(text)) => ("--split-time", text),
            (None, None) => return Ok(None),
        };
        let column = table.find(data::column(table, text)?)?;
        if column == target {
            let name = short(&table.names()[column], 60);
            return Err(Failure::Arguments(format!("{option} `{name}`: this is the target; choose another column")));
        }
        Ok(Some(match self.split_by {
            Some(_) => By::groups(table, column, talk),
            None => By::times(table, column, columns)?,
        }))
    }
}

impl ColumnOptions {
    /// Refuses rows without a target where missing values are refused.
    fn check_missing(&self, inferred: &InferredTarget, target: &str) -> Result<(), Failure> {
        let left_out = inferred.notices.iter().find_map(|notice| match notice {
            TargetNotice::LeftOut { rows, .. } if self.missing == MissingValues::Error => Some(*rows),
            _ => None,
        });
        match left_out {
            None => Ok(()),
            Some(rows) => Err(Failure::Run(format!(
                "the target `{}`: missing in {}; fill them, or leave out --missing error",
                short(target, 60),
                data::count_of(rows, "row")
            ))),
        }
    }

    /// The words that mean a missing value, if they are given.
    fn words(&self) -> Option<Vec<String>> {
        let words: Vec<String> = Names::all(&self.na).map(str::to_owned).collect();
        match words.as_slice() {
            [] => None,
            [none] if none == "none" => Some(Vec::new()),
            _ => Some(words),
        }
    }

    /// The indices of the columns to leave out.
    fn dropped(&self, table: &Table) -> Result<Vec<usize>, Failure> {
        Names::all(&self.drop).map(|text| Ok(table.find(data::column(table, text)?)?)).collect()
    }

    /// The indices of the columns to treat as categories.
    fn categories(&self, table: &Table) -> Result<Vec<usize>, Failure> {
        if Names::all(&self.categorical).eq(["auto"]) {
            return Ok(Vec::new());
        }
        Names::all(&self.categorical).map(|text| Ok(table.find(data::column(table, text)?)?)).collect()
    }

    /// The treatment of the columns that the options ask for.
    fn columns(&self, table: &Table, columns: Columns) -> Result<Columns, Failure> {
        let (dropped, categorical) = (self.dropped(table)?, self.categories(table)?);
        let missing = match self.missing {
            MissingValues::Indicator => Missing::Indicator,
            MissingValues::Median => Missing::Median,
            MissingValues::Frequent => Missing::MostFrequent,
            MissingValues::Error => Missing::Error,
        };
        let mut columns = columns.drop(dropped).categorical(categorical).missing(missing);
        if let Some(words) = self.words() {
            columns = columns.missing_words(words);
        }
        if let Some(sign) = self.decimal {
            columns = columns.decimal(sign)?;
        }
        if let Some(format) = &self.date_format {
            columns = columns.date_format(format)?;
        }
        Ok(columns)
    }
}

/// Prints what was read.
fn say_data(paths: &[PathBuf], table: &Table, kind: Kind, talk: Talk) {
    let shown: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let columns = table.names().len();
    let names = match kind {
        Kind::Text { header: false } => format!(" (no header, so named 0 to {})", columns - 1),
        Kind::Text { header: true } | Kind::Numbers | Kind::Images => String::new(),
    };
    let (rows, columns) = (data::count_of(table.rows(), "row"), data::count_of(columns, "column"));
    talk.say(format!("data: {}, {rows}, {columns}{names}", shown.join(" and ")));
}

/// Prints the target and its task, and how that was chosen.
fn say_target(table: &Table, target: &Target, inferred: &str, talk: Talk) {
    let name = short(&table.names()[target.place], 60);
    match target.task {
        Task::Classify => {
            let classes = target.labels.iter().max().map_or(0, |most| most + 1);
            talk.say(format!("target: `{name}`, {classes} classes{inferred}"));
        }
        Task::Regress => {
            talk.say(format!("target: `{name}`, numbers{inferred}"));
            let first = table.cell(0, target.place);
            if (1..table.rows()).all(|row| table.cell(row, target.place) == first) {
                talk.say(format!("notice: `{name}` is {first} in every row, so there is nothing to learn, and R² is undefined"));
            }
        }
    }
}

/// Whether a notice on the target is printed before what the target is.
fn is_first(notice: &TargetNotice) -> bool {
    matches!(notice, TargetNotice::LeftOut { .. } | TargetNotice::WordIsClass { .. } | TargetNotice::Column(_))
}

/// Prints what was inferred of the target, with the option that decides.
fn say_target_notice(notice: &TargetNotice, talk: Talk) {
    match notice {
        TargetNotice::WordIsClass { .. } => {
            talk.say(format!("notice: {notice}; if it means missing, list it in --na"));
        }
        TargetNotice::Column(notice) => say_notice(notice, talk),
        TargetNotice::MayBeClasses { .. } => talk.say(format!("notice: {notice}; if they are classes, give --task classify")),
        TargetNotice::MayBeCounts { .. } => talk.say(format!("notice: {notice}; if they are counts, give --task regress")),
        _ => talk.say(notice.to_string()),
    }
}

/// The most notices on columns that are printed.
const MOST_NOTICES: usize = 10;

/// Prints what was inferred of the columns that may not be meant so, with the option that decides.
fn say_notices(schema: &Schema, talk: Talk) {
    schema.notices().iter().take(MOST_NOTICES).for_each(|notice| say_notice(notice, talk));
    let more = schema.notices().len().saturating_sub(MOST_NOTICES);
    if more > 0 {
        talk.say(format!("and {} on other columns", data::count_of(more, "notice")));
    }
}

/// Prints what was inferred of a column, with the option that decides.
fn say_notice(notice: &TableNotice, talk: Talk) {
    let decide = match notice {
        TableNotice::NotNumbers { .. } => "; if such a word means something, list the column in --categorical",
        TableNotice::Written { written: Written::Date | Written::DateAs(_), .. } => {
            "; a random split mixes earlier and later rows; if the model is for later ones, hold those out with --split-time"
        }
        TableNotice::Written { .. } => "; --decimal decides otherwise, or --categorical",
        TableNotice::DoubtfulNumbers { .. } => "; give --decimal . or --decimal ,",
        TableNotice::DoubtfulDates { .. } => "; give --date-format, such as %d/%m/%Y or %m/%d/%Y",
        TableNotice::MostlyNumbers { .. } => "; if these cells are missing, list them in --na",
        TableNotice::Outliers { .. } => "; correct it, or leave the column out with --drop",
        TableNotice::Empty { .. } => "; leave it out with --drop",
        _ => "",
    };
    talk.say(format!("notice: {notice}{decide}"));
}

impl Learned {
    /// Fits the preprocessing to those rows; prints the columns, and a notice for text columns that look like names.
    pub fn fit(&self, rows: &Table, talk: Talk) -> Result<Preprocessing, Failure> {
        let preprocessing = self.schema.fit(rows)?;
        let categories = preprocessing.categories();
        // The category of missing values has no name.
        let count = |words: &[String]| words.iter().filter(|word| !word.is_empty()).count();
        let named: Vec<_> = categories.iter().map(|(name, words)| format!("`{}` ({})", short(name, 60), count(words))).collect();
        let categorical = match (named.len(), named.get(..8)) {
            (0, _) => String::new(),
            (count, Some(first)) => format!(", {count} categorical: {}, …", first.join(", ")),
            (count, None) => format!(", {count} categorical: {}", named.join(", ")),
        };
        talk.say(format!("columns: {} numeric{categorical}", preprocessing.numbers().len()));
        for (name, words) in categories.iter().filter(|(_, words)| words.len() > FEW_CATEGORIES.max(rows.rows() / 3)) {
            let example = words.iter().find(|word| word.contains(char::is_alphanumeric)).map_or("", String::as_str);
            let (name, example) = (short(name, 60), short(example, 60));
            talk.say(format!(
                "notice: `{name}` has {} different categories in {}, such as `{example}`; if they are names, leave the column out with --drop; \
                 if they are dates, give --date-format; if they are numbers, write them like 1.5",
                words.len(),
                data::count_of(rows.rows(), "row")
            ));
        }
        Ok(preprocessing)
    }
}
