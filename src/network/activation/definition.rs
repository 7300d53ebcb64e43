//! The definition of an activation.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::network::expression::Expression;
use crate::network::onnx_node::Node;

/// The complete definition of one activation, built-in or custom. `x` is its input, `y` its output.
pub struct Definition {
    /// The name in files, messages and shaders.
    pub(crate) name: Cow<'static, str>,
    /// The formula for y, for people to read.
    pub(crate) formula: Cow<'static, str>,
    /// y as a WGSL expression of `x`.
    pub(crate) wgsl_value: Expression,
    /// dy/dx as a WGSL expression of `x` and `y`. If it does not use `x`, no `x` is stored.
    pub(crate) wgsl_derivative: Expression,
    /// The formula for dy/dx, for people to read.
    pub(crate) derivative_formula: Cow<'static, str>,
    /// y as a function of x, for the reference.
    pub(crate) value: Arc<dyn Fn(f64) -> f64 + Send + Sync>,
    /// dy/dx as a function of x and y, for the reference.
    pub(crate) derivative: Arc<dyn Fn(f64, f64) -> f64 + Send + Sync>,
    /// How it is exported; `None` for a custom activation.
    pub(crate) exports: Option<Exports>,
}

/// An activation in export formats.
pub struct Exports {
    /// y of `x` as a sequence of ONNX operators.
    pub onnx: &'static [Node],
    /// y as a C expression of a float `x`.
    pub c: &'static str,
}

impl Definition {
    /// The identity of a definition: two with the same name and WGSL make the same shaders.
    fn key(&self) -> (&str, &str, &str) {
        (&self.name, &self.wgsl_value.wgsl, &self.wgsl_derivative.wgsl)
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Definition {}

impl Hash for Definition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}
