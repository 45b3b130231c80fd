//! Writes small MaxMind DB files (format 2.0) for tests, in the ways in which vendors write large
//! ones. The format: <https://maxmind.github.io/MaxMind-DB/>.

use std::collections::HashMap;

use ipnet::IpNet;
use serde_json::{Value, json};

/// How a file is laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Bits of one side of a node: 24, 28 or 32.
    pub(crate) record_size: u16,
    /// Whether a value that is already in the file is pointed to and not written again.
    pub(crate) pointers: bool,
    /// Whether the IPv4 networks of a tree of both families are also found as v4-mapped, 6to4 and
    /// Teredo addresses, as in MaxMind's files.
    pub(crate) aliases: bool,
}

const PLAIN: Layout = Layout { record_size: 32, pointers: false, aliases: false };

/// A database of these networks, an IPv4 one when all of them are. Short prefixes come before the
/// longer ones inside them.
///
/// Integers are written as uint32 or int32, other numbers as doubles. An object of one key that
/// begins with `$` is a value of that type: `{"$float": 1.5}`, `{"$uint64": 7}`, `{"$bytes": "x"}`.
pub(crate) fn write(database_type: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    write_as(PLAIN, database_type, networks)
}

/// The same, laid out in a certain way.
pub(crate) fn write_as(layout: Layout, database_type: &str, networks: &[(&str, Value)]) -> Vec<u8> {
    let parsed = networks.iter().map(|(network, record)| {
        let network: IpNet = network.parse().expect("a network of the test");
        (network, record)
    });
    let parsed: Vec<_> = parsed.collect();
    let ipv6 = parsed.iter().any(|(network, _)| network.addr().is_ipv6());
    let mut tree = vec![[Child::Nothing; 2]];
    let mut data = Data { bytes: Vec::new(), known: layout.pointers.then(HashMap::new) };
    for (network, record) in parsed {
        let offset = data.record(record);
        insert(&mut tree, path(network, ipv6), Child::Record(offset));
    }
    if layout.aliases && ipv6 {
        let v4 = v4_root(&tree);
        for alias in ["::ffff:0:0/96", "2002::/16", "2001::/32"] {
            insert(&mut tree, path(alias.parse().expect("a network"), true), v4);
        }
    }
    let nodes = tree.len() as u32;
    let mut file = Vec::new();
    for node in tree {
        let pointers = node.map(|child| match child {
            Child::Node(index) => index,
            Child::Nothing => nodes,
            Child::Record(offset) => nodes + SEPARATOR.len() as u32 + offset,
        });
        file.extend(node_bytes(layout.record_size, pointers));
    }
    file.extend(SEPARATOR);
    file.extend(data.bytes);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(metadata(layout, database_type, nodes, ipv6));
    file
}

const SEPARATOR: [u8; 16] = [0; 16];

fn metadata(layout: Layout, database_type: &str, nodes: u32, ipv6: bool) -> Vec<u8> {
    let mut out = Data { bytes: Vec::new(), known: None };
    out.value(&json!({
        "binary_format_major_version": {"$uint16": 2},
        "binary_format_minor_version": {"$uint16": 0},
        "build_epoch": {"$uint64": 1_700_000_000},
        "database_type": database_type,
        "description": {"en": "made by a test"},
        "ip_version": {"$uint16": if ipv6 { 6 } else { 4 }},
        "languages": [],
        "node_count": nodes,
        "record_size": {"$uint16": layout.record_size},
    }));
    out.bytes
}

/// A node: its two sides, and what they share at 28 bits a side.
fn node_bytes(record_size: u16, [left, right]: [u32; 2]) -> Vec<u8> {
    let ([l3, l2, l1, l0], [r3, r2, r1, r0]) = (left.to_be_bytes(), right.to_be_bytes());
    match record_size {
        24 => vec![l2, l1, l0, r2, r1, r0],
        28 => vec![l2, l1, l0, l3 << 4 | r3 & 0xf, r2, r1, r0],
        32 => vec![l3, l2, l1, l0, r3, r2, r1, r0],
        other => panic!("there are no records of {other} bits"),
    }
}

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

fn insert(tree: &mut Vec<[Child; 2]>, path: Vec<usize>, child: Child) {
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
    tree[node][*last] = child;
}

/// What is at ::/96.
fn v4_root(tree: &[[Child; 2]]) -> Child {
    let mut child = Child::Node(0);
    for _ in 0..96 {
        match child {
            Child::Node(node) => child = tree[node as usize][0],
            Child::Nothing | Child::Record(_) => break,
        }
    }
    child
}

/// The data section.
struct Data {
    bytes: Vec<u8>,
    /// Where values are, by their JSON, if they are to be pointed to.
    known: Option<HashMap<String, usize>>,
}

impl Data {
    /// Writes a record, or finds the one that says the same.
    fn record(&mut self, record: &Value) -> u32 {
        let known = self.known.as_ref().and_then(|known| known.get(&record.to_string()));
        let at = known.copied().unwrap_or(self.bytes.len());
        if known.is_none() {
            self.value(record);
        }
        at as u32
    }

    fn value(&mut self, value: &Value) {
        let text = value.to_string();
        // What takes no more than a pointer is not pointed to.
        if let Some(at) = self.known.as_ref().and_then(|known| known.get(&text)) {
            let at = *at;
            return pointer(at, &mut self.bytes);
        }
        if let Some(known) = self.known.as_mut().filter(|_| text.len() > 6) {
            known.insert(text, self.bytes.len());
        }
        self.write(value);
    }

    fn write(&mut self, value: &Value) {
        let out = &mut self.bytes;
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
                values.iter().for_each(|value| self.value(value));
            }
            Value::Object(map) => match map.iter().next() {
                Some((kind, value)) if kind.starts_with('$') => typed(kind, value, out),
                Some(_) | None => {
                    control(MAP, map.len(), out);
                    for (key, value) in map {
                        self.value(&Value::from(key.as_str()));
                        self.value(value);
                    }
                }
            },
        }
    }
}

/// A value of a type that JSON does not have.
fn typed(kind: &str, value: &Value, out: &mut Vec<u8>) {
    let number = || value.as_u64().expect("an unsigned number");
    match kind {
        "$uint16" => unsigned(UINT16, number(), out),
        "$uint64" => unsigned(UINT64, number(), out),
        "$uint128" => unsigned(UINT128, number(), out),
        "$float" => {
            control(FLOAT, 4, out);
            out.extend((value.as_f64().expect("a number") as f32).to_be_bytes());
        }
        "$bytes" => {
            let text = value.as_str().expect("a text");
            control(BYTES, text.len(), out);
            out.extend(text.as_bytes());
        }
        other => panic!("{other} is no type of the format"),
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
const POINTER: u8 = 1;
const STRING: u8 = 2;
const DOUBLE: u8 = 3;
const BYTES: u8 = 4;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const INT32: u8 = 8;
const UINT64: u8 = 9;
const UINT128: u8 = 10;
const ARRAY: u8 = 11;
const BOOLEAN: u8 = 14;
const FLOAT: u8 = 15;

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

/// A pointer to an offset of the data section. Each size begins where the one before it ends.
fn pointer(to: usize, out: &mut Vec<u8>) {
    let (size, bytes, base) = match to {
        0..2_048 => (0, 1, 0),
        2_048..526_336 => (1, 2, 2_048),
        526_336..134_744_064 => (2, 3, 526_336),
        _ => (3, 4, 0),
    };
    let value = (to - base).to_be_bytes();
    let digits = &value[value.len() - bytes..];
    // All but the longest have three bits more, in the first byte.
    let high = if size == 3 { 0 } else { ((to - base) >> (8 * bytes)) as u8 };
    out.push(POINTER << 5 | size << 3 | high);
    out.extend(digits);
}
