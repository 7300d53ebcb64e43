//! The fast matrix products: kernels that compute a block of the product in registers and apply the epilogue to it
//! there.
//!
//! Their WGSL is emitted, because blocks must be unrolled; `cargo run --example shaders` writes it out for reading. The
//! plain product, shaders/matmul.wgsl, computes the same sums with one invocation for each element. [`choice`] selects
//! the kernel from the shape and the adapter only.

mod blocks;
mod choice;
mod definition;
mod epilogue;
mod epilogue_wgsl;
mod head;
mod module;
mod rows;
mod slices;
mod tiles;

pub use self::blocks::{Family, RowBlocks, Tiles};
pub use self::choice::{Products, Shape, WORTH_BLOCKS, width, widths};
pub use self::definition::{Layouts, Product};
pub use self::epilogue::Epilogue;
