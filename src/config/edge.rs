//! `edge`, `geoip`: this edge, and where clients are.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;

use crate::routing::Place;

use super::finding::Findings;
use super::key_path::KeyPath;
use super::tree::{self, Overrides};
use super::value::client_network;

/// This edge. Scope: the process.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// How it is called in logs and metrics. Default `edge`.
    pub name: Arc<str>,
    /// Where it stands; used while nothing is measured yet. Default none.
    pub location: Option<Place>,
    /// Threads of the data plane. Default auto. Needs a restart.
    pub workers: Workers,
    /// Where what must survive a restart is kept; a relative path of the configuration is already
    /// resolved. Default none: nothing does. Needs a restart.
    pub state_dir: Option<PathBuf>,
}

/// How many threads carry sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// One for each core.
    #[default]
    Auto,
    /// So many, up to 1024.
    Count(NonZeroU32),
}

impl Workers {
    /// How many that is on a machine with so many cores.
    #[must_use]
    pub fn count(self, cores: usize) -> usize {
        match self {
            Self::Auto => cores,
            Self::Count(count) => usize::try_from(count.get()).unwrap_or(usize::MAX),
        }
    }
}

impl Default for Edge {
    fn default() -> Self {
        Self::new(&tree::Edge::default(), Path::new(""))
    }
}

impl Edge {
    /// `base` is where relative paths begin.
    pub(super) fn new(tree: &tree::Edge, base: &Path) -> Self {
        let tree::Edge { name, location, workers, state_dir } = tree;
        let threads = workers.value().and_then(|threads| NonZeroU32::new(threads.get()));
        Self {
            name: name.get(),
            location: location.value().and_then(|place| place.resolve()),
            workers: threads.map_or(Workers::Auto, Workers::Count),
            state_dir: state_dir.value().map(|path| path.beside(base)),
        }
    }
}

/// How clients are located. Scope: all `nearest` listeners.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Geoip {
    /// Where locations come from. Default embedded.
    pub database: GeoipDatabase,
    /// A file in MaxMind's format that tells autonomous systems; a relative path of the configuration
    /// is already resolved. Default none.
    pub asn_database: Option<PathBuf>,
    /// Networks whose location is known better; the longest prefix wins, and wins over the database.
    /// Default none. In the order of the networks, each once.
    pub overrides: Vec<(IpNet, Place)>,
    /// Where clients are whom nobody can locate; for cost only. Default none.
    pub default: Option<Place>,
}

/// A source of locations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GeoipDatabase {
    /// The country database within the program.
    #[default]
    Embedded,
    /// A file in MaxMind's format; a relative path of the configuration is already resolved.
    File(PathBuf),
}

impl Geoip {
    /// `base` is where relative paths begin.
    pub(super) fn new(tree: &tree::Geoip, base: &Path, problems: &Findings) -> Self {
        let tree::Geoip { database, asn_database, overrides, default } = tree;
        Self {
            database: match database.value() {
                None => GeoipDatabase::Embedded,
                Some(path) => GeoipDatabase::File(path.beside(base)),
            },
            asn_database: asn_database.value().map(|path| path.beside(base)),
            overrides: placed(overrides, problems),
            default: default.value().and_then(|place| place.resolve()),
        }
    }
}

/// The overrides in the order of the networks, each once.
fn placed(overrides: &Overrides, problems: &Findings) -> Vec<(IpNet, Place)> {
    let mut seen = BTreeSet::new();
    let mut placed = Vec::new();
    for (key, place) in overrides.iter() {
        let path = || KeyPath::default().key("geoip").key("overrides").key(key.to_owned());
        match client_network(key) {
            Ok(network) if !seen.insert(network) => problems.add(&path(), "is given twice"),
            Ok(network) => {
                placed
                    .extend(place.and_then(|place| place.resolve()).map(|place| (network, place)));
            }
            Err(text) => problems.add(&path(), text),
        }
    }
    placed.sort_by_key(|(network, _)| *network);
    placed
}
