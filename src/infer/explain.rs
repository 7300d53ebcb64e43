//! Explains a step stage by stage: what each shader computes, its inputs and its outputs.

use std::fmt;

use crate::engine::staged::{Staged, Step};
use crate::engine::{Batches, DataShape, Running, Setup};
use crate::error::Error;
use crate::kernel::{Kernel, Limits, Products};
use crate::network::{Layout, Tensor};
use crate::plan::{Dispatch, Operand, StepTable};
use crate::settings::{EngineChoice, Fit};
use crate::train::{self, Start, Task, Trained, TrainingData};

/// One dispatch of a step, as recorded by [`explain`](crate::Model::explain). It implements `Display`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stage {
    /// The shader's file in `shaders/`.
    pub shader: &'static str,
    /// The file, and the functions chosen for it.
    pub label: String,
    /// The WGSL that ran, including those functions.
    pub source: String,
    /// The formula that it computes.
    pub formula: String,
    /// The inputs of the dispatch.
    pub inputs: Vec<Tensor>,
    /// The outputs of the dispatch.
    pub outputs: Vec<Tensor>,
}

/// Explains an epoch, counted from 1: trains up to it, then runs its first batch one stage at a time.
pub async fn explain(start: &Start<'_>, rows: &TrainingData<'_>, fit: &Fit, epoch: usize) -> Result<Vec<Stage>, Error> {
    let &Start { device, network, layout, .. } = start;
    if epoch == 0 || epoch > fit.epochs {
        return Err(Error::Setting {
            what: "the epoch to explain".into(),
            expected: format!("a number from 1 to {}", fit.epochs),
            got: epoch.to_string(),
        });
    }
    let needs_adapter = || Error::NeedsAdapter { what: "explaining an epoch by its shaders".into() };
    if device.gpu.is_none() {
        return Err(needs_adapter());
    }
    let (mut parameters, mut state) = (start.parameters.to_vec(), start.state.continued(fit));
    if epoch > 1 {
        let before = Fit {
            epochs: epoch - 1,
            early_stopping: None,
            cancel: None,
            checkpoint: None,
            log_every: None,
            log_interval: None,
            log_weights: false,
            engine: EngineChoice::Staged,
            ..fit.clone()
        };
        let trained = train::train(start, rows, &before, &mut async |_| ()).await;
        Trained { parameters, state, .. } = trained.map_err(|failed| failed.error)?;
    }
    // The epoch itself runs in plain stages, which can be read one by one.
    let once = Fit { epochs: 1, validation: None, early_stopping: None, engine: EngineChoice::Staged, ..fit.clone() };
    let plain = Limits { products: Products::Plain, ..device.limits() };
    let frame = train::frame(Task { network, layout, fit: &once }, DataShape::of(&rows.train), None, plain);
    let slots = state.slots.clone();
    let setup = Setup { frame, parameters: &parameters, slots: &slots, data: &rows.train, validation: None };
    let mut steps = Vec::new();
    state.epoch(fit, &Batches::of(fit, rows.train.inputs.rows()), &mut steps);
    match Running::training(device, setup).await? {
        Running::Staged(mut engine) => {
            let row = engine.first_batch(&steps[0])?;
            step(&mut engine.staged, &engine.ids.table, layout, row).await
        }
        Running::Fused(_) | Running::Cpu(_) => Err(needs_adapter()),
    }
}

/// Runs the plan's next step one stage at a time. If a stage was split into several dispatches, they follow each other
/// with the same formula.
async fn step(staged: &mut Staged, table: &StepTable, layout: &Layout, row: Step) -> Result<Vec<Stage>, Error> {
    staged.write_steps(table, &[row])?;
    let mut stages = Vec::new();
    let mut start = 0;
    // Only the plan's first step: another may belong to a shorter batch.
    let last = staged.plan.programs()[0].end;
    while start < last {
        let first = staged.plan.dispatches[start].clone();
        let end = start
            + staged.plan.dispatches[start..last]
                .iter()
                .take_while(|dispatch| (&dispatch.formula, &dispatch.kernel) == (&first.formula, &first.kernel))
                .count();
        let inputs = look(staged, layout, &first, |operand| reads(&first.kernel, operand)).await?;
        for index in start..end {
            staged.run_one(index).await?;
        }
        let outputs = look(staged, layout, &first, |operand| operand.written).await?;
        let (shader, label) = (first.kernel.file().unwrap_or_default(), first.kernel.label());
        stages.push(Stage { shader, label, source: first.kernel.source(), formula: first.formula, inputs, outputs });
        start = end;
    }
    Ok(stages)
}

/// Whether a stage reads that operand: all that it does not write, and what it changes in place.
fn reads(kernel: &Kernel, operand: &Operand) -> bool {
    let in_place = match kernel {
        Kernel::BiasActivation(_) => "sums",
        Kernel::HiddenDelta(_) => "deltas",
        Kernel::Softmax => "sums",
        Kernel::SoftmaxDelta => "deltas",
        Kernel::Dropout { in_place: true } => "dropped",
        // The update reads everything that it changes.
        Kernel::Update { .. } => return true,
        _ => "",
    };
    let name = kernel.row().bindings.into_iter().find(|binding| binding.index == operand.binding).map(|binding| binding.name);
    !operand.written || name == Some(in_place)
}

/// Reads back the operands that `which` selects. Flat buffers are shown tensor by tensor, and of the step table only
/// what this stage uses.
async fn look(
    staged: &mut Staged,
    layout: &Layout,
    stage: &Dispatch,
    which: impl Fn(&Operand) -> bool,
) -> Result<Vec<Tensor>, Error> {
    let mut seen = Vec::new();
    for operand in stage.operands.iter().filter(|operand| which(operand)) {
        let id = staged.plan.whole(operand.tensor);
        let tensor = staged.plan.tensors[id.0].clone();
        let mut show =
            |name: String, shape: Vec<usize>, values: &[f32]| seen.push(Tensor { name, shape, values: values.to_vec() });
        match tensor.name.as_str() {
            // The cursor counts the steps; it is not a number of the network.
            "cursor" => (),
            "steps" if !matches!(stage.kernel, Kernel::Update { .. }) => (),
            "steps" => show("learning_rate".into(), vec![1], &staged.read(&[(id, 1)]).await?[0]),
            // Row indices and counts: integers.
            name @ ("order" | "counts") => {
                let words = staged.read_words(None, &[(id, tensor.columns)]).await?.remove(0);
                show(name.into(), vec![tensor.columns], &words.iter().map(|word| *word as f32).collect::<Vec<_>>());
            }
            "losses" => show("loss".into(), vec![1], &staged.read(&[(id, 1)]).await?[0]),
            flat if flat == "parameters" || flat == "gradients" || flat.starts_with("optimizer.") => {
                let suffix = match flat.strip_prefix("optimizer.") {
                    Some(slot) => format!(".{slot}"),
                    None => (if flat == "gradients" { ".gradient" } else { "" }).into(),
                };
                let read = staged.read(&[(id, tensor.columns)]).await?;
                for place in &layout.places {
                    let values = &read[0][place.offset..place.offset + place.len];
                    show(format!("{}{suffix}", place.name), place.shape.clone(), values);
                }
            }
            name => {
                let is_bias = name.contains(".bias");
                let shape = if is_bias { vec![tensor.columns] } else { vec![tensor.rows, tensor.columns] };
                show(name.into(), shape, &staged.read(&[(id, tensor.rows * tensor.columns)]).await?[0]);
            }
        }
    }
    Ok(seen)
}

/// The maximum number of rows and columns that are printed. Omissions are marked.
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
                        write!(f, " {:>14}", digits(*value))?;
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

/// A number with eight significant digits, which is the precision of an f32.
fn digits(value: f32) -> String {
    let magnitude = value.abs().log10().floor();
    match magnitude {
        _ if value == 0.0 => "0".into(),
        -4.0..7.0 => format!("{value:.*}", (7.0 - magnitude) as usize),
        _ => format!("{value:.7e}"),
    }
}
