//! What a model carries from one training to the next.

use crate::engine::{Batches, Step};
use crate::network::Optimizer;
use crate::settings::{Fit, Plateau, Schedule};

/// What a model carries from one training to the next: where the optimizer, the order of the rows and the schedule go on.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What the optimizer keeps, flat; empty before it began.
    pub slots: Vec<Vec<f64>>,
    /// Whose slots these are.
    pub optimizer: Optimizer,
    /// The steps that it has taken.
    pub steps: u64,
    /// The epochs that the model has been trained for.
    pub epochs: u64,
    pub schedule: Schedule,
    /// The epochs before that schedule began.
    pub schedule_began: u64,
    pub plateau: Plateau,
}

impl State {
    /// The state from which these settings go on: another optimizer or schedule than before begins anew.
    pub fn going_on(&self, fit: &Fit) -> Self {
        let mut state = self.clone();
        if state.optimizer != fit.optimizer {
            (state.optimizer, state.slots, state.steps) = (fit.optimizer, Vec::new(), 0);
        }
        if state.schedule != fit.schedule {
            (state.schedule, state.schedule_began, state.plateau) = (fit.schedule, state.epochs, Plateau::default());
        }
        state
    }

    /// The optimizer begins anew; what is known of epochs stays.
    pub fn forget_optimizer(&mut self) {
        (self.slots, self.steps) = (Vec::new(), 0);
    }

    /// The learning rate of the next epoch, but for the warm-up.
    fn rate(&self, fit: &Fit) -> f64 {
        fit.schedule.rate(fit.base_rate(), self.epochs - self.schedule_began, &self.plateau)
    }

    /// The steps of the next epoch; the state is then behind it.
    pub fn epoch(&mut self, fit: &Fit, batches: &Batches, steps: &mut Vec<Step>) {
        let rate = self.rate(fit);
        let rates = fit.schedule.rates(self.epochs - self.schedule_began, rate);
        for batch in 0..batches.steps() {
            self.steps += 1;
            let warmed = warmed(self.steps, fit.warm_up);
            steps.push(Step {
                learning_rate: rate * warmed,
                rates: rates.map(|rate| rate * warmed),
                number: self.steps,
                epoch: self.epochs as u32,
                batch: batch as u32,
            });
        }
        self.epochs += 1;
    }

    /// The state so many epochs later.
    pub fn after(mut self, epochs: u64, fit: &Fit, batches: &Batches) -> Self {
        let mut steps = Vec::new();
        for _ in 0..epochs {
            steps.clear();
            self.epoch(fit, batches, &mut steps);
        }
        self
    }
}

fn warmed(step: u64, warm_up: usize) -> f64 {
    if step < warm_up as u64 { step as f64 / warm_up as f64 } else { 1.0 }
}
