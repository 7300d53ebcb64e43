//! What a checkpoint has beside a model: where its training stands.
//!
//! It is a model's file with more in it: `optimizer.{slot}.` and `best.` before the names of the network's tensors, and `history.`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::safetensors::Contents;
use crate::bits;
use crate::settings::Plateau;

/// What the names of tensors beside the weights begin with.
pub const PREFIXES: &[&str] = &["optimizer.", "best.", "history."];

/// The key of the checksum: CRC-32 of the description and of all tensors after it, by name, each with name, type and shape before its bytes.
pub const CHECKSUM: &str = "checksum";

/// Where a training stands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// What trained, where, and by which planner: what the last bits depend on.
    pub circumstances: BTreeMap<String, String>,
    /// The settings that must be the same, and what is known of the data.
    pub settings: BTreeMap<String, String>,
    /// The epochs of this training that are done. None is half done: the next batch is the first of an epoch.
    pub done: usize,
    /// The steps that the optimizer has taken.
    pub steps: u64,
    /// The epochs before the schedule began.
    pub schedule_began: u64,
    pub plateau: Plateau,
    /// The best watched loss, NaN without one.
    #[serde(with = "bits")]
    pub best_loss: f64,
    pub best_epoch: Option<usize>,
    /// Epochs since it was the best.
    pub since_best: usize,
    /// Whether early stopping has ended it.
    pub stopped: bool,
}

impl Progress {
    /// The longest text that the progress of such a training can become: with numbers as long as can be.
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

    /// How it was trained, as a model's notes say it.
    pub fn notes(&self) -> BTreeMap<String, String> {
        self.settings.iter().chain(&self.circumstances).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Refuses a checkpoint that is not as it was written.
pub fn verify(contents: &Contents, described: &str) -> Result<(), String> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(described.as_bytes());
    contents.hash(&mut hasher);
    match contents.metadata.get(CHECKSUM) {
        Some(checksum) if *checksum == format!("{:08x}", hasher.finalize()) => Ok(()),
        // What is behind it is to be reached by more than luck.
        Some(_) if cfg!(fuzzing) => Ok(()),
        _ => Err("a checkpoint that is damaged: its checksum is another".into()),
    }
}
