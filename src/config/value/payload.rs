//! What a datagram holds: text, or bytes in hex.

use schemars::{Schema, json_schema};
use serde::Serialize;

use super::parse::{Parsed, shown};
use super::{Scalar, scalar};
use crate::config::node::Node;

/// Bytes of a datagram, at least `LEAST` of them: `ping`, which is UTF-8, or `hex:00ff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload<const LEAST: usize>(Box<[u8]>);

/// The most bytes: with headers they pass every path that QUIC can use, in one packet (RFC 9000, 14).
const MOST: usize = 1200;

/// What hex begins with.
const HEX: &str = "hex:";

impl<const LEAST: usize> Payload<LEAST> {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<const LEAST: usize> Scalar for Payload<LEAST> {
    fn parse(node: &Node) -> Parsed<Self> {
        let Node::Text(given) = node else {
            return Err(format!("is {}, not text or `hex:` and digits; quote it", node.kind()));
        };
        let bytes = match given.strip_prefix(HEX) {
            Some(digits) => hex(given, digits)?,
            None => given.as_bytes().to_vec(),
        };
        match bytes.len() {
            MOST.. if bytes.len() > MOST => {
                Err(format!("of {} bytes is longer than {MOST} bytes", bytes.len()))
            }
            length if length < LEAST => Err("is empty".to_owned()),
            _ => Ok(Self(bytes.into())),
        }
    }

    /// As text where that is plain to see, in hex otherwise.
    fn written(&self) -> impl Serialize {
        let text = str::from_utf8(&self.0).ok().filter(|text| is_plain(text));
        text.map_or_else(|| in_hex(&self.0), str::to_owned)
    }

    fn schema() -> Schema {
        let text = match LEAST {
            0 => json_schema!({ "maxLength": MOST }),
            least => json_schema!({ "minLength": least, "maxLength": MOST }),
        };
        json_schema!({
            "type": "string",
            "anyOf": [
                { "pattern": format!("^{HEX}(?:[0-9A-Fa-f]{{2}}){{{LEAST},{MOST}}}$") },
                { "allOf": [text, { "not": { "pattern": format!("^{HEX}") } }] },
            ],
            "x-kind": format!("text or `hex:..`, up to {MOST} bytes"),
            "examples": ["ping", "hex:00ff"],
        })
    }
}

scalar!(Payload<const LEAST: usize>);

fn hex(given: &str, digits: &str) -> Parsed<Vec<u8>> {
    if let Some(at) = digits.chars().position(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("{} is not hex: digit {} is none", shown(given), at + 1));
    }
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
    match digits.as_bytes().as_chunks::<2>() {
        (pairs, []) => {
            Ok(pairs.iter().map(|[high, low]| value(*high) << 4 | value(*low)).collect())
        }
        (_, [_, ..]) => Err(format!("{} is not hex: it has an odd number of digits", shown(given))),
    }
}

fn in_hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{HEX}{digits}")
}

/// Whether it is read as the same bytes, and by people as well. `any` is a word where it may stand.
fn is_plain(text: &str) -> bool {
    let is_seen = |c: char| c.is_ascii_graphic() || c == ' ';
    text.chars().all(is_seen) && !text.starts_with(HEX) && text != "any"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const LEAST: usize>(text: &str) -> Parsed<Payload<LEAST>> {
        Payload::parse(&Node::Text(text.to_owned()))
    }

    #[test]
    fn text_and_hex_are_bytes_and_are_written_in_one_way() {
        for (given, bytes, written) in [
            ("ping", b"ping".as_slice(), "ping"),
            ("hex:70696e67", b"ping", "ping"),
            ("hex:00Ff", &[0, 0xff], "hex:00ff"),
            ("é", "é".as_bytes(), "hex:c3a9"),
            ("a\r\n", b"a\r\n", "hex:610d0a"),
            ("hex:616e79", b"any", "hex:616e79"),
            ("hex:6865783a", b"hex:", "hex:6865783a"),
            ("", b"", ""),
            ("hex:", b"", ""),
        ] {
            let payload = read::<0>(given).expect(given);
            assert_eq!(payload.bytes(), bytes, "{given}");
            let shown = serde_json::to_value(&payload).expect("JSON");
            assert_eq!(shown, written, "{given}");
            assert_eq!(read(written), Ok(payload), "{given}");
        }
        for long in ["x".repeat(MOST), format!("hex:{}", "07".repeat(MOST))] {
            assert_eq!(read::<0>(&long).map(|it| it.bytes().len()), Ok(MOST));
        }
    }

    #[test]
    fn bad_hex_is_told_with_its_place() {
        let problem = |text: &str| read::<1>(text).expect_err(text);
        assert_eq!(problem("hex:00fg"), "\"hex:00fg\" is not hex: digit 4 is none");
        assert_eq!(problem("hex:é"), "\"hex:é\" is not hex: digit 1 is none");
        assert_eq!(problem("hex:00f"), "\"hex:00f\" is not hex: it has an odd number of digits");
        assert_eq!(problem(""), "is empty");
        assert_eq!(problem("hex:"), "is empty");
        let long = problem(&"é".repeat(MOST));
        assert_eq!(long, "of 2400 bytes is longer than 1200 bytes");
        let number = Payload::<0>::parse(&Node::Integer(5)).expect_err("no text");
        assert_eq!(number, "is a number, not text or `hex:` and digits; quote it");
    }
}
