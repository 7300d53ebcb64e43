//! The Keras network of the third tutorial, from eight sets of initial weights that Keras drew: where each training run
//! ends, next to Keras's.

use std::error::Error;
use std::f64::consts::LN_2;
use std::process::ExitCode;

use serde_json::Value;
use shaderprop::{Activation, Fit, Init, Loss, Model, Network, Tensor};

#[path = "../common/mod.rs"]
mod common;

/// The command line's options.
struct Options {
    device: Option<String>,
    epochs: usize,
    explain: Option<usize>,
}

impl Options {
    fn read() -> Self {
        let mut given = common::Options::new(
            "Trains the third tutorial's Keras network on a GPU from eight of Keras's starts, and prints where each ends, next to Keras's results.",
        );
        let options = Self {
            device: given.device(),
            epochs: given.value("--epochs", "10000", common::number, "Passes over the four rows"),
            explain: given.optional(
                "--explain",
                common::number,
                "Print that epoch of start 0 stage by stage, in the order of its command buffer, instead of training to the end",
            ),
        };
        given.end();
        options
    }
}

const INPUTS: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const TARGETS: [[f32; 1]; 4] = [[0.0], [1.0], [1.0], [0.0]];

fn main() -> ExitCode {
    let options = Options::read();
    common::run(|| train(&options))
}

fn train(options: &Options) -> Result<(), Box<dyn Error>> {
    let keras: Value = serde_json::from_str(include_str!("../../tests/fixtures/keras_xor.json"))?;
    let device = common::open_device(options.device.as_deref())?;
    let network = Network::new(2).dense(2, Activation::Relu).dense(1, Activation::Sigmoid);
    let fit = Fit::new().loss(Loss::BinaryCrossEntropy).learning_rate(0.3).epochs(options.epochs);
    let runs = keras["runs"].as_array().ok_or("the fixture has no runs")?;
    let mut solved = 0;
    for run in runs {
        let seed = &run["seed"];
        let mut model = Model::new(&device, &network, &Init::Values(start(&run["start"])?))?;
        if let Some(epoch) = options.explain {
            common::explain(epoch, &model.explain(&INPUTS, &TARGETS, &fit, epoch)?);
            return Ok(());
        }
        let history = model.fit(&INPUTS, &TARGETS, &fit)?;
        let ours = model.evaluate(&INPUTS, &TARGETS, Loss::BinaryCrossEntropy)?;
        let predictions: Vec<f64> = model.predict(&INPUTS)?.values().iter().map(|y| f64::from(*y)).collect();
        common::print(&format!("ours {seed}: {}", line(ours.loss, ours.accuracy, &predictions)));
        let number = |key: &str| run[key].as_f64().ok_or("the fixture lacks a number");
        common::print(&format!("keras {seed}: {}", line(number("loss")?, number("accuracy")?, &numbers(&run["predictions"])?)));
        if ours.accuracy == 1.0 {
            solved += 1;
            common::print(&format!("end {seed}: solves XOR"));
        } else if let Some(minimum) = local_minimum(ours.loss).filter(|_| stands_still(&history.loss)) {
            common::print(&format!("end {seed}: in the local minimum {minimum}"));
        } else {
            common::print(&format!("end {seed}: not there yet"));
        }
    }
    let starts = if solved == 1 { "start solves" } else { "starts solve" };
    common::print(&format!("{solved} {starts} XOR, of {}", runs.len()));
    Ok(())
}

fn line(loss: f64, accuracy: f64, predictions: &[f64]) -> String {
    let predictions: Vec<_> = predictions.iter().map(|y| format!("{y:.3}")).collect();
    format!("loss {} accuracy {accuracy} predictions {}", common::digits(loss), predictions.join(" "))
}

/// Whether the loss has hardly changed for a thousand epochs. A training run that is still moving may pass near a minimum.
fn stands_still(losses: &[f64]) -> bool {
    losses.iter().rev().nth(1000).is_some_and(|before| (before - losses[losses.len() - 1]).abs() < 1e-4)
}

/// The local minima of this network on XOR: the best losses that it can reach without separating all four rows.
fn local_minimum(loss: f64) -> Option<&'static str> {
    [
        // One row is right. The other three share one prediction, the share of ones among them: a third or two thirds.
        ((2.0 * 1.5f64.ln() + 3f64.ln()) / 4.0, "(2 ln 1.5 + ln 3)/4 = 0.4773856, the document's 0.4775"),
        // Every row is predicted as a half.
        (LN_2, "ln 2 = 0.6931472: a half for every row"),
        // Two rows are right, the other two are predicted as a half.
        (LN_2 / 2.0, "(ln 2)/2 = 0.3465736: two rows right, a half for the others"),
    ]
    .into_iter()
    .find_map(|(minimum, name)| ((loss - minimum).abs() < 1e-3).then_some(name))
}

/// The initial weights as tensors, under the network's names.
fn start(values: &Value) -> Result<Vec<Tensor>, Box<dyn Error>> {
    let shapes: [(&str, &[usize]); 4] =
        [("layers.0.weight", &[2, 2]), ("layers.0.bias", &[2]), ("layers.1.weight", &[2, 1]), ("layers.1.bias", &[1])];
    let tensor = |(name, shape): (&str, &[usize])| {
        let values = numbers(&values[name])?.iter().map(|value| *value as f32).collect();
        Ok(Tensor { name: name.into(), shape: shape.into(), values })
    };
    shapes.into_iter().map(tensor).collect()
}

fn numbers(values: &Value) -> Result<Vec<f64>, Box<dyn Error>> {
    let values = values.as_array().ok_or("the fixture lacks a list")?;
    values.iter().map(|value| value.as_f64().ok_or_else(|| "the fixture has a value that is not a number".into())).collect()
}
