//! Class weights: how much the rows of each class count in the loss.

/// How much the rows of each class count in the loss.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ClassWeights {
    /// All classes count the same in total: each row weighs rows / (classes · rows of its class), as scikit-learn's
    /// `"balanced"`.
    Balanced,
    /// One weight for each class, class 0 first. For a single yes-or-no output: the weight of no, then of yes.
    Given(Vec<f32>),
}
