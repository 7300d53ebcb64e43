//! The kernels: which file a stage is, what is appended to it, and what it declares.

use super::fused::Fused;
use super::product::{Finish, Product};
use super::text::vector;
use super::wgsl::{MATH, PHILOX, STEP, without_comments, words};
use crate::network::{Activation, Loss, Optimizer, Rule};

/// The stages, one file of `shaders/` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shader {
    /// Which rows are in the batch.
    Order,
    /// The batch's rows out of the data.
    Gather,
    /// The rows' shares by their weights.
    Weigh,
    /// c = a·b, aᵀ·b or a·bᵀ.
    Matmul,
    /// x = product + bias, y = f(x).
    BiasActivation,
    /// The same for softmax, row by row.
    Softmax,
    /// Elements left out at random.
    Dropout,
    /// ∂loss/∂x of the last layer.
    OutputDelta,
    /// The part of it that is softmax's, row by row.
    SoftmaxDelta,
    /// error · f' of the other layers.
    HiddenDelta,
    /// The deltas summed over the rows.
    BiasGradient,
    /// The gradients' squares, part by part.
    SquareSum,
    /// What the gradients are multiplied with to keep their norm.
    Clip,
    /// The update in place.
    Update,
    /// Which classes the rows were taken for.
    ScoreClasses,
    /// On which side of a half the outputs are.
    ScoreBinary,
    /// The loss of many elements, part by part.
    PartialLoss,
    /// The mean of the loss; it ends the step.
    Loss,
    /// Whether all parameters are numbers.
    Finite,
}

/// A shader with the functions chosen for it: what a pipeline is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// [`Shader::Order`].
    Order,
    /// [`Shader::Gather`].
    Gather {
        /// How many neighbours are copied at once: 1, 2 or 4.
        width: u32,
        /// Whether targets are one class index a row.
        classes: bool,
        /// Whether rows have weights.
        weights: Weights,
    },
    /// [`Shader::Weigh`].
    Weigh,
    /// [`Shader::Matmul`].
    Matmul,
    /// [`Shader::BiasActivation`] with the layer's activation.
    BiasActivation(Activation),
    /// [`Shader::Softmax`].
    Softmax,
    /// [`Shader::Dropout`].
    Dropout {
        /// Whether it changes what is there, as backward, instead of taking it from the layer's outputs.
        in_place: bool,
    },
    /// [`Shader::OutputDelta`] with the loss and the last layer's activation.
    OutputDelta(Loss, Activation, Weights),
    /// [`Shader::SoftmaxDelta`].
    SoftmaxDelta,
    /// [`Shader::HiddenDelta`] with the layer's activation.
    HiddenDelta(Activation),
    /// [`Shader::BiasGradient`].
    BiasGradient,
    /// [`Shader::SquareSum`].
    SquareSum,
    /// [`Shader::Clip`].
    Clip,
    /// [`Shader::Update`].
    Update {
        /// The optimizer's WGSL.
        rule: Rule,
        /// How many neighbours an invocation updates: 1 or 4.
        width: u32,
        /// Whether gradients are multiplied by what [`Shader::Clip`] found.
        clipped: bool,
    },
    /// [`Shader::ScoreClasses`].
    ScoreClasses,
    /// [`Shader::ScoreBinary`].
    ScoreBinary,
    /// [`Shader::Loss`] with the loss and the last layer's activation.
    Loss(Loss, Activation, Weights),
    /// [`Shader::PartialLoss`] with the loss and the last layer's activation.
    PartialLoss(Loss, Activation, Weights),
    /// [`Shader::Loss`] of what [`Kernel::PartialLoss`] left.
    TotalLoss,
    /// [`Shader::Finite`].
    Finite,
    /// A product by blocks, whose WGSL is emitted.
    Product(Box<Product>),
    /// What adds the slices of a product and finishes its sums.
    SumSlices {
        /// What becomes of the sums.
        finish: Finish,
        /// As in [`Product`].
        ones: bool,
    },
    /// Whole training in one dispatch, whose WGSL is emitted.
    Fused(Box<Fused>),
}

/// Whether the rows of a batch have weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weights {
    /// All count the same.
    Equal,
    /// Each has its own.
    Given,
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

impl Shader {
    /// Every stage.
    pub const ALL: &[Shader] = &[
        Shader::Order,
        Shader::Gather,
        Shader::Weigh,
        Shader::Matmul,
        Shader::BiasActivation,
        Shader::Softmax,
        Shader::Dropout,
        Shader::OutputDelta,
        Shader::SoftmaxDelta,
        Shader::HiddenDelta,
        Shader::BiasGradient,
        Shader::SquareSum,
        Shader::Clip,
        Shader::Update,
        Shader::ScoreClasses,
        Shader::ScoreBinary,
        Shader::PartialLoss,
        Shader::Loss,
        Shader::Finite,
    ];

    /// Its file in `shaders/`.
    pub fn file(self) -> &'static str {
        self.file_and_text().0
    }

    fn text(self) -> &'static str {
        self.file_and_text().1
    }

    fn file_and_text(self) -> (&'static str, &'static str) {
        macro_rules! file {
            ($name:literal) => {
                ($name, include_str!(concat!("../../shaders/", $name)))
            };
        }
        match self {
            Shader::Order => file!("order.wgsl"),
            Shader::Gather => file!("gather.wgsl"),
            Shader::Weigh => file!("weigh.wgsl"),
            Shader::Matmul => file!("matmul.wgsl"),
            Shader::BiasActivation => file!("bias_activation.wgsl"),
            Shader::Softmax => file!("softmax.wgsl"),
            Shader::Dropout => file!("dropout.wgsl"),
            Shader::OutputDelta => file!("output_delta.wgsl"),
            Shader::SoftmaxDelta => file!("softmax_delta.wgsl"),
            Shader::HiddenDelta => file!("hidden_delta.wgsl"),
            Shader::BiasGradient => file!("bias_gradient.wgsl"),
            Shader::SquareSum => file!("square_sum.wgsl"),
            Shader::Clip => file!("clip.wgsl"),
            Shader::Update => file!("update.wgsl"),
            Shader::ScoreClasses => file!("score_classes.wgsl"),
            Shader::ScoreBinary => file!("score_binary.wgsl"),
            Shader::PartialLoss => file!("partial_loss.wgsl"),
            Shader::Loss => file!("loss.wgsl"),
            Shader::Finite => file!("finite.wgsl"),
        }
    }
}

impl Kernel {
    /// Every kernel made of a file there can be, for tests and for writing them to a folder.
    pub fn all() -> Vec<Kernel> {
        let mut all = vec![
            Kernel::Order,
            Kernel::Weigh,
            Kernel::Matmul,
            Kernel::Softmax,
            Kernel::Dropout { in_place: false },
            Kernel::Dropout { in_place: true },
            Kernel::SoftmaxDelta,
            Kernel::BiasGradient,
            Kernel::SquareSum,
            Kernel::Clip,
            Kernel::ScoreClasses,
            Kernel::ScoreBinary,
            Kernel::TotalLoss,
            Kernel::Finite,
        ];
        for width in [1, 2, 4] {
            for classes in [false, true] {
                all.extend([Weights::Equal, Weights::Given].map(|weights| Kernel::Gather { width, classes, weights }));
            }
        }
        for optimizer in Optimizer::ALL {
            for (decay, width, clipped) in [(0.0, 1, false), (0.01, 4, true)] {
                all.push(Kernel::Update { rule: Rule::of(optimizer, decay), width, clipped });
            }
        }
        for activation in Activation::ALL {
            all.push(Kernel::BiasActivation(activation.clone()));
            all.push(Kernel::HiddenDelta(activation.clone()));
        }
        for activation in Activation::ALL.iter().chain([&Activation::Softmax]) {
            for loss in Loss::ALL {
                for weights in [Weights::Equal, Weights::Given] {
                    all.push(Kernel::OutputDelta(*loss, activation.clone(), weights));
                    all.push(Kernel::Loss(*loss, activation.clone(), weights));
                    all.push(Kernel::PartialLoss(*loss, activation.clone(), weights));
                }
            }
        }
        all
    }

    /// The stage it is; none if its WGSL is emitted.
    pub fn shader(&self) -> Option<Shader> {
        match self {
            Kernel::Order => Some(Shader::Order),
            Kernel::Gather { .. } => Some(Shader::Gather),
            Kernel::Weigh => Some(Shader::Weigh),
            Kernel::Matmul => Some(Shader::Matmul),
            Kernel::BiasActivation(_) => Some(Shader::BiasActivation),
            Kernel::Softmax => Some(Shader::Softmax),
            Kernel::Dropout { .. } => Some(Shader::Dropout),
            Kernel::OutputDelta(..) => Some(Shader::OutputDelta),
            Kernel::SoftmaxDelta => Some(Shader::SoftmaxDelta),
            Kernel::HiddenDelta(_) => Some(Shader::HiddenDelta),
            Kernel::BiasGradient => Some(Shader::BiasGradient),
            Kernel::SquareSum => Some(Shader::SquareSum),
            Kernel::Clip => Some(Shader::Clip),
            Kernel::Update { .. } => Some(Shader::Update),
            Kernel::ScoreClasses => Some(Shader::ScoreClasses),
            Kernel::ScoreBinary => Some(Shader::ScoreBinary),
            Kernel::PartialLoss(..) => Some(Shader::PartialLoss),
            Kernel::Loss(..) | Kernel::TotalLoss => Some(Shader::Loss),
            Kernel::Finite => Some(Shader::Finite),
            Kernel::Product(_) | Kernel::SumSlices { .. } | Kernel::Fused(_) => None,
        }
    }

    /// Its name in messages: the file, and what was chosen for it.
    pub fn label(&self) -> String {
        let file = self.shader().map_or("", Shader::file);
        match self {
            Kernel::Gather { width, classes, weights } => {
                let classes = if *classes { ", classes" } else { "" };
                let weights = if *weights == Weights::Given { ", weights" } else { "" };
                format!("{file} ({}{classes}{weights})", vector(*width))
            }
            Kernel::TotalLoss => format!("{file} (partials)"),
            Kernel::BiasActivation(activation) | Kernel::HiddenDelta(activation) => format!("{file} ({})", activation.name()),
            Kernel::Dropout { in_place } => format!("{file} ({})", if *in_place { "backward" } else { "forward" }),
            Kernel::OutputDelta(loss, activation, weights)
            | Kernel::Loss(loss, activation, weights)
            | Kernel::PartialLoss(loss, activation, weights) => {
                let weights = if *weights == Weights::Given { ", weights" } else { "" };
                format!("{file} ({}, {}{weights})", loss.name(), activation.name())
            }
            Kernel::Update { rule, width, clipped } => {
                let decay = if rule.wgsl().contains("WEIGHT_DECAY") { ", decay" } else { "" };
                let wide = if *width == 4 { ", vec4f" } else { "" };
                format!("{file} ({}{decay}{wide}{})", rule.name, if *clipped { ", clipped" } else { "" })
            }
            Kernel::Product(product) => product.label(),
            Kernel::Fused(fused) => fused.label(),
            Kernel::SumSlices { finish, ones } => {
                format!("sum_slices{} ({})", if *ones { " ones" } else { "" }, finish.label())
            }
            _ => file.into(),
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
        let chosen = match self {
            Kernel::Product(product) => return with_math(product.source()),
            Kernel::Fused(fused) => return with_math(fused.source()),
            Kernel::SumSlices { finish, ones } => return with_math(finish.slices_source(*ones)),
            Kernel::Weigh
            | Kernel::Matmul
            | Kernel::Softmax
            | Kernel::SoftmaxDelta
            | Kernel::BiasGradient
            | Kernel::SquareSum
            | Kernel::Clip
            | Kernel::ScoreClasses
            | Kernel::ScoreBinary
            | Kernel::Finite => String::new(),
            Kernel::Order => format!("{STEP}\n{PHILOX}"),
            Kernel::Gather { width, classes, weights } => {
                let target = match classes {
                    true => "select(0.0, 1.0, u32(data_targets[source]) == column)",
                    false => "data_targets[source * params.outputs + column]",
                };
                let (declared, weight) = match weights {
                    Weights::Equal => ("", ""),
                    Weights::Given => (
                        "@group(0) @binding(6) var<storage, read> data_weights: array<f32>;\n\
                         @group(0) @binding(7) var<storage, read_write> weights: array<f32>;\n\n",
                        "    weights[to] = data_weights[source];\n",
                    ),
                };
                format!(
                    "alias Real = {};\n\n{declared}\
                     fn copy_target(source: u32, to: u32, column: u32) {{\n    \
                     targets[to * params.outputs + column] = {target};\n}}\n\n\
                     fn copy_weight(source: u32, to: u32) {{\n{weight}}}\n",
                    vector(*width)
                )
            }
            Kernel::Dropout { in_place } => {
                let from = if *in_place { "dropped" } else { "outputs" };
                format!("fn before(i: u32) -> f32 {{\n    return {from}[i];\n}}\n\n{STEP}\n{PHILOX}")
            }
            Kernel::Update { rule, width, clipped } => {
                let clip = "@group(0) @binding(7) var<storage, read> clip: f32;\n\n";
                let (declared, factor) = if *clipped { (clip, "clip * ") } else { ("", "") };
                let mut slots = String::new();
                for (i, slot) in rule.slots.iter().enumerate() {
                    slots += &format!("@group(0) @binding({}) var<storage, read_write> {slot}: array<Real>;\n", 5 + i);
                }
                let gradient = format!("fn gradient_of(i: u32) -> Real {{\n    return {factor}gradients[i];\n}}\n");
                format!("alias Real = {};\n\n{slots}{declared}{gradient}\n{}\n{STEP}", vector(*width), rule.wgsl())
            }
            Kernel::BiasActivation(activation) => {
                let value = &activation.definition().wgsl_value.wgsl;
                format!("// {0}\nfn activation(x: f32) -> f32 {{\n    return {value};\n}}\n", activation.name())
            }
            Kernel::HiddenDelta(activation) => activation_derivative(activation),
            Kernel::OutputDelta(loss, activation, weights) => {
                let formulas = loss.formulas(activation);
                let derivative = if loss.fuses_with(activation) {
                    // ∂loss/∂x is all there: nothing is left to multiply with.
                    function("activation_derivative", &format!("{}, within loss_gradient", activation.name()), "1.0")
                } else if *activation == Activation::Softmax {
                    function("activation_derivative", "softmax: in softmax_delta.wgsl", "1.0")
                } else {
                    activation_derivative(activation)
                };
                let gradient = function("loss_gradient", loss.name(), &formulas.wgsl_gradient.wgsl);
                // A mean is over shares that add up to 1; in a sum each row counts its weight.
                let array = if loss.is_mean() { "shares" } else { "weights" };
                format!("{gradient}\n{derivative}\n{}", weight(*weights, array, 5))
            }
            Kernel::Loss(loss, activation, weights) => format!("{}\n{STEP}", element_loss(*loss, activation, (*weights, 8))),
            Kernel::PartialLoss(loss, activation, weights) => element_loss(*loss, activation, (*weights, 5)),
            Kernel::TotalLoss => format!(
                "// what shaders/partial_loss.wgsl left\n@group(0) @binding(7) var<storage, read> partials: array<f32>;\n\n\
                 fn element_loss(i: u32) -> f32 {{\n    return partials[i];\n}}\n\n{STEP}"
            ),
        };
        with_math(if chosen.is_empty() { text.into() } else { format!("{text}\n{chosen}") })
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

fn element_loss(loss: Loss, activation: &Activation, (weights, binding): (Weights, u32)) -> String {
    let formula = &loss.formulas(activation).wgsl_value.wgsl;
    match weights {
        Weights::Equal => function("element_loss", loss.name(), formula),
        Weights::Given => {
            let weighted = function("element_loss", &format!("{}, weighted", loss.name()), &format!("weight(i) * ({formula})"));
            format!("{weighted}\n{}", weight(weights, "weights", binding))
        }
    }
}

/// What the row of element i counts.
fn weight(weights: Weights, array: &str, binding: u32) -> String {
    match weights {
        Weights::Equal => "fn weight(i: u32) -> f32 {\n    return 1.0;\n}\n".into(),
        Weights::Given => format!(
            "@group(0) @binding({binding}) var<storage, read> {array}: array<f32>;\n\n\
             fn weight(i: u32) -> f32 {{\n    return {array}[i / params.columns];\n}}\n"
        ),
    }
}

/// Whether the kernel reads x, the sums before the activation.
pub fn needs_sums(kernel: &Kernel) -> bool {
    kernel.bindings().iter().any(|binding| binding.name == "sums")
}

fn activation_derivative(activation: &Activation) -> String {
    function("activation_derivative", activation.name(), &activation.definition().wgsl_derivative.wgsl)
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

/// The module with those functions of shaders/math.wgsl that it calls, and those that they call.
fn with_math(mut module: String) -> String {
    loop {
        let called = MATH.split("\n\n").skip(1).find(|function| {
            let name = function.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).map_or("", |(name, _)| name);
            let declared = format!("fn {name}(");
            !module.contains(&declared) && words(&without_comments(&module)).any(|word| word == name)
        });
        match called {
            Some(function) => module += &format!("\n{}\n", function.trim_end()),
            None => return module,
        }
    }
}
