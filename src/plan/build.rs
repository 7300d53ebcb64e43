//! What a step is made of: training, evaluation and prediction, stage after stage.

use super::plan::{BINDING, BUFFER, Id, Plan, check_bytes, elements, parts};
use super::products::by_blocks;
use super::task::{Chance, EVALUATION, Evaluation, Outputs, Piece, Slot, Source, Table, Training};
use crate::error::Error;
use crate::kernel::{Kernel, LONGEST_LOOP, Layouts, Limits, WORKGROUP_SIZE, Weights};
use crate::network::{Activation, Layout, Loss, Network, Rule};
use crate::settings::Scores;

/// The rows of a step.
struct Batch {
    inputs: Id,
    targets: Id,
    weights: Option<Id>,
}

/// What the forward pass leaves behind, layer by layer.
struct Forward {
    /// The flat buffer of all weights and biases.
    parameters: usize,
    /// What goes into each layer.
    inputs: Vec<Id>,
    /// x, or where it is not kept y, in which case nothing reads it.
    sums: Vec<Id>,
    outputs: Vec<Id>,
    weights: Vec<Id>,
}

/// What the epoch's means are taken over.
struct Means {
    /// The weights of the batch's rows, if they have any.
    weights: Option<Id>,
    /// Those of all rows of the epoch together.
    total: f64,
    /// How many rows the epoch has.
    samples: usize,
}

impl Plan {
    /// The plan of a training step: the batch, forward, deltas, gradients, update, loss.
    ///
    /// Its named tensors are `inputs`, `targets`, `weights`, the pieces `data.inputs.0` and on, `data.targets.0` and `data.weights.0`, `parameters`, `gradients`,
    /// `optimizer.{slot}`, `steps`, `cursor`, `losses`, `counts`, and for each layer its weight and bias, their `.gradient`s, `sum`,
    /// `output`, `dropped` and `delta`: those of them that the step needs.
    pub fn training(training: &Training<'_>, table: Table, limits: Limits) -> Result<Self, Error> {
        let &Training { network, loss, rows, .. } = training;
        let layout = network.layout()?;
        let mut plan = Self::default();
        let steps = plan.table("", table, &limits)?;
        let batch = plan.batch("", network, rows, (&training.source, training.weights), steps, &limits)?;
        let chance = (steps.0, steps.1, training.seed);
        let forward = plan.forward(network, &layout, (rows, batch.inputs), Some(loss), Some(chance), &limits)?;
        let counts = training.scores.counts.map_or(0, |counts| counts.len(network.outputs()));
        let together = layout.len.saturating_add(table.losses).saturating_add(counts);
        check_bytes("parameters and losses together", together, limits.buffer, BUFFER)?;
        let last = network.layers().len() - 1;
        let activation = |i: usize| &network.layers()[i].activation;
        let Some(lowest) = network.layers().iter().position(|layer| !layer.frozen) else {
            return Err(Error::Setting {
                what: "frozen layers".into(),
                expected: "at least one layer that is not".into(),
                got: "none".into(),
            });
        };
        let trained: Vec<usize> = (lowest..=last).filter(|i| !network.layers()[*i].frozen).collect();

        // Below the lowest layer that learns, errors interest nobody.
        let mut deltas = Vec::new();
        for (i, layer) in network.layers().iter().enumerate().skip(lowest) {
            deltas.push(plan.tensor(&format!("layers.{i}.delta"), rows, layer.units, &limits)?);
        }
        let delta = |i: usize| deltas[i - lowest];
        let mut weights = batch.weights;
        if let Some(given) = batch.weights.filter(|_| loss.is_mean()) {
            let shares = plan.tensor("shares", rows, 1, &limits)?;
            plan.weigh(given, shares, &limits)?;
            weights = Some(shares);
        }
        let operands = Outputs { sums: forward.sums[last], outputs: forward.outputs[last], targets: batch.targets };
        plan.output_delta(loss, activation(last), &operands, weights, delta(last), &limits);
        if *activation(last) == Activation::Softmax && !loss.fuses_with(activation(last)) {
            plan.softmax_delta(operands.outputs, delta(last), &limits)?;
        }

        let blocks = by_blocks(network, rows, &limits);
        for i in (lowest + 1..=last).rev() {
            let (weight, sums, outputs) = (forward.weights[i], forward.sums[i - 1], forward.outputs[i - 1]);
            let rate = network.layers()[i - 1].dropout;
            match (blocks, rate > 0.0) {
                (true, false) => {
                    plan.delta_product(activation(i - 1), [delta(i), weight], [sums, outputs, delta(i - 1)], &limits)?;
                }
                (true, true) => plan.store_product(Layouts::TransposedB, [delta(i), weight], delta(i - 1), &limits)?,
                (false, _) => plan.matmul(Layouts::TransposedB, delta(i), weight, delta(i - 1), &limits),
            }
            if rate > 0.0 {
                plan.dropout(None, delta(i - 1), (rate, i as u32), chance, &limits);
            }
            if !blocks || rate > 0.0 {
                plan.hidden_delta(activation(i - 1), sums, outputs, delta(i - 1), &limits);
            }
        }

        let definition = training.optimizer.definition();
        let mut slots = Vec::new();
        for name in definition.slots {
            let name = format!("optimizer.{name}");
            let buffer = plan.buffer(&name, layout.len, &limits)?;
            plan.view(&name, buffer, 0, 1, layout.len);
            slots.push(buffer);
        }
        let decay = |i: usize| network.layers()[i].weight_decay.unwrap_or(training.weight_decay);
        if blocks && training.clip_norm.is_none() {
            for i in trained {
                let layer = (layout.weight(i), layout.bias(i));
                let rule = Rule::of(&training.optimizer, decay(i));
                plan.update_product(layer, (forward.parameters, &slots), [forward.inputs[i], delta(i)], rule, steps, &limits)?;
            }
        } else {
            let gradients = plan.buffer("gradients", layout.len, &limits)?;
            plan.view("gradients", gradients, 0, 1, layout.len);
            for i in trained.iter().copied() {
                let (weight, bias) = (layout.weight(i), layout.bias(i));
                if blocks {
                    plan.gradient_product((weight, bias), gradients, [forward.inputs[i], delta(i)], &limits)?;
                    continue;
                }
                let gradient =
                    plan.view(&format!("{}.gradient", weight.name), gradients, weight.offset, weight.shape[0], weight.shape[1]);
                plan.matmul(Layouts::TransposedA, forward.inputs[i], delta(i), gradient, &limits);
                let gradient = plan.view(&format!("{}.gradient", bias.name), gradients, bias.offset, 1, bias.shape[0]);
                plan.bias_gradient(delta(i), gradient, &limits);
            }
            let clip = match training.clip_norm {
                Some(limit) => Some(plan.clip(gradients, limit, &limits)?),
                None => None,
            };
            // Neighbouring layers with the same decay are updated together.
            for run in trained.chunk_by(|a, b| a + 1 == *b && decay(*a) == decay(*b)) {
                let end = layout.places.get(2 * run[run.len() - 1] + 2).map_or(layout.len, |next| next.offset);
                let flat = (forward.parameters, gradients, slots.as_slice());
                let rule = Rule::of(&training.optimizer, decay(run[0]));
                plan.update(flat, layout.weight(run[0]).offset..end, rule, steps, clip, &limits);
            }
        }
        plan.scores("", training.scores, &operands, &limits)?;
        let means = Means { weights: batch.weights, total: training.total, samples: training.samples };
        plan.losses((loss, activation(last)), &operands, means, training.scores, steps, &limits)?;
        Ok(plan)
    }

    /// The plan of an evaluation step: the rows, forward, scores, loss. What is not shared with training has `evaluation.` before its name.
    pub fn evaluation(evaluation: &Evaluation<'_>, limits: Limits) -> Result<Self, Error> {
        let &Evaluation { network, loss, rows, scores, .. } = evaluation;
        let layout = network.layout()?;
        let mut plan = Self::default();
        let steps = plan.table(EVALUATION, Table { steps: evaluation.pieces, losses: scores.losses() }, &limits)?;
        let batch = plan.batch(EVALUATION, network, rows, (&evaluation.source, Weights::Equal), steps, &limits)?;
        let forward = plan.forward(network, &layout, (rows, batch.inputs), Some(loss), None, &limits)?;
        let last = network.layers().len() - 1;
        let operands = Outputs { sums: forward.sums[last], outputs: forward.outputs[last], targets: batch.targets };
        plan.scores(EVALUATION, scores, &operands, &limits)?;
        let activation = &network.layers()[last].activation;
        let samples = evaluation.samples;
        let means = Means { weights: None, total: samples as f64, samples };
        plan.losses((loss, activation), &operands, means, scores, steps, &limits)?;
        Ok(plan)
    }

    /// The plan of a look at the parameters: whether all of them are numbers, which `not_finite` then says by being 0.
    pub fn look(network: &Network, limits: Limits) -> Result<Self, Error> {
        let mut plan = Self::default();
        let parameters = plan.buffer("parameters", network.layout()?.len, &limits)?;
        plan.finite(parameters, &limits)?;
        Ok(plan)
    }

    /// The plan of a prediction: forward.
    pub fn prediction(network: &Network, rows: usize, limits: Limits) -> Result<Self, Error> {
        let layout = network.layout()?;
        let mut plan = Self::default();
        let inputs = plan.tensor("inputs", rows, network.inputs(), &limits)?;
        plan.forward(network, &layout, (rows, inputs), None, None, &limits)?;
        Ok(plan)
    }

    /// The rows of a step, and where they come from.
    fn batch(
        &mut self,
        prefix: &str,
        network: &Network,
        rows: usize,
        (source, weights): (&Source, Weights),
        table: (Id, Id, Id),
        limits: &Limits,
    ) -> Result<Batch, Error> {
        let mut tensor = |name: &str, rows, columns| self.tensor(&format!("{prefix}{name}"), rows, columns, limits);
        let batch = Batch {
            inputs: tensor("inputs", rows, network.inputs())?,
            targets: tensor("targets", rows, network.outputs())?,
            weights: (weights == Weights::Given).then(|| tensor("weights", rows, 1)).transpose()?,
        };
        if let Source::Gathered { order, classes } = source {
            let outputs = if *classes { 1 } else { network.outputs() };
            let pieces = self.pieces(prefix, order.rows, (network.inputs(), outputs), weights, limits)?;
            let list = self.tensor(&format!("{prefix}order"), 1, rows, limits)?;
            self.order(table, order, list, limits);
            self.gather(list, &pieces, *classes, (batch.inputs, batch.targets, batch.weights), limits);
        }
        Ok(batch)
    }

    /// Data of so many rows, in pieces that can each be bound: `data.inputs.0` and on, and the same of targets and weights.
    fn pieces(
        &mut self,
        prefix: &str,
        rows: usize,
        (inputs, outputs): (usize, usize),
        weights: Weights,
        limits: &Limits,
    ) -> Result<Vec<Piece>, Error> {
        if inputs.max(outputs) > LONGEST_ROW {
            return Err(Error::TooLarge {
                what: "a row of the data".into(),
                limit: format!("{LONGEST_ROW} values, which a workgroup copies"),
                got: inputs.max(outputs).to_string(),
            });
        }
        let most = limits.binding.min(limits.buffer) / (4 * inputs.max(outputs) as u64);
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
                let mut tensor = |name, columns| self.tensor(&format!("{prefix}data.{name}.{i}"), piece.len(), columns, limits);
                Ok(Piece {
                    inputs: tensor("inputs", inputs)?,
                    targets: tensor("targets", outputs)?,
                    weights: (weights == Weights::Given).then(|| tensor("weights", 1)).transpose()?,
                })
            })
            .collect()
    }

    /// The stages of the forward pass; `loss` says whether something comes after them, `chance` whether they are a training's.
    fn forward(
        &mut self,
        network: &Network,
        layout: &Layout,
        (rows, inputs): (usize, Id),
        loss: Option<Loss>,
        chance: Option<Chance>,
        limits: &Limits,
    ) -> Result<Forward, Error> {
        let parameters = self.buffer("parameters", layout.len, limits)?;
        self.view("parameters", parameters, 0, 1, layout.len);
        let last = network.layers().len() - 1;

        // The sums before the activation are kept where a later stage reads them; elsewhere all layers share one buffer.
        let kept = |i: usize| {
            let activation = || network.layers()[i].activation.clone();
            let later = loss.map(|loss| match i == last {
                true => {
                    Kernel::OutputDelta(loss, activation(), Weights::Equal).reads_sums()
                        || Kernel::Loss(loss, activation(), Weights::Equal).reads_sums()
                }
                false => Kernel::HiddenDelta(activation()).reads_sums(),
            });
            later.unwrap_or(false) || activation() == Activation::Softmax
        };
        for (i, layer) in network.layers().iter().enumerate() {
            let name = format!("layers.{i}.sum");
            check_bytes(&name, elements(&name, rows, layer.units)?, limits.binding, BINDING)?;
        }
        let blocks = by_blocks(network, rows, limits);
        let widest = (0..=last).filter(|i| !blocks && !kept(*i)).map(|i| network.layers()[i].units).max();
        let shared = match widest {
            Some(widest) => Some(self.buffer("sums", elements("sums", rows, widest)?, limits)?),
            None => None,
        };

        let mut forward = Forward { parameters, inputs: vec![], sums: vec![], outputs: vec![], weights: vec![] };
        let mut input = inputs;
        let mut rate = network.input_dropout();
        for (i, layer) in network.layers().iter().enumerate() {
            if let Some(chance) = chance.filter(|_| rate > 0.0) {
                let name = if i == 0 { "inputs.dropped".into() } else { format!("layers.{}.dropped", i - 1) };
                let dropped = self.tensor(&name, rows, self.tensors[input.0].columns, limits)?;
                self.dropout(Some(input), dropped, (rate, i as u32), chance, limits);
                input = dropped;
            }
            rate = layer.dropout;
            let (weight, bias) = (layout.weight(i), layout.bias(i));
            let sum_name = format!("layers.{i}.sum");
            let sums = match shared {
                _ if kept(i) => Some(self.tensor(&sum_name, rows, layer.units, limits)?),
                Some(shared) => Some(self.view(&sum_name, shared, 0, rows, layer.units)),
                None => None,
            };
            check_bytes(&weight.name, weight.len, limits.binding, BINDING)?;
            let outputs = self.tensor(&format!("layers.{i}.output"), rows, layer.units, limits)?;
            let weights = self.view(&weight.name, parameters, weight.offset, weight.shape[0], weight.shape[1]);
            let biases = self.view(&bias.name, parameters, bias.offset, 1, bias.shape[0]);
            match (sums, layer.activation == Activation::Softmax) {
                (Some(sums), true) => {
                    match blocks {
                        true => self.store_product(Layouts::Plain, [input, weights], sums, limits)?,
                        false => self.matmul(Layouts::Plain, input, weights, sums, limits),
                    }
                    self.softmax(biases, sums, outputs, limits)?;
                }
                (Some(sums), false) if !blocks => {
                    self.matmul(Layouts::Plain, input, weights, sums, limits);
                    self.bias_activation(&layer.activation, biases, sums, outputs, limits);
                }
                _ => self.layer_product(&layer.activation, [input, weights, biases], sums, outputs, limits)?,
            }
            forward.inputs.push(input);
            forward.sums.push(sums.unwrap_or(outputs));
            forward.outputs.push(outputs);
            forward.weights.push(weights);
            input = outputs;
        }
        Ok(forward)
    }

    /// The step table, the cursor in it, and the losses it fills.
    fn table(&mut self, prefix: &str, table: Table, limits: &Limits) -> Result<(Id, Id, Id), Error> {
        Ok((
            self.tensor(&format!("{prefix}steps"), table.steps, STEP_COLUMNS, limits)?,
            self.tensor(&format!("{prefix}cursor"), 1, 1, limits)?,
            self.tensor(&format!("{prefix}losses"), 1, table.losses, limits)?,
        ))
    }

    /// What is counted of the outputs.
    fn scores(&mut self, prefix: &str, scores: Scores, from: &Outputs, limits: &Limits) -> Result<(), Error> {
        let Some(counts) = scores.counts else { return Ok(()) };
        let columns = self.tensors[from.outputs.0].columns;
        let counters = self.tensor(&format!("{prefix}counts"), 1, counts.len(columns), limits)?;
        self.score(counts, from, counters, limits)
    }

    /// The loss, and where errors are added up theirs; the last of them ends the step.
    fn losses(
        &mut self,
        (loss, activation): (Loss, &Activation),
        from: &Outputs,
        means: Means,
        scores: Scores,
        table: (Id, Id, Id),
        limits: &Limits,
    ) -> Result<(), Error> {
        // A training's errors are means over the rows, whatever these weigh in its loss.
        let errors = [Loss::MeanSquaredError, Loss::MeanAbsoluteError].map(|error| (error, None, means.samples as f64));
        let all = std::iter::once((loss, means.weights, means.total)).chain(errors.into_iter().filter(|_| scores.errors));
        for (slot, (loss, weights, total)) in all.enumerate() {
            let place = Slot { index: slot, moves: slot + 1 == scores.losses() };
            self.loss((loss, activation), from, (weights, total), table, place, limits)?;
        }
        Ok(())
    }
}

/// The most values of a row that the invocations of a workgroup copy in short enough loops.
const LONGEST_ROW: usize = LONGEST_LOOP / 2 * WORKGROUP_SIZE as usize;

/// The most pieces that data is cut into: each costs every batch a dispatch.
const MOST_PIECES: usize = 8;

/// The words of a row of the step table.
const STEP_COLUMNS: usize = 8;
