//! The update of an optimizer as WGSL, for the staged engine's buffers and for the fused engine's registers.

use std::fmt::Write;
use std::sync::Arc;

use super::{Optimizer, weight_decay};

/// The update rule of a kernel: an optimizer with its constants and its weight decay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// The optimizer's name.
    pub name: &'static str,
    /// The names of the flat buffers that it keeps.
    pub slots: &'static [&'static str],
    /// The update, for people to read.
    pub formula: Arc<str>,
    /// The optimizer's settings by name, as the bits of their values, which can be compared.
    settings: Vec<(&'static str, u64)>,
    /// The bits of the weight decay, if there is one.
    weight_decay: Option<u64>,
    /// The optimizer's own formula.
    plain: &'static str,
    /// The statements that update element `i`.
    body: &'static str,
    /// Whether weight decay is decoupled from the gradient.
    decoupled: bool,
}

/// The gradient without weight decay.
const PLAIN_GRADIENT: &str = "    let g = gradient;\n";

impl Rule {
    /// The rule of an optimizer with that weight decay.
    pub fn of(optimizer: &Optimizer, weight_decay: f64) -> Self {
        let definition = optimizer.definition();
        let decays = weight_decay != 0.0;
        let formula = match decays {
            true => weight_decay::formula(definition, weight_decay),
            false => definition.formula.into(),
        };
        Self {
            name: definition.name,
            slots: definition.slots,
            formula: formula.into(),
            settings: optimizer.settings().map(|(name, value)| (name, value.to_bits())).collect(),
            weight_decay: decays.then_some(weight_decay.to_bits()),
            plain: definition.formula,
            body: definition.wgsl,
            decoupled: definition.decoupled,
        }
    }

    /// Whether there is weight decay.
    pub fn decays(&self) -> bool {
        self.weight_decay.is_some()
    }

    /// The optimizer's constants in WGSL, without weight decay.
    pub fn constants(&self) -> String {
        let constant =
            |(name, bits): &(&str, u64)| format!("const {} = {:?};\n", name.to_ascii_uppercase(), f64::from_bits(*bits));
        self.settings.iter().map(constant).collect()
    }

    /// `fn update(i: u32, gradient: Real, step: Step)` in WGSL, and the constants it uses.
    pub fn wgsl(&self) -> String {
        let mut wgsl = format!("// {}: {}\n{}", self.name, self.plain, self.constants());
        if let Some(bits) = self.weight_decay {
            let _ = writeln!(wgsl, "const WEIGHT_DECAY = {:?};", f64::from_bits(bits));
        }
        wgsl += "\nfn update(i: u32, gradient: Real, step: Step) {\n";
        wgsl += &match self.decays() {
            true => weight_decay::wgsl(self.decoupled, "parameters[i]", "WEIGHT_DECAY"),
            false => PLAIN_GRADIENT.into(),
        };
        for line in self.body.lines() {
            let _ = writeln!(wgsl, "    {line}");
        }
        wgsl + "}\n"
    }

    /// The same update as a WGSL function of the type `of`, for parameters and optimizer state in variables. Weight
    /// decay is an argument, if there is any.
    pub fn in_registers(&self, of: &str, decays: bool) -> String {
        let mut body = self.body.to_owned();
        let mut arguments = String::new();
        for name in std::iter::once("parameters").chain(self.slots.iter().copied()) {
            body = body.replace(&format!("{name}[i]"), &format!("(*{name})"));
            let _ = write!(arguments, "{name}: ptr<function, {of}>, ");
        }
        let mut wgsl = format!("// {}: {}\n", self.name, self.formula);
        let decay = if decays { "weight_decay: f32, " } else { "" };
        let _ = writeln!(wgsl, "fn update_{of}({arguments}gradient: {of}, {decay}step: Step) {{");
        wgsl += &match decays {
            true => weight_decay::wgsl(self.decoupled, "(*parameters)", "weight_decay"),
            false => PLAIN_GRADIENT.into(),
        };
        for line in body.lines() {
            let _ = writeln!(wgsl, "    {line}");
        }
        wgsl + "}\n"
    }
}
