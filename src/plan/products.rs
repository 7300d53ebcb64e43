//! Planning products: plain, or by blocks with what follows them.

use super::plan::{BINDING, BUFFER, ELEMENTWISE, Id, LAUNCH, LONGEST_DISPATCH, Plan, check_bytes, elements, parts, word};
use crate::error::Error;
use crate::kernel::{Epilogue, Family, Kernel, LONGEST_LOOP, Layouts, Limits, Product, Products, Shape, WORTH_BLOCKS, widths};
use crate::network::{ALIGNMENT, Activation, Network, Place, Rule};

impl Plan {
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
    pub(super) fn layer_product(
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
        let epilogue = Epilogue::BiasActivation { activation: activation.clone(), sums: sums.is_some() };
        let operands = [("bias", bias), ("sums", sums.unwrap_or(outputs)), ("outputs", outputs)];
        let shape = self.shape(Layouts::Plain, [input, weight]);
        self.product(Layouts::Plain, [input, weight], shape, (epilogue, &operands, 0), &formula, limits)
    }

    /// delta = (next delta · weightᵀ) · f', by blocks.
    pub(super) fn delta_product(
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
        let epilogue = Epilogue::Derivative(activation.clone());
        self.product(Layouts::TransposedB, [next, weight], shape, (epilogue, &operands, 0), &formula, limits)
    }

    /// weight and bias against their gradients, by blocks: these are never stored.
    pub(super) fn update_product(
        &mut self,
        (weight, bias): (&Place, &Place),
        (parameters, slots): (usize, &[usize]),
        [inputs, deltas]: [Id; 2],
        rule: Rule,
        (steps, cursor, _): (Id, Id, Id),
        limits: &Limits,
    ) -> Result<(), Error> {
        let (w, b) = (&weight.name, &bias.name);
        let (from, delta) = (&self.tensors[inputs.0].name, &self.tensors[deltas.0].name);
        let formula =
            format!("{}, with {w} and {from}ᵀ · {delta}, and with {b} and the sum of {delta} over its rows", rule.formula);
        let len = bias.offset + bias.len - weight.offset;
        let layer = format!("{w} and bias");
        let mut operands =
            vec![("steps", steps), ("cursor", cursor), ("parameters", self.view(&layer, parameters, weight.offset, 1, len))];
        for (name, buffer) in rule.slots.iter().zip(slots) {
            operands.push((name, self.view(&format!("optimizer.{name} of {layer}"), *buffer, weight.offset, 1, len)));
        }
        let shape = Shape { ones: true, ..self.shape(Layouts::TransposedA, [inputs, deltas]) };
        let target = (Epilogue::Update(rule), operands.as_slice(), bias.offset - weight.offset);
        self.product(Layouts::TransposedA, [inputs, deltas], shape, target, &formula, limits)
    }

    /// The gradients of weight and bias, by blocks, into their places in the flat buffer.
    pub(super) fn gradient_product(
        &mut self,
        (weight, bias): (&Place, &Place),
        gradients: usize,
        [inputs, deltas]: [Id; 2],
        limits: &Limits,
    ) -> Result<(), Error> {
        let (from, delta) = (&self.tensors[inputs.0].name, &self.tensors[deltas.0].name);
        let name = format!("{} and bias.gradient", weight.name);
        let formula = format!("{name} = {from}ᵀ · {delta}, and the sum of {delta} over its rows");
        let len = bias.offset + bias.len - weight.offset;
        let operands = [("c", self.view(&name, gradients, weight.offset, 1, len))];
        let shape = Shape { ones: true, ..self.shape(Layouts::TransposedA, [inputs, deltas]) };
        let target = (Epilogue::Store, operands.as_slice(), bias.offset - weight.offset);
        self.product(Layouts::TransposedA, [inputs, deltas], shape, target, &formula, limits)
    }

    /// c = a·b, aᵀ·b or a·bᵀ, by blocks and no more.
    pub(super) fn store_product(&mut self, layouts: Layouts, [a, b]: [Id; 2], c: Id, limits: &Limits) -> Result<(), Error> {
        let name = |id: Id| &self.tensors[id.0].name;
        let (ta, tb) = match layouts {
            Layouts::Plain => ("", ""),
            Layouts::TransposedA => ("ᵀ", ""),
            Layouts::TransposedB => ("", "ᵀ"),
        };
        let formula = format!("{} = {}{ta} · {}{tb}", name(c), name(a), name(b));
        self.product(layouts, [a, b], self.shape(layouts, [a, b]), (Epilogue::Store, &[("c", c)], 0), &formula, limits)
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

    /// c = a·b, aᵀ·b or a·bᵀ by blocks, epilogueed by what comes with it: `epilogue` with its operands, and where the bias lies in them.
    ///
    /// # Panics
    /// If products are plain on that device.
    pub fn product(
        &mut self,
        layouts: Layouts,
        [a, b]: [Id; 2],
        shape: Shape,
        (epilogue, operands, bias): (Epilogue, &[(&str, Id)], usize),
        formula: &str,
        limits: &Limits,
    ) -> Result<(), Error> {
        let family = limits.products.family(shape).expect("products by blocks");
        let (slices, slice_terms) = limits.products.slices(family, shape, longest_slice(family, limits));
        let (a_width, b_width, c_width) = widths(layouts, shape, family);
        let masked = !shape.terms.is_multiple_of(family.depth() as usize);
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
            partial = Some((slices, operands, epilogue.clone()));
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
            epilogue: if slices > 1 { Epilogue::Slice } else { epilogue },
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
        if let Some((slices_id, mut operands, epilogue)) = partial {
            operands.push(("partial", slices_id));
            let kernel = Kernel::SumSlices { epilogue, ones: shape.ones };
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
}

/// Whether a network is worth products by blocks on that device: one of its products is large enough, and all fit.
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
