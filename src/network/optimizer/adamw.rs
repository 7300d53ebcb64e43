//! AdamW: I. Loshchilov and F. Hutter, ICLR 2019, in PyTorch's form.

use super::adam;
use super::definition::Definition;

pub(super) const DEFINITION: Definition = Definition {
    name: "adamw",
    decoupled: true,
    defaults: (0.001, 0.01),
    formula: "parameter = parameter · (1 - learning_rate · weight_decay), then as adam",
    ..adam::DEFINITION
};
