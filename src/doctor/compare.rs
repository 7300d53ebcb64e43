//! How far results are from others.

use crate::network::Tensor;
use crate::train::History;

/// How far tensors are from others, relative to how far those went from the start.
pub fn furthest(got: &[Tensor], expected: &[Tensor], start: &[Tensor]) -> f64 {
    let norm = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let all = |of: &[Tensor], from: &[Tensor]| of.iter().zip(from).map(|(a, b)| norm(&a.values, &b.values)).collect::<Vec<_>>();
    let (errors, moves) = (all(got, expected), all(expected, start));
    // A tensor that hardly moves is measured by what moves most.
    let most = moves.iter().fold(f64::MIN_POSITIVE, |a, b| a.max(*b));
    greatest(errors.iter().zip(&moves).map(|(error, moved)| error / moved.max(0.01 * most)))
}

/// How far the numbers of two histories are apart, relative to the greater of each; of counted rows one may be on another side.
pub fn apart(got: &History, expected: &History, rows: usize) -> f64 {
    let counted = |name: &str| ["accuracy", "precision", "recall", "f1"].iter().any(|metric| name.contains(metric));
    let measured = |history: &History| {
        history
            .metrics
            .iter()
            .chain(&history.validation_metrics)
            .map(|(name, values)| (name.clone(), values.clone()))
            .collect::<Vec<_>>()
    };
    let metrics = measured(got).into_iter().zip(measured(expected)).map(|((name, a), (_, b))| {
        let off = relative_f64(&a, &b);
        if counted(&name) && a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 4.0 / rows as f64) { 0.0 } else { off }
    });
    let losses = [(&got.loss, &expected.loss), (&got.validation_loss, &expected.validation_loss)];
    greatest(metrics.chain(losses.map(|(a, b)| relative_f64(a, b))))
}

fn relative_f64(got: &[f64], expected: &[f64]) -> f64 {
    let size = expected.iter().fold(1e-6, |a: f64, b| a.max(b.abs()));
    greatest(got.iter().zip(expected).map(|(a, b)| (a - b).abs() / size))
}

/// How far numbers are from others, relative to the greatest of those.
pub fn relative(got: &[f32], expected: &[f32]) -> f64 {
    let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
    relative_f64(&wide(got), &wide(expected))
}

/// The greatest of them; infinite if one is no number.
pub fn greatest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |greatest, value| if value.is_nan() { f64::INFINITY } else { greatest.max(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_seen() {
        let tensor = |values: [f32; 2]| vec![Tensor { name: "w".into(), shape: vec![2], values: values.to_vec() }];
        assert_eq!(furthest(&tensor([1.0, 2.0]), &tensor([1.0, 2.0]), &tensor([0.0, 0.0])), 0.0);
        assert!((furthest(&tensor([1.0, 2.0]), &tensor([1.0, 1.0]), &tensor([1.0, 0.0])) - 1.0).abs() < 1e-12);
        assert_eq!(furthest(&tensor([f32::NAN, 2.0]), &tensor([1.0, 1.0]), &tensor([1.0, 0.0])), f64::INFINITY);
        assert!(relative(&[1.0, 2.2], &[1.0, 2.0]) > 0.09 && relative(&[f32::NAN], &[1.0]).is_infinite());
        let history = |loss: f64, accuracy: f64| History {
            loss: vec![loss],
            metrics: [("accuracy".to_owned(), vec![accuracy])].into(),
            ..History::default()
        };
        assert_eq!(apart(&history(1.0, 0.5), &history(1.0, 0.53), 100), 0.0);
        assert!(
            apart(&history(1.0, 0.5), &history(1.0, 0.6), 100) > 0.1 && apart(&history(1.1, 0.5), &history(1.0, 0.5), 100) > 0.09
        );
    }
}
