//! The table of kernels. Each kernel is a variant of [`Kernel`], with the choices for it, and a row, which declares
//! everything else.
//!
//! To add one: write its file in `shaders/`; add its variant, its row and its entry in [`Kernel::all`] here; write its
//! CPU twin in `src/engine/cpu/reference.rs`, and a test of both in `tests/kernels.rs` or `tests/stages.rs`. If
//! functions are chosen for the kernel, `source.rs` writes them. `tests/shaders.rs` compares every row with what naga
//! reads in the assembled module.

use super::binding::{Binding, read, used, when, write};
use super::fused::Fused;
use super::product::{Epilogue, Product};
use super::wgsl::Part;
use crate::network::{Activation, Expression, Loss, MathFunction, Optimizer, Rule, Variable};

/// A kernel with the functions chosen for it, which together determine a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// The row indices of the batch.
    Order,
    /// Copies the batch's rows from the data.
    Gather {
        /// The number of adjacent values copied at once: 1, 2 or 4.
        width: u32,
        /// Whether targets are class indices, one for each row.
        classes: bool,
        /// Whether rows have sample weights.
        weights: Weights,
    },
    /// The rows' shares of the total weight.
    Weigh,
    /// c = a·b, aᵀ·b or a·bᵀ.
    Matmul,
    /// x = product + bias, y = f(x), with the layer's activation f.
    BiasActivation(Activation),
    /// The same for softmax, row by row.
    Softmax,
    /// Dropout.
    Dropout {
        /// Whether it works in place, as in the backward pass, instead of reading the layer's outputs.
        in_place: bool,
    },
    /// ∂loss/∂x of the last layer, with the loss and that layer's activation.
    OutputDelta(Loss, Activation, Weights),
    /// The softmax part of it, row by row.
    SoftmaxDelta,
    /// error · f' of the other layers, with the layer's activation f.
    HiddenDelta(Activation),
    /// The deltas summed over the rows.
    BiasGradient,
    /// Partial sums of the squares of the gradients.
    SquareSum,
    /// The factor that limits the norm of the gradients.
    Clip,
    /// The update in place.
    Update {
        /// The optimizer's update rule.
        rule: Rule,
        /// The number of adjacent parameters that an invocation updates: 1 or 4.
        width: u32,
        /// Whether gradients are multiplied by the factor of [`Kernel::Clip`].
        clipped: bool,
    },
    /// Counts the predicted classes of the rows.
    ScoreClasses,
    /// Counts the outputs above and below 0.5.
    ScoreBinary,
    /// The mean of the loss, which ends the step, with the loss and the last layer's activation.
    Loss(Loss, Activation, Weights),
    /// Partial sums of the loss, for many elements, with the loss and the last layer's activation.
    PartialLoss(Loss, Activation, Weights),
    /// [`Kernel::Loss`] from the partial sums of [`Kernel::PartialLoss`].
    TotalLoss,
    /// Whether all parameters are finite.
    Finite,
    /// A product by blocks. Its WGSL is emitted.
    Product(Box<Product>),
    /// Adds the slices of a product and applies its epilogue. Its WGSL is emitted.
    SumSlices {
        /// The epilogue.
        epilogue: Epilogue,
        /// As in [`Product`].
        ones: bool,
    },
    /// A whole training run in one dispatch. Its WGSL is emitted.
    Fused(Box<Fused>),
}

/// Whether the rows of a batch have sample weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weights {
    /// All rows count the same.
    Equal,
    /// Each row has its own weight.
    Given,
}

/// The declaration of a kernel.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its file; `None` if its WGSL is emitted.
    pub file: Option<File>,
    /// The fields of its `Params` in order, four bytes each.
    pub params: Vec<&'static str>,
    /// The storage buffers it uses. Buffers that a file declares but the chosen functions leave unused are not
    /// included, as in the layout that the driver derives.
    pub bindings: Vec<Binding>,
    /// The names of the functions that are chosen for it and appended.
    pub functions: &'static [&'static str],
    /// The parts that are appended whole.
    pub parts: &'static [Part],
    /// The functions of shaders/math.wgsl that are appended.
    pub math: Vec<MathFunction>,
}

/// A file of `shaders/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// The file name.
    pub name: &'static str,
    /// The WGSL text.
    pub text: &'static str,
}

/// The row of a kernel in a file; other fields are added.
macro_rules! file {
    ($name:literal, $params:expr) => {
        Row {
            file: Some(File { name: $name, text: include_str!(concat!("../../shaders/", $name)) }),
            params: $params.to_vec(),
            bindings: Vec::new(),
            functions: &[],
            parts: &[],
            math: Vec::new(),
        }
    };
}

impl Kernel {
    /// Its row in the table.
    pub fn row(&self) -> Row {
        match self {
            Kernel::Order => Row {
                bindings: used([read(1, "steps"), read(2, "cursor"), write(3, "order")]),
                parts: &[Part::Step, Part::Philox],
                ..file!("order.wgsl", ["first", "end", "rows", "x_range", "y_range", "rounds", "seed_low", "seed_high"])
            },
            Kernel::Gather { weights, .. } => Row {
                bindings: used([
                    read(1, "order"),
                    read(2, "data_inputs"),
                    read(3, "data_targets"),
                    write(4, "inputs"),
                    write(5, "targets"),
                    when(weights.given(), read(6, "data_weights")),
                    when(weights.given(), write(7, "weights")),
                ]),
                functions: &["copy_target", "copy_weight"],
                ..file!("gather.wgsl", ["first", "columns", "outputs", "piece_first", "piece_end"])
            },
            Kernel::Weigh => Row { bindings: used([read(1, "weights"), write(2, "shares")]), ..file!("weigh.wgsl", ["count"]) },
            Kernel::Matmul => Row {
                bindings: used([read(1, "a"), read(2, "b"), write(3, "c")]),
                ..file!("matmul.wgsl", ["first", "end", "columns", "k_first", "k_end", "a_row", "a_k", "b_k", "b_column"])
            },
            Kernel::BiasActivation(activation) => Row {
                bindings: used([read(1, "bias"), write(2, "sums"), write(3, "outputs")]),
                functions: &["activation"],
                math: calls([&activation.definition().wgsl_value]),
                ..file!("bias_activation.wgsl", ["first", "end", "columns"])
            },
            Kernel::Softmax => Row {
                bindings: used([read(1, "bias"), write(2, "sums"), write(3, "outputs")]),
                math: vec![MathFunction::LogOf1Plus],
                ..file!("softmax.wgsl", ["first", "end", "columns"])
            },
            Kernel::Dropout { in_place } => Row {
                bindings: used([read(1, "steps"), read(2, "cursor"), when(!in_place, read(3, "outputs")), write(4, "dropped")]),
                functions: &["before"],
                parts: &[Part::Step, Part::Philox],
                ..file!("dropout.wgsl", ["first", "end", "seed_low", "seed_high", "purpose", "threshold", "scale"])
            },
            Kernel::OutputDelta(loss, activation, weights) => {
                let formulas = [Some(&loss.formulas(activation).wgsl_gradient), output_derivative(*loss, activation)];
                let reads = |variable| formulas.iter().flatten().any(|formula| formula.reads(variable));
                Row {
                    bindings: used([
                        when(reads(Variable::X), read(1, "sums")),
                        when(reads(Variable::Y), read(2, "outputs")),
                        when(reads(Variable::T), read(3, "targets")),
                        write(4, "deltas"),
                        when(weights.given(), read(5, row_weights(*loss))),
                    ]),
                    functions: &["loss_gradient", "activation_derivative", "weight"],
                    math: calls(formulas.into_iter().flatten()),
                    ..file!("output_delta.wgsl", ["first", "end", "columns", "scale"])
                }
            }
            Kernel::SoftmaxDelta => Row {
                bindings: used([read(1, "outputs"), write(2, "deltas")]),
                ..file!("softmax_delta.wgsl", ["first", "end", "columns"])
            },
            Kernel::HiddenDelta(activation) => {
                let derivative = &activation.definition().wgsl_derivative;
                Row {
                    bindings: used([
                        when(derivative.reads(Variable::X), read(1, "sums")),
                        when(derivative.reads(Variable::Y), read(2, "outputs")),
                        write(3, "deltas"),
                    ]),
                    functions: &["activation_derivative"],
                    math: calls([derivative]),
                    ..file!("hidden_delta.wgsl", ["first", "end"])
                }
            }
            Kernel::BiasGradient => Row {
                bindings: used([read(1, "deltas"), write(2, "gradient")]),
                ..file!("bias_gradient.wgsl", ["first", "end", "columns", "row_first", "row_end"])
            },
            Kernel::SquareSum => Row {
                bindings: used([read(1, "gradients"), write(2, "partials")]),
                ..file!("square_sum.wgsl", ["count", "part"])
            },
            Kernel::Clip => {
                Row { bindings: used([read(1, "partials"), write(2, "clip")]), ..file!("clip.wgsl", ["count", "limit"]) }
            }
            Kernel::Update { rule, clipped, .. } => {
                let slots = (5..).zip(rule.slots).filter_map(|(index, slot)| write(index, slot));
                let mut bindings = used([read(1, "steps"), read(2, "cursor"), read(3, "gradients"), write(4, "parameters")]);
                bindings.extend(slots.chain(when(*clipped, read(7, "clip"))));
                Row { bindings, functions: &["gradient_of", "update"], parts: &[Part::Step], ..file!("update.wgsl", ["count"]) }
            }
            Kernel::ScoreClasses => Row {
                bindings: used([read(1, "outputs"), read(2, "targets"), write(3, "counts")]),
                ..file!("score_classes.wgsl", ["first", "end", "columns", "confusion"])
            },
            Kernel::ScoreBinary => Row {
                bindings: used([read(1, "outputs"), read(2, "targets"), write(3, "counts")]),
                ..file!("score_binary.wgsl", ["first", "end"])
            },
            Kernel::Loss(loss, activation, weights) => {
                let value = &loss.formulas(activation).wgsl_value;
                Row {
                    bindings: used([
                        when(value.reads(Variable::X), read(1, "sums")),
                        when(value.reads(Variable::Y), read(2, "outputs")),
                        when(value.reads(Variable::T), read(3, "targets")),
                        read(4, "steps"),
                        write(5, "cursor"),
                        write(6, "losses"),
                        when(weights.given(), read(8, "weights")),
                    ]),
                    functions: element_loss(*weights),
                    parts: &[Part::Step],
                    math: calls([value]),
                    ..file!("loss.wgsl", ["count", "columns", "scale", "slot", "moves"])
                }
            }
            Kernel::PartialLoss(loss, activation, weights) => {
                let value = &loss.formulas(activation).wgsl_value;
                Row {
                    bindings: used([
                        when(value.reads(Variable::X), read(1, "sums")),
                        when(value.reads(Variable::Y), read(2, "outputs")),
                        when(value.reads(Variable::T), read(3, "targets")),
                        write(4, "partials"),
                        when(weights.given(), read(5, "weights")),
                    ]),
                    functions: element_loss(*weights),
                    math: calls([value]),
                    ..file!("partial_loss.wgsl", ["first", "end", "columns"])
                }
            }
            Kernel::TotalLoss => Row {
                bindings: used([read(4, "steps"), write(5, "cursor"), write(6, "losses"), read(7, "partials")]),
                functions: &["element_loss"],
                parts: &[Part::Step],
                ..file!("loss.wgsl", ["count", "columns", "scale", "slot", "moves"])
            },
            Kernel::Finite => {
                Row { bindings: used([read(1, "parameters"), write(2, "not_finite")]), ..file!("finite.wgsl", ["count"]) }
            }
            Kernel::Product(product) => Row::emitted(Product::params(), product.bindings(), product.epilogue.calls().to_vec()),
            Kernel::SumSlices { epilogue, .. } => {
                Row::emitted(Epilogue::slices_params(), epilogue.slices_bindings(), epilogue.calls().to_vec())
            }
            Kernel::Fused(fused) => Row::emitted(
                Fused::params(),
                fused.buffers().into_iter().map(|buffer| buffer.binding).collect(),
                ordered(fused.calls()),
            ),
        }
    }

    /// All possible kernels in files, for tests and for writing them to a folder.
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

    /// The file in `shaders/`; `None` if the WGSL is emitted.
    pub fn file(&self) -> Option<&'static str> {
        self.row().file.map(|file| file.name)
    }

    /// Whether it reads x, the sums before the activation.
    pub fn reads_sums(&self) -> bool {
        self.row().bindings.iter().any(|binding| binding.name == "sums")
    }
}

impl Row {
    /// The row of a kernel whose WGSL is emitted.
    fn emitted(params: Vec<&'static str>, bindings: Vec<Binding>, math: Vec<MathFunction>) -> Self {
        Self { file: None, params, bindings, functions: &[], parts: &[], math }
    }
}

impl Weights {
    fn given(self) -> bool {
        self == Weights::Given
    }
}

/// f' as a factor in [`Kernel::OutputDelta`]. `None` if the loss's gradient already contains it, and for softmax, which
/// has its own kernel.
pub(super) fn output_derivative(loss: Loss, activation: &Activation) -> Option<&Expression> {
    let alone = !loss.fuses_with(activation) && *activation != Activation::Softmax;
    alone.then(|| &activation.definition().wgsl_derivative)
}

/// The factors of the rows' gradients: shares that add up to 1 for a mean, weights for a sum.
pub(super) fn row_weights(loss: Loss) -> &'static str {
    if loss.is_mean() { "shares" } else { "weights" }
}

/// The functions that compute a loss.
fn element_loss(weights: Weights) -> &'static [&'static str] {
    match weights {
        Weights::Equal => &["element_loss"],
        Weights::Given => &["element_loss", "weight"],
    }
}

/// The functions that those expressions call.
fn calls<'a>(expressions: impl IntoIterator<Item = &'a Expression>) -> Vec<MathFunction> {
    ordered(expressions.into_iter().flat_map(|expression| expression.calls().iter().copied()))
}

/// Each function once, in the order of shaders/math.wgsl.
fn ordered(functions: impl IntoIterator<Item = MathFunction>) -> Vec<MathFunction> {
    let mut functions: Vec<_> = functions.into_iter().collect();
    functions.sort_unstable();
    functions.dedup();
    functions
}
