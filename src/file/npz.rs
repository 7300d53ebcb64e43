//! NPZ: a ZIP archive of NPY files, one for each tensor, and one more with the bytes of the JSON description.

use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::description::KEY;
use super::safetensors::{LONGEST_HEADER, MOST_TENSORS, open_plain};
use super::tensors::expect_names;
use crate::data::{Array, read_npy};
use crate::display::{brief, shown};
use crate::error::Refusal;
use crate::network::{Layout, Tensor};

/// The limit for unpacked data: this many times the archive's length, plus this many bytes. Weights hardly compress.
const MOST_UNPACKED: (u64, u64) = (8, 1 << 20);

/// Checks whether an archive with that description and number of tensors could be read again.
pub fn check(description: &str, tensors: usize) -> Result<(), String> {
    if tensors > MOST_TENSORS {
        return Err(format!("{tensors} tensors, but at most {MOST_TENSORS} are allowed"));
    }
    if description.len() > LONGEST_HEADER {
        return Err(format!("a description of {} bytes, but at most {LONGEST_HEADER} are allowed", description.len()));
    }
    Ok(())
}

/// The archive of a model.
pub fn archive(description: &str, tensors: &[Tensor]) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut entry = |name: &str, header: &str, data: &[u8]| -> io::Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        // Larger entries need 64-bit lengths.
        zip.start_file(format!("{name}.npy"), options.large_file(data.len() >= u32::MAX as usize - 1024))?;
        // The data begins at a multiple of 64 bytes.
        let padded = format!("{header:<width$}\n", width = (header.len() + 11).next_multiple_of(64) - 11);
        zip.write_all(b"\x93NUMPY\x01\x00")?;
        zip.write_all(&(padded.len() as u16).to_le_bytes())?;
        zip.write_all(padded.as_bytes())?;
        zip.write_all(data)
    };
    let dictionary = |kind: &str, shape: &[usize]| {
        let shape: String = shape.iter().map(|n| format!("{n},")).collect();
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}")
    };
    for Tensor { name, shape, values } in tensors {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        entry(name, &dictionary("<f4", shape), &data)?;
    }
    entry(KEY, &dictionary("|u1", &[description.len()]), description.as_bytes())?;
    Ok(zip.finish()?.into_inner())
}

/// The expected content of a file to load, for messages.
pub const EXPECTED: &str = "a model in NPZ";

/// The parameters of a network of that layout, flat.
pub fn weights(path: &Path, layout: &Layout) -> Result<Vec<f64>, Refusal> {
    let (file, length) = open_plain(path)?;
    Ok(Archive::new(file, length)?.parameters(layout)?)
}

/// An archive. Only the requested entries are unpacked.
pub struct Archive<R> {
    zip: ZipArchive<BufReader<R>>,
    /// The names of its entries, in order.
    pub names: Vec<String>,
    /// The number of bytes that may still be unpacked.
    room: u64,
}

impl<R: Read + Seek> Archive<R> {
    pub fn new(file: R, length: u64) -> Result<Self, String> {
        let zip = ZipArchive::new(BufReader::new(file)).map_err(unreadable)?;
        if zip.has_duplicate_names() {
            return Err("an archive with two files of the same name".into());
        }
        // One more for the description.
        if zip.len() > MOST_TENSORS + 1 {
            return Err(format!("{} tensors, but at most {MOST_TENSORS} are allowed", zip.len()));
        }
        let named = |name: &str| {
            let stem = name.strip_suffix(".npy").map(str::to_owned);
            stem.ok_or_else(|| format!("an entry {} that is not an NPY file", shown(name)))
        };
        let names = zip.file_names().map(|name| named(&name.map_err(unreadable)?)).collect::<Result<_, String>>()?;
        Ok(Self { zip, names, room: length.saturating_mul(MOST_UNPACKED.0).saturating_add(MOST_UNPACKED.1) })
    }

    /// Reads the array of that name. It must have the expected shape; without one, it must be a list no longer than a
    /// description may be.
    fn read(&mut self, name: &str, expected: Option<&[usize]>) -> Result<Array, String> {
        let mut entry = self.zip.by_name(&format!("{name}.npy")).map_err(unreadable)?;
        let accept = |shape: &[usize]| match expected {
            Some(expected) if shape != expected => Err(format!("a tensor of shape {shape:?} instead of {expected:?}")),
            Some(_) => Ok(()),
            None if shape.len() == 1 && shape[0] <= LONGEST_HEADER => Ok(()),
            None => Err(format!("an array of shape {shape:?} instead of a list of at most {LONGEST_HEADER} bytes")),
        };
        let read = read_npy(Counted { file: &mut entry, left: &mut self.room }, accept);
        read.map_err(|error| format!("in {}: {}", shown(name), brief(&error)))
    }

    pub fn description(&mut self) -> Result<Option<String>, String> {
        if !self.names.iter().any(|name| name == KEY) {
            return Ok(None);
        }
        let bytes = self.read(KEY, None)?.into_values().iter().map(|byte| *byte as u8).collect();
        String::from_utf8(bytes).map(Some).map_err(|_| "a description that is not text".into())
    }

    pub fn parameters(&mut self, layout: &Layout) -> Result<Vec<f64>, String> {
        expect_names(self.names.iter().map(String::as_str).filter(|name| *name != KEY), "", layout, &[])?;
        // The size as f32, the type of the tensors in an archive that is not compressed.
        if layout.places.iter().map(|place| place.len as u64 * 4).sum::<u64>() > self.room {
            return Err(blown_up());
        }
        let mut flat = vec![0.0; layout.len];
        for place in &layout.places {
            let values = self.read(&place.name, Some(&place.shape))?.into_values();
            flat[place.offset..].iter_mut().zip(values).for_each(|(to, value)| *to = f64::from(value));
        }
        Ok(flat)
    }
}

fn unreadable(error: zip::result::ZipError) -> String {
    format!("an archive that cannot be read: {}", brief(&error.to_string()))
}

fn blown_up() -> String {
    format!("an archive that unpacks to more than {} times its length; save it uncompressed", MOST_UNPACKED.0)
}

/// A reader that limits the total number of bytes unpacked.
struct Counted<'a, R> {
    file: R,
    left: &'a mut u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        *self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other(blown_up()))?;
        Ok(read)
    }
}
