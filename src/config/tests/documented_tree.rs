//! The tree of all versions: a key that somebody read about is read, or refused by its name.

use super::super::not_yet;
use super::parse_both;

/// A mapping, the keys of it that are read, and those that this version refuses; `[]` for an element
/// of a list. Keys below a refused one are refused with it.
const TREE: &[(&str, &[&str], &[&str])] = &[
    (
        "",
        &[
            "edge",
            "dc_options",
            "geoip",
            "dcs",
            "listeners",
            "connect",
            "policy",
            "health",
            "guards",
            "memory",
            "shutdown",
            "admin",
            "metrics",
            "log",
        ],
        &["include", "on_down", "failback", "overflow", "access_log"],
    ),
    ("edge", &["name", "location", "workers", "state_dir"], &[]),
    ("edge.location", &["country", "lat", "lon"], &[]),
    ("geoip", &["database", "asn_database", "overrides", "default"], &[]),
    ("geoip.overrides.network", &["country", "lat", "lon"], &[]),
    ("geoip.default", &["country", "lat", "lon"], &[]),
    (
        "dcs[]",
        &["id", "name", "location", "site", "weight", "max_connecting", "health"],
        &["max_sessions", "replicas", "send_proxy", "source"],
    ),
    ("dcs[].location", &["country", "lat", "lon"], &[]),
    ("dcs[].source", &[], &["addresses", "mark", "interface"]),
    ("dcs[].health", HEALTH, HEALTH_LATER),
    ("dcs[].health.probe", &[], &["http", "mtproto"]),
    (
        "listeners[]",
        &[
            "name",
            "bind",
            "protocol",
            "route",
            "dcs",
            "proxy_protocol",
            "limits",
            "timeouts",
            "tcp",
        ],
        &["class", "dial", "advertise", "udp"],
    ),
    ("listeners[].route", &["dc"], &["mtproto"]),
    (
        "listeners[].route.mtproto",
        &[],
        &["secrets", "secrets_file", "trust_plain_dc", "unknown", "sniff_timeout"],
    ),
    ("listeners[].sticky", &["ttl", "clients", "when_down"], &[]),
    ("listeners[].proxy_protocol", &["accept_from", "timeout"], &[]),
    (
        "listeners[].limits",
        &["sessions"],
        &["sessions_per_client", "new_per_second", "new_per_second_per_client"],
    ),
    ("listeners[].limits.new_per_second", &[], &["rate", "burst"]),
    ("listeners[].limits.new_per_second_per_client", &[], &["rate", "burst"]),
    ("listeners[].timeouts", &["idle", "half_close"], &["first_byte"]),
    ("listeners[].tcp", &["backlog", "keepalive", "user_timeout"], &[]),
    ("listeners[].tcp.keepalive", &["idle", "interval", "count"], &[]),
    (
        "listeners[].udp",
        &[],
        &["idle", "unanswered_idle", "flows", "flows_per_client", "receive_buffer", "on_removed"],
    ),
    ("connect", &["timeout", "deadline", "attempts"], &["hedge"]),
    ("connect.hedge", &[], &["min", "factor", "budget"]),
    (
        "policy",
        &["objective", "tie_margin", "fail_open"],
        &["spill_margin", "bound_fail_open", "default", "rules", "enforce_on_bound"],
    ),
    ("policy.rules[]", &[], &["match", "deny", "restrict", "allow", "prefer"]),
    ("policy.rules[].match", &[], &["cidr", "country", "continent", "eu", "eea", "asn", "unknown"]),
    ("health", HEALTH, HEALTH_LATER),
    ("health", &["startup_grace"], &[]),
    ("health.probe", &[], &["http", "mtproto"]),
    ("health.probe.http", &[], &["path", "host", "port", "expect"]),
    ("health.probe.mtproto", &[], &["transport", "fingerprints"]),
    ("health.udp_probe", &[], &["send", "expect"]),
    ("health.hold_down", &[], &["first", "max"]),
    ("on_down", &[], &["sessions", "rate"]),
    ("failback", &[], &["sessions", "rate"]),
    ("guards", &["max_removed", "empty_dc"], &["max_moved"]),
    ("memory", &["pending", "pipes", "pipe_size"], &[]),
    ("shutdown", &["grace", "deadline"], &[]),
    ("admin", &["bind", "allowed_hosts"], &["tokens_file", "tls"]),
    ("admin.tls", &[], &["cert", "key", "client_ca"]),
    ("metrics", &["bind"], &[]),
    ("access_log", &[], &["to", "format", "addresses", "sample"]),
    ("log", &["level", "format"], &[]),
];

const HEALTH: &[&str] =
    &["probe", "interval", "fast_interval", "down_interval", "timeout", "fall", "rise", "jitter"];
const HEALTH_LATER: &[&str] = &["udp_probe", "max_in_flight", "hold_down", "slow_start"];

/// A main file with nothing but this key, empty.
fn only(path: &str) -> String {
    let nest = |inner: String, key: &str| match (key.strip_suffix("[]"), key) {
        (Some(list), _) => format!("{{{list}: [{inner}]}}"),
        (None, "network") => format!("{{10.0.0.0/8: {inner}}}"),
        (None, key) => format!("{{{key}: {inner}}}"),
    };
    path.rsplit('.').fold("null".to_owned(), nest)
}

/// What is said of the keys of this file: the pattern of the path and the text.
fn said_of_keys(main: &str) -> Vec<(String, String)> {
    let parsed = parse_both(main.as_bytes(), b"[{id: 2, ip: 192.0.2.1, port: 443}]");
    let problems = parsed.map_or_else(|error| error.problems, |_| Vec::new());
    let of_keys = problems
        .into_iter()
        .filter(|problem| problem.text == not_yet::TEXT || problem.text.starts_with("unknown key"));
    of_keys.map(|problem| (problem.path.replace("[0]", "[]"), problem.text)).collect()
}

#[test]
fn every_key_of_the_documented_tree_is_read_or_refused_by_name() {
    for (mapping, read, later) in TREE {
        let path = |key: &str| match mapping.is_empty() {
            true => key.to_owned(),
            false => format!("{mapping}.{key}"),
        };
        for path in read.iter().map(|key| path(key)) {
            assert_eq!(said_of_keys(&only(&path)), [], "{path} is read");
        }
        for path in later.iter().map(|key| path(key)) {
            let said = said_of_keys(&only(&path));
            let [(told, text)] = &said[..] else { panic!("{path}: {said:?}") };
            assert_eq!(text, not_yet::TEXT, "{path}");
            let below = path.strip_prefix(told.as_str());
            assert!(below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])));
        }
    }
}

#[test]
fn a_key_that_no_version_has_is_unknown() {
    for path in ["xyzzy", "edge.xyzzy", "dcs[].health.xyzzy", "listeners[].tcp.keepalive.xyzzy"] {
        let unknown = (path.to_owned(), "unknown key".to_owned());
        assert_eq!(said_of_keys(&only(path)), [unknown]);
    }
}
