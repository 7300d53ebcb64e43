//! Plans the backward pass: deltas from the last layer to the lowest trained one.

use super::forward::Forward;
use crate::error::Error;
use crate::kernel::Layouts;
use crate::network::{Activation, Layout};
use crate::plan::products::{DeltaProduct, Factors, GradientProduct};
use crate::plan::program::Plan;
use crate::plan::stages::{Chance, Dropout, LossOf};
use crate::plan::task::TrainingStep;
use crate::plan::tensors::Id;

/// The backward pass of a training step.
pub(super) struct Backward<'a> {
    pub training: &'a TrainingStep<'a>,
    pub layout: &'a Layout,
    pub forward: &'a Forward,
    pub targets: Id,
    pub chance: Chance,
    /// The layers that are trained.
    pub trained: Vec<usize>,
    /// ∂loss/∂x of each layer, from the lowest trained layer on. Deltas below it are not needed.
    pub deltas: Vec<Id>,
    /// Whether products are by blocks.
    pub blocks: bool,
}

impl Plan {
    /// Allocates the deltas of all trained layers and computes those of the last layer. `weights` are those of the
    /// batch's rows.
    pub(super) fn output_deltas(&mut self, backward: &mut Backward<'_>, weights: Option<Id>) -> Result<(), Error> {
        let &TrainingStep { network, loss, rows, .. } = backward.training;
        for (i, layer) in network.layers().iter().enumerate().skip(backward.trained[0]) {
            backward.deltas.push(self.tensor(&format!("layers.{i}.delta"), rows, layer.units)?);
        }
        let mut weights = weights;
        if let Some(given) = weights.filter(|_| loss.is_mean()) {
            let shares = self.tensor("shares", rows, 1)?;
            self.weigh(given, shares)?;
            weights = Some(shares);
        }
        let (of, delta) = (backward.loss_of(weights), backward.delta(network.layers().len() - 1));
        self.output_delta(&of, delta);
        if *of.activation == Activation::Softmax && !loss.fuses_with(of.activation) {
            self.softmax_delta(of.from.outputs, delta)?;
        }
        Ok(())
    }

    /// The deltas of the layers before the last, down to the lowest trained layer.
    pub(super) fn hidden_deltas(&mut self, backward: &Backward<'_>) -> Result<(), Error> {
        let network = backward.training.network;
        for i in (backward.trained[0] + 1..network.layers().len()).rev() {
            let layer = &backward.forward.layers[i - 1];
            let (next, weight) = (backward.delta(i), backward.forward.layers[i].weight);
            let (sums, outputs, deltas) = (layer.sums.unwrap_or(layer.outputs), layer.outputs, backward.delta(i - 1));
            let (activation, rate) = (&network.layers()[i - 1].activation, network.layers()[i - 1].dropout);
            let factors = Factors { layouts: Layouts::TransposedB, a: next, b: weight };
            match (backward.blocks, rate > 0.0) {
                (true, false) => {
                    self.delta_product(&DeltaProduct { activation, next, weight, sums, outputs, deltas })?;
                }
                (true, true) => self.store_product(factors, deltas)?,
                (false, _) => self.matmul(factors, deltas),
            }
            if rate > 0.0 {
                self.dropout(None, deltas, Dropout { rate, number: i as u32 }, backward.chance);
            }
            if !backward.blocks || rate > 0.0 {
                self.hidden_delta(activation, sums, outputs, deltas);
            }
        }
        Ok(())
    }
}

impl<'a> Backward<'a> {
    fn delta(&self, layer: usize) -> Id {
        self.deltas[layer - self.trained[0]]
    }

    /// The loss of rows with those sample weights.
    pub(super) fn loss_of(&self, weights: Option<Id>) -> LossOf<'a> {
        let TrainingStep { network, loss, .. } = self.training;
        LossOf {
            loss: *loss,
            activation: &network.layers()[network.layers().len() - 1].activation,
            from: self.forward.outputs(self.targets),
            weights,
        }
    }

    /// The product that is the gradient of a layer.
    pub(super) fn gradient(&self, layer: usize) -> GradientProduct<'a> {
        GradientProduct {
            weight: self.layout.weight(layer),
            bias: self.layout.bias(layer),
            inputs: self.forward.layers[layer].inputs,
            deltas: self.delta(layer),
        }
    }
}
