//! Bytes of files, within bounds.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use super::document::Document;
use super::finding::{ConfigError, Finding};

/// The content of a file and the name it is told about by.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Its path; relative paths within a main file begin beside it.
    pub path: &'a Path,
    /// Its content.
    pub bytes: &'a [u8],
}

/// Why a file has no content.
#[derive(Debug)]
pub enum Unreadable {
    /// A directory, a pipe or a device.
    NotAFile,
    /// The system would not read it.
    Failed(io::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFile => f.write_str("is not a file"),
            Self::Failed(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotAFile => None,
            Self::Failed(error) => Some(error),
        }
    }
}

/// Reads a file, up to one byte more than `limit`, which shows that it is too large.
///
/// # Errors
/// When it is none, or cannot be read.
pub fn read_at_most(path: &Path, limit: usize) -> Result<Vec<u8>, Unreadable> {
    // Asked before opening, which would wait for the writer of a pipe.
    if !fs::metadata(path).map_err(Unreadable::Failed)?.is_file() {
        return Err(Unreadable::NotAFile);
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(Unreadable::Failed)?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(Unreadable::Failed)?;
    Ok(bytes)
}

/// Parses a file of at most `limit` bytes.
pub(super) fn open(file: File<'_>, limit: usize) -> Result<Document, ConfigError> {
    Document::parse(file.bytes, limit).map_err(|error| ConfigError {
        problems: vec![Finding {
            file: file.path.to_owned(),
            line: error.line,
            path: String::new(),
            text: error.text,
        }],
        sources: None,
    })
}
