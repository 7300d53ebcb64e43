//! The formats of a model's file, and how one is saved and loaded.

use std::path::Path;

use super::write::{Existing, Target};
use crate::error::Error;
use crate::network::Activation;

/// How a model is saved: not over a file that is there already, and with finite weights alone, where nothing else is set.
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

/// How a model is loaded: with finite weights and shaderprop's own activations alone, where nothing else is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    pub(crate) custom: Vec<Activation>,
    pub(crate) allow_non_finite: bool,
}

/// The formats in which a model is saved; the end of the file's name says which.
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

    pub(crate) fn existing(&self) -> Existing {
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

/// Refuses the name of what is written for other programs alone.
pub fn refuse_exported(path: &Path) -> Result<(), Error> {
    match Format::of(path) {
        Ok(Format::Onnx | Format::Json | Format::C) => {
            Err(Error::file(path, "a model in safetensors or NPZ", "a name of what is written for other programs, and not read"))
        }
        _ => Ok(()),
    }
}
