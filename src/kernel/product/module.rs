//! Emits the module of a product.

use super::blocks::Family;
use super::definition::{Layouts, Product};

impl Product {
    /// The whole WGSL module.
    ///
    /// # Panics
    /// If there is a row of ones in a layout that is not that of a gradient.
    pub fn source(&self) -> String {
        assert!(!self.ones || self.layouts == Layouts::TransposedA, "a row of ones is added to aᵀ only");
        match self.family {
            Family::Rows(rows) => rows.source(self),
            Family::Tiles(tiles) => tiles.source(self),
        }
    }
}
