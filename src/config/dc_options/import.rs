//! A list that is read alone: the dump of a client, before it becomes a file of the configuration.

use std::io::{self, Read};

use super::{LIMIT, LIST, Listed};
use crate::config::finding::{ConfigError, Finding, Findings, Located};
use crate::config::key_path::KeyPath;
use crate::config::node::Node;
use crate::config::read::{File, open};
use crate::config::rules::NEEDS_ASNS;

/// How some clients name the constructor of an object.
const OTHER_CONSTRUCTOR: &str = "@type";

/// The access points of a dump. What they are written as, [`to_yaml`](Self::to_yaml) says.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What was merged, and what else was noticed; at most some 100.
    pub notes: Vec<Finding>,
    /// Entries of the dump, of which several may be one access point.
    pub entries: usize,
    /// Whether they are those of a test network.
    pub is_test_network: bool,
    /// By DC and address.
    pub(super) listed: Vec<Listed>,
}

/// Reads a dump, in every shape that `dc_options` may have and some that only other programs write: the
/// constructor under `@type`, and secrets in base64 on several lines.
///
/// # Errors
/// With all problems.
pub fn import(file: File<'_>) -> Result<Imported, ConfigError> {
    let mut document = open(file, LIMIT)?;
    let entries = adapt(&mut document.root);
    let (problems, notes) = (Findings::default(), Findings::default());
    // Which databases there will be, a list does not know.
    let options = super::read(&document.root, true, (&problems, &notes));
    let mut offers = options.listed.iter().flat_map(|listed| &listed.offered_to);
    if offers.any(|offer| !offer.written.asn.is_absent()) {
        notes.add(&KeyPath::default(), format!("`for` with `asn` {NEEDS_ASNS}"));
    }
    let located = |path: &KeyPath| Located::within(file.path, &document, path);
    match problems.is_empty() {
        true => Ok(Imported {
            notes: notes.into_list(located),
            entries,
            is_test_network: options.is_test_network,
            listed: options.listed,
        }),
        false => Err(ConfigError { problems: problems.into_list(located), sources: None }),
    }
}

/// Reads a dump, and no more than one may have: a byte beyond shows that it is too large.
///
/// # Errors
/// Those of reading.
pub fn read_dump(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes of other programs what means the same here, and counts the entries.
fn adapt(root: &mut Node) -> usize {
    let list = match root {
        Node::Map(keys) => keys.iter_mut().find(|(key, _)| key == LIST).map(|(_, list)| list),
        bare => Some(bare),
    };
    let Some(Node::List(entries)) = list else { return 0 };
    for entry in &mut *entries {
        let Node::Map(keys) = entry else { continue };
        for (key, value) in keys {
            match (key.as_str(), value) {
                (OTHER_CONSTRUCTOR, _) => "_".clone_into(key),
                ("secret", Node::Text(text)) => text.retain(|letter| !letter.is_whitespace()),
                _ => {}
            }
        }
    }
    entries.len()
}

#[cfg(test)]
mod tests;
