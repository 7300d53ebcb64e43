//! Plans a step of training, evaluation or prediction, and a check of the parameters.

use super::backward::Backward;
use super::data::RowsOf;
use super::forward::{Forward, Pass};
use crate::error::Error;
use crate::kernel::{Limits, Weights};
use crate::network::{Loss, Network};
use crate::plan::ids::{EvaluationIds, FiniteCheckIds, PredictionIds, STEP_COLUMNS, StepTable, TrainingIds};
use crate::plan::products::by_blocks;
use crate::plan::program::{Plan, Planned};
use crate::plan::stages::{Chance, LossOf, Outputs, Slot};
use crate::plan::task::{EvaluationStep, TableSize, TrainingStep};
use crate::plan::tensors::{BUFFER, Id, check_bytes};
use crate::settings::Scores;

/// What an epoch's losses are means over.
struct Means {
    /// The total weight of all its rows.
    total: f64,
    /// The number of its rows.
    samples: usize,
}

/// The prefix of the names of an evaluation's own tensors.
const EVALUATION: &str = "evaluation.";

impl Plan {
    /// The plan of a training step: batch, forward pass, deltas, gradients, update, loss.
    pub fn training(training: &TrainingStep<'_>, size: TableSize, limits: Limits) -> Result<Planned<TrainingIds>, Error> {
        let &TrainingStep { network, loss, rows, scores, .. } = training;
        let layout = &network.layout()?;
        let mut plan = Self::new(limits);
        let table = plan.step_table("", size)?;
        let rows_of = RowsOf { network, count: rows, source: &training.source, weights: training.weights };
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
        let rows_of = RowsOf { network, count: rows, source: &evaluation.source, weights: Weights::Equal };
        let batch = plan.batch(EVALUATION, &rows_of, &table)?;
        let pass = Pass { network, layout, rows, loss: Some(loss), chance: None };
        let forward = plan.forward(&pass, batch.inputs)?;
        let of = LossOf {
            loss,
            activation: &network.layers()[network.layers().len() - 1].activation,
            from: forward.outputs(batch.targets),
            weights: None,
        };
        let counts = plan.scores(EVALUATION, scores, &of.from)?;
        plan.losses(&of, &Means { total: samples as f64, samples }, scores, &table)?;
        Ok(Planned { plan, ids: EvaluationIds { table, batch, parameters: forward.parameters.whole, counts } })
    }

    /// The plan of a check that all parameters are finite.
    pub fn look(network: &Network, limits: Limits) -> Result<Planned<FiniteCheckIds>, Error> {
        let mut plan = Self::new(limits);
        let parameters = plan.buffer("parameters", network.layout()?.len)?;
        let not_finite = plan.finite(parameters)?;
        Ok(Planned { plan, ids: FiniteCheckIds { not_finite } })
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
            // The errors of a training run are means over the rows, whatever their sample weights.
            let errors = [Loss::MeanSquaredError, Loss::MeanAbsoluteError];
            all.extend(errors.map(|loss| (LossOf { loss, weights: None, ..*of }, means.samples as f64)));
        }
        for (index, (of, total)) in all.iter().enumerate() {
            self.loss(of, table, Slot { index, moves: index + 1 == scores.losses(), total: *total })?;
        }
        Ok(())
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
