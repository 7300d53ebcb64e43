//! How the blocks of a product are computed: by rows in registers, or by tiles in workgroup memory.

/// How the blocks of a product are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Blocks in the registers of one invocation.
    Rows(RowBlocks),
    /// Tiles in workgroup memory, blocks of them in registers.
    Tiles(Tiles),
}

/// The block of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowBlocks {
    /// How many rows of c an invocation computes.
    pub rows: u32,
    /// The size of every subgroup, a multiple of 4, if it is fixed and subgroups can be used.
    pub lanes: Option<u32>,
    /// How many neighbouring columns of c an invocation computes: 4 or 1.
    pub width: u32,
}

/// The tile of one workgroup, and the block of one invocation in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tiles {
    /// The rows of the tile, a multiple of the block's.
    pub rows: u32,
    /// Its columns, a multiple of the block's.
    pub columns: u32,
    /// Rows and columns of the block, both multiples of 4.
    pub block: (u32, u32),
}

impl Family {
    /// The rows that a workgroup computes.
    pub fn rows(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.rows,
            Family::Tiles(tiles) => tiles.rows,
        }
    }

    /// The columns that a workgroup computes.
    pub fn columns(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.invocations() * rows.width,
            Family::Tiles(tiles) => tiles.columns,
        }
    }

    /// The terms of the sums that a round of the loop adds.
    pub fn depth(&self) -> u32 {
        match self {
            Family::Rows(_) => RowBlocks::DEPTH,
            Family::Tiles(_) => Tiles::DEPTH,
        }
    }

    /// The invocations of a workgroup.
    pub fn invocations(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.invocations(),
            Family::Tiles(tiles) => tiles.invocations(),
        }
    }

    /// The bytes of workgroup memory.
    pub fn workgroup_memory(&self) -> u32 {
        match self {
            Family::Rows(_) => 0,
            Family::Tiles(tiles) => tiles.workgroup_memory(),
        }
    }

    /// The other rounds that an invocation's loops take, in finishing.
    pub fn finishing_rounds(&self) -> u32 {
        match self {
            Family::Rows(rows) => rows.rows,
            Family::Tiles(tiles) => tiles.block.0,
        }
    }
}

impl RowBlocks {
    /// The terms that a round of the loop adds.
    pub(super) const DEPTH: u32 = 4;

    /// The invocations of a workgroup: one subgroup.
    pub fn invocations(&self) -> u32 {
        self.lanes.unwrap_or(INVOCATIONS)
    }
}

/// The invocations of a workgroup of rows where there are no subgroups.
const INVOCATIONS: u32 = 8;

impl Tiles {
    /// The terms that a round of the loop adds: those that workgroup memory holds at a time.
    pub(super) const DEPTH: u32 = 16;

    /// The invocations of a workgroup.
    pub fn invocations(&self) -> u32 {
        self.rows / self.block.0 * self.across()
    }

    /// How many of them stand side by side.
    pub(super) fn across(&self) -> u32 {
        self.columns / self.block.1
    }

    /// In bytes.
    pub fn workgroup_memory(&self) -> u32 {
        (self.rows + self.columns) * Self::DEPTH * 4
    }
}
