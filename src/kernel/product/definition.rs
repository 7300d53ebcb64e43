//! The description of a product's kernel: everything that its WGSL depends on.

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
    /// a·bᵀ, with a of shape (M, K) and b of (N, K): the backward pass.
    TransposedB,
}

/// The kernel of a product. Its WGSL depends on exactly these fields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// The tiling.
    pub family: Family,
    /// Which factor is transposed.
    pub layouts: Layouts,
    /// The number of values of a row of a that are loaded at once: 4, 2 or 1, whichever divides the row.
    pub a_width: u32,
    /// The same for b.
    pub b_width: u32,
    /// The same for the output: 4 or 1.
    pub c_width: u32,
    /// Whether the number of terms is not a multiple of the tiling's [`depth`](Family::depth).
    pub masked: bool,
    /// Whether a has an additional row of ones, whose sums go to the bias. If a is the layer's inputs and b its deltas,
    /// the product is the gradient of both weight and bias.
    pub ones: bool,
    /// The epilogue.
    pub epilogue: Epilogue,
}

/// The fields of every product's `Params` in order, with their meaning.
pub(super) const PARAMS: [(&str, &str); 9] = [
    ("rows", "the number of rows of c, M"),
    ("columns", "the number of columns of c, N"),
    ("terms", "the number of terms of each sum, K"),
    ("row_first", "this dispatch computes the rows row_first..row_end"),
    ("row_end", ""),
    ("column_first", "and the columns from this one"),
    ("slice_first", "and the slices of the sums from this one"),
    ("slice_terms", "the terms of a slice; slice z begins at term z · slice_terms"),
    ("bias", "the index of the bias, counted from the weight's first element"),
];

impl Product {
    /// The name in messages and of its file: what it computes, the tiling, the widths, and the epilogue.
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

    /// The storage buffers it uses: its factors, and those of the epilogue.
    pub fn bindings(&self) -> Vec<Binding> {
        [used([read(1, "a"), read(2, "b")]), self.epilogue.bindings(3)].concat()
    }
}
