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
pub(super) struct Shapes {
    files: Vec<(PathBuf, Option<Shape>)>,
}

/// What all files of a configuration look like, content included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Looks {
    sources: Sources,
    shapes: Shapes,
    /// `None` for what cannot be read, and for a database that looks as it did when it was opened.
    contents: Vec<Option<[u8; 32]>>,
}

impl Shapes {
    /// The files as they are now.
    pub(super) fn of(sources: &Sources) -> Self {
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
    /// The files as they are now. Blocks: reads them, but not a database (which may have a GiB) that
    /// looks as it did `in_use`.
    pub(super) fn of(sources: Sources, in_use: &Shapes) -> Self {
        // Before the content: what is written meanwhile shows in the next look.
        let shapes = Shapes::of(&sources);
        let is_known =
            |path: &Path| sources.is_database(path) && shapes.shape(path) == in_use.shape(path);
        let content = |path: &Path| if is_known(path) { None } else { hash(path).ok() };
        let contents = sources.paths().map(content).collect();
        Self { sources, shapes, contents }
    }

    /// Which files were looked at.
    pub(super) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The same without the content.
    pub(super) fn shapes(&self) -> &Shapes {
        &self.shapes
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
    // Asked before opening, which would wait for the writer of a pipe.
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut file = fs::File::open(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            n => hasher.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_read_only_when_it_does_not_look_like_the_one_in_use() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let sources = Sources {
            main: path("main"),
            included: Vec::new(),
            dc_options: path("list"),
            geoip: Some(path("geoip")),
            asn: Some(path("asn")),
            secrets: vec![path("secrets")],
        };
        for file in sources.paths() {
            fs::write(file, "content").expect("a file");
        }
        let in_use = Shapes::of(&sources);
        let read = |looks: &Looks| looks.contents.iter().map(Option::is_some).collect::<Vec<_>>();
        let same = Looks::of(sources.clone(), &in_use);
        assert_eq!(read(&same), [true, true, false, false, true]);
        assert_eq!(same, Looks::of(sources.clone(), &in_use));

        for (name, expected) in [("geoip", [true, true, true, false, true]), ("asn", [true; 5])] {
            fs::write(path(name), "other content").expect("a file");
            let other = Looks::of(sources.clone(), &in_use);
            assert_eq!(read(&other), expected);
            assert_ne!(same, other);
        }
    }
}
