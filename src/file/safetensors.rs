//! Reads and writes safetensors: the length of a header, the header in JSON, the tensors. It writes what the format's
//! documentation specifies and reads more strictly.
//!
//! The format's own library is not used here because it accepts duplicate names; the tests use it for comparison.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::display::{brief, shown};
use crate::error::Refusal;

/// The maximum length of a header, in bytes.
pub const LONGEST_HEADER: usize = 1 << 20;

/// The maximum number of tensors in a file.
pub const MOST_TENSORS: usize = 4096;

/// The maximum number of dimensions of a tensor.
const HIGHEST_RANK: usize = 4;

/// The type of a tensor's elements, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    F32,
    F64,
}

/// A tensor to write.
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub kind: Type,
    pub values: Vec<f64>,
}

/// The contents of a file that was read.
pub struct Contents {
    pub metadata: BTreeMap<String, String>,
    entries: BTreeMap<String, Entry>,
    data: Vec<u8>,
}

/// A tensor's entry in the header.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::F32 => "F32",
            Type::F64 => "F64",
        }
    }

    fn size(self) -> usize {
        match self {
            Type::F32 => 4,
            Type::F64 => 8,
        }
    }
}

/// Converts elements to bytes of that type.
pub fn bytes(kind: Type, values: &[f64]) -> Vec<u8> {
    match kind {
        Type::F32 => values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect(),
        Type::F64 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// Adds a tensor to a checksum, including its name, type and shape, so that no tensor can be taken for another.
fn hash(with: &mut crc32fast::Hasher, name: &str, dtype: &str, shape: &[usize], bytes: &[u8]) {
    with.update(format!("{name} {dtype} {shape:?} ").as_bytes());
    with.update(bytes);
}

/// Adds tensors that will be written to a checksum, in the order of their names.
pub fn hash_all(tensors: &[Tensor], with: &mut crc32fast::Hasher) {
    let mut named: Vec<&Tensor> = tensors.iter().collect();
    named.sort_unstable_by_key(|tensor| &tensor.name);
    for Tensor { name, shape, kind, values } in named {
        hash(with, name, kind.name(), shape, &bytes(*kind, values));
    }
}

/// The header of a file with those tensors, in order. An error if it could not be read again.
pub fn header(metadata: &[(&str, &str)], tensors: &[Tensor]) -> Result<String, String> {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut header = String::from("{\"__metadata__\":{");
    for (i, (key, value)) in metadata.iter().enumerate() {
        let _ = write!(header, "{}{}:{}", if i > 0 { "," } else { "" }, text(key), text(value));
    }
    header.push('}');
    let mut end = 0;
    for Tensor { name, shape, kind, .. } in tensors {
        let start = end;
        end = shape.iter().fold(kind.size(), |bytes, n| bytes.saturating_mul(*n)).saturating_add(start);
        let _ = write!(
            header,
            ",{}:{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{start},{end}]}}",
            text(name),
            kind.name(),
            serde_json::json!(shape)
        );
    }
    header.push('}');
    // Padding, so that the tensors are aligned for any element type.
    header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
    if tensors.len() > MOST_TENSORS {
        return Err(format!("{} tensors, but at most {MOST_TENSORS} are allowed", tensors.len()));
    }
    if header.len() > LONGEST_HEADER {
        return Err(format!("a description of {} bytes, but at most {LONGEST_HEADER} are allowed", header.len()));
    }
    Ok(header)
}

/// Writes a file with that header and its tensors.
pub fn write(file: &mut dyn Write, header: &str, tensors: &[Tensor]) -> io::Result<()> {
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    tensors.iter().try_for_each(|tensor| file.write_all(&bytes(tensor.kind, &tensor.values)))
}

/// Reads an untrusted file. Sizes in it are checked against its length before anything of that size is allocated.
pub fn read(path: &Path) -> Result<Contents, Refusal> {
    let (file, length) = open_plain(path)?;
    read_from(file, length)
}

/// Reads from any reader of that length in bytes.
pub fn read_from(mut file: impl Read, file_length: u64) -> Result<Contents, Refusal> {
    let header = read_header(&mut file, file_length)?;
    let (metadata, entries) = parse(&header)?;
    let length = check(&entries)?;
    let rest = file_length - 8 - header.len() as u64;
    if rest != length as u64 {
        return Err(format!("{rest} bytes of tensors, but its header says {length}").into());
    }
    let mut data = Vec::new();
    data.try_reserve_exact(length).map_err(|_| format!("{length} bytes, for which there is no memory"))?;
    file.take(length as u64).read_to_end(&mut data)?;
    if data.len() != length {
        return Err("a file that became shorter while it was read".into());
    }
    Ok(Contents { metadata, entries, data })
}

/// Opens a regular file and returns its length. Anything else is not opened, since a pipe could block.
pub fn open_plain(path: &Path) -> Result<(File, u64), Refusal> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(if about.is_dir() { "a folder".into() } else { "something that is no plain file".into() });
    }
    Ok((File::open(path)?, about.len()))
}

fn read_header(file: &mut impl Read, length: u64) -> Result<Vec<u8>, Refusal> {
    let mut size = [0; 8];
    let ends = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Refusal::from("a file that ends in its header"),
        _ => error.into(),
    };
    file.read_exact(&mut size).map_err(ends)?;
    if size.starts_with(b"PK\x03\x04") {
        return Err("a ZIP archive, such as an NPZ file".into());
    }
    let size = u64::from_le_bytes(size);
    if size > LONGEST_HEADER as u64 {
        return Err(format!(
            "another kind of file: its first bytes give the header {size} bytes, but at most {LONGEST_HEADER} are allowed"
        )
        .into());
    }
    // Some systems report a length that is shorter than the content.
    if length.checked_sub(8).is_none_or(|rest| size > rest) {
        return Err("a file that ends in its header".into());
    }
    let mut header = vec![0; size as usize];
    file.read_exact(&mut header).map_err(ends)?;
    Ok(header)
}

/// The metadata and the entries of a header.
type Parsed = (BTreeMap<String, String>, BTreeMap<String, Entry>);

fn parse(header: &[u8]) -> Result<Parsed, String> {
    let Pairs(metadata, entries) =
        serde_json::from_slice(header).map_err(|error| format!("a header that cannot be read: {}", brief(&error.to_string())))?;
    let metadata = metadata.map_or(vec![], |Pairs(_, texts): Pairs<(), String>| texts);
    Ok((once_each(metadata)?, once_each(entries)?))
}

/// Collects the pairs by name. Duplicate names are an error.
fn once_each<T>(pairs: Vec<(String, T)>) -> Result<BTreeMap<String, T>, String> {
    let mut seen = HashSet::new();
    if let Some((name, _)) = pairs.iter().find(|(name, _)| !seen.insert(name)) {
        return Err(format!("two entries named {}", shown(name)));
    }
    Ok(pairs.into_iter().collect())
}

/// Checks types, ranks and sizes, and that the tensors are contiguous. Returns their total size in bytes.
fn check(entries: &BTreeMap<String, Entry>) -> Result<usize, String> {
    let mut places: Vec<(usize, usize)> = Vec::with_capacity(entries.len());
    for (name, Entry { dtype, shape, data_offsets: (start, end) }) in entries {
        let name = shown(name);
        let size = match dtype.as_str() {
            "F32" => 4,
            "F64" => 8,
            _ => return Err(format!("the tensor {name} of type {} instead of F32", shown(dtype))),
        };
        if shape.len() > HIGHEST_RANK {
            return Err(format!("the tensor {name} of {} dimensions, but at most {HIGHEST_RANK} are allowed", shape.len()));
        }
        let bytes = shape.iter().try_fold(size, |bytes: usize, n| bytes.checked_mul(*n));
        let bytes = bytes.ok_or_else(|| format!("the tensor {name} of shape {shape:?}, which overflows"))?;
        if start.checked_add(bytes) != Some(*end) {
            return Err(format!("the tensor {name} of shape {shape:?}, which does not match its bytes {start} to {end}"));
        }
        places.push((*start, *end));
    }
    places.sort_unstable();
    let mut length = 0;
    for (start, end) in places {
        if start != length {
            return Err(format!("tensors that overlap or leave a gap at byte {}", length.min(start)));
        }
        length = end;
    }
    Ok(length)
}

impl Contents {
    /// The names of its tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Checks that the tensor of that name has this shape and one of these types.
    pub fn check(&self, name: &str, shape: &[usize], kinds: &[Type]) -> Result<(), String> {
        self.find(name, shape, kinds).map(|_| ())
    }

    fn find(&self, name: &str, shape: &[usize], kinds: &[Type]) -> Result<(Type, &[u8]), String> {
        let found = self.entries.get(name).filter(|entry| entry.shape == shape);
        let found = found.and_then(|entry| Some((*kinds.iter().find(|kind| kind.name() == entry.dtype)?, entry)));
        let (kind, entry) = found.ok_or_else(|| {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            let got =
                self.entries.get(name).map_or("not there".into(), |entry| format!("{:?} of type {}", entry.shape, entry.dtype));
            format!("a tensor {name} that is {got} instead of {shape:?} of type {}", kinds.join(" or "))
        })?;
        Ok((kind, &self.data[entry.data_offsets.0..entry.data_offsets.1]))
    }

    /// The values of the tensor of that name, which must have this shape and one of these types.
    pub fn take(&self, name: &str, shape: &[usize], kinds: &[Type]) -> Result<Vec<f64>, String> {
        let (kind, data) = self.find(name, shape, kinds)?;
        Ok(match kind {
            Type::F32 => data.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect(),
            Type::F64 => {
                data.chunks_exact(8).map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])).collect()
            }
        })
    }

    /// Adds the tensors to a checksum, in the order of their names.
    pub fn hash(&self, with: &mut crc32fast::Hasher) {
        for (name, Entry { dtype, shape, data_offsets: (start, end) }) in &self.entries {
            hash(with, name, dtype, shape, &self.data[*start..*end]);
        }
    }
}

/// The entries of a JSON object in order, including duplicates. The value of `__metadata__` is kept separately.
struct Pairs<M, T>(Option<M>, Vec<(String, T)>);

impl<'de, M: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for Pairs<M, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<M, T>(PhantomData<(M, T)>);
        impl<'de, M: Deserialize<'de>, T: Deserialize<'de>> Visitor<'de> for Entries<M, T> {
            type Value = Pairs<M, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut metadata, mut pairs) = (None, Vec::new());
                while let Some(key) = map.next_key::<String>()? {
                    if key == "__metadata__" {
                        if metadata.replace(map.next_value()?).is_some() {
                            return Err(A::Error::custom("two entries named \"__metadata__\""));
                        }
                        continue;
                    }
                    if pairs.len() == MOST_TENSORS {
                        return Err(A::Error::custom(format!("more than {MOST_TENSORS} entries")));
                    }
                    pairs.push((key, map.next_value()?));
                }
                Ok(Pairs(metadata, pairs))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}
