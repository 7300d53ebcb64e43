//! The tilings of a product: by rows in registers, or by tiles in workgroup memory.

/// The family of a tiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Blocks in the registers of one invocation.
    Rows(RowBlocks),
    /// Tiles in workgroup memory, with blocks of them in registers.
    Tiles(Tiles),
}

/// The block of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowBlocks {
    /// The number of rows of c that an invocation computes.
    pub rows: u32,
    /// The fixed size of every subgroup, a multiple of 4; `None` if it is not fixed or subgroups cannot be used.
    pub lanes: Option<u32>,
    /// The number of adjacent columns of c that an invocation computes: 4 or 1.
    pub width: u32,
}

/// The tile of one workgroup, and the block of one invocation in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tiles {
    /// The number of rows of the tile, a multiple of the block's.
    pub rows: u32,
    /// The number of columns of the tile, a multiple of the block's.
    pub columns: u32,
    /// The rows and columns of the block, both multiples of 4.
    pub block: (u32, u32),
}

impl Family {
    /// The number of rows that a workgroup computes.
    pub fn rows(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.rows,
            Family::Tiles(tiles) => tiles.rows,
        }
    }

    /// The number of columns that a workgroup computes.
    pub fn columns(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.invocations() * rows.width,
            Family::Tiles(tiles) => tiles.columns,
        }
    }

    /// The number of terms that one iteration of the loop adds.
    pub fn depth(&self) -> u32 {
        match self {
            Family::Rows(_) => RowBlocks::DEPTH,
            Family::Tiles(_) => Tiles::DEPTH,
        }
    }

    /// The number of invocations in a workgroup.
    pub fn invocations(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.invocations(),
            Family::Tiles(tiles) => tiles.invocations(),
        }
    }

    /// The workgroup memory in bytes.
    pub fn workgroup_memory(&self) -> u32 {
        match self {
            Family::Rows(_) => 0,
            Family::Tiles(tiles) => tiles.workgroup_memory(),
        }
    }

    /// The number of loop iterations of an invocation in its epilogue.
    pub fn finishing_rounds(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.rows,
            Family::Tiles(tiles) => tiles.block.0,
        }
    }
}

impl RowBlocks {
    /// The number of terms that one iteration of the loop adds.
    pub(super) const DEPTH: u32 = 4;

    /// The number of invocations in a workgroup: one subgroup.
    pub fn invocations(&self) -> u32 {
        self.lanes.unwrap_or(INVOCATIONS)
    }
}

/// The number of invocations in a workgroup by rows, if there are no subgroups.
const INVOCATIONS: u32 = 8;

impl Tiles {
    /// The number of terms that one iteration of the loop adds, which workgroup memory holds at a time.
    pub(super) const DEPTH: u32 = 16;

    /// The number of invocations in a workgroup.
    pub fn invocations(&self) -> u32 {
        self.rows / self.block.0 * self.across()
    }

    /// The number of invocations side by side.
    pub(super) fn across(&self) -> u32 {
        self.columns / self.block.1
    }

    /// The workgroup memory in bytes.
    pub fn workgroup_memory(&self) -> u32 {
        (self.rows + self.columns) * Self::DEPTH * 4
    }
}
