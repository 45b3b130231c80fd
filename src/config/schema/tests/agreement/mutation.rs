//! What happens to a document at the hands of people, and worse.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::super::put;

/// Something done to a document at a place that chance has chosen.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    at: Index,
    damage: Damage,
}

/// How a document is damaged, or not.
#[derive(Clone, Debug)]
pub(super) enum Damage {
    /// Another value at a place that the document has.
    Replace(Value),
    /// A value at a place that the schema knows of.
    Put(Value),
    /// A letter too much in a key.
    Misspell,
    Remove,
    /// An element twice.
    Repeat,
    /// A key that nobody knows.
    Add(Value),
}

pub(super) fn any_mutation() -> impl Strategy<Value = Mutation> {
    let damage = prop_oneof![
        6 => any_value().prop_map(Damage::Replace),
        2 => any_value().prop_map(Damage::Put),
        1 => Just(Damage::Misspell),
        2 => Just(Damage::Remove),
        1 => Just(Damage::Repeat),
        1 => any_value().prop_map(Damage::Add),
    ];
    (any::<Index>(), damage).prop_map(|(at, damage)| Mutation { at, damage })
}

impl Mutation {
    /// Does it to a document of which the schema knows these `paths`.
    pub(super) fn apply(self, document: &mut Value, paths: &[String]) {
        let Self { at, damage } = self;
        let mut all = Vec::new();
        pointers(document, "", &mut all);
        let place = match &damage {
            Damage::Put(_) => at.get(paths),
            Damage::Replace(_)
            | Damage::Misspell
            | Damage::Remove
            | Damage::Repeat
            | Damage::Add(_) => match all.get(at.index(all.len().max(1))) {
                Some(place) => place,
                None => return,
            },
        };
        damage.apply(document, place);
    }
}

impl Damage {
    /// What is tried at every place.
    pub(super) fn usual() -> impl Iterator<Item = Self> {
        let numbers = (0..=8).map(Value::from).map(Self::Replace);
        [Self::Misspell, Self::Remove, Self::Repeat].into_iter().chain(numbers)
    }

    /// Does it at the place of this JSON pointer.
    pub(super) fn apply(self, document: &mut Value, pointer: &str) {
        let Some((parent, step)) = pointer.rsplit_once('/') else {
            return;
        };
        let step = step.replace("~1", "/").replace("~0", "~");
        match self {
            Self::Replace(value) => {
                *document.pointer_mut(pointer).expect("there") = value;
                return;
            }
            Self::Put(value) => {
                let steps: Vec<&str> = pointer.split('/').skip(1).collect();
                return put(document, &steps, value);
            }
            Self::Misspell | Self::Remove | Self::Repeat | Self::Add(_) => {}
        }
        match (document.pointer_mut(parent), self) {
            (Some(Value::Object(map)), Self::Misspell) => {
                let value = map.remove(&step).expect("there");
                map.insert(format!("{step}s"), value);
            }
            (Some(Value::Object(map)), Self::Remove) => drop(map.remove(&step)),
            (Some(Value::Object(map)), Self::Add(value)) => {
                map.insert("xyzzy".to_owned(), value);
            }
            (Some(Value::Array(list)), Self::Remove) => {
                list.remove(step.parse().unwrap_or(0));
            }
            (Some(Value::Array(list)), Self::Repeat) => {
                list.push(list[step.parse().unwrap_or(0)].clone());
            }
            (Some(_), _) | (None, _) => {}
        }
    }
}

/// A value that a key might have, good or nearly.
fn any_value() -> impl Strategy<Value = Value> {
    let words = select(WORDS).prop_map(Value::from);
    let others = select(vec![
        json!(null),
        json!({}),
        json!([]),
        json!({"country": "NL"}),
        json!({"lat": 1, "lon": 2}),
        json!({"lat": 91}),
        json!({"dc": 2}),
        json!({"none": null}),
        json!({"rate": 5}),
        json!({"burst": 5}),
        json!({"send": "x", "expect": "hex:00"}),
        json!({"expect": "any"}),
        json!(3.0),
        json!(-1),
        json!(1e30),
        json!(u64::MAX),
        json!(vec![0; 16]),
        json!(vec![0; 17]),
    ]);
    let leaf = prop_oneof![
        6 => words,
        3 => others,
        2 => (0..20).prop_map(Value::from),
        1 => (0..200_000).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<f32>().prop_map(|number| json!(number)),
        1 => (0..2000, select(UNITS)).prop_map(|(n, unit)| json!(format!("{n}{unit}"))),
    ];
    leaf.prop_recursive(1, 4, 3, |leaf| prop::collection::vec(leaf, 0..3).prop_map(Value::from))
}

const UNITS: &[&str] = &["ms", "s", "m", "h", "d", "KiB", "MiB", "GiB", "%"];

/// What is said somewhere, and what is nearly that.
const WORDS: &[&str] = &[
    "",
    " ",
    "5",
    "5sec",
    "-1",
    "-1s",
    "yes",
    "none",
    "all",
    "auto",
    "embedded",
    "tcp",
    "udp",
    "any",
    "hex:",
    "hex:00fF",
    "hex:0",
    "hex:0g",
    "nearest",
    "main",
    "media",
    "keep",
    "close",
    "move",
    "refuse",
    "allow",
    "deny",
    "off",
    "latency",
    "NL",
    "nl",
    "Nl",
    "ZZ",
    "EU",
    "eu",
    "AS7",
    "AS0",
    "as7",
    "AS4294967296",
    "x y",
    "a.b-c_d",
    "é",
    "ams",
    "dc3",
    "003s",
    "3 s",
    "3 s ",
    "1500ms",
    "61000ms",
    "1.5s",
    "99999999999999999999d",
    "64kib",
    "007%",
    "101%",
    "192.0.2.1",
    "192.0.2.01",
    "192.0.2.256",
    "192.0.2",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "ff02::1",
    "2001:db8::1",
    "2001:db8::g",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:8:9",
    "::192.0.2.1",
    "::ffff:192.0.2.1",
    "10.0.0.0/8",
    "10.0.0.1/8",
    "010.0.0.0/8",
    "10.0.0.0/33",
    "10.0.0.0/",
    "2001:db8::/32",
    "2001:db8::/129",
    "2002::/16",
    "127.0.0.1:7",
    "127.0.0.1:00007",
    "127.0.0.1:65536",
    "127.0.0.1:",
    "127.1:7",
    "[::1]:9",
    "[::0.0.0.1]:9",
    "[fe80::1%2]:9",
    "::1:9",
    "[::1]",
    "[::g]:9",
    "[]",
    "0.0.0.0:1",
    "239.0.0.1:1",
    "[ff02::1]:1",
    "localhost",
    "localhost:1",
    "unix:/run/a",
    "00112233445566778899aabbccddeeff",
    "dd00112233445566778899aabbccddeeff",
    "aa00112233445566778899aabbccddeeff",
    "ee00112233445566778899aabbccddeeff6578616d",
    "ee00112233445566778899aabbccddeeff6578616",
    "ABEiM0RVZneImaq7zN3u/w==",
    "3QARIjNEVWZ3iJmqu8zd7v8=",
    "3AARIjNEVWZ3iJmqu8zd7v8=",
    "7gARIjNEVWZ3iJmqu8zd7v9leGFt",
    "7gARIjNEVWZ3iJmqu8zd7v9leGFtc",
];

/// The JSON pointers of everything below a value.
pub(super) fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let mut below = |step: &str, value: &Value| {
        let pointer = format!("{at}/{}", step.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, all);
        all.push(pointer);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| below(&index.to_string(), value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
