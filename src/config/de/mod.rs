//! Typed values out of a document, by way of serde: the types say which keys there are, and this
//! says everything that is wrong with them at once.
//!
//! serde ends at the first error. So a reading is repeated: what was wrong is told and pruned from
//! the document, and the rest is read again, until nothing new is wrong. Elements of a [`List`] do
//! not end a reading, so that as many readings are needed as one element has errors, however many
//! elements there are. Keys that nobody knows do not end it either.
//!
//! What is derived from something pruned is pruned without a word: a place whose latitude is bad
//! does not lack a latitude.
//!
//! [`List`]: super::value::List

mod access;
mod deserializer;
mod error;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};

use serde::de::{DeserializeOwned, DeserializeSeed};

pub(super) use deserializer::{MANY, SLOT};

use super::finding::Findings;
use super::key_path::KeyPath;
use super::node::Node;
use super::value::shown;
use error::Error;

/// What is said of keys and values that have their place and whose behaviour does not exist yet.
pub(super) const NOT_YET: &str = "not in this version";

/// Longer keys are not compared with the known ones.
const LONGEST_KEY: usize = 64;

/// Reads the value at `path`, where `node` is. What is wrong is told, and what is right is read
/// nevertheless, with the defaults where it was wrong; `None` when nothing of it could be.
pub(super) fn read<T: DeserializeOwned>(
    node: &Node,
    path: KeyPath,
    problems: &Findings,
) -> Option<T> {
    let reading = Reading { problems, pruned: RefCell::default(), failed: Cell::new(false) };
    loop {
        reading.failed.set(false);
        let root = At { node, path: path.clone(), reading: &reading };
        let value = root.visit(std::marker::PhantomData);
        match value {
            // Each round that fails prunes a node more, so there is a last one.
            Ok(_) | Err(_) if reading.failed.get() && !root.is_pruned() => {}
            value => return value.ok(),
        }
    }
}

/// What is known of a document that is being read.
struct Reading<'a> {
    problems: &'a Findings,
    /// Nodes that are read no more, by where they are in memory: the tree stays as it is meanwhile.
    pruned: RefCell<HashSet<*const Node>>,
    /// Whether anything failed in this round.
    failed: Cell<bool>,
}

/// A node of the document, which is where serde reads from.
#[derive(Clone)]
struct At<'a> {
    node: &'a Node,
    path: KeyPath,
    reading: &'a Reading<'a>,
}

impl<'a> At<'a> {
    /// Reads what is here. What is wrong with it has been told when this fails.
    fn visit<S: DeserializeSeed<'a>>(&self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.clone()).map_err(|error| self.tell(error))
    }

    /// Takes note of an error of this node, unless a part of it has told one already, and prunes it.
    fn tell(&self, error: Error) -> Error {
        self.reading.failed.set(true);
        if let Error::Said(text) = error {
            if !self.has_pruned_part() {
                self.reading.problems.add(&self.path, text);
            }
            self.prune();
        }
        Error::Told
    }

    /// A node below this one.
    fn below(&self, node: &'a Node, path: KeyPath) -> Self {
        Self { node, path, reading: self.reading }
    }

    fn prune(&self) {
        self.reading.pruned.borrow_mut().insert(self.node);
    }

    fn is_pruned(&self) -> bool {
        self.reading.is_pruned(self.node)
    }

    fn has_pruned_part(&self) -> bool {
        match self.node {
            Node::List(list) => list.iter().any(|node| self.reading.is_pruned(node)),
            Node::Map(entries) => entries.iter().any(|(_, node)| self.reading.is_pruned(node)),
            Node::Null | Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) => false,
        }
    }

    /// Tells and prunes the keys that are not `known`, and those that are given twice.
    fn check_keys(&self, entries: &'a [(String, Node)], known: &[&'static str]) {
        let mut seen = BTreeSet::new();
        for (key, node) in entries {
            let is_first = seen.insert(key);
            if (is_first && known.contains(&key.as_str())) || self.reading.is_pruned(node) {
                continue;
            }
            let problems = self.reading.problems;
            if problems.is_full() {
                problems.count();
            } else {
                let text = match is_first {
                    true => unknown_key(key, known),
                    false => "is given twice".to_owned(),
                };
                problems.add(&self.path.key(key.clone()), text);
            }
            self.reading.pruned.borrow_mut().insert(node);
        }
    }
}

impl Reading<'_> {
    fn is_pruned(&self, node: &Node) -> bool {
        self.pruned.borrow().contains(&std::ptr::from_ref(node))
    }
}

fn unknown_key(key: &str, known: &[&'static str]) -> String {
    match closest(key, known) {
        Some(meant) => format!("unknown key; did you mean `{meant}`?"),
        None => "unknown key".to_owned(),
    }
}

/// The word that was probably meant: at most a third of the letters differ.
fn closest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    if word.len() > LONGEST_KEY {
        return None;
    }
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), *known))
        .filter(|(distance, known)| *distance <= known.len().max(word.len()).div_ceil(3))
        .min()
        .map(|(_, known)| known)
}

/// What is wrong with a node that is none of the things it could be.
fn not_a(node: &Node, expected: impl std::fmt::Display) -> Error {
    Error::Said(match node {
        Node::Text(text) => format!("{} is not {expected}", shown(text)),
        Node::Map(_) => format!("is not {expected}"),
        Node::Null | Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::List(_) => {
            format!("is {}, not {expected}", node.kind())
        }
    })
}

#[cfg(test)]
mod tests;
