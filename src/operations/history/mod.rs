//! The lists that were in force: on disk where there is a directory for it, else in memory.
//!
//! Bounded in number and bytes: the oldest go first, and the one in force never goes. A file that cannot
//! be read is set aside and said to be so; it costs the daemon nothing else.

mod difference;
mod entry;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::warn;

use crate::state_dir::StateDir;

pub use difference::Difference;
pub use entry::{Entry, EntryError, WithList};

/// Entries that are kept.
const MOST: usize = 100;

/// Bytes of the lists that are kept on disk.
const MOST_BYTES: u64 = 256 << 20;

/// Bytes of the lists that are kept in memory, where there is no directory.
const MOST_BYTES_IN_MEMORY: u64 = 64 << 20;

/// What the names of its files begin with; a number of ten digits follows.
const NAMES: &str = "history-";

/// The last file of it that could not be read.
const DAMAGED: &str = "damaged-history";

/// The lists that were in force.
#[derive(Debug, Default)]
pub struct History {
    directory: Option<Arc<StateDir>>,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// The oldest first.
    kept: VecDeque<Kept>,
    /// The number of the last entry that was ever seen.
    last: u64,
}

#[derive(Debug)]
struct Kept {
    entry: Arc<Entry>,
    /// `None` for one whose list is on disk.
    list: Option<Arc<[u8]>>,
}

impl History {
    /// What is kept in this directory, or nothing without one. Reads files.
    #[must_use]
    pub fn open(directory: Option<Arc<StateDir>>) -> Self {
        let shelf = directory.as_deref().map(read_all).unwrap_or_default();
        Self { directory, shelf: Mutex::new(shelf) }
    }

    /// Whether it is on disk.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.directory.is_some()
    }

    /// The number that the next entry has.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.shelf().last + 1
    }

    /// A list has come into force. Writes a file; one that cannot be written is kept in memory, and said to
    /// be so.
    pub fn add(&self, entry: Entry, list: Arc<[u8]>) {
        let name = name_of(entry.number);
        let written = self.directory.as_deref().map(|it| entry.write(it, &name, &list));
        if let Some(Err(error)) = &written {
            warn!(number = entry.number, %error, "cannot keep this list in the history");
        }
        let list = (!matches!(written, Some(Ok(())))).then_some(list);
        let gone = {
            let mut shelf = self.shelf();
            shelf.last = shelf.last.max(entry.number);
            shelf.kept.push_back(Kept { entry: Arc::new(entry), list });
            let most = if self.is_kept() { MOST_BYTES } else { MOST_BYTES_IN_MEMORY };
            shelf.take_oldest(most)
        };
        self.remove(&gone);
    }

    /// The newest entries, so many at most, the newest first.
    #[must_use]
    pub fn newest(&self, limit: usize) -> Vec<Arc<Entry>> {
        self.shelf().kept.iter().rev().take(limit).map(|kept| Arc::clone(&kept.entry)).collect()
    }

    /// The entry of this number.
    #[must_use]
    pub fn entry(&self, number: u64) -> Option<Arc<Entry>> {
        let shelf = self.shelf();
        shelf.kept.iter().find(|it| it.entry.number == number).map(|it| Arc::clone(&it.entry))
    }

    /// The entry before the one in force: the newest one with another list than this.
    #[must_use]
    pub fn before(&self, revision: &str) -> Option<Arc<Entry>> {
        let shelf = self.shelf();
        let other = shelf.kept.iter().rev().find(|it| it.entry.revision != revision);
        other.map(|it| Arc::clone(&it.entry))
    }

    /// The list of an entry. Reads a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&self, number: u64) -> Result<Option<Arc<[u8]>>, EntryError> {
        let in_memory = {
            let shelf = self.shelf();
            let Some(kept) = shelf.kept.iter().find(|it| it.entry.number == number) else {
                return Ok(None);
            };
            kept.list.clone()
        };
        match (in_memory, &self.directory) {
            (Some(list), _) => Ok(Some(list)),
            (None, Some(directory)) => {
                let read = Entry::read(directory, &name_of(number))?;
                Ok(read.map(|(_, list)| list))
            }
            (None, None) => Ok(None),
        }
    }

    fn remove(&self, gone: &[u64]) {
        let Some(directory) = &self.directory else { return };
        for number in gone {
            if let Err(error) = directory.remove(&name_of(*number)) {
                warn!(number, %error, "cannot remove this list of the history");
            }
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Nothing panics while it is held, and every state of it is a valid one.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// Takes out what is too much, the oldest first and the newest never: their numbers.
    fn take_oldest(&mut self, most_bytes: u64) -> Vec<u64> {
        let mut bytes: u64 = self.kept.iter().map(|kept| kept.entry.bytes).sum();
        let mut gone = Vec::new();
        while self.kept.len() > 1 && (self.kept.len() > MOST || bytes > most_bytes) {
            if let Some(Kept { entry, .. }) = self.kept.pop_front() {
                bytes = bytes.saturating_sub(entry.bytes);
                gone.push(entry.number);
            }
        }
        gone
    }
}

fn name_of(number: u64) -> String {
    format!("{NAMES}{number:010}")
}

fn read_all(directory: &StateDir) -> Shelf {
    let mut shelf = Shelf::default();
    let names = directory.names(NAMES).unwrap_or_else(|error| {
        warn!(%error, "the history of lists cannot be read");
        Vec::new()
    });
    for name in names {
        // What a crash left of one that was being written is not an entry, nor is a file of somebody else.
        let Some(number) = name.strip_prefix(NAMES).and_then(|number| number.parse().ok()) else {
            continue;
        };
        shelf.last = shelf.last.max(number);
        match Entry::read(directory, &name) {
            Ok(Some((entry, _))) if entry.number == number => {
                shelf.kept.push_back(Kept { entry: Arc::new(entry), list: None });
            }
            Ok(None) => {}
            Ok(Some(_)) => set_aside(directory, &name, "it is another one"),
            Err(why) => set_aside(directory, &name, &why.to_string()),
        }
    }
    shelf.kept.make_contiguous().sort_by_key(|kept| kept.entry.number);
    for number in shelf.take_oldest(MOST_BYTES) {
        if let Err(error) = directory.remove(&name_of(number)) {
            warn!(number, %error, "cannot remove this list of the history");
        }
    }
    shelf
}

fn set_aside(directory: &StateDir, name: &str, why: &str) {
    let file = directory.file(name);
    warn!(file = %file.display(), why, "a list of the history is lost");
    if let Err(error) = directory.set_aside(name, DAMAGED) {
        warn!(file = %file.display(), %error, "cannot move it aside");
    }
}

#[cfg(test)]
mod tests;
