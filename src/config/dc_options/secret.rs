//! The secret of an entry: checked for its shape and forgotten. Nothing that is said about one
//! contains any of it.

use crate::config::node::Node;
use crate::config::values::Parsed;

/// Checks a secret given as hex, base64 (of either alphabet), a list of bytes, or null.
///
/// 16 bytes; 17 that begin with 0xdd (padded); 21 or more that begin with 0xee (fake TLS, followed
/// by a host name).
pub(super) fn check(node: &Node) -> Parsed<()> {
    let well_formed = match node {
        Node::Null => true,
        Node::Text(text) => {
            [hex(text), base64(text)].into_iter().flatten().any(|bytes| is_secret(&bytes))
        }
        Node::List(list) => bytes(list).is_some_and(|bytes| is_secret(&bytes)),
        Node::Integer(_) | Node::Float(_) => {
            return Err("is a number; quote it to make it hex".to_owned());
        }
        Node::Bool(_) | Node::Map(_) => false,
    };
    match well_formed {
        true => Ok(()),
        false => Err(
            "is not a secret: hex, base64 or a list of 16 bytes, 17 from dd on, or 21 and more \
             from ee on"
                .to_owned(),
        ),
    }
}

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
    let byte = |node: &Node| match node {
        Node::Integer(number) => u8::try_from(*number).ok(),
        Node::Null
        | Node::Bool(_)
        | Node::Float(_)
        | Node::Text(_)
        | Node::List(_)
        | Node::Map(_) => None,
    };
    list.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(text: &str) -> bool {
        check(&Node::Text(text.to_owned())).is_ok()
    }

    #[test]
    fn hex_base64_and_bytes_of_every_kind_are_secrets() {
        assert!(accepts("00112233445566778899aabbccddeeff"));
        assert!(accepts("dd00112233445566778899AABBCCDDEEFF"));
        assert!(accepts("ee00112233445566778899aabbccddeeff6578616d706c652e636f6d"));
        assert!(accepts("ABEiM0RVZneImaq7zN3u/w=="));
        assert!(accepts("ABEiM0RVZneImaq7zN3u_w"));
        assert!(accepts("3QARIjNEVWZ3iJmqu8zd7v8="));
        assert!(check(&Node::Null).is_ok());
        let list: Vec<Node> = (0..16).map(Node::Integer).collect();
        assert!(check(&Node::List(list)).is_ok());
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
        assert!(check(&Node::List(large)).is_err());
    }

    #[test]
    fn a_bad_secret_is_never_repeated() {
        let told = check(&Node::Text("c0ffee00c0ffee".to_owned()));
        assert!(!told.expect_err("too short").contains("c0ffee"));
    }
}
