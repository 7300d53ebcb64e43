//! The doctor's test runs, which together use every kernel.

use crate::data::{ClassWeights, Matrix};
use crate::kernel::Products;
use crate::network::{Activation, Loss, Network, Optimizer};
use crate::random::Philox;
use crate::settings::{EngineChoice, Fit, Metric};

/// A test run.
pub struct Case {
    pub name: String,
    pub network: Network,
    pub fit: Fit,
    pub inputs: Matrix<'static>,
    pub targets: Matrix<'static>,
    /// How products are computed, if not by the adapter's default.
    pub products: Option<Products>,
}

/// Random inputs with class targets.
pub fn rows(count: usize, inputs: usize, classes: usize) -> (Matrix<'static>, Matrix<'static>) {
    let x = Matrix::new(count, inputs, numbers(count * inputs)).unwrap_or_else(|_| Matrix::column(vec![0.0; count]));
    let class = |row: usize| ((row * 7 + usize::from(x.row(row)[0] > 0.0)) % classes) as f32;
    let targets = Matrix::column((0..count).map(class).collect::<Vec<_>>());
    (x, targets)
}

const CLASSES: Loss = Loss::CategoricalCrossEntropy;

/// Random numbers from -1 to 1.
pub fn numbers(count: usize) -> Vec<f32> {
    let mut stream = Philox::new(3, 1, 0, 0);
    (0..count).map(|_| 2.0 * stream.uniform() - 1.0).collect()
}

/// All test runs.
pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    let mut add = |name: String, network: Network, (loss, fit): (Loss, Fit), count: usize, products: Option<Products>| {
        let outputs = network.outputs();
        let (inputs, labels) = rows(count, network.inputs(), outputs);
        let answers = || numbers(count * outputs).iter().map(|value| f32::from(u8::from(*value > 0.0))).collect::<Vec<_>>();
        let targets = match loss {
            Loss::CategoricalCrossEntropy => labels,
            _ => Matrix::new(count, outputs, answers()).unwrap_or(labels),
        };
        let fit = fit.loss(loss);
        all.push(Case { name, network, fit, inputs, targets, products });
    };
    let sgd = || Fit::new().learning_rate(0.1).epochs(2).batch_size(10).engine(EngineChoice::Staged);
    let errors = [Metric::MeanAbsoluteError, Metric::RootMeanSquaredError, Metric::RSquared];
    for activation in Activation::ALL {
        let network = Network::new(5).dense(7, activation.clone()).dense(6, activation.clone()).dense(3, Activation::Identity);
        add(format!("the activation {}", activation.name()), network, (Loss::MeanSquaredError, sgd().metrics(errors)), 24, None);
    }
    for loss in Loss::ALL {
        let last = match loss {
            Loss::CategoricalCrossEntropy => Activation::Softmax,
            Loss::BinaryCrossEntropy | Loss::SquaredError => Activation::Sigmoid,
            _ => Activation::Identity,
        };
        let network = Network::new(5).dense(7, Activation::Tanh).dense(3, last);
        add(format!("the loss {}", loss.name()), network, (*loss, sgd().metrics([Metric::Accuracy])), 24, None);
    }
    let classes = || Network::new(5).dense(7, Activation::Tanh).dropout(0.3).dense(4, Activation::Softmax);
    for optimizer in Optimizer::ALL {
        let fit = sgd().optimizer(*optimizer).learning_rate(0.01).weight_decay(0.01);
        let fit = fit
            .clip_norm(0.3)
            .class_weights(ClassWeights::Given(vec![1.0, 2.0, 0.5, 1.0]))
            .metrics([Metric::F1, Metric::TopK(2)]);
        add(
            format!("the optimizer {}, with all that goes with it", optimizer.name()),
            classes(),
            (CLASSES, fit.validation_split(0.3)),
            40,
            None,
        );
    }
    // Long batches: their sums are split into parts.
    let long = sgd().batch_size(40_000).epochs(1).metrics([Metric::Accuracy]);
    add(
        "many rows of classes".into(),
        Network::new(3).dense(4, Activation::Softmax),
        (CLASSES, long.clone().clip_norm(0.1)),
        40_000,
        None,
    );
    add(
        "many rows of numbers".into(),
        Network::new(3).dense(2, Activation::Identity),
        (Loss::Huber, long.metrics(errors)),
        40_000,
        None,
    );
    // Softmax with a loss it is not fused with, sample weights, and a frozen layer.
    let weighted = sgd().sample_weights((0..24).map(|row| (row % 3) as f32).collect::<Vec<_>>());
    add(
        "weights of rows".into(),
        Network::new(5).dense(6, Activation::Relu).frozen().dense(3, Activation::Softmax),
        (Loss::MeanSquaredError, weighted),
        24,
        None,
    );
    let wide = || Network::new(40).dense(70, Activation::Tanh).dense(50, Activation::Silu).dense(10, Activation::Softmax);
    let blocks = sgd().batch_size(33).optimizer(Optimizer::momentum(0.9));
    for (name, products) in [
        ("products as the adapter likes them", None),
        ("products by rows", Some(Products::Rows { lanes: None, most: 8 })),
        ("products by tiles", Some(Products::Tiles)),
    ] {
        add(name.into(), wide(), (CLASSES, blocks.clone()), 80, products);
        add(format!("{name}, clipped"), wide(), (CLASSES, blocks.clone().clip_norm(0.2)), 80, products);
    }
    for optimizer in Optimizer::ALL {
        let network = Network::new(5).dense(6, Activation::Tanh).dense(3, Activation::Softmax);
        let fit = sgd().optimizer(*optimizer).learning_rate(0.01).engine(EngineChoice::Fused);
        add(format!("the fused engine by {}", optimizer.name()), network, (CLASSES, fit), 24, None);
    }
    let wider = Network::new(20).dense(40, Activation::Relu).dense(4, Activation::Sigmoid);
    add("the fused engine, wider".into(), wider, (Loss::BinaryCrossEntropy, sgd().engine(EngineChoice::Fused)), 30, None);
    all
}
