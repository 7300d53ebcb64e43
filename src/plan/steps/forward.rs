//! Plans the forward pass, layer by layer.

use crate::error::Error;
use crate::kernel::{Kernel, Layouts, Weights};
use crate::network::{Activation, Layout, Loss, Network};
use crate::plan::ids::LayerIds;
use crate::plan::products::{Factors, LayerProduct, by_blocks};
use crate::plan::program::Plan;
use crate::plan::stages::{Chance, Dropout, Outputs};
use crate::plan::tensors::{BINDING, Flat, Id, check_bytes, elements};

/// The options of a forward pass.
pub(super) struct Pass<'a> {
    pub network: &'a Network,
    pub layout: &'a Layout,
    pub rows: usize,
    /// The loss that follows it, if any.
    pub loss: Option<Loss>,
    /// The keys of dropout, in training.
    pub chance: Option<Chance>,
}

/// The results of a forward pass.
pub(super) struct Forward {
    pub parameters: Flat,
    pub layers: Vec<LayerIds>,
}

impl Plan {
    /// The stages of the forward pass.
    pub(super) fn forward(&mut self, pass: &Pass<'_>, inputs: Id) -> Result<Forward, Error> {
        let &Pass { network, layout, rows, chance, .. } = pass;
        let parameters = self.flat("parameters", layout.len)?;
        for (i, layer) in network.layers().iter().enumerate() {
            let name = sum_name(i);
            check_bytes(&name, elements(&name, rows, layer.units)?, self.limits.binding, BINDING)?;
        }
        let blocks = by_blocks(network, rows, &self.limits);
        // Sums that no later stage reads share one buffer.
        let passing = |i: &usize| !blocks && !pass.keeps_sums(*i);
        let widest = (0..network.layers().len()).filter(passing).map(|i| network.layers()[i].units).max();
        let shared = match widest {
            Some(widest) => Some(self.buffer("sums", elements("sums", rows, widest)?)?),
            None => None,
        };
        let mut forward = Forward { parameters, layers: Vec::new() };
        let mut input = inputs;
        let mut rate = network.input_dropout();
        for (i, layer) in network.layers().iter().enumerate() {
            if let Some(chance) = chance.filter(|_| rate > 0.0) {
                let name = if i == 0 { "inputs.dropped".into() } else { format!("layers.{}.dropped", i - 1) };
                let dropped = self.tensor(&name, rows, self.tensors[input.0].columns)?;
                self.dropout(Some(input), dropped, Dropout { rate, number: i as u32 }, chance);
                input = dropped;
            }
            rate = layer.dropout;
            let sums = match shared {
                _ if pass.keeps_sums(i) => Some(self.tensor(&sum_name(i), rows, layer.units)?),
                Some(shared) => Some(self.view(&sum_name(i), shared, 0, rows, layer.units)),
                None => None,
            };
            let (weight, bias) = (layout.weight(i), layout.bias(i));
            check_bytes(&weight.name, weight.len, self.limits.binding, BINDING)?;
            let outputs = self.tensor(&format!("layers.{i}.output"), rows, layer.units)?;
            let flat = parameters.buffer;
            let ids = LayerIds {
                inputs: input,
                weight: self.view(&weight.name, flat, weight.offset, weight.shape[0], weight.shape[1]),
                bias: self.view(&bias.name, flat, bias.offset, 1, bias.shape[0]),
                sums,
                outputs,
            };
            self.layer(&layer.activation, &ids, blocks)?;
            forward.layers.push(ids);
            input = outputs;
        }
        Ok(forward)
    }

    /// A layer's product, bias and activation.
    fn layer(&mut self, activation: &Activation, layer: &LayerIds, blocks: bool) -> Result<(), Error> {
        let &LayerIds { inputs, weight, bias, sums, outputs } = layer;
        let factors = Factors { layouts: Layouts::Plain, a: inputs, b: weight };
        match sums {
            Some(sums) if *activation == Activation::Softmax => {
                match blocks {
                    true => self.store_product(factors, sums)?,
                    false => self.matmul(factors, sums),
                }
                self.softmax(bias, sums, outputs)
            }
            Some(sums) if !blocks => {
                self.matmul(factors, sums);
                self.bias_activation(activation, bias, sums, outputs);
                Ok(())
            }
            _ => self.layer_product(&LayerProduct { activation, inputs, weight, bias, sums, outputs }),
        }
    }
}

impl Pass<'_> {
    /// Whether a layer's sums before the activation are stored because a later stage reads them.
    fn keeps_sums(&self, i: usize) -> bool {
        let activation = &self.network.layers()[i].activation;
        let later = self.loss.is_some_and(|loss| match i + 1 == self.network.layers().len() {
            true => {
                Kernel::OutputDelta(loss, activation.clone(), Weights::Equal).reads_sums()
                    || Kernel::Loss(loss, activation.clone(), Weights::Equal).reads_sums()
            }
            false => Kernel::HiddenDelta(activation.clone()).reads_sums(),
        });
        later || *activation == Activation::Softmax
    }
}

impl Forward {
    /// The last layer, with those targets.
    pub(super) fn outputs(&self, targets: Id) -> Outputs {
        let last = &self.layers[self.layers.len() - 1];
        // If x is not stored, nothing reads it.
        Outputs { sums: last.sums.unwrap_or(last.outputs), outputs: last.outputs, targets }
    }
}

fn sum_name(layer: usize) -> String {
    format!("layers.{layer}.sum")
}
