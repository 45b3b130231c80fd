//! Random bytes that a conversation may use.

use super::HEADER;
use super::frame::MOST_PADDING;
use super::sniff::{Sniffed, sniff};

/// The random bytes of one conversation. Of those given, one lot in about 256 begins as no obfuscated
/// header may, and is refused.
#[derive(Clone)]
pub struct Random {
    header: [u8; HEADER],
    padding: [u8; 1 + MOST_PADDING],
}

impl Random {
    /// How many bytes are needed.
    pub const LEN: usize = HEADER + 1 + MOST_PADDING;

    /// `None`: an obfuscated connection that begins so would be taken for something else. Other bytes
    /// are needed.
    pub fn new(bytes: &[u8; Random::LEN]) -> Option<Self> {
        let header: [u8; HEADER] = *bytes.first_chunk().expect("the header is the first part");
        let padding = *bytes.last_chunk().expect("the padding is the rest");
        // Whatever is decided before the header is whole is decided without it.
        let free = sniff(&header[..8], &[]) == Sniffed::NeedMore(HEADER);
        free.then_some(Self { header, padding })
    }

    /// Asks `fill` for bytes until they will do; its first error ends that.
    pub fn draw<E>(
        mut fill: impl FnMut(&mut [u8; Random::LEN]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut bytes = [0; Self::LEN];
        loop {
            fill(&mut bytes)?;
            if let Some(this) = Self::new(&bytes) {
                return Ok(this);
            }
        }
    }

    /// What the header is made of.
    pub(super) fn header(&self) -> &[u8; HEADER] {
        &self.header
    }

    /// What is put behind a payload: 0 to 15 bytes.
    pub(super) fn padding(&self) -> &[u8] {
        let [length, bytes @ ..] = &self.padding;
        &bytes[..usize::from(*length) % (MOST_PADDING + 1)]
    }
}
