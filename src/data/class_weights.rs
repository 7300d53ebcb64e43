//! How much the rows of each class count.

/// How much the rows of each class count.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClassWeights {
    /// Each class as much as any other: rows / (classes · rows of the class), as scikit-learn's `"balanced"`.
    Balanced,
    /// These, class 0 first; of a single yes-or-no output, no and yes.
    Given(Vec<f32>),
}
