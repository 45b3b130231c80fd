//! Where a list of access points comes from: the file of the operator, or a push that stands for it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// A list of access points as it came, and what the operator's file had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The document.
    pub bytes: Arc<[u8]>,
    /// Whether it is one that was pushed, and not that of the file.
    pub is_pushed: bool,
    /// What the file held; `None` when it could not be read.
    pub file: Option<ContentHash>,
}

/// A list that was pushed. It stands for the file until what that holds is something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedList {
    /// The document.
    pub bytes: Arc<[u8]>,
    /// What the file held when it was pushed; `None` when it could not be read.
    pub over: Option<ContentHash>,
}

/// SHA-256 of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Of this content.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text is no hash of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHashError;

impl fmt::Display for ContentHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hash of a file has 64 hexadecimal digits")
    }
}

impl std::error::Error for ContentHashError {}

impl FromStr for ContentHash {
    type Err = ContentHashError;

    fn from_str(text: &str) -> Result<Self, ContentHashError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
        let bytes: Option<Vec<u8>> = bytes.collect();
        let bytes = bytes.filter(|_| rest.is_empty()).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(ContentHashError)
    }
}

/// How problems of a pushed list are told: it is no file of anybody.
pub const PUSHED: &str = "dc_options (pushed)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written_and_nothing_else_is() {
        let hash = ContentHash::of(b"a list");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        let text = hash.to_string();
        for bad in ["", &text[1..], &format!("{text}0"), &text.replace(&text[..1], "x")] {
            assert_eq!(bad.parse::<ContentHash>(), Err(ContentHashError), "{bad}");
        }
    }
}
