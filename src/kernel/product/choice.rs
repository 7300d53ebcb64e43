//! Chooses the kernel of a product: a pure function of its shape and the adapter (its kind, driver, subgroups and
//! limits), so that results never depend on a measurement.

use super::blocks::{Family, RowBlocks, Tiles};
use super::definition::Layouts;

/// How an adapter computes products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// One element for each invocation: shaders/matmul.wgsl, with separate stages for what follows.
    Plain,
    /// By rows in registers.
    Rows {
        /// The fixed size of every subgroup; `None` if it is not fixed or subgroups cannot be used.
        lanes: Option<u32>,
        /// The maximum number of rows in a block.
        most: u32,
    },
    /// By tiles in workgroup memory.
    Tiles,
    /// With this tiling for every shape.
    Always(Family),
}

/// The shape of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The number of rows of c, without the row for the bias.
    pub rows: usize,
    /// The number of columns of c.
    pub columns: usize,
    /// The number of terms of each sum.
    pub terms: usize,
    /// Whether there is an additional row for the bias.
    pub ones: bool,
}

/// If none of a network's products has this many multiply-adds, it uses the plain stages: the cost of its step is that
/// of its launches, and plain stages can be read one by one.
pub const WORTH_BLOCKS: usize = 1 << 15;

/// The number of workgroups that keep an adapter busy: on a CPU with many cores, and on a large GPU.
const BUSY: [usize; 2] = [16, 256];

/// The minimum number of terms in a slice.
const LEAST_SLICE: usize = 256;

impl Shape {
    /// The number of rows that are computed.
    pub fn all_rows(&self) -> usize {
        self.rows + usize::from(self.ones)
    }
}

impl Products {
    /// How a device of that adapter computes products. `subgroups` tells whether shaders may use subgroups.
    pub fn of(info: &wgpu::AdapterInfo, limits: &wgpu::Limits, subgroups: bool) -> Self {
        if info.device_type == wgpu::DeviceType::Cpu {
            let fixed = subgroups && info.subgroup_min_size == info.subgroup_max_size;
            let usable = |lanes: &u32| (4..=32).contains(lanes) && lanes.is_multiple_of(4);
            // Blocks of 32 rows are a fifth faster than blocks of 16, but Mesa 25.0 takes three times as long as 22.3
            // to compile them. No version between was tried.
            let old_mesa = ["Mesa 21.", "Mesa 22."].iter().any(|version| info.driver_info.starts_with(version));
            let lanes = Some(info.subgroup_min_size).filter(|_| fixed).filter(usable);
            return Self::Rows { lanes, most: if lanes.is_some() && old_mesa { 32 } else { 16 } };
        }
        let largest = Family::Tiles(Tiles { rows: 128, columns: 128, block: (8, 8) });
        let fits = largest.workgroup_memory() <= limits.max_compute_workgroup_storage_size
            && largest.invocations() <= limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x);
        if fits { Self::Tiles } else { Self::Plain }
    }

    /// The tiling for that shape; `None` if the plain kernel computes it.
    pub fn family(self, shape: Shape) -> Option<Family> {
        let rows = shape.all_rows();
        match self {
            Products::Plain => None,
            Products::Always(family) => Some(family),
            Products::Rows { lanes, most } => {
                let narrow = shape.columns <= 2 * lanes.unwrap_or(8) as usize;
                // Few different blocks, since each has to be compiled.
                let rows = [1, 8, 16].into_iter().find(|block| *block as usize >= rows).unwrap_or(most).min(most);
                Some(Family::Rows(RowBlocks { rows, lanes, width: if narrow { 1 } else { 4 } }))
            }
            Products::Tiles => {
                let tiles = |rows, columns, block| Tiles { rows, columns, block };
                let large = rows.div_ceil(128) * shape.columns.div_ceil(128) >= 64;
                Some(Family::Tiles(match () {
                    () if rows <= 16 => tiles(16, 64, (4, 4)),
                    () if shape.columns <= 16 => tiles(64, 16, (4, 4)),
                    () if large => tiles(128, 128, (8, 8)),
                    () => tiles(64, 64, (8, 4)),
                }))
            }
        }
    }

    /// The number of slices that the terms are divided into, and the number of terms in each. Slices keep the adapter
    /// busy when a small output has long sums. `longest` is the maximum number of terms in a slice.
    pub fn slices(self, family: Family, shape: Shape, longest: usize) -> (usize, usize) {
        let tiles = shape.all_rows().div_ceil(family.rows() as usize) * shape.columns.div_ceil(family.columns() as usize);
        let busy = BUSY[usize::from(matches!(family, Family::Tiles(_)))];
        let slices = (busy / tiles).min(shape.terms / LEAST_SLICE).max(shape.terms.div_ceil(longest)).max(1);
        let depth = family.depth() as usize;
        let terms = shape.terms.div_ceil(slices).next_multiple_of(depth);
        (shape.terms.div_ceil(terms), terms)
    }
}

/// The number of adjacent values that can be loaded at once in rows of that length: 4, 2 or 1.
pub fn width(row: usize) -> u32 {
    match row % 4 {
        0 => 4,
        2 => 2,
        _ => 1,
    }
}

/// The widths of loads from a and b, and of the output, for those layouts, that shape and that tiling.
pub fn widths(layouts: Layouts, shape: Shape, family: Family) -> (u32, u32, u32) {
    let a = match layouts {
        // Blocks with fewer than four rows may begin at any row.
        Layouts::TransposedA if !family.rows().is_multiple_of(4) => 1,
        Layouts::TransposedA => width(shape.rows),
        Layouts::Plain | Layouts::TransposedB => width(shape.terms),
    };
    // An invocation with one column loads one value of b at a time, unless its terms are adjacent.
    let single = matches!(family, Family::Rows(RowBlocks { width: 1, .. }));
    let b = match layouts {
        Layouts::TransposedB => width(shape.terms),
        _ if single => 1,
        _ => width(shape.columns),
    };
    let c = if single || !shape.columns.is_multiple_of(4) { 1 } else { 4 };
    (a, b, c)
}
