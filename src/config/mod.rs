//! YAML text -> valid [`Config`] -> [`ReloadPlan`].
//!
//! A configuration is two documents: the main file, and the list of access points (`dc_options`)
//! that operations push often. Both are parsed into trees within bounds, then read key by key; all
//! problems are told at once, each with its path and, where the text allows, its line. What comes
//! out holds only valid values.
//!
//! Deliberately not here: watching files, publishing a configuration, opening the GeoIP database.
//! Each section of the main file has its types, its defaults and its reading in one place; a key is
//! declared by reading it.

mod assemble;
mod daemon;
mod dc_options;
mod dcs;
mod document;
mod draft;
mod edge;
mod finding;
pub mod guards;
mod key_path;
mod listener;
mod load;
mod node;
mod not_yet;
mod place;
mod plan;
mod reader;
mod values;

use std::path::PathBuf;

use crate::routing::Topology;

pub use daemon::{
    Admin, Bind, EmptyDc, Guards, Log, LogFormat, LogLevel, Memory, Metrics, Shutdown,
};
pub use edge::{Edge, Geoip, GeoipDatabase, Workers};
pub use finding::{ConfigError, Finding};
pub use guards::GuardRefusal;
pub use listener::{Keepalive, Listener, ListenerLimits, ProxyProtocol, TcpOptions, Timeouts};
pub use load::{File, Loaded, Sources, load, parse, readable_geoip};
pub use plan::{Change, ListenerChanges, Name, ReloadPlan};

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
}

#[cfg(test)]
mod tests;
