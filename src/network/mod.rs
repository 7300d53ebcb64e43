//! The network: layers, activations, losses, optimizers and initialisers, with one file for each definition.
//!
//! Uses `error` and `random`.

mod activation;
mod expression;
mod init;
mod layout;
mod loss;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod network;
mod onnx_node;
mod optimizer;

pub use self::activation::Activation;
pub(crate) use self::expression::{Expression, MathFunction, Variable};
pub use self::init::{Init, Order};
pub(crate) use self::layout::ALIGNMENT;
pub use self::layout::{Layout, Place, Tensor};
pub use self::loss::Loss;
pub use self::network::{Dense, Network};
pub(crate) use self::onnx_node::{Attribute, Node};
pub use self::optimizer::{Optimizer, Rule};
