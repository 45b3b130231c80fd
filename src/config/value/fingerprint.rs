//! Fingerprints of the public keys of DCs, in all forms in which clients print them.

use schemars::{Schema, json_schema};
use serde::Serialize;

use super::parse::{Parsed, integer, shown};
use super::{Scalar, scalar};
use crate::config::node::Node;
use crate::routing::alarm;

/// A fingerprint of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

/// Digits of 64 bits in hex.
const DIGITS: usize = 16;

impl Scalar for Fingerprint {
    fn parse(node: &Node) -> Parsed<Self> {
        match node {
            Node::Text(text) => of_hex(text).map(Self).ok_or_else(|| {
                format!(
                    "{} is not a fingerprint: 16 digits of hex, or 0x and up to 16",
                    shown(text)
                )
            }),
            Node::Integer(_) | Node::Float(_) => {
                let number = integer(node).map_err(|told| format!("{told}; quote hex"))?;
                let unsigned = u64::try_from(number).ok();
                let signed = i64::try_from(number).map(i64::cast_unsigned).ok();
                let bits = unsigned.or(signed).map(Self);
                bits.ok_or_else(|| format!("{number} has more than 64 bits; quote hex"))
            }
            Node::Null | Node::Bool(_) | Node::List(_) | Node::Map(_) => {
                Err(format!("is {}, not a fingerprint", node.kind()))
            }
        }
    }

    fn written(&self) -> impl Serialize {
        alarm::Fingerprint(self.0).to_string()
    }

    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": i64::MIN, "maximum": u64::MAX },
                { "type": "string", "pattern": "^(?:0x[0-9A-Fa-f]{1,16}|[0-9A-Fa-f]{16})$" },
            ],
            "x-kind": "fingerprint: 64 bits in hex, or a number",
            "examples": ["0xc3b42b026ce86b21", "c3b42b026ce86b21", -4344800451088585951_i64],
        })
    }
}

scalar!(Fingerprint);

fn of_hex(text: &str) -> Option<u64> {
    let (digits, fits) = match text.strip_prefix("0x") {
        Some(digits) => (digits, (1..=DIGITS).contains(&digits.len())),
        // So no number in decimal is taken for one in hex.
        None => (text, text.len() == DIGITS),
    };
    let is_hex = digits.bytes().all(|it| it.is_ascii_hexdigit());
    u64::from_str_radix(digits, 16).ok().filter(|_| fits && is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_clients_print_is_the_same_fingerprint() {
        let known = 0xc3b4_2b02_6ce8_6b21;
        let text = |text: &str| Node::Text(text.to_owned());
        for node in [
            text("0xc3b42b026ce86b21"),
            text("0xC3B42B026CE86B21"),
            text("c3b42b026ce86b21"),
            Node::Integer(14_101_943_622_620_965_665),
            Node::Integer(-4_344_800_451_088_585_951),
        ] {
            assert_eq!(Fingerprint::parse(&node).map(Fingerprint::get), Ok(known), "{node:?}");
        }
        let small = Fingerprint::parse(&text("0x7")).expect("a fingerprint");
        let written = serde_json::to_value(small).expect("JSON");
        assert_eq!((small.get(), written), (7, "0x0000000000000007".into()));
    }

    #[test]
    fn what_is_too_long_or_has_lost_its_form_is_none() {
        for text in ["", "0x", "7", "0x10000000000000000", "+3b42b026ce86b21", "c3b42b026ce86b2g"] {
            assert!(Fingerprint::parse(&Node::Text(text.to_owned())).is_err(), "{text}");
        }
        let beyond = i128::from(u64::MAX) + 1;
        for number in [beyond, i128::from(i64::MIN) - 1] {
            assert!(Fingerprint::parse(&Node::Integer(number)).is_err(), "{number}");
        }
        // Unquoted hex whose only letter is an e.
        let told = Fingerprint::parse(&Node::Float(f64::INFINITY)).expect_err("no number");
        assert!(told.ends_with("; quote hex"), "{told}");
    }
}
