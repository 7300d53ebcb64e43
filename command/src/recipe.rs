//! The options that `train` and `sweep` share: the data, the network and the training; and the library's settings that
//! they become.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shaderprop::{
    Activation, ClassWeights, Column, Fit, Init, Loss, Metric, Missing, Network, Optimizer, Preprocessing, Schedule, Table,
};

use crate::data::{self, Data, Kind, MissingTarget, Target};
use crate::options::{self, Format, Names, StepSize};
use crate::talk::{Failure, Talk, listed, short};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Predict a class
    Classify,
    /// Predict a number
    Regress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MissingValues {
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
    /// The column to learn, by name or by position counted from 0 [default: the last]
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub target: Option<String>,
    /// Whether the target is a class or a number [default: a class if it has text or few different whole numbers]
    #[arg(long, value_enum, help_heading = "Data")]
    pub task: Option<Task>,
    /// Columns to treat as categories, in addition to those with text; auto: none
    #[arg(long, value_name = "COLUMNS", value_parser = options::names, default_value = "auto", help_heading = "Data")]
    pub categorical: Vec<Names>,
    /// How to treat missing values: empty cells, NA, n/a, NaN, null, none and ?
    #[arg(long, value_enum, default_value_t = MissingValues::Median, help_heading = "Data")]
    pub missing: MissingValues,
    /// Columns to leave out, separated by commas; quote a name that contains a comma, as in CSV
    #[arg(long, value_name = "COLUMNS", value_parser = options::names, help_heading = "Data")]
    pub drop: Vec<Names>,
    #[command(flatten)]
    pub format: Format,
}

/// The network and its training.
#[derive(Args, Clone, Debug)]
pub struct How {
    /// The units of each hidden layer, first to last; `none` for a linear model
    #[arg(long, value_name = "UNITS", value_parser = hidden, default_value = "64,32", help_heading = "Network")]
    pub hidden: Hidden,
    /// The activation of hidden layers: sigmoid, tanh, relu, leaky_relu, elu, gelu, gelu_tanh, silu, softplus or identity
    #[arg(long, value_parser = activation, default_value = "relu", help_heading = "Network")]
    pub activation: Activation,
    /// The loss to minimise: categorical_cross_entropy for classes; mean_squared_error (the default), mean_absolute_error or huber for numbers
    #[arg(long, value_parser = loss, help_heading = "Training")]
    pub loss: Option<Loss>,
    /// The optimizer: sgd, momentum, nesterov, rmsprop, adam or adamw
    #[arg(long, value_parser = optimizer, default_value = "adam", help_heading = "Training")]
    pub optimizer: Optimizer,
    /// How the learning rate changes: constant, step:EPOCHS:FACTOR, exponential:FACTOR, cosine[:MINIMUM] or plateau[:FACTOR[:PATIENCE]]
    #[arg(long, value_parser = schedule, default_value = "constant", help_heading = "Training")]
    pub schedule: Plan,
    /// The number of rows in a step [default: a twentieth of the training rows, as a power of two from 8 to 256]
    #[arg(long, value_name = "ROWS", value_parser = options::at_least_one, help_heading = "Training")]
    pub batch_size: Option<usize>,
    /// The maximum number of passes over the data
    #[arg(long, value_parser = options::at_least_one, default_value = "200", help_heading = "Training")]
    pub epochs: usize,
    /// The weight decay [default: 0.01 for adamw, 0.001 for the others]
    #[arg(long, value_name = "DECAY", value_parser = options::not_negative, help_heading = "Training")]
    pub weight_decay: Option<f64>,
    /// The weights of the classes in the loss: balanced, or a list such as no=1,yes=5
    #[arg(long, value_name = "WEIGHTS", help_heading = "Training")]
    pub class_weight: Option<String>,
    /// Determines the split, the initial weights and the order of the rows
    #[arg(long, default_value_t = 0, help_heading = "Training")]
    pub seed: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hidden(pub Vec<usize>);

fn hidden(text: &str) -> Result<Hidden, String> {
    if text == "none" {
        return Ok(Hidden(Vec::new()));
    }
    let units: Result<Vec<usize>, String> = text.split(',').map(|units| options::at_least_one(units.trim())).collect();
    units.map(Hidden).map_err(|_| "expected numbers of units such as 64,32, each at least 1, or none".into())
}

fn activation(name: &str) -> Result<Activation, String> {
    let named = Activation::ALL.iter().find(|activation| activation.name() == name);
    named.cloned().ok_or_else(|| one_of(Activation::ALL.iter().map(Activation::name)))
}

fn loss(name: &str) -> Result<Loss, String> {
    Loss::ALL.iter().find(|loss| loss.name() == name).copied().ok_or_else(|| one_of(Loss::ALL.iter().map(|loss| loss.name())))
}

fn optimizer(name: &str) -> Result<Optimizer, String> {
    let named = Optimizer::ALL.iter().find(|optimizer| optimizer.name() == name);
    named.copied().ok_or_else(|| one_of(Optimizer::ALL.iter().map(|optimizer| optimizer.name())))
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("expected one of {}", names.collect::<Vec<_>>().join(", "))
}

/// A schedule as given; some depend on the number of epochs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plan {
    As(Schedule),
    Cosine { minimum: f64 },
}

fn schedule(text: &str) -> Result<Plan, String> {
    let refuse = || {
        "expected constant, step:EPOCHS:FACTOR, exponential:FACTOR, cosine[:MINIMUM] or plateau[:FACTOR[:PATIENCE]]".to_owned()
    };
    let (name, numbers) = text.split_once(':').map_or((text, Vec::new()), |(name, rest)| (name, rest.split(':').collect()));
    let number = |i: usize, default: Option<f64>| match numbers.get(i) {
        Some(text) => text.parse::<f64>().map_err(|_| refuse()),
        None => default.ok_or_else(refuse),
    };
    let count = |i: usize, default: Option<usize>| match numbers.get(i) {
        Some(text) => text.parse::<usize>().map_err(|_| refuse()),
        None => default.ok_or_else(refuse),
    };
    let (plan, most) = match name {
        "constant" => (Plan::As(Schedule::Constant), 0),
        "step" => (Plan::As(Schedule::Step { every: count(0, None)?, factor: number(1, None)? }), 2),
        "exponential" => (Plan::As(Schedule::Exponential { factor: number(0, None)? }), 1),
        "cosine" => (Plan::Cosine { minimum: number(0, Some(0.0))? }, 1),
        "plateau" => {
            let (factor, patience) = (number(0, Some(0.5))?, count(1, Some(5))?);
            (Plan::As(Schedule::ReduceOnPlateau { factor, patience, threshold: 1e-4, cooldown: 0, minimum: 0.0 }), 2)
        }
        _ => return Err(refuse()),
    };
    if numbers.len() > most { Err(refuse()) } else { Ok(plan) }
}

impl Plan {
    fn of(self, epochs: usize) -> Schedule {
        match self {
            Self::As(schedule) => schedule,
            Self::Cosine { minimum } => Schedule::Cosine { epochs, minimum },
        }
    }
}

/// A text column with at most this many categories never looks like names.
const FEW_CATEGORIES: usize = 20;

/// The data and its target.
pub struct Learned {
    pub table: Table,
    pub test: Option<Table>,
    pub target: Target,
    columns: shaderprop::Columns,
}

impl What {
    /// Reads the data, infers what the options leave open, and prints what was inferred.
    pub fn read(&self, talk: Talk) -> Result<Learned, Failure> {
        let Data { table, test, kind, integers } = data::read(&self.data, &self.format, talk)?;
        let last = table.names().len() - 1;
        if !matches!(kind, Kind::Text { .. }) && self.data.len() == 1 && test.is_none() {
            return Err(Failure::Arguments(format!(
                "{}: training needs two arrays, the inputs and the targets; give the targets' file too",
                self.data[0].display()
            )));
        }
        let shown: Vec<_> = self.data.iter().map(|path| path.display().to_string()).collect();
        let names = match kind {
            Kind::Text { header: false } => format!(" (no header, so named 0 to {last})"),
            Kind::Text { header: true } | Kind::Numbers | Kind::Images => String::new(),
        };
        talk.say(format!("data: {}, {} rows, {} columns{names}", shown.join(" and "), table.rows(), last + 1));
        let place = match &self.target {
            Some(text) => table.find(data::column(&table, text)?)?,
            None => last,
        };
        let (all, refuse) = (table.rows(), self.missing == MissingValues::Error);
        let heard = Talk { quiet: talk.quiet || refuse };
        let table = data::with_target(table, place, MissingTarget::Training(self.task), heard);
        if refuse && table.rows() < all {
            let (name, left_out) = (short(&table.names()[place], 60), all - table.rows());
            return Err(Failure::Run(format!(
                "the target `{name}`: missing in {left_out} rows; fill them, or leave out --missing error"
            )));
        }
        let target = data::target(&table, place, self.task, integers)?;
        let inferred = match (&self.target, self.task) {
            (None, None) => " (inferred; --target and --task override this)",
            (None, Some(_)) => " (the last column; --target overrides this)",
            (Some(_), None) => " (inferred; --task overrides this)",
            (Some(_), Some(_)) => "",
        };
        let name = short(&table.names()[place], 60);
        match target.task {
            Task::Classify => {
                let classes = target.labels.iter().max().map_or(0, |most| most + 1);
                talk.say(format!("target: `{name}`, {classes} classes{inferred}"));
            }
            Task::Regress => {
                talk.say(format!("target: `{name}`, numbers{inferred}"));
                let first = table.cell(0, place);
                if (1..table.rows()).all(|row| table.cell(row, place) == first) {
                    talk.say(format!(
                        "notice: `{name}` is {first} in every row, so there is nothing to learn, and R² is undefined"
                    ));
                }
            }
        }
        if let Some(doubt) = &target.doubt {
            talk.say(format!("notice: `{name}` has {doubt}"));
        }
        let listed =
            |texts: &[Names]| Names::all(texts).map(|text| data::column(&table, text)).collect::<Result<Vec<Column>, _>>();
        let categorical = if Names::all(&self.categorical).eq(["auto"]) { Vec::new() } else { listed(&self.categorical)? };
        let missing = match self.missing {
            MissingValues::Median => Missing::Median,
            MissingValues::Frequent => Missing::MostFrequent,
            MissingValues::Error => Missing::Error,
        };
        let columns = data::columns(&target, kind, missing, (&categorical, &listed(&self.drop)?));
        Ok(Learned { table, test, target, columns })
    }
}

impl Learned {
    /// Fits the preprocessing to those rows; prints the columns, and a notice for text columns that look like names.
    pub fn fit(&self, rows: &Table, talk: Talk) -> Result<Preprocessing, Failure> {
        let preprocessing = Preprocessing::fit(rows, &self.columns)?;
        let categories = preprocessing.categories();
        let named: Vec<_> = categories.iter().map(|(name, words)| format!("`{}` ({})", short(name, 60), words.len())).collect();
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
                "notice: `{name}` has {} different categories in {} rows, such as `{example}`; if they are names, leave the column out with --drop; \
                 if they are numbers, write them like 1.5",
                words.len(),
                rows.rows()
            ));
        }
        Ok(preprocessing)
    }
}

impl How {
    /// The network, with the inputs and outputs of the preprocessing.
    pub fn network(&self, hidden: &[usize], dropout: f64, preprocessing: &Preprocessing) -> Network {
        let mut network = Network::new(preprocessing.inputs());
        for units in hidden {
            network = network.dense(*units, self.activation.clone());
            if dropout > 0.0 {
                network = network.dropout(dropout);
            }
        }
        let last = if preprocessing.classes().is_some() { Activation::Softmax } else { Activation::Identity };
        network.dense(preprocessing.outputs(), last)
    }

    /// The initial weights from a seed. Glorot's initialiser serves every activation, as in Keras and scikit-learn.
    /// He's weights are larger, and fit noise in tables with few columns (docs/inside/performance.md).
    pub fn init(&self, seed: u64) -> Init {
        Init::GlorotUniform { seed }
    }

    /// The batch size.
    pub fn batch(&self, rows: usize) -> usize {
        self.batch_size.unwrap_or_else(|| (rows / 20).next_power_of_two().clamp(8, 256)).min(rows.max(1))
    }

    fn decay(&self) -> f64 {
        self.weight_decay.unwrap_or(if matches!(self.optimizer, Optimizer::AdamW { .. }) { 0.01 } else { 1e-3 })
    }

    /// The settings of a training run on that many rows.
    pub fn settings(&self, task: Task, preprocessing: &Preprocessing, rows: usize) -> Result<Fit, Failure> {
        let loss = self.loss.unwrap_or(match task {
            Task::Classify => Loss::CategoricalCrossEntropy,
            Task::Regress => Loss::MeanSquaredError,
        });
        let fits = match task {
            Task::Classify => loss == Loss::CategoricalCrossEntropy,
            Task::Regress => matches!(loss, Loss::MeanSquaredError | Loss::MeanAbsoluteError | Loss::Huber),
        };
        if !fits {
            let expected = match task {
                Task::Classify => "categorical_cross_entropy for classes",
                Task::Regress => "mean_squared_error, mean_absolute_error or huber for numbers",
            };
            return Err(Failure::Arguments(format!("--loss: expected {expected}, got {}; change it or --task", loss.name())));
        }
        let mut fit = Fit::new()
            .loss(loss)
            .optimizer(self.optimizer)
            .schedule(self.schedule.of(self.epochs))
            .batch_size(self.batch(rows))
            .epochs(self.epochs)
            .weight_decay(self.decay())
            .seed(self.seed);
        if let Some(text) = &self.class_weight {
            fit = fit.class_weights(class_weights(text, preprocessing)?);
        }
        Ok(fit)
    }
}

/// The size of a step of that many rows.
pub fn size(network: &Network, rows: usize) -> StepSize {
    let units = network.layers().iter().map(|layer| layer.units);
    let shapes = std::iter::once(network.inputs()).chain(units.clone()).zip(units.clone());
    let weights = shapes.map(|(ins, outs)| ins.saturating_mul(outs)).fold(0, usize::saturating_add);
    let outputs = units.fold(0, usize::saturating_add).saturating_mul(rows);
    // Three products for each layer: forward, backward, and the gradient.
    StepSize { multiply_adds: weights.saturating_mul(3).saturating_mul(rows), elements: weights.saturating_add(outputs) }
}

/// The metric of a training run, besides the loss.
pub fn metric(task: Task) -> Metric {
    match task {
        Task::Classify => Metric::Accuracy,
        Task::Regress => Metric::RootMeanSquaredError,
    }
}

fn class_weights(text: &str, preprocessing: &Preprocessing) -> Result<ClassWeights, Failure> {
    let Some(classes) = preprocessing.classes() else {
        return Err(Failure::Arguments("--class-weight applies to classes, but the target is a number; leave it out".into()));
    };
    if text == "balanced" {
        return Ok(ClassWeights::Balanced);
    }
    let mut weights = vec![1.0; classes.len()];
    for pair in options::fields(text) {
        let pair = pair.as_str();
        let named = pair.rsplit_once('=').and_then(|(name, weight)| {
            let place = classes.iter().position(|class| class == name.trim())?;
            let weight = weight.trim().parse::<f32>().ok().filter(|weight| weight.is_finite() && *weight >= 0.0)?;
            Some((place, weight))
        });
        let (place, weight) = named.ok_or_else(|| {
            let (all, first) = (listed(classes), short(&classes[0], 60));
            Failure::Arguments(format!(
                "--class-weight: expected balanced, or weights for some of {all}, such as {first}=2; got `{}`",
                short(pair, 60)
            ))
        })?;
        weights[place] = weight;
    }
    Ok(ClassWeights::Given(weights))
}
