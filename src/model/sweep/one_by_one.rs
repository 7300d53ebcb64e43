//! Trains the networks of a sweep one after the other, as separate models.

use super::history::SweepLog;
use super::member::of_member;
use super::networks::Networks;
use super::task::{Task, Trained};
use crate::engine::Batches;
use crate::error::Error;
use crate::model::model::Model;
use crate::settings::{EngineChoice, Fit, OnNonFinite};
use crate::train::{Ended, State};

/// Trains each network as the model that `model` returns for it.
pub async fn train<L: FnMut(&SweepLog) + ?Sized>(
    task: &Task<'_>,
    networks: &mut Networks,
    (start, mut on_log): (State, Option<&mut L>),
    model: impl Fn(usize) -> Result<Model, Error>,
) -> Result<Trained, Error> {
    let &Task { fit, data, members, weights } = task;
    let mut logged = Vec::with_capacity(members.len());
    let mut all_slots = Vec::new();
    for (k, member) in members.iter().enumerate() {
        let epochs = fit.epochs as u64;
        let left = member.epochs.map_or(epochs, |end| (end as u64).saturating_sub(start.epochs).min(epochs));
        let mut model = model(k)?;
        let mut losses = Vec::new();
        if left > 0 {
            let alone = Fit {
                epochs: left as usize,
                sample_weights: weights.map(|weights| weights.of(k).into()),
                class_weights: None,
                engine: EngineChoice::Staged,
                log_every: None,
                on_non_finite: OnNonFinite::Continue,
                ..member.settings(fit)
            };
            let trained = model.train_here((data.inputs.clone(), data.targets.clone()), &alone).await;
            let history = trained.map_err(|error| match error {
                Error::Setting { .. } | Error::Shape { .. } | Error::NotFinite { .. } => of_member(k, error),
                // A fault of the device belongs to no member.
                error => error,
            })?;
            debug_assert_eq!(history.ended, Ended::Finished);
            losses = history.loss;
        }
        if let Some(loss) = losses.last() {
            networks.losses[k] = *loss as f32;
        }
        logged.push(match fit.log_every {
            Some(every) => losses.iter().step_by(every).map(|loss| *loss as f32).collect(),
            None => Vec::new(),
        });
        let (parameters, slots) = model.into_numbers(&fit.optimizer);
        networks.set_parameters(k, &networks.layout.dense(&parameters));
        for slot in 0..fit.optimizer.definition().slots.len() {
            all_slots.extend(match slots.get(slot) {
                Some(slot) => networks.layout.dense(slot),
                // A member that ended earlier with another optimizer has no state for this one.
                None => vec![0.0; networks.parameters_each()],
            });
        }
        if let Some(on_log) = &mut on_log {
            on_log(&SweepLog { networks: k..k + 1, len: members.len(), epoch: fit.epochs, epochs: fit.epochs });
        }
    }
    networks.slots = all_slots;
    Ok(Trained { logged, state: start.after(fit.epochs as u64, fit, &Batches::of(fit, data.inputs.rows())) })
}
