//! Secrets that clients of an access point know.

use std::fmt;

/// Secret of an access point or a listener: 16 bytes; 17 that begin with 0xdd (padded); 21 to 270 that
/// begin with 0xee (fake TLS: 16 bytes and a host name). `Debug` tells its kind and none of its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

/// What a secret asks of the clients that use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// Any transport, obfuscated.
    Plain,
    /// The padded transport, obfuscated.
    Padded,
    /// The padded transport, obfuscated, in what looks like TLS.
    FakeTls,
}

impl Secret {
    /// `None` if bytes of this length and beginning are no secret.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        kind(bytes).map(|_| Self(bytes.into()))
    }

    /// Which of the three it is.
    pub fn kind(&self) -> SecretKind {
        kind(&self.0).expect("checked when it was made")
    }

    /// The secret as it was given.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The 16 bytes that go into keys.
    pub(super) fn key(&self) -> &[u8; KEY] {
        let marked = match self.kind() {
            SecretKind::Plain => 0,
            SecretKind::Padded | SecretKind::FakeTls => 1,
        };
        self.0[marked..].first_chunk().expect("every kind is long enough")
    }
}

const KEY: usize = 16;

fn kind(bytes: &[u8]) -> Option<SecretKind> {
    match (bytes.len(), bytes.first()) {
        (KEY, _) => Some(SecretKind::Plain),
        (17, Some(0xdd)) => Some(SecretKind::Padded),
        // A host name has at most 253 letters (RFC 1035).
        (21..=270, Some(0xee)) => Some(SecretKind::FakeTls),
        _ => None,
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({:?}, redacted)", self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_by_length_and_first_byte() {
        let of = |first: u8, length: usize| {
            let mut bytes = vec![0x41; length];
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            Secret::new(&bytes).map(|secret| secret.kind())
        };
        for first in [0x00, 0xdd, 0xee, 0xff] {
            assert_eq!(of(first, 16), Some(SecretKind::Plain));
        }
        assert_eq!(of(0xdd, 17), Some(SecretKind::Padded));
        assert_eq!([21, 270].map(|length| of(0xee, length)), [Some(SecretKind::FakeTls); 2]);
        for (first, length) in
            [(0, 0), (0, 15), (0xdd, 15), (0xee, 17), (0, 17), (0xdd, 18), (0xee, 20), (0xee, 271)]
        {
            assert_eq!(of(first, length), None, "{length} bytes from {first:02x} on");
        }
    }

    #[test]
    fn keys_are_sixteen_bytes_behind_the_mark() {
        let bytes: Vec<u8> = (1..=16).collect();
        let key: [u8; 16] = bytes.clone().try_into().expect("16 bytes");
        for (mark, host) in [(&b""[..], &b""[..]), (&[0xdd], b""), (&[0xee], b"host.example")] {
            let secret = Secret::new(&[mark, &bytes, host].concat()).expect("a secret");
            assert_eq!(secret.key(), &key);
        }
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let secret = Secret::new(&[0x7b; 16]).expect("a secret");
        let shown = format!("{secret:?}");
        assert_eq!(shown, "Secret(Plain, redacted)");
        assert!(!shown.contains("123") && !shown.contains("7b"));
    }
}
