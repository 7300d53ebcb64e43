//! The definition of an optimizer.

/// The values of an optimizer's constants, in the order of [`Definition::constants`]; unused ones are 0.
pub type Constants = [f64; 3];

/// The complete definition of one optimizer.
pub struct Definition {
    /// The name in files and messages.
    pub name: &'static str,
    /// The names of its constants, in the order of their values in [`Optimizer`](super::Optimizer).
    pub constants: &'static [&'static str],
    /// The state that it keeps of every parameter from step to step: the names of flat buffers.
    pub slots: &'static [&'static str],
    /// The update, for people to read.
    pub formula: &'static str,
    /// The update of element `i` as WGSL statements, given its gradient `g` and the `step`'s row of the step table.
    pub wgsl: &'static str,
    /// Whether `wgsl` applies the weight decay itself. Otherwise it is added to the gradient.
    pub decoupled: bool,
    /// The default learning rate and the default weight decay.
    pub defaults: (f64, f64),
    /// The update for the reference: parameter, its slots, gradient, and the values that are the same for all elements.
    pub update: fn(&mut f64, [&mut f64; 2], f64, &Rates),
    /// The two numbers in the step table that depend on its constants and on the step, counted from 1.
    pub corrections: fn(Constants, u64) -> [f64; 2],
}

/// The values that the reference's update needs besides those of an element.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    pub constants: Constants,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub corrections: [f64; 2],
}

/// No numbers depend on the step.
pub fn no_corrections(_: Constants, _: u64) -> [f64; 2] {
    [1.0; 2]
}
