//! Secrets of listeners: those of which a client's header can be read.

use std::fmt;

use schemars::{Schema, json_schema};
use serde::Serialize;

use super::parse::Parsed;
use super::secret::{BASE64, HEX, Secret};
use super::{Scalar, scalar};
use crate::config::node::Node;

/// A secret that clients of an `mtproto` listener may have: 16 bytes, or 17 that begin with 0xdd, which
/// only asks clients to pad what they send. Shown as `redacted:` and the beginning of its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct ListenerSecret(Secret);

impl ListenerSecret {
    /// Reads hex or base64, or says why that is none.
    pub(in crate::config) fn from_text(text: &str) -> Parsed<Self> {
        Self::parse(&Node::Text(text.to_owned()))
    }

    /// For those who look for it in headers; never for what is shown.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Whether headers that fit the one fit the other: what asks for padding makes no difference.
    pub(in crate::config) fn is_same(&self, other: &Self) -> bool {
        let key = |secret: &Self| secret.bytes().last_chunk::<KEY>().copied();
        key(self) == key(other)
    }

    /// What two of them can be ordered by that shows nothing of them.
    pub(in crate::config) fn shown(&self) -> String {
        self.0.to_string()
    }
}

/// The bytes that go into keys; they come last.
const KEY: usize = 16;

impl fmt::Debug for ListenerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Scalar for ListenerSecret {
    fn parse(node: &Node) -> Parsed<Self> {
        match Secret::read(node)? {
            Some(secret) if secret.bytes().len() <= 1 + KEY => Ok(Self(secret)),
            Some(_) => Err("is a secret of fake TLS (from ee on): its clients show their header \
                            to nobody but who answers their TLS handshake"
                .to_owned()),
            None => {
                let text = "is not a secret: 16 bytes, or 17 from dd on, as hex, base64 or a list";
                Err(text.to_owned())
            }
        }
    }

    fn written(&self) -> impl Serialize {
        &self.0
    }

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "pattern": format!("^(?:{HEX}|(?:{BASE64})=*)$") },
                {
                    "type": "array",
                    "minItems": 16,
                    "items": { "type": "integer", "minimum": 0, "maximum": 255 },
                    "anyOf": [
                        { "maxItems": 16 },
                        { "minItems": 17, "maxItems": 17, "prefixItems": [{ "const": 0xdd }] },
                    ],
                },
            ],
            "x-kind": "secret in hex, in base64 or as a list of bytes",
            "examples": ["00112233445566778899aabbccddeeff", "ABEiM0RVZneImaq7zN3u/w=="],
        })
    }
}

scalar!(ListenerSecret);

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn what_hides_no_header_is_taken_however_it_is_written() {
        let plain = ListenerSecret::from_text(PLAIN).expect("hex");
        assert_eq!(plain, ListenerSecret::from_text("ABEiM0RVZneImaq7zN3u/w==").expect("base64"));
        assert_eq!(plain.bytes().len(), 16);
        let list: Vec<Node> = [0xdd; 17].into_iter().map(Node::Integer).collect();
        assert_eq!(ListenerSecret::parse(&Node::List(list)).expect("a list").bytes(), [0xdd; 17]);
        // 16 bytes are a secret whatever they begin with.
        assert!(ListenerSecret::from_text("ee112233445566778899aabbccddeeff").is_ok());
    }

    #[test]
    fn fake_tls_is_told_from_what_is_no_secret_and_neither_is_repeated() {
        let tls = format!("ee{PLAIN}6578616d706c65");
        for text in [tls.as_str(), "7gARIjNEVWZ3iJmqu8zd7v9leGFt"] {
            let told = ListenerSecret::from_text(text).expect_err("of fake TLS");
            assert!(told.starts_with("is a secret of fake TLS") && !told.contains(text), "{told}");
        }
        for text in ["", "c0ffee", "aa00112233445566778899aabbccddeeff", "no secret"] {
            let told = ListenerSecret::from_text(text).expect_err("no secret");
            assert!(told.starts_with("is not a secret"), "{told}");
            assert!(text.is_empty() || !told.contains(text), "{told}");
        }
        assert!(ListenerSecret::parse(&Node::Null).is_err());
    }

    #[test]
    fn padding_makes_no_other_secret() {
        let [plain, padded, other] = [PLAIN, &format!("dd{PLAIN}"), &"01".repeat(16)]
            .map(|text| ListenerSecret::from_text(text).expect("a secret"));
        assert!(plain.is_same(&padded) && !plain.is_same(&other));
        assert_ne!(plain, padded);
        let shown = serde_json::to_value(&plain).expect("JSON");
        assert_eq!(shown.as_str(), Some(format!("{plain:?}").as_str()));
        assert!(shown.as_str().is_some_and(|text| text.starts_with("redacted:")));
    }
}
