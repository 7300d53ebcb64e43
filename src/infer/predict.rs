//! Prediction: the network's outputs for rows.

use super::resident::Resident;
use super::subject::Subject;
use crate::data::{Matrix, check_inputs};
use crate::error::Error;

/// The network's outputs for those rows: shape (rows, outputs).
pub async fn predict(subject: &Subject<'_>, inputs: &Matrix<'_>) -> Result<Matrix<'static>, Error> {
    check_inputs("inputs", subject.network, inputs)?;
    let (last, outputs) = (subject.network.layers().len() - 1, subject.network.outputs());
    let mut values = Vec::new();
    let mut kept = None;
    for piece in subject.pieces(inputs.rows()) {
        let resident = match Resident::kept(&mut kept, piece.len()) {
            Some(resident) => resident,
            None => kept.insert(Resident::prediction(subject, piece.len(), last..last + 1).await?),
        };
        resident.set_inputs(&inputs.values()[piece.start * inputs.columns()..piece.end * inputs.columns()]).await?;
        values.extend(resident.outputs(last..last + 1).await?.remove(0));
    }
    Matrix::new(inputs.rows(), outputs, values)
}
