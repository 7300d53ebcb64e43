//! Assembles the WGSL of a kernel: its file, the functions chosen for it, and the shared parts that these need.

use super::table::{Kernel, Row, Weights, output_derivative, row_weights};
use super::text::vector;
use super::wgsl::math;
use crate::network::{Activation, Expression, Rule, Variable};

impl Kernel {
    /// The whole WGSL module. The file comes first, so that line numbers in messages are those of the file.
    pub fn source(&self) -> String {
        let row = self.row();
        let mut module = match self {
            Kernel::Product(product) => product.source(),
            Kernel::Fused(fused) => fused.source(),
            Kernel::SumSlices { epilogue, ones } => epilogue.slices_source(*ones),
            _ => {
                let file = row.file.map(|file| file.text.to_owned());
                let parts = row.parts.iter().map(|part| part.text().to_owned());
                file.into_iter().chain(self.functions(&row)).chain(parts).collect::<Vec<_>>().join("\n")
            }
        };
        for function in row.math {
            module += &format!("\n{}\n", math(function));
        }
        module
    }

    /// The functions chosen for it, and the buffers that only they use.
    fn functions(&self, row: &Row) -> Option<String> {
        match self {
            Kernel::Gather { width, classes, .. } => Some(gather(row, *width, *classes)),
            Kernel::Dropout { in_place } => {
                let from = if *in_place { "dropped" } else { "outputs" };
                Some(format!("fn before(i: u32) -> f32 {{\n    return {from}[i];\n}}\n"))
            }
            Kernel::Update { rule, width, .. } => Some(update(row, rule, *width)),
            Kernel::BiasActivation(activation) => {
                let value = &activation.definition().wgsl_value.wgsl;
                Some(format!("// {0}\nfn activation(x: f32) -> f32 {{\n    return {value};\n}}\n", activation.name()))
            }
            Kernel::HiddenDelta(activation) => Some(activation_derivative(activation)),
            Kernel::OutputDelta(loss, activation, weights) => {
                let gradient = function("loss_gradient", loss.name(), &loss.formulas(activation).wgsl_gradient);
                let derivative = match output_derivative(*loss, activation) {
                    Some(_) => activation_derivative(activation),
                    // The gradient is already ∂loss/∂x, so there is no derivative to multiply by.
                    None if loss.fuses_with(activation) => {
                        function("activation_derivative", &format!("{}, within loss_gradient", activation.name()), &ONE)
                    }
                    None => function("activation_derivative", "softmax: in softmax_delta.wgsl", &ONE),
                };
                Some(format!("{gradient}\n{derivative}\n{}", weight(row, *weights, row_weights(*loss))))
            }
            Kernel::Loss(loss, activation, weights) | Kernel::PartialLoss(loss, activation, weights) => {
                Some(element_loss(row, loss.name(), &loss.formulas(activation).wgsl_value, *weights))
            }
            Kernel::TotalLoss => {
                let partials = row.declaration("partials", "array<f32>");
                let function = "fn element_loss(i: u32) -> f32 {\n    return partials[i];\n}\n";
                Some(format!("// the sums of shaders/partial_loss.wgsl\n{partials}\n{function}"))
            }
            _ => None,
        }
    }
}

const ONE: Expression = Expression::new("1.0", &[], &[]);

impl Row {
    /// The declaration of a buffer of that type as a line; empty if it is not used.
    fn declaration(&self, name: &str, of: &str) -> String {
        let binding = self.bindings.iter().find(|binding| binding.name == name);
        binding.map_or(String::new(), |binding| binding.declaration(of) + "\n")
    }
}

fn gather(row: &Row, width: u32, classes: bool) -> String {
    let target = match classes {
        true => "select(0.0, 1.0, u32(data_targets[source]) == column)",
        false => "data_targets[source * params.outputs + column]",
    };
    let mut declared = row.declaration("data_weights", "array<f32>") + &row.declaration("weights", "array<f32>");
    let mut weight = "";
    if !declared.is_empty() {
        declared.push('\n');
        weight = "    weights[to] = data_weights[source];\n";
    }
    format!(
        "alias Real = {};\n\n{declared}\
         fn copy_target(source: u32, to: u32, column: u32) {{\n    \
         targets[to * params.outputs + column] = {target};\n}}\n\n\
         fn copy_weight(source: u32, to: u32) {{\n{weight}}}\n",
        vector(width)
    )
}

fn update(row: &Row, rule: &Rule, width: u32) -> String {
    let slots: String = rule.slots.iter().map(|slot| row.declaration(slot, "array<Real>")).collect();
    let mut clip = row.declaration("clip", "f32");
    let mut factor = "";
    if !clip.is_empty() {
        clip.push('\n');
        factor = "clip * ";
    }
    let gradient = format!("fn gradient_of(i: u32) -> Real {{\n    return {factor}gradients[i];\n}}\n");
    format!("alias Real = {};\n\n{slots}{clip}{gradient}\n{}", vector(width), rule.wgsl())
}

fn element_loss(row: &Row, name: &str, formula: &Expression, weights: Weights) -> String {
    if weights == Weights::Equal {
        return function("element_loss", name, formula);
    }
    let mut weighted = formula.clone();
    weighted.wgsl = format!("weight(i) * ({})", formula.wgsl).into();
    format!("{}\n{}", function("element_loss", &format!("{name}, weighted"), &weighted), weight(row, weights, "weights"))
}

/// The weight of the row of element i.
fn weight(row: &Row, weights: Weights, array: &str) -> String {
    if weights == Weights::Equal {
        return "fn weight(i: u32) -> f32 {\n    return 1.0;\n}\n".into();
    }
    let declared = row.declaration(array, "array<f32>");
    format!("{declared}\nfn weight(i: u32) -> f32 {{\n    return {array}[i / params.columns];\n}}\n")
}

fn activation_derivative(activation: &Activation) -> String {
    function("activation_derivative", activation.name(), &activation.definition().wgsl_derivative)
}

/// A function of element i with an expression that may use x, y and t. Only the variables it uses are read.
fn function(name: &str, of: &str, expression: &Expression) -> String {
    let mut reads = String::new();
    for (variable, buffer) in [(Variable::X, "sums"), (Variable::Y, "outputs"), (Variable::T, "targets")] {
        if expression.reads(variable) {
            reads += &format!("    let {} = {buffer}[i];\n", variable.name());
        }
    }
    format!("// {of}\nfn {name}(i: u32) -> f32 {{\n{reads}    return {};\n}}\n", expression.wgsl)
}

#[cfg(test)]
mod tests {
    use crate::network::{Activation, Expression, Loss};

    /// The built-in expressions declare exactly what is in their text.
    #[test]
    fn expressions_declare_what_is_in_them() {
        let mut checked = 0;
        let mut check = |name: &str, expression: &Expression| {
            assert_eq!(*expression, Expression::inspected(expression.wgsl.clone()), "{name}");
            checked += 1;
        };
        for activation in Activation::ALL.iter().chain([&Activation::Softmax]) {
            let definition = activation.definition();
            check(activation.name(), &definition.wgsl_value);
            check(activation.name(), &definition.wgsl_derivative);
        }
        for loss in Loss::ALL {
            let definition = loss.definition();
            for formulas in [&definition.from_output].into_iter().chain(definition.fused.as_ref().map(|(_, fused)| fused)) {
                check(loss.name(), &formulas.wgsl_value);
                check(loss.name(), &formulas.wgsl_gradient);
            }
        }
        assert_eq!(checked, 38);
    }
}
