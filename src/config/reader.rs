//! Walks a document and reads typed values from it. A bad value is noted with its path and reading
//! goes on, so that all problems are told at once; a key that nobody asked for is a problem too.

use std::collections::BTreeSet;

use super::finding::Findings;
use super::key_path::KeyPath;
use super::node::Node;
use super::not_yet;
use super::values::Parsed;

/// Longer keys are not compared with the known ones.
const LONGEST_KEY: usize = 64;

/// A place in a document, with what is there.
pub(super) struct Cursor<'a> {
    node: Option<&'a Node>,
    path: KeyPath,
    problems: &'a Findings,
}

impl<'a> Cursor<'a> {
    /// The beginning of a document.
    pub(super) fn root(node: &'a Node, path: KeyPath, problems: &'a Findings) -> Self {
        Self { node: Some(node), path, problems }
    }

    /// What is there; `None` for a key that was not given.
    pub(super) fn node(&self) -> Option<&'a Node> {
        self.node
    }

    /// Takes note of a problem here.
    pub(super) fn problem(&self, text: impl Into<String>) {
        self.problems.add(&self.path, text);
    }

    /// The value here; `None` when it was not given or is bad, which is noted.
    pub(super) fn read<T>(&self, parse: impl FnOnce(&Node) -> Parsed<T>) -> Option<T> {
        let node = self.node?;
        match parse(node) {
            Ok(value) => Some(value),
            Err(text) => {
                match not_yet::value(&self.path, node) {
                    Some(value) => self.problem(format!("`{value}`: {}", not_yet::TEXT)),
                    None => self.problem(text),
                }
                None
            }
        }
    }

    /// As [`Cursor::read`], for a value that may also be the word `none`.
    pub(super) fn read_unless_none<T>(&self, parse: impl FnOnce(&Node) -> Parsed<T>) -> Option<T> {
        if self.is_word("none") {
            return None;
        }
        self.read(parse)
    }

    /// Whether this word stands here.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self.node, Some(Node::Text(text)) if text == word)
    }

    /// Whether keys stand here.
    pub(super) fn is_mapping(&self) -> bool {
        matches!(self.node, Some(Node::Map(_)))
    }

    /// Whether nothing stands here, or a list of nothing.
    pub(super) fn is_empty_list(&self) -> bool {
        match self.node {
            None | Some(Node::Null) => true,
            Some(Node::List(list)) => list.is_empty(),
            Some(_) => false,
        }
    }

    /// Reads the keys of a mapping; afterwards, keys that `read` did not ask for are problems. An
    /// absent or empty mapping has no keys.
    pub(super) fn section<T>(&self, read: impl FnOnce(&mut Section<'a>) -> T) -> T {
        let entries: &[(String, Node)] = match self.node {
            Some(Node::Map(entries)) => entries,
            None | Some(Node::Null) => &[],
            Some(other) => {
                self.problem(format!("is {}, not a mapping of keys", other.kind()));
                &[]
            }
        };
        let mut section = Section {
            entries,
            path: self.path.clone(),
            problems: self.problems,
            asked: Vec::new(),
        };
        let value = read(&mut section);
        section.finish();
        value
    }

    /// The elements of a list; none when it is absent or empty.
    pub(super) fn items(&self) -> impl Iterator<Item = Cursor<'a>> + use<'a> {
        let list: &[Node] = match self.node {
            Some(Node::List(list)) => list,
            None | Some(Node::Null) => &[],
            Some(other) => {
                self.problem(format!("is {}, not a list", other.kind()));
                &[]
            }
        };
        let (path, problems) = (self.path.clone(), self.problems);
        list.iter().enumerate().map(move |(index, node)| Cursor {
            node: Some(node),
            path: path.index(index),
            problems,
        })
    }

    /// The good elements of a list; bad ones are noted.
    pub(super) fn list<T>(&self, parse: impl Fn(&Node) -> Parsed<T>) -> Vec<T> {
        self.items().filter_map(|item| item.read(&parse)).collect()
    }

    /// The entries of a mapping whose keys are values themselves.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Cursor<'a>)> + use<'a> {
        let entries: &[(String, Node)] = match self.node {
            Some(Node::Map(entries)) => entries,
            None | Some(Node::Null) => &[],
            Some(other) => {
                self.problem(format!("is {}, not a mapping", other.kind()));
                &[]
            }
        };
        let (path, problems) = (self.path.clone(), self.problems);
        entries.iter().map(move |(key, node)| {
            let cursor = Cursor { node: Some(node), path: path.key(key.clone()), problems };
            (key.as_str(), cursor)
        })
    }
}

/// A mapping whose keys are known. Asking for a key declares it.
pub(super) struct Section<'a> {
    entries: &'a [(String, Node)],
    path: KeyPath,
    problems: &'a Findings,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The place of a key, given or not.
    pub(super) fn key(&mut self, key: &'static str) -> Cursor<'a> {
        self.asked.push(key);
        let entry = self.entries.iter().find(|(name, _)| name == key);
        Cursor {
            node: entry.map(|(_, node)| node),
            path: self.path.key(key),
            problems: self.problems,
        }
    }

    /// The value of a key, or its default.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(&Node) -> Parsed<T>,
    ) -> T {
        self.key(key).read(parse).unwrap_or(default)
    }

    /// The value of a key that must be there; `None` notes a problem.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Node) -> Parsed<T>,
    ) -> Option<T> {
        let cursor = self.key(key);
        if cursor.node.is_none() {
            self.problem(format!("needs `{key}`"));
        }
        cursor.read(parse)
    }

    /// Whether a key was given.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// Whether no key was given at all.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the mapping is.
    pub(super) fn path(&self) -> &KeyPath {
        &self.path
    }

    /// Takes note of a problem of the mapping as a whole.
    pub(super) fn problem(&self, text: impl Into<String>) {
        self.problems.add(&self.path, text);
    }

    fn finish(self) {
        let mut later: Option<&[&'static str]> = None;
        let mut seen = BTreeSet::new();
        for (key, _) in self.entries {
            let path = || self.path.key(key.clone());
            if !seen.insert(key) {
                self.problems.add(&path(), "is given twice");
            } else if self.asked.contains(&key.as_str()) {
                continue;
            } else if self.problems.is_full() {
                self.problems.count();
            } else {
                let later = *later.get_or_insert_with(|| not_yet::keys(&self.path));
                let text = match later.contains(&key.as_str()) {
                    true => not_yet::TEXT.to_owned(),
                    false => unknown_key(key, self.asked.iter().chain(later)),
                };
                self.problems.add(&path(), text);
            }
        }
    }
}

fn unknown_key<'k>(key: &str, known: impl Iterator<Item = &'k &'static str>) -> String {
    match closest(key, known) {
        Some(meant) => format!("unknown key; did you mean `{meant}`?"),
        None => "unknown key".to_owned(),
    }
}

/// The word that was probably meant: at most a third of the letters differ.
fn closest<'k>(word: &str, known: impl Iterator<Item = &'k &'static str>) -> Option<&'static str> {
    if word.len() > LONGEST_KEY {
        return None;
    }
    known
        .map(|known| (strsim::damerau_levenshtein(word, known), *known))
        .filter(|(distance, known)| *distance <= known.len().max(word.len()).div_ceil(3))
        .min()
        .map(|(_, known)| known)
}
