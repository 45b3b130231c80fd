//! Writes small MaxMind DB files (format 2.0, 32-bit records) for tests.

use ipnet::IpNet;
use serde_json::{Value, json};

/// A database of these networks, an IPv4 one when all of them are. Short prefixes come before the
/// longer ones inside them. Integers are written as uint32 or int32, other numbers as doubles.
pub(crate) fn write(database_type: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    let parsed = networks.iter().map(|(network, record)| {
        let network: IpNet = network.parse().expect("a network of the test");
        (network, record)
    });
    let parsed: Vec<_> = parsed.collect();
    let ipv6 = parsed.iter().any(|(network, _)| network.addr().is_ipv6());
    let mut tree = vec![[Child::Nothing; 2]];
    let mut data = Vec::new();
    for (network, record) in parsed {
        let offset = data.len() as u32;
        encode(record, &mut data);
        insert(&mut tree, path(network, ipv6), Child::Record(offset));
    }
    let nodes = tree.len() as u32;
    let mut file = Vec::new();
    for child in tree.into_iter().flatten() {
        let pointer = match child {
            Child::Node(index) => index,
            Child::Nothing => nodes,
            Child::Record(offset) => nodes + SEPARATOR.len() as u32 + offset,
        };
        file.extend(pointer.to_be_bytes());
    }
    file.extend(SEPARATOR);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    control(MAP, 9, &mut file);
    for (key, kind, value) in [
        ("binary_format_major_version", UINT16, 2),
        ("binary_format_minor_version", UINT16, 0),
        ("build_epoch", UINT64, 1_700_000_000),
        ("ip_version", UINT16, if ipv6 { 6 } else { 4 }),
        ("node_count", UINT32, u64::from(nodes)),
        ("record_size", UINT16, 32),
    ] {
        encode(&json!(key), &mut file);
        unsigned(kind, value, &mut file);
    }
    for (key, value) in [
        ("database_type", json!(database_type)),
        ("description", json!({"en": "made by a test"})),
        ("languages", json!([])),
    ] {
        encode(&json!(key), &mut file);
        encode(&value, &mut file);
    }
    file
}

const SEPARATOR: [u8; 16] = [0; 16];

#[derive(Clone, Copy)]
enum Child {
    Nothing,
    Node(u32),
    Record(u32),
}

/// The bits of a network, first to last.
fn path(network: IpNet, ipv6: bool) -> Vec<usize> {
    let (bits, skipped, len) = match network {
        // In a tree of both families IPv4 lies in ::/96.
        IpNet::V4(v4) if ipv6 => (u128::from(v4.network().to_bits()), 0, v4.prefix_len() + 96),
        IpNet::V4(v4) => (u128::from(v4.network().to_bits()), 96, v4.prefix_len()),
        IpNet::V6(v6) => (v6.network().to_bits(), 0, v6.prefix_len()),
    };
    let places = skipped..skipped + len;
    places.map(|place| (bits >> (127 - place) & 1) as usize).collect()
}

fn insert(tree: &mut Vec<[Child; 2]>, path: Vec<usize>, record: Child) {
    let (last, inner) = path.split_last().expect("no network of everything");
    let mut node = 0;
    for &side in inner {
        node = match tree[node][side] {
            Child::Node(next) => next as usize,
            leaf => {
                let next = tree.len();
                tree.push([leaf; 2]);
                tree[node][side] = Child::Node(next as u32);
                next
            }
        };
    }
    tree[node][*last] = record;
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => unreachable!("the format has no null"),
        Value::Bool(value) => control(BOOLEAN, usize::from(*value), out),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => unsigned(UINT32, value, out),
            (None, Some(value)) => {
                control(INT32, 4, out);
                out.extend((value as i32).to_be_bytes());
            }
            (None, None) => {
                control(DOUBLE, 8, out);
                out.extend(number.as_f64().expect("a finite number").to_be_bytes());
            }
        },
        Value::String(text) => {
            control(STRING, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::Array(values) => {
            control(ARRAY, values.len(), out);
            values.iter().for_each(|value| encode(value, out));
        }
        Value::Object(map) => {
            control(MAP, map.len(), out);
            for (key, value) in map {
                encode(&Value::from(key.as_str()), out);
                encode(value, out);
            }
        }
    }
}

/// An integer without the zeros before it.
fn unsigned(kind: u8, value: u64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    let digits = &bytes[value.leading_zeros() as usize / 8..];
    control(kind, digits.len(), out);
    out.extend(digits);
}

// The types of the format.
const STRING: u8 = 2;
const DOUBLE: u8 = 3;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const INT32: u8 = 8;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;
const BOOLEAN: u8 = 14;

/// The type of a value and its size. Types above 7 take a byte of their own, and so do sizes from
/// 29 to 284.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (short, long) = match size {
        0..29 => (size as u8, None),
        _ => (29, Some(u8::try_from(size - 29).expect("tests write nothing longer"))),
    };
    if kind > 7 {
        out.extend([short, kind - 7]);
    } else {
        out.push(kind << 5 | short);
    }
    out.extend(long);
}
