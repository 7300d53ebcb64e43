//! What is known of each activation.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::network::expression::Expression;
use crate::network::onnx_node::Node;

/// Everything about one activation, built-in or custom. `x` is the value before it, `y` the value after it.
pub struct Definition {
    /// The name that files, messages and shaders use.
    pub(crate) name: Cow<'static, str>,
    /// y, as people write it.
    pub(crate) formula: Cow<'static, str>,
    /// y as a WGSL expression of `x`.
    pub(crate) wgsl_value: Expression,
    /// dy/dx as a WGSL expression of `x` and `y`; an activation that needs no `x` spares its storing.
    pub(crate) wgsl_derivative: Expression,
    /// dy/dx, as people write it.
    pub(crate) derivative_formula: Cow<'static, str>,
    /// y of x, for the reference.
    pub(crate) value: Arc<dyn Fn(f64) -> f64 + Send + Sync>,
    /// dy/dx of x and y, for the reference.
    pub(crate) derivative: Arc<dyn Fn(f64, f64) -> f64 + Send + Sync>,
    /// In the words of other programs; none of a custom one.
    pub(crate) exports: Option<Exports>,
}

/// An activation in the words of other programs.
pub struct Exports {
    /// y of `x` as ONNX operators, one after the other.
    pub onnx: &'static [Node],
    /// y as a C expression of a float `x`.
    pub c: &'static str,
}

impl Definition {
    /// What a definition is known by: two with the same name and WGSL make the same shaders.
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
