//! One list that came into force, and what it looks like in a file.
//!
//! | line | what |
//! |---|---|
//! | 1 | `nearpoint-list 1`, a blank, SHA-256 of all that follows in hexadecimal digits |
//! | 2 | what there is to say of it, as JSON |
//! | | the list, byte for byte as it came |

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::format_rfc3339_millis;
use serde::{Deserialize, Serialize};

use super::Difference;
use crate::admin::view::HistorySummaryView;
use crate::config::ContentHash;
use crate::state_dir::StateDir;

const MAGIC: &str = "nearpoint-list 1 ";

/// The largest file that is read: a list of 16 MiB, and as much as is ever said of one.
const LARGEST: u64 = 18 << 20;

/// What there is to say of a list that came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Rises by one with every entry.
    pub number: u64,
    /// When it came into force: milliseconds since 1970.
    pub at_ms: u64,
    /// `start`, `file`, `signal`, `reload`, `push` or `rollback`.
    pub source: String,
    /// Who brought it; empty for a file.
    pub by: String,
    /// From where; empty for a file.
    pub from: String,
    /// Why; empty when nobody said so.
    pub reason: String,
    /// Whether guards had forbidden it.
    pub forced: bool,
    /// The hash of the list, as operators see it.
    pub revision: String,
    /// Bytes of the list.
    pub bytes: u64,
    /// How it differs from the one before.
    pub difference: Difference,
    /// Of a list that was pushed: SHA-256 of what the operator's file held then, if it could be read.
    pub over: Option<String>,
}

impl Entry {
    /// Now, as entries have it.
    #[must_use]
    pub fn millis(at: SystemTime) -> u64 {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// When it came into force, in words.
    #[must_use]
    pub fn at(&self) -> String {
        // The calendar of the formatter ends with the year 9999.
        let at = Duration::from_millis(self.at_ms.min(253_402_300_799_000));
        format_rfc3339_millis(UNIX_EPOCH + at).to_string()
    }

    /// As it is told.
    #[must_use]
    pub fn summary(&self, live: bool) -> HistorySummaryView {
        let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let Difference { added, removed, changed, .. } = self.difference;
        HistorySummaryView {
            number: self.number,
            at: self.at(),
            source: self.source.clone(),
            by: said(&self.by),
            from: said(&self.from),
            reason: said(&self.reason),
            forced: self.forced,
            revision: self.revision.clone(),
            bytes: self.bytes,
            added,
            removed,
            changed,
            live,
        }
    }

    /// Writes it with its list into the file of this name, as a whole or not at all.
    ///
    /// # Errors
    /// As those of [`StateDir::replace`].
    pub fn write(&self, directory: &StateDir, name: &str, list: &[u8]) -> io::Result<()> {
        let mut all = serde_json::to_vec(self)?;
        all.push(b'\n');
        all.extend_from_slice(list);
        let hash = ContentHash::of(&all);
        directory.replace(name, |to| {
            writeln!(to, "{MAGIC}{hash}")?;
            to.write_all(&all)
        })
    }

    /// Reads it with its list; `None` when there is no such file.
    ///
    /// # Errors
    /// When it is not as it was written.
    pub fn read(directory: &StateDir, name: &str) -> Result<Option<WithList>, EntryError> {
        let Some(bytes) = directory.read(name, LARGEST).map_err(EntryError::Io)? else {
            return Ok(None);
        };
        let (head, all) = line(&bytes).ok_or(EntryError::Foreign)?;
        let head = std::str::from_utf8(head).map_err(|_| EntryError::Foreign)?;
        let hash = head.strip_prefix(MAGIC).ok_or(EntryError::Foreign)?;
        if hash.parse() != Ok(ContentHash::of(all)) {
            return Err(EntryError::Damaged);
        }
        let (said, list) = line(all).ok_or(EntryError::Foreign)?;
        let entry: Self = serde_json::from_slice(said).map_err(EntryError::Shape)?;
        Ok(Some((entry, list.into())))
    }
}

/// An entry and its list.
pub type WithList = (Entry, Arc<[u8]>);

/// The first line, and what follows it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Why a file of a list is of no use.
#[derive(Debug)]
pub enum EntryError {
    /// It cannot be read.
    Io(io::Error),
    /// It is something else, or of another version.
    Foreign,
    /// It is not as it was written.
    Damaged,
    /// It says something else than entries do.
    Shape(serde_json::Error),
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Foreign => f.write_str("it is no list of this version"),
            Self::Damaged => f.write_str("its checksum is wrong"),
            Self::Shape(error) => write!(f, "it has another shape: {error}"),
        }
    }
}

impl std::error::Error for EntryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Shape(error) => Some(error),
            Self::Foreign | Self::Damaged => None,
        }
    }
}
