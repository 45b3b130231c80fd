//! YAML text -> valid [`Config`] -> [`ReloadPlan`].
//!
//! A configuration is two documents: the main file, which may include others, and the list of access
//! points (`dc_options`) that operations push often. Both are parsed into trees within bounds, and read
//! into the types of `tree`, which mirror what is written and are the one place where a key is
//! declared. All problems are told at once, each with its path and, where the text allows, its line.
//! Then it is checked how values fit together, and what comes out holds only valid values.
//!
//! From the same types come the JSON Schema ([`schema`]), the reference in `docs/configuration.md`, and
//! the effective configuration ([`Config::effective`]), of which two make a [`ReloadPlan`].
//!
//! A list can also be read alone, from any dump, and written as people read it ([`import`]).
//!
//! Deliberately not here: watching files, publishing a configuration, opening the GeoIP database.

mod admin;
mod assemble;
mod daemon;
mod dc_options;
mod dcs;
mod de;
mod document;
mod draft;
mod edge;
mod effective;
mod finding;
pub mod guards;
mod key_path;
mod list;
mod listener;
mod load;
mod main_files;
mod node;
mod plan;
mod read;
mod remarks;
mod restart;
mod rules;
pub mod schema;
mod secrets;
pub mod tokens;
mod tree;
mod value;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::routing::Topology;

use effective::Effective;

pub use admin::{Admin, AdminBind, AdminTls};
pub use daemon::{Bind, EmptyDc, Guards, Log, LogFormat, LogLevel, Memory, Metrics, Shutdown};
pub use dc_options::{Imported, import, read_dump};
pub use edge::{Edge, Geoip, GeoipDatabase, Workers};
pub use finding::{ConfigError, Finding};
pub use guards::GuardRefusal;
pub use list::{ContentHash, List, PUSHED, PushedList};
pub use listener::{
    Dial, Keepalive, Listener, ListenerLimits, NewRate, OnRemoved, ProxyProtocol, Sniffing,
    TcpOptions, Timeouts, UdpOptions,
};
pub use load::{Loaded, Main, Sources, load, load_with, parse, readable_geoip};
pub use plan::{Change, KeyChange, ListenerChanges, ReloadPlan};
pub use read::{File, Unreadable, read_at_most};
pub use value::ListenerSecret;
pub use value::pattern::socket_address as socket_address_pattern;

/// A valid configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// This edge.
    pub edge: Edge,
    /// The list of access points; a relative path of the configuration is already resolved. Default
    /// `dc_options.yaml` beside the main file.
    pub dc_options: PathBuf,
    /// How clients are located.
    pub geoip: Geoip,
    /// What clients connect to, in the order of the file; at least one.
    pub listeners: Vec<Listener>,
    /// DCs, access points, and how listeners choose among them.
    pub topology: Topology,
    /// What a reload may not do.
    pub guards: Guards,
    /// Bounds on memory.
    pub memory: Memory,
    /// How the process ends.
    pub shutdown: Shutdown,
    /// The HTTP side door.
    pub admin: Admin,
    /// Where Prometheus scrapes.
    pub metrics: Metrics,
    /// What is logged.
    pub log: Log,
    effective: Arc<Effective>,
}

impl Config {
    /// The whole tree with the defaults filled in, in a canonical form: lists whose order means nothing
    /// are sorted, and secrets are `redacted:` and the beginning of their hash. Under `dc_options` is
    /// the list itself, with `dc_options_file`, `dc_options_test_mode` and `dc_options_revision` beside
    /// it.
    #[must_use]
    pub fn effective(&self) -> Value {
        self.effective.to_value()
    }

    /// What of this configuration is in force in a process that was `started` with another: the
    /// effective one, with the keys that wait for a restart as they were.
    #[must_use]
    pub fn in_force(&self, started: &Self) -> Value {
        let mut configuration = self.effective();
        restart::keep(&started.effective(), &mut configuration);
        configuration
    }
}

#[cfg(test)]
mod tests;
