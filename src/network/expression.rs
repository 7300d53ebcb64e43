//! WGSL expressions of one element, with what they read and call: nobody has to look for that in their text.

use std::borrow::Cow;

/// A WGSL expression of one element, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expression {
    /// Its text.
    pub wgsl: Cow<'static, str>,
    /// The variables in it.
    reads: Cow<'static, [Variable]>,
    /// The functions of shaders/math.wgsl in it.
    calls: Cow<'static, [MathFunction]>,
}

/// What an expression may read of its element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variable {
    /// The sum before the activation.
    X,
    /// The output after it.
    Y,
    /// The target.
    T,
}

/// A function of shaders/math.wgsl, for activations and losses to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MathFunction {
    /// 1 / (1 + e⁻ˣ).
    Logistic,
    /// ln(1 + e) for e from 0 to 1.
    LogOf1Plus,
    /// eˣ - 1 for x up to 0.
    ExpMinus1,
    /// The normal distribution's Φ.
    NormalCdf,
    /// Its density φ.
    NormalDensity,
    /// Twice what GELU's approximation takes the hyperbolic tangent of.
    GeluArgument,
    /// The derivative of that.
    GeluSlope,
    /// A probability whose logarithm is finite.
    Probability,
}

impl Expression {
    /// One of the library's own: its text, the variables in it, and the functions that it calls.
    pub const fn new(wgsl: &'static str, reads: &'static [Variable], calls: &'static [MathFunction]) -> Self {
        Self { wgsl: Cow::Borrowed(wgsl), reads: Cow::Borrowed(reads), calls: Cow::Borrowed(calls) }
    }

    /// One of which there is only the text, as of a custom activation: read once, here.
    pub fn inspected(wgsl: Cow<'static, str>) -> Self {
        let words: Vec<&str> = wgsl.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let reads = Variable::ALL.iter().copied().filter(|variable| words.contains(&variable.name())).collect();
        let calls = MathFunction::ALL.iter().copied().filter(|function| words.contains(&function.name())).collect();
        Self { wgsl, reads, calls }
    }

    /// Whether that variable is in it.
    pub fn reads(&self, variable: Variable) -> bool {
        self.reads.contains(&variable)
    }

    /// The functions of shaders/math.wgsl that it calls.
    pub fn calls(&self) -> &[MathFunction] {
        &self.calls
    }
}

impl Variable {
    /// All of them.
    pub const ALL: &[Self] = &[Self::X, Self::Y, Self::T];

    /// Its name in WGSL.
    pub fn name(self) -> &'static str {
        match self {
            Self::X => "x",
            Self::Y => "y",
            Self::T => "t",
        }
    }
}

impl MathFunction {
    /// All of them, in the order of shaders/math.wgsl.
    pub const ALL: &[Self] = &[
        Self::Logistic,
        Self::LogOf1Plus,
        Self::ExpMinus1,
        Self::NormalCdf,
        Self::NormalDensity,
        Self::GeluArgument,
        Self::GeluSlope,
        Self::Probability,
    ];

    /// Its name in WGSL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::LogOf1Plus => "log_of_1_plus",
            Self::ExpMinus1 => "exp_minus_1",
            Self::NormalCdf => "normal_cdf",
            Self::NormalDensity => "normal_density",
            Self::GeluArgument => "gelu_argument",
            Self::GeluSlope => "gelu_slope",
            Self::Probability => "probability",
        }
    }
}
