//! The directory for what survives a restart: one daemon's at a time, and its files are replaced as a
//! whole or not at all.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Held by the daemon that uses the directory.
const LOCK: &str = "lock";

/// For nobody but the daemon's user.
const PRIVATE: u32 = 0o600;

/// A directory that belongs to this daemon until it is dropped.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    _lock: File,
}

/// `edge.state_dir` cannot be used.
#[derive(Debug)]
pub enum StateDirError {
    /// Another daemon uses it.
    InUse(PathBuf),
    /// There are no random numbers for a key.
    Random(io::Error),
    /// The system refused: what was tried with which path, and why not.
    Io(&'static str, PathBuf, io::Error),
}

impl fmt::Display for StateDirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => {
                write!(f, "edge.state_dir: another nearpoint already uses {}", path.display())
            }
            Self::Random(error) => write!(f, "the kernel has no random numbers: {error}"),
            Self::Io(act, path, error) => {
                write!(f, "edge.state_dir: cannot {act} {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for StateDirError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InUse(_) => None,
            Self::Random(error) | Self::Io(_, _, error) => Some(error),
        }
    }
}

impl StateDir {
    /// Takes possession of the directory; one that does not exist is made, for nobody but this user.
    ///
    /// # Errors
    /// When it cannot be made or written to, or another daemon has it.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| StateDirError::Io("make", path.to_owned(), error))?;
        let lock = path.join(LOCK);
        let failed = |act| {
            let lock = lock.clone();
            move |error| StateDirError::Io(act, lock, error)
        };
        let file = private().create(true).truncate(false).open(&lock).map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateDirError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed("lock")(error)),
        }
        let directory = Self { path: path.to_owned(), _lock: file };
        // A lock that was there already says nothing about what can be written now.
        let tried = directory.replace(".writable", |_| Ok(()));
        let removed = tried.and_then(|()| fs::remove_file(directory.file(".writable")));
        removed.map_err(|error| StateDirError::Io("write to", path.to_owned(), error))?;
        Ok(directory)
    }

    /// Where a file of this name is.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that only this user can read, in place of the one of this name: whoever looks
    /// finds the old one or the new one, whatever happens meanwhile, a power loss included.
    ///
    /// # Errors
    /// When any of it fails; then the old one is still there, unless all that failed was to have the
    /// change of names on disk.
    pub fn replace(
        &self,
        name: &str,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> io::Result<()> {
        // The name is always the same: what a crash leaves behind is taken away. It is never written
        // to, whoever can read it and wherever it leads.
        let unfinished = self.file(&format!("{name}.new"));
        remove_if_there(&unfinished)?;
        let file = private().create_new(true).open(&unfinished)?;
        let written =
            write_all_of(file, write).and_then(|()| fs::rename(&unfinished, self.file(name)));
        if let Err(error) = written {
            // A disk that is full needs its room; what failed first is what is told.
            let _ = remove_if_there(&unfinished);
            return Err(error);
        }
        // The new name is on disk once its directory is.
        File::open(&self.path)?.sync_all()
    }

    /// What a file of this name holds; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, is no file, or has more than `most` bytes.
    pub fn read(&self, name: &str, most: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.file(name);
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => {}
            // To open a pipe is to wait for whoever writes to it.
            Ok(_) => return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file")),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > most {
            true => Err(io::Error::new(ErrorKind::FileTooLarge, "it is too large")),
            false => Ok(Some(bytes)),
        }
    }

    /// The names that begin so, in order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(&self, beginning: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // What has another kind of name is not ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        names.retain(|name| name.starts_with(beginning));
        names.sort_unstable();
        Ok(names)
    }

    /// Takes a file away, if there is one; when this returns it is gone, whatever happens.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        remove_if_there(&self.file(name))?;
        File::open(&self.path)?.sync_all()
    }

    /// Moves a file to another name, in place of what is there.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn set_aside(&self, name: &str, aside: &str) -> io::Result<()> {
        fs::rename(self.file(name), self.file(aside))
    }

    /// Lets nobody but this user read a file. Whether it was so is returned.
    ///
    /// # Errors
    /// When its mode cannot be changed.
    pub fn make_private(&self, name: &str) -> io::Result<bool> {
        let path = self.file(name);
        if fs::metadata(&path)?.permissions().mode() & 0o077 == 0 {
            return Ok(true);
        }
        fs::set_permissions(path, fs::Permissions::from_mode(PRIVATE))?;
        Ok(false)
    }
}

fn write_all_of(
    file: File,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffered = BufWriter::new(file);
    write(&mut buffered)?;
    let file = buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(PRIVATE);
    options
}
