//! The secrets of `mtproto` listeners: what files of secrets say is as if it stood in the main file.
//!
//! What is told of a secret is where it is, never what it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Findings};
use super::key_path::KeyPath;
use super::read::read_at_most;
use super::tree::{self, MOST_SECRETS, Mtproto, Route};
use super::value::ListenerSecret;

/// The largest file of secrets that is read.
const LIMIT: usize = 64 << 10;

/// The most bad lines told about one file.
const MOST_TOLD: usize = 16;

/// The files of secrets that listeners name, each read once.
#[derive(Clone, Default)]
pub(super) struct SecretFiles {
    files: BTreeMap<PathBuf, SecretFile>,
}

/// What is in one of them.
#[derive(Clone, Default)]
struct SecretFile {
    /// With their lines, from 1.
    secrets: Vec<(usize, ListenerSecret)>,
    problems: Vec<Finding>,
}

impl SecretFiles {
    /// Reads the files and adds what they say to the lists of the listeners. Relative paths begin at
    /// `base`. How the secrets of one listener fit together is told as well.
    pub(super) fn include(tree: &mut tree::Main, base: &Path, problems: &Findings) -> Self {
        let mut all = Self::default();
        for (index, listener) in tree.listeners.indexed_mut() {
            if let Route::Mtproto(route) = &mut listener.route {
                let path = KeyPath::default().key("listeners").index(index);
                all.include_into(route, base, &path.key("route").key("mtproto"), problems);
            }
        }
        all
    }

    /// The files, read or not.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// What is wrong with the files, each by itself.
    pub(super) fn problems(&self) -> impl Iterator<Item = &Finding> {
        self.files.values().flat_map(|file| &file.problems)
    }

    fn include_into(
        &mut self,
        route: &mut Mtproto,
        base: &Path,
        path: &KeyPath,
        problems: &Findings,
    ) {
        let (list, file) = (path.key("secrets"), path.key("secrets_file"));
        let mut known: Vec<(KeyPath, ListenerSecret)> = Vec::new();
        for (index, secret) in route.secrets.indexed() {
            let path = list.index(index);
            match known.iter().find(|(_, other)| other.is_same(secret)) {
                Some((first, _)) => problems.add(&path, format!("repeats the secret of {first}")),
                None => known.push((path, secret.clone())),
            }
        }
        if known.len() > MOST_SECRETS {
            problems.add(&list, too_many(known.len()));
        }
        let Some(named) = route.secrets_file.value() else { return };
        let named = named.beside(base);
        let read = self.files.entry(named).or_insert_with_key(|path| SecretFile::read(path));
        for (line, secret) in &read.secrets {
            if let Some((first, _)) = known.iter().find(|(_, other)| other.is_same(secret)) {
                problems.add(&file, format!("line {line} repeats the secret of {first}"));
            }
        }
        let together = known.len() + read.secrets.len();
        // Too many in one place have been told of.
        if together > MOST_SECRETS && known.len().max(read.secrets.len()) <= MOST_SECRETS {
            problems.add(&file, format!("{}, those of `secrets` included", too_many(together)));
        }
        route.secrets.extend(read.secrets.iter().map(|(_, secret)| secret.clone()));
    }
}

impl SecretFile {
    fn read(path: &Path) -> Self {
        let mut file = Self::default();
        match read_at_most(path, LIMIT) {
            Err(error) => file.tell(path, None, error.to_string()),
            Ok(bytes) if bytes.len() > LIMIT => {
                file.tell(path, None, format!("has more than {} KiB", LIMIT >> 10));
            }
            Ok(bytes) => file.parse(path, &bytes),
        }
        file
    }

    fn parse(&mut self, path: &Path, bytes: &[u8]) {
        let without_mark = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let lines = without_mark.split(|byte| *byte == b'\n').zip(1..);
        for (line, number) in lines {
            let text = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
            if text.is_empty() {
                continue;
            }
            match ListenerSecret::from_text(&String::from_utf8_lossy(text)) {
                Ok(secret) => self.push(path, number, secret),
                Err(text) => self.tell(path, Some(number), text),
            }
        }
        if self.secrets.len() > MOST_SECRETS {
            self.tell(path, None, too_many(self.secrets.len()));
        }
        let more = self.problems.len().saturating_sub(MOST_TOLD);
        if more > 0 {
            self.problems.truncate(MOST_TOLD);
            self.tell(path, None, format!("and {more} more of this kind"));
        }
    }

    fn push(&mut self, path: &Path, line: usize, secret: ListenerSecret) {
        match self.secrets.iter().find(|(_, other)| other.is_same(&secret)) {
            Some((first, _)) => {
                self.tell(path, Some(line), format!("repeats the secret of line {first}"));
            }
            None => self.secrets.push((line, secret)),
        }
    }

    fn tell(&mut self, file: &Path, line: Option<usize>, text: String) {
        self.problems.push(Finding { file: file.to_owned(), line, path: String::new(), text });
    }
}

fn too_many(count: usize) -> String {
    format!("has {count} secrets; {MOST_SECRETS} at most")
}
