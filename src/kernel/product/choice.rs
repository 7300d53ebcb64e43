//! Which kernel computes a product: a pure function of its shape and of the adapter (its kind, driver, subgroups and limits), so that
//! results never depend on a measurement.

use super::blocks::{Family, RowBlocks, Tiles};
use super::definition::Layouts;

/// What an adapter's products are computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// One element an invocation: shaders/matmul.wgsl, and a stage of its own for all that follows.
    Plain,
    /// By rows in registers.
    Rows {
        /// The size of every subgroup, if it is fixed and may be used.
        lanes: Option<u32>,
        /// The most rows in a block.
        most: u32,
    },
    /// By tiles in workgroup memory.
    Tiles,
    /// In these blocks, whatever the shape.
    Always(Family),
}

/// The shape of a product: c of so many rows and columns, each a sum of so many terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Of c, without the row that goes to the bias.
    pub rows: usize,
    /// Of c.
    pub columns: usize,
    /// Of each sum.
    pub terms: usize,
    /// Whether there is a row for the bias.
    pub ones: bool,
}

/// Networks none of whose products takes so many multiply-adds stay with the plain stages: there a step costs what its launches
/// cost, and can be read stage by stage.
pub const WORTH_BLOCKS: usize = 1 << 15;

/// As many workgroups keep an adapter busy: a CPU of many cores, a large GPU.
const BUSY: [usize; 2] = [16, 256];

/// A slice has at least so many terms.
const LEAST_SLICE: usize = 256;

impl Shape {
    /// The rows that are computed.
    pub fn all_rows(&self) -> usize {
        self.rows + usize::from(self.ones)
    }
}

impl Products {
    /// What a device of that adapter computes them with. `subgroups` says whether shaders may use them.
    pub fn of(info: &wgpu::AdapterInfo, limits: &wgpu::Limits, subgroups: bool) -> Self {
        if info.device_type == wgpu::DeviceType::Cpu {
            let fixed = subgroups && info.subgroup_min_size == info.subgroup_max_size;
            let usable = |lanes: &u32| (4..=32).contains(lanes) && lanes.is_multiple_of(4);
            // Blocks of 32 rows are a fifth faster than of 16, but Mesa 25.0 takes three times as long as 22.3 to compile them; none
            // between was tried.
            let old_mesa = ["Mesa 21.", "Mesa 22."].iter().any(|version| info.driver_info.starts_with(version));
            let lanes = Some(info.subgroup_min_size).filter(|_| fixed).filter(usable);
            return Self::Rows { lanes, most: if lanes.is_some() && old_mesa { 32 } else { 16 } };
        }
        let largest = Family::Tiles(Tiles { rows: 128, columns: 128, block: (8, 8) });
        let fits = largest.workgroup_memory() <= limits.max_compute_workgroup_storage_size
            && largest.invocations() <= limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x);
        if fits { Self::Tiles } else { Self::Plain }
    }

    /// The family and its blocks for that shape; none if the plain kernel computes it.
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

    /// How many slices the terms are cut into, so that small outputs of long sums keep the adapter busy, and how many terms each has.
    /// `longest` is how many one may have.
    pub fn slices(self, family: Family, shape: Shape, longest: usize) -> (usize, usize) {
        let tiles = shape.all_rows().div_ceil(family.rows() as usize) * shape.columns.div_ceil(family.columns() as usize);
        let busy = BUSY[usize::from(matches!(family, Family::Tiles(_)))];
        let slices = (busy / tiles).min(shape.terms / LEAST_SLICE).max(shape.terms.div_ceil(longest)).max(1);
        let depth = family.depth() as usize;
        let terms = shape.terms.div_ceil(slices).next_multiple_of(depth);
        (shape.terms.div_ceil(terms), terms)
    }
}

/// How many neighbours can be loaded at once in rows of that length: 4, 2 or 1.
pub fn width(row: usize) -> u32 {
    match row % 4 {
        0 => 4,
        2 => 2,
        _ => 1,
    }
}

/// The widths of loads from a and b, and of the output, for those layouts, that shape and that family.
pub fn widths(layouts: Layouts, shape: Shape, family: Family) -> (u32, u32, u32) {
    let a = match layouts {
        // Blocks of less than four rows begin anywhere.
        Layouts::TransposedA if !family.rows().is_multiple_of(4) => 1,
        Layouts::TransposedA => width(shape.rows),
        Layouts::Plain | Layouts::TransposedB => width(shape.terms),
    };
    // An invocation with one column loads one value of b at a time, unless its terms are neighbours.
    let single = matches!(family, Family::Rows(RowBlocks { width: 1, .. }));
    let b = match layouts {
        Layouts::TransposedB => width(shape.terms),
        _ if single => 1,
        _ => width(shape.columns),
    };
    let c = if single || !shape.columns.is_multiple_of(4) { 1 } else { 4 };
    (a, b, c)
}
