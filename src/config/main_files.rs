//! The main file and those that it includes, merged by top-level key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::de;
use super::document::Document;
use super::finding::{ConfigError, Finding, Findings, Located};
use super::key_path::{KeyPath, Step};
use super::node::Node;
use super::read::{File, open, read_at_most};
use super::value::{FilePath, List};

/// The largest main or included file that is read.
pub(super) const LIMIT: usize = 1 << 20;

/// The most files that one includes.
const MOST_INCLUDED: usize = 64;

const INCLUDE: &str = "include";

/// The main file, as if what it includes stood in it.
#[derive(Clone)]
pub(super) struct MainFiles {
    /// The main file first. Those that could not be read are not here.
    files: Vec<(PathBuf, Document)>,
    /// In which file each top-level key is.
    owners: BTreeMap<String, usize>,
    /// All of them together.
    pub(super) root: Node,
    /// The included files, read or not, as they are found from here.
    pub(super) included: Vec<PathBuf>,
    /// What is wrong with files, and with how they fit together.
    pub(super) problems: Vec<Finding>,
}

impl MainFiles {
    /// Reads what the main file includes, from where it is.
    ///
    /// # Errors
    /// When the main file is no document. Problems of included files are among the others.
    pub(super) fn read(main: File<'_>) -> Result<Self, ConfigError> {
        let mut document = open(main, LIMIT)?;
        let root = std::mem::replace(&mut document.root, Node::Null);
        let owners = keys(&root).map(|key| (key.to_owned(), 0)).collect();
        let mut all = Self {
            files: vec![(main.path.to_owned(), document)],
            owners,
            root,
            included: Vec::new(),
            problems: Vec::new(),
        };
        let Some(node) = all.root.entry(INCLUDE) else {
            return Ok(all);
        };
        // What is wrong with the list itself is told with everything else of the main file.
        let path = KeyPath::default().key(INCLUDE);
        let list: List<FilePath> =
            de::read(node, path.clone(), &Findings::default()).unwrap_or_default();
        let base = base_of(main.path);
        all.included = list.iter().map(|path| path.beside(base)).collect();
        if all.included.len() > MOST_INCLUDED {
            let count = all.included.len();
            let text = format!("names {count} files; {MOST_INCLUDED} at most");
            all.tell(0, &path, text);
            all.included.truncate(MOST_INCLUDED);
        }
        for file in all.included.clone() {
            all.include(file);
        }
        Ok(all)
    }

    /// Adds the sections of a file.
    fn include(&mut self, path: PathBuf) {
        let whole = |line, text| Finding { file: path.clone(), line, path: String::new(), text };
        let bytes = match read_at_most(&path, LIMIT) {
            Ok(bytes) => bytes,
            Err(error) => return self.problems.push(whole(None, error.to_string())),
        };
        let mut document = match open(File { path: &path, bytes: &bytes }, LIMIT) {
            Ok(document) => document,
            Err(mut error) => return self.problems.append(&mut error.problems),
        };
        let entries = match std::mem::replace(&mut document.root, Node::Null) {
            Node::Map(entries) => entries,
            Node::Null => Vec::new(),
            other @ (Node::Bool(_)
            | Node::Integer(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::List(_)) => {
                let text = format!("is {}, not a mapping of keys", other.kind());
                return self.problems.push(whole(None, text));
            }
        };
        let file = self.files.len();
        self.files.push((path, document));
        for (key, value) in entries {
            let at = KeyPath::default().key(key.clone());
            let owner = self.owners.get(&key).copied();
            if key == INCLUDE {
                self.tell(file, &at, "is for the main file; included files include nothing");
            } else if let Some(other) = owner.filter(|other| *other != file) {
                let other = self.files[other].0.display().to_string();
                self.tell(file, &at, format!("is in {other} too"));
            } else {
                self.owners.insert(key.clone(), file);
                push(&mut self.root, key, value);
            }
        }
    }

    fn tell(&mut self, file: usize, path: &KeyPath, text: impl Into<String>) {
        let (name, document) = &self.files[file];
        let line = document.line_of(path);
        let (file, path, text) = (name.clone(), path.to_string(), text.into());
        self.problems.push(Finding { file, line, path, text });
    }

    /// The file that a key is in, and its line there.
    pub(super) fn locate(&self, path: &KeyPath) -> Located<'_> {
        let first = path.steps().into_iter().next();
        let owner = match &first {
            Some(Step::Key(key)) => self.owners.get(key.as_ref()).copied(),
            Some(Step::Index(_)) | None => None,
        };
        let order = owner.unwrap_or(0);
        let (file, document) = &self.files[order];
        Located { order, file, line: document.line_of(path) }
    }
}

/// Where relative paths of the main file and those that it includes begin.
pub(super) fn base_of(main: &Path) -> &Path {
    main.parent().unwrap_or(Path::new(""))
}

fn keys(root: &Node) -> impl Iterator<Item = &str> {
    let entries: &[(String, Node)] = match root {
        Node::Map(entries) => entries,
        Node::Null
        | Node::Bool(_)
        | Node::Integer(_)
        | Node::Float(_)
        | Node::Text(_)
        | Node::List(_) => &[],
    };
    entries.iter().map(|(key, _)| key.as_str())
}

/// Adds a key to what includes it, which is a mapping: it has the key `include`.
fn push(root: &mut Node, key: String, value: Node) {
    match root {
        Node::Map(entries) => entries.push((key, value)),
        Node::Null
        | Node::Bool(_)
        | Node::Integer(_)
        | Node::Float(_)
        | Node::Text(_)
        | Node::List(_) => debug_assert!(false, "only a mapping includes"),
    }
}

#[cfg(test)]
mod tests;
