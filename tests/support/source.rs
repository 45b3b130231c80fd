//! Reads Rust sources well enough to see who imports whom: comments, strings and `#[cfg(test)]`
//! items are left out, paths are resolved to the root of the crate.

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below these folders, in order; `target` and what git keeps are left out.
pub(crate) fn files_below(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|name| repository().join(name)).collect();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder of the repository");
        for entry in entries {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true if !path.ends_with("target") && !path.ends_with(".git") => folders.push(path),
                true => {}
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

/// A path as people write it: from the top of the repository.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap_or(path).display().to_string()
}

/// One file of the crate, without its tests.
pub(crate) struct Source {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its module, from the root of the crate.
    pub(crate) module: Vec<String>,
    tokens: Vec<Token>,
}

/// A path in the code, from the root of the crate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The line it is on.
    pub(crate) line: usize,
    /// `crate` left out.
    pub(crate) path: Vec<String>,
}

impl Source {
    /// Every file of the library, from `src/lib.rs` along its `mod` lines, and the binary.
    pub(crate) fn of_the_crate() -> Vec<Self> {
        let src = repository().join("src");
        let mut sources = Vec::new();
        walk(&src.join("lib.rs"), Vec::new(), &mut sources);
        walk(&src.join("main.rs"), vec!["main".to_owned()], &mut sources);
        sources
    }

    /// The module at the top of the crate that the file belongs to.
    pub(crate) fn top(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }

    /// Every path that begins with `crate`, `self` or `super`.
    pub(crate) fn references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        let mut inline: Vec<(String, usize)> = Vec::new();
        let mut depth = 0;
        for at in 0..self.tokens.len() {
            match self.text(at) {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    inline.retain(|(_, opened)| *opened <= depth);
                }
                "mod" if self.text(at + 2) == "{" => {
                    inline.push((self.text(at + 1).to_owned(), depth + 1));
                }
                "crate" | "self" | "super" if self.text(at + 1) == "::" => {
                    if at > 0 && self.text(at - 1) == "::" {
                        continue;
                    }
                    let mut paths = Vec::new();
                    self.path_tree(at, Vec::new(), &mut paths);
                    let mut here = self.module.clone();
                    here.extend(inline.iter().map(|(name, _)| name.clone()));
                    let line = self.tokens[at].line;
                    let resolved = paths.into_iter().map(|path| resolve(&here, &path));
                    found.extend(resolved.map(|path| Reference { line, path }));
                }
                _ => {}
            }
        }
        found
    }

    /// The words that a path begins with, and their lines.
    pub(crate) fn roots(&self) -> Vec<(usize, &str)> {
        let begins = |at: &usize| {
            self.text(at + 1) == "::" && (*at == 0 || self.text(at - 1) != "::")
                || *at > 0 && self.text(at - 1) == "use"
        };
        let roots = (0..self.tokens.len()).filter(begins);
        roots.map(|at| (self.tokens[at].line, self.text(at))).collect()
    }

    /// The token there; empty beyond the end.
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }

    /// Follows a path, and into the braces of a `use`; returns where it ends.
    fn path_tree(&self, mut at: usize, mut path: Vec<String>, out: &mut Vec<Vec<String>>) -> usize {
        loop {
            match self.text(at) {
                "{" => {
                    at += 1;
                    while !matches!(self.text(at), "}" | "") {
                        at = self.path_tree(at, path.clone(), out);
                        while !matches!(self.text(at), "," | "}" | "") {
                            at += 1;
                        }
                        if self.text(at) == "," {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                text if is_word(text) => path.push(text.to_owned()),
                _ => {
                    out.push(path);
                    return at;
                }
            }
            if self.text(at + 1) != "::" {
                out.push(path);
                return at + 1;
            }
            at += 2;
        }
    }
}

fn resolve(here: &[String], path: &[String]) -> Vec<String> {
    let mut resolved = here.to_vec();
    for segment in path {
        match segment.as_str() {
            "crate" => resolved.clear(),
            "self" => {}
            "super" => drop(resolved.pop()),
            _ => resolved.push(segment.clone()),
        }
    }
    resolved
}

fn walk(path: &Path, module: Vec<String>, sources: &mut Vec<Source>) {
    let text = fs::read_to_string(path).expect("a source file");
    let tokens = without_tests(tokens(&text));
    let folder = path.parent().expect("a file is in a folder");
    let stem = path.file_stem().expect("a file has a name");
    let below = match matches!(stem.to_str(), Some("lib" | "main" | "mod")) {
        true => folder.to_owned(),
        false => folder.join(stem),
    };
    let children = tokens.windows(3).filter(|it| it[0].text == "mod" && it[2].text == ";");
    let children: Vec<String> = children.map(|it| it[1].text.clone()).collect();
    sources.push(Source { path: path.to_owned(), module: module.clone(), tokens });
    for child in children {
        let files = [below.join(format!("{child}.rs")), below.join(&child).join("mod.rs")];
        let file = files.iter().find(|file| file.exists()).expect("a module has a file");
        walk(file, [module.clone(), vec![child]].concat(), sources);
    }
}

/// A word, `::`, or a single character of punctuation.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// The line it is on.
    pub(crate) line: usize,
    /// As it is written.
    pub(crate) text: String,
}

/// The tokens of Rust text; comments, strings, characters and lifetimes are left out.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut at, mut line) = (0, 1);
    let mut found = Vec::new();
    while at < chars.len() {
        let rest = &chars[at..];
        let length = match rest {
            ['/', '/', ..] => position(rest, |it| it[0] == '\n'),
            ['/', '*', ..] => 2 + position(&rest[2..], |it| it.starts_with(&['*', '/'])) + 2,
            ['r', '#' | '"', ..] | ['b' | 'c', 'r', '#' | '"', ..] => raw_string(rest).unwrap_or(1),
            ['"', ..] => string(rest, '"'),
            ['\'', '\\', ..] | ['\'', _, '\'', ..] => string(rest, '\''),
            ['\'', ..] => 1 + position(&rest[1..], |it| !is_word_char(it[0])),
            [':', ':', ..] => 2,
            [first, ..] if is_word_char(*first) => position(rest, |it| !is_word_char(it[0])),
            _ => 1,
        }
        .min(rest.len());
        let token: String = rest[..length].iter().collect();
        let literal = token.starts_with(['/', '"', '\'']) || token.ends_with(['"', '#']);
        let silent = literal && length > 1 || token.trim().is_empty();
        if !silent {
            found.push(Token { line, text: token.clone() });
        }
        line += token.matches('\n').count();
        at += length;
    }
    found
}

fn position(rest: &[char], found: impl Fn(&[char]) -> bool) -> usize {
    (0..rest.len()).find(|at| found(&rest[*at..])).unwrap_or(rest.len())
}

fn string(rest: &[char], end: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != end {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// `r"..."`, `r#"..."#`, `br"..."`; `None` for an identifier such as `r#type`.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = position(rest, |it| it[0] == '#' || it[0] == '"');
    let hashes = position(&rest[prefix..], |it| it[0] != '#');
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return None;
    }
    let closing: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
    Some(open + 1 + position(&rest[open + 1..], |it| it.starts_with(&closing)) + closing.len())
}

/// Leaves out every item behind `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    let (mut at, mut kept) = (0, Vec::new());
    while at < tokens.len() {
        if !(0..).zip(CFG_TEST).all(|(nth, text)| is(at + nth, text)) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += CFG_TEST.len();
        let import = is(at, "use");
        let mut depth = 0;
        while at < tokens.len() {
            match tokens[at].text.as_str() {
                "{" | "[" | "(" => depth += 1,
                "}" | "]" | ")" => depth -= 1,
                _ => {}
            }
            at += 1;
            let ended = is(at - 1, ";") || is(at - 1, "}") && !import;
            if depth == 0 && ended {
                break;
            }
        }
    }
    kept
}

fn is_word(text: &str) -> bool {
    text.chars().all(is_word_char) && !text.is_empty()
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
