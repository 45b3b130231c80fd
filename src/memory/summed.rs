//! Files that end with a sum of all that comes before, which only the key of their directory makes.

use std::hash::Hasher;
use std::io::{self, Read, Write};

use siphasher::sip::SipHasher24;

use super::file::FileError;
use super::key::HashKey;

/// Sums up what passes.
pub(super) struct Summed<T> {
    inner: T,
    sum: SipHasher24,
}

impl<T> Summed<T> {
    pub(super) fn new(inner: T, key: &HashKey) -> Self {
        Self { inner, sum: key.checksum() }
    }
}

impl<W: Write> Summed<W> {
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.write(bytes);
        self.inner.write_all(bytes)
    }

    /// Writes the sum.
    pub(super) fn seal(mut self) -> io::Result<()> {
        self.inner.write_all(&self.sum.finish().to_le_bytes())?;
        self.inner.flush()
    }
}

impl<R: Read> Summed<R> {
    /// Begins to read what is of this kind and version.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn open(
        inner: R,
        key: &HashKey,
        magic: &[u8; 16],
        version: u32,
    ) -> Result<Self, FileError> {
        let mut from = Self::new(inner, key);
        if &from.array::<16>()? != magic {
            return Err(FileError::Foreign);
        }
        match u32::from_le_bytes(from.array()?) {
            same if same == version => Ok(from),
            other => Err(FileError::Version(other)),
        }
    }

    /// Reads the name of the next listener; `None` after the last.
    ///
    /// # Errors
    /// When it is no text.
    pub(super) fn name(&mut self) -> Result<Option<String>, FileError> {
        let length = u16::from_le_bytes(self.array()?);
        if length == 0 {
            return Ok(None);
        }
        let mut name = vec![0; usize::from(length)];
        self.read_exact(&mut name)?;
        let name = String::from_utf8(name);
        name.map(Some).map_err(|_| FileError::Damaged("a name is no text"))
    }

    pub(super) fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.sum.write(bytes);
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the sum and the end.
    ///
    /// # Errors
    /// When the sum is another one, or something follows it.
    pub(super) fn check(mut self) -> Result<(), FileError> {
        let mut expected = [0; 8];
        self.inner.read_exact(&mut expected)?;
        if self.sum.finish() != u64::from_le_bytes(expected) {
            return Err(FileError::Checksum);
        }
        match self.inner.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(FileError::Damaged("it goes on after its end")),
        }
    }
}
