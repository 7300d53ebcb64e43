//! The frame of a training run: what planning needs to know.

use crate::engine::{DataShape, Snapshot, TrainingShape};
use crate::kernel::Limits;
use crate::network::{Layout, Network};
use crate::settings::{Fit, Metric, OnNonFinite};

/// The maximum number of unread losses on the device. A run without log points reads them this often.
const MOST_UNREAD: usize = 65_536;

/// What is trained, and how.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    pub network: &'a Network,
    pub layout: &'a Layout,
    pub fit: &'a Fit,
}

/// The frame of a training on rows of that shape.
pub fn frame<'a>(task: Task<'a>, rows: DataShape, validation: Option<DataShape>, limits: Limits) -> TrainingShape<'a> {
    let Task { network, layout, fit } = task;
    let saves = fit.checkpoint.as_ref().map(|checkpoint| checkpoint.every);
    let stop = [fit.log_every, saves].into_iter().flatten().fold(fit.epochs, usize::min);
    let room = if fit.needs_every_epoch() { 1 } else { stop.min(MOST_UNREAD) };
    let best = fit.early_stopping.is_some_and(|stopping| stopping.restore_best);
    let scanned = fit.on_non_finite == OnNonFinite::Stop;
    // Whether parameters are checked before the last epoch. A training run that diverges goes back to those of the last
    // check.
    let looks = room < fit.epochs || fit.log_interval.is_some();
    let snapshots: &[Snapshot] = match (best, scanned && looks) {
        (true, true) => &[Snapshot::Best, Snapshot::Good],
        (true, false) => &[Snapshot::Best],
        (false, true) => &[Snapshot::Good],
        (false, false) => &[],
    };
    let scores = Metric::scores(&fit.metrics, network, fit.loss);
    TrainingShape { network, layout, fit, rows, validation, scores, room, snapshots, scanned, limits }
}
