//! The tree of all versions: a key that somebody read about is read, or refused by its name.

use super::super::de::NOT_YET;
use super::parse_both;

/// A mapping, the keys of it that are read, and those that this version refuses whatever they say;
/// `[]` for an element of a list. Keys below a refused one are refused with it.
const TREE: &[(&str, &[&str], &[&str])] = &[
    (
        "",
        &[
            "include",
            "edge",
            "dc_options",
            "geoip",
            "dcs",
            "listeners",
            "connect",
            "policy",
            "health",
            "on_down",
            "failback",
            "overflow",
            "guards",
            "memory",
            "shutdown",
            "admin",
            "metrics",
            "access_log",
            "log",
        ],
        &[],
    ),
    ("edge", &["name", "location", "workers", "state_dir"], &[]),
    ("edge.location", &["country", "lat", "lon"], &[]),
    ("geoip", &["database", "asn_database", "overrides", "default"], &[]),
    ("geoip.overrides.network", &["country", "lat", "lon"], &[]),
    ("geoip.default", &["country", "lat", "lon"], &[]),
    (
        "dcs[]",
        &[
            "id",
            "name",
            "location",
            "site",
            "weight",
            "max_sessions",
            "max_connecting",
            "replicas",
            "send_proxy",
            "source",
            "health",
        ],
        &[],
    ),
    ("dcs[].location", &["country", "lat", "lon"], &[]),
    ("dcs[].source", &["addresses", "mark", "interface"], &[]),
    ("dcs[].health", HEALTH, HEALTH_LATER),
    ("dcs[].health.probe", &["http", "mtproto"], &[]),
    ("dcs[].health.probe.http", HTTP_PROBE, &[]),
    ("dcs[].health.probe.mtproto", MTPROTO_PROBE, &[]),
    ("dcs[].health.udp_probe", &["send", "expect"], &[]),
    ("dcs[].health.hold_down", &["first", "max"], &[]),
    (
        "listeners[]",
        &[
            "name",
            "bind",
            "protocol",
            "route",
            "class",
            "dcs",
            "dial",
            "sticky",
            "proxy_protocol",
            "advertise",
            "limits",
            "timeouts",
            "tcp",
            "udp",
        ],
        &[],
    ),
    ("listeners[].route", &["dc", "mtproto"], &[]),
    (
        "listeners[].route.mtproto",
        &["secrets", "secrets_file", "trust_plain_dc", "unknown", "sniff_timeout"],
        &[],
    ),
    ("listeners[].route.mtproto.unknown", &["dc"], &[]),
    ("listeners[].sticky", &["ttl", "clients", "when_down"], &[]),
    ("listeners[].proxy_protocol", &["accept_from", "timeout"], &[]),
    (
        "listeners[].limits",
        &["sessions", "sessions_per_client", "new_per_second", "new_per_second_per_client"],
        &[],
    ),
    ("listeners[].timeouts", &["idle", "half_close", "first_byte"], &[]),
    ("listeners[].tcp", &["backlog", "keepalive", "user_timeout"], &[]),
    ("listeners[].tcp.keepalive", &["idle", "interval", "count"], &[]),
    (
        "listeners[].udp",
        &["idle", "unanswered_idle", "flows", "flows_per_client", "receive_buffer", "on_removed"],
        &[],
    ),
    ("listeners[].limits.new_per_second", &["rate", "burst"], &[]),
    ("connect", &["timeout", "deadline", "attempts", "hedge"], &[]),
    ("connect.hedge", &["min", "factor", "budget"], &[]),
    (
        "policy",
        &[
            "objective",
            "tie_margin",
            "fail_open",
            "bound_fail_open",
            "default",
            "rules",
            "enforce_on_bound",
        ],
        &["spill_margin"],
    ),
    ("policy.rules[]", &["match", "deny", "restrict", "allow", "prefer"], &[]),
    ("policy.rules[].match", &["cidr", "country", "continent", "eu", "eea", "asn", "unknown"], &[]),
    ("health", HEALTH, HEALTH_LATER),
    ("health", &["max_in_flight", "startup_grace"], &[]),
    ("health.probe", &["http", "mtproto"], &[]),
    ("health.probe.http", HTTP_PROBE, &[]),
    ("health.probe.mtproto", MTPROTO_PROBE, &[]),
    ("health.udp_probe", &["send", "expect"], &[]),
    ("health.hold_down", &["first", "max"], &[]),
    ("on_down", &["sessions", "rate"], &[]),
    ("failback", &["sessions"], &["rate"]),
    ("guards", &["max_removed", "max_moved", "empty_dc"], &[]),
    ("memory", &["pending", "pipes", "pipe_size"], &[]),
    ("shutdown", &["grace", "deadline"], &[]),
    ("admin", &["bind", "tokens_file", "tls", "allowed_hosts"], &[]),
    ("admin.tls", &["cert", "key", "client_ca"], &[]),
    ("metrics", &["bind"], &[]),
    ("log", &["level", "format"], &[]),
];

const HEALTH: &[&str] = &[
    "probe",
    "udp_probe",
    "interval",
    "fast_interval",
    "down_interval",
    "timeout",
    "fall",
    "rise",
    "jitter",
    "hold_down",
];
const HEALTH_LATER: &[&str] = &["slow_start"];
const HTTP_PROBE: &[&str] = &["path", "host", "port", "expect"];
const MTPROTO_PROBE: &[&str] = &["transport", "fingerprints"];

/// Values that mean what this version does anyway, and others that later versions have.
const VALUES: &[(&str, &str, &[&str])] = &[
    ("dcs[].max_sessions", "none", &[]),
    ("dcs[].max_sessions", "5", &[]),
    ("dcs[].send_proxy", "none", &[]),
    ("dcs[].send_proxy", "v1", &[]),
    ("dcs[].send_proxy", "v2", &[]),
    ("dcs[].source.addresses", "[]", &[]),
    ("dcs[].source.addresses", "[192.0.2.1, '2001:db8::1']", &[]),
    ("dcs[].source.mark", "none", &[]),
    ("dcs[].source.mark", "7", &[]),
    ("dcs[].source.interface", "none", &[]),
    ("dcs[].source.interface", "eth1", &[]),
    ("listeners[].protocol", "tcp", &[]),
    ("listeners[].protocol", "udp", &[]),
    ("listeners[].udp.flows_per_client", "none", &[]),
    ("listeners[].udp.flows_per_client", "4", &[]),
    ("listeners[].udp.on_removed", "keep", &[]),
    ("listeners[].udp.on_removed", "move", &[]),
    ("listeners[].route", "nearest", &[]),
    ("listeners[].route.mtproto.secrets", "[]", &[]),
    ("listeners[].route.mtproto.secrets_file", "none", &[]),
    ("listeners[].route.mtproto.trust_plain_dc", "never", &[]),
    ("listeners[].route.mtproto.unknown", "close", &[]),
    ("listeners[].route.mtproto.sniff_timeout", "5s", &[]),
    ("listeners[].dial", "on_accept", &[]),
    ("listeners[].dial", "on_first_byte", &[]),
    ("listeners[].advertise", "none", &[]),
    ("listeners[].advertise", "['192.0.2.1:443']", &[]),
    ("listeners[].limits.sessions_per_client", "none", &[]),
    ("listeners[].limits.sessions_per_client", "4", &[]),
    ("listeners[].limits.new_per_second", "none", &[]),
    ("listeners[].limits.new_per_second", "{rate: 5000, burst: 10000}", &[]),
    ("listeners[].limits.new_per_second_per_client", "none", &[]),
    ("listeners[].limits.new_per_second_per_client", "{rate: 5, burst: 10}", &[]),
    ("listeners[].timeouts.first_byte", "none", &[]),
    ("listeners[].timeouts.first_byte", "5s", &[]),
    ("health.probe", "{mtproto: {transport: abridged, fingerprints: []}}", &[]),
    ("health.udp_probe", "none", &[]),
    ("health.udp_probe", "{send: 'hex:00ff', expect: any}", &[]),
    ("on_down.sessions", "keep", &[]),
    ("on_down.sessions", "close", &[]),
    ("failback.sessions", "keep", &["move"]),
    ("overflow", "refuse", &[]),
    ("overflow", "nearest", &[]),
    ("admin.tokens_file", "none", &[]),
    ("admin.tls", "none", &[]),
    ("access_log", "none", &["{to: stdout, format: json}"]),
];

/// A main file with nothing but this key, empty.
fn only(path: &str) -> String {
    with(path, "null")
}

/// A main file with nothing but this key.
fn with(path: &str, value: &str) -> String {
    let nest = |inner: String, key: &str| match (key.strip_suffix("[]"), key) {
        (Some(list), _) => format!("{{{list}: [{inner}]}}"),
        (None, "network") => format!("{{10.0.0.0/8: {inner}}}"),
        (None, key) => format!("{{{key}: {inner}}}"),
    };
    path.rsplit('.').fold(value.to_owned(), nest)
}

/// What is said of the keys of this file: the pattern of the path and the text.
fn said_of_keys(main: &str) -> Vec<(String, String)> {
    let parsed = parse_both(main.as_bytes(), b"[{id: 2, ip: 192.0.2.1, port: 443}]");
    let problems = parsed.map_or_else(|error| error.problems, |_| Vec::new());
    let of_keys = problems.into_iter().filter(|problem| {
        problem.text == NOT_YET
            || problem.text.ends_with(&format!(": {NOT_YET}"))
            || problem.text.starts_with("unknown key")
    });
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
            let said = said_of_keys(&only(&path));
            assert!(said.iter().all(|(_, text)| text == NOT_YET), "{path} is read: {said:?}");
        }
        for path in later.iter().map(|key| path(key)) {
            let said = said_of_keys(&only(&path));
            let [(told, text)] = &said[..] else { panic!("{path}: {said:?}") };
            assert_eq!(text, NOT_YET, "{path}");
            let below = path.strip_prefix(told.as_str());
            assert!(below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])));
        }
    }
}

#[test]
fn what_means_what_this_version_does_is_accepted_and_the_rest_is_refused_by_name() {
    for (path, accepted, later) in VALUES {
        assert_eq!(said_of_keys(&with(path, accepted)), [], "{path}: {accepted}");
        for value in *later {
            let said = said_of_keys(&with(path, value));
            let [(told, text)] = &said[..] else { panic!("{path}: {value}: {said:?}") };
            assert!(told.starts_with(path) && text.ends_with(NOT_YET), "{told}: {text}");
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
