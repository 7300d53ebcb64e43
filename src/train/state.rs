//! The state that a model keeps from one training run to the next.

use crate::engine::{Batches, Step};
use crate::network::Optimizer;
use crate::settings::{Fit, Plateau, Schedule};

/// The state that a model keeps from one training run to the next: optimizer, row order and schedule.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The optimizer state, flat; empty before the first step.
    pub slots: Vec<Vec<f64>>,
    /// The optimizer that the slots belong to.
    pub optimizer: Optimizer,
    /// The number of steps it has taken.
    pub steps: u64,
    /// The number of epochs that the model has been trained for.
    pub epochs: u64,
    pub schedule: Schedule,
    /// The number of epochs before that schedule began.
    pub schedule_began: u64,
    pub plateau: Plateau,
}

impl State {
    /// The state from which a training run with these settings continues. A different optimizer or schedule starts
    /// afresh.
    pub fn continued(&self, fit: &Fit) -> Self {
        let mut state = self.clone();
        if state.optimizer != fit.optimizer {
            (state.optimizer, state.slots, state.steps) = (fit.optimizer, Vec::new(), 0);
        }
        if state.schedule != fit.schedule {
            (state.schedule, state.schedule_began, state.plateau) = (fit.schedule, state.epochs, Plateau::default());
        }
        state
    }

    /// Resets the optimizer; the number of epochs stays.
    pub fn forget_optimizer(&mut self) {
        (self.slots, self.steps) = (Vec::new(), 0);
    }

    /// The learning rate of the next epoch, without the warm-up.
    fn rate(&self, fit: &Fit) -> f64 {
        fit.schedule.rate(fit.base_rate(), self.epochs - self.schedule_began, &self.plateau)
    }

    /// Appends the steps of the next epoch and advances the state past it.
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

    /// The state that many epochs later.
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
