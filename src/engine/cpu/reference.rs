//! The reference: a whole training run in f64, plain enough to check by reading. It contains the CPU counterpart of
//! each shader.
//!
//! It shares no code with what the GPU runs, except the formulas of activations, losses and optimizers, whose WGSL and
//! Rust are side by side in one file each. A mistake in one therefore does not agree with itself in the other. Matrices
//! are slices in row-major order. Only the products come from a library, in `product.rs`, and are tested against
//! [`matmul`].

use super::product::{Factor, product};
use crate::network::{Activation, Dense, Layout, Loss, Network, Optimizer, Place};
use crate::random::{DROPOUT, Philox, dropout_threshold};

pub use super::plain::{matmul, transpose};

/// x = product + bias and y = activation(x), returned as (x, y).
pub fn bias_activation(activation: &Activation, product: &[f64], bias: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut sums = product.to_vec();
    for row in sums.chunks_mut(bias.len()) {
        row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
    }
    let value = &activation.definition().value;
    let outputs = sums.iter().map(|x| value(*x)).collect();
    (sums, outputs)
}

/// Softmax of x = product + bias, row by row: returns ln y in place of x, and y.
pub fn softmax(product: &[f64], bias: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut logarithms = Vec::new();
    for row in product.chunks(bias.len()) {
        let x: Vec<f64> = row.iter().zip(bias).map(|(value, bias)| value + bias).collect();
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = x.iter().map(|x| (x - largest).exp()).sum();
        logarithms.extend(x.iter().map(|x| x - largest - sum.ln()));
    }
    let outputs = logarithms.iter().map(|x| x.exp()).collect();
    (logarithms, outputs)
}

/// ∂loss/∂x of the last layer, over the whole batch. `weights` are the sample weights; without them each row weighs 1.
pub fn output_delta(
    loss: Loss,
    activation: &Activation,
    (x, y, t): (&[f64], &[f64], &[f64]),
    columns: usize,
    weights: Option<&[f64]>,
) -> Vec<f64> {
    let rows = y.len() / columns;
    let weight = |i: usize| weights.map_or(1.0, |weights| weights[i / columns]);
    let total = weights.map_or(rows as f64, |weights| weights.iter().sum());
    let share = |i: usize| if weight(i) == 0.0 { 0.0 } else { weight(i) / total };
    let scale = |i: usize| match loss {
        // The gradient is that of half the sum of squares, not of a mean.
        Loss::SquaredError => weight(i),
        // A sum over the classes, a mean over the rows.
        Loss::CategoricalCrossEntropy => share(i),
        Loss::MeanSquaredError | Loss::BinaryCrossEntropy | Loss::MeanAbsoluteError | Loss::Huber => share(i) / columns as f64,
    };
    let gradient = loss.formulas(activation).gradient;
    let error: Vec<f64> = (0..y.len()).map(|i| scale(i) * gradient(x[i], y[i], t[i])).collect();
    if loss.fuses_with(activation) {
        return error;
    }
    match activation {
        Activation::Softmax => softmax_delta(&error, y, columns),
        _ => hidden_delta(activation, &error, x, y),
    }
}

/// y (e − Σ e y), row by row.
pub fn softmax_delta(error: &[f64], y: &[f64], columns: usize) -> Vec<f64> {
    let mut delta = Vec::new();
    for (error, y) in error.chunks(columns).zip(y.chunks(columns)) {
        let sum: f64 = error.iter().zip(y).map(|(error, y)| error * y).sum();
        delta.extend(error.iter().zip(y).map(|(error, y)| y * (error - sum)));
    }
    delta
}

/// error · f'.
pub fn hidden_delta(activation: &Activation, error: &[f64], x: &[f64], y: &[f64]) -> Vec<f64> {
    let derivative = &activation.definition().derivative;
    (0..y.len()).map(|i| error[i] * derivative(x[i], y[i])).collect()
}

/// The sum of each column.
pub fn bias_gradient(deltas: &[f64], columns: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    for row in deltas.chunks(columns) {
        sums.iter_mut().zip(row).for_each(|(sum, delta)| *sum += delta);
    }
    sums
}

/// The optimizer's update of every parameter and its state, in place.
pub fn update(parameters: &mut [f64], slots: &mut [Vec<f64>; 2], gradients: &[f64], how: &Update) {
    let rates = how.optimizer.rates(how.learning_rate, how.weight_decay, how.step);
    let [first, second] = slots;
    for (i, gradient) in gradients.iter().enumerate() {
        how.optimizer.update(&mut parameters[i], [&mut first[i], &mut second[i]], *gradient, &rates);
    }
}

/// The values that an update needs.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    /// The optimizer.
    pub optimizer: Optimizer,
    /// λ.
    pub learning_rate: f64,
    /// δ.
    pub weight_decay: f64,
    /// The step, counted from 1.
    pub step: u64,
}

/// The factor by which dropout multiplies each of `count` elements: 0, or 1 / (1 − `rate`). `number` is 0 for the
/// network's inputs, and the layer's index plus one for its outputs.
pub fn dropout(count: usize, rate: f64, number: u32, chance: &Chance) -> Vec<f64> {
    let threshold = dropout_threshold(rate);
    let block = |i: usize| Philox::words(chance.seed, [i as u32, chance.batch, chance.epoch, DROPOUT | number << 8]);
    let words = (0..count.div_ceil(4)).flat_map(block).take(count);
    words.map(|word| if word < threshold { 0.0 } else { 1.0 / (1.0 - rate) }).collect()
}

/// The keys of a step's random numbers.
#[derive(Clone, Copy, Debug)]
pub struct Chance {
    /// The seed.
    pub seed: u64,
    /// The epoch, from 0.
    pub epoch: u32,
    /// The batch within the epoch, from 0.
    pub batch: u32,
}

/// The factor for all gradients that limits their norm to `limit`.
pub fn clip(gradients: &[&[f64]], limit: f64) -> f64 {
    let norm = gradients.iter().flat_map(|values| values.iter()).map(|gradient| gradient * gradient).sum::<f64>().sqrt();
    (limit / (norm + 1e-6)).min(1.0)
}

/// The sum of the logged losses of the rows, each multiplied by its weight.
pub fn loss(
    loss: Loss,
    activation: &Activation,
    (x, y, t): (&[f64], &[f64], &[f64]),
    columns: usize,
    weights: Option<&[f64]>,
) -> f64 {
    let value = loss.formulas(activation).value;
    let mean_over = if loss == Loss::CategoricalCrossEntropy { 1.0 } else { columns as f64 };
    let weight = |i: usize| weights.map_or(1.0, |weights| weights[i / columns]);
    (0..y.len()).map(|i| weight(i) * value(x[i], y[i], t[i])).sum::<f64>() / mean_over
}

/// A network in f64: the weights and biases of its layers.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// The loss to minimise.
    pub loss: Loss,
    input_dropout: f64,
}

/// A dense layer in f64.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The number of inputs.
    pub ins: usize,
    /// The number of outputs.
    pub outs: usize,
    /// The description of the layer.
    pub dense: Dense,
    /// (in, out), row by row.
    pub weight: Vec<f64>,
    /// (out).
    pub bias: Vec<f64>,
    /// The optimizer state of the weight, in up to two slots.
    pub weight_slots: [Vec<f64>; 2],
    /// The optimizer state of the bias.
    pub bias_slots: [Vec<f64>; 2],
}

impl Layer {
    /// The weight, as a matrix to multiply.
    fn weight(&self) -> Factor<'_> {
        Factor::new(&self.weight, self.ins, self.outs)
    }
}

/// The rows of a step.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// (rows, inputs), row by row.
    pub inputs: &'a [f64],
    /// (rows, outputs), row by row.
    pub targets: &'a [f64],
    /// (rows), if sample weights differ.
    pub weights: Option<&'a [f64]>,
}

/// What a layer computed for every row.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// The layer's inputs, after dropout.
    pub inputs: Vec<f64>,
    /// x, the sums before the activation; ln y for softmax.
    pub sums: Vec<f64>,
    /// y, the outputs of the activation.
    pub outputs: Vec<f64>,
    /// The factors by which dropout multiplied y for the next layer, if there is dropout.
    pub dropout: Option<Vec<f64>>,
}

/// The gradients of a layer's weight and bias.
pub struct Gradient {
    /// (in, out), row by row.
    pub weight: Vec<f64>,
    /// (out).
    pub bias: Vec<f64>,
}

impl Reference {
    /// Creates the reference from the flat parameters that `layout` describes.
    pub fn new(network: &Network, loss: Loss, layout: &Layout, parameters: &[f64]) -> Self {
        let tensor = |place: &Place| parameters[place.offset..place.offset + place.len].to_vec();
        let zeros = |place: &Place| [vec![0.0; place.len], vec![0.0; place.len]];
        let layers = network.shapes().zip(network.layers()).enumerate().map(|(i, ((ins, outs), dense))| Layer {
            ins,
            outs,
            dense: dense.clone(),
            weight: tensor(layout.weight(i)),
            bias: tensor(layout.bias(i)),
            weight_slots: zeros(layout.weight(i)),
            bias_slots: zeros(layout.bias(i)),
        });
        Self { layers: layers.collect(), loss, input_dropout: network.input_dropout() }
    }

    /// The parameters, flat.
    pub fn parameters(&self, layout: &Layout) -> Vec<f64> {
        self.flat(layout, |layer| [&layer.weight, &layer.bias])
    }

    /// One slot of the optimizer state, flat.
    pub fn slot(&self, layout: &Layout, slot: usize) -> Vec<f64> {
        self.flat(layout, |layer| [&layer.weight_slots[slot], &layer.bias_slots[slot]])
    }

    /// Sets one slot of the optimizer state from a flat one.
    pub fn set_slot(&mut self, layout: &Layout, slot: usize, flat: &[f64]) {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            for (place, to) in [(layout.weight(i), &mut layer.weight_slots[slot]), (layout.bias(i), &mut layer.bias_slots[slot])]
            {
                to.copy_from_slice(&flat[place.offset..place.offset + place.len]);
            }
        }
    }

    fn flat(&self, layout: &Layout, of: impl Fn(&Layer) -> [&Vec<f64>; 2]) -> Vec<f64> {
        let mut flat = vec![0.0; layout.len];
        for (i, layer) in self.layers.iter().enumerate() {
            for (place, values) in [layout.weight(i), layout.bias(i)].into_iter().zip(of(layer)) {
                flat[place.offset..place.offset + place.len].copy_from_slice(values);
            }
        }
        flat
    }

    /// The forward pass: the results of every layer, first to last. Dropout is applied only if `chance` is given.
    pub fn forward(&self, inputs: &[f64], chance: Option<&Chance>) -> Vec<Passed> {
        let rows = inputs.len() / self.layers[0].ins;
        let factors = |count: usize, rate: f64, number: usize| {
            chance.filter(|_| rate > 0.0).map(|chance| dropout(count, rate, number as u32, chance))
        };
        let dropped = |values: &[f64], factors: &Option<Vec<f64>>| match factors {
            Some(factors) => values.iter().zip(factors).map(|(value, factor)| value * factor).collect(),
            None => values.to_vec(),
        };
        let mut passed: Vec<Passed> = Vec::new();
        let mut input = dropped(inputs, &factors(inputs.len(), self.input_dropout, 0));
        for (i, layer) in self.layers.iter().enumerate() {
            let products = product(Factor::new(&input, rows, layer.ins), layer.weight());
            let (sums, outputs) = match &layer.dense.activation {
                Activation::Softmax => softmax(&products, &layer.bias),
                activation => bias_activation(activation, &products, &layer.bias),
            };
            let dropout = factors(outputs.len(), layer.dense.dropout, i + 1);
            let next = dropped(&outputs, &dropout);
            passed.push(Passed { inputs: input, sums, outputs, dropout });
            input = next;
        }
        passed
    }

    /// The sum of the logged losses after a forward pass, each multiplied by its row's weight.
    pub fn loss(&self, passed: &[Passed], batch: &Batch<'_>) -> f64 {
        self.loss_of(self.loss, &passed[passed.len() - 1], batch)
    }

    /// The same for any loss, from the last layer's results.
    pub fn loss_of(&self, by: Loss, last: &Passed, batch: &Batch<'_>) -> f64 {
        let layer = &self.layers[self.layers.len() - 1];
        let elements = (last.sums.as_slice(), last.outputs.as_slice(), batch.targets);
        loss(by, &layer.dense.activation, elements, layer.outs, batch.weights)
    }

    /// The backward pass: the gradients of every layer, by the chain rule from the last to the first.
    pub fn backward(&self, passed: &[Passed], batch: &Batch<'_>) -> Vec<Gradient> {
        let rows = batch.inputs.len() / self.layers[0].ins;
        let mut gradients = Vec::new();
        let mut error = Vec::new();
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let Passed { inputs, sums, outputs, dropout } = &passed[i];
            let activation = &layer.dense.activation;
            if let Some(factors) = dropout {
                error = error.iter().zip(factors).map(|(error, factor): (&f64, _)| error * factor).collect();
            }
            let delta = if i == self.layers.len() - 1 {
                output_delta(self.loss, activation, (sums, outputs, batch.targets), layer.outs, batch.weights)
            } else {
                hidden_delta(activation, &error, sums, outputs)
            };
            let (inputs, deltas) = (Factor::new(inputs, rows, layer.ins), Factor::new(&delta, rows, layer.outs));
            gradients.push(Gradient { weight: product(inputs.transposed(), deltas), bias: bias_gradient(&delta, layer.outs) });
            if i > 0 {
                error = product(deltas, layer.weight().transposed());
            }
        }
        gradients.reverse();
        gradients
    }

    /// One step on a batch. Returns the results of the forward pass, from before the update.
    pub fn step(&mut self, batch: &Batch<'_>, how: &Update, clip_norm: Option<f64>, chance: &Chance) -> Vec<Passed> {
        let passed = self.forward(batch.inputs, Some(chance));
        let mut gradients = self.backward(&passed, batch);
        let trained = |i: usize| !self.layers[i].dense.frozen;
        let all: Vec<&[f64]> = gradients
            .iter()
            .enumerate()
            .filter(|(i, _)| trained(*i))
            .flat_map(|(_, gradient)| [gradient.weight.as_slice(), gradient.bias.as_slice()])
            .collect();
        let scale = clip_norm.map(|limit| clip(&all, limit));
        for (layer, gradient) in self.layers.iter_mut().zip(&mut gradients).filter(|(layer, _)| !layer.dense.frozen) {
            let how = Update { weight_decay: layer.dense.weight_decay.unwrap_or(how.weight_decay), ..*how };
            if let Some(scale) = scale {
                gradient.weight.iter_mut().chain(&mut gradient.bias).for_each(|value| *value *= scale);
            }
            update(&mut layer.weight, &mut layer.weight_slots, &gradient.weight, &how);
            update(&mut layer.bias, &mut layer.bias_slots, &gradient.bias, &how);
        }
        passed
    }
}
