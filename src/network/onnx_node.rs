//! ONNX operators, in which definitions describe themselves for export.

/// An operator of an ONNX graph. Among its inputs, `x` is the input of the definition, and `y` the output of the
/// previous operator.
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
