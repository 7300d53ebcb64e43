//! Models as files: saving, loading, and exporting for other programs.

use std::path::Path;

use super::model::Model;
use crate::error::Error;
use crate::file::{self, Load, Loaded, Save, Saved};
use crate::gpu::Device;
use crate::network::Init;

impl Model {
    /// Saves the model to a file. The extension selects the [`Format`](crate::Format). The file holds the network, the
    /// weights as f32, the fitted preprocessing with its class names, and the number of epochs trained. Saving is
    /// atomic: the file is either complete or absent.
    ///
    /// # Errors
    /// [`Error::Setting`] for a name without the extension of a format; [`Error::Exists`] for an existing file, unless
    /// [`Save::overwrite`] is set; [`Error::Write`]; [`Error::NotFinite`] for weights that are not finite;
    /// [`Error::Export`] for what a format cannot represent.
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

    /// Checks before training whether [`save`](Self::save) would fail afterwards. It refuses a path that cannot be
    /// written, like [`Save::check`], and a network or preprocessing that the format cannot represent.
    ///
    /// # Errors
    /// The same as [`save`](Self::save).
    ///
    /// ```
    /// use shaderprop::{Activation, Device, Error, Init, Model, Network, Save};
    /// let own = Activation::custom("cube", "x * x * x", "3.0 * x * x", |x| x * x * x, |x, _| 3.0 * x * x);
    /// let model = Model::new(&Device::cpu(), &Network::new(2).dense(1, own), &Init::default())?;
    /// let path = std::env::temp_dir().join("shaderprop-doc-check.c");
    /// assert!(matches!(model.check_save(path, &Save::new()), Err(Error::Export { .. })));
    /// # Ok::<(), shaderprop::Error>(())
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn check_save(&self, path: impl AsRef<Path>, save: &Save) -> Result<(), Error> {
        let path = path.as_ref();
        save.check(path)?;
        let mut noted = self.clone();
        // The maximum length of the notes of a training run.
        noted.note("notes of its training", "\"".repeat(2048));
        file::write_model(&noted.saved(), path, save, |content| {
            content(&mut std::io::sink()).map_err(|error| Error::write(path, error))
        })
    }

    /// Returns the bytes that [`save`](Self::save) would write to a file of that name. Use it where there are no files,
    /// as in a browser.
    ///
    /// # Errors
    /// The same as [`save`](Self::save), except those of the file itself.
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

    /// Loads a model to a device. The file is one that [`save`](Self::save) wrote as safetensors or NPZ, or a
    /// [`Checkpoint`](crate::Checkpoint), of which it takes the weights. It needs a small multiple of the file's length
    /// in memory.
    ///
    /// # Errors
    /// [`Error::File`] for anything other than a complete file in one of these formats, and for unknown activations;
    /// [`Error::NotFinite`] for weights that are not finite; [`Error::TooLarge`] as in [`new`](Self::new).
    pub fn load(device: &Device, path: impl AsRef<Path>, load: &Load) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::loaded(device, path, file::open_model(path, load)?)
    }

    /// Loads a model like [`load`](Self::load), but from the bytes of a file of that name. Use it where there are no
    /// files, as in a browser.
    ///
    /// # Errors
    /// The same as [`load`](Self::load).
    pub fn from_bytes(device: &Device, name: impl AsRef<Path>, bytes: &[u8], load: &Load) -> Result<Self, Error> {
        let name = name.as_ref();
        Self::loaded(device, name, file::read_model_from(name, bytes, load)?)
    }

    /// Loads weights and biases from any safetensors or NPZ file, whichever program wrote it. The file must hold
    /// exactly the network's tensors: `layers.{i}.weight`, of shape (out, in) in safetensors and (in, out) in NPZ, and
    /// `layers.{i}.bias`.
    ///
    /// # Errors
    /// [`Error::File`] for a file of another format, and for tensors that are missing, unexpected, or of another shape
    /// or type than f32 (in NPZ any real numbers); [`Error::NotFinite`] for weights that are not finite.
    pub fn load_weights(&mut self, path: impl AsRef<Path>, load: &Load) -> Result<(), Error> {
        self.parameters = file::read_weights(path.as_ref(), self.network(), &self.layout, load)?;
        Ok(())
    }

    /// The model in the form that files hold.
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

    /// A model from the contents of a file.
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
