//! Writes files atomically: next to their destination, synced, then renamed in one step.
//!
//! A partial file is locked by its writer. A partial file that can be locked was left by a killed run and is removed.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

/// What happens to an existing file at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is kept, and the new file is refused.
    Refused,
    /// It is replaced.
    Replaced,
}

/// Writes a file completely, or returns an error with nothing changed.
pub fn write(path: &Path, existing: Existing, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    Target::new(path, existing)?.write(existing, content)
}

/// The destination of a file.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    folder: PathBuf,
    /// The prefix of the names of its partial files, short enough for any folder.
    prefix: String,
}

/// A partial file, locked as long as this value lives.
struct Partial {
    path: PathBuf,
    file: File,
}

/// The suffix of the names of partial files.
const SUFFIX: &str = ".partial";

/// Distinguishes the partial files of one process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Target {
    /// Refuses a destination that cannot be written, before there is anything to write, and removes leftovers of killed
    /// runs.
    pub fn checked(path: &Path, existing: Existing) -> Result<Self, Error> {
        let target = Self::new(path, existing)?;
        let tried = target.create().and_then(|partial| fs::remove_file(&partial.path));
        tried.map_err(|error| Error::write(path, error))?;
        Ok(target)
    }

    /// Writes the file completely, or returns an error with nothing changed.
    pub fn write(&self, existing: Existing, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        let partial = self.create().map_err(|error| Error::write(&self.path, error))?;
        let written = self.fill(&partial, content).and_then(|()| self.place(&partial, existing));
        if written.is_err() {
            // The file is useless; the error to report is the one that caused this.
            let _ = fs::remove_file(&partial.path);
        }
        written.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::Exists { path: self.path.display().to_string() },
            _ => Error::write(&self.path, error),
        })
    }

    fn new(path: &Path, existing: Existing) -> Result<Self, Error> {
        // A symbolic link is kept and its target is replaced. The folder is resolved once, so that it does not depend
        // on later changes of the working directory.
        let path = fs::canonicalize(path).unwrap_or_else(|_| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            match (fs::canonicalize(folder), path.file_name()) {
                (Ok(folder), Some(name)) => folder.join(name),
                _ => path.to_owned(),
            }
        });
        if path.is_dir() {
            return Err(Error::write(&path, io::Error::new(ErrorKind::IsADirectory, "it is a folder")));
        }
        let Some(name) = path.file_name() else {
            return Err(Error::write(&path, io::Error::new(ErrorKind::InvalidInput, "no file has such a name")));
        };
        let prefix = format!(".shaderprop-{:08x}-", crc32fast::hash(name.as_encoded_bytes()));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        remove_leftovers(&folder, &prefix);
        match fs::symlink_metadata(&path) {
            Ok(_) if existing == Existing::Refused => return Err(Error::Exists { path: path.display().to_string() }),
            Ok(metadata) if !metadata.is_file() => {
                return Err(Error::write(&path, io::Error::new(ErrorKind::InvalidInput, "it is no plain file")));
            }
            _ => (),
        }
        Ok(Self { path, folder, prefix })
    }

    fn create(&self) -> io::Result<Partial> {
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = self.folder.join(format!("{}{}-{number}{SUFFIX}", self.prefix, process::id()));
            let file = match File::create_new(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                created => created?,
            };
            // Without file locks nothing is treated as a leftover either. This waits for a process that is about to
            // remove the file.
            let _ = again(|| file.lock());
            // The file is treated as gone only if that is certain.
            if path.try_exists().unwrap_or(true) {
                return Ok(Partial { path, file });
            }
        }
    }

    fn fill(&self, partial: &Partial, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        // Permissions first, so that the content is never readable for others.
        match again(|| fs::metadata(&self.path)) {
            Ok(before) => again(|| partial.file.set_permissions(before.permissions()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => (),
            // The file exists, but its permissions are unknown.
            Err(error) => return Err(error),
        }
        let mut writer = BufWriter::with_capacity(1 << 18, &partial.file);
        content(&mut writer)?;
        writer.flush()?;
        drop(writer);
        partial.file.sync_all()
    }

    fn place(&self, partial: &Partial, existing: Existing) -> io::Result<()> {
        // Opened before anything changes. A folder that cannot be read cannot be synced.
        #[cfg(unix)]
        let folder = File::open(&self.folder).ok();
        match existing {
            Existing::Replaced => again(|| fs::rename(&partial.path, &self.path))?,
            // Unlike a rename, a hard link fails if the file exists by now.
            Existing::Refused => match again(|| fs::hard_link(&partial.path, &self.path)) {
                // If this fails, the next run removes the other name.
                Ok(()) => drop(fs::remove_file(&partial.path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
                // Some file systems have no hard links.
                Err(_) if matches!(self.path.try_exists(), Ok(false)) => again(|| fs::rename(&partial.path, &self.path))?,
                Err(_) => return Err(ErrorKind::AlreadyExists.into()),
            },
        }
        // The name is durable once the folder is synced. Some file systems do not sync folders.
        #[cfg(unix)]
        match folder.map_or(Ok(()), |folder| folder.sync_all()) {
            Err(error) if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => return Err(error),
            _ => (),
        }
        Ok(())
    }
}

/// Repeats a system call that a signal interrupted. Reads, writes and syncs are repeated by the standard library.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            result => return result,
        }
    }
}

/// Removes partial files without a writer. They stay if the folder cannot be listed or locked.
fn remove_leftovers(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let named = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(SUFFIX));
        // Opening a pipe of that name would block.
        let own = named && entry.file_type().is_ok_and(|kind| kind.is_file());
        // Some file systems lock only files that are open for writing.
        let open = || File::options().write(true).open(&path);
        if own && open().is_ok_and(|file| file.try_lock().is_ok() && fs::remove_file(&path).is_ok()) {
            log::info!("removed {}, left by a run that was killed", path.display());
        }
    }
}
