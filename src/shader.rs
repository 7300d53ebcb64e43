//! The kernels: which file a stage is, what is appended to it, and what it declares.

use crate::activation::Activation;
use crate::loss::Loss;
use crate::product::{Finish, Product};

/// The stages, one file of `shaders/` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shader {
    /// c = a·b, aᵀ·b or a·bᵀ.
    Matmul,
    /// x = product + bias, y = f(x).
    BiasActivation,
    /// ∂loss/∂x of the last layer.
    OutputDelta,
    /// error · f' of the other layers.
    HiddenDelta,
    /// The deltas summed over the rows.
    BiasGradient,
    /// The update in place.
    Sgd,
    /// The loss of many elements, part by part.
    PartialLoss,
    /// The mean of the loss; it ends the step.
    Loss,
}

/// A shader with the functions chosen for it: what a pipeline is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// [`Shader::Matmul`].
    Matmul,
    /// [`Shader::BiasActivation`] with the layer's activation.
    BiasActivation(Activation),
    /// [`Shader::OutputDelta`] with the loss and the last layer's activation.
    OutputDelta(Loss, Activation),
    /// [`Shader::HiddenDelta`] with the layer's activation.
    HiddenDelta(Activation),
    /// [`Shader::BiasGradient`].
    BiasGradient,
    /// [`Shader::Sgd`].
    Sgd,
    /// [`Shader::Loss`] with the loss and the last layer's activation.
    Loss(Loss, Activation),
    /// [`Shader::PartialLoss`] with the loss and the last layer's activation.
    PartialLoss(Loss, Activation),
    /// [`Shader::Loss`] of what [`Kernel::PartialLoss`] left.
    TotalLoss,
    /// A product by blocks, whose WGSL is emitted.
    Product(Box<Product>),
    /// What adds the slices of a product and finishes its sums.
    SumSlices {
        /// What becomes of the sums.
        finish: Finish,
        /// As in [`Product`].
        ones: bool,
    },
}

/// What a kernel declares.
#[derive(Clone, Debug)]
pub struct Interface {
    /// The storage buffers.
    pub bindings: Vec<Binding>,
    /// The fields of `Params`.
    pub params: Vec<String>,
}

/// A storage buffer that a kernel declares and uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The number of its `@binding`.
    pub index: u32,
    /// Its name in the WGSL.
    pub name: String,
    /// Whether it is `read_write`.
    pub written: bool,
}

/// Invocations in a workgroup: the `@workgroup_size` of every shader.
pub const WORKGROUP_SIZE: u32 = 64;

/// No invocation loops more often than this; some drivers end a shader's loops after 65,535 rounds and say nothing.
pub const LONGEST_LOOP: usize = 32_768;

impl Shader {
    /// Every stage.
    pub const ALL: &[Shader] = &[
        Shader::Matmul,
        Shader::BiasActivation,
        Shader::OutputDelta,
        Shader::HiddenDelta,
        Shader::BiasGradient,
        Shader::Sgd,
        Shader::PartialLoss,
        Shader::Loss,
    ];

    /// Its file in `shaders/`.
    pub fn file(self) -> &'static str {
        match self {
            Shader::Matmul => "matmul.wgsl",
            Shader::BiasActivation => "bias_activation.wgsl",
            Shader::OutputDelta => "output_delta.wgsl",
            Shader::HiddenDelta => "hidden_delta.wgsl",
            Shader::BiasGradient => "bias_gradient.wgsl",
            Shader::Sgd => "sgd.wgsl",
            Shader::PartialLoss => "partial_loss.wgsl",
            Shader::Loss => "loss.wgsl",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Shader::Matmul => include_str!("../shaders/matmul.wgsl"),
            Shader::BiasActivation => include_str!("../shaders/bias_activation.wgsl"),
            Shader::OutputDelta => include_str!("../shaders/output_delta.wgsl"),
            Shader::HiddenDelta => include_str!("../shaders/hidden_delta.wgsl"),
            Shader::BiasGradient => include_str!("../shaders/bias_gradient.wgsl"),
            Shader::Sgd => include_str!("../shaders/sgd.wgsl"),
            Shader::PartialLoss => include_str!("../shaders/partial_loss.wgsl"),
            Shader::Loss => include_str!("../shaders/loss.wgsl"),
        }
    }
}

pub(crate) const STEP: &str = include_str!("../shaders/step.wgsl");

impl Kernel {
    /// Every kernel made of a file there can be, for tests and for writing them to a folder.
    pub fn all() -> Vec<Kernel> {
        let mut all = vec![Kernel::Matmul, Kernel::BiasGradient, Kernel::Sgd, Kernel::TotalLoss];
        for activation in Activation::ALL {
            all.push(Kernel::BiasActivation(activation.clone()));
            all.push(Kernel::HiddenDelta(activation.clone()));
            for loss in Loss::ALL {
                all.push(Kernel::OutputDelta(*loss, activation.clone()));
                all.push(Kernel::Loss(*loss, activation.clone()));
                all.push(Kernel::PartialLoss(*loss, activation.clone()));
            }
        }
        all
    }

    /// The stage it is; none if its WGSL is emitted.
    pub fn shader(&self) -> Option<Shader> {
        match self {
            Kernel::Matmul => Some(Shader::Matmul),
            Kernel::BiasActivation(_) => Some(Shader::BiasActivation),
            Kernel::OutputDelta(..) => Some(Shader::OutputDelta),
            Kernel::HiddenDelta(_) => Some(Shader::HiddenDelta),
            Kernel::BiasGradient => Some(Shader::BiasGradient),
            Kernel::Sgd => Some(Shader::Sgd),
            Kernel::PartialLoss(..) => Some(Shader::PartialLoss),
            Kernel::Loss(..) | Kernel::TotalLoss => Some(Shader::Loss),
            Kernel::Product(_) | Kernel::SumSlices { .. } => None,
        }
    }

    /// Its name in messages: the file, and what was chosen for it.
    pub fn label(&self) -> String {
        let file = self.shader().map_or("", Shader::file);
        match self {
            Kernel::Matmul | Kernel::BiasGradient | Kernel::Sgd => file.into(),
            Kernel::TotalLoss => format!("{file} (partials)"),
            Kernel::BiasActivation(activation) | Kernel::HiddenDelta(activation) => format!("{file} ({})", activation.name()),
            Kernel::OutputDelta(loss, activation) | Kernel::Loss(loss, activation) | Kernel::PartialLoss(loss, activation) => {
                format!("{file} ({}, {})", loss.name(), activation.name())
            }
            Kernel::Product(product) => product.label(),
            Kernel::SumSlices { finish, ones } => {
                format!("sum_slices{} ({})", if *ones { " ones" } else { "" }, finish.label())
            }
        }
    }

    /// The name of a file for its module: `loss.wgsl (squared_error, sigmoid)` goes to `loss.squared_error.sigmoid.wgsl`.
    pub fn module_name(&self) -> String {
        let label = self.label();
        let (name, choices) = label.split_once(" (").unwrap_or((&label, ""));
        let choices: Vec<_> = choices.trim_end_matches(')').split(", ").filter(|choice| !choice.is_empty()).collect();
        let name = name.trim_end_matches(".wgsl").replace(' ', "_");
        [&[name.as_str()], choices.as_slice(), &["wgsl"]].concat().join(".")
    }

    /// The whole WGSL module: the file first, so that line numbers in messages are the file's.
    pub fn source(&self) -> String {
        let text = self.shader().map_or("", Shader::text);
        match self {
            Kernel::Matmul | Kernel::BiasGradient => text.into(),
            Kernel::Sgd => format!("{text}\n{STEP}"),
            Kernel::BiasActivation(activation) => {
                let value = &activation.definition().wgsl_value;
                format!("{text}\n// {0}\nfn activation(x: f32) -> f32 {{\n    return {value};\n}}\n", activation.name())
            }
            Kernel::HiddenDelta(activation) => format!("{text}\n{}", activation_derivative(activation)),
            Kernel::OutputDelta(loss, activation) => {
                let formulas = loss.formulas(activation);
                let derivative = if loss.fuses_with(activation) {
                    // ∂loss/∂x is all there: nothing is left to multiply with.
                    function("activation_derivative", &format!("{}, within loss_gradient", activation.name()), "1.0")
                } else {
                    activation_derivative(activation)
                };
                let gradient = function("loss_gradient", loss.name(), formulas.wgsl_gradient);
                format!("{text}\n{gradient}\n{derivative}{}", helpers(formulas.wgsl_helpers, &gradient))
            }
            Kernel::Loss(loss, activation) => format!("{text}\n{}\n{STEP}", element_loss(*loss, activation)),
            Kernel::PartialLoss(loss, activation) => format!("{text}\n{}", element_loss(*loss, activation)),
            Kernel::TotalLoss => format!(
                "{text}\n// what shaders/partial_loss.wgsl left\n@group(0) @binding(7) var<storage, read> partials: array<f32>;\n\n\
                 fn element_loss(i: u32) -> f32 {{\n    return partials[i];\n}}\n\n{STEP}"
            ),
            Kernel::Product(product) => product.source(),
            Kernel::SumSlices { finish, ones } => finish.slices_source(*ones),
        }
    }

    /// What it declares.
    pub fn interface(&self) -> Interface {
        let code = without_comments(&self.source());
        Interface { bindings: bindings(&code), params: params(&code) }
    }

    /// The storage buffers that it uses. What a file declares and the chosen functions leave unused is not among them, as it is
    /// not in the layout that the driver derives.
    pub fn bindings(&self) -> Vec<Binding> {
        self.interface().bindings
    }

    /// The fields of its `Params`, in order: each four bytes.
    pub fn params(&self) -> Vec<String> {
        self.interface().params
    }
}

fn bindings(code: &str) -> Vec<Binding> {
    let declarations = code.lines().filter_map(|line| {
        let (index, rest) = line.strip_prefix("@group(0) @binding(")?.split_once(") var<storage, ")?;
        let (access, rest) = rest.split_once("> ")?;
        let (name, _) = rest.split_once(':')?;
        let index = index.parse().ok()?;
        Some(Binding { index, name: name.into(), written: access == "read_write" })
    });
    declarations.filter(|binding| words(code).filter(|word| *word == binding.name).count() > 1).collect()
}

fn params(code: &str) -> Vec<String> {
    let fields = code.split_once("struct Params {").and_then(|(_, rest)| rest.split_once('}')).map_or("", |(fields, _)| fields);
    fields.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

fn element_loss(loss: Loss, activation: &Activation) -> String {
    let formulas = loss.formulas(activation);
    let value = function("element_loss", loss.name(), formulas.wgsl_value);
    format!("{value}{}", helpers(formulas.wgsl_helpers, &value))
}

/// Whether the kernel reads x, the sums before the activation.
pub fn needs_sums(kernel: &Kernel) -> bool {
    kernel.bindings().iter().any(|binding| binding.name == "sums")
}

fn activation_derivative(activation: &Activation) -> String {
    function("activation_derivative", activation.name(), &activation.definition().wgsl_derivative)
}

/// A function of element i, whose expression may use x, y and t: only those that it names are read.
fn function(name: &str, of: &str, expression: &str) -> String {
    let mut reads = String::new();
    for (variable, buffer) in [("x", "sums"), ("y", "outputs"), ("t", "targets")] {
        if words(expression).any(|word| word == variable) {
            reads += &format!("    let {variable} = {buffer}[i];\n");
        }
    }
    format!("// {of}\nfn {name}(i: u32) -> f32 {{\n{reads}    return {expression};\n}}\n")
}

/// The helper functions, if that function calls any.
fn helpers(helpers: &str, function: &str) -> String {
    let calls = helpers.split("fn ").skip(1).filter_map(|rest| rest.split_once('(')).any(|(name, _)| function.contains(name));
    if calls { format!("\n{helpers}") } else { String::new() }
}

/// The identifiers and keywords in WGSL text.
pub(crate) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

fn without_comments(code: &str) -> String {
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).fold(String::new(), |text, line| text + line + "\n")
}
