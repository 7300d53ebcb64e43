//! What becomes of a product's sums: the stages that would follow, done on the sums while they are in registers.

use super::params;
use crate::kernel::text::{Text, component, vector};
use crate::kernel::wgsl::{STEP, WORKGROUP_SIZE, words};
use crate::network::{Activation, Rule};

/// What a product ends with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Finish {
    /// c = sum.
    Store,
    /// The same, of a slice of the terms: each slice writes a c of its own, and [`Finish::slices_source`] adds them.
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
pub const SLICES_PARAMS: [(&str, &str); 6] = [
    ("first", "this dispatch computes the elements first..end of c, counted row by row"),
    ("end", ""),
    ("rows", "of c, without the one that goes to the bias"),
    ("columns", "of c"),
    ("slices", "how many there are, one after the other"),
    ("bias", "where the bias lies in the parameters, counted from the weight's first element"),
];

impl Finish {
    /// Its name in labels.
    pub fn label(&self) -> String {
        match self {
            Finish::Store => "store".into(),
            Finish::Slice => "slice".into(),
            Finish::BiasActivation { activation, sums: false } => format!("bias_activation, {}", activation.name()),
            Finish::BiasActivation { activation, sums: true } => format!("bias_activation, {}, sums", activation.name()),
            Finish::Derivative(activation) => format!("hidden_delta, {}", activation.name()),
            Finish::Update(rule) => {
                format!("update, {}{}", rule.name, if rule.wgsl().contains("WEIGHT_DECAY") { ", decay" } else { "" })
            }
        }
    }

    /// The bindings from `binding` on, and the functions.
    pub(super) fn declarations(&self, text: &mut Text, binding: u32, width: u32) {
        let array = format!("array<{}>", vector(width));
        let declared: Vec<(&str, &str, &str)> = match self {
            Finish::Store | Finish::Slice => vec![("read_write", "c", &array)],
            Finish::BiasActivation { sums: false, .. } => vec![("read", "bias", &array), ("read_write", "outputs", &array)],
            Finish::BiasActivation { sums: true, .. } => {
                vec![("read", "bias", &array), ("read_write", "sums", &array), ("read_write", "outputs", &array)]
            }
            Finish::Derivative(activation) => {
                let reads = |name| words(&activation.definition().wgsl_derivative.wgsl).any(|word| word == name);
                let mut declared = vec![("read_write", "deltas", array.as_str())];
                declared.extend(reads("x").then_some(("read", "sums", array.as_str())));
                declared.extend(reads("y").then_some(("read", "outputs", array.as_str())));
                declared
            }
            Finish::Update(rule) => {
                let mut declared = vec![
                    ("read", "steps", "array<Step>"),
                    ("read", "cursor", "u32"),
                    ("read_write", "parameters", array.as_str()),
                ];
                declared.extend(rule.slots.iter().map(|slot| ("read_write", *slot, array.as_str())));
                declared
            }
        };
        for (i, (access, name, of)) in declared.iter().enumerate() {
            text.line(&format!("@group(0) @binding({}) var<storage, {access}> {name}: {of};", binding + i as u32));
        }
        match self {
            Finish::Store | Finish::Slice => (),
            Finish::BiasActivation { activation, .. } => {
                text.line("");
                text.line(&format!("// {}", activation.name()));
                text.open("fn activation(x: f32) -> f32 {");
                text.line(&format!("return {};", activation.definition().wgsl_value.wgsl));
                text.close("}");
            }
            Finish::Derivative(activation) => {
                text.line("");
                text.line(&format!("// {}", activation.name()));
                text.open("fn activation_derivative(x: f32, y: f32) -> f32 {");
                text.line(&format!("return {};", activation.definition().wgsl_derivative.wgsl));
                text.close("}");
            }
            Finish::Update(rule) => {
                text.line("");
                text.line(&format!("alias Real = {};", vector(width)));
                text.line("");
                for line in rule.wgsl().lines().chain([""]).chain(STEP.lines()) {
                    text.line(line);
                }
            }
        }
    }

    /// What is read once, before the sums are finished.
    fn prepare(&self, text: &mut Text, bias: bool) {
        match self {
            Finish::Update(_) => text.line("let step = steps[cursor];"),
            Finish::Slice => text.line(&format!(
                "let slice_start = slice * {} * columns;",
                if bias { "(params.rows + 1u)" } else { "params.rows" }
            )),
            Finish::Store | Finish::BiasActivation { .. } | Finish::Derivative(_) => (),
        }
    }

    /// The statements for `sum`, which is `width` neighbours in `row` from `column` on.
    fn statements(&self, text: &mut Text, sum: &str, width: u32, bias: bool) {
        // Where they lie in an array of such vectors.
        let per = |element: &str| if width == 1 { element.to_owned() } else { format!("({element}) / {width}u") };
        let first = match self {
            Finish::Slice => "slice_start + row * columns + column",
            _ if bias => "select(row * columns, params.bias, row == params.rows) + column",
            _ => "row * columns + column",
        };
        text.line(&format!("let i = {};", per(first)));
        let each = |call: &dyn Fn(&str) -> String| match width {
            1 => call(""),
            _ => format!("vec4f({})", (0..4).map(|i| call(&format!(".{}", component(i)))).collect::<Vec<_>>().join(", ")),
        };
        match self {
            Finish::Store | Finish::Slice => text.line(&format!("c[i] = {sum};")),
            Finish::BiasActivation { sums, .. } => {
                text.line(&format!("let x = {sum} + bias[{}];", per("column")));
                if *sums {
                    text.line("sums[i] = x;");
                }
                text.line(&format!("outputs[i] = {};", each(&|part| format!("activation(x{part})"))));
            }
            Finish::Derivative(activation) => {
                for (name, array) in [("x", "sums"), ("y", "outputs")] {
                    let reads = words(&activation.definition().wgsl_derivative.wgsl).any(|word| word == name);
                    text.line(&match reads {
                        true => format!("let {name} = {array}[i];"),
                        false => format!("const {name} = {}();", vector(width)),
                    });
                }
                let derivative = each(&|part| format!("activation_derivative(x{part}, y{part})"));
                text.line(&format!("deltas[i] = {sum} * {derivative};"));
            }
            Finish::Update(_) => text.line(&format!("update(i, {sum}, step);")),
        }
    }

    /// Finishes the sums of a block of an invocation: `blocks` names the column of each group of neighbours and how many they are,
    /// and `sum(row, block)` the register that holds them. Rows run from `first_row` to before `row_end`.
    pub(super) fn block(
        &self,
        text: &mut Text,
        (c_width, bias): (u32, bool),
        rows: u32,
        blocks: &[String],
        width: u32,
        sum: impl Fn(u32, usize) -> String,
    ) {
        self.prepare(text, bias);
        text.line("// Each row takes its turn at the front of the registers, so that one copy of this code serves all.");
        text.open("for (var row = first_row; row < row_end; row++) {");
        for (block, first) in blocks.iter().enumerate() {
            let front = sum(0, block);
            if c_width == width {
                text.open(&format!("if {first} < columns {{"));
                text.line(&format!("let column = {first};"));
                self.statements(text, &front, width, bias);
                text.close("}");
                continue;
            }
            for i in 0..width {
                text.open(&format!("if {first} + {i}u < columns {{"));
                text.line(&format!("let column = {first} + {i}u;"));
                self.statements(text, &format!("{front}.{}", component(i)), 1, bias);
                text.close("}");
            }
        }
        for row in 1..rows {
            let moves: Vec<_> =
                (0..blocks.len()).map(|block| format!("{} = {};", sum(row - 1, block), sum(row, block))).collect();
            text.line(&moves.join(" "));
        }
        text.close("}");
    }

    /// The whole WGSL module that adds the slices of a product, in order, and finishes the sums. One invocation, one element.
    pub fn slices_source(&self, bias: bool) -> String {
        let mut text = Text::default();
        text.line("// sum_slices: the slices of a product's sums added up, in their order. One invocation, one element.");
        text.line("");
        params(&mut text, &SLICES_PARAMS);
        text.line("@group(0) @binding(0) var<uniform> params: Params;");
        text.line("@group(0) @binding(1) var<storage, read> partial: array<f32>;");
        self.declarations(&mut text, 2, 1);
        text.line("");
        text.line(&format!("@compute @workgroup_size({WORKGROUP_SIZE})"));
        text.open("fn main(@builtin(global_invocation_id) id: vec3u) {");
        text.line("let element = params.first + id.x;");
        text.open("if element >= params.end {");
        text.line("return;");
        text.close("}");
        text.line("let columns = params.columns;");
        text.line("let row = element / columns;");
        text.line("let column = element % columns;");
        text.line(&format!("let size = {} * columns;", if bias { "(params.rows + 1u)" } else { "params.rows" }));
        text.line("var sum = 0.0;");
        text.open("for (var slice = 0u; slice < params.slices; slice++) {");
        text.line("sum += partial[slice * size + element];");
        text.close("}");
        self.prepare(&mut text, bias);
        self.statements(&mut text, "sum", 1, bias);
        text.close("}");
        text.text
    }
}
