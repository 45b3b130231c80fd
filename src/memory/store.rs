//! A memory that outlives its daemon: which files there are, and what becomes of damaged ones.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::sync::Arc;

use tracing::{info, warn};

use super::file::{self, CLIENT, FileError, Recalled};
use super::key::HashKey;
use super::seen::{self, ClientsSeen};
use super::sticky::StickyMemory;
use super::time::EpochSeconds;
use crate::state_dir::{StateDir, StateDirError};

/// What listeners remember.
const MEMORY: &str = "sticky";
/// Who came to listeners lately.
const SEEN: &str = "seen";
/// What their clients were hashed with.
const KEY: &str = "sticky.key";
/// The last memory that could not be read.
const DAMAGED: &str = "sticky.damaged";
/// The last samples that could not be read.
const SEEN_DAMAGED: &str = "seen.damaged";

/// Samples of more bytes are of nobody: those of 100 listeners have 16 MB.
const MOST_SEEN: u64 = 64 << 20;

/// Memories up to this size are read whatever is configured now: that of four million clients.
const ALWAYS_READ: u64 = 64 << 20;

/// How many times the clients that are configured a larger one may have.
const SHRUNK: u64 = 4;

/// Where a memory is kept.
#[derive(Debug)]
pub struct Store {
    directory: Arc<StateDir>,
}

impl Store {
    /// A store in this directory, and the key of what is in it: made now, if there is none.
    ///
    /// # Errors
    /// When its key cannot be read or written.
    pub fn open(directory: Arc<StateDir>) -> Result<(Self, HashKey), StateDirError> {
        let failed = |error| StateDirError::Io("use", directory.file(KEY), error);
        let key = match read_key(&directory).map_err(failed)? {
            Some(key) => key,
            None => {
                let key = HashKey::random().map_err(StateDirError::Random)?;
                directory.replace(KEY, |file| file.write_all(key.bytes())).map_err(failed)?;
                key
            }
        };
        Ok((Self { directory }, key))
    }

    /// Recalls what was saved. A file that cannot be read is moved aside, said to be so, and costs the
    /// daemon its memory but not its start.
    pub fn load(&self, memory: &StickyMemory, now: EpochSeconds) {
        match self.read(memory) {
            Ok(None) => {}
            Ok(Some(recalled)) => {
                let listeners = memory.listeners();
                for (name, recent) in recalled {
                    if let Some(listener) = listeners.get(&name) {
                        listener.restore(recent, now);
                    }
                }
                memory.forget_expired(now);
                let clients: usize = memory.clients().values().sum();
                info!(clients, "clients are remembered from before");
            }
            Err(why) => self.give_up(MEMORY, DAMAGED, &why),
        }
    }

    /// Recalls who came lately, as [`load`](Self::load) does what is remembered of them.
    pub fn load_seen(&self, seen: &ClientsSeen, now: EpochSeconds) {
        let restored = self.open_file(SEEN, MOST_SEEN).and_then(|file| {
            let known = |name: &str| seen.of_listener(name).is_some();
            file.map(|file| seen::file::read(file, seen.key(), known)).transpose()
        });
        match restored {
            Ok(None) => {}
            Ok(Some(restored)) => seen.restore(restored, now),
            Err(why) => self.give_up(SEEN, SEEN_DAMAGED, &why),
        }
    }

    /// Writes who came lately, as [`save`](Self::save) does what is remembered of them.
    ///
    /// # Errors
    /// When it cannot be written; then what was written before is still there, and the next call
    /// tries again.
    pub fn save_seen(&self, seen: &ClientsSeen, now: EpochSeconds) -> io::Result<bool> {
        if !seen.take_changed() {
            return Ok(false);
        }
        let samples = seen.merged(now);
        let written =
            self.directory.replace(SEEN, |to| seen::file::write(to, seen.key(), &samples));
        if written.is_err() {
            seen.set_changed();
        }
        written.map(|()| true)
    }

    /// Writes what is remembered, if anything has changed since it was last written. Whether it had
    /// is returned.
    ///
    /// # Errors
    /// When it cannot be written; then what was written before is still there, and the next call
    /// tries again.
    pub fn save(&self, memory: &StickyMemory) -> io::Result<bool> {
        // Before anything is read: what changes from now on may be missed, marks the memory as changed
        // once it is there, and will be written next time.
        if !memory.take_changed() {
            return Ok(false);
        }
        let listeners = memory.listeners();
        let written =
            self.directory.replace(MEMORY, |to| file::write(to, memory.key(), &listeners));
        if written.is_err() {
            memory.set_changed();
        }
        written.map(|()| true)
    }

    fn read(&self, memory: &StickyMemory) -> Result<Option<Recalled>, FileError> {
        let listeners = memory.listeners();
        let configured: u64 = listeners.values().map(|it| u64::from(it.most())).sum();
        let most = ALWAYS_READ.max(SHRUNK * configured * CLIENT as u64);
        let clients = |name: &str| listeners.get(name).map(|listener| listener.most());
        let file = self.open_file(MEMORY, most)?;
        file.map(|file| file::read(file, memory.key(), clients)).transpose()
    }

    /// A file, if it is there and of no more than `most` bytes.
    fn open_file(&self, name: &str, most: u64) -> Result<Option<BufReader<File>>, FileError> {
        let path = self.directory.file(name);
        let bytes = match fs::metadata(&path) {
            Ok(found) if found.is_file() => found.len(),
            // To open a pipe is to wait for whoever writes to it.
            Ok(_) => return Err(FileError::Foreign),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if bytes > most {
            return Err(FileError::TooLarge(bytes, most));
        }
        Ok(Some(BufReader::new(File::open(path)?)))
    }

    /// Moves a file aside that cannot be read.
    fn give_up(&self, name: &str, aside: &str, why: &FileError) {
        let file = self.directory.file(name);
        warn!(file = %file.display(), %why, "what was remembered of clients is lost");
        if let Err(error) = self.directory.set_aside(name, aside) {
            warn!(file = %file.display(), %error, "cannot move it aside");
        }
    }
}

/// The key of a directory. One that is no key is as good as none: what was hashed with it is lost.
fn read_key(directory: &StateDir) -> io::Result<Option<HashKey>> {
    let path = directory.file(KEY);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(HashKey::BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if !directory.make_private(KEY)? {
        warn!(file = %path.display(), "others could read the key; its mode is 0600 now");
    }
    match <[u8; HashKey::BYTES]>::try_from(bytes) {
        Ok(bytes) => Ok(Some(HashKey::new(bytes))),
        Err(_) => {
            warn!(file = %path.display(), "this is no key; a new one is made");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
