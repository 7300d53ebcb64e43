//! The reference, and the CPU engine: the whole training in f64, plain enough to check by eye. Also the CPU twin of each shader.
//!
//! Apart from the formulas of an activation or a loss, which stand beside each other in one file, nothing here is shared with what
//! the GPU runs, so that a mistake in one does not agree with itself in the other. Matrices are slices, row by row.

use crate::activation::Activation;
use crate::loss::Loss;
use crate::network::{Layout, Network};

/// c = a·b, with a of shape (m, k) and b of shape (k, n).
pub fn matmul(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize)) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    for row in 0..m {
        for term in 0..k {
            for column in 0..n {
                c[row * n + column] += a[row * k + term] * b[term * n + column];
            }
        }
    }
    c
}

/// The transpose of a, which has the shape (rows, columns).
pub fn transpose(a: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let mut t = vec![0.0; a.len()];
    for row in 0..rows {
        for column in 0..columns {
            t[column * rows + row] = a[row * columns + column];
        }
    }
    t
}

/// x = product + bias and y = activation(x).
pub fn bias_activation(activation: &Activation, product: &[f64], bias: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let sums: Vec<f64> = product.iter().enumerate().map(|(i, value)| value + bias[i % bias.len()]).collect();
    let outputs = sums.iter().map(|x| activation.value(*x)).collect();
    (sums, outputs)
}

/// ∂loss/∂x of the last layer's x, over the whole batch.
pub fn output_delta(loss: Loss, activation: &Activation, x: &[f64], y: &[f64], t: &[f64]) -> Vec<f64> {
    let scale = match loss {
        // Of half the sum of squares, not of a mean.
        Loss::SquaredError => 1.0,
        Loss::MeanSquaredError | Loss::BinaryCrossEntropy => 1.0 / y.len() as f64,
    };
    let gradient = loss.formulas(activation).gradient;
    let element = |i: usize| match loss.fuses_with(activation) {
        true => scale * gradient(x[i], y[i], t[i]),
        false => scale * gradient(x[i], y[i], t[i]) * activation.derivative(x[i], y[i]),
    };
    (0..y.len()).map(element).collect()
}

/// error · f'.
pub fn hidden_delta(activation: &Activation, error: &[f64], x: &[f64], y: &[f64]) -> Vec<f64> {
    (0..y.len()).map(|i| error[i] * activation.derivative(x[i], y[i])).collect()
}

/// The sum of each of the columns.
pub fn bias_gradient(deltas: &[f64], columns: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    for (i, delta) in deltas.iter().enumerate() {
        sums[i % columns] += delta;
    }
    sums
}

/// parameter − learning rate · gradient, in place.
pub fn sgd(parameters: &mut [f64], gradients: &[f64], learning_rate: f64) {
    for (parameter, gradient) in parameters.iter_mut().zip(gradients) {
        *parameter -= learning_rate * gradient;
    }
}

/// The logged loss: the mean over rows and outputs.
pub fn loss(loss: Loss, activation: &Activation, x: &[f64], y: &[f64], t: &[f64]) -> f64 {
    let value = loss.formulas(activation).value;
    (0..y.len()).map(|i| value(x[i], y[i], t[i])).sum::<f64>() / y.len() as f64
}

/// A network in f64: its layers' weights and biases.
#[derive(Clone, Debug)]
pub struct Reference {
    /// First to last.
    pub layers: Vec<Layer>,
    loss: Loss,
}

/// A dense layer in f64.
#[derive(Clone, Debug)]
pub struct Layer {
    /// How many values come in.
    pub ins: usize,
    /// How many go out.
    pub outs: usize,
    /// What it applies to its sums.
    pub activation: Activation,
    /// (in, out), row by row.
    pub weight: Vec<f64>,
    /// (out).
    pub bias: Vec<f64>,
}

/// What a layer computed for every row.
pub struct Passed {
    /// x, before the activation.
    pub sums: Vec<f64>,
    /// y, after it.
    pub outputs: Vec<f64>,
}

/// The gradients of a layer's weight and bias.
pub struct Gradient {
    /// (in, out), row by row.
    pub weight: Vec<f64>,
    /// (out).
    pub bias: Vec<f64>,
}

impl Reference {
    /// The network with the flat parameters that `layout` describes.
    pub fn new(network: &Network, loss: Loss, layout: &Layout, parameters: &[f64]) -> Self {
        let tensor = |place: &crate::network::Place| parameters[place.offset..place.offset + place.len].to_vec();
        let layers = network.shapes().zip(network.layers()).enumerate().map(|(i, ((ins, outs), layer))| Layer {
            ins,
            outs,
            activation: layer.activation.clone(),
            weight: tensor(layout.weight(i)),
            bias: tensor(layout.bias(i)),
        });
        Self { layers: layers.collect(), loss }
    }

    /// The parameters, flat again.
    pub fn parameters(&self, layout: &Layout) -> Vec<f64> {
        let mut flat = vec![0.0; layout.len];
        for (i, layer) in self.layers.iter().enumerate() {
            for (place, values) in [(layout.weight(i), &layer.weight), (layout.bias(i), &layer.bias)] {
                flat[place.offset..place.offset + place.len].copy_from_slice(values);
            }
        }
        flat
    }

    /// What every layer makes of the inputs, first to last.
    pub fn forward(&self, inputs: &[f64]) -> Vec<Passed> {
        let rows = inputs.len() / self.layers[0].ins;
        let mut passed: Vec<Passed> = Vec::new();
        for layer in &self.layers {
            let input = passed.last().map_or(inputs, |below| &below.outputs);
            let product = matmul(input, &layer.weight, (rows, layer.ins, layer.outs));
            let (sums, outputs) = bias_activation(&layer.activation, &product, &layer.bias);
            passed.push(Passed { sums, outputs });
        }
        passed
    }

    /// The loss of a forward pass.
    pub fn loss(&self, passed: &[Passed], targets: &[f64]) -> f64 {
        let last = passed.len() - 1;
        loss(self.loss, &self.layers[last].activation, &passed[last].sums, &passed[last].outputs, targets)
    }

    /// The gradients of every layer, by the chain rule from the last to the first.
    pub fn backward(&self, inputs: &[f64], passed: &[Passed], targets: &[f64]) -> Vec<Gradient> {
        let rows = inputs.len() / self.layers[0].ins;
        let mut gradients = Vec::new();
        let mut error = Vec::new();
        for (i, layer) in self.layers.iter().enumerate().rev() {
            let Passed { sums, outputs } = &passed[i];
            let delta = if i == self.layers.len() - 1 {
                output_delta(self.loss, &layer.activation, sums, outputs, targets)
            } else {
                hidden_delta(&layer.activation, &error, sums, outputs)
            };
            let input = if i == 0 { inputs } else { &passed[i - 1].outputs };
            gradients.push(Gradient {
                weight: matmul(&transpose(input, rows, layer.ins), &delta, (layer.ins, rows, layer.outs)),
                bias: bias_gradient(&delta, layer.outs),
            });
            if i > 0 {
                error = matmul(&delta, &transpose(&layer.weight, layer.ins, layer.outs), (rows, layer.outs, layer.ins));
            }
        }
        gradients.reverse();
        gradients
    }

    /// One step of gradient descent on the whole batch; returns the loss before it.
    pub fn step(&mut self, inputs: &[f64], targets: &[f64], learning_rate: f64) -> f64 {
        let passed = self.forward(inputs);
        let gradients = self.backward(inputs, &passed, targets);
        for (layer, gradient) in self.layers.iter_mut().zip(&gradients) {
            sgd(&mut layer.weight, &gradient.weight, learning_rate);
            sgd(&mut layer.bias, &gradient.bias, learning_rate);
        }
        self.loss(&passed, targets)
    }
}
