//! Secrets: checked for their shape, held, and never shown. Nothing that is said or written about one
//! contains any of it.

use std::fmt;

use schemars::{Schema, json_schema};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::parse::{Parsed, integer};
use super::{Scalar, scalar};
use crate::config::node::Node;

/// A secret: 16 bytes; 17 that begin with 0xdd (padded); 21 or more that begin with 0xee (fake TLS,
/// followed by a host name).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Box<[u8]>);

impl Secret {
    /// For those who need it; never for what is shown.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads hex, base64 (of either alphabet) or a list of bytes; `None` when it is no secret so.
    pub(super) fn read(node: &Node) -> Parsed<Option<Self>> {
        let bytes = match node {
            Node::Text(text) => {
                let readings = [hex(text), base64(text)];
                readings.into_iter().flatten().find(|bytes| is_secret(bytes))
            }
            Node::List(list) => bytes(list).filter(|bytes| is_secret(bytes)),
            Node::Integer(_) | Node::Float(_) => {
                return Err("is a number; quote it to make it hex".to_owned());
            }
            Node::Null | Node::Bool(_) | Node::Map(_) => None,
        };
        Ok(bytes.map(|bytes| Self(bytes.into())))
    }
}

/// What may be told of it: the first 8 digits of its SHA-256 in hex, so that a change can be seen.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted:")?;
        let digest = Sha256::digest(&self.0);
        digest.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A secret as hex, base64 (of either alphabet), a list of bytes, or null for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionalSecret(Option<Secret>);

impl OptionalSecret {
    /// The secret, if there is one.
    pub(crate) fn get(&self) -> Option<&Secret> {
        self.0.as_ref()
    }
}

impl Scalar for OptionalSecret {
    fn parse(node: &Node) -> Parsed<Self> {
        if *node == Node::Null {
            return Ok(Self(None));
        }
        let secret = Secret::read(node)?.ok_or_else(|| {
            "is not a secret: hex, base64 or a list of 16 bytes, 17 from dd on, or 21 and more \
             from ee on"
                .to_owned()
        })?;
        Ok(Self(Some(secret)))
    }

    fn written(&self) -> impl Serialize {
        &self.0
    }

    fn schema() -> Schema {
        let pattern = format!("^(?:{HEX}|{FAKE_TLS_HEX}|(?:{BASE64}|{FAKE_TLS_BASE64})=*)$");
        json_schema!({
            "anyOf": [
                { "type": "null" },
                { "type": "string", "pattern": pattern },
                {
                    "type": "array",
                    "items": { "type": "integer", "minimum": 0, "maximum": 255 },
                    "anyOf": [
                        { "minItems": 16, "maxItems": 16 },
                        { "minItems": 17, "maxItems": 17, "prefixItems": [{ "const": 0xdd }] },
                        { "minItems": 21, "maxItems": 270, "prefixItems": [{ "const": 0xee }] },
                    ],
                },
            ],
            "x-kind": "secret: hex, base64, a list of bytes, or null",
            "examples": ["00112233445566778899aabbccddeeff", "ABEiM0RVZneImaq7zN3u/w=="],
        })
    }
}

scalar!(OptionalSecret);

/// 16 bytes, or 17 from 0xdd on, in hex.
pub(super) const HEX: &str = "(?:[Dd]{2})?[0-9A-Fa-f]{32}";

/// 21 to 270 bytes from 0xee on, in hex.
const FAKE_TLS_HEX: &str = "[Ee]{2}[0-9A-Fa-f]{40}(?:[0-9A-Fa-f]{2}){0,249}";

/// As [`HEX`], in base64: 0xdd is one letter and the beginning of the next.
pub(super) const BASE64: &str = "[0-9A-Za-z+/_-]{22}|3[Q-Za-f][0-9A-Za-z+/_-]{21}";

/// As [`FAKE_TLS_HEX`], in base64: no text has a single letter beyond groups of four, and 270 bytes are
/// 360 letters.
const FAKE_TLS_BASE64: &str = "7[g-v][0-9A-Za-z+/_-]{26}\
    (?:(?:[0-9A-Za-z+/_-]{4}){0,82}(?:[0-9A-Za-z+/_-]{2,3})?|[0-9A-Za-z+/_-]{332})";

fn is_secret(bytes: &[u8]) -> bool {
    match (bytes.len(), bytes.first()) {
        (16, _) | (17, Some(0xdd)) => true,
        // A host name has at most 253 letters (RFC 1035).
        (21..=270, Some(0xee)) => true,
        _ => false,
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// RFC 4648, sections 4 and 5, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let letters = text.trim_end_matches('=');
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in letters.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    // A single letter over holds no byte.
    (bits != 6).then_some(bytes)
}

fn bytes(list: &[Node]) -> Option<Vec<u8>> {
    list.iter().map(|node| u8::try_from(integer(node).ok()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(text: &str) -> bool {
        OptionalSecret::parse(&Node::Text(text.to_owned())).is_ok()
    }

    #[test]
    fn hex_base64_and_bytes_of_every_kind_are_secrets() {
        assert!(accepts("00112233445566778899aabbccddeeff"));
        assert!(accepts("dd00112233445566778899AABBCCDDEEFF"));
        assert!(accepts("ee00112233445566778899aabbccddeeff6578616d706c652e636f6d"));
        assert!(accepts("ABEiM0RVZneImaq7zN3u/w=="));
        assert!(accepts("ABEiM0RVZneImaq7zN3u_w"));
        assert!(accepts("3QARIjNEVWZ3iJmqu8zd7v8="));
        assert!(OptionalSecret::parse(&Node::Null).is_ok());
        let list: Vec<Node> = (0..16).map(Node::Integer).collect();
        assert!(OptionalSecret::parse(&Node::List(list)).is_ok());
    }

    #[test]
    fn other_lengths_and_marks_are_not() {
        for text in [
            "",
            "00",
            "0011",
            "ee00112233445566778899aabbccddeeff",
            "aa00112233445566778899aabbccddeeff",
            "dd00112233445566778899aabbccddeeff00",
            "not base64!",
        ] {
            assert!(!accepts(text), "{text}");
        }
        let large: Vec<Node> = (250..266).map(Node::Integer).collect();
        assert!(OptionalSecret::parse(&Node::List(large)).is_err());
    }

    #[test]
    fn a_bad_secret_is_never_repeated() {
        let told = OptionalSecret::parse(&Node::Text("c0ffee00c0ffee".to_owned()));
        assert!(!told.expect_err("too short").contains("c0ffee"));
    }

    #[test]
    fn a_secret_shows_that_it_is_another_one_and_nothing_else() {
        let read = |text: &str| OptionalSecret::parse(&Node::Text(text.to_owned())).expect("one");
        let hex = read("00112233445566778899aabbccddeeff");
        let same = read("ABEiM0RVZneImaq7zN3u/w==");
        let other = read("00112233445566778899aabbccddee00");
        let shown = serde_json::to_value(&hex).expect("JSON");
        let text = shown.as_str().expect("text");
        assert_eq!(text.len(), "redacted:01234567".len(), "{text}");
        assert!(format!("{hex:?}").contains(text));
        assert_eq!((&hex, &shown), (&same, &serde_json::to_value(&same).expect("JSON")));
        assert_ne!(serde_json::to_value(&other).expect("JSON"), shown);
    }
}
