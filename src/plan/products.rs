//! Plans products: plain, or by blocks with their epilogue.

use super::dispatch::{Call, Dispatch};
use super::estimate::{ELEMENTWISE, LAUNCH, LONGEST_DISPATCH, Work};
use super::ids::StepTable;
use super::pieces::{parts, word};
use super::program::Plan;
use super::tensors::{BINDING, BUFFER, Flat, Id, check_bytes, elements};
use crate::error::Error;
use crate::kernel::{Epilogue, Family, Kernel, LONGEST_LOOP, Layouts, Limits, Product, Products, Shape, WORTH_BLOCKS, widths};
use crate::network::{ALIGNMENT, Activation, Network, Place, Rule};

/// The factors of a product: a·b, aᵀ·b or a·bᵀ.
#[derive(Clone, Copy, Debug)]
pub struct Factors {
    /// Which factor is transposed.
    pub layouts: Layouts,
    /// The left factor.
    pub a: Id,
    /// The right factor.
    pub b: Id,
}

/// The epilogue of a product with its operands.
#[derive(Clone, Debug)]
pub struct Ending<'a> {
    /// The epilogue.
    pub epilogue: Epilogue,
    /// The operands, by name.
    pub operands: &'a [(&'a str, Id)],
    /// The offset of the bias in the output, if the product has a row for it.
    pub bias: usize,
}

/// A layer's product in the forward pass.
pub(super) struct LayerProduct<'a> {
    pub activation: &'a Activation,
    pub inputs: Id,
    pub weight: Id,
    pub bias: Id,
    /// The tensor for x, if it is stored.
    pub sums: Option<Id>,
    pub outputs: Id,
}

/// The product that passes the error back to a layer.
pub(super) struct DeltaProduct<'a> {
    /// The layer's activation.
    pub activation: &'a Activation,
    /// The next layer's deltas.
    pub next: Id,
    /// The next layer's weight.
    pub weight: Id,
    pub sums: Id,
    pub outputs: Id,
    pub deltas: Id,
}

/// The product that computes a layer's gradients.
pub(super) struct GradientProduct<'a> {
    pub weight: &'a Place,
    pub bias: &'a Place,
    /// The layer's inputs.
    pub inputs: Id,
    pub deltas: Id,
}

/// What a product of gradients updates.
pub(super) struct UpdateInPlace<'a> {
    pub parameters: Flat,
    pub slots: &'a [Flat],
    pub rule: Rule,
    pub table: &'a StepTable,
}

impl Plan {
    /// c, with one invocation for each element. The shapes are known to fit.
    pub fn matmul(&mut self, factors: Factors, c: Id) {
        let Factors { layouts, a, b } = factors;
        let (at, ct) = (&self.tensors[a.0], &self.tensors[c.0]);
        let (m, n) = (ct.rows, ct.columns);
        let (k, a_row, a_k, b_k, b_column) = match layouts {
            Layouts::Plain => (at.columns, at.columns, 1, n, 1),
            Layouts::TransposedA => (at.rows, 1, m, n, 1),
            Layouts::TransposedB => (at.columns, at.columns, 1, 1, at.columns),
        };
        let formula = self.product_formula(factors, c);
        let operands = [("a", a), ("b", b), ("c", c)];
        for terms in parts(k, LONGEST_LOOP) {
            for piece in parts(m * n, self.limits.elements(terms.len())) {
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
                let call = Call { kernel: &Kernel::Matmul, operands: &operands, params: &params, formula: &formula };
                self.dispatch(&call, Work { invocations: piece.len(), rounds: terms.len() });
            }
        }
    }

    /// y = activation(inputs · weight + bias), by blocks. x is stored too if there are `sums`.
    pub(super) fn layer_product(&mut self, product: &LayerProduct<'_>) -> Result<(), Error> {
        let &LayerProduct { activation, inputs, weight, bias, sums, outputs } = product;
        let x = format!("{} · {} + {}", self.name(inputs), self.name(weight), self.name(bias));
        let (y, function) = (self.name(outputs), activation.name());
        let formula = match sums {
            Some(sums) => format!("x = {} = {x}, then {y} = {function}(x)", self.name(sums)),
            None => format!("{y} = {function}({x})"),
        };
        let epilogue = Epilogue::BiasActivation { activation: activation.clone(), sums: sums.is_some() };
        let operands = [("bias", bias), ("sums", sums.unwrap_or(outputs)), ("outputs", outputs)];
        let factors = Factors { layouts: Layouts::Plain, a: inputs, b: weight };
        self.product(factors, self.shape(factors), &Ending { epilogue, operands: &operands, bias: 0 }, &formula)
    }

    /// delta = (next delta · weightᵀ) · f', by blocks.
    pub(super) fn delta_product(&mut self, product: &DeltaProduct<'_>) -> Result<(), Error> {
        let &DeltaProduct { activation, next, weight, sums, outputs, deltas } = product;
        let (delta, y) = (self.name(deltas), self.name(outputs));
        let error = format!("{} · {}ᵀ", self.name(next), self.name(weight));
        let formula = format!("{delta} = ({error}) · {}; y = {y}", activation.definition().derivative_formula);
        let operands = [("sums", sums), ("outputs", outputs), ("deltas", deltas)];
        let factors = Factors { layouts: Layouts::TransposedB, a: next, b: weight };
        let epilogue = Epilogue::Derivative(activation.clone());
        self.product(factors, self.shape(factors), &Ending { epilogue, operands: &operands, bias: 0 }, &formula)
    }

    /// Updates weight and bias with their gradients, by blocks. The gradients are never stored.
    pub(super) fn update_product(&mut self, product: &GradientProduct<'_>, update: UpdateInPlace<'_>) -> Result<(), Error> {
        let UpdateInPlace { parameters, slots, rule, table } = update;
        let (w, b) = (&product.weight.name, &product.bias.name);
        let (from, delta) = (self.name(product.inputs), self.name(product.deltas));
        let formula =
            format!("{}, with {w} and {from}ᵀ · {delta}, and with {b} and the sum of {delta} over its rows", rule.formula);
        let (start, len, layer) = (product.weight.offset, product.len(), format!("{w} and bias"));
        let mut operands = vec![
            ("steps", table.steps),
            ("cursor", table.cursor),
            ("parameters", self.view(&layer, parameters.buffer, start, 1, len)),
        ];
        for (name, slot) in rule.slots.iter().zip(slots) {
            operands.push((name, self.view(&format!("optimizer.{name} of {layer}"), slot.buffer, start, 1, len)));
        }
        let ending = Ending { epilogue: Epilogue::Update(rule), operands: &operands, bias: product.bias.offset - start };
        self.gradients(product, &ending, &formula)
    }

    /// The gradients of weight and bias, by blocks, at their positions in the flat buffer.
    pub(super) fn gradient_product(&mut self, product: &GradientProduct<'_>, gradients: Flat) -> Result<(), Error> {
        let (from, delta) = (self.name(product.inputs), self.name(product.deltas));
        let name = format!("{} and bias.gradient", product.weight.name);
        let formula = format!("{name} = {from}ᵀ · {delta}, and the sum of {delta} over its rows");
        let start = product.weight.offset;
        let operands = [("c", self.view(&name, gradients.buffer, start, 1, product.len()))];
        let ending = Ending { epilogue: Epilogue::Store, operands: &operands, bias: product.bias.offset - start };
        self.gradients(product, &ending, &formula)
    }

    /// inputsᵀ · deltas, with a row for the bias.
    fn gradients(&mut self, product: &GradientProduct<'_>, ending: &Ending<'_>, formula: &str) -> Result<(), Error> {
        let factors = Factors { layouts: Layouts::TransposedA, a: product.inputs, b: product.deltas };
        self.product(factors, Shape { ones: true, ..self.shape(factors) }, ending, formula)
    }

    /// c by blocks, without an epilogue.
    pub(super) fn store_product(&mut self, factors: Factors, c: Id) -> Result<(), Error> {
        let formula = self.product_formula(factors, c);
        let ending = Ending { epilogue: Epilogue::Store, operands: &[("c", c)], bias: 0 };
        self.product(factors, self.shape(factors), &ending, &formula)
    }

    fn product_formula(&self, factors: Factors, c: Id) -> String {
        let (at, bt) = match factors.layouts {
            Layouts::Plain => ("", ""),
            Layouts::TransposedA => ("ᵀ", ""),
            Layouts::TransposedB => ("", "ᵀ"),
        };
        format!("{} = {}{at} · {}{bt}", self.name(c), self.name(factors.a), self.name(factors.b))
    }

    fn shape(&self, factors: Factors) -> Shape {
        let (a, b) = (&self.tensors[factors.a.0], &self.tensors[factors.b.0]);
        let (rows, columns, terms) = match factors.layouts {
            Layouts::Plain => (a.rows, b.columns, a.columns),
            Layouts::TransposedA => (a.columns, b.columns, a.rows),
            Layouts::TransposedB => (a.rows, b.rows, a.columns),
        };
        Shape { rows, columns, terms, ones: false }
    }

    /// A product of that shape by blocks, with its epilogue.
    ///
    /// # Panics
    /// If products are plain on that device.
    pub fn product(&mut self, factors: Factors, shape: Shape, ending: &Ending<'_>, formula: &str) -> Result<(), Error> {
        let family = self.limits.products.family(shape).expect("products by blocks");
        let (slices, slice_terms) = self.limits.products.slices(family, shape, longest_slice(family, &self.limits));
        if slices == 1 {
            self.blocks(&Blocks { factors, shape, family, slices, slice_terms, ending, formula });
            return Ok(());
        }
        let partial = self.slices(slices, shape)?;
        let stored = Ending { epilogue: Epilogue::Slice, operands: &[("c", partial)], bias: ending.bias };
        self.blocks(&Blocks { factors, shape, family, slices, slice_terms, ending: &stored, formula });

        let operands = [ending.operands, &[("partial", partial)]].concat();
        let kernel = Kernel::SumSlices { epilogue: ending.epilogue.clone(), ones: shape.ones };
        let rounds = slices + ELEMENTWISE;
        for piece in parts(shape.all_rows() * shape.columns, self.limits.elements(rounds)) {
            let params = [
                ("first", word(piece.start)),
                ("end", word(piece.end)),
                ("rows", word(shape.rows)),
                ("columns", word(shape.columns)),
                ("slices", word(slices)),
                ("bias", word(ending.bias)),
            ];
            let call = Call { kernel: &kernel, operands: &operands, params: &params, formula };
            self.dispatch(&call, Work { invocations: piece.len(), rounds });
        }
        Ok(())
    }

    /// The tensor for the slices of a product, in a buffer that all products share.
    fn slices(&mut self, slices: usize, shape: Shape) -> Result<Id, Error> {
        let len = elements("slices of a product", slices, elements("a product", shape.all_rows(), shape.columns)?)?;
        check_bytes("slices of a product", len, self.limits.binding, BINDING)?;
        let buffer = match self.slices {
            Some(buffer) => buffer,
            None => self.buffer("slices", 0)?,
        };
        check_bytes("slices of a product", len, self.limits.buffer, BUFFER)?;
        self.slices = Some(buffer);
        self.buffers[buffer].len = self.buffers[buffer].len.max(len);
        Ok(self.view("slices", buffer, 0, slices, len / slices))
    }

    /// The dispatches of a product, each with as many workgroups as fit the time limit.
    fn blocks(&mut self, product: &Blocks<'_>) {
        let &Blocks { factors, shape, family, slices, slice_terms, ending, formula } = product;
        let (a_width, b_width, c_width) = widths(factors.layouts, shape, family);
        let kernel = Kernel::Product(Box::new(Product {
            family,
            layouts: factors.layouts,
            a_width,
            b_width,
            c_width,
            masked: !shape.terms.is_multiple_of(family.depth() as usize),
            ones: shape.ones,
            epilogue: ending.epilogue.clone(),
        }));
        let operands = [ending.operands, &[("a", factors.a), ("b", factors.b)]].concat();
        let (rows, columns) = (family.rows() as usize, family.columns() as usize);
        let (down, across) = (shape.all_rows().div_ceil(rows), shape.columns.div_ceil(columns));
        // All slices if possible, then whole rows of blocks.
        let terms = slice_terms.min(shape.terms) as u64;
        let one = self.limits.product_nanoseconds(family, 1, terms) - LAUNCH;
        let most = (LONGEST_DISPATCH / one.max(1)).max(1) as usize;
        let most_of = |count: usize, most: usize| count.min(most.max(1)).min(self.limits.workgroups as usize);
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
                        ("bias", word(ending.bias)),
                    ];
                    let workgroups = [down.len(), across.len(), deep.len()];
                    let count = workgroups.iter().product::<usize>() as u64;
                    let nanoseconds = self.limits.product_nanoseconds(family, count, terms);
                    let call = Call { kernel: &kernel, operands: &operands, params: &params, formula };
                    self.dispatches.push(Dispatch::new(&call, workgroups.map(|count| count as u32), nanoseconds));
                }
            }
        }
    }
}

/// A product by blocks, and its number of slices.
struct Blocks<'a> {
    factors: Factors,
    shape: Shape,
    family: Family,
    slices: usize,
    /// The number of terms in each slice.
    slice_terms: usize,
    ending: &'a Ending<'a>,
    formula: &'a str,
}

impl GradientProduct<'_> {
    /// The number of elements of weight and bias together, including the gap between them.
    fn len(&self) -> usize {
        self.bias.offset + self.bias.len - self.weight.offset
    }
}

/// Whether products by blocks pay for a network on that device: one of its products is large enough, and all fit.
pub(super) fn by_blocks(network: &Network, rows: usize, limits: &Limits) -> bool {
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

/// Whether the slices of a product can be bound, if it is divided into slices.
fn fits(shape: Shape, limits: &Limits) -> bool {
    let Some(family) = limits.products.family(shape) else { return false };
    let (slices, _) = limits.products.slices(family, shape, longest_slice(family, limits));
    let bytes = (slices as u64).saturating_mul(shape.all_rows() as u64).saturating_mul(shape.columns as u64).saturating_mul(4);
    slices == 1 || bytes <= limits.binding.min(limits.buffer)
}

/// The maximum number of terms that an invocation may add in one dispatch.
fn longest_slice(family: Family, limits: &Limits) -> usize {
    let depth = family.depth() as usize;
    let per_round = limits.product_nanoseconds(family, 1, depth as u64) - LAUNCH;
    (LONGEST_LOOP - family.finishing_rounds() as usize).min((LONGEST_DISPATCH / per_round) as usize).max(1) * depth
}
