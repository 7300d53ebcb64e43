//! Emits a product's epilogue: its buffers, its functions, and the statements for the sums in registers.

use super::definition::Product;
use super::epilogue::Epilogue;
use crate::kernel::text::{Text, component, vector};
use crate::kernel::wgsl::STEP;
use crate::network::Variable;

/// The block of c that an invocation holds in registers.
pub(super) struct Block<'a> {
    /// The number of rows.
    pub rows: u32,
    /// The names of the first column of each group of adjacent columns.
    pub columns: &'a [String],
    /// The number of adjacent columns in a register.
    pub width: u32,
}

impl Epilogue {
    /// The bindings, numbered from `first`, and the functions.
    pub(super) fn declarations(&self, text: &mut Text, first: u32, width: u32) {
        let array = format!("array<{}>", vector(width));
        for binding in self.bindings(first) {
            let of = match binding.name {
                "steps" => "array<Step>",
                "cursor" => "u32",
                _ => &array,
            };
            text.line(&binding.declaration(of));
        }
        match self {
            Epilogue::Store | Epilogue::Slice => (),
            Epilogue::BiasActivation { activation, .. } => {
                text.line("");
                text.line(&format!("// {}", activation.name()));
                text.open("fn activation(x: f32) -> f32 {");
                text.line(&format!("return {};", activation.definition().wgsl_value.wgsl));
                text.close("}");
            }
            Epilogue::Derivative(activation) => {
                text.line("");
                text.line(&format!("// {}", activation.name()));
                text.open("fn activation_derivative(x: f32, y: f32) -> f32 {");
                text.line(&format!("return {};", activation.definition().wgsl_derivative.wgsl));
                text.close("}");
            }
            Epilogue::Update(rule) => {
                text.line("");
                text.line(&format!("alias Real = {};", vector(width)));
                text.line("");
                for line in rule.wgsl().lines().chain([""]).chain(STEP.lines()) {
                    text.line(line);
                }
            }
        }
    }

    /// Reads what is needed once, before the epilogue.
    pub(super) fn prepare(&self, text: &mut Text, bias: bool) {
        match self {
            Epilogue::Update(_) => text.line("let step = steps[cursor];"),
            Epilogue::Slice => text.line(&format!(
                "let slice_start = slice * {} * columns;",
                if bias { "(params.rows + 1u)" } else { "params.rows" }
            )),
            Epilogue::Store | Epilogue::BiasActivation { .. } | Epilogue::Derivative(_) => (),
        }
    }

    /// The statements for `sum`: `width` adjacent values in `row`, beginning at `column`.
    pub(super) fn statements(&self, text: &mut Text, sum: &str, width: u32, bias: bool) {
        // Their index in an array of such vectors.
        let per = |element: &str| if width == 1 { element.to_owned() } else { format!("({element}) / {width}u") };
        let first = match self {
            Epilogue::Slice => "slice_start + row * columns + column",
            _ if bias => "select(row * columns, params.bias, row == params.rows) + column",
            _ => "row * columns + column",
        };
        text.line(&format!("let i = {};", per(first)));
        let each = |call: &dyn Fn(&str) -> String| match width {
            1 => call(""),
            _ => format!("vec4f({})", (0..4).map(|i| call(&format!(".{}", component(i)))).collect::<Vec<_>>().join(", ")),
        };
        match self {
            Epilogue::Store | Epilogue::Slice => text.line(&format!("c[i] = {sum};")),
            Epilogue::BiasActivation { sums, .. } => {
                text.line(&format!("let x = {sum} + bias[{}];", per("column")));
                if *sums {
                    text.line("sums[i] = x;");
                }
                text.line(&format!("outputs[i] = {};", each(&|part| format!("activation(x{part})"))));
            }
            Epilogue::Derivative(activation) => {
                for (variable, array) in [(Variable::X, "sums"), (Variable::Y, "outputs")] {
                    let name = variable.name();
                    text.line(&match activation.definition().wgsl_derivative.reads(variable) {
                        true => format!("let {name} = {array}[i];"),
                        false => format!("const {name} = {}();", vector(width)),
                    });
                }
                let derivative = each(&|part| format!("activation_derivative(x{part}, y{part})"));
                text.line(&format!("deltas[i] = {sum} * {derivative};"));
            }
            Epilogue::Update(_) => text.line(&format!("update(i, {sum}, step);")),
        }
    }

    /// Applies the epilogue to an invocation's block. `sum(row, group)` names its registers. Rows run from `first_row`
    /// to before `row_end`.
    pub(super) fn block(&self, text: &mut Text, product: &Product, block: &Block<'_>, sum: impl Fn(u32, usize) -> String) {
        let &Block { rows, columns, width } = block;
        let bias = product.ones;
        self.prepare(text, bias);
        text.line("// Each row in turn is moved to the first registers, so that one copy of this code serves all rows.");
        text.open("for (var row = first_row; row < row_end; row++) {");
        for (block, first) in columns.iter().enumerate() {
            let front = sum(0, block);
            if product.c_width == width {
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
                (0..columns.len()).map(|block| format!("{} = {};", sum(row - 1, block), sum(row, block))).collect();
            text.line(&moves.join(" "));
        }
        text.close("}");
    }
}
