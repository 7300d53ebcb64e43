//! The reference's gradients against central differences in f64: every activation and loss, three layers, a batch of
//! five.

mod common;

use common::{Cases, by, numbers, wide};
use shaderprop::internals::reference::{Batch, Chance, Reference};
use shaderprop::{Activation, Loss, Network};

const ROWS: usize = 5;

/// The function that the gradient belongs to: the logged mean, or half the sum for the tutorials' squared error.
fn objective(loss: Loss, reference: &Reference, batch: &Batch<'_>) -> f64 {
    let rows = batch.inputs.len() / reference.layers[0].ins;
    let outputs = batch.targets.len() / rows;
    let sum = reference.loss(&reference.forward(batch.inputs, None), batch);
    match loss {
        Loss::SquaredError => sum * outputs as f64 / 2.0,
        _ => sum / batch.weights.map_or(rows as f64, |weights| weights.iter().sum()),
    }
}

fn check(loss: Loss, hidden: &Activation, last: &Activation, weights: Option<&[f64]>) {
    let what = format!("{}, {}, {}", loss.name(), hidden.name(), last.name());
    let network = Network::new(3).dense(4, hidden.clone()).dense(3, hidden.clone()).dense(2, last.clone());
    let layout = network.layout().expect("a network");
    let inputs = wide(&numbers(1, ROWS * 3));
    let mut targets: Vec<f64> = numbers(2, ROWS * 2).iter().map(|t| f64::from(t.abs())).collect();
    if loss == Loss::CategoricalCrossEntropy {
        // The targets of this loss are probabilities.
        targets.chunks_mut(2).for_each(|row| row[1] = 1.0 - row[0]);
    }
    let mut reference = Reference::new(&network, loss, &layout, &wide(&numbers(3, layout.len)));
    let batch = Batch { inputs: &inputs, targets: &targets, weights };

    let passed = reference.forward(&inputs, None);
    let kink = passed.iter().flat_map(|layer| &layer.sums).fold(f64::MAX, |least, x| x.abs().min(least));
    assert!(kink > 1e-4, "{what}: a sum of {kink} is too near relu's kink for finite differences");

    let gradients = reference.backward(&passed, &batch);
    let epsilon = 1e-6;
    let mut largest = 0.0f64;
    for (i, gradient) in gradients.iter().enumerate() {
        for (kind, values) in [("weight", &gradient.weight), ("bias", &gradient.bias)] {
            for (j, value) in values.iter().enumerate() {
                let mut shifted = |by: f64| {
                    let layer = &mut reference.layers[i];
                    let parameter = if kind == "weight" { &mut layer.weight[j] } else { &mut layer.bias[j] };
                    let before = *parameter;
                    *parameter += by;
                    let objective = objective(loss, &reference, &batch);
                    let layer = &mut reference.layers[i];
                    *(if kind == "weight" { &mut layer.weight[j] } else { &mut layer.bias[j] }) = before;
                    objective
                };
                let difference = (shifted(epsilon) - shifted(-epsilon)) / (2.0 * epsilon);
                let error = (value - difference).abs();
                assert!(
                    error <= 1e-6 * difference.abs() + 1e-8,
                    "{what}: layers.{i}.{kind}[{j}]: {value}, differences {difference}"
                );
                largest = largest.max(value.abs());
            }
        }
    }
    assert!(largest > 1e-3, "{what}: all gradients vanish, nothing was tested");
}

#[test]
fn every_activation_and_loss() {
    let mut cases = Cases::new();
    for loss in Loss::ALL {
        for hidden in Activation::ALL {
            for last in Activation::ALL.iter().chain([&Activation::Softmax]) {
                for weights in [None, Some(&[1.0, 0.25, 0.0, 2.0, 0.5][..])] {
                    let keys = [
                        by("loss", loss.name()),
                        by("hidden", hidden.name()),
                        by("last", last.name()),
                        by("weights", weights.is_some()),
                    ];
                    let what = format!("{}, {}, {}", loss.name(), hidden.name(), last.name());
                    cases.case(keys, what, || check(*loss, hidden, last, weights));
                }
            }
        }
    }
    cases.finish();
}

/// With dropout before every layer. All passes of a step drop the same elements.
#[test]
fn dropout_and_weights() {
    let network = Network::new(3).dropout(0.25).dense(8, Activation::Tanh).dropout(0.5).dense(6, Activation::Silu).dropout(0.25);
    let network = network.dense(2, Activation::Softmax);
    let layout = network.layout().expect("a network");
    let (inputs, chance) = (wide(&numbers(1, ROWS * 3)), Chance { seed: 5, epoch: 1, batch: 2 });
    let targets: Vec<f64> = (0..ROWS).flat_map(|row| if row % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
    let batch = Batch { inputs: &inputs, targets: &targets, weights: Some(&[1.0, 0.5, 0.0, 2.0, 1.0]) };
    let start = wide(&numbers(3, layout.len));
    let reference = |parameters: &[f64]| Reference::new(&network, Loss::CategoricalCrossEntropy, &layout, parameters);
    let objective = |parameters: &[f64]| {
        let reference = reference(parameters);
        reference.loss(&reference.forward(&inputs, Some(&chance)), &batch) / 4.5
    };
    let at = reference(&start);
    let passed = at.forward(&inputs, Some(&chance));
    assert!(passed.iter().take(2).all(|layer| layer.dropout.as_ref().is_some_and(|factors| factors.contains(&0.0))));
    let gradients = at.backward(&passed, &batch);
    for (i, gradient) in gradients.iter().enumerate() {
        for (place, values) in [(layout.weight(i), &gradient.weight), (layout.bias(i), &gradient.bias)] {
            for (j, value) in values.iter().enumerate() {
                let shifted = |by: f64| {
                    let mut parameters = start.clone();
                    parameters[place.offset + j] += by;
                    objective(&parameters)
                };
                let difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
                assert!(
                    (value - difference).abs() <= 1e-6 * difference.abs() + 1e-8,
                    "{}[{j}]: {value}, {difference}",
                    place.name
                );
            }
        }
    }
}

/// The second tutorial deliberately takes the derivative at a different point than the activation, so finite
/// differences do not match it. They match the true derivative in its place, so the difference is due to the formula.
#[test]
fn the_second_tutorials_derivative_does_not_match_differences() {
    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    let gradient = |derivative: fn(f64, f64) -> f64| {
        let activation = Activation::custom("tutorial", "1.0 / (1.0 + exp(-x))", "0.0", sigmoid, derivative);
        let network = Network::new(1).dense(1, activation);
        let layout = network.layout().expect("a network");
        let mut parameters = vec![0.0; layout.len];
        parameters[0] = 2.0;
        let mut reference = Reference::new(&network, Loss::SquaredError, &layout, &parameters);
        let batch = Batch { inputs: &[1.0], targets: &[0.0], weights: None };
        let gradient = reference.backward(&reference.forward(&[1.0], None), &batch)[0].weight[0];
        let mut shifted = |by: f64| {
            reference.layers[0].weight[0] = 2.0 + by;
            objective(Loss::SquaredError, &reference, &batch)
        };
        (gradient, (shifted(1e-6) - shifted(-1e-6)) / 2e-6)
    };
    let (tutorials, difference) = gradient(|_, y| sigmoid(y) * (1.0 - sigmoid(y)));
    assert!(tutorials > 1.5 * difference, "{tutorials}, differences {difference}");
    let (true_one, difference) = gradient(|_, y| y * (1.0 - y));
    assert!((true_one - difference).abs() < 1e-8, "{true_one}, differences {difference}");
}

/// Large logits, for which e^x overflows even an f64 if x has the wrong sign.
#[test]
fn binary_cross_entropy_of_large_logits() {
    let network = Network::new(1).dense(1, Activation::Sigmoid);
    let layout = network.layout().expect("a network");
    let mut parameters = vec![0.0; layout.len];
    parameters[0] = 1.0;
    let reference = Reference::new(&network, Loss::BinaryCrossEntropy, &layout, &parameters);
    for (x, t, expected) in [(1e4, 0.0, 1e4), (1e4, 1.0, 0.0), (-1e4, 1.0, 1e4), (-1e4, 0.0, 0.0)] {
        let batch = Batch { inputs: &[x], targets: &[t], weights: None };
        assert_eq!(reference.loss(&reference.forward(&[x], None), &batch), expected);
    }
}
