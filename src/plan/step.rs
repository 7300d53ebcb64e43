//! Plans a step of training, evaluation or prediction, stage by stage.

use super::cut::parts;
use super::ids::{BatchIds, EvaluationIds, LayerIds, LookIds, Piece, PredictionIds, STEP_COLUMNS, StepTable, TrainingIds};
use super::products::{DeltaProduct, Factors, GradientProduct, LayerProduct, UpdateInPlace, by_blocks};
use super::program::{Plan, Planned};
use super::stages::{Chance, Dropout, LossOf, Outputs, Slot, Update};
use super::task::{EvaluationStep, Source, TableSize, TrainingStep};
use super::tensors::{BINDING, BUFFER, Flat, Id, check_bytes, elements};
use crate::error::Error;
use crate::kernel::Limits;
use crate::kernel::{Kernel, LONGEST_LOOP, Layouts, WORKGROUP_SIZE, Weights};
use crate::network::{Activation, Layout, Loss, Network, Rule};
use crate::settings::Scores;

/// The options of a forward pass.
struct Pass<'a> {
    network: &'a Network,
    layout: &'a Layout,
    rows: usize,
    /// The loss that follows it, if any.
    loss: Option<Loss>,
    /// The keys of dropout, in training.
    chance: Option<Chance>,
}

/// The results of a forward pass.
struct Forward {
    parameters: Flat,
    layers: Vec<LayerIds>,
}

/// The backward pass of a training step.
struct Backward<'a> {
    training: &'a TrainingStep<'a>,
    layout: &'a Layout,
    forward: &'a Forward,
    targets: Id,
    chance: Chance,
    /// The layers that are trained.
    trained: Vec<usize>,
    /// ∂loss/∂x of each layer, from the lowest trained layer on. Deltas below it are not needed.
    deltas: Vec<Id>,
    /// Whether products are by blocks.
    blocks: bool,
}

/// The rows of a step, and their source.
struct Rows<'a> {
    network: &'a Network,
    count: usize,
    source: &'a Source,
    weights: Weights,
}

/// What an epoch's losses are means over.
struct Means {
    /// The total weight of all its rows.
    total: f64,
    /// The number of its rows.
    samples: usize,
}

/// The prefix of the names of an evaluation's own tensors.
const EVALUATION: &str = "evaluation.";

/// The maximum number of values in a row that the invocations of a workgroup can copy within the limit of loop
/// iterations.
const LONGEST_ROW: usize = LONGEST_LOOP / 2 * WORKGROUP_SIZE as usize;

/// The maximum number of pieces that data is divided into. Each piece costs a dispatch in every batch.
const MOST_PIECES: usize = 8;

impl Plan {
    /// The plan of a training step: batch, forward pass, deltas, gradients, update, loss.
    pub fn training(training: &TrainingStep<'_>, size: TableSize, limits: Limits) -> Result<Planned<TrainingIds>, Error> {
        let &TrainingStep { network, loss, rows, scores, .. } = training;
        let layout = &network.layout()?;
        let mut plan = Self::new(limits);
        let table = plan.step_table("", size)?;
        let rows_of = Rows { network, count: rows, source: &training.source, weights: training.weights };
        let batch = plan.batch("", &rows_of, &table)?;
        let chance = Chance { table, seed: training.seed };
        let pass = Pass { network, layout, rows, loss: Some(loss), chance: Some(chance) };
        let forward = plan.forward(&pass, batch.inputs)?;
        let counts = scores.counts.map_or(0, |counts| counts.len(network.outputs()));
        let together = layout.len.saturating_add(size.losses).saturating_add(counts);
        check_bytes("parameters and losses together", together, limits.buffer, BUFFER)?;

        let mut backward = Backward {
            training,
            layout,
            forward: &forward,
            targets: batch.targets,
            chance,
            trained: trained(network)?,
            deltas: Vec::new(),
            blocks: by_blocks(network, rows, &limits),
        };
        plan.output_deltas(&mut backward, batch.weights)?;
        plan.hidden_deltas(&backward)?;
        let slots = plan.updates(&backward)?;

        let of = backward.loss_of(batch.weights);
        let counts = plan.scores("", scores, &of.from)?;
        plan.losses(&of, &Means { total: training.total, samples: training.samples }, scores, &table)?;
        let slots = slots.iter().map(|slot| slot.whole).collect();
        let ids = TrainingIds { table, batch, parameters: forward.parameters.whole, slots, counts, layers: forward.layers };
        Ok(Planned { plan, ids })
    }

    /// The plan of an evaluation step: rows, forward pass, scores, loss.
    pub fn evaluation(evaluation: &EvaluationStep<'_>, limits: Limits) -> Result<Planned<EvaluationIds>, Error> {
        let &EvaluationStep { network, loss, rows, scores, samples, .. } = evaluation;
        let layout = &network.layout()?;
        let mut plan = Self::new(limits);
        let size = TableSize { steps: evaluation.pieces, losses: scores.losses() };
        let table = plan.step_table(EVALUATION, size)?;
        let rows_of = Rows { network, count: rows, source: &evaluation.source, weights: Weights::Equal };
        let batch = plan.batch(EVALUATION, &rows_of, &table)?;
        let pass = Pass { network, layout, rows, loss: Some(loss), chance: None };
        let forward = plan.forward(&pass, batch.inputs)?;
        let of = LossOf { loss, activation: last_activation(network), from: forward.outputs(batch.targets), weights: None };
        let counts = plan.scores(EVALUATION, scores, &of.from)?;
        plan.losses(&of, &Means { total: samples as f64, samples }, scores, &table)?;
        Ok(Planned { plan, ids: EvaluationIds { table, batch, parameters: forward.parameters.whole, counts } })
    }

    /// The plan of a check that all parameters are finite.
    pub fn look(network: &Network, limits: Limits) -> Result<Planned<LookIds>, Error> {
        let mut plan = Self::new(limits);
        let parameters = plan.buffer("parameters", network.layout()?.len)?;
        let not_finite = plan.finite(parameters)?;
        Ok(Planned { plan, ids: LookIds { not_finite } })
    }

    /// The plan of a prediction: forward pass.
    pub fn prediction(network: &Network, rows: usize, limits: Limits) -> Result<Planned<PredictionIds>, Error> {
        let layout = &network.layout()?;
        let mut plan = Self::new(limits);
        let inputs = plan.tensor("inputs", rows, network.inputs())?;
        let pass = Pass { network, layout, rows, loss: None, chance: None };
        let Forward { parameters, layers } = plan.forward(&pass, inputs)?;
        Ok(Planned { plan, ids: PredictionIds { inputs, parameters: parameters.whole, layers } })
    }

    /// The step table, its cursor, and the losses it fills.
    pub fn step_table(&mut self, prefix: &str, size: TableSize) -> Result<StepTable, Error> {
        Ok(StepTable {
            steps: self.tensor(&format!("{prefix}steps"), size.steps, STEP_COLUMNS)?,
            cursor: self.tensor(&format!("{prefix}cursor"), 1, 1)?,
            losses: self.tensor(&format!("{prefix}losses"), 1, size.losses)?,
        })
    }

    /// The rows of a step, and where they come from.
    fn batch(&mut self, prefix: &str, rows: &Rows<'_>, table: &StepTable) -> Result<BatchIds, Error> {
        let &Rows { network, count, source, weights } = rows;
        let mut tensor = |name: &str, columns| self.tensor(&format!("{prefix}{name}"), count, columns);
        let mut batch = BatchIds {
            inputs: tensor("inputs", network.inputs())?,
            targets: tensor("targets", network.outputs())?,
            weights: (weights == Weights::Given).then(|| tensor("weights", 1)).transpose()?,
            data: Vec::new(),
        };
        if let Source::Gathered { order, classes } = source {
            let outputs = if *classes { 1 } else { network.outputs() };
            batch.data = self.pieces(prefix, order.rows, [network.inputs(), outputs], weights)?;
            let list = self.tensor(&format!("{prefix}order"), 1, count)?;
            self.order(table, order, list);
            self.gather(list, &batch, *classes);
        }
        Ok(batch)
    }

    /// Data of `rows` rows, in pieces that can each be bound: `data.inputs.0` and so on, and the same for targets and
    /// weights. `columns` are those of inputs and targets.
    fn pieces(&mut self, prefix: &str, rows: usize, columns: [usize; 2], weights: Weights) -> Result<Vec<Piece>, Error> {
        let [inputs, targets] = columns;
        let longest = inputs.max(targets);
        if longest > LONGEST_ROW {
            return Err(Error::TooLarge {
                what: "a row of the data".into(),
                limit: format!("{LONGEST_ROW} values, which a workgroup copies"),
                got: longest.to_string(),
            });
        }
        let most = self.limits.binding.min(self.limits.buffer) / (4 * longest as u64);
        let most = most.max(1) as usize;
        if rows.div_ceil(most) > MOST_PIECES {
            return Err(Error::TooLarge {
                what: format!("{prefix}data"),
                limit: format!("{} rows, {MOST_PIECES} times as many as the device binds", MOST_PIECES.saturating_mul(most)),
                got: format!("{rows} rows"),
            });
        }
        let pieces = parts(rows, most).enumerate();
        pieces
            .map(|(i, piece)| {
                let mut tensor = |name, columns| self.tensor(&format!("{prefix}data.{name}.{i}"), piece.len(), columns);
                Ok(Piece {
                    inputs: tensor("inputs", inputs)?,
                    targets: tensor("targets", targets)?,
                    weights: (weights == Weights::Given).then(|| tensor("weights", 1)).transpose()?,
                })
            })
            .collect()
    }

    /// The stages of the forward pass.
    fn forward(&mut self, pass: &Pass<'_>, inputs: Id) -> Result<Forward, Error> {
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

    /// Allocates the deltas of all trained layers and computes those of the last layer. `weights` are those of the
    /// batch's rows.
    fn output_deltas(&mut self, backward: &mut Backward<'_>, weights: Option<Id>) -> Result<(), Error> {
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
    fn hidden_deltas(&mut self, backward: &Backward<'_>) -> Result<(), Error> {
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

    /// The gradients and the update. Returns the optimizer state.
    fn updates(&mut self, backward: &Backward<'_>) -> Result<Vec<Flat>, Error> {
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
        let mut view = |of: &crate::network::Place, rows, columns| {
            self.view(&format!("{}.gradient", of.name), gradients.buffer, of.offset, rows, columns)
        };
        let of_weight = view(weight, weight.shape[0], weight.shape[1]);
        self.matmul(Factors { layouts: Layouts::TransposedA, a: inputs, b: deltas }, of_weight);
        let of_bias = self.view(&format!("{}.gradient", bias.name), gradients.buffer, bias.offset, 1, bias.shape[0]);
        self.bias_gradient(deltas, of_bias);
        Ok(())
    }

    /// The counts for metrics.
    fn scores(&mut self, prefix: &str, scores: Scores, from: &Outputs) -> Result<Option<Id>, Error> {
        let Some(counts) = scores.counts else { return Ok(None) };
        let columns = self.tensors[from.outputs.0].columns;
        let counters = self.tensor(&format!("{prefix}counts"), 1, counts.len(columns))?;
        self.score(counts, from, counters)?;
        Ok(Some(counters))
    }

    /// The loss, and the errors if they are summed. The last of them ends the step.
    fn losses(&mut self, of: &LossOf<'_>, means: &Means, scores: Scores, table: &StepTable) -> Result<(), Error> {
        let mut all = vec![(*of, means.total)];
        if scores.errors {
            // The errors of a training are means over the rows, whatever their sample weights.
            let errors = [Loss::MeanSquaredError, Loss::MeanAbsoluteError];
            all.extend(errors.map(|loss| (LossOf { loss, weights: None, ..*of }, means.samples as f64)));
        }
        for (index, (of, total)) in all.iter().enumerate() {
            self.loss(of, table, Slot { index, moves: index + 1 == scores.losses(), total: *total })?;
        }
        Ok(())
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
    fn outputs(&self, targets: Id) -> Outputs {
        let last = &self.layers[self.layers.len() - 1];
        // If x is not stored, nothing reads it.
        Outputs { sums: last.sums.unwrap_or(last.outputs), outputs: last.outputs, targets }
    }
}

impl<'a> Backward<'a> {
    fn delta(&self, layer: usize) -> Id {
        self.deltas[layer - self.trained[0]]
    }

    fn loss_of(&self, weights: Option<Id>) -> LossOf<'a> {
        let TrainingStep { network, loss, .. } = self.training;
        LossOf { loss: *loss, activation: last_activation(network), from: self.forward.outputs(self.targets), weights }
    }

    fn gradient(&self, layer: usize) -> GradientProduct<'a> {
        GradientProduct {
            weight: self.layout.weight(layer),
            bias: self.layout.bias(layer),
            inputs: self.forward.layers[layer].inputs,
            deltas: self.delta(layer),
        }
    }
}

/// The layers that are trained.
fn trained(network: &Network) -> Result<Vec<usize>, Error> {
    let layers = network.layers();
    let trained: Vec<usize> = (0..layers.len()).filter(|i| !layers[*i].frozen).collect();
    match trained.is_empty() {
        false => Ok(trained),
        true => Err(Error::Setting {
            what: "frozen layers".into(),
            expected: "at least one layer that is not".into(),
            got: "none".into(),
        }),
    }
}

fn last_activation(network: &Network) -> &Activation {
    &network.layers()[network.layers().len() - 1].activation
}

fn sum_name(layer: usize) -> String {
    format!("layers.{layer}.sum")
}
