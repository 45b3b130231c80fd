//! `edge`, `geoip`: this edge, and where clients are.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;

use crate::routing::{ClientAddr, Place};

use super::node::Node;
use super::place;
use super::reader::Cursor;
use super::values::{Parsed, count, name, network, text};

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

impl Default for Edge {
    fn default() -> Self {
        Self { name: "edge".into(), location: None, workers: Workers::default(), state_dir: None }
    }
}

impl Edge {
    /// `base` is where relative paths begin.
    pub(super) fn read(cursor: &Cursor<'_>, base: &Path) -> Self {
        let default = Self::default();
        cursor.section(|keys| Self {
            name: keys.or("name", default.name, name),
            location: place::read(&keys.key("location")),
            workers: keys.or("workers", default.workers, workers),
            state_dir: keys
                .key("state_dir")
                .read_unless_none(|node| text(node).map(|path| base.join(path))),
        })
    }
}

fn workers(node: &Node) -> Parsed<Workers> {
    match node {
        Node::Text(word) if word == "auto" => Ok(Workers::Auto),
        Node::Integer(_) => {
            let threads = count(1..=1024)(node)?;
            Ok(NonZeroU32::new(threads).map_or(Workers::Auto, Workers::Count))
        }
        Node::Null
        | Node::Bool(_)
        | Node::Float(_)
        | Node::Text(_)
        | Node::List(_)
        | Node::Map(_) => Err("is not `auto` or a number of threads".to_owned()),
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
    pub(super) fn read(cursor: &Cursor<'_>, base: &Path) -> Self {
        let default = Self::default();
        let database = |node: &Node| {
            text(node).map(|path| match path {
                "embedded" => GeoipDatabase::Embedded,
                path => GeoipDatabase::File(base.join(path)),
            })
        };
        cursor.section(|keys| Self {
            database: keys.or("database", default.database, database),
            asn_database: keys
                .key("asn_database")
                .read_unless_none(|node| text(node).map(|path| base.join(path))),
            overrides: read_overrides(&keys.key("overrides")),
            default: place::read(&keys.key("default")),
        })
    }
}

fn read_overrides(cursor: &Cursor<'_>) -> Vec<(IpNet, Place)> {
    let mut seen = BTreeSet::new();
    let mut overrides = Vec::new();
    for (key, entry) in cursor.entries() {
        match network(key) {
            Ok(network) if !seen.insert(network) => entry.problem("is given twice"),
            Ok(network) if carries_v4(network) => entry.problem(format!(
                "{network} matches nobody: its addresses carry IPv4 addresses, and clients are \
                 looked up by those; name the IPv4 network"
            )),
            Ok(network) if entry.is_word("none") => {
                entry.problem(format!("{network} needs a place"));
            }
            Ok(network) => overrides.extend(place::read(&entry).map(|place| (network, place))),
            Err(text) => entry.problem(text),
        }
    }
    overrides.sort_by_key(|(network, _)| *network);
    overrides
}

/// Whether all of an IPv6 network lies where addresses are IPv4 ones in other clothes: NAT64, 6to4,
/// Teredo.
fn carries_v4(network: IpNet) -> bool {
    let carries = |ip| ClientAddr::new(ip).ip() != ip;
    carries(network.network()) && carries(network.broadcast())
}
