//! Planning the stages that are no product: cut by elements, rows or parts.

use std::ops::Range;

use super::plan::{ELEMENTWISE, Id, ONE_WORKGROUP, Plan, Tensor, parts, word};
use super::task::{Chance, NOT_FINITE, Outputs, Piece, Slot};
use crate::data::Order;
use crate::error::Error;
use crate::kernel::{Kernel, LONGEST_LOOP, Limits, WORKGROUP_SIZE, Weights, width};
use crate::network::{ALIGNMENT, Activation, Loss, Rule};
use crate::random::{DROPOUT, dropout_threshold};
use crate::settings::Counts;

impl Plan {
    /// x = product + bias in `sums`, y = activation(x) in `outputs`.
    pub fn bias_activation(&mut self, activation: &Activation, bias: Id, sums: Id, outputs: Id, limits: &Limits) {
        let (columns, count) = (self.tensors[sums.0].columns, self.len(sums));
        let name = |id: Id| &self.tensors[id.0].name;
        let definition = activation.definition();
        let formula = format!(
            "x = {} + {}, then {} = {}(x) = {}",
            name(sums),
            name(bias),
            name(outputs),
            definition.name,
            definition.formula
        );
        let operands = [("bias", bias), ("sums", sums), ("outputs", outputs)];
        for piece in parts(count, limits.elements(ELEMENTWISE)) {
            let params = [("first", word(piece.start)), ("end", word(piece.end)), ("columns", word(columns))];
            self.dispatch(
                Kernel::BiasActivation(activation.clone()),
                &operands,
                &params,
                [piece.len(), ELEMENTWISE],
                &formula,
                limits,
            );
        }
    }

    /// delta = ∂loss/∂x of the last layer. `weights` are the shares of the rows, or for a sum their weights.
    pub fn output_delta(
        &mut self,
        loss: Loss,
        activation: &Activation,
        from: &Outputs,
        weights: Option<Id>,
        deltas: Id,
        limits: &Limits,
    ) {
        let delta = &self.tensors[deltas.0];
        let columns = delta.columns;
        // Shares of the rows add up to 1.
        let rows = if weights.is_some() { 1.0 } else { delta.rows as f64 };
        let scale = if loss.is_mean() { 1.0 / (rows * loss.outputs_in_mean(columns)) } else { 1.0 } as f32;
        let mut formula = format!("{} = {}", delta.name, loss.formulas(activation).gradient_formula);
        if !loss.fuses_with(activation) && *activation != Activation::Softmax {
            formula = format!(
                "{} = ({}) · {}",
                delta.name,
                loss.formulas(activation).gradient_formula,
                activation.definition().derivative_formula
            );
        }
        if let Some(weights) = weights {
            formula += &format!(", times {} of the row", self.tensors[weights.0].name);
        }
        if scale != 1.0 {
            formula += &format!(", times {scale}");
        }
        formula += &format!("; y = {}, t = {}", self.tensors[from.outputs.0].name, self.tensors[from.targets.0].name);
        let mut operands = vec![("sums", from.sums), ("outputs", from.outputs), ("targets", from.targets), ("deltas", deltas)];
        operands.extend(weights.map(|weights| (if loss.is_mean() { "shares" } else { "weights" }, weights)));
        let kernel = Kernel::OutputDelta(loss, activation.clone(), kind(weights));
        for piece in parts(self.len(deltas), limits.elements(ELEMENTWISE)) {
            let params =
                [("first", word(piece.start)), ("end", word(piece.end)), ("columns", word(columns)), ("scale", scale.to_bits())];
            self.dispatch(kernel.clone(), &operands, &params, [piece.len(), ELEMENTWISE], &formula, limits);
        }
    }

    /// delta = error · f', in place.
    pub fn hidden_delta(&mut self, activation: &Activation, sums: Id, outputs: Id, deltas: Id, limits: &Limits) {
        let name = |id: Id| &self.tensors[id.0].name;
        let formula =
            format!("{0} = {0} · {1}; y = {2}", name(deltas), activation.definition().derivative_formula, name(outputs));
        let operands = [("sums", sums), ("outputs", outputs), ("deltas", deltas)];
        for piece in parts(self.len(deltas), limits.elements(ELEMENTWISE)) {
            let params = [("first", word(piece.start)), ("end", word(piece.end))];
            self.dispatch(
                Kernel::HiddenDelta(activation.clone()),
                &operands,
                &params,
                [piece.len(), ELEMENTWISE],
                &formula,
                limits,
            );
        }
    }

    /// The sum of each column of the deltas.
    pub fn bias_gradient(&mut self, deltas: Id, gradient: Id, limits: &Limits) {
        let Tensor { rows, columns, ref name, .. } = self.tensors[deltas.0];
        let formula = format!("{} = sum of {name} over its rows", self.tensors[gradient.0].name);
        for terms in parts(rows, LONGEST_LOOP) {
            for piece in parts(columns, limits.elements(terms.len())) {
                let params = [
                    ("first", word(piece.start)),
                    ("end", word(piece.end)),
                    ("columns", word(columns)),
                    ("row_first", word(terms.start)),
                    ("row_end", word(terms.end)),
                ];
                let operands = [("deltas", deltas), ("gradient", gradient)];
                self.dispatch(Kernel::BiasGradient, &operands, &params, [piece.len(), terms.len()], &formula, limits);
            }
        }
    }

    /// Each parameter of that range against its gradient, over flat buffers: parameters, gradients, and what the optimizer keeps.
    pub fn update(
        &mut self,
        (parameters, gradients, slots): (usize, usize, &[usize]),
        range: Range<usize>,
        rule: Rule,
        (steps, cursor, _): (Id, Id, Id),
        clip: Option<Id>,
        limits: &Limits,
    ) {
        // Few parameters keep one to an invocation, which reads as people write it.
        let width = if range.len() >= WORTH_FOUR && range.len().is_multiple_of(4) { 4 } else { 1 };
        let bindable = ((limits.binding / 4) as usize / ALIGNMENT).max(1) * ALIGNMENT;
        let formula = format!("{}, for every weight and bias", rule.formula);
        let kernel = Kernel::Update { rule: rule.clone(), width: width as u32, clipped: clip.is_some() };
        for piece in parts(range.len(), limits.elements(ELEMENTWISE * width).saturating_mul(width).min(bindable)) {
            let start = range.start + piece.start;
            let mut view = |name: &str, buffer| self.view(name, buffer, start, 1, piece.len());
            let mut operands = vec![
                ("steps", steps),
                ("cursor", cursor),
                ("gradients", view("gradients", gradients)),
                ("parameters", view("parameters", parameters)),
            ];
            for (name, buffer) in rule.slots.iter().zip(slots) {
                operands.push((name, view(&format!("optimizer.{name}"), *buffer)));
            }
            operands.extend(clip.map(|clip| ("clip", clip)));
            let invocations = piece.len() / width;
            let params = [("count", word(invocations))];
            self.dispatch(kernel.clone(), &operands, &params, [invocations, ELEMENTWISE * width], &formula, limits);
        }
    }

    /// What all gradients are multiplied with, so that their norm is at most `limit`.
    pub fn clip(&mut self, gradients: usize, limit: f64, limits: &Limits) -> Result<Id, Error> {
        let len = self.buffers[gradients].len;
        let count = len.div_ceil(ONE_WORKGROUP);
        let partials = self.tensor("partial squares", 1, count, limits)?;
        let clip = self.tensor("clip", 1, 1, limits)?;
        let bindable = ((limits.binding / 4) as usize / ONE_WORKGROUP).max(1) * ONE_WORKGROUP;
        let rounds = ONE_WORKGROUP / WORKGROUP_SIZE as usize;
        let longest = (limits.elements(rounds) / WORKGROUP_SIZE as usize).max(1) * ONE_WORKGROUP;
        for piece in parts(len, longest.min(bindable)) {
            let from = self.view("gradients", gradients, piece.start, 1, piece.len());
            let operands = [("gradients", from), ("partials", partials)];
            let params = [("count", word(piece.len())), ("part", word(piece.start / ONE_WORKGROUP))];
            let invocations = piece.len().div_ceil(ONE_WORKGROUP) * WORKGROUP_SIZE as usize;
            let formula = "the squares of the gradients, added up in parts";
            self.dispatch(Kernel::SquareSum, &operands, &params, [invocations, rounds], formula, limits);
        }
        let rounds = self.rounds_of_one_workgroup("gradients to be clipped", count)?;
        let formula = format!("clip = {limit} / (√(sum of the squares of the gradients) + 1e-6), at most 1");
        let params = [("count", word(count)), ("limit", (limit as f32).to_bits())];
        let operands = [("partials", partials), ("clip", clip)];
        self.dispatch(Kernel::Clip, &operands, &params, [WORKGROUP_SIZE as usize, rounds], &formula, limits);
        Ok(clip)
    }

    /// Whether all of a flat buffer's elements are numbers.
    pub fn finite(&mut self, parameters: usize, limits: &Limits) -> Result<Id, Error> {
        let found = self.tensor(NOT_FINITE, 1, 1, limits)?;
        let bindable = ((limits.binding / 4) as usize / ONE_WORKGROUP).max(1) * ONE_WORKGROUP;
        let rounds = ONE_WORKGROUP / WORKGROUP_SIZE as usize;
        let longest = (limits.elements(rounds) / WORKGROUP_SIZE as usize).max(1) * ONE_WORKGROUP;
        for piece in parts(self.buffers[parameters].len, longest.min(bindable)) {
            let from = self.view("parameters", parameters, piece.start, 1, piece.len());
            let operands = [("parameters", from), ("not_finite", found)];
            let invocations = piece.len().div_ceil(ONE_WORKGROUP) * WORKGROUP_SIZE as usize;
            let formula = "whether all parameters are numbers";
            self.dispatch(Kernel::Finite, &operands, &[("count", word(piece.len()))], [invocations, rounds], formula, limits);
        }
        Ok(found)
    }

    /// How often the invocations of one workgroup loop, when they share so many elements.
    fn rounds_of_one_workgroup(&self, what: &str, count: usize) -> Result<usize, Error> {
        let rounds = count.div_ceil(WORKGROUP_SIZE as usize);
        if rounds <= LONGEST_LOOP / 2 {
            return Ok(rounds);
        }
        Err(Error::TooLarge {
            what: what.into(),
            limit: format!("{} that one workgroup adds up", LONGEST_LOOP / 2 * WORKGROUP_SIZE as usize),
            got: count.to_string(),
        })
    }

    /// Which rows are in the batch.
    pub fn order(&mut self, (steps, cursor, _): (Id, Id, Id), order: &Order, list: Id, limits: &Limits) {
        let (x_range, y_range, rounds) = order.digits();
        let seed = order.seed.unwrap_or(0);
        let operands = [("steps", steps), ("cursor", cursor), ("order", list)];
        let formula = match rounds {
            0 => "order = the rows from the batch's first on",
            _ => "order = the epoch's permutation of the rows, from the batch's first on",
        };
        // A random block is ten rounds of a few operations.
        let operations = ELEMENTWISE + rounds as usize * 20;
        for piece in parts(self.len(list), limits.elements(operations)) {
            let params = [
                ("first", word(piece.start)),
                ("end", word(piece.end)),
                ("rows", word(order.rows)),
                ("x_range", x_range),
                ("y_range", y_range),
                ("rounds", rounds),
                ("seed_low", seed as u32),
                ("seed_high", (seed >> 32) as u32),
            ];
            self.dispatch(Kernel::Order, &operands, &params, [piece.len(), operations], formula, limits);
        }
    }

    /// The batch's rows out of the data, piece by piece.
    pub fn gather(
        &mut self,
        order: Id,
        pieces: &[Piece],
        classes: bool,
        (inputs, targets, weights): (Id, Id, Option<Id>),
        limits: &Limits,
    ) {
        let Tensor { rows, columns, .. } = self.tensors[inputs.0];
        let width = width(columns);
        let kernel = Kernel::Gather { width, classes, weights: kind(weights) };
        let outputs = self.tensors[targets.0].columns;
        let operations = (columns / width as usize + outputs).div_ceil(WORKGROUP_SIZE as usize) * ELEMENTWISE;
        let longest = (limits.elements(operations) / WORKGROUP_SIZE as usize).max(1);
        let mut piece_first = 0;
        for piece in pieces {
            let piece_end = piece_first + self.tensors[piece.inputs.0].rows;
            let mut operands = vec![
                ("order", order),
                ("data_inputs", piece.inputs),
                ("data_targets", piece.targets),
                ("inputs", inputs),
                ("targets", targets),
            ];
            operands.extend(piece.weights.map(|data| ("data_weights", data)));
            operands.extend(weights.map(|weights| ("weights", weights)));
            for rows in parts(rows, longest) {
                let params = [
                    ("first", word(rows.start)),
                    ("columns", word(columns / width as usize)),
                    ("outputs", word(outputs)),
                    ("piece_first", word(piece_first)),
                    ("piece_end", word(piece_end)),
                ];
                let invocations = rows.len() * WORKGROUP_SIZE as usize;
                let formula = "inputs and targets = the rows of the data in the batch's order";
                self.dispatch(kernel.clone(), &operands, &params, [invocations, operations], formula, limits);
            }
            piece_first = piece_end;
        }
    }

    /// The shares of the batch's rows by their weights.
    pub fn weigh(&mut self, weights: Id, shares: Id, limits: &Limits) -> Result<(), Error> {
        let count = self.len(weights);
        let rounds = self.rounds_of_one_workgroup("rows of a batch with weights", count)?;
        let operands = [("weights", weights), ("shares", shares)];
        let params = [("count", word(count))];
        let formula = "shares = weights / sum of the weights";
        self.dispatch(Kernel::Weigh, &operands, &params, [WORKGROUP_SIZE as usize, 2 * rounds], formula, limits);
        Ok(())
    }

    /// y = softmax(product + bias) in `outputs`, its logarithm in `sums`.
    pub fn softmax(&mut self, bias: Id, sums: Id, outputs: Id, limits: &Limits) -> Result<(), Error> {
        let name = |id: Id| &self.tensors[id.0].name;
        let formula = format!(
            "x = {0} + {1}, then {2} = e^x / sum of e^x over the row, and {0} = ln {2}",
            name(sums),
            name(bias),
            name(outputs)
        );
        let operands = [("bias", bias), ("sums", sums), ("outputs", outputs)];
        self.rows(Kernel::Softmax, &operands, outputs, &[], &formula, limits)
    }

    /// delta = softmax's derivative of the error, in place.
    pub fn softmax_delta(&mut self, outputs: Id, deltas: Id, limits: &Limits) -> Result<(), Error> {
        let formula = format!(
            "{0} = y · ({0} - sum of {0} y over the row); y = {1}",
            self.tensors[deltas.0].name, self.tensors[outputs.0].name
        );
        self.rows(Kernel::SoftmaxDelta, &[("outputs", outputs), ("deltas", deltas)], deltas, &[], &formula, limits)
    }

    /// A stage of one invocation a row of `of`, which loops over its columns.
    fn rows(
        &mut self,
        kernel: Kernel,
        operands: &[(&str, Id)],
        of: Id,
        more: &[(&str, u32)],
        formula: &str,
        limits: &Limits,
    ) -> Result<(), Error> {
        let Tensor { rows, columns, .. } = self.tensors[of.0];
        if columns > LONGEST_LOOP / 4 {
            return Err(Error::TooLarge {
                what: "classes".into(),
                limit: format!("{}, the columns that an invocation goes over", LONGEST_LOOP / 4),
                got: columns.to_string(),
            });
        }
        for piece in parts(rows, limits.elements(columns * ELEMENTWISE)) {
            let params = [("first", word(piece.start)), ("end", word(piece.end)), ("columns", word(columns))];
            let params = [params.as_slice(), more].concat();
            self.dispatch(kernel.clone(), operands, &params, [piece.len(), columns * ELEMENTWISE], formula, limits);
        }
        Ok(())
    }

    /// Elements left out at random: of `outputs` into `dropped`, or in place. `number` is 0 for the network's inputs, and of a layer's
    /// outputs one more than the layer's.
    pub fn dropout(
        &mut self,
        outputs: Option<Id>,
        dropped: Id,
        (rate, number): (f64, u32),
        (steps, cursor, seed): Chance,
        limits: &Limits,
    ) {
        let from = &self.tensors[outputs.unwrap_or(dropped).0].name;
        let formula = format!("{} = {from} / {}, or 0 by a chance of {rate}", self.tensors[dropped.0].name, 1.0 - rate);
        let mut operands = vec![("steps", steps), ("cursor", cursor), ("dropped", dropped)];
        operands.extend(outputs.map(|outputs| ("outputs", outputs)));
        let kernel = Kernel::Dropout { in_place: outputs.is_none() };
        // A random block is ten rounds.
        let rounds = ELEMENTWISE + 100;
        for piece in parts(self.len(dropped), limits.elements(rounds)) {
            let params = [
                ("first", word(piece.start)),
                ("end", word(piece.end)),
                ("seed_low", seed as u32),
                ("seed_high", (seed >> 32) as u32),
                ("purpose", DROPOUT | number << 8),
                ("threshold", dropout_threshold(rate)),
                ("scale", ((1.0 / (1.0 - rate)) as f32).to_bits()),
            ];
            self.dispatch(kernel.clone(), &operands, &params, [piece.len(), rounds], &formula, limits);
        }
    }

    /// Counts of right outputs.
    pub fn score(&mut self, counts: Counts, from: &Outputs, counters: Id, limits: &Limits) -> Result<(), Error> {
        let operands = [("outputs", from.outputs), ("targets", from.targets), ("counts", counters)];
        match counts {
            Counts::Binary => {
                let formula = "counts of outputs above a half and not, by their targets";
                for piece in parts(self.len(from.outputs), limits.elements(ELEMENTWISE)) {
                    let params = [("first", word(piece.start)), ("end", word(piece.end))];
                    self.dispatch(Kernel::ScoreBinary, &operands, &params, [piece.len(), ELEMENTWISE], formula, limits);
                }
                Ok(())
            }
            Counts::Classes { confusion } => {
                let formula = "counts of rows by the rank of their own class";
                let more = [("confusion", u32::from(confusion))];
                self.rows(Kernel::ScoreClasses, &operands, from.outputs, &more, formula, limits)
            }
        }
    }

    /// The loss of the batch, as a part of the epoch's mean, into its slot, and the cursor on to the next step. `total` is what all rows of
    /// the epoch weigh.
    pub fn loss(
        &mut self,
        (loss, activation): (Loss, &Activation),
        from: &Outputs,
        (weights, total): (Option<Id>, f64),
        (steps, cursor, losses): (Id, Id, Id),
        slot: Slot,
        limits: &Limits,
    ) -> Result<(), Error> {
        let mut count = self.len(from.outputs);
        let outputs = &self.tensors[from.outputs.0];
        let columns = outputs.columns;
        let scale = (1.0 / (total * loss.outputs_in_mean(columns))) as f32;
        let of = match loss.fuses_with(activation) {
            true => format!("x = {}", self.tensors[from.sums.0].name),
            false => format!("y = {}", outputs.name),
        };
        let mut formula =
            format!("loss = mean of {}; {of}, t = {}", loss.formulas(activation).formula, self.tensors[from.targets.0].name);
        let mut operands = vec![
            ("sums", from.sums),
            ("outputs", from.outputs),
            ("targets", from.targets),
            ("steps", steps),
            ("cursor", cursor),
            ("losses", losses),
        ];
        operands.extend(weights.map(|weights| ("weights", weights)));
        let mut kernel = Kernel::Loss(loss, activation.clone(), kind(weights));
        if count > ONE_WORKGROUP {
            // Each workgroup adds some of the elements, and the last stage what they come to.
            let partials = self.tensor("partial losses", 1, count.div_ceil(ONE_WORKGROUP), limits)?;
            operands.push(("partials", partials));
            let rounds = ONE_WORKGROUP / WORKGROUP_SIZE as usize * ELEMENTWISE;
            let parted = Kernel::PartialLoss(loss, activation.clone(), kind(weights));
            for piece in parts(count, limits.elements(rounds) * (ONE_WORKGROUP / WORKGROUP_SIZE as usize)) {
                let params = [("first", word(piece.start)), ("end", word(piece.end)), ("columns", word(columns))];
                let invocations = piece.len().div_ceil(ONE_WORKGROUP) * WORKGROUP_SIZE as usize;
                self.dispatch(parted.clone(), &operands, &params, [invocations, rounds], &formula, limits);
            }
            count = count.div_ceil(ONE_WORKGROUP);
            kernel = Kernel::TotalLoss;
            formula = "loss = the parts of it added up".into();
        }
        // One workgroup, whose invocations share the elements.
        let params = [
            ("count", word(count)),
            ("columns", word(columns)),
            ("scale", scale.to_bits()),
            ("slot", word(slot.index)),
            ("moves", u32::from(slot.moves)),
        ];
        let rounds = count.div_ceil(WORKGROUP_SIZE as usize);
        assert!(rounds <= LONGEST_LOOP / 2, "{count} parts of a loss");
        self.dispatch(kernel, &operands, &params, [WORKGROUP_SIZE as usize, rounds * ELEMENTWISE], &formula, limits);
        Ok(())
    }
}

fn kind(weights: Option<Id>) -> Weights {
    if weights.is_some() { Weights::Given } else { Weights::Equal }
}

/// From this many parameters on an invocation updates four of them.
const WORTH_FOUR: usize = 1024;
