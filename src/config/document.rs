//! Bytes -> tree: YAML or JSON, with what a hostile or damaged file may cost bounded.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::key_path::{KeyPath, Step};
use super::node::{Node, NodeSeed};

/// How much text is parsed again to find the lines of problems; those beyond go without.
const LINE_BUDGET: usize = 8 << 20;

/// How deep brackets may nest in YAML. Its scanner looks at every open one for every token, so that
/// a megabyte of them would keep it busy for minutes; the parser itself gives up at 128 levels.
const DEEPEST_BRACKETS: usize = 512;

/// A parsed document that still knows its text.
#[derive(Clone)]
pub(super) struct Document {
    text: String,
    format: Format,
    /// Its content.
    pub(super) root: Node,
    line_budget: Cell<usize>,
}

/// Why bytes are no document.
#[derive(Debug)]
pub(super) struct SyntaxError {
    /// From 1, where the parser knows it.
    pub(super) line: Option<usize>,
    /// What is wrong.
    pub(super) text: String,
}

#[derive(Clone, Copy)]
enum Format {
    Yaml,
    Json,
}

impl Document {
    /// Parses at most `limit` bytes. What looks like JSON is tried as JSON first: it knows escapes
    /// that YAML does not (surrogate pairs, which dumps of a `config` contain).
    pub(super) fn parse(bytes: &[u8], limit: usize) -> Result<Self, SyntaxError> {
        if bytes.len() > limit {
            return Err(SyntaxError {
                line: None,
                text: format!("is larger than {} MiB", limit >> 20),
            });
        }
        let without_mark = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let text = std::str::from_utf8(without_mark).map_err(|error| SyntaxError {
            line: Some(1 + count_lines(&without_mark[..error.valid_up_to()])),
            text: "is not UTF-8 text".to_owned(),
        })?;
        let read = |format: Format| {
            let budget = Cell::new(4 * text.len() + 1024);
            format.read(text, NodeSeed { budget: &budget })
        };
        let (format, root) = match text.trim_start().starts_with(['{', '[']) {
            true => match read(Format::Json) {
                Ok(root) => (Format::Json, root),
                Err(_) => (Format::Yaml, read(Format::Yaml)?),
            },
            false => (Format::Yaml, read(Format::Yaml)?),
        };
        let line_budget = Cell::new(LINE_BUDGET.max(text.len()));
        Ok(Self { text: text.to_owned(), format, root, line_budget })
    }

    /// The line of a node, from 1; none for the document as a whole. The parsers tell positions in errors only, so they are asked to
    /// fail there.
    pub(super) fn line_of(&self, path: &KeyPath) -> Option<usize> {
        let steps = path.steps();
        if steps.is_empty() {
            return None;
        }
        let left = self.line_budget.get().checked_sub(self.text.len())?;
        self.line_budget.set(left);
        self.format.read(&self.text, Walk { steps: &steps }).err()?.line
    }
}

impl Format {
    fn read<'de, S: DeserializeSeed<'de>>(
        self,
        text: &'de str,
        seed: S,
    ) -> Result<S::Value, SyntaxError> {
        match self {
            Self::Yaml if bracket_depth(text) > DEEPEST_BRACKETS => Err(SyntaxError {
                line: None,
                text: format!("nests brackets deeper than {DEEPEST_BRACKETS} levels"),
            }),
            Self::Yaml => {
                seed.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| {
                    SyntaxError {
                        line: error.location().map(|location| location.line()),
                        text: error.to_string(),
                    }
                })
            }
            Self::Json => {
                let mut deserializer = serde_json::Deserializer::from_str(text);
                let value = seed.deserialize(&mut deserializer);
                value.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
                    SyntaxError {
                        line: Some(error.line()).filter(|line| *line > 0),
                        text: error.to_string(),
                    }
                })
            }
        }
    }
}

/// The most brackets that are open at a time. Those within quotes and comments count: what this
/// guards against is far from what people write, and a text that tells them apart must be scanned.
fn bracket_depth(text: &str) -> usize {
    let depths = text.bytes().scan(0_usize, |depth, byte| {
        match byte {
            b'[' | b'{' => *depth += 1,
            b']' | b'}' => *depth = depth.saturating_sub(1),
            _ => {}
        }
        Some(*depth)
    });
    depths.max().unwrap_or_default()
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Walks down a path and fails at its end: every `visit_*` that is not written out is an error with
/// a position.
struct Walk<'s> {
    steps: &'s [Step],
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a way further down")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let [Step::Index(index), steps @ ..] = self.steps else {
            return Err(A::Error::custom("here"));
        };
        for _ in 0..*index {
            seq.next_element::<IgnoredAny>()?;
        }
        seq.next_element_seed(Walk { steps }).map(|_| ())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let [Step::Key(key), steps @ ..] = self.steps else {
            return Err(A::Error::custom("here"));
        };
        let wanted = WantedKey { key, is_end: steps.is_empty() };
        while let Some(found) = map.next_key_seed(wanted)? {
            if found {
                return map.next_value_seed(Walk { steps });
            }
            map.next_value::<IgnoredAny>()?;
        }
        // A default that does not fit what is written beside it: the mapping is where to look.
        Err(A::Error::custom("here"))
    }
}

/// Whether a key is the one on the way. At the end of the way it fails at the key, which stands on
/// the line that people look for; the value may begin on the next.
#[derive(Clone, Copy)]
struct WantedKey<'k> {
    key: &'k Cow<'static, str>,
    is_end: bool,
}

impl<'de> DeserializeSeed<'de> for WantedKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for WantedKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        match (key == self.key, self.is_end) {
            (true, true) => Err(E::custom("here")),
            (found, _) => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests;
