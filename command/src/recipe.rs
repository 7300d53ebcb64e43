//! The options that `train` and `sweep` share: the data, the network and the training; and the library's settings that
//! they become.

use clap::{Args, ValueEnum};
use shaderprop::{Activation, ClassWeights, Fit, Init, Loss, Metric, Network, Optimizer, Preprocessing, Schedule};

use crate::options::{self, StepSize};
use crate::talk::{Failure, listed, short};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Predict a class
    Classify,
    /// Predict a number
    Regress,
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
