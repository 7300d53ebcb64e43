//! What is known of each optimizer.

/// The values of an optimizer's constants, in the order of [`Definition::constants`]; what it has not is 0.
pub type Constants = [f64; 3];

/// Everything about one optimizer.
pub struct Definition {
    /// The name that files and messages use.
    pub name: &'static str,
    /// The names of its constants, as an [`Optimizer`](super::Optimizer) has their values.
    pub constants: &'static [&'static str],
    /// What it keeps of every parameter from step to step: the names of flat buffers.
    pub slots: &'static [&'static str],
    /// The update, as people write it.
    pub formula: &'static str,
    /// The update of element `i` as WGSL statements, given its gradient `g` and the `step`'s row of the table.
    pub wgsl: &'static str,
    /// Whether weight decay is left to `wgsl`, instead of being added to the gradient.
    pub decoupled: bool,
    /// The learning rate that stands where none is set, and the weight decay.
    pub defaults: (f64, f64),
    /// The update for the reference: parameter, its slots, gradient, and what does not depend on the element.
    pub update: fn(&mut f64, [&mut f64; 2], f64, &Rates),
    /// The two numbers in the step table that depend on its constants and on the step, counted from 1.
    pub corrections: fn(Constants, u64) -> [f64; 2],
}

/// What the reference's update knows beside an element's own numbers.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub constants: Constants,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub corrections: [f64; 2],
}

/// Where no number depends on the step.
pub fn no_corrections(_: Constants, _: u64) -> [f64; 2] {
    [1.0; 2]
}
