//! A list of access points: whatever it is, it is read or refused, with problems that can be told; what loads
//! can be written, and what is written loads as the same.
//!
//! An input is the text of the list.

use std::path::Path;

use nearpoint::config::{Config, File, import, parse};
use nearpoint::routing::Topology;

const MAIN: &str = "listeners: [{name: clients, bind: ['127.0.0.1:1']}]";

/// Panics if something is wrong.
pub(crate) fn check(input: &[u8]) {
    let Some(topology) = load(input) else { return };
    let imported = import(list(input)).unwrap_or_else(|error| panic!("it loads: {error}"));
    let written = imported.to_yaml("a test");
    let again = load(written.as_bytes()).unwrap_or_else(|| panic!("does not load:\n{written}"));
    assert_eq!(again.access_points(), topology.access_points(), "{written}");
    assert_eq!(again.is_test_network(), topology.is_test_network());
    let rewritten = import(list(written.as_bytes())).expect("it has loaded").to_yaml("a test");
    assert_eq!(entries(&rewritten), entries(&written), "written twice, alike");
}

/// What a list comes to; `None` if it is refused, for reasons that can be told.
pub(crate) fn load(text: &[u8]) -> Option<Topology> {
    let main = File { path: Path::new("nearpoint.yaml"), bytes: MAIN.as_bytes() };
    match parse(main, list(text)) {
        Ok(loaded) => {
            loaded.notes.iter().for_each(|note| assert!(!note.to_string().is_empty()));
            let Config { topology, .. } = loaded.config;
            Some(topology)
        }
        Err(error) => {
            assert!(!error.problems.is_empty() && !error.to_string().is_empty());
            None
        }
    }
}

fn list(bytes: &[u8]) -> File<'_> {
    File { path: Path::new("dc_options.yaml"), bytes }
}

/// Without what is told of them.
fn entries(written: &str) -> Vec<&str> {
    written.lines().filter(|line| !line.starts_with('#')).collect()
}
