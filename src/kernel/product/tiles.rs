//! Products by tiles: a workgroup loads a tile of a and one of b into workgroup memory, and each invocation computes a
//! block of c.
//!
//! This tiling is for GPUs. A value that is loaded once from device memory is read from workgroup memory by a whole row
//! or column of invocations, and each such read serves a row or column of the block in registers.

use super::blocks::Tiles;
use super::definition::{Layouts, Product};
use super::epilogue_wgsl::Block;
use super::head::four;
use crate::kernel::text::{Text, component};

/// The number of terms that one iteration of the loop adds.
const DEPTH: u32 = Tiles::DEPTH;

impl Tiles {
    pub(super) fn source(&self, product: &Product) -> String {
        let (rows, columns) = self.block;
        let (across, quads) = (self.across(), columns / 4);
        let mut text = Text::default();
        text.line(&format!(
            "// A matrix product by tiles: each workgroup computes {} rows and {} columns of c. It loads {DEPTH} terms at a time into",
            self.rows, self.columns
        ));
        text.line(&format!(
            "// workgroup memory. Each of its invocations computes {rows} rows and {columns} columns in registers."
        ));
        product.head(&mut text);
        text.line(
            "// Each element has four adjacent rows of a, or columns of b. The term is a separate index: it is a constant in the",
        );
        text.line("// unrolled loop, so one bounds check of the other index serves all terms.");
        text.line(&format!("var<workgroup> tile_a: array<array<vec4f, {}>, {DEPTH}>;", self.rows / 4));
        text.line(&format!("var<workgroup> tile_b: array<array<vec4f, {}>, {DEPTH}>;", self.columns / 4));
        text.line("");
        text.line(&format!("@compute @workgroup_size({})", self.invocations()));
        text.open("fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) invocation: u32) {");
        text.line("let columns = params.columns;");
        text.line("let terms = params.terms;");
        text.line(&format!("let across = invocation % {across}u;"));
        text.line(&format!("let down = invocation / {across}u;"));
        text.line(&format!("let tile_row = params.row_first + group.x * {}u;", self.rows));
        text.line(&format!("let tile_column = params.column_first + group.y * {}u;", self.columns));
        text.line("let slice = params.slice_first + group.z;");
        text.line("let k_first = slice * params.slice_terms;");
        text.line("let k_end = min(k_first + params.slice_terms, terms);");
        for row in 0..rows {
            for quad in 0..quads {
                text.line(&format!("var c{row}_{quad} = vec4f();"));
            }
        }
        text.open(&format!("for (var k = k_first; k < k_end; k += {DEPTH}u) {{"));
        self.load(product, &mut text);
        text.line("workgroupBarrier();");
        for term in 0..DEPTH {
            for quad in 0..rows / 4 {
                text.line(&format!("let a{term}_{quad} = tile_a[{term}][down * {}u + {quad}u];", rows / 4));
            }
            for quad in 0..quads {
                // Adjacent invocations read adjacent values: the groups of four columns of an invocation are `across`
                // apart.
                text.line(&format!("let b{term}_{quad} = tile_b[{term}][{}u + across];", quad * across));
            }
            for row in 0..rows {
                for quad in 0..quads {
                    let a = format!("a{term}_{}.{}", row / 4, component(row));
                    text.line(&format!("c{row}_{quad} += {a} * b{term}_{quad};"));
                }
            }
        }
        text.line("// The next iteration overwrites what others may still read.");
        text.line("workgroupBarrier();");
        text.close("}");
        text.line(&format!("let first_row = tile_row + down * {rows}u;"));
        text.line(&format!("let row_end = min(first_row + {rows}u, params.row_end);"));
        let blocks: Vec<_> = (0..quads)
            .map(|quad| {
                let name = format!("column{quad}");
                text.line(&format!("let {name} = tile_column + {}u + across * 4u;", quad * across * 4));
                name
            })
            .collect();
        let block = Block { rows, columns: &blocks, width: 4 };
        product.epilogue.block(&mut text, product, &block, |row, quad| format!("c{row}_{quad}"));
        text.close("}");
        text.text
    }

    /// Loads the tiles into workgroup memory. The invocations take turns with squares of four terms by four rows or
    /// columns.
    fn load(&self, product: &Product, text: &mut Text) {
        let squares = |length: u32| length / 4 * DEPTH / 4;
        let (of_a, of_b) = (squares(self.rows), squares(self.columns));
        let mut first = 0;
        while first < of_a + of_b {
            let name = if first == 0 { "invocation".to_owned() } else { format!("(invocation + {first}u)") };
            let (begin, end) = (first, first + self.invocations());
            // The tile of these squares; both tiles where one ends and the other begins.
            if end <= of_a {
                self.square(product, text, true, &name);
            } else if begin >= of_a {
                if end > of_a + of_b {
                    text.open(&format!("if {name} < {}u {{", of_a + of_b));
                    self.square(product, text, false, &format!("({name} - {of_a}u)"));
                    text.close("}");
                } else {
                    self.square(product, text, false, &format!("({name} - {of_a}u)"));
                }
            } else {
                text.open(&format!("if {name} < {of_a}u {{"));
                self.square(product, text, true, &name);
                text.depth -= 1;
                text.open(&match end > of_a + of_b {
                    true => format!("}} else if {name} < {}u {{", of_a + of_b),
                    false => "} else {".into(),
                });
                self.square(product, text, false, &format!("({name} - {of_a}u)"));
                text.close("}");
            }
            first = end;
        }
    }

    /// Loads the square of that number. Adjacent invocations load from adjacent locations.
    fn square(&self, product: &Product, text: &mut Text, of_a: bool, number: &str) {
        let (array, width, quads, terms_lie_together) = match of_a {
            true => ("a", product.a_width, self.rows / 4, product.layouts != Layouts::TransposedA),
            false => ("b", product.b_width, self.columns / 4, product.layouts == Layouts::TransposedB),
        };
        let (first, length) = if of_a { ("tile_row", "params.rows") } else { ("tile_column", "columns") };
        text.open("{");
        match terms_lie_together {
            true => {
                text.line(&format!("let term = {number} % {}u * 4u;", DEPTH / 4));
                text.line(&format!("let quad = {number} / {}u;", DEPTH / 4));
            }
            false => {
                text.line(&format!("let quad = {number} % {quads}u;"));
                text.line(&format!("let term = {number} / {quads}u * 4u;"));
            }
        }
        text.line("let first_term = k + term;");
        text.line(&format!("let first = {first} + quad * 4u;"));
        if product.masked && terms_lie_together {
            text.line("let live = vec4u(first_term, first_term + 1u, first_term + 2u, first_term + 3u) < vec4u(k_end);");
        }
        for i in 0..4 {
            let at = match terms_lie_together {
                true => format!("(first + {i}u) * terms + first_term"),
                false => format!("(first_term + {i}u) * {length} + first"),
            };
            text.line(&format!("let at{i} = {at};"));
            let mut value = four(array, &format!("at{i}"), width);
            if of_a && product.ones {
                value = format!(
                    "select({value}, vec4f(1.0), vec4u(first, first + 1u, first + 2u, first + 3u) >= vec4u(params.rows))"
                );
            }
            if product.masked {
                let condition = if terms_lie_together { "live".into() } else { format!("first_term + {i}u < k_end") };
                value = format!("select(vec4f(), {value}, {condition})");
            }
            text.line(&format!("let v{i} = {value};"));
        }
        for i in 0..4 {
            let value = match terms_lie_together {
                true => {
                    let part = component(i);
                    format!("vec4f(v0.{part}, v1.{part}, v2.{part}, v3.{part})")
                }
                false => format!("v{i}"),
            };
            text.line(&format!("tile_{array}[term + {i}u][quad] = {value};"));
        }
        text.close("}");
    }
}
