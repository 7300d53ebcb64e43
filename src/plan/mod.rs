//! The planner: from a network, a number of rows and a device's limits to the dispatches of a step. Pure, and tested as such.
//!
//! A plan names its buffers, the tensors in them, and the dispatches in order; [`Staged`](crate::staged::Staged) only replays
//! it. A stage becomes several dispatches where its loops, its workgroups or its time would pass a limit. Cutting changes no
//! bit: pieces of a stage compute different elements, and where sums are cut is decided before, by the shape and the adapter.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::activation::Activation;
use crate::error::Error;
use crate::loss::Loss;
use crate::network::{ALIGNMENT, Layout, Network, Place};
use crate::product::choice::{self, Products, Shape, WORTH_BLOCKS};
use crate::product::{Family, Finish, Layouts, Product};
use crate::shader::{Interface, Kernel, LONGEST_LOOP, WORKGROUP_SIZE, needs_sums};

/// What a device allows, as far as planning needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest part of a buffer that can be bound, in bytes.
    pub binding: u64,
    /// The longest buffer, in bytes.
    pub buffer: u64,
    /// The most workgroups in one dispatch.
    pub workgroups: u32,
    /// Whether the adapter computes on the CPU: what takes long is estimated by it.
    pub software: bool,
    /// What products are computed with, where they are worth it.
    pub products: Products,
}

/// The dispatches of a step, and what they work on.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What to allocate.
    pub buffers: Vec<Buffer>,
    /// The tensors in the buffers.
    pub tensors: Vec<Tensor>,
    /// What to run, in order.
    pub dispatches: Vec<Dispatch>,
    /// What is known of the kernels that were planned with.
    interfaces: HashMap<Kernel, Arc<Interface>>,
    /// The buffer that products in slices share.
    slices: Option<usize>,
}

/// A buffer to allocate.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Its label, which messages show.
    pub name: String,
    /// In elements of four bytes.
    pub len: usize,
}

/// A tensor: a part of a buffer, with a shape.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Which of the plan's buffers it is in.
    pub buffer: usize,
    /// Its first element there; elements have four bytes.
    pub offset: usize,
    /// Its shape.
    pub rows: usize,
    /// Its shape.
    pub columns: usize,
}

/// Which tensor of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub usize);

/// One dispatch.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The shader and the functions chosen for it.
    pub kernel: Kernel,
    /// The storage buffers that the kernel uses.
    pub operands: Vec<Operand>,
    /// The words of its `Params`.
    pub params: Vec<u32>,
    /// How many workgroups it has, in three dimensions.
    pub workgroups: [u32; 3],
    /// What it computes, as people write it.
    pub formula: String,
    /// How long it may take, by a rough count of operations.
    pub nanoseconds: u64,
}

/// A tensor at a binding.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// The number of its `@binding`.
    pub binding: u32,
    /// What is bound there.
    pub tensor: Id,
    /// Whether the kernel may write to it.
    pub written: bool,
}

/// The dispatch that would take longer by its estimate is cut; drivers' watchdogs begin at two seconds.
const LONGEST_DISPATCH: u64 = 200_000_000;

/// What a dispatch costs however little it does.
const LAUNCH: u64 = 5_000;

impl Limits {
    /// What a device allows.
    pub fn of(limits: &wgpu::Limits, software: bool, products: Products) -> Self {
        Self {
            // Element counts and offsets are u32 in the shaders.
            binding: limits.max_storage_buffer_binding_size.min(u64::from(u32::MAX) & !3),
            buffer: limits.max_buffer_size,
            workgroups: limits.max_compute_workgroups_per_dimension,
            software,
            products,
        }
    }

    /// What the CPU engine takes on: as much in one tensor as any GPU.
    pub const CPU: Self =
        Self { binding: 4 << 30, buffer: 4 << 30, workgroups: 65_535, software: true, products: Products::Plain };

    /// A rough time in nanoseconds for that many invocations of so many multiply-adds: half a GFLOP/s on a CPU, twenty on the slowest
    /// GPUs, where a dispatch of few invocations takes as long as each of them waits for memory, round by round of its loop.
    fn nanoseconds(self, invocations: u64, rounds: u64) -> u64 {
        let operations = invocations.saturating_mul(rounds);
        LAUNCH.saturating_add(match self.software {
            true => operations.saturating_mul(4),
            false => (operations / 10).max(rounds.saturating_mul(200)),
        })
    }

    /// A rough time in nanoseconds for workgroups of a product: so many of them, each of so many terms. Four GFLOP/s on a CPU,
    /// twenty on the slowest GPUs.
    fn product_nanoseconds(self, family: Family, workgroups: u64, terms: u64) -> u64 {
        let block = u64::from(family.rows()) * u64::from(family.columns());
        let operations = workgroups.saturating_mul(block).saturating_mul(terms);
        LAUNCH.saturating_add(match self.software {
            true => operations / 2,
            false => (operations / 10).max(terms.saturating_mul(200)),
        })
    }

    /// How many elements of so many operations each a dispatch may compute.
    fn elements(self, operations: usize) -> usize {
        let per_element = operations.max(1) as u64;
        let in_time = LONGEST_DISPATCH / if self.software { 4 * per_element } else { per_element.div_ceil(10) };
        let in_workgroups = u64::from(self.workgroups) * u64::from(WORKGROUP_SIZE);
        let whole = u64::from(WORKGROUP_SIZE);
        ((in_time.min(in_workgroups) / whole).max(1) * whole) as usize
    }
}

/// What the forward pass leaves behind, layer by layer.
struct Forward {
    /// The flat buffer of all weights and biases.
    parameters: usize,
    /// What goes into each layer.
    inputs: Vec<Id>,
    /// x, or where it is not kept y, in which case nothing reads it.
    sums: Vec<Id>,
    outputs: Vec<Id>,
    weights: Vec<Id>,
}

impl Plan {
    /// The plan of a training step: forward, deltas, gradients, update, loss.
    ///
    /// Its named tensors are `inputs`, `targets`, `parameters`, `gradients`, `steps`, `cursor`, `losses`, and for each layer
    /// its weight and bias, their `.gradient`s, `sum`, `output` and `delta`.
    pub fn training(network: &Network, loss: Loss, rows: usize, table: Table, limits: Limits) -> Result<Self, Error> {
        let layout = network.layout()?;
        let mut plan = Self::default();
        let forward = plan.forward(network, &layout, rows, Some(loss), &limits)?;
        let (steps, cursor, losses) = plan.table(table, &limits)?;
        check_bytes("parameters and losses together", layout.len.saturating_add(table.losses), limits.buffer, BUFFER)?;
        let last = network.layers().len() - 1;
        let activation = |i: usize| &network.layers()[i].activation;

        let targets = plan.tensor("targets", rows, network.outputs(), &limits)?;
        let mut deltas = Vec::new();
        for (i, layer) in network.layers().iter().enumerate() {
            deltas.push(plan.tensor(&format!("layers.{i}.delta"), rows, layer.units, &limits)?);
        }
        let operands = Outputs { sums: forward.sums[last], outputs: forward.outputs[last], targets };
        plan.output_delta(loss, activation(last), &operands, deltas[last], &limits);

        let blocks = by_blocks(network, rows, &limits);
        for i in (1..=last).rev() {
            let (weight, sums, outputs) = (forward.weights[i], forward.sums[i - 1], forward.outputs[i - 1]);
            if blocks {
                plan.delta_product(activation(i - 1), [deltas[i], weight], [sums, outputs, deltas[i - 1]], &limits)?;
            } else {
                plan.matmul(Layouts::TransposedB, deltas[i], weight, deltas[i - 1], &limits);
                plan.hidden_delta(activation(i - 1), sums, outputs, deltas[i - 1], &limits);
            }
        }
        if blocks {
            for (i, delta) in deltas.iter().enumerate() {
                let layer = (layout.weight(i), layout.bias(i));
                plan.update_product(layer, forward.parameters, [forward.inputs[i], *delta], (steps, cursor), &limits)?;
            }
        } else {
            let gradients = plan.buffer("gradients", layout.len, &limits)?;
            plan.view("gradients", gradients, 0, 1, layout.len);
            for (i, delta) in deltas.iter().enumerate() {
                let (weight, bias) = (layout.weight(i), layout.bias(i));
                let gradient =
                    plan.view(&format!("{}.gradient", weight.name), gradients, weight.offset, weight.shape[0], weight.shape[1]);
                plan.matmul(Layouts::TransposedA, forward.inputs[i], *delta, gradient, &limits);
                let gradient = plan.view(&format!("{}.gradient", bias.name), gradients, bias.offset, 1, bias.shape[0]);
                plan.bias_gradient(*delta, gradient, &limits);
            }
            plan.sgd(steps, cursor, gradients, forward.parameters, &limits);
        }
        plan.loss(loss, activation(last), &operands, (steps, cursor, losses), &limits)?;
        Ok(plan)
    }

    /// The plan of an evaluation: forward, loss.
    pub fn evaluation(network: &Network, loss: Loss, rows: usize, limits: Limits) -> Result<Self, Error> {
        let layout = network.layout()?;
        let mut plan = Self::default();
        let forward = plan.forward(network, &layout, rows, Some(loss), &limits)?;
        let table = plan.table(Table { steps: 1, losses: 1 }, &limits)?;
        let targets = plan.tensor("targets", rows, network.outputs(), &limits)?;
        let last = network.layers().len() - 1;
        let operands = Outputs { sums: forward.sums[last], outputs: forward.outputs[last], targets };
        plan.loss(loss, &network.layers()[last].activation, &operands, table, &limits)?;
        Ok(plan)
    }

    /// The plan of a prediction: forward.
    pub fn prediction(network: &Network, rows: usize, limits: Limits) -> Result<Self, Error> {
        let layout = network.layout()?;
        let mut plan = Self::default();
        plan.forward(network, &layout, rows, None, &limits)?;
        Ok(plan)
    }

    /// The tensor of that name.
    ///
    /// # Panics
    /// If the plan has none: names are fixed by the plan's kind.
    pub fn find(&self, name: &str) -> Id {
        let found = self.tensors.iter().position(|tensor| tensor.name == name);
        Id(found.unwrap_or_else(|| panic!("the plan has no tensor `{name}`")))
    }

    /// The bytes of the tensors that a dispatch works on, each counted once.
    pub fn bytes(&self, dispatch: &Dispatch) -> usize {
        let bytes = |operand: &Operand| 4 * self.len(operand.tensor);
        dispatch.operands.iter().map(bytes).sum()
    }

    /// The stages of the forward pass; `loss` says whether something comes after them.
    fn forward(
        &mut self,
        network: &Network,
        layout: &Layout,
        rows: usize,
        loss: Option<Loss>,
        limits: &Limits,
    ) -> Result<Forward, Error> {
        let parameters = self.buffer("parameters", layout.len, limits)?;
        self.view("parameters", parameters, 0, 1, layout.len);
        let mut input = self.tensor("inputs", rows, network.inputs(), limits)?;
        let last = network.layers().len() - 1;

        // The sums before the activation are kept where a later stage reads them; elsewhere all layers share one buffer.
        let kept = |i: usize| {
            let activation = || network.layers()[i].activation.clone();
            let later = loss.map(|loss| match i == last {
                true => needs_sums(&Kernel::OutputDelta(loss, activation())) || needs_sums(&Kernel::Loss(loss, activation())),
                false => needs_sums(&Kernel::HiddenDelta(activation())),
            });
            later.unwrap_or(false)
        };
        for (i, layer) in network.layers().iter().enumerate() {
            let name = format!("layers.{i}.sum");
            check_bytes(&name, elements(&name, rows, layer.units)?, limits.binding, BINDING)?;
        }
        let blocks = by_blocks(network, rows, limits);
        let widest = (0..=last).filter(|i| !blocks && !kept(*i)).map(|i| network.layers()[i].units).max();
        let shared = match widest {
            Some(widest) => Some(self.buffer("sums", elements("sums", rows, widest)?, limits)?),
            None => None,
        };

        let mut forward = Forward { parameters, inputs: vec![], sums: vec![], outputs: vec![], weights: vec![] };
        for (i, layer) in network.layers().iter().enumerate() {
            let (weight, bias) = (layout.weight(i), layout.bias(i));
            let sum_name = format!("layers.{i}.sum");
            let sums = match shared {
                _ if kept(i) => Some(self.tensor(&sum_name, rows, layer.units, limits)?),
                Some(shared) => Some(self.view(&sum_name, shared, 0, rows, layer.units)),
                None => None,
            };
            check_bytes(&weight.name, weight.len, limits.binding, BINDING)?;
            let outputs = self.tensor(&format!("layers.{i}.output"), rows, layer.units, limits)?;
            let weights = self.view(&weight.name, parameters, weight.offset, weight.shape[0], weight.shape[1]);
            let biases = self.view(&bias.name, parameters, bias.offset, 1, bias.shape[0]);
            match sums {
                Some(sums) if !blocks => {
                    self.matmul(Layouts::Plain, input, weights, sums, limits);
                    self.bias_activation(&layer.activation, biases, sums, outputs, limits);
                }
                _ => self.layer_product(&layer.activation, [input, weights, biases], sums, outputs, limits)?,
            }
            forward.inputs.push(input);
            forward.sums.push(sums.unwrap_or(outputs));
            forward.outputs.push(outputs);
            forward.weights.push(weights);
            input = outputs;
        }
        Ok(forward)
    }

    /// The step table, the cursor in it, and the losses it fills.
    fn table(&mut self, table: Table, limits: &Limits) -> Result<(Id, Id, Id), Error> {
        Ok((
            self.tensor("steps", table.steps, 2, limits)?,
            self.tensor("cursor", 1, 1, limits)?,
            self.tensor("losses", 1, table.losses, limits)?,
        ))
    }

    /// c = a·b, aᵀ·b or a·bᵀ. The shapes are known to fit.
    pub fn matmul(&mut self, layouts: Layouts, a: Id, b: Id, c: Id, limits: &Limits) {
        let (at, bt, ct) = (&self.tensors[a.0], &self.tensors[b.0], &self.tensors[c.0]);
        let (m, n) = (ct.rows, ct.columns);
        let (k, a_row, a_k, b_k, b_column, formula) = match layouts {
            Layouts::Plain => (at.columns, at.columns, 1, n, 1, format!("{} = {} · {}", ct.name, at.name, bt.name)),
            Layouts::TransposedA => (at.rows, 1, m, n, 1, format!("{} = {}ᵀ · {}", ct.name, at.name, bt.name)),
            Layouts::TransposedB => {
                (at.columns, at.columns, 1, 1, at.columns, format!("{} = {} · {}ᵀ", ct.name, at.name, bt.name))
            }
        };
        for terms in parts(k, LONGEST_LOOP) {
            for piece in parts(m * n, limits.elements(terms.len())) {
                let params = [
                    ("first", word(piece.start)),
                    ("end", word(piece.end)),
                    ("columns", word(n)),
                    ("k_first", word(terms.start)),
                    ("k_end", word(terms.end)),
                    ("a_row", word(a_row)),
                    ("a_k", word(a_k)),
                    ("b_k", word(b_k)),
                    ("b_column", word(b_column)),
                ];
                self.dispatch(
                    Kernel::Matmul,
                    &[("a", a), ("b", b), ("c", c)],
                    &params,
                    [piece.len(), terms.len()],
                    &formula,
                    limits,
                );
            }
        }
    }

    /// y = activation(a · weight + bias), by blocks; x as well where there are `sums`.
    fn layer_product(
        &mut self,
        activation: &Activation,
        [input, weight, bias]: [Id; 3],
        sums: Option<Id>,
        outputs: Id,
        limits: &Limits,
    ) -> Result<(), Error> {
        let name = |id: Id| &self.tensors[id.0].name;
        let (x, y) = (format!("{} · {} + {}", name(input), name(weight), name(bias)), name(outputs));
        let formula = match sums {
            Some(sums) => format!("x = {} = {x}, then {y} = {}(x)", name(sums), activation.name()),
            None => format!("{y} = {}({x})", activation.name()),
        };
        let finish = Finish::BiasActivation { activation: activation.clone(), sums: sums.is_some() };
        let operands = [("bias", bias), ("sums", sums.unwrap_or(outputs)), ("outputs", outputs)];
        let shape = self.shape(Layouts::Plain, [input, weight]);
        self.product(Layouts::Plain, [input, weight], shape, (finish, &operands, 0), &formula, limits)
    }

    /// delta = (next delta · weightᵀ) · f', by blocks.
    fn delta_product(
        &mut self,
        activation: &Activation,
        [next, weight]: [Id; 2],
        [sums, outputs, deltas]: [Id; 3],
        limits: &Limits,
    ) -> Result<(), Error> {
        let name = |id: Id| &self.tensors[id.0].name;
        let derivative = &activation.definition().derivative_formula;
        let formula = format!("{} = ({} · {}ᵀ) · {derivative}; y = {}", name(deltas), name(next), name(weight), name(outputs));
        let operands = [("sums", sums), ("outputs", outputs), ("deltas", deltas)];
        let shape = self.shape(Layouts::TransposedB, [next, weight]);
        let finish = Finish::Derivative(activation.clone());
        self.product(Layouts::TransposedB, [next, weight], shape, (finish, &operands, 0), &formula, limits)
    }

    /// weight and bias ← themselves − learning rate · gradient, by blocks: the gradients are never stored.
    fn update_product(
        &mut self,
        (weight, bias): (&Place, &Place),
        parameters: usize,
        [inputs, deltas]: [Id; 2],
        (steps, cursor): (Id, Id),
        limits: &Limits,
    ) -> Result<(), Error> {
        let (w, b) = (&weight.name, &bias.name);
        let (from, delta) = (&self.tensors[inputs.0].name, &self.tensors[deltas.0].name);
        let formula =
            format!("{w} = {w} - learning_rate · ({from}ᵀ · {delta}), {b} = {b} - learning_rate · sum of {delta} over its rows");
        let len = bias.offset + bias.len - weight.offset;
        let layer = self.view(&format!("{w} and bias"), parameters, weight.offset, 1, len);
        let operands = [("steps", steps), ("cursor", cursor), ("parameters", layer)];
        let shape = Shape { ones: true, ..self.shape(Layouts::TransposedA, [inputs, deltas]) };
        let target = (Finish::Update, operands.as_slice(), bias.offset - weight.offset);
        self.product(Layouts::TransposedA, [inputs, deltas], shape, target, &formula, limits)
    }

    fn shape(&self, layouts: Layouts, [a, b]: [Id; 2]) -> Shape {
        let (a, b) = (&self.tensors[a.0], &self.tensors[b.0]);
        let (rows, columns, terms) = match layouts {
            Layouts::Plain => (a.rows, b.columns, a.columns),
            Layouts::TransposedA => (a.columns, b.columns, a.rows),
            Layouts::TransposedB => (a.rows, b.rows, a.columns),
        };
        Shape { rows, columns, terms, ones: false }
    }

    /// c = a·b, aᵀ·b or a·bᵀ by blocks, finished by what comes with it: `finish` with its operands, and where the bias lies in them.
    ///
    /// # Panics
    /// If products are plain on that device.
    pub fn product(
        &mut self,
        layouts: Layouts,
        [a, b]: [Id; 2],
        shape: Shape,
        (finish, operands, bias): (Finish, &[(&str, Id)], usize),
        formula: &str,
        limits: &Limits,
    ) -> Result<(), Error> {
        let family = limits.products.family(shape).expect("products by blocks");
        let (slices, slice_terms) = limits.products.slices(family, shape, longest_slice(family, limits));
        let (a_width, b_width, c_width) = choice::widths(layouts, shape, family);
        let masked = !shape.terms.is_multiple_of(family.depth() as usize);
        let in_slices = (slices > 1).then(|| finish.clone());
        let mut operands = operands.to_vec();
        let factors = [("a", a), ("b", b)];
        let mut partial = None;
        if slices > 1 {
            let len = elements("slices of a product", slices, elements("a product", shape.all_rows(), shape.columns)?)?;
            check_bytes("slices of a product", len, limits.binding, BINDING)?;
            let buffer = match self.slices {
                Some(buffer) => buffer,
                None => self.buffer("slices", 0, limits)?,
            };
            check_bytes("slices of a product", len, limits.buffer, BUFFER)?;
            self.slices = Some(buffer);
            self.buffers[buffer].len = self.buffers[buffer].len.max(len);
            let slices = self.view("slices", buffer, 0, slices, len / slices);
            partial = Some((slices, operands));
            operands = vec![("c", slices)];
        }
        operands.extend(factors);
        let kernel = Kernel::Product(Box::new(Product {
            family,
            layouts,
            a_width,
            b_width,
            c_width,
            masked,
            ones: shape.ones,
            finish: if slices > 1 { Finish::Slice } else { finish },
        }));
        let (rows, columns) = (family.rows() as usize, family.columns() as usize);
        let (down, across) = (shape.all_rows().div_ceil(rows), shape.columns.div_ceil(columns));
        // As many workgroups as fit the time: all slices if possible, then whole rows of blocks.
        let terms = slice_terms.min(shape.terms) as u64;
        let one = limits.product_nanoseconds(family, 1, terms) - LAUNCH;
        let most = (LONGEST_DISPATCH / one.max(1)).max(1) as usize;
        let most_of = |count: usize, most: usize| count.min(most.max(1)).min(limits.workgroups as usize);
        let deep = most_of(slices, most);
        let wide = most_of(across, most / deep);
        let high = most_of(down, most / deep / wide);
        for across in parts(across, wide) {
            for down in parts(down, high) {
                for deep in parts(slices, deep) {
                    let params = [
                        ("rows", word(shape.rows)),
                        ("columns", word(shape.columns)),
                        ("terms", word(shape.terms)),
                        ("row_first", word(down.start * rows)),
                        ("row_end", word((down.end * rows).min(shape.all_rows()))),
                        ("column_first", word(across.start * columns)),
                        ("slice_first", word(deep.start)),
                        ("slice_terms", word(slice_terms)),
                        ("bias", word(bias)),
                    ];
                    let workgroups = [down.len(), across.len(), deep.len()];
                    let nanoseconds = limits.product_nanoseconds(family, workgroups.iter().product::<usize>() as u64, terms);
                    self.push(kernel.clone(), &operands, &params, workgroups.map(|count| count as u32), formula, nanoseconds);
                }
            }
        }
        if let (Some((slices_id, mut operands)), Some(finish)) = (partial, in_slices) {
            operands.push(("partial", slices_id));
            let kernel = Kernel::SumSlices { finish, ones: shape.ones };
            let rounds = slices + ELEMENTWISE;
            for piece in parts(shape.all_rows() * shape.columns, limits.elements(rounds)) {
                let params = [
                    ("first", word(piece.start)),
                    ("end", word(piece.end)),
                    ("rows", word(shape.rows)),
                    ("columns", word(shape.columns)),
                    ("slices", word(slices)),
                    ("bias", word(bias)),
                ];
                self.dispatch(kernel.clone(), &operands, &params, [piece.len(), rounds], formula, limits);
            }
        }
        Ok(())
    }

    /// x = product + bias in `sums`, y = activation(x) in `outputs`.
    pub fn bias_activation(&mut self, activation: &Activation, bias: Id, sums: Id, outputs: Id, limits: &Limits) {
        let (columns, count) = (self.tensors[sums.0].columns, self.len(sums));
        let name = |id: Id| &self.tensors[id.0].name;
        let definition = activation.definition();
        let formula = format!(
            "x = {} + {}, then {} = {}(x) = {}",
            name(sums),
            name(bias),
            name(outputs),
            definition.name,
            definition.formula
        );
        let operands = [("bias", bias), ("sums", sums), ("outputs", outputs)];
        for piece in parts(count, limits.elements(ELEMENTWISE)) {
            let params = [("first", word(piece.start)), ("end", word(piece.end)), ("columns", word(columns))];
            self.dispatch(
                Kernel::BiasActivation(activation.clone()),
                &operands,
                &params,
                [piece.len(), ELEMENTWISE],
                &formula,
                limits,
            );
        }
    }

    /// delta = ∂loss/∂x of the last layer.
    pub fn output_delta(&mut self, loss: Loss, activation: &Activation, from: &Outputs, deltas: Id, limits: &Limits) {
        let delta = &self.tensors[deltas.0];
        let scale = loss.gradient_scale(delta.rows, delta.columns) as f32;
        let mut formula = format!("{} = {}", delta.name, loss.formulas(activation).gradient_formula);
        if !loss.fuses_with(activation) {
            formula = format!(
                "{} = ({}) · {}",
                delta.name,
                loss.formulas(activation).gradient_formula,
                activation.definition().derivative_formula
            );
        }
        if scale != 1.0 {
            formula += &format!(", times {scale}");
        }
        formula += &format!("; y = {}, t = {}", self.tensors[from.outputs.0].name, self.tensors[from.targets.0].name);
        let operands = [("sums", from.sums), ("outputs", from.outputs), ("targets", from.targets), ("deltas", deltas)];
        for piece in parts(self.len(deltas), limits.elements(ELEMENTWISE)) {
            let params = [("first", word(piece.start)), ("end", word(piece.end)), ("scale", scale.to_bits())];
            self.dispatch(
                Kernel::OutputDelta(loss, activation.clone()),
                &operands,
                &params,
                [piece.len(), ELEMENTWISE],
                &formula,
                limits,
            );
        }
    }

    /// delta = error · f', in place.
    pub fn hidden_delta(&mut self, activation: &Activation, sums: Id, outputs: Id, deltas: Id, limits: &Limits) {
        let name = |id: Id| &self.tensors[id.0].name;
        let formula =
            format!("{0} = {0} · {1}; y = {2}", name(deltas), activation.definition().derivative_formula, name(outputs));
        let operands = [("sums", sums), ("outputs", outputs), ("deltas", deltas)];
        for piece in parts(self.len(deltas), limits.elements(ELEMENTWISE)) {
            let params = [("first", word(piece.start)), ("end", word(piece.end))];
            self.dispatch(
                Kernel::HiddenDelta(activation.clone()),
                &operands,
                &params,
                [piece.len(), ELEMENTWISE],
                &formula,
                limits,
            );
        }
    }

    /// The sum of each column of the deltas.
    pub fn bias_gradient(&mut self, deltas: Id, gradient: Id, limits: &Limits) {
        let Tensor { rows, columns, ref name, .. } = self.tensors[deltas.0];
        let formula = format!("{} = sum of {name} over its rows", self.tensors[gradient.0].name);
        for terms in parts(rows, LONGEST_LOOP) {
            for piece in parts(columns, limits.elements(terms.len())) {
                let params = [
                    ("first", word(piece.start)),
                    ("end", word(piece.end)),
                    ("columns", word(columns)),
                    ("row_first", word(terms.start)),
                    ("row_end", word(terms.end)),
                ];
                let operands = [("deltas", deltas), ("gradient", gradient)];
                self.dispatch(Kernel::BiasGradient, &operands, &params, [piece.len(), terms.len()], &formula, limits);
            }
        }
    }

    /// parameter ← parameter − learning rate · gradient, over the two flat buffers.
    pub fn sgd(&mut self, steps: Id, cursor: Id, gradients: usize, parameters: usize, limits: &Limits) {
        let bindable = ((limits.binding / 4) as usize / ALIGNMENT).max(1) * ALIGNMENT;
        let formula = "parameter = parameter - learning_rate · gradient, for every weight and bias";
        for piece in parts(self.buffers[parameters].len, limits.elements(ELEMENTWISE).min(bindable)) {
            let from = self.view("gradients", gradients, piece.start, 1, piece.len());
            let to = self.view("parameters", parameters, piece.start, 1, piece.len());
            let operands = [("steps", steps), ("cursor", cursor), ("gradients", from), ("parameters", to)];
            let params = [("count", word(piece.len()))];
            self.dispatch(Kernel::Sgd, &operands, &params, [piece.len(), ELEMENTWISE], formula, limits);
        }
    }

    /// The mean of the loss into its slot, and the cursor on to the next step.
    pub fn loss(
        &mut self,
        loss: Loss,
        activation: &Activation,
        from: &Outputs,
        table: (Id, Id, Id),
        limits: &Limits,
    ) -> Result<(), Error> {
        let count = self.len(from.outputs);
        let outputs = &self.tensors[from.outputs.0];
        let scale = loss.value_scale(outputs.rows, outputs.columns) as f32;
        let of = match loss.fuses_with(activation) {
            true => format!("x = {}", self.tensors[from.sums.0].name),
            false => format!("y = {}", outputs.name),
        };
        let mut formula =
            format!("loss = mean of {}; {of}, t = {}", loss.formulas(activation).formula, self.tensors[from.targets.0].name);
        let (steps, cursor, losses) = table;
        let operands = [
            ("sums", from.sums),
            ("outputs", from.outputs),
            ("targets", from.targets),
            ("steps", steps),
            ("cursor", cursor),
            ("losses", losses),
        ];
        let mut operands = operands.to_vec();
        let mut count = count;
        let mut kernel = Kernel::Loss(loss, activation.clone());
        if count > ONE_WORKGROUP {
            // Each workgroup adds some of the elements, and the last stage what they come to.
            let partials = self.tensor("partial losses", 1, count.div_ceil(ONE_WORKGROUP), limits)?;
            operands.push(("partials", partials));
            let rounds = ONE_WORKGROUP / WORKGROUP_SIZE as usize * ELEMENTWISE;
            for piece in parts(count, limits.elements(rounds) * (ONE_WORKGROUP / WORKGROUP_SIZE as usize)) {
                let params = [("first", word(piece.start)), ("end", word(piece.end))];
                let workgroups = piece.len().div_ceil(ONE_WORKGROUP);
                self.dispatch(
                    Kernel::PartialLoss(loss, activation.clone()),
                    &operands,
                    &params,
                    [workgroups * WORKGROUP_SIZE as usize, rounds],
                    &formula,
                    limits,
                );
            }
            count = count.div_ceil(ONE_WORKGROUP);
            kernel = Kernel::TotalLoss;
            formula = "loss = the parts of it added up".into();
        }
        // One workgroup, whose invocations share the elements.
        let params = [("count", word(count)), ("scale", scale.to_bits())];
        let rounds = count.div_ceil(WORKGROUP_SIZE as usize);
        assert!(rounds <= LONGEST_LOOP / 2, "{count} parts of a loss");
        self.dispatch(kernel, &operands, &params, [WORKGROUP_SIZE as usize, rounds * ELEMENTWISE], &formula, limits);
        Ok(())
    }

    /// One dispatch of so many invocations, each of so many operations one after the other.
    fn dispatch(
        &mut self,
        kernel: Kernel,
        operands: &[(&str, Id)],
        params: &[(&str, u32)],
        [invocations, rounds]: [usize; 2],
        formula: &str,
        limits: &Limits,
    ) {
        let workgroups = [invocations.div_ceil(WORKGROUP_SIZE as usize) as u32, 1, 1];
        let nanoseconds = limits.nanoseconds(invocations as u64, rounds as u64);
        self.push(kernel, operands, params, workgroups, formula, nanoseconds);
    }

    /// One dispatch. Only the operands that the kernel uses are bound.
    fn push(
        &mut self,
        kernel: Kernel,
        operands: &[(&str, Id)],
        params: &[(&str, u32)],
        workgroups: [u32; 3],
        formula: &str,
        nanoseconds: u64,
    ) {
        let interface = match self.interfaces.get(&kernel) {
            Some(interface) => interface.clone(),
            None => {
                let interface = Arc::new(kernel.interface());
                self.interfaces.insert(kernel.clone(), interface.clone());
                interface
            }
        };
        let names = params.iter().map(|(name, _)| name);
        assert!(interface.params.iter().eq(names), "{} takes {:?}", kernel.label(), interface.params);
        let operand = |binding: &crate::shader::Binding| {
            let given = operands.iter().find(|(name, _)| *name == binding.name);
            let (_, tensor) = given.unwrap_or_else(|| panic!("{} takes `{}`", kernel.label(), binding.name));
            Operand { binding: binding.index, tensor: *tensor, written: binding.written }
        };
        let operands = interface.bindings.iter().map(operand).collect();
        let params = params.iter().map(|(_, word)| *word).collect();
        self.dispatches.push(Dispatch { kernel, operands, params, workgroups, formula: formula.into(), nanoseconds });
    }

    fn len(&self, id: Id) -> usize {
        self.tensors[id.0].rows * self.tensors[id.0].columns
    }

    /// A tensor with a buffer of its own.
    pub fn tensor(&mut self, name: &str, rows: usize, columns: usize, limits: &Limits) -> Result<Id, Error> {
        let len = elements(name, rows, columns)?;
        check_bytes(name, len, limits.binding, BINDING)?;
        let buffer = self.buffer(name, len, limits)?;
        Ok(self.view(name, buffer, 0, rows, columns))
    }

    /// A buffer of `len` elements.
    pub fn buffer(&mut self, name: &str, len: usize, limits: &Limits) -> Result<usize, Error> {
        check_bytes(name, len, limits.buffer, BUFFER)?;
        self.buffers.push(Buffer { name: name.into(), len });
        Ok(self.buffers.len() - 1)
    }

    /// A tensor in a part of a buffer.
    pub fn view(&mut self, name: &str, buffer: usize, offset: usize, rows: usize, columns: usize) -> Id {
        self.tensors.push(Tensor { name: name.into(), buffer, offset, rows, columns });
        Id(self.tensors.len() - 1)
    }
}

/// How long the step table and the row of losses are.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Rows of the step table.
    pub steps: usize,
    /// Losses that can wait to be read.
    pub losses: usize,
}

/// What the loss is taken of.
pub struct Outputs {
    /// x of the last layer.
    pub sums: Id,
    /// y of the last layer.
    pub outputs: Id,
    /// The targets.
    pub targets: Id,
}

/// Whether a network is worth products by blocks on that device: one of its products is large enough, and all fit.
fn by_blocks(network: &Network, rows: usize, limits: &Limits) -> bool {
    limits.products != Products::Plain
        && network.shapes().any(|(ins, outs)| rows.saturating_mul(ins).saturating_mul(outs) >= WORTH_BLOCKS)
        && network.shapes().all(|(ins, outs)| {
            let gradient = Shape { rows: ins, columns: outs, terms: rows, ones: true };
            let output = Shape { rows, columns: outs, terms: ins, ones: false };
            let error = Shape { rows, columns: ins, terms: outs, ones: false };
            let whole = outs.saturating_mul(ins.saturating_add(1)).saturating_add(ALIGNMENT);
            [gradient, output, error].into_iter().all(|shape| fits(shape, limits))
                && (whole as u64).saturating_mul(4) <= limits.binding
        })
}

/// Whether the slices of a product can be bound, if it is cut into slices.
fn fits(shape: Shape, limits: &Limits) -> bool {
    let Some(family) = limits.products.family(shape) else { return false };
    let (slices, _) = limits.products.slices(family, shape, longest_slice(family, limits));
    let bytes = (slices as u64).saturating_mul(shape.all_rows() as u64).saturating_mul(shape.columns as u64).saturating_mul(4);
    slices == 1 || bytes <= limits.binding.min(limits.buffer)
}

/// The most terms that an invocation may add in one dispatch.
fn longest_slice(family: Family, limits: &Limits) -> usize {
    let depth = family.depth() as usize;
    let per_round = limits.product_nanoseconds(family, 1, depth as u64) - LAUNCH;
    (LONGEST_LOOP - family.finishing_rounds() as usize).min((LONGEST_DISPATCH / per_round) as usize).max(1) * depth
}

/// How many elements of the loss one workgroup adds alone.
const ONE_WORKGROUP: usize = 4096;

/// What an element of an elementwise stage costs, in multiply-adds.
const ELEMENTWISE: usize = 8;

/// 0..len in parts of at most `longest`.
fn parts(len: usize, longest: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(longest).map(move |start| start..len.min(start.saturating_add(longest)))
}

/// A count that is known to be below 2³², since the buffer it belongs to could be bound.
fn word(count: usize) -> u32 {
    u32::try_from(count).expect("the limits keep counts below 2³²")
}

fn elements(name: &str, rows: usize, columns: usize) -> Result<usize, Error> {
    rows.checked_mul(columns).ok_or_else(|| Error::TooLarge {
        what: name.into(),
        limit: format!("{} values", usize::MAX),
        got: format!("{rows} × {columns}"),
    })
}

const BUFFER: &str = "the device's longest buffer";
const BINDING: &str = "the device's longest binding";

fn check_bytes(name: &str, len: usize, limit: u64, of: &str) -> Result<(), Error> {
    match (len as u64).checked_mul(4) {
        Some(bytes) if bytes <= limit => Ok(()),
        bytes => Err(Error::TooLarge {
            what: name.into(),
            limit: format!("{limit} bytes ({of})"),
            got: bytes.map_or_else(|| format!("{len} values of 4 bytes"), |bytes| format!("{bytes} bytes")),
        }),
    }
}
