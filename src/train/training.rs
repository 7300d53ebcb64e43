//! The training loop.

use super::history::{Ended, Log};
use super::run::Run;
use super::start::{Failed, Start, Trained};
use super::training_data::TrainingData;
use crate::settings::{Answer, Fit};

/// Trains, from one epoch whose results are needed to the next.
pub async fn train<A: Answer>(
    start: &Start<'_>,
    rows: &TrainingData<'_>,
    fit: &Fit,
    on_log: &mut impl AsyncFnMut(&Log) -> A,
) -> Result<Trained, Failed> {
    let mut run = Run::new(start, rows, fit).await?;
    while run.continues() {
        // Run the next batches: whole epochs, or fewer if the training is cancelled.
        let epochs = run.take_epochs().await?;
        // Read the losses of these epochs. All must be finite, or the training has diverged.
        run.read_losses(epochs).await?;
        if epochs == 0 {
            break;
        }
        // Validate.
        run.validate().await?;
        // Stop if the loss has not improved for long enough.
        run.watch()?;
        // Write a checkpoint.
        run.save().await?;
        // Log.
        if let Some(log) = run.log(epochs).await?
            && !on_log(&log).await.continues()
        {
            run.end(Ended::ByCallback);
        }
    }
    run.finish().await
}
