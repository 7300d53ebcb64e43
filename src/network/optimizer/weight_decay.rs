//! Weight decay: coupled, where it is added to the gradient (the L2 penalty ½ δ p²), or decoupled, where it shrinks the
//! parameter before the update (AdamW). An optimizer's definition says which it has.

use super::definition::{Definition, Rates};

/// Applies the decay in the reference, and returns the gradient for the optimizer's update.
pub fn apply(decoupled: bool, parameter: &mut f64, gradient: f64, rates: &Rates) -> f64 {
    if decoupled {
        *parameter -= rates.learning_rate * rates.weight_decay * *parameter;
        gradient
    } else {
        gradient + rates.weight_decay * *parameter
    }
}

/// The same as WGSL statements, after which `g` is the gradient for the optimizer's update.
pub fn wgsl(decoupled: bool, parameter: &str, decay: &str) -> String {
    match decoupled {
        true => format!("    {parameter} = {parameter} * (1.0 - step.learning_rate * {decay});\n    let g = gradient;\n"),
        false => format!("    let g = gradient + {decay} * {parameter};\n"),
    }
}

/// The optimizer's formula with that decay, for people to read.
pub fn formula(definition: &Definition, decay: f64) -> String {
    match definition.decoupled {
        true => format!("{}, with a weight_decay of {decay}", definition.formula),
        false => format!("gradient = gradient + {decay} · parameter, {}", definition.formula),
    }
}
