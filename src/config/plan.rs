//! What a reload would change: for logs, and for operators who ask before they reload.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::routing::Topology;

use super::Config;
use super::listener::Listener;

/// The difference between a running configuration and a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReloadPlan {
    /// Keys whose new value waits for a restart.
    pub needs_restart: Vec<&'static str>,
    /// What happens to listeners.
    pub listeners: ListenerChanges,
    /// DCs that come and go.
    pub dcs: Change,
    /// Access points that come and go.
    pub access_points: Change,
    /// Whether the text of `dc_options` is another one.
    pub dc_options_changed: bool,
    /// Whether clients are located differently, by another file, other overrides or another default.
    pub geoip_changed: bool,
    /// Whether anything else changed that new sessions are routed by.
    pub routing_changed: bool,
}

/// Listeners by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListenerChanges {
    /// Get sockets.
    pub added: Vec<Name>,
    /// Lose their sockets; sessions stay.
    pub removed: Vec<Name>,
    /// Listen at other addresses: sockets of new ones are opened, those of gone ones are closed, those
    /// of addresses that stay are kept.
    pub rebound: Vec<Name>,
    /// Keep their sockets. New sessions go by the new settings, a new backlog holds at once.
    pub adjusted: Vec<Name>,
    /// Are not touched.
    pub unchanged: Vec<Name>,
}

/// The name of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub Arc<str>);

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// How many come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// New ones.
    pub added: usize,
    /// Those that leave.
    pub removed: usize,
}

type Differs = fn(&Config, &Config) -> bool;

/// Keys that are read once.
const RESTART: &[(&str, Differs)] = &[
    ("edge.name", |a, b| a.edge.name != b.edge.name),
    ("edge.workers", |a, b| a.edge.workers != b.edge.workers),
    ("memory.pending", |a, b| a.memory.pending != b.memory.pending),
    ("memory.pipes", |a, b| a.memory.pipes != b.memory.pipes),
    ("memory.pipe_size", |a, b| a.memory.pipe_size != b.memory.pipe_size),
    ("admin.bind", |a, b| a.admin.bind != b.admin.bind),
    ("admin.allowed_hosts", |a, b| b.admin.answers_other_hosts(&a.admin)),
    ("metrics.bind", |a, b| a.metrics.bind != b.metrics.bind),
    ("log.level", |a, b| a.log.level != b.log.level),
    ("log.format", |a, b| a.log.format != b.log.format),
    ("shutdown.grace", |a, b| a.shutdown.grace != b.shutdown.grace),
    ("shutdown.deadline", |a, b| a.shutdown.deadline != b.shutdown.deadline),
];

impl ReloadPlan {
    /// What it takes to go from `old` to `new`.
    #[must_use]
    pub fn new(old: &Config, new: &Config) -> Self {
        Self {
            needs_restart: Self::restart_keys(old, new),
            listeners: ListenerChanges::new(old, new),
            dcs: Change::between(ids_of_dcs(&old.topology), ids_of_dcs(&new.topology)),
            access_points: Change::between(
                ids_of_access_points(&old.topology),
                ids_of_access_points(&new.topology),
            ),
            dc_options_changed: old.topology.revision() != new.topology.revision(),
            geoip_changed: old.geoip != new.geoip,
            routing_changed: old.topology != new.topology,
        }
    }

    /// The keys of `new` that wait for a restart in a daemon that was started with `started`.
    #[must_use]
    pub fn restart_keys(started: &Config, new: &Config) -> Vec<&'static str> {
        let waiting = RESTART.iter().filter(|(_, differs)| differs(started, new));
        waiting.map(|(key, _)| *key).collect()
    }
}

impl fmt::Display for ReloadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let listeners = &self.listeners;
        for (what, names) in [
            ("added", &listeners.added),
            ("removed", &listeners.removed),
            ("rebound", &listeners.rebound),
            ("adjusted", &listeners.adjusted),
        ] {
            if !names.is_empty() {
                let names: Vec<&str> = names.iter().map(|name| &*name.0).collect();
                parts.push(format!("listeners {what}: {}", names.join(", ")));
            }
        }
        for (what, change) in [("DCs", self.dcs), ("access points", self.access_points)] {
            if change != Change::default() {
                parts.push(format!("{what}: +{} -{}", change.added, change.removed));
            }
        }
        if self.geoip_changed {
            parts.push("geoip changes".to_owned());
        }
        if parts.is_empty() && self.routing_changed {
            parts.push("routing changes".to_owned());
        }
        if !self.needs_restart.is_empty() {
            parts.push(format!("needs a restart: {}", self.needs_restart.join(", ")));
        }
        match parts.is_empty() {
            true => f.write_str("nothing changes"),
            false => f.write_str(&parts.join("; ")),
        }
    }
}

impl ListenerChanges {
    fn new(old: &Config, new: &Config) -> Self {
        let mut changes = Self::default();
        for listener in &new.listeners {
            let name = Name(listener.name.clone());
            let route = |config: &Config| config.topology.route(&listener.name).cloned();
            match find(old, &listener.name) {
                None => changes.added.push(name),
                Some(before) => {
                    let (before, after) = (in_order(before), in_order(listener));
                    if before.bind != after.bind {
                        changes.rebound.push(name);
                    } else if before != after || route(old) != route(new) {
                        changes.adjusted.push(name);
                    } else {
                        changes.unchanged.push(name);
                    }
                }
            }
        }
        let gone = old.listeners.iter();
        let gone = gone.filter(|listener| find(new, &listener.name).is_none());
        changes.removed = gone.map(|listener| Name(listener.name.clone())).collect();
        changes
    }
}

impl Change {
    fn between<T: Ord>(old: BTreeSet<T>, new: BTreeSet<T>) -> Self {
        Self { added: new.difference(&old).count(), removed: old.difference(&new).count() }
    }
}

/// The listener with its addresses sorted: their order means nothing.
fn in_order(listener: &Listener) -> Listener {
    let mut listener = listener.clone();
    listener.bind.sort_unstable();
    listener
}

fn find<'c>(config: &'c Config, name: &str) -> Option<&'c Listener> {
    let mut listeners = config.listeners.iter();
    listeners.find(|listener| *listener.name == *name)
}

fn ids_of_dcs(topology: &Topology) -> BTreeSet<crate::routing::DcId> {
    topology.dcs().iter().map(|dc| dc.id).collect()
}

fn ids_of_access_points(topology: &Topology) -> BTreeSet<crate::routing::AccessPointId> {
    let all = topology.access_points().iter();
    all.map(|access_point| access_point.id).collect()
}

#[cfg(test)]
mod tests;
