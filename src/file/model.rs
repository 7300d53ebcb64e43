//! Writes models in any format, and reads them from the formats that hold a whole model.

use std::borrow::Cow;
use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;

use super::checkpoint_state::{self, Progress};
use super::contents::{Loaded, Saved};
use super::description::{Description, KEY, NetworkText};
use super::format::{Format, Load, Save, refuse_exported};
use super::safetensors::{self, Type};
use super::tensors::{check_finite, expect_names, layout_of, parameters, tensors};
use super::{c, json, npz, onnx};
use crate::error::Error;
use crate::network::{Layout, Network};

/// Writes the content of a file.
pub type Content<'a> = &'a mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>;

/// The expected content of a file to load, for messages.
pub const EXPECTED: &str = "a model in safetensors";

/// Writes the model in the format of that file name, through `to`.
pub fn write_model(
    model: &Saved<'_>,
    path: &Path,
    save: &Save,
    to: impl FnOnce(Content<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let format = Format::of(path)?;
    let finite = |value: &f64| (*value as f32).is_finite();
    if !save.allow_non_finite {
        check_finite(model.layout, model.parameters, finite)?;
    }
    match format {
        Format::Safetensors => {
            let tensors = tensors("", model.layout, model.parameters, Type::F32);
            let header = safetensors::header(&[(KEY, &model.describe().to_json())], &tensors);
            let header = header.map_err(|what| too_long(path, what))?;
            to(&mut |file| safetensors::write(file, &header, &tensors))
        }
        Format::Npz => {
            let (description, weights) = (model.describe().to_json(), model.weights());
            npz::check(&description, weights.len()).map_err(|what| too_long(path, what))?;
            to(&mut |file| file.write_all(&npz::archive(&description, &weights)?))
        }
        Format::Onnx => {
            let graph = onnx::model(model)?;
            to(&mut |file| file.write_all(&graph))
        }
        Format::Json => {
            let text = json::text(model)?;
            to(&mut |file| file.write_all(text.as_bytes()))
        }
        Format::C => {
            let stem = path.file_stem().map_or(Cow::Borrowed("model"), |stem| stem.to_string_lossy());
            let source = c::source(model, &stem)?;
            to(&mut |file| file.write_all(source.as_bytes()))
        }
    }
}

/// Loads the model in that file.
pub fn open_model(path: &Path, load: &Load) -> Result<Loaded, Error> {
    refuse_exported(path)?;
    let expected = if Format::of(path) == Ok(Format::Npz) { npz::EXPECTED } else { EXPECTED };
    let (file, length) = safetensors::open_plain(path).map_err(|why| Error::file(path, expected, why))?;
    read_model(path, (file, length), load)
}

/// Loads a model from the bytes of a file of that name.
pub fn read_model_from(name: &Path, bytes: &[u8], load: &Load) -> Result<Loaded, Error> {
    refuse_exported(name)?;
    read_model(name, (Cursor::new(bytes), bytes.len() as u64), load)
}

/// Loads a model of that length in bytes. The path selects the format and is named in messages.
fn read_model(path: &Path, (mut file, length): (impl Read + Seek, u64), load: &Load) -> Result<Loaded, Error> {
    let refuse = |message: String| Error::file(path, EXPECTED, message);
    if is_npz(path, &mut file).map_err(|error| Error::file(path, EXPECTED, error))? {
        return read_npz(path, (file, length), load);
    }
    let contents = safetensors::read_from(file, length).map_err(|why| Error::file(path, EXPECTED, why))?;
    let described = contents.metadata.get(KEY);
    let described = described.ok_or_else(|| {
        refuse("one without a description of a network; make a Model of that network, and use Model::load_weights".into())
    })?;
    let mut description = Description::parse(described).map_err(refuse)?;
    let kinds: &[Type] = match &description.training {
        None => &[Type::F32],
        Some(_) => {
            checkpoint_state::verify(&contents, described).map_err(refuse)?;
            &[Type::F32, Type::F64]
        }
    };
    let extra: &[&str] = if description.training.is_some() { checkpoint_state::PREFIXES } else { &[] };
    let take = |network: &Network| {
        let layout = layout_of(network, contents.names().count())?;
        expect_names(contents.names(), "", &layout, extra)?;
        Ok((parameters(&contents, "", &layout, kinds)?, layout))
    };
    assemble(path, load, EXPECTED, &mut description, take)
}

/// Loads a model from an NPZ file of that length in bytes. The path is named in messages.
fn read_npz(path: &Path, (file, length): (impl Read + Seek, u64), load: &Load) -> Result<Loaded, Error> {
    let refuse = |message: String| Error::file(path, npz::EXPECTED, message);
    let mut archive = npz::Archive::new(file, length).map_err(refuse)?;
    let described = archive.description().map_err(refuse)?.ok_or_else(|| {
        refuse("one without a description of a network; make a Model of that network, and use Model::load_weights".into())
    })?;
    let mut description = Description::parse(&described).map_err(refuse)?;
    assemble(path, load, npz::EXPECTED, &mut description, |network| {
        let layout = layout_of(network, archive.names.len())?;
        Ok((archive.parameters(&layout)?, layout))
    })
}

/// Assembles a model from its description and the parameters that `take` finds for the network.
fn assemble(
    path: &Path,
    load: &Load,
    expected: &str,
    description: &mut Description,
    take: impl FnOnce(&Network) -> Result<(Vec<f64>, Layout), String>,
) -> Result<Loaded, Error> {
    let refuse = |message: String| Error::file(path, expected, message);
    let network = description.network.network(&load.custom).map_err(refuse)?;
    let preprocessing = description.preprocessing().map_err(refuse)?;
    let (parameters, layout) = take(&network).map_err(refuse)?;
    if !load.allow_non_finite {
        // The values as they will be on a device and in a file.
        check_finite(&layout, &parameters, |value| (*value as f32).is_finite())?;
    }
    let notes = description.training.as_ref().map(Progress::notes);
    let notes = notes.unwrap_or_else(|| std::mem::take(&mut description.notes));
    Ok(Loaded { network, parameters, preprocessing, epochs: description.epochs, notes })
}

/// The parameters for a network of that layout from any safetensors or NPZ file, whichever program wrote it.
pub fn read_weights(path: &Path, network: &Network, layout: &Layout, load: &Load) -> Result<Vec<f64>, Error> {
    let expected = format!("weights of a network {}", NetworkText::of(network).sizes());
    let refuse = |message: String| Error::file(path, &expected, message);
    refuse_exported(path)?;
    // A file that cannot be opened is refused below.
    let npz = safetensors::open_plain(path).is_ok_and(|(mut file, _)| is_npz(path, &mut file).unwrap_or(false));
    let parameters = if npz {
        npz::weights(path, layout).map_err(|why| Error::file(path, &expected, why))?
    } else {
        let contents = safetensors::read(path).map_err(|why| Error::file(path, &expected, why))?;
        expect_names(contents.names(), "", layout, &[]).map_err(refuse)?;
        parameters(&contents, "", layout, &[Type::F32]).map_err(refuse)?
    };
    if !load.allow_non_finite {
        check_finite(layout, &parameters, |value| value.is_finite())?;
    }
    Ok(parameters)
}

fn too_long(path: &Path, got: String) -> Error {
    Error::Export { format: path.display().to_string(), what: got }
}

/// Whether that file is NPZ: by the extension, or by its first bytes if the extension does not tell.
fn is_npz(path: &Path, file: &mut (impl Read + Seek)) -> std::io::Result<bool> {
    match Format::of(path) {
        Ok(format) => Ok(format == Format::Npz),
        Err(_) => {
            let mut magic = Vec::new();
            file.by_ref().take(4).read_to_end(&mut magic)?;
            file.rewind()?;
            Ok(magic == *b"PK\x03\x04")
        }
    }
}
