//! Takes Markdown apart: blocks, commands, links, names of metrics.

use std::fs;
use std::path::Path;

/// The top of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the repository.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// README.md and all of `docs/`.
pub(crate) fn documents() -> Vec<Document> {
    let folder = fs::read_dir(repository().join("docs")).expect("a folder");
    let names = folder.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> =
        names.map(|name| format!("docs/{}", name.to_string_lossy())).collect();
    names.retain(|name| name.ends_with(".md"));
    names.sort();
    names.push("README.md".to_owned());
    names.iter().map(|name| Document::read(name)).collect()
}

/// A Markdown file.
pub(crate) struct Document {
    /// Its path from the top of the repository.
    pub(crate) name: String,
    text: String,
}

impl Document {
    /// Reads a file of the repository.
    pub(crate) fn read(name: &str) -> Self {
        Self { name: name.to_owned(), text: read(name) }
    }

    /// The code blocks of this language.
    pub(crate) fn blocks(&self, language: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let Some(found) = line.trim_start().strip_prefix("```") else { continue };
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            let block: String = block.map(|line| format!("{line}\n")).collect();
            if found == language {
                blocks.push(block);
            }
        }
        blocks
    }

    /// The commands that a reader would type: all lines of `sh` blocks, those of `console` blocks
    /// behind a prompt. Each stands on a line of its own.
    pub(crate) fn commands(&self) -> Vec<String> {
        let scripts = self.blocks("sh").concat();
        let consoles = self.blocks("console").concat();
        let typed = consoles.lines().filter_map(|line| line.strip_prefix("$ "));
        let all = scripts.lines().chain(typed).map(str::trim);
        all.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
    }

    /// Links to files of the repository.
    pub(crate) fn links(&self) -> Vec<String> {
        let targets =
            self.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let files = targets.filter(|target| !target.contains("://") && !target.is_empty());
        files.map(str::to_owned).collect()
    }

    /// Every name of a metric.
    pub(crate) fn metrics(&self) -> Vec<String> {
        let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
        let rests = self.text.split("nearpoint_").skip(1);
        let names = rests.map(|rest| rest.split(|c| !is_part(c)).next().unwrap_or_default());
        names.filter(|name| !name.is_empty()).map(|name| format!("nearpoint_{name}")).collect()
    }
}
