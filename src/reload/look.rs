//! What a file looks like from outside, and what is in it.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::Sources;

/// A file as a directory shows it, symbolic links followed; `None` for one that cannot be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    size: u64,
    modified: (i64, i64),
    inode: (u64, u64),
}

/// A file and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    shape: Option<Shape>,
    content: Option<[u8; 32]>,
}

/// The shapes of all files of a configuration.
pub(super) fn shapes(sources: &Sources) -> Vec<(PathBuf, Option<Shape>)> {
    sources.paths().map(|path| (path.to_owned(), Shape::of(path))).collect()
}

/// All files of a configuration with their content.
pub(super) fn looks(sources: &Sources) -> Vec<(PathBuf, Look)> {
    sources.paths().map(|path| (path.to_owned(), Look::at(path))).collect()
}

impl Shape {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            inode: (metadata.dev(), metadata.ino()),
        })
    }
}

impl Look {
    fn at(path: &Path) -> Self {
        Self { shape: Shape::of(path), content: hash(path).ok() }
    }

    /// Whether the file could be read.
    pub(super) fn content(&self) -> Option<[u8; 32]> {
        self.content
    }
}

fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = fs::File::open(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            n => hasher.update(&buffer[..n]),
        }
    }
}
