//! What a plan allocates: buffers, and the tensors in them.

use crate::error::Error;
use crate::kernel::Limits;

/// Which tensor of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Id(pub usize);

/// A buffer to allocate.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Its label, which messages show.
    pub name: String,
    /// In elements of four bytes.
    pub len: usize,
}

/// A tensor: a part of a buffer, with a shape.
#[derive(Clone, Debug)]
pub struct PlannedTensor {
    /// Its name.
    pub name: String,
    /// Which of the plan's buffers it is in.
    pub buffer: usize,
    /// Its first element there; elements have four bytes.
    pub offset: usize,
    /// Its shape.
    pub rows: usize,
    /// Its shape.
    pub columns: usize,
}

/// A flat buffer of which one tensor is the whole: parameters, gradients, or what the optimizer keeps.
#[derive(Clone, Copy, Debug)]
pub struct Flat {
    /// Which of the plan's buffers it is.
    pub buffer: usize,
    /// All of it.
    pub whole: Id,
    /// How many elements it has.
    pub len: usize,
}

pub(super) const BUFFER: &str = "the device's longest buffer";
pub(super) const BINDING: &str = "the device's longest binding";

/// How many elements are read back in one go, by way of a buffer of their own.
pub fn readable(name: &str, rows: usize, columns: usize, limits: &Limits) -> Result<usize, Error> {
    let len = elements(name, rows, columns)?;
    check_bytes(name, len, limits.buffer, BUFFER)?;
    Ok(len)
}

/// The elements of a tensor of that shape.
pub(super) fn elements(name: &str, rows: usize, columns: usize) -> Result<usize, Error> {
    rows.checked_mul(columns).ok_or_else(|| Error::TooLarge {
        what: name.into(),
        limit: format!("{} values", usize::MAX),
        got: format!("{rows} × {columns}"),
    })
}

/// Refuses more elements than that many bytes have room for.
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
