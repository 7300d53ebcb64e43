//! What a product's kernel is made of: all that its WGSL depends on.

use super::blocks::{Family, RowBlocks, Tiles};
use super::epilogue::Epilogue;
use crate::kernel::binding::{Binding, read, used};

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
    /// What it ends with.
    pub epilogue: Epilogue,
}

/// The fields of every product's `Params`, in order, with what they say.
pub(super) const PARAMS: [(&str, &str); 9] = [
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

impl Product {
    /// Its name in messages and of its file: what it computes, in which blocks, for which widths, and what it ends with.
    pub fn label(&self) -> String {
        let family = match self.family {
            Family::Rows(RowBlocks { rows, lanes, width }) => {
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
        format!("product {layouts} {family} widths {widths}{masked}{ones} ({})", self.epilogue.label())
    }

    /// The fields of its `Params`.
    pub fn params() -> Vec<&'static str> {
        PARAMS.map(|(name, _)| name).to_vec()
    }

    /// The storage buffers that it uses: its factors, and what the epilogue works on.
    pub fn bindings(&self) -> Vec<Binding> {
        [used([read(1, "a"), read(2, "b")]), self.epilogue.bindings(3)].concat()
    }
}
