//! What the configuration tree has a place for and this version does not do. Such a key is refused,
//! never ignored, and not called unknown. The tables shrink as versions grow.

use super::key_path::KeyPath;
use super::node::Node;

/// What is said of them.
pub(super) const TEXT: &str = "not in this version";

/// By mapping, `[]` for each element of a list.
const KEYS: &[(&str, &[&str])] = &[
    ("", &["include", "on_down", "failback", "overflow", "access_log"]),
    ("dcs[]", &["max_sessions", "replicas", "send_proxy", "source"]),
    ("dcs[].health", HEALTH),
    ("dcs[].health.probe", PROBES),
    ("listeners[]", &["class", "dial", "advertise", "udp"]),
    ("listeners[].route", &["mtproto"]),
    ("listeners[].limits", &["sessions_per_client", "new_per_second", "new_per_second_per_client"]),
    ("listeners[].timeouts", &["first_byte"]),
    ("connect", &["hedge"]),
    ("policy", &["spill_margin", "bound_fail_open", "default", "rules", "enforce_on_bound"]),
    ("health", HEALTH),
    ("health.probe", PROBES),
    ("guards", &["max_moved"]),
    ("admin", &["tokens_file", "tls"]),
    ("dc_options[]", &["max_sessions", "health", "for"]),
];

const HEALTH: &[&str] = &["udp_probe", "max_in_flight", "hold_down", "slow_start"];
const PROBES: &[&str] = &["http", "mtproto"];

/// Values of keys that are known.
const VALUES: &[(&str, &str)] = &[
    ("listeners[].protocol", "udp"),
    ("admin.bind", "unix:"),
    ("dc_options[].protocols[]", "udp"),
];

/// The keys of the mapping at `path` that this version refuses.
pub(super) fn keys(path: &KeyPath) -> &'static [&'static str] {
    let pattern = path.pattern();
    let row = KEYS.iter().find(|(mapping, _)| *mapping == pattern);
    row.map_or(&[], |(_, keys)| keys)
}

/// The value that this version refuses, if `node` is one. One that ends in a colon stands for all
/// that begin with it.
pub(super) fn value(path: &KeyPath, node: &Node) -> Option<&'static str> {
    let Node::Text(text) = node else {
        return None;
    };
    let pattern = path.pattern();
    let row = VALUES.iter().find(|(key, value)| {
        let same = text == value || (value.ends_with(':') && text.starts_with(value));
        same && *key == pattern
    });
    row.map(|(_, value)| *value)
}
