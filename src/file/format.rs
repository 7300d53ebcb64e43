//! Model file formats, and the options for saving and loading.

use std::path::Path;

use super::write::{Existing, Target};
use crate::error::Error;
use crate::network::Activation;

/// Options for saving a model. By default an existing file is not overwritten, and weights must be finite.
///
/// ```
/// use shaderprop::Save;
/// let save = Save::new().overwrite(true);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Save {
    overwrite: bool,
    pub(crate) allow_non_finite: bool,
}

/// Options for loading a model. By default weights must be finite, and only built-in activations are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    pub(crate) custom: Vec<Activation>,
    pub(crate) allow_non_finite: bool,
}

/// The file format of a saved model. The extension of the file name selects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `.safetensors`: the whole model. Weights have the shape (out, in), so that PyTorch can load them into a
    /// `ModuleList` named `layers`.
    Safetensors,
    /// `.npz`: the whole model. Weights have the shape (in, out), as in NumPy's `inputs @ weight + bias`.
    Npz,
    /// `.onnx`: an export for other programs, including the preprocessing. It cannot be loaded again.
    Onnx,
    /// `.json`: an export for other programs and for reading: the whole model, with weights as nested rows of shape
    /// (in, out). It cannot be loaded again.
    Json,
    /// `.c`: an export as C source, including the preprocessing. It cannot be loaded again.
    C,
}

impl Save {
    /// The default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether an existing file is replaced.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Sets whether NaN and infinite weights may be saved. Loading them needs [`Load::allow_non_finite`] as well.
    #[must_use]
    pub fn allow_non_finite(mut self, allow: bool) -> Self {
        self.allow_non_finite = allow;
        self
    }

    /// Checks before training whether saving to `path` could start. It also removes temporary files that a killed run
    /// left there.
    ///
    /// # Errors
    /// [`Error::Setting`] for a name without the extension of a [`Format`], [`Error::Exists`], [`Error::Write`].
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

    pub(crate) fn existing(&self) -> Existing {
        if self.overwrite { Existing::Replaced } else { Existing::Refused }
    }
}

impl Load {
    /// The default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Supplies a custom activation that the file names. WGSL is never read from a file.
    #[must_use]
    pub fn custom(mut self, activation: Activation) -> Self {
        self.custom.push(activation);
        self
    }

    /// Sets whether NaN and infinite weights may be loaded.
    #[must_use]
    pub fn allow_non_finite(mut self, allow: bool) -> Self {
        self.allow_non_finite = allow;
        self
    }
}

impl Format {
    /// The format for a file name.
    ///
    /// # Errors
    /// [`Error::Setting`] for a name without the extension of a format.
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

/// Refuses to load a format that is only for export.
pub fn refuse_exported(path: &Path) -> Result<(), Error> {
    match Format::of(path) {
        Ok(Format::Onnx | Format::Json | Format::C) => {
            Err(Error::file(path, "a model in safetensors or NPZ", "a name of what is written for other programs, and not read"))
        }
        _ => Ok(()),
    }
}
