//! Products by rows: each invocation holds some rows and a few columns of c in registers.
//!
//! This tiling is for adapters that run a subgroup as the lanes of a CPU's vectors. There a load costs as much as
//! dozens of multiply-adds, wherever it goes. So each invocation loads a different part of what all need of a, and the
//! parts are passed on by `subgroupBroadcast`, which is a shuffle of registers. If the subgroup's size is not fixed,
//! each invocation loads the same rows.

use super::blocks::RowBlocks;
use super::definition::{Layouts, Product};
use super::epilogue_wgsl::Block;
use super::head::four;
use crate::kernel::text::{Text, component, vector};

impl RowBlocks {
    pub(super) fn source(&self, product: &Product) -> String {
        let (rows, width) = (self.rows, self.width);
        let mut text = Text::default();
        text.line(&format!(
            "// A matrix product by rows: each invocation computes {rows} rows and {width} column{} of c in registers.",
            if width == 1 { "" } else { "s" }
        ));
        product.head(&mut text);
        text.line(&format!("@compute @workgroup_size({})", self.invocations()));
        let lane = if self.lanes.is_some() { "subgroup_invocation_id" } else { "local_invocation_index" };
        text.open(&format!("fn main(@builtin(workgroup_id) group: vec3u, @builtin({lane}) lane: u32) {{"));
        text.line("let columns = params.columns;");
        text.line("let terms = params.terms;");
        text.line(&format!("let first_row = params.row_first + group.x * {rows}u;"));
        text.line(&format!("let first_column = params.column_first + (group.y * {}u + lane) * {width}u;", self.invocations()));
        text.line("let slice = params.slice_first + group.z;");
        text.line("let k_first = slice * params.slice_terms;");
        text.line("let k_end = min(k_first + params.slice_terms, terms);");
        if self.lanes.is_some() && product.layouts == Layouts::TransposedA {
            text.line("// Each lane loads four adjacent rows of a at one of the four terms.");
            text.line("let a_term = lane % 4u;");
            text.line("let a_row = first_row + lane / 4u * 4u;");
        } else if self.lanes.is_some() {
            text.line("// Each lane loads the four terms of one row of a.");
            text.line("let a_row = first_row + lane;");
        }
        for row in 0..rows {
            text.line(&format!("var c{row} = {}();", vector(width)));
        }
        text.open("for (var k = k_first; k < k_end; k += 4u) {");
        if product.masked {
            text.line("let live = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(k_end);");
        }
        let terms_of_a = self.load_a(product, &mut text);
        self.load_b(product, &mut text);
        for row in 0..rows {
            let products: Vec<_> = (0..4).map(|term| format!("{} * b{term}", terms_of_a(row, term))).collect();
            text.line(&format!("c{row} += {};", products.join(" + ")));
        }
        text.close("}");
        text.line(&format!("let row_end = min(first_row + {rows}u, params.row_end);"));
        let block = Block { rows, columns: &["first_column".into()], width };
        product.epilogue.block(&mut text, product, &block, |row, _| format!("c{row}"));
        text.close("}");
        text.text
    }

    /// Loads what an iteration needs of a. Returns the expression for a(row, term).
    fn load_a(&self, product: &Product, text: &mut Text) -> impl Fn(u32, u32) -> String + use<> {
        let masked = |value: String, condition: &str| match product.masked {
            true => format!("select(vec4f(), {value}, {condition})"),
            false => value,
        };
        let ones = |value: String, row: &str| match product.ones {
            true => {
                format!("select({value}, vec4f(1.0), vec4u({row}, {row} + 1u, {row} + 2u, {row} + 3u) >= vec4u(params.rows))")
            }
            false => value,
        };
        let transposed = product.layouts == Layouts::TransposedA;
        let lanes = self.lanes;
        match (lanes, transposed) {
            (Some(lanes), false) => {
                for load in 0..self.rows.div_ceil(lanes) {
                    let value = four("a", &format!("(a_row + {}u) * terms + k", load * lanes), product.a_width);
                    text.line(&format!("let a{load} = {};", masked(value, "live")));
                }
            }
            (Some(lanes), true) => {
                for load in 0..self.rows.div_ceil(lanes) {
                    let row = format!("a_row + {}u", load * lanes);
                    let value = four("a", &format!("(k + a_term) * params.rows + {row}"), product.a_width);
                    text.line(&format!("let a{load} = {};", masked(ones(value, &row), "k + a_term < k_end")));
                }
            }
            (None, false) => {
                for row in 0..self.rows {
                    let value = four("a", &format!("(first_row + {row}u) * terms + k"), product.a_width);
                    text.line(&format!("let a{row} = {};", masked(value, "live")));
                }
            }
            (None, true) => {
                for term in 0..4 {
                    for load in 0..self.rows.div_ceil(4) {
                        let row = format!("first_row + {}u", 4 * load);
                        let value = four("a", &format!("(k + {term}u) * params.rows + {row}"), product.a_width);
                        text.line(&format!(
                            "let a{term}_{load} = {};",
                            masked(ones(value, &row), &format!("k + {term}u < k_end"))
                        ));
                    }
                }
            }
        }
        move |row, term| match (lanes, transposed) {
            (Some(lanes), false) => format!("subgroupBroadcast(a{}.{}, {}u)", row / lanes, component(term), row % lanes),
            (Some(lanes), true) => {
                format!("subgroupBroadcast(a{}.{}, {}u)", row / lanes, component(row), row % lanes / 4 * 4 + term)
            }
            (None, false) => format!("a{row}.{}", component(term)),
            (None, true) => format!("a{term}_{}.{}", row / 4, component(row)),
        }
    }

    /// Loads what an iteration needs of b, as `b0` to `b3`: the invocation's columns for each of its terms.
    fn load_b(&self, product: &Product, text: &mut Text) {
        if product.layouts == Layouts::TransposedB {
            // The terms of a column are adjacent.
            for column in 0..self.width {
                let value = four("b", &format!("(first_column + {column}u) * terms + k"), product.b_width);
                let value = if product.masked { format!("select(vec4f(), {value}, live)") } else { value };
                text.line(&format!("let column{column} = {value};"));
            }
            for term in 0..4 {
                let of: Vec<_> = (0..self.width).map(|column| format!("column{column}.{}", component(term))).collect();
                text.line(&format!("let b{term} = {}({});", vector(self.width), of.join(", ")));
            }
            return;
        }
        for term in 0..4 {
            let at = format!("(k + {term}u) * columns + first_column");
            let value = match self.width {
                1 => format!("b[{at}]"),
                _ => four("b", &at, product.b_width),
            };
            let value = match product.masked {
                true => format!("select({}(), {value}, live.{})", vector(self.width), component(term)),
                false => value,
            };
            text.line(&format!("let b{term} = {value};"));
        }
    }
}
