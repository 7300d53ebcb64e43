//! How a definition says what it is in ONNX: operators, one after the other.

/// An operator of a graph: of `x`, what goes in, or of `y`, what the operator before gave.
pub struct Node {
    pub op: &'static str,
    pub inputs: &'static [&'static str],
    pub attributes: &'static [(&'static str, Attribute)],
}

/// An attribute of an operator.
#[derive(Clone, Copy, Debug)]
pub enum Attribute {
    Int(i64),
    Float(f32),
    Text(&'static str),
}
