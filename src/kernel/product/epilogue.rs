//! The epilogue of a product: the stages that would follow it, applied to its sums in registers.

use crate::kernel::binding::{Binding, read, used, when, write};
use crate::network::{Activation, MathFunction, Rule, Variable};

/// The epilogue of a product.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Epilogue {
    /// c = sum.
    Store,
    /// c = sum over a slice of the terms. Each slice writes its own c, and [`Epilogue::slices_source`] adds them.
    Slice,
    /// x = sum + bias, y = f(x), as in shaders/bias_activation.wgsl. x is stored only if `sums` is set.
    BiasActivation {
        /// f.
        activation: Activation,
        /// Whether x is stored.
        sums: bool,
    },
    /// delta = sum · f', as in shaders/hidden_delta.wgsl.
    Derivative(Activation),
    /// The update of the parameters with the sum as their gradient, as in shaders/update.wgsl.
    Update(Rule),
}

/// The fields of the `Params` of a kernel that adds slices.
pub(super) const SLICES_PARAMS: [(&str, &str); 6] = [
    ("first", "this dispatch computes the elements first..end of c, counted row by row"),
    ("end", ""),
    ("rows", "the number of rows of c, without the one for the bias"),
    ("columns", "the number of columns of c"),
    ("slices", "the number of slices, one after the other"),
    ("bias", "the index of the bias, counted from the weight's first element"),
];

impl Epilogue {
    /// The name in labels.
    pub fn label(&self) -> String {
        match self {
            Epilogue::Store => "store".into(),
            Epilogue::Slice => "slice".into(),
            Epilogue::BiasActivation { activation, sums: false } => format!("bias_activation, {}", activation.name()),
            Epilogue::BiasActivation { activation, sums: true } => format!("bias_activation, {}, sums", activation.name()),
            Epilogue::Derivative(activation) => format!("hidden_delta, {}", activation.name()),
            Epilogue::Update(rule) => {
                format!("update, {}{}", rule.name, if rule.decays() { ", decay" } else { "" })
            }
        }
    }

    /// The storage buffers it uses, numbered from `first`.
    pub fn bindings(&self, first: u32) -> Vec<Binding> {
        let mut bindings = match self {
            Epilogue::Store | Epilogue::Slice => used([write(0, "c")]),
            Epilogue::BiasActivation { sums, .. } => used([read(0, "bias"), when(*sums, write(0, "sums")), write(0, "outputs")]),
            Epilogue::Derivative(activation) => {
                let reads = |variable| activation.definition().wgsl_derivative.reads(variable);
                used([
                    write(0, "deltas"),
                    when(reads(Variable::X), read(0, "sums")),
                    when(reads(Variable::Y), read(0, "outputs")),
                ])
            }
            Epilogue::Update(rule) => {
                let mut bindings = used([read(0, "steps"), read(0, "cursor"), write(0, "parameters")]);
                bindings.extend(rule.slots.iter().filter_map(|slot| write(0, slot)));
                bindings
            }
        };
        // Binding numbers are consecutive.
        bindings.iter_mut().zip(first..).for_each(|(binding, index)| binding.index = index);
        bindings
    }

    /// The functions of shaders/math.wgsl that it calls.
    pub fn calls(&self) -> &[MathFunction] {
        match self {
            Epilogue::Store | Epilogue::Slice | Epilogue::Update(_) => &[],
            Epilogue::BiasActivation { activation, .. } => activation.definition().wgsl_value.calls(),
            Epilogue::Derivative(activation) => activation.definition().wgsl_derivative.calls(),
        }
    }

    /// The fields of the `Params` of a kernel that adds slices.
    pub fn slices_params() -> Vec<&'static str> {
        SLICES_PARAMS.map(|(name, _)| name).to_vec()
    }

    /// The storage buffers of a kernel that adds slices and applies this epilogue.
    pub fn slices_bindings(&self) -> Vec<Binding> {
        [used([read(1, "partial")]), self.bindings(2)].concat()
    }
}
