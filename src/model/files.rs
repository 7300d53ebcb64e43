//! Models as files: saving, loading, and exporting to what other programs read.

use std::path::Path;

use super::model::Model;
use crate::error::Error;
use crate::file::{self, Load, Loaded, Save, Saved};
use crate::gpu::Device;
use crate::network::Init;

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
        file::write_model(&self.saved(), path, save, |content| file::write(path, save.existing(), content))
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
        let failed = |error| Error::write(name, error);
        file::write_model(&self.saved(), name, save, |content| content(&mut bytes).map_err(failed))?;
        Ok(bytes)
    }

    /// Loads a model that [`save`](Self::save) wrote as safetensors or NPZ, or the weights of a [`Checkpoint`](crate::Checkpoint), to that device.
    /// What it needs of memory is a small multiple of the file's length.
    ///
    /// # Errors
    /// [`Error::File`] for anything else than a whole file of these, and for activations that are not known; [`Error::NotFinite`] for
    /// weights that are not; [`Error::TooLarge`] as in [`new`](Self::new).
    pub fn load(device: &Device, path: impl AsRef<Path>, load: &Load) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::loaded(device, path, file::open_model(path, load)?)
    }

    /// [`load`](Self::load) from the bytes of a file of that name: where there are no files, as in a browser.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(device: &Device, name: impl AsRef<Path>, bytes: &[u8], load: &Load) -> Result<Self, Error> {
        let name = name.as_ref();
        Self::loaded(device, name, file::read_model_from(name, bytes, load)?)
    }

    /// Takes weights and biases from a safetensors or NPZ file, whoever wrote it: `layers.{i}.weight` of shape (out, in) in
    /// safetensors, (in, out) in NPZ, and `layers.{i}.bias`; all of them, and no others.
    ///
    /// # Errors
    /// [`Error::File`] for a file that is none, and for tensors that are missing, too many, or of another shape or type than
    /// f32 (in NPZ any real numbers); [`Error::NotFinite`] for weights that are not.
    pub fn load_weights(&mut self, path: impl AsRef<Path>, load: &Load) -> Result<(), Error> {
        self.parameters = file::read_weights(path.as_ref(), self.network(), &self.layout, load)?;
        Ok(())
    }

    /// The model as files hold it.
    fn saved(&self) -> Saved<'_> {
        Saved {
            network: self.network(),
            layout: &self.layout,
            parameters: &self.parameters,
            preprocessing: self.preprocessing(),
            epochs: self.state.epochs,
            notes: &self.notes,
        }
    }

    /// The model out of a file.
    fn loaded(device: &Device, path: &Path, loaded: Loaded) -> Result<Self, Error> {
        let mut model = Model::new(device, &loaded.network, &Init::Zeros)?;
        model.parameters = loaded.parameters;
        model.state.epochs = loaded.epochs;
        model.notes = loaded.notes;
        match loaded.preprocessing {
            Some(preprocessing) => {
                let refuse = |error: Error| Error::file(path, file::EXPECTED, error.to_string());
                model.with_preprocessing(preprocessing).map_err(refuse)
            }
            None => Ok(model),
        }
    }
}

/// Refuses a model that could not be saved under that name, with a few more notes than it has: before it is trained, and not after.
pub fn savable(model: &Model, path: &Path) -> Result<(), Error> {
    let mut noted = model.clone();
    noted.note("notes of its training", "\"".repeat(2048));
    file::write_model(&noted.saved(), path, &Save::new(), |content| {
        content(&mut std::io::sink()).map_err(|error| Error::write(path, error))
    })
}
