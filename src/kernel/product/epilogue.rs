//! What a product ends with: the stages that would follow, done on its sums while they are in registers.

use crate::kernel::binding::{Binding, read, used, when, write};
use crate::network::{Activation, MathFunction, Rule, Variable};

/// What a product ends with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Epilogue {
    /// c = sum.
    Store,
    /// The same, of a slice of the terms: each slice writes a c of its own, and [`Epilogue::slices_source`] adds them.
    Slice,
    /// x = sum + bias, y = f(x), as shaders/bias_activation.wgsl; x is stored only if `sums`.
    BiasActivation {
        /// f.
        activation: Activation,
        /// Whether x is stored.
        sums: bool,
    },
    /// delta = sum · f', as shaders/hidden_delta.wgsl.
    Derivative(Activation),
    /// The parameters go against their gradient, the sum, as shaders/update.wgsl.
    Update(Rule),
}

/// The fields of the `Params` of a kernel that adds slices.
pub(super) const SLICES_PARAMS: [(&str, &str); 6] = [
    ("first", "this dispatch computes the elements first..end of c, counted row by row"),
    ("end", ""),
    ("rows", "of c, without the one that goes to the bias"),
    ("columns", "of c"),
    ("slices", "how many there are, one after the other"),
    ("bias", "where the bias lies in the parameters, counted from the weight's first element"),
];

impl Epilogue {
    /// Its name in labels.
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

    /// The storage buffers that it uses, the first of which has that number.
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
        // They are bound one after the other.
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

    /// The storage buffers of a kernel that adds slices and ends with it.
    pub fn slices_bindings(&self) -> Vec<Binding> {
        [used([read(1, "partial")]), self.bindings(2)].concat()
    }
}
