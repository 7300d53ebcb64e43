//! The training loop.

use super::history::{Ended, Log};
use super::start::{Failed, Start, Trained};
use super::training::Training;
use super::training_data::TrainingData;
use crate::settings::{Answer, Fit};

/// Trains, from one epoch whose results are needed to the next.
pub async fn train<A: Answer>(
    start: &Start<'_>,
    rows: &TrainingData<'_>,
    fit: &Fit,
    on_log: &mut impl AsyncFnMut(&Log) -> A,
) -> Result<Trained, Failed> {
    let mut training = Training::new(start, rows, fit).await?;
    while training.has_epochs_left() {
        // Run the next batches. If the training is cancelled, these are fewer whole epochs, and perhaps a part of one.
        let epochs = training.run_epochs().await?;
        // Read the losses. They and the weights must be finite, after a part of an epoch too.
        training.read_losses(epochs).await?;
        if epochs == 0 {
            break;
        }
        // Measure the validation rows, if there are any. An epoch does not count if that is cancelled.
        if !training.validate().await? {
            break;
        }
        // Compare the loss with the best: for early stopping, the schedule and the best weights.
        training.watch()?;
        // Write a checkpoint, if one is due.
        training.save().await?;
        // Log, if a log is due.
        if let Some(log) = training.log(epochs).await?
            && !on_log(&log).await.continues()
        {
            training.end(Ended::ByCallback);
        }
    }
    training.finish().await
}
