//! Reads IDX: two zero bytes, a type, the number of dimensions, their lengths, the data; all big-endian.

use std::io::Read;

use super::{Array, Kind, elements, take};

pub(super) fn read(mut file: impl Read) -> Result<Array, String> {
    let head = take(&mut file, 4)?;
    let kind = match head[..3] {
        [0, 0, 0x08] => (Kind::Unsigned, 1),
        [0, 0, 0x09] => (Kind::Signed, 1),
        [0, 0, 0x0B] => (Kind::Signed, 2),
        [0, 0, 0x0C] => (Kind::Signed, 4),
        [0, 0, 0x0D] => (Kind::Float, 4),
        [0, 0, 0x0E] => (Kind::Float, 8),
        _ => return Err(format!("a file that begins with the bytes {head:?}")),
    };
    let lengths = take(&mut file, 4 * usize::from(head[3]))?;
    let shape: Vec<usize> =
        lengths.chunks_exact(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize).collect();
    if shape.is_empty() {
        return Err("an array without dimensions".into());
    }
    let integers = !matches!(kind.0, Kind::Float);
    let values = elements(file, &shape, kind, true)?;
    Ok(Array { shape, values, integers })
}
