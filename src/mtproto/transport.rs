//! The four framings.

/// Framing on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Lengths in one byte or four, counted in words of four bytes.
    Abridged,
    /// Lengths in four bytes.
    Intermediate,
    /// Lengths in four bytes, and up to 15 random bytes behind each payload.
    Padded,
    /// Lengths, sequence numbers and checksums. Never obfuscated: it has no tag.
    Full,
}

impl Transport {
    /// All of them.
    pub const ALL: [Transport; 4] =
        [Transport::Abridged, Transport::Intermediate, Transport::Padded, Transport::Full];

    /// Its name: a word for configuration and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Abridged => "abridged",
            Transport::Intermediate => "intermediate",
            Transport::Padded => "padded",
            Transport::Full => "full",
        }
    }

    /// What a client sends before its first frame on a plain connection: 1, 4 or no bytes.
    pub const fn opening(self) -> &'static [u8] {
        match self {
            Transport::Abridged => &[0xef],
            Transport::Intermediate => &[0xee; 4],
            Transport::Padded => &[0xdd; 4],
            Transport::Full => &[],
        }
    }

    /// What is spoken inside of an obfuscated connection by who would speak this one: itself, or
    /// intermediate for full.
    pub const fn obfuscated(self) -> Transport {
        match self {
            Transport::Abridged => Transport::Abridged,
            Transport::Intermediate | Transport::Full => Transport::Intermediate,
            Transport::Padded => Transport::Padded,
        }
    }

    /// Bytes 56 to 59 of the header of an obfuscated connection.
    pub(super) const fn tag(self) -> [u8; 4] {
        match self {
            Transport::Abridged => [0xef; 4],
            Transport::Intermediate | Transport::Full => [0xee; 4],
            Transport::Padded => [0xdd; 4],
        }
    }

    /// The transport of a tag.
    pub(super) const fn of_tag(tag: [u8; 4]) -> Option<Transport> {
        match tag {
            [0xef, 0xef, 0xef, 0xef] => Some(Transport::Abridged),
            [0xee, 0xee, 0xee, 0xee] => Some(Transport::Intermediate),
            [0xdd, 0xdd, 0xdd, 0xdd] => Some(Transport::Padded),
            _ => None,
        }
    }
}
