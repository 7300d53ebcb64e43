//! The plan of the fused engine: one dispatch that trains many networks for many epochs, the row orders of these
//! epochs, and a check for NaN and infinite values.

use std::ops::Range;

use super::dispatch::{Call, Dispatch};
use super::ids::{STEP_COLUMNS, StepTable};
use super::pieces::word;
use super::program::{Plan, Planned};
use super::tensors::Id;
use crate::data::Order;
use crate::error::Error;
use crate::kernel::{Fused, Kernel, Limits};

/// What the fused engine trains, and the sizes of its buffers.
#[derive(Clone, Copy, Debug)]
pub struct FusedTraining<'a> {
    /// The kernel.
    pub fused: &'a Fused,
    /// The number of networks.
    pub networks: usize,
    /// The number of losses kept for each network until they are read, in addition to its last one.
    pub kept: usize,
    /// The number of snapshots of the parameters.
    pub copies: usize,
    /// The maximum number of epochs in a dispatch.
    pub longest: usize,
    /// The number of sample weights of all networks together.
    pub weights: usize,
    /// The number of words in a network's settings.
    pub member: usize,
    /// Whether parameters are checked for NaN and infinite values.
    pub scanned: bool,
}

/// The tensors of the plan, and its programs other than the first, which trains.
#[derive(Clone, Debug, Default)]
pub struct FusedIds {
    /// The networks' settings.
    pub members: Id,
    /// The inputs, packed.
    pub inputs: Id,
    /// The targets, packed.
    pub targets: Id,
    /// All numbers of all networks, packed.
    pub parameters: Id,
    /// The last losses, then the kept ones.
    pub losses: Id,
    /// The step table, if the kernel reads one.
    pub steps: Option<Id>,
    /// The sample weights.
    pub weights: Option<Id>,
    /// The program that computes row orders, if rows are shuffled.
    pub orders: Option<Orders>,
    /// The snapshots of the parameters.
    pub copies: Vec<Id>,
    /// The program that checks for NaN and infinite values.
    pub look: Option<FiniteCheckProgram>,
}

/// The program that computes the row orders of many epochs.
#[derive(Clone, Copy, Debug)]
pub struct Orders {
    /// Its only dispatch.
    pub dispatch: usize,
    /// The step table; its row holds the first epoch.
    pub table: StepTable,
    /// The orders of all epochs, one after the other.
    pub list: Id,
}

/// The program that checks the parameters.
#[derive(Clone, Debug)]
pub struct FiniteCheckProgram {
    /// Its dispatches.
    pub dispatches: Range<usize>,
    /// Not 0 if a value is not finite.
    pub not_finite: Id,
}

/// What one dispatch of the fused kernel trains.
#[derive(Clone, Copy, Debug, Default)]
pub struct FusedRun {
    /// The number of networks in the buffers.
    pub networks: usize,
    /// The first network to train.
    pub first: usize,
    /// One past the last network to train.
    pub end: usize,
    /// The number of epochs.
    pub epochs: usize,
    /// The number of epochs trained before.
    pub first_epoch: u32,
    /// The number of epochs between two kept losses.
    pub every: u32,
    /// The number of epochs until the next kept loss.
    pub wait: u32,
    /// The slot of the next kept loss.
    pub slot: u32,
}

impl Plan {
    /// The plan of the fused engine. What its dispatches train, and for which epochs orders are computed, is set before
    /// each run: see [`FusedIds::run`] and [`Plan::ordering`].
    pub fn fused(training: &FusedTraining<'_>, limits: Limits) -> Result<Planned<FusedIds>, Error> {
        let &FusedTraining { fused, networks, kept, longest, .. } = training;
        let mut plan = Self::new(limits);
        let numbers = fused.network_numbers();
        let members = plan.tensor("members", networks, training.member)?;
        let parameters = plan.tensor("parameters", networks, numbers)?;
        let losses = plan.tensor("losses", kept.saturating_add(1), networks)?;
        let inputs = plan.tensor("inputs", fused.rows, fused.input_words() * 4)?;
        let targets = plan.tensor("targets", fused.rows, fused.lanes.count() * fused.target_words() * 4)?;
        let mut ids = FusedIds { members, inputs, targets, parameters, losses, ..FusedIds::default() };
        let mut orders = None;
        if fused.shuffled {
            let list = plan.tensor("order", longest, fused.rows)?;
            let table = StepTable { steps: plan.tensor("step", 1, STEP_COLUMNS)?, cursor: plan.tensor("cursor", 1, 1)?, losses };
            orders = Some(Orders { dispatch: 1, table, list });
        }
        ids.orders = orders;
        ids.steps = fused.stepped.then(|| plan.tensor("steps", longest * fused.batches(), 4)).transpose()?;
        ids.weights = fused.weighted.then(|| plan.tensor("weights", 1, training.weights)).transpose()?;
        ids.copies = (0..training.copies).map(|_| plan.tensor("snapshot", networks, numbers)).collect::<Result<_, _>>()?;

        let all = FusedRun { networks, end: networks, ..FusedRun::default() };
        plan.dispatches.push(ids.run(fused, all));
        if let Some(Orders { table, list, .. }) = orders {
            let order = Order { rows: fused.rows, seed: Some(0) };
            let places = 0..plan.len(list);
            plan.dispatches.push(plan.ordering(&table, &order, list, places));
        }
        if training.scanned {
            let first = plan.dispatches.len();
            let not_finite = plan.finite(plan.tensors[parameters.0].buffer)?;
            ids.look = Some(FiniteCheckProgram { dispatches: first..plan.dispatches.len(), not_finite });
        }
        Ok(Planned { plan, ids })
    }
}

impl FusedIds {
    /// The dispatch for one run.
    pub fn run(&self, fused: &Fused, run: FusedRun) -> Dispatch {
        let mut operands = vec![
            ("members", self.members),
            ("inputs", self.inputs),
            ("targets", self.targets),
            ("parameters", self.parameters),
            ("losses", self.losses),
        ];
        operands.extend(self.orders.map(|orders| ("order", orders.list)));
        operands.extend(self.steps.map(|steps| ("steps", steps)));
        operands.extend(self.weights.map(|weights| ("weights", weights)));
        let call = Call {
            kernel: &Kernel::Fused(Box::new(fused.clone())),
            operands: &operands,
            params: &[
                ("networks", word(run.networks)),
                ("first", word(run.first)),
                ("end", word(run.end)),
                ("epochs", word(run.epochs)),
                ("first_epoch", run.first_epoch),
                ("every", run.every),
                ("wait", run.wait),
                ("slot", run.slot),
                ("words", word(fused.words())),
            ],
            formula: "many epochs of training",
        };
        let workgroups = (run.end - run.first).div_ceil(fused.lanes.networks());
        // The engine measures its time itself.
        Dispatch::new(&call, [word(workgroups), 1, 1], 0)
    }
}
