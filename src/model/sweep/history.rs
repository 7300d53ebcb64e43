//! The result of training a sweep: a history for each network, and their ranking by loss. And how far the training is.

use std::ops::Range;

use super::networks::Networks;
use crate::engine::Engine;

/// The result of [`Sweep::fit`](crate::Sweep::fit): the histories of its networks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SweepHistory {
    /// The history of each network, in the order in which they were given.
    pub members: Vec<MemberHistory>,
    /// The epochs that were logged, counted from 1 in this call: see [`Fit::log_every`](crate::Fit::log_every).
    pub logged: Vec<usize>,
    /// The engine that trained.
    pub engine: Engine,
    /// The reason for choosing it.
    pub reason: String,
}

/// How far the training of a sweep is, as passed to the closure of [`Sweep::fit_with`](crate::Sweep::fit_with).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepLog {
    /// The networks that are trained at present. Those before them are finished, and those after them have not begun.
    pub networks: Range<usize>,
    /// The number of networks of the sweep.
    pub len: usize,
    /// The number of epochs of this call that these networks have been trained for.
    pub epoch: usize,
    /// The number of epochs of this call.
    pub epochs: usize,
}

impl SweepLog {
    /// The share of the work that is done, from 0 to 1.
    pub fn share(&self) -> f64 {
        let (before, now) = (self.networks.start as f64, self.networks.len() as f64);
        (before + now * self.epoch as f64 / self.epochs as f64) / self.len as f64
    }
}

/// The history of one network of a sweep.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MemberHistory {
    /// The loss of its last epoch, before the update.
    pub loss: f64,
    /// The losses of the epochs that were logged, up to its last epoch.
    pub logged: Vec<f64>,
    /// The number of epochs it has been trained for, over all calls.
    pub epochs: u64,
    /// Whether its loss or a weight is no longer finite. The other networks are not affected.
    pub diverged: bool,
    /// Its rank by the loss, from 1 for the lowest. Networks that diverged come last.
    pub rank: usize,
}

impl SweepHistory {
    /// The indices of the networks, sorted from best to worst.
    pub fn ranking(&self) -> Vec<usize> {
        let mut ranking: Vec<usize> = (0..self.members.len()).collect();
        ranking.sort_by_key(|member| self.members[*member].rank);
        ranking
    }
}

impl MemberHistory {
    /// The histories of all networks, which were trained for `epochs` in all. `logged_epochs` are counted from 1 after
    /// the first `before`.
    pub(super) fn all(
        networks: &Networks,
        epochs: &[u64],
        before: u64,
        logged_epochs: &[usize],
        logged: &[Vec<f32>],
    ) -> Vec<Self> {
        let mut members: Vec<_> = (0..networks.len())
            .map(|k| {
                let up_to_end = logged_epochs.iter().zip(&logged[k]).filter(|(epoch, _)| before + **epoch as u64 <= epochs[k]);
                Self {
                    loss: f64::from(networks.losses[k]),
                    logged: up_to_end.map(|(_, loss)| f64::from(*loss)).collect(),
                    epochs: epochs[k],
                    diverged: !networks.is_finite(k),
                    rank: 0,
                }
            })
            .collect();
        let mut ranking: Vec<usize> = (0..members.len()).collect();
        ranking.sort_by(|a, b| {
            let (a, b) = (&members[*a], &members[*b]);
            a.diverged.cmp(&b.diverged).then(a.loss.total_cmp(&b.loss))
        });
        for (place, k) in ranking.into_iter().enumerate() {
            members[k].rank = place + 1;
        }
        members
    }
}
