//! The state of a training run, which a checkpoint holds in addition to a model.
//!
//! A checkpoint is a model file with more tensors: the names of the network's tensors with the prefixes
//! `optimizer.{slot}.` and `best.`, and tensors that begin with `history.`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::safetensors::Contents;
use crate::bits;
use crate::settings::Plateau;

/// The prefixes of tensors other than the weights.
pub const PREFIXES: &[&str] = &["optimizer.", "best.", "history."];

/// The metadata key of the checksum: a CRC-32 of the description and then of all tensors in the order of their names.
/// For each tensor it covers the name, type and shape before the bytes.
pub const CHECKSUM: &str = "checksum";

/// The state of a training run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The engine, device and planner that trained: what the last bits depend on.
    pub circumstances: BTreeMap<String, String>,
    /// The settings that must stay the same, and the fingerprint of the data.
    pub settings: BTreeMap<String, String>,
    /// The number of epochs of this training run that are done. Checkpoints are between epochs: training continues with
    /// the first batch of an epoch.
    pub done: usize,
    /// The number of steps that the optimizer has taken.
    pub steps: u64,
    /// The number of epochs trained before the schedule began.
    pub schedule_began: u64,
    pub plateau: Plateau,
    /// The best watched loss; NaN if there is none.
    #[serde(with = "bits")]
    pub best_loss: f64,
    pub best_epoch: Option<usize>,
    /// The number of epochs since the best one.
    pub since_best: usize,
    /// Whether early stopping has ended the training.
    pub stopped: bool,
}

impl Progress {
    /// The progress of such a training run with the longest possible numbers, to check its length.
    pub fn longest(circumstances: &BTreeMap<String, String>, settings: &BTreeMap<String, String>) -> Self {
        Self {
            circumstances: circumstances.clone(),
            settings: settings.clone(),
            done: usize::MAX,
            steps: u64::MAX,
            schedule_began: u64::MAX,
            plateau: Plateau::default(),
            best_loss: f64::NAN,
            best_epoch: Some(usize::MAX),
            since_best: usize::MAX,
            stopped: false,
        }
    }

    /// The training's notes, as in a model.
    pub fn notes(&self) -> BTreeMap<String, String> {
        self.settings.iter().chain(&self.circumstances).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Refuses a checkpoint that was changed after it was written.
pub fn verify(contents: &Contents, described: &str) -> Result<(), String> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(described.as_bytes());
    contents.hash(&mut hasher);
    match contents.metadata.get(CHECKSUM) {
        Some(checksum) if *checksum == format!("{:08x}", hasher.finalize()) => Ok(()),
        // Lets the fuzzer reach the code behind the checksum.
        Some(_) if cfg!(fuzzing) => Ok(()),
        _ => Err("a damaged checkpoint: its checksum does not match".into()),
    }
}
