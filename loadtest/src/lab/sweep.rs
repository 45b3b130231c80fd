//! What labs that were killed have left behind is removed when the next one starts.

use super::error::LabError;
use super::namespace::{self, Namespace};
use super::owner::Owner;
use std::fs;
use std::io;

/// Removes every namespace whose lab is no more, and first kills what still runs in it. Labs of
/// living processes are left alone, so any number of labs may sweep and work at once.
///
/// Returns the names of those that were removed.
pub(crate) fn sweep() -> Result<Vec<String>, LabError> {
    let mut swept = Vec::new();
    for (name, owner) in namespaces()? {
        if !owner.is_gone().map_err(LabError::io(format!("look for the lab of {name}")))? {
            continue;
        }
        match Namespace::open(&name) {
            Ok(namespace) => drop(namespace),
            // Another lab that starts sweeps as well.
            Err(LabError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                continue;
            }
            Err(error) => return Err(error),
        }
        swept.push(name);
    }
    Ok(swept)
}

/// All namespaces of labs, with the process that made them, by name.
pub(super) fn namespaces() -> Result<Vec<(String, Owner)>, LabError> {
    let failed = || LabError::io(format!("list {}", namespace::DIRECTORY));
    let entries = match fs::read_dir(namespace::DIRECTORY) {
        Ok(entries) => entries,
        // There has never been a namespace.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed()(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed())?.file_name();
        let Some(name) = name.to_str() else { continue };
        found.extend(Owner::of(name).map(|owner| (name.to_owned(), owner)));
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}
