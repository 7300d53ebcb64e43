//! What WGSL there is: the stages of `shaders/`, the emitted products and fused networks, and which of them a device gets.
//!
//! Uses `network`, whose formulas are appended to the stages.

mod fused;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod kernel;
mod limits;
mod product;
mod text;
mod wgsl;

pub use self::fused::{Fused, Lanes, Layer, Place};
pub use self::kernel::{Binding, Interface, Kernel, Shader, Weights, needs_sums};
pub use self::limits::Limits;
pub use self::product::{Family, Finish, Layouts, Product, Products, Rows, Shape, Tiles, WORTH_BLOCKS, width, widths};
pub use self::wgsl::{LONGEST_LOOP, PARTS, WORKGROUP_SIZE};
