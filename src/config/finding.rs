//! What is told about a configuration: problems that refuse it, notes that do not.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::document::Document;
use super::key_path::KeyPath;
use super::load::Sources;
use super::node::Node;

/// The most findings of one kind told about one file; a damaged file of 10,000 entries has as many.
const MOST: usize = 100;

/// One thing to tell, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file as it was named.
    pub file: PathBuf,
    /// From 1, where the text allows.
    pub line: Option<usize>,
    /// `dcs[2].location.lat`; empty when the whole file is meant.
    pub path: String,
    /// What is the matter, without the path.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Why a configuration is refused: all problems of all its files, by file and line; never none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigError {
    /// At most 100 for each file, and one more that counts the rest.
    pub problems: Vec<Finding>,
    /// The files whose repair may help; `None` when the main file could not be read far enough to
    /// name the others.
    #[serde(skip)]
    pub sources: Option<Box<Sources>>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let end_of_last = if at == 0 { "" } else { "\n" };
            write!(f, "{end_of_last}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Collects findings while a document is read.
#[derive(Clone, Default)]
pub(super) struct Findings {
    found: RefCell<Vec<(KeyPath, String)>>,
    more: Cell<usize>,
}

impl Findings {
    /// Takes note of something at `path`.
    pub(super) fn add(&self, path: &KeyPath, text: impl Into<String>) {
        if self.is_full() {
            return self.count();
        }
        self.found.borrow_mut().push((path.clone(), text.into()));
    }

    /// Takes note of a key that the mapping at `path` lacks. One that is there and bad has been told.
    pub(super) fn need(&self, path: &KeyPath, mapping: Option<&Node>, key: &str) {
        if mapping.and_then(|mapping| mapping.entry(key)).is_none() {
            self.add(path, format!("needs `{key}`"));
        }
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// Whether further findings are only counted, so that wording them is wasted.
    pub(super) fn is_full(&self) -> bool {
        self.found.borrow().len() >= MOST
    }

    /// Counts a finding that is not worded any more.
    pub(super) fn count(&self) {
        self.more.set(self.more.get() + 1);
    }

    /// Everything found, in the order of the files and lines; `locate` tells them.
    pub(super) fn into_list<'f>(self, locate: impl Fn(&KeyPath) -> Located<'f>) -> Vec<Finding> {
        let found = self.found.into_inner().into_iter();
        let mut list: Vec<(usize, Finding)> = found
            .map(|(path, text)| {
                let Located { order, file, line } = locate(&path);
                let path = path.to_string();
                (order, Finding { file: file.to_owned(), line, path, text })
            })
            .collect();
        // Without a line: the file as a whole comes first, what lies beyond the budget last.
        list.sort_by_key(|(order, finding)| match finding.line {
            None if finding.path.is_empty() => (*order, 0),
            line => (*order, line.unwrap_or(usize::MAX)),
        });
        let mut list: Vec<Finding> = list.into_iter().map(|(_, finding)| finding).collect();
        if self.more.get() > 0 {
            let text = format!("and {} more of this kind", self.more.get());
            let file = locate(&KeyPath::default()).file.to_owned();
            list.push(Finding { file, line: None, path: String::new(), text });
        }
        list
    }
}

/// Where in which file something is.
pub(super) struct Located<'f> {
    /// Of the file, among those that are told together.
    pub(super) order: usize,
    pub(super) file: &'f Path,
    /// From 1, where the text allows.
    pub(super) line: Option<usize>,
}

impl<'f> Located<'f> {
    /// In a document that is alone.
    pub(super) fn within(file: &'f Path, document: &Document, path: &KeyPath) -> Self {
        Self { order: 0, file, line: document.line_of(path) }
    }
}
