//! A secret as dumps have it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::routing::topology::AccessPointSecret;

/// The letters of base64 (RFC 4648, section 4).
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A secret in base64: clients need it to connect, so their answer is the one place where it is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SecretView(String);

impl SecretView {
    pub(super) fn new(secret: &AccessPointSecret) -> Self {
        Self(secret.bytes().chunks(3).flat_map(group).collect())
    }
}

impl fmt::Debug for SecretView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted")
    }
}

/// Up to three bytes in four letters.
fn group(bytes: &[u8]) -> [char; 4] {
    let byte = |at: usize| bytes.get(at).copied().map_or(0, u32::from);
    let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    std::array::from_fn(|at| match at <= bytes.len() {
        true => char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]),
        false => '=',
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4648, section 10.
    #[test]
    fn bytes_are_written_in_base64_and_not_shown() {
        for (bytes, text) in [
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let view = SecretView::new(&AccessPointSecret::new(bytes.as_bytes()));
            assert_eq!(view.0, text);
            assert_eq!(format!("{view:?}"), "redacted");
        }
        let high = SecretView::new(&AccessPointSecret::new(&[0xfb, 0xff, 0xfe]));
        assert_eq!(high.0, "+//+");
    }
}
