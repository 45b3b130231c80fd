//! Two effective configurations, compared key by key.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::KeyChange;
use crate::config::restart;

/// Each key that differs.
pub(super) fn difference(old: &Value, new: &Value) -> Vec<KeyChange> {
    let mut comparison =
        Comparison { binds: [bound_host(old), bound_host(new)], changes: Vec::new() };
    comparison.compare("", Some(old), Some(new));
    comparison.changes
}

/// What an element of a list of this section is known by; `None` when its place in the list is all there
/// is to know it by.
pub(super) fn identity(section: &str, element: &Value) -> Option<String> {
    match section {
        "dcs" => Some(element["id"].to_string()),
        "listeners" => element["name"].as_str().map(str::to_owned),
        "dc_options" => {
            let (id, ip) = (&element["id"], element["ip_address"].as_str()?);
            let by = match element["protocols"][0].as_str() {
                Some("udp") => "/udp",
                Some(_) | None => "",
            };
            Some(match ip.contains(':') {
                true => format!("{id}/[{ip}]:{}{by}", element["port"]),
                false => format!("{id}/{ip}:{}{by}", element["port"]),
            })
        }
        _ => None,
    }
}

struct Comparison {
    /// Hosts of `admin.bind`, which are answered in any case.
    binds: [Option<String>; 2],
    changes: Vec<KeyChange>,
}

impl Comparison {
    fn compare(&mut self, path: &str, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (Some(old), Some(new)) if old == new => {}
            (Some(Value::Object(old)), Some(Value::Object(new))) if is_section(path, old, new) => {
                self.compare_keys(path, old, new);
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) if is_keyed(path, old, new) => {
                self.compare_elements(path, old, new);
            }
            (Some(old), Some(new)) if path == "admin.allowed_hosts" => {
                if self.foreign_hosts(old) != self.foreign_hosts(new) {
                    self.change(path, Some(old), Some(new));
                }
            }
            (old, new) => self.change(path, old, new),
        }
    }

    fn compare_keys(&mut self, path: &str, old: &Map<String, Value>, new: &Map<String, Value>) {
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        for key in new.keys().chain(gone) {
            // The text of the list, which may change while the list does not.
            if path.is_empty() && key == "dc_options_revision" {
                continue;
            }
            let path = match (path, key.contains(['.', ':', '/'])) {
                ("", _) => key.clone(),
                (path, false) => format!("{path}.{key}"),
                (path, true) => format!("{path}[{key}]"),
            };
            self.compare(&path, old.get(key), new.get(key));
        }
    }

    fn compare_elements(&mut self, path: &str, old: &[Value], new: &[Value]) {
        let by_identity = |list: &[Value]| -> BTreeMap<String, Value> {
            let known = list.iter().filter_map(|it| Some((identity(path, it)?, it.clone())));
            known.collect()
        };
        let (old, new) = (by_identity(old), by_identity(new));
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        for key in new.keys().chain(gone) {
            self.compare(&format!("{path}[{key}]"), old.get(key), new.get(key));
        }
    }

    fn change(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        self.changes.push(KeyChange {
            path: path.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
            restart: restart::key_of(path).is_some(),
        });
    }

    /// Hosts beside those that `admin.bind` brings, before or after.
    fn foreign_hosts<'v>(&self, hosts: &'v Value) -> Vec<&'v str> {
        let hosts = hosts.as_array().into_iter().flatten().filter_map(Value::as_str);
        hosts.filter(|host| !self.binds.iter().flatten().any(|own| own == host)).collect()
    }
}

/// Whether mappings are compared key by key: sections have the same keys, unless versions differ.
/// Other shapes of a value, `{country: ..}` and `{lat: .., lon: ..}`, have no key in common.
fn is_section(path: &str, old: &Map<String, Value>, new: &Map<String, Value>) -> bool {
    path == "geoip.overrides" || old.keys().any(|key| new.contains_key(key))
}

fn is_keyed(path: &str, old: &[Value], new: &[Value]) -> bool {
    let mut all = old.iter().chain(new);
    ["dcs", "listeners", "dc_options"].contains(&path)
        && all.all(|element| identity(path, element).is_some())
}

/// The address of `admin.bind` without its port and brackets.
fn bound_host(config: &Value) -> Option<String> {
    let address: std::net::SocketAddr = config["admin"]["bind"].as_str()?.parse().ok()?;
    Some(address.ip().to_string())
}
