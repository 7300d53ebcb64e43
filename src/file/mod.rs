//! Models as files: saving, loading, and exporting to what other programs read.

pub(crate) mod c;
pub(crate) mod checkpoint;
mod description;
mod json;
mod npz;
pub(crate) mod onnx;
mod protobuf;
mod safetensors;
pub(crate) mod write;

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;

use self::description::{Description, KEY};
use self::safetensors::{Tensor, Type};
use self::write::{Existing, Target};
use crate::activation::Activation;
use crate::device::Device;
use crate::error::Error;
use crate::init::Init;
use crate::model::Model;
use crate::network::{Layout, Network};
use crate::reference::transpose;
use crate::shown::shown;

/// How a model is saved: not over a file that is there already, and with finite weights alone, where nothing else is set.
///
/// ```
/// use shaderprop::Save;
/// let save = Save::new().overwrite(true);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Save {
    overwrite: bool,
    allow_non_finite: bool,
}

/// How a model is loaded: with finite weights and shaderprop's own activations alone, where nothing else is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    custom: Vec<Activation>,
    allow_non_finite: bool,
}

/// What a model is saved as, which the end of the file's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `.safetensors`: the whole model. Weights have the shape (out, in), so that PyTorch loads them into a `ModuleList` named `layers`.
    Safetensors,
    /// `.npz`: the whole model. Weights have the shape (in, out), as NumPy's `inputs @ weight + bias` takes them.
    Npz,
    /// `.onnx`: for other programs, with the preprocessing. It is not loaded again.
    Onnx,
    /// `.json`: for other programs, to be read by eye too: all of the model, weights nested by rows of the shape (in, out). It is not loaded again.
    Json,
    /// `.c`: for other programs, with the preprocessing. It is not loaded again.
    C,
}

impl Save {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a file that is there already is replaced.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Whether weights that are NaN or infinite are saved; loading has to be told too.
    #[must_use]
    pub fn allow_non_finite(mut self, allow: bool) -> Self {
        self.allow_non_finite = allow;
        self
    }

    /// Refuses a path where saving could not begin: to be told before training instead of after it. It also removes what a run that was
    /// killed while it saved there left behind.
    ///
    /// # Errors
    /// [`Error::Setting`] for a name without one of the [`Format`]s' endings, [`Error::Exists`], [`Error::Write`].
    ///
    /// ```
    /// use shaderprop::{Error, Save};
    /// assert!(matches!(Save::new().check("no such folder/model.onnx"), Err(Error::Write { .. })));
    /// assert!(matches!(Save::new().check("model.txt"), Err(Error::Setting { .. })));
    /// ```
    pub fn check(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        Format::of(path.as_ref())?;
        Target::checked(path.as_ref(), self.existing()).map(|_| ())
    }

    fn existing(&self) -> Existing {
        if self.overwrite { Existing::Replaced } else { Existing::Refused }
    }
}

impl Load {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// An activation of your own that the file names: WGSL is never taken from a file.
    #[must_use]
    pub fn custom(mut self, activation: Activation) -> Self {
        self.custom.push(activation);
        self
    }

    /// Whether weights that are NaN or infinite are loaded.
    #[must_use]
    pub fn allow_non_finite(mut self, allow: bool) -> Self {
        self.allow_non_finite = allow;
        self
    }
}

impl Format {
    /// The format of a file of that name.
    ///
    /// # Errors
    /// [`Error::Setting`] for a name without one of their endings.
    pub fn of(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        match path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase).as_deref() {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("npz") => Ok(Self::Npz),
            Some("onnx") => Ok(Self::Onnx),
            Some("json") => Ok(Self::Json),
            Some("c") => Ok(Self::C),
            _ => Err(Error::Setting {
                what: "the name of a model's file".into(),
                expected: "one that ends in .safetensors, .npz, .onnx, .json or .c".into(),
                got: path.display().to_string(),
            }),
        }
    }
}

/// What is written to a file.
type Content<'a> = &'a mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>;

/// What is expected of a file that is to be loaded.
const EXPECTED: &str = "a model in safetensors";

/// A path that cannot be read as what it should be.
fn refused(path: &Path, expected: &str, message: String) -> Error {
    Error::File { path: path.display().to_string(), expected: expected.into(), message }
}

impl Model {
    /// Saves the model to a file, in the format that its name ends in: see [`Format`]. Network, weights, fitted preprocessing with the names of
    /// classes, and how many epochs it was trained for are in it, weights as f32. The file is whole or not there, whatever happens
    /// meanwhile.
    ///
    /// # Errors
    /// [`Error::Setting`] for a name without one of the formats' endings; [`Error::Exists`] for a file that is there already, if
    /// [`Save::overwrite`] is not set; [`Error::Write`]; [`Error::NotFinite`] for weights that are not; [`Error::Export`] for what a
    /// format has no words for.
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Init, Load, Model, Network, Save};
    /// let path = std::env::temp_dir().join("shaderprop-doc.safetensors");
    /// let network = Network::new(2).dense(3, Activation::Tanh).dense(1, Activation::Sigmoid);
    /// let model = Model::new(&Device::cpu(), &network, &Init::default())?;
    /// model.save(&path, &Save::new().overwrite(true))?;
    /// let loaded = Model::load(&Device::cpu(), &path, &Load::new())?;
    /// assert_eq!(loaded.weights(), model.weights());
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>, save: &Save) -> Result<(), Error> {
        let path = path.as_ref();
        self.write(path, save, |content| write::write(path, save.existing(), content))
    }

    /// What [`save`](Self::save) writes to a file of that name: where there are no files, as in a browser.
    ///
    /// # Errors
    /// As [`save`](Self::save), but those of the file itself.
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Init, Load, Model, Network, Save};
    /// let model = Model::new(&Device::cpu(), &Network::new(2).dense(1, Activation::Sigmoid), &Init::default())?;
    /// let bytes = model.to_bytes("model.safetensors", &Save::new())?;
    /// let loaded = Model::from_bytes(&Device::cpu(), "model.safetensors", &bytes, &Load::new())?;
    /// assert_eq!(loaded.weights(), model.weights());
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    pub fn to_bytes(&self, name: impl AsRef<Path>, save: &Save) -> Result<Vec<u8>, Error> {
        let (name, mut bytes) = (name.as_ref(), Vec::new());
        let failed = |error: std::io::Error| Error::Write { path: name.display().to_string(), message: error.to_string() };
        self.write(name, save, |content| content(&mut bytes).map_err(failed))?;
        Ok(bytes)
    }

    /// Writes the model as a file of that name has it, to where `to` says.
    fn write(&self, path: &Path, save: &Save, to: impl FnOnce(Content<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let format = Format::of(path)?;
        let finite = |value: &f64| (*value as f32).is_finite();
        if !save.allow_non_finite {
            check_finite(&self.layout, &self.parameters, finite)?;
        }
        match format {
            Format::Safetensors => {
                let tensors = tensors("", &self.layout, &self.parameters, Type::F32);
                let header = safetensors::header(&[(KEY, &self.describe().to_json())], &tensors);
                let header = header.map_err(|what| too_long(path, what))?;
                to(&mut |file| safetensors::write(file, &header, &tensors))
            }
            Format::Npz => {
                let (description, weights) = (self.describe().to_json(), self.weights());
                npz::check(&description, weights.len()).map_err(|what| too_long(path, what))?;
                to(&mut |file| file.write_all(&npz::archive(&description, &weights)?))
            }
            Format::Onnx => {
                let model = onnx::model(self)?;
                to(&mut |file| file.write_all(&model))
            }
            Format::Json => {
                let text = json::text(self)?;
                to(&mut |file| file.write_all(text.as_bytes()))
            }
            Format::C => {
                let stem = path.file_stem().map_or(Cow::Borrowed("model"), |stem| stem.to_string_lossy());
                let source = c::source(self, &stem)?;
                to(&mut |file| file.write_all(source.as_bytes()))
            }
        }
    }

    pub(crate) fn describe(&self) -> Description {
        Description::new(self.network(), self.preprocessing(), self.state.epochs, self.notes.clone())
    }

    /// Loads a model that [`save`](Self::save) wrote as safetensors or NPZ, or the weights of a [`Checkpoint`](crate::Checkpoint), to that device.
    /// What it needs of memory is a small multiple of the file's length.
    ///
    /// # Errors
    /// [`Error::File`] for anything else than a whole file of these, and for activations that are not known; [`Error::NotFinite`] for
    /// weights that are not; [`Error::TooLarge`] as in [`new`](Self::new).
    pub fn load(device: &Device, path: impl AsRef<Path>, load: &Load) -> Result<Self, Error> {
        let path = path.as_ref();
        refuse_exported(path)?;
        let expected = if Format::of(path) == Ok(Format::Npz) { npz::EXPECTED } else { EXPECTED };
        let (file, length) = safetensors::open_plain(path).map_err(|message| refused(path, expected, message))?;
        Self::read(device, path, (file, length), load)
    }

    /// [`load`](Self::load) from the bytes of a file of that name: where there are no files, as in a browser.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(device: &Device, name: impl AsRef<Path>, bytes: &[u8], load: &Load) -> Result<Self, Error> {
        refuse_exported(name.as_ref())?;
        Self::read(device, name.as_ref(), (Cursor::new(bytes), bytes.len() as u64), load)
    }

    /// Loads what is read of that length; the path says what it should be, and messages name it.
    fn read(device: &Device, path: &Path, (mut file, length): (impl Read + Seek, u64), load: &Load) -> Result<Self, Error> {
        let refuse = |message| refused(path, EXPECTED, message);
        if is_npz(path, &mut file).map_err(|error| refuse(error.to_string()))? {
            return npz::load(device, path, (file, length), load);
        }
        let contents = safetensors::read_from(file, length).map_err(refuse)?;
        let described = contents.metadata.get(KEY);
        let described = described.ok_or_else(|| {
            refuse("one without a description of a network; make a Model of that network, and use Model::load_weights".into())
        })?;
        let mut description = Description::parse(described).map_err(refuse)?;
        let kinds: &[Type] = match &description.training {
            None => &[Type::F32],
            Some(_) => {
                checkpoint::verify(&contents, described).map_err(refuse)?;
                &[Type::F32, Type::F64]
            }
        };
        let extra: &[&str] = if description.training.is_some() { checkpoint::PREFIXES } else { &[] };
        let take = |network: &Network| {
            let layout = layout_of(network, contents.names().count())?;
            expect_names(contents.names(), "", &layout, extra)?;
            Ok((parameters(&contents, "", &layout, kinds)?, layout))
        };
        assemble(device, path, load, EXPECTED, &mut description, take)
    }

    /// Takes weights and biases from a safetensors or NPZ file, whoever wrote it: `layers.{i}.weight` of shape (out, in) in
    /// safetensors, (in, out) in NPZ, and `layers.{i}.bias`; all of them, and no others.
    ///
    /// # Errors
    /// [`Error::File`] for a file that is none, and for tensors that are missing, too many, or of another shape or type than
    /// f32 (in NPZ any real numbers); [`Error::NotFinite`] for weights that are not.
    pub fn load_weights(&mut self, path: impl AsRef<Path>, load: &Load) -> Result<(), Error> {
        let path = path.as_ref();
        let expected = format!("weights of a network {}", description::NetworkText::of(self.network()).sizes());
        let refuse = |message| refused(path, &expected, message);
        refuse_exported(path)?;
        // What cannot be opened is refused below.
        let npz = safetensors::open_plain(path).is_ok_and(|(mut file, _)| is_npz(path, &mut file).unwrap_or(false));
        let parameters = if npz {
            npz::weights(path, &self.layout).map_err(refuse)?
        } else {
            let contents = safetensors::read(path).map_err(refuse)?;
            expect_names(contents.names(), "", &self.layout, &[]).map_err(refuse)?;
            parameters(&contents, "", &self.layout, &[Type::F32]).map_err(refuse)?
        };
        if !load.allow_non_finite {
            check_finite(&self.layout, &parameters, |value| value.is_finite())?;
        }
        self.parameters = parameters;
        Ok(())
    }
}

/// A model out of its description and the parameters that `take` finds for the network.
fn assemble(
    device: &Device,
    path: &Path,
    load: &Load,
    expected: &str,
    description: &mut Description,
    take: impl FnOnce(&Network) -> Result<(Vec<f64>, Layout), String>,
) -> Result<Model, Error> {
    let refuse = |message| refused(path, expected, message);
    let network = description.network.network(&load.custom).map_err(refuse)?;
    let preprocessing = description.preprocessing().map_err(refuse)?;
    let (parameters, layout) = take(&network).map_err(refuse)?;
    if !load.allow_non_finite {
        // As they will be on a device, and in a file.
        check_finite(&layout, &parameters, |value| (*value as f32).is_finite())?;
    }
    let mut model = Model::new(device, &network, &Init::Zeros)?;
    model.parameters = parameters;
    model.state.epochs = description.epochs;
    let notes = description.training.as_ref().map(checkpoint::Progress::notes);
    model.notes = notes.unwrap_or_else(|| std::mem::take(&mut description.notes));
    match preprocessing {
        Some(preprocessing) => model.with_preprocessing(preprocessing).map_err(|error| refuse(error.to_string())),
        None => Ok(model),
    }
}

/// The layout of a network that a file describes, if there are tensors for it.
fn layout_of(network: &Network, tensors: usize) -> Result<Layout, String> {
    if network.layers().len() > tensors {
        return Err(format!("{} layers with {tensors} tensors", network.layers().len()));
    }
    network.layout().map_err(|error| error.to_string())
}

/// Refuses tensors whose name, behind that prefix, is none of the network's, unless they begin with one of `extra`; and missing ones.
fn expect_names<'a>(names: impl Iterator<Item = &'a str>, prefix: &str, layout: &Layout, extra: &[&str]) -> Result<(), String> {
    let names: HashSet<&str> = names.collect();
    let own: HashSet<&str> = layout.places.iter().map(|place| place.name.as_str()).collect();
    let known = |name: &&str| {
        name.strip_prefix(prefix).is_some_and(|name| own.contains(name)) || extra.iter().any(|extra| name.starts_with(extra))
    };
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let tensors: Vec<&str> = layout.places.iter().map(|place| place.name.as_str()).take(8).collect();
        return Err(format!("a tensor {} more than the network's {}", shown(name), tensors.join(", ")));
    }
    let missing = layout.places.iter().find(|place| !names.contains(&format!("{prefix}{}", place.name).as_str()));
    missing.map_or(Ok(()), |place| Err(format!("no tensor {prefix}{} of shape {:?}", place.name, edge_shape(&place.shape))))
}

/// A shape as it is in safetensors: PyTorch's.
fn edge_shape(shape: &[usize]) -> Vec<usize> {
    shape.iter().rev().copied().collect()
}

/// The parameters as tensors of a safetensors file, weights turned to (out, in).
fn tensors(prefix: &str, layout: &Layout, flat: &[f64], kind: Type) -> Vec<Tensor> {
    let tensor = |place: &crate::network::Place| Tensor {
        name: format!("{prefix}{}", place.name),
        shape: edge_shape(&place.shape),
        kind,
        values: turned(&flat[place.offset..place.offset + place.len], &place.shape),
    };
    layout.places.iter().map(tensor).collect()
}

/// The same back from the file, flat.
fn parameters(contents: &safetensors::Contents, prefix: &str, layout: &Layout, kinds: &[Type]) -> Result<Vec<f64>, String> {
    // All are checked before the sum of their sizes is believed.
    for place in &layout.places {
        contents.check(&format!("{prefix}{}", place.name), &edge_shape(&place.shape), kinds)?;
    }
    let mut flat = vec![0.0; layout.len];
    for place in &layout.places {
        let shape = edge_shape(&place.shape);
        let values = contents.take(&format!("{prefix}{}", place.name), &shape, kinds)?;
        flat[place.offset..place.offset + place.len].copy_from_slice(&turned(&values, &shape));
    }
    Ok(flat)
}

/// A matrix of that shape by columns instead of by rows; a vector as it is.
fn turned(values: &[f64], shape: &[usize]) -> Vec<f64> {
    match *shape {
        [rows, columns] => transpose(values, rows, columns),
        _ => values.to_vec(),
    }
}

fn check_finite(layout: &Layout, flat: &[f64], finite: impl Fn(&f64) -> bool) -> Result<(), Error> {
    for place in &layout.places {
        let values = &flat[place.offset..place.offset + place.len];
        if let Some(at) = values.iter().position(|value| !finite(value)) {
            let value = values[at] as f32;
            return Err(Error::NotFinite { what: place.name.clone(), place: format!("element {at}"), value });
        }
    }
    Ok(())
}

/// Refuses a model that could not be saved under that name, with a few more notes than it has: before it is trained, and not after.
pub fn savable(model: &Model, path: &Path) -> Result<(), Error> {
    let mut noted = model.clone();
    noted.note("notes of its training", "\"".repeat(2048));
    noted.write(path, &Save::new(), |content| {
        content(&mut std::io::sink())
            .map_err(|error| Error::Write { path: path.display().to_string(), message: error.to_string() })
    })
}

fn too_long(path: &Path, got: String) -> Error {
    Error::Export { format: path.display().to_string(), what: got }
}

/// Whether that file is to be read as NPZ: by the end of its name, or by its beginning if that says nothing.
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

/// Refuses the name of what is written for other programs alone.
fn refuse_exported(path: &Path) -> Result<(), Error> {
    match Format::of(path) {
        Ok(Format::Onnx | Format::Json | Format::C) => Err(refused(
            path,
            "a model in safetensors or NPZ",
            "a name of what is written for other programs, and not read".into(),
        )),
        _ => Ok(()),
    }
}

/// A number in JSON by its bits, so that it comes back as it was, infinite or not.
pub(crate) mod bits {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        format!("{:016x}", value.to_bits()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let text = String::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map(f64::from_bits).map_err(|_| D::Error::custom("expected the bits of a number"))
    }
}
