//! Plans the end of a step: the gradients, their clipping, and the update of weights and optimizer state.

use super::backward::Backward;
use crate::error::Error;
use crate::kernel::Layouts;
use crate::network::{Place, Rule};
use crate::plan::products::{Factors, GradientProduct, UpdateInPlace};
use crate::plan::program::Plan;
use crate::plan::stages::Update;
use crate::plan::tensors::Flat;

impl Plan {
    /// The gradients and the update. Returns the optimizer state.
    pub(super) fn updates(&mut self, backward: &Backward<'_>) -> Result<Vec<Flat>, Error> {
        let (training, layout) = (backward.training, backward.layout);
        let parameters = backward.forward.parameters;
        let table = &backward.chance.table;
        let names = training.optimizer.definition().slots.iter();
        let slots = names.map(|name| self.flat(&format!("optimizer.{name}"), layout.len)).collect::<Result<Vec<_>, _>>()?;
        let decay = |i: usize| training.network.layers()[i].weight_decay.unwrap_or(training.weight_decay);
        if backward.blocks && training.clip_norm.is_none() {
            for i in backward.trained.iter().copied() {
                let rule = Rule::of(&training.optimizer, decay(i));
                let update = UpdateInPlace { parameters, slots: &slots, rule, table };
                self.update_product(&backward.gradient(i), update)?;
            }
            return Ok(slots);
        }
        let gradients = self.flat("gradients", layout.len)?;
        for i in backward.trained.iter().copied() {
            self.gradient(backward, i, gradients)?;
        }
        let clip = match training.clip_norm {
            Some(limit) => Some(self.clip(gradients, limit)?),
            None => None,
        };
        // Adjacent layers with the same decay are updated together.
        for run in backward.trained.chunk_by(|a, b| a + 1 == *b && decay(*a) == decay(*b)) {
            let end = layout.places.get(2 * run[run.len() - 1] + 2).map_or(layout.len, |next| next.offset);
            let rule = &Rule::of(&training.optimizer, decay(run[0]));
            let update = Update { parameters, gradients, slots: &slots, rule, clip };
            self.update(&update, layout.weight(run[0]).offset..end, table);
        }
        Ok(slots)
    }

    /// The gradients of a layer's weight and bias, at their positions.
    fn gradient(&mut self, backward: &Backward<'_>, layer: usize, gradients: Flat) -> Result<(), Error> {
        let product = backward.gradient(layer);
        if backward.blocks {
            return self.gradient_product(&product, gradients);
        }
        let GradientProduct { weight, bias, inputs, deltas } = product;
        let mut view =
            |of: &Place, rows, columns| self.view(&format!("{}.gradient", of.name), gradients.buffer, of.offset, rows, columns);
        let of_weight = view(weight, weight.shape[0], weight.shape[1]);
        self.matmul(Factors { layouts: Layouts::TransposedA, a: inputs, b: deltas }, of_weight);
        let of_bias = self.view(&format!("{}.gradient", bias.name), gradients.buffer, bias.offset, 1, bias.shape[0]);
        self.bias_gradient(deltas, of_bias);
        Ok(())
    }
}
