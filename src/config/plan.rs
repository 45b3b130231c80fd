//! What a reload would change: for logs, and for operators who ask before they reload.

mod difference;

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Config, restart};
use difference::{difference, identity};

/// The most changed keys that are named in one line.
const MOST_NAMED: usize = 5;

/// The difference between a running configuration and a new one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReloadPlan {
    /// Every key whose value differs, and every DC, listener and access point that comes or goes.
    pub changes: Vec<KeyChange>,
    /// Keys whose new value waits for a restart.
    pub needs_restart: Vec<String>,
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

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyChange {
    /// Where: `listeners[clients].limits.sessions`. DCs are named by id, listeners by name, access points
    /// by DC and address.
    pub path: String,
    /// What is in force; `None` for what is new.
    pub before: Option<Value>,
    /// What would be; `None` for what goes.
    pub after: Option<Value>,
    /// Whether it waits for a restart.
    pub restart: bool,
}

/// Listeners by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListenerChanges {
    /// Get sockets.
    pub added: Vec<String>,
    /// Lose their sockets; sessions stay.
    pub removed: Vec<String>,
    /// Listen at other addresses, or serve another protocol: sockets of new ones are opened, those of gone
    /// ones are closed, those of addresses that stay are kept.
    pub rebound: Vec<String>,
    /// Keep their sockets. New sessions go by the new settings, a new backlog holds at once.
    pub adjusted: Vec<String>,
    /// Are not touched.
    pub unchanged: Vec<String>,
}

/// How many come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// New ones.
    pub added: usize,
    /// Those that leave.
    pub removed: usize,
}

impl ReloadPlan {
    /// What it takes to go from `old` to `new`.
    #[must_use]
    pub fn new(old: &Config, new: &Config) -> Self {
        let (before, after) = old.effective.apart(&new.effective);
        // What both have is not in there, so that counting is for the topologies.
        Self {
            dcs: Change::between(
                old.topology.dcs().iter().map(|dc| dc.id),
                new.topology.dcs().iter().map(|dc| dc.id),
            ),
            access_points: Change::between(
                old.topology.access_points().iter().map(|it| it.id),
                new.topology.access_points().iter().map(|it| it.id),
            ),
            ..Self::between(&before, &after)
        }
    }

    /// What it takes to go from one effective configuration to another, as [`Config::effective`] or a
    /// running daemon tells them.
    #[must_use]
    pub fn between(old: &Value, new: &Value) -> Self {
        let changes = difference(old, new);
        let concerns = |sections: &[&str]| {
            changes.iter().any(|change| sections.contains(&section_of(&change.path)))
        };
        let ids = |value: &Value| -> BTreeSet<String> {
            let lists = ["dcs", "dc_options"].into_iter().filter_map(|key| value[key].as_array());
            lists.flatten().map(|element| element["id"].to_string()).collect()
        };
        let access_points = |value: &Value| -> BTreeSet<String> {
            let list = value["dc_options"].as_array().into_iter().flatten();
            list.filter_map(|it| identity("dc_options", it)).collect()
        };
        let revision = |value: &Value| value["dc_options_revision"].clone();
        Self {
            needs_restart: waiting(&changes).into_iter().map(str::to_owned).collect(),
            listeners: ListenerChanges::between(old, new),
            dcs: Change::between(ids(old), ids(new)),
            access_points: Change::between(access_points(old), access_points(new)),
            dc_options_changed: revision(old) != revision(new),
            geoip_changed: concerns(&["geoip"]),
            routing_changed: concerns(ROUTING),
            changes,
        }
    }

    /// The keys of `new` that wait for a restart in a daemon that was started with `started`.
    #[must_use]
    pub fn restart_keys(started: &Config, new: &Config) -> Vec<&'static str> {
        let (before, after) = started.effective.apart(&new.effective);
        waiting(&difference(&before, &after))
    }

    /// Whether a change is among those that the plan sums up, so that its key need not be named.
    fn counts(&self, change: &KeyChange) -> bool {
        let comes_or_goes = change.before.is_none() || change.after.is_none();
        match section_of(&change.path) {
            "listeners" => true,
            "geoip" => self.geoip_changed,
            "dcs" => comes_or_goes && self.dcs != Change::default(),
            "dc_options" => comes_or_goes && self.access_points != Change::default(),
            _ => false,
        }
    }
}

/// Sections that sessions are routed by.
const ROUTING: &[&str] =
    &["edge", "dc_options", "dcs", "listeners", "connect", "policy", "health", "overflow"];

/// `listeners` of `listeners[clients].limits`.
fn section_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

/// The keys that wait for a restart, each once, in the order of the table.
fn waiting(changes: &[KeyChange]) -> Vec<&'static str> {
    let changed: BTreeSet<&str> =
        changes.iter().filter_map(|change| restart::key_of(&change.path)).collect();
    restart::KEYS.iter().filter(|key| changed.contains(**key)).copied().collect()
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
        let untold = self.changes.iter().filter(|change| !change.restart && !self.counts(change));
        let untold: Vec<&str> = untold.map(|change| change.path.as_str()).collect();
        if !untold.is_empty() {
            let named = untold.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
            parts.push(match untold.len().saturating_sub(MOST_NAMED) {
                0 => format!("changes: {named}"),
                more => format!("changes: {named} and {more} more"),
            });
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
    fn between(old: &Value, new: &Value) -> Self {
        let listeners = |value: &Value| -> Vec<(String, Value)> {
            let list = value["listeners"].as_array().into_iter().flatten();
            list.filter_map(|it| Some((identity("listeners", it)?, it.clone()))).collect()
        };
        let (old, new) = (listeners(old), listeners(new));
        let find = |list: &[(String, Value)], name: &str| {
            list.iter().find(|(other, _)| other == name).map(|(_, listener)| listener.clone())
        };
        let mut changes = Self::default();
        for (name, listener) in &new {
            let list = match find(&old, name) {
                None => &mut changes.added,
                Some(before) if opens(&before) != opens(listener) => &mut changes.rebound,
                Some(before) if before != *listener => &mut changes.adjusted,
                Some(_) => &mut changes.unchanged,
            };
            list.push(name.clone());
        }
        let gone = old.iter().filter(|(name, _)| find(&new, name).is_none());
        changes.removed = gone.map(|(name, _)| name.clone()).collect();
        changes
    }
}

/// What the sockets of a listener are opened for. Versions that served TCP only said so too.
fn opens(listener: &Value) -> [&Value; 2] {
    [&listener["bind"], &listener["protocol"]]
}

impl Change {
    fn between<T: Ord>(old: impl IntoIterator<Item = T>, new: impl IntoIterator<Item = T>) -> Self {
        let (old, new): (BTreeSet<T>, BTreeSet<T>) =
            (old.into_iter().collect(), new.into_iter().collect());
        Self { added: new.difference(&old).count(), removed: old.difference(&new).count() }
    }
}

#[cfg(test)]
mod tests;
