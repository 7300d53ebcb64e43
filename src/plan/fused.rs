//! The fused engine's plan: one dispatch that trains many networks for many epochs, the orders of these epochs' rows, and a look for what
//! is no number.

use std::ops::Range;

use super::cut::word;
use super::dispatch::{Call, Dispatch};
use super::ids::{STEP_COLUMNS, StepTable};
use super::program::{Plan, Planned};
use super::tensors::Id;
use crate::data::Order;
use crate::error::Error;
use crate::kernel::{Fused, Kernel, Limits};

/// What the fused engine trains, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct FusedTraining<'a> {
    /// The kernel.
    pub fused: &'a Fused,
    /// How many networks.
    pub networks: usize,
    /// The losses of each that can wait to be read, beside its last.
    pub kept: usize,
    /// The snapshots of the parameters that can be taken.
    pub copies: usize,
    /// The most epochs of a dispatch.
    pub longest: usize,
    /// The row weights of all networks together.
    pub weights: usize,
    /// The words of a network's row of settings.
    pub member: usize,
    /// Whether parameters that are no numbers are looked for.
    pub scanned: bool,
}

/// Its tensors, and the programs beside the first, which trains.
#[derive(Clone, Debug, Default)]
pub struct FusedIds {
    /// The networks' settings.
    pub members: Id,
    /// The rows' inputs, packed.
    pub inputs: Id,
    /// Their targets, packed.
    pub targets: Id,
    /// All numbers of all networks, packed.
    pub parameters: Id,
    /// The last losses, and those that are kept.
    pub losses: Id,
    /// What differs from step to step, if anything does.
    pub steps: Option<Id>,
    /// The rows' weights.
    pub weights: Option<Id>,
    /// What computes orders, where rows are shuffled.
    pub orders: Option<Orders>,
    /// Copies of the parameters.
    pub copies: Vec<Id>,
    /// What looks for what is no number.
    pub look: Option<LookProgram>,
}

/// What computes the order of the rows in many epochs.
#[derive(Clone, Copy, Debug)]
pub struct Orders {
    /// Its only dispatch.
    pub dispatch: usize,
    /// A row of it says which epoch is the first.
    pub table: StepTable,
    /// The orders of all epochs, one after the other.
    pub list: Id,
}

/// What looks at the parameters.
#[derive(Clone, Debug)]
pub struct LookProgram {
    /// Its dispatches.
    pub dispatches: Range<usize>,
    /// Not 0 if something is no number.
    pub not_finite: Id,
}

/// What one dispatch of the fused kernel trains.
#[derive(Clone, Copy, Debug, Default)]
pub struct FusedRun {
    /// How many there are in the buffers.
    pub networks: usize,
    /// The first that is trained.
    pub first: usize,
    /// The one after the last.
    pub end: usize,
    /// How many epochs.
    pub epochs: usize,
    /// How many came before.
    pub first_epoch: u32,
    /// One in so many losses is kept,
    pub every: u32,
    /// the first of them after so many epochs,
    pub wait: u32,
    /// and where it goes.
    pub slot: u32,
}

impl Plan {
    /// The plan of the fused engine. What its dispatches train, and which epochs are ordered, is set before each: see
    /// [`FusedIds::run`] and [`Plan::ordering`].
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
            ids.look = Some(LookProgram { dispatches: first..plan.dispatches.len(), not_finite });
        }
        Ok(Planned { plan, ids })
    }
}

impl FusedIds {
    /// The dispatch that trains those networks.
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
        // How long it takes is for the engine to find out.
        Dispatch::new(&call, [word(workgroups), 1, 1], 0)
    }
}
