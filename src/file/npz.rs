//! NPZ: a ZIP archive of NPY files, one a tensor; the description of the network is one more, the bytes of its JSON.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::description::{Description, KEY};
use super::safetensors::{LONGEST_HEADER, MOST_TENSORS, brief, shown};
use super::{Load, assemble, layout_of, refused};
use crate::device::Device;
use crate::error::Error;
use crate::model::Model;
use crate::network::{Layout, Tensor};
use crate::read::{Array, read_npy};

/// How many times its length an archive may unpack to, and how much more: compressed weights hardly get shorter.
const MOST_UNPACKED: (u64, u64) = (64, 1 << 20);

/// The archive of a model.
pub fn archive(description: &str, tensors: &[Tensor]) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut entry = |name: &str, header: &str, data: &[u8]| -> io::Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        // Beyond this its length takes more bits.
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

/// Loads a model.
pub fn load(device: &Device, path: &Path, load: &Load) -> Result<Model, Error> {
    let expected = "a model in NPZ";
    let refuse = |message| refused(path, expected, message);
    let mut archive = open(path).map_err(refuse)?;
    let described = archive.described.take();
    let described = described.ok_or_else(|| {
        refuse("one without a description of a network; make a Model of that network, and use Model::load_weights".into())
    })?;
    let mut description = Description::parse(&described).map_err(refuse)?;
    assemble(device, path, load, expected, &mut description, |network| {
        let layout = layout_of(network, archive.tensors.len())?;
        Ok((archive.parameters(&layout)?, layout))
    })
}

/// The parameters of a network of that layout, flat.
pub fn weights(path: &Path, layout: &Layout) -> Result<Vec<f64>, String> {
    open(path)?.parameters(layout)
}

/// An archive that was read.
struct Archive {
    described: Option<String>,
    tensors: Vec<(String, Array)>,
}

fn open(path: &Path) -> Result<Archive, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let about = file.metadata().map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err(if about.is_dir() { "a folder".into() } else { "something that is no plain file".into() });
    }
    let message = |error: &dyn ToString| format!("an archive that cannot be read: {}", brief(&error.to_string()));
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| message(&error))?;
    // One more is the description.
    if zip.len() > MOST_TENSORS + 1 {
        return Err(format!("{} tensors, of at most {MOST_TENSORS}", zip.len()));
    }
    let mut room = about.len().saturating_mul(MOST_UNPACKED.0) + MOST_UNPACKED.1;
    let mut archive = Archive { described: None, tensors: Vec::new() };
    for i in 0..zip.len() {
        let mut entry = zip.by_index(i).map_err(|error| message(&error))?;
        let name = entry.name().map_err(|error| message(&error))?.into_owned();
        let array = read_npy(Counted { file: &mut entry, left: &mut room });
        let array = array.map_err(|error| format!("in {}: {}", shown(&name), brief(&error)))?;
        let name = name.strip_suffix(".npy").ok_or_else(|| format!("a file {} in it that is no NPY file", shown(&name)))?;
        if name == KEY {
            archive.described = Some(text(&array)?);
        } else {
            archive.tensors.push((name.into(), array));
        }
    }
    Ok(archive)
}

/// The text of an array of bytes.
fn text(array: &Array) -> Result<String, String> {
    let bytes = array.values.iter().map(|byte| *byte as u8).collect();
    let text = if array.values.len() <= LONGEST_HEADER { String::from_utf8(bytes).ok() } else { None };
    text.ok_or_else(|| format!("a description that is no text of at most {LONGEST_HEADER} bytes"))
}

impl Archive {
    fn parameters(&mut self, layout: &Layout) -> Result<Vec<f64>, String> {
        let names = self.tensors.iter().map(|(name, _)| name.as_str());
        super::expect_names(names, "", layout, &[])?;
        let find = |name: &str| self.tensors.iter().find(|(own, _)| own == name).map(|(_, array)| array);
        for place in &layout.places {
            let shape = find(&place.name).map_or(&[][..], |array| &array.shape);
            if shape != place.shape {
                return Err(format!("a tensor {} of shape {shape:?}, where {:?} is wanted", place.name, place.shape));
            }
        }
        let mut flat = vec![0.0; layout.len];
        for place in &layout.places {
            let values = find(&place.name).map_or(&[][..], |array| &array.values);
            flat[place.offset..].iter_mut().zip(values).for_each(|(to, value)| *to = f64::from(*value));
        }
        Ok(flat)
    }
}

/// Reads on until so many bytes have come out in all.
struct Counted<'a, R> {
    file: R,
    left: &'a mut u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let left = self.left.checked_sub(read as u64);
        *self.left = left.ok_or_else(|| {
            io::Error::other(format!("it unpacks to more than {} times its length; save it uncompressed", MOST_UNPACKED.0))
        })?;
        Ok(read)
    }
}
