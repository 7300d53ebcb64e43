//! The fast matrix products: kernels that compute a block of the product in registers and end with its epilogue in place.
//!
//! Their WGSL is emitted, because blocks must be unrolled; `cargo run --example shaders` writes it out for reading. The plain
//! product, shaders/matmul.wgsl, computes the same sums one element an invocation. Which kernel a product runs on is decided in
//! [`choice`], from shapes and the adapter alone.

mod blocks;
mod choice;
mod definition;
mod epilogue;
mod finishing;
mod head;
mod module;
mod rows;
mod slices;
mod tiles;

pub use self::blocks::{Family, RowBlocks, Tiles};
pub use self::choice::{Products, Shape, WORTH_BLOCKS, width, widths};
pub use self::definition::{Layouts, Product};
pub use self::epilogue::Epilogue;
