//! WGSL expressions of one element, declared with the variables and functions they use, so that their text need not be
//! scanned.

use std::borrow::Cow;

/// A WGSL expression of one element, with the variables and functions it uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expression {
    /// The WGSL text.
    pub wgsl: Cow<'static, str>,
    /// The variables it uses.
    reads: Cow<'static, [Variable]>,
    /// The functions of shaders/math.wgsl it calls.
    calls: Cow<'static, [MathFunction]>,
}

/// A variable that an expression may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variable {
    /// The input of the activation.
    X,
    /// The output of the activation.
    Y,
    /// The target.
    T,
}

/// A function of shaders/math.wgsl that activations and losses may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MathFunction {
    /// 1 / (1 + e⁻ˣ).
    Logistic,
    /// ln(1 + e) for e from 0 to 1.
    LogOf1Plus,
    /// eˣ - 1 for x up to 0.
    ExpMinus1,
    /// The cumulative distribution function Φ of the normal distribution.
    NormalCdf,
    /// The density φ of the normal distribution.
    NormalDensity,
    /// Twice the argument of the hyperbolic tangent in the approximation of GELU.
    GeluArgument,
    /// The derivative of that argument.
    GeluSlope,
    /// A probability clamped so that its logarithm is finite.
    Probability,
}

impl Expression {
    /// Declares a built-in expression: its text, and the variables and functions it uses.
    pub const fn new(wgsl: &'static str, reads: &'static [Variable], calls: &'static [MathFunction]) -> Self {
        Self { wgsl: Cow::Borrowed(wgsl), reads: Cow::Borrowed(reads), calls: Cow::Borrowed(calls) }
    }

    /// Inspects an expression of which only the text is known, as for a custom activation. This is the only place that
    /// scans.
    pub fn inspected(wgsl: Cow<'static, str>) -> Self {
        let words: Vec<&str> = wgsl.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let reads = Variable::ALL.iter().copied().filter(|variable| words.contains(&variable.name())).collect();
        let calls = MathFunction::ALL.iter().copied().filter(|function| words.contains(&function.name())).collect();
        Self { wgsl, reads, calls }
    }

    /// Whether it uses that variable.
    pub fn reads(&self, variable: Variable) -> bool {
        self.reads.contains(&variable)
    }

    /// The functions of shaders/math.wgsl that it calls.
    pub fn calls(&self) -> &[MathFunction] {
        &self.calls
    }
}

impl Variable {
    /// All variables.
    pub const ALL: &[Self] = &[Self::X, Self::Y, Self::T];

    /// The name in WGSL.
    pub fn name(self) -> &'static str {
        match self {
            Self::X => "x",
            Self::Y => "y",
            Self::T => "t",
        }
    }
}

impl MathFunction {
    /// All functions, in the order of shaders/math.wgsl.
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

    /// The name in WGSL.
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
