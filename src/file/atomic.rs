//! Files of an application's own, written as models are.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::write::{Existing, Target};
use crate::error::Error;

/// A file that is written whole or not at all, as models and checkpoints are: what an application writes beside a model. The new file is written
/// beside its place, synced, and put into it in one step; what a killed run left of it is removed by the next one.
///
/// ```
/// use shaderprop::{AtomicFile, Error};
/// let path = std::env::temp_dir().join("shaderprop-doc-atomic.csv");
/// let file = AtomicFile::new(&path);
/// file.check()?;
/// file.write(|out| out.write_all(b"epoch,loss\n"))?;
/// assert!(matches!(file.write(|out| out.write_all(b"")), Err(Error::Exists { .. })));
/// assert_eq!(std::fs::read_to_string(&path)?, "epoch,loss\n");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtomicFile {
    path: PathBuf,
    existing: Existing,
}

impl AtomicFile {
    /// A file of that path, which is not written over one that is there already.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), existing: Existing::Refused }
    }

    /// Whether a file that is there already is replaced.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.existing = if overwrite { Existing::Replaced } else { Existing::Refused };
        self
    }

    /// Refuses a path where no file can be written, before there is anything to write.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Write`].
    pub fn check(&self) -> Result<(), Error> {
        Target::checked(&self.path, self.existing).map(|_| ())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`Error::Exists`] and [`Error::Write`], also for an error of the function; then nothing has changed.
    pub fn write(&self, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        super::write::write(&self.path, self.existing, content)
    }
}
