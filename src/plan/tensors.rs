//! What a plan allocates: buffers, and the tensors in them.

use crate::error::Error;
use crate::kernel::Limits;

/// The id of a tensor in a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Id(pub usize);

/// A buffer to allocate.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// The label, which messages show.
    pub name: String,
    /// The length in elements of four bytes.
    pub len: usize,
}

/// A tensor: a part of a buffer, with a shape.
#[derive(Clone, Debug)]
pub struct PlannedTensor {
    /// The name.
    pub name: String,
    /// The index of its buffer in the plan.
    pub buffer: usize,
    /// The index of its first element in the buffer; elements have four bytes.
    pub offset: usize,
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
}

/// A flat buffer with one tensor for all of it: parameters, gradients, or optimizer state.
#[derive(Clone, Copy, Debug)]
pub struct Flat {
    /// The index of the buffer in the plan.
    pub buffer: usize,
    /// The tensor of the whole buffer.
    pub whole: Id,
    /// The number of elements.
    pub len: usize,
}

pub(super) const BUFFER: &str = "the device's longest buffer";
pub(super) const BINDING: &str = "the device's longest binding";

/// The number of elements that are read back at once, through a staging buffer.
pub fn readable(name: &str, rows: usize, columns: usize, limits: &Limits) -> Result<usize, Error> {
    let len = elements(name, rows, columns)?;
    check_bytes(name, len, limits.buffer, BUFFER)?;
    Ok(len)
}

/// The number of elements of a tensor of that shape.
pub(super) fn elements(name: &str, rows: usize, columns: usize) -> Result<usize, Error> {
    rows.checked_mul(columns).ok_or_else(|| Error::TooLarge {
        what: name.into(),
        limit: format!("{} values", usize::MAX),
        got: format!("{rows} × {columns}"),
    })
}

/// Refuses more elements than fit in that many bytes.
pub(super) fn check_bytes(name: &str, len: usize, limit: u64, of: &str) -> Result<(), Error> {
    match (len as u64).checked_mul(4) {
        Some(bytes) if bytes <= limit => Ok(()),
        bytes => Err(Error::TooLarge {
            what: name.into(),
            limit: format!("{limit} bytes ({of})"),
            got: bytes.map_or_else(|| format!("{len} values of 4 bytes"), |bytes| format!("{bytes} bytes")),
        }),
    }
}
