//! The kernels: the table of WGSL files, the emitted products and fused networks, and which of them a device uses.
//!
//! Uses `network`, whose formulas are appended to the files of `shaders/`.

mod binding;
mod fused;
mod label;
mod limits;
mod product;
mod source;
mod table;
mod text;
mod wgsl;

pub use self::binding::Binding;
pub use self::fused::{Fused, LanePlace, Lanes, Layer};
pub use self::limits::Limits;
pub use self::product::{Epilogue, Family, Layouts, Product, Products, RowBlocks, Shape, Tiles, WORTH_BLOCKS, width, widths};
pub use self::table::{Kernel, Weights};
pub use self::wgsl::{LONGEST_LOOP, PARTS, WORKGROUP_SIZE};
