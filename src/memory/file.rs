//! What a memory looks like in a file. All numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | `nearpoint-sticky` |
//! | 4 | version of all that follows: 1 |
//! | | for each listener: |
//! | 2, n | length of its name, not 0; the name |
//! | | blocks of clients: |
//! | 2 | how many clients the block has; 0 ends the listener |
//! | 14 each | hash of the client (8), seconds since 1970 of its last use (4), DC (2) |
//! | 2 | 0 ends the listeners |
//! | 8 | SipHash-2-4 of all that comes before, with the key of the directory |
//!
//! The order of clients means nothing, and one may occur twice: the later use counts.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use super::key::{ClientKey, HashKey};
use super::listener::{CHUNK, ListenerMemory, MostRecent};
use super::recency::Memory;
use super::summed::Summed;
use super::time::EpochSeconds;
use crate::routing::DcId;

const MAGIC: &[u8; 16] = b"nearpoint-sticky";
const VERSION: u32 = 1;

/// Bytes of a client.
pub(super) const CLIENT: usize = 14;

/// What was read of one listener.
pub(super) type Recalled = BTreeMap<Arc<str>, MostRecent>;

/// Why a file is of no use.
#[derive(Debug)]
pub(super) enum FileError {
    /// It cannot be read.
    Io(io::Error),
    /// It is larger than it should ever have become: its bytes, and the most.
    TooLarge(u64, u64),
    /// It is something else.
    Foreign,
    /// It was written by another version.
    Version(u32),
    /// It ends too early.
    Truncated,
    /// It says something that it cannot.
    Damaged(&'static str),
    /// It is not as it was written, or was written with another key.
    Checksum,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::TooLarge(bytes, most) => {
                write!(f, "it has {bytes} bytes, and {most} are as many as it should ever have")
            }
            Self::Foreign => f.write_str("it is no memory of clients"),
            Self::Version(version) => {
                write!(f, "it is of version {version}, and {VERSION} is known")
            }
            Self::Truncated => f.write_str("it ends too early"),
            Self::Damaged(what) => write!(f, "it is damaged: {what}"),
            Self::Checksum => {
                f.write_str("its checksum is wrong: it is damaged, or was written with another key")
            }
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::TooLarge(..)
            | Self::Foreign
            | Self::Version(_)
            | Self::Truncated
            | Self::Damaged(_)
            | Self::Checksum => None,
        }
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Io(error),
        }
    }
}

/// Writes what these listeners remember. No lock is held while `to` is written.
///
/// # Errors
/// Those of `to`.
pub(super) fn write(
    to: impl Write,
    key: &HashKey,
    listeners: &BTreeMap<Arc<str>, Arc<ListenerMemory>>,
) -> io::Result<()> {
    let mut to = Summed::new(to, key);
    to.write_all(MAGIC)?;
    to.write_all(&VERSION.to_le_bytes())?;
    for (name, memory) in listeners {
        let length = u16::try_from(name.len()).map_err(|_| ErrorKind::InvalidInput)?;
        to.write_all(&length.to_le_bytes())?;
        to.write_all(name.as_bytes())?;
        let mut block = Vec::with_capacity(2 + CHUNK * CLIENT);
        memory.visit(|chunk| {
            block.clear();
            block.extend((chunk.len() as u16).to_le_bytes());
            chunk.iter().for_each(|memory| block.extend(encode(memory)));
            to.write_all(&block)
        })?;
        to.write_all(&0_u16.to_le_bytes())?;
    }
    to.write_all(&0_u16.to_le_bytes())?;
    to.seal()
}

/// Reads what was written. Of each listener that `most` knows, its most recent clients are kept, so
/// many at most; what others remembered is passed over.
///
/// # Errors
/// When anything of it is not as it was written; see [`FileError`].
pub(super) fn read(
    from: impl Read,
    key: &HashKey,
    most: impl Fn(&str) -> Option<u32>,
) -> Result<Recalled, FileError> {
    let mut from = Summed::open(from, key, MAGIC, VERSION)?;
    let mut recalled = Recalled::new();
    while let Some(name) = from.name()? {
        let mut recent = most(&name).map(MostRecent::of);
        read_listener(&mut from, |memory| {
            recent.iter_mut().for_each(|recent| recent.push(memory));
        })?;
        if let Some(recent) = recent
            && recalled.insert(name.into(), recent).is_some()
        {
            return Err(FileError::Damaged("a listener comes twice"));
        }
    }
    from.check()?;
    Ok(recalled)
}

fn read_listener(
    from: &mut Summed<impl Read>,
    mut keep: impl FnMut(Memory),
) -> Result<(), FileError> {
    let mut block = Vec::new();
    loop {
        let clients = usize::from(u16::from_le_bytes(from.array()?));
        if clients == 0 {
            return Ok(());
        }
        block.resize(clients * CLIENT, 0);
        from.read_exact(&mut block)?;
        let (memories, _none) = block.as_chunks::<CLIENT>();
        memories.iter().map(decode).for_each(&mut keep);
    }
}

fn encode(memory: &Memory) -> [u8; CLIENT] {
    let mut bytes = [0; CLIENT];
    bytes[..8].copy_from_slice(&memory.client.0.to_le_bytes());
    bytes[8..12].copy_from_slice(&memory.used.0.to_le_bytes());
    bytes[12..].copy_from_slice(&memory.dc.0.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; CLIENT]) -> Memory {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = *bytes;
    Memory {
        client: ClientKey(u64::from_le_bytes([a, b, c, d, e, f, g, h])),
        used: EpochSeconds(u32::from_le_bytes([i, j, k, l])),
        dc: DcId(u16::from_le_bytes([m, n])),
    }
}
