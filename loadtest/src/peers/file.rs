//! Files of peers: filled in, and put in place.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;

/// A file of a peer, by its path below the peer's directory.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

impl File {
    /// Renamed into place: nobody ever reads half of it.
    pub(crate) fn put(&self, directory: &Path) -> io::Result<()> {
        let place = directory.join(self.name);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        let new = directory.join("new");
        fs::write(&new, &self.text)?;
        fs::rename(new, place)
    }
}

/// What stands for a word in double braces.
pub(super) type Value<'a> = (&'static str, Cow<'a, str>);

/// `text` with values in the place of `{{words}}`. A value of many lines is indented as its word is; a
/// line that has nothing but a word without a value goes.
pub(super) fn fill(text: &str, values: &[Value<'_>]) -> String {
    let mut filled = String::new();
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut rest = line;
        let mut whole = String::new();
        while let Some((before, word, after)) = next_word(rest) {
            let value = values.iter().find(|(name, _)| *name == word);
            let (_, value) = value.unwrap_or_else(|| panic!("there is a value for {{{{{word}}}}}"));
            whole.push_str(before);
            for (number, part) in value.trim_end().lines().enumerate() {
                if number > 0 {
                    whole.push('\n');
                    whole.push_str(indent);
                }
                whole.push_str(part);
            }
            rest = after;
        }
        whole.push_str(rest);
        if line.is_empty() || !whole.trim().is_empty() {
            filled.push_str(whole.trim_end());
            filled.push('\n');
        }
    }
    filled
}

fn next_word(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (word, after) = rest.split_once("}}")?;
    Some((before, word, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_many_lines_are_indented_and_lines_without_a_value_go() {
        let values = [("at", "here".into()), ("none", "".into()), ("list", "- a\n- b\n".into())];
        let text =
            "bind {{at}}, {also: {{at}}}\n    {{none}}\n\n  list: {{none}}\n  {{list}}\nend\n";
        let filled = "bind here, {also: here}\n\n  list:\n  - a\n  - b\nend\n";
        assert_eq!(fill(text, &values), filled);
    }

    #[test]
    #[should_panic(expected = "a value for {{what}}")]
    fn a_word_that_nobody_knows_is_a_mistake_of_the_file() {
        fill("{{what}}", &[]);
    }
}
