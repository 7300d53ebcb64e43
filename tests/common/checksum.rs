//! The checksum of a checkpoint, as defined in docs/use/files.md.

use std::collections::BTreeMap;

/// CRC-32 of the description, and of the tensors in the order of their names: name, type, shape and bytes.
pub fn checksum(header: &serde_json::Value, data: &[u8]) -> Option<String> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header["__metadata__"]["shaderprop"].as_str()?.as_bytes());
    let tensors: BTreeMap<_, _> = header.as_object()?.iter().filter(|(name, _)| *name != "__metadata__").collect();
    for (name, tensor) in tensors {
        let shape = tensor["shape"].as_array()?.iter().map(serde_json::Value::as_u64).collect::<Option<Vec<u64>>>()?;
        let place = |i: usize| usize::try_from(tensor["data_offsets"][i].as_u64()?).ok();
        hasher.update(format!("{name} {} {shape:?} ", tensor["dtype"].as_str()?).as_bytes());
        hasher.update(data.get(place(0)?..place(1)?)?);
    }
    Some(format!("{:08x}", hasher.finalize()))
}
