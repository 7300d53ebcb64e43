//! Atomic files for applications, written the way models are.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::write::{Existing, Target};
use crate::error::Error;

/// Writes a file atomically, as models and checkpoints are written: the file is either complete or unchanged. Use it
/// for files that an application stores with a model. The new file is written next to its destination, synced, and
/// renamed in one step. Leftovers of a killed run are removed by the next one.
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
    /// A file at that path. By default an existing file is not overwritten.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), existing: Existing::Refused }
    }

    /// Sets whether an existing file is replaced.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.existing = if overwrite { Existing::Replaced } else { Existing::Refused };
        self
    }

    /// Checks whether a file can be written at the path, before there is anything to write.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Write`].
    pub fn check(&self) -> Result<(), Error> {
        Target::checked(&self.path, self.existing).map(|_| ())
    }

    /// Writes the file with the content that the closure writes.
    ///
    /// # Errors
    /// [`Error::Exists`] and [`Error::Write`], also for an error of the closure. The destination is then unchanged.
    pub fn write(&self, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        super::write::write(&self.path, self.existing, content)
    }
}
