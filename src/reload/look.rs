//! What files look like from outside, and what is in them.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::Sources;

/// A file as a directory shows it, symbolic links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    size: u64,
    modified: (i64, i64),
    inode: (u64, u64),
}

/// What all files of a configuration look like from outside; `None` for one that cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shapes {
    files: Vec<(PathBuf, Option<Shape>)>,
}

/// What all files of a configuration look like, content included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looks {
    shapes: Shapes,
    contents: Vec<Option<[u8; 32]>>,
}

impl Shapes {
    /// The files as they are now.
    #[must_use]
    pub fn of(sources: &Sources) -> Self {
        Self::at(sources.paths())
    }

    /// The same files as they are now.
    pub(super) fn again(&self) -> Self {
        Self::at(self.files.iter().map(|(path, _)| path.as_path()))
    }

    pub(super) fn shape(&self, path: &Path) -> Option<Shape> {
        self.files.iter().find(|(known, _)| known == path).and_then(|(_, shape)| *shape)
    }

    fn at<'a>(paths: impl Iterator<Item = &'a Path>) -> Self {
        Self { files: paths.map(|path| (path.to_owned(), Shape::of(path))).collect() }
    }
}

impl Looks {
    /// The files as they are now.
    pub(super) fn of(sources: &Sources) -> Self {
        let contents = sources.paths().map(|path| hash(path).ok()).collect();
        Self { shapes: Shapes::of(sources), contents }
    }

    /// The same without the content.
    #[must_use]
    pub fn shapes(&self) -> Shapes {
        self.shapes.clone()
    }
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
