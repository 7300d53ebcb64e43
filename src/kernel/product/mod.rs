//! The fast matrix products: kernels that compute a block of the product in registers and finish it in place.
//!
//! Their WGSL is emitted, because blocks must be unrolled; `cargo run --example shaders` writes it out for reading. The plain
//! product, shaders/matmul.wgsl, computes the same sums one element an invocation. Which kernel a product runs on is decided in
//! [`choice`], from shapes and the adapter alone.

mod choice;
mod finish;
mod rows;
mod tiles;

pub use self::choice::{Products, Shape, WORTH_BLOCKS, width, widths};
use crate::kernel::text::{Text, vector};
pub use finish::Finish;
pub use rows::Rows;
pub use tiles::Tiles;

/// Which of its two factors a product takes transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layouts {
    /// a·b, with a of shape (M, K) and b of (K, N): the forward pass.
    Plain,
    /// aᵀ·b, with a of shape (K, M) and b of (K, N): the gradient.
    TransposedA,
    /// a·bᵀ, with a of shape (M, K) and b of (N, K): the error passed back.
    TransposedB,
}

/// How the blocks of a product are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Blocks in the registers of one invocation.
    Rows(Rows),
    /// Tiles in workgroup memory, blocks of them in registers.
    Tiles(Tiles),
}

/// A kernel of a product: all that its WGSL depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// How blocks are computed.
    pub family: Family,
    /// Which factor is transposed.
    pub layouts: Layouts,
    /// How many values of a row of a are loaded at once: 4, 2 or 1, whichever divides the row.
    pub a_width: u32,
    /// The same of b.
    pub b_width: u32,
    /// The same of the output: 4 or 1.
    pub c_width: u32,
    /// Whether the number of terms is no multiple of the family's [`depth`](Family::depth).
    pub masked: bool,
    /// Whether a has one more row, of ones, whose sums go to the bias: with a the layer's inputs and b its deltas, the gradient of both.
    pub ones: bool,
    /// What becomes of the sums.
    pub finish: Finish,
}

/// The fields of every product's `Params`, in order, with what they say.
pub const PARAMS: [(&str, &str); 9] = [
    ("rows", "of c, M"),
    ("columns", "of c, N"),
    ("terms", "of each sum, K"),
    ("row_first", "this dispatch computes the rows row_first..row_end"),
    ("row_end", ""),
    ("column_first", "and the columns from here on"),
    ("slice_first", "and the slices of the sums from here on: slice z has"),
    ("slice_terms", "so many terms, from z · slice_terms on"),
    ("bias", "where the bias lies in the parameters, counted from the weight's first element"),
];

impl Family {
    /// The rows that a workgroup computes.
    pub fn rows(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.rows,
            Family::Tiles(tiles) => tiles.rows,
        }
    }

    /// The columns that a workgroup computes.
    pub fn columns(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.invocations() * rows.width,
            Family::Tiles(tiles) => tiles.columns,
        }
    }

    /// The terms of the sums that a round of the loop adds.
    pub fn depth(&self) -> u32 {
        match self {
            Family::Rows(_) => rows::DEPTH,
            Family::Tiles(_) => tiles::DEPTH,
        }
    }

    /// The invocations of a workgroup.
    pub fn invocations(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.invocations(),
            Family::Tiles(tiles) => tiles.invocations(),
        }
    }

    /// The bytes of workgroup memory.
    pub fn workgroup_memory(&self) -> u32 {
        match self {
            Family::Rows(_) => 0,
            Family::Tiles(tiles) => tiles.workgroup_memory(),
        }
    }

    /// The other rounds that an invocation's loops take, in finishing.
    pub fn finishing_rounds(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.rows,
            Family::Tiles(tiles) => tiles.block.0,
        }
    }
}

impl Product {
    /// Its name in messages and of its file: what it computes, in which blocks, for which widths, and what it ends with.
    pub fn label(&self) -> String {
        let family = match self.family {
            Family::Rows(Rows { rows, lanes, width }) => {
                let lanes = lanes.map_or(String::new(), |lanes| format!(" lanes{lanes}"));
                format!("rows {rows}x{width}{lanes}")
            }
            Family::Tiles(Tiles { rows, columns, block }) => format!("tiles {rows}x{columns} by {}x{}", block.0, block.1),
        };
        let layouts = match self.layouts {
            Layouts::Plain => "ab",
            Layouts::TransposedA => "atb",
            Layouts::TransposedB => "abt",
        };
        let masked = if self.masked { " masked" } else { "" };
        let ones = if self.ones { " ones" } else { "" };
        let widths = format!("{}{}{}", self.a_width, self.b_width, self.c_width);
        format!("product {layouts} {family} widths {widths}{masked}{ones} ({})", self.finish.label())
    }

    /// The whole WGSL module.
    ///
    /// # Panics
    /// If there is a row of ones in a layout that no gradient has.
    pub fn source(&self) -> String {
        assert!(!self.ones || self.layouts == Layouts::TransposedA, "a row of ones is added to aᵀ only");
        match self.family {
            Family::Rows(rows) => rows.source(self),
            Family::Tiles(tiles) => tiles.source(self),
        }
    }

    /// What a and b are, where their rows lie, and what the sums end with: the module's head, before its entry point.
    fn head(&self, text: &mut Text) {
        let of = match self.layouts {
            Layouts::Plain => "a: (M, K), b: (K, N)",
            Layouts::TransposedA => "aᵀ, a: (K, M), b: (K, N)",
            Layouts::TransposedB => "a: (M, K), bᵀ, b: (N, K)",
        };
        text.line(&format!("// c(row, column) = Σ over k of a(row, k) · b(k, column), with c: (M, N), {of}."));
        if self.ones {
            text.line("// a has one more row, of ones: its sums are those of b's columns, and go to the bias.");
        }
        text.line("");
        params(text, &PARAMS);
        text.line("@group(0) @binding(0) var<uniform> params: Params;");
        text.line(&format!("@group(0) @binding(1) var<storage, read> a: array<{}>;", vector(self.a_width)));
        text.line(&format!("@group(0) @binding(2) var<storage, read> b: array<{}>;", vector(self.b_width)));
        self.finish.declarations(text, 3, self.c_width);
        text.line("");
    }
}

/// The struct `Params` of those fields.
fn params(text: &mut Text, fields: &[(&str, &str)]) {
    text.open("struct Params {");
    for (name, meaning) in fields {
        let meaning = if meaning.is_empty() { String::new() } else { format!("  // {meaning}") };
        text.line(&format!("{name}: u32,{meaning}"));
    }
    text.close("}");
    text.line("");
}

/// Four neighbours from element `at` on, of an array that holds `width` values in each of its own elements.
fn four(array: &str, at: &str, width: u32) -> String {
    match width {
        4 => format!("{array}[({at}) / 4u]"),
        2 => format!("vec4f({array}[({at}) / 2u], {array}[({at}) / 2u + 1u])"),
        _ => format!("vec4f({array}[{at}], {array}[{at} + 1u], {array}[{at} + 2u], {array}[{at} + 3u])"),
    }
}
