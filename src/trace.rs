//! A step looked at stage by stage: what each shader computes, what went in and what came out.

use std::fmt;

use crate::error::Error;
use crate::network::{Layout, Tensor};
use crate::plan::Operand;
use crate::shader::Kernel;
use crate::staged::{Staged, Step};

/// One dispatch of a step, as [`explain`](crate::Model::explain) saw it. It prints itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stage {
    /// The file in `shaders/`.
    pub shader: &'static str,
    /// The file, and which functions were chosen for it.
    pub label: String,
    /// What it computes.
    pub formula: String,
    /// What went in.
    pub inputs: Vec<Tensor>,
    /// What came out.
    pub outputs: Vec<Tensor>,
}

/// Runs the plan's next step one dispatch at a time.
pub(crate) async fn step(staged: &mut Staged, layout: &Layout, learning_rate: f32) -> Result<Vec<Stage>, Error> {
    staged.write_steps(&[Step { learning_rate, loss_slot: 0 }])?;
    let mut stages = Vec::with_capacity(staged.plan.dispatches.len());
    for index in 0..staged.plan.dispatches.len() {
        let dispatch = staged.plan.dispatches[index].clone();
        let inputs = look(staged, layout, dispatch.kernel, &dispatch.operands, |operand| reads(dispatch.kernel, operand)).await?;
        staged.run_one(index).await?;
        let outputs = look(staged, layout, dispatch.kernel, &dispatch.operands, |operand| operand.written).await?;
        stages.push(Stage {
            shader: dispatch.kernel.shader().file(),
            label: dispatch.kernel.label(),
            formula: dispatch.formula,
            inputs,
            outputs,
        });
    }
    Ok(stages)
}

/// Whether a stage reads that operand: all that it does not write, and what it changes in place.
fn reads(kernel: Kernel, operand: &Operand) -> bool {
    let in_place = match kernel {
        Kernel::BiasActivation(_) => "sums",
        Kernel::HiddenDelta(_) => "deltas",
        Kernel::Sgd => "parameters",
        Kernel::Matmul | Kernel::OutputDelta(..) | Kernel::BiasGradient | Kernel::Loss(..) => "",
    };
    let name = kernel.bindings().into_iter().find(|binding| binding.index == operand.binding).map(|binding| binding.name);
    !operand.written || name.as_deref() == Some(in_place)
}

/// Reads the operands that `which` picks. Flat buffers are shown tensor by tensor, the step table by what this step takes of it.
async fn look(
    staged: &mut Staged,
    layout: &Layout,
    kernel: Kernel,
    operands: &[Operand],
    which: impl Fn(&Operand) -> bool,
) -> Result<Vec<Tensor>, Error> {
    let mut seen = Vec::new();
    for operand in operands.iter().filter(|operand| which(operand)) {
        let tensor = staged.plan.tensors[operand.tensor.0].clone();
        let shown = |name: &str, shape: Vec<usize>, values: &[f32]| Tensor { name: name.into(), shape, values: values.to_vec() };
        match tensor.name.as_str() {
            // It counts the steps; no numbers of the network are in it.
            "cursor" => (),
            "steps" => {
                let read = staged.read(&[(operand.tensor, 1)]).await?;
                if kernel == Kernel::Sgd {
                    seen.push(shown("learning_rate", vec![1], &read[0]));
                }
            }
            "losses" => {
                let read = staged.read(&[(operand.tensor, 1)]).await?;
                seen.push(shown("loss", vec![1], &read[0]));
            }
            name @ ("parameters" | "gradients") => {
                let read = staged.read(&[(operand.tensor, tensor.columns)]).await?;
                let suffix = if name == "gradients" { ".gradient" } else { "" };
                for place in &layout.places {
                    // A flat buffer that passes the binding limit is updated piece by piece.
                    let start = place.offset.max(tensor.offset) - tensor.offset;
                    let end = (place.offset + place.len).min(tensor.offset + tensor.columns);
                    if let Some(values) = end.checked_sub(tensor.offset).and_then(|end| read[0].get(start..end)) {
                        let shape = if values.len() == place.len { place.shape.clone() } else { vec![values.len()] };
                        seen.push(shown(&format!("{}{suffix}", place.name), shape, values));
                    }
                }
            }
            name => {
                let read = staged.read(&[(operand.tensor, tensor.rows * tensor.columns)]).await?;
                let bias = name.contains(".bias");
                let shape = if bias { vec![tensor.columns] } else { vec![tensor.rows, tensor.columns] };
                seen.push(shown(name, shape, &read[0]));
            }
        }
    }
    Ok(seen)
}

/// As many rows and columns as are printed; the rest is left out, and said to be.
const SHOWN: usize = 8;

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.label)?;
        writeln!(f, "  {}", self.formula)?;
        for (word, tensors) in [("in", &self.inputs), ("out", &self.outputs)] {
            for tensor in tensors {
                let shape: Vec<_> = tensor.shape.iter().map(usize::to_string).collect();
                writeln!(f, "  {word:3} {} ({})", tensor.name, shape.join(" × "))?;
                let columns = tensor.shape.last().copied().unwrap_or(1).max(1);
                let rows = tensor.values.len() / columns;
                for row in tensor.values.chunks(columns).take(SHOWN) {
                    write!(f, "     ")?;
                    for value in row.iter().take(SHOWN) {
                        write!(f, " {value:>13.9}")?;
                    }
                    writeln!(f, "{}", if columns > SHOWN { "  …" } else { "" })?;
                }
                if rows > SHOWN {
                    writeln!(f, "      … {} more rows", rows - SHOWN)?;
                }
            }
        }
        Ok(())
    }
}
