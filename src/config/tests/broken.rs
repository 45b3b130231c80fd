//! Configurations that are refused, each with exactly what is told.

use super::{LISTENER, parse_both, problems};

/// Each row: keys of the main file beside a good listener, and the only problem they have.
const BROKEN: &[(&str, &str)] = &[
    ("edge: [1]", "edge: is a list, not a mapping of keys"),
    ("edge: {name: 5}", "edge.name: is a number, not text; quote it"),
    (
        "edge: {name: 'a b'}",
        "edge.name: \"a b\" is not a name: up to 64 letters, digits, `-`, `_` and `.`",
    ),
    ("edge: {workers: 0}", "edge.workers: 0 is outside 1..1024"),
    ("edge: {workers: many}", "edge.workers: is text, not a number or `auto`"),
    (
        "edge: {location: {country: ZZ}}",
        "edge.location.country: \"ZZ\" is not a country; two letters of ISO 3166-1, such as NL",
    ),
    ("edge: {location: {lat: 1}}", "edge.location: needs `lon` beside `lat`"),
    ("edge: {location: {}}", "edge.location: needs `country`, or `lat` and `lon`"),
    (
        "edge: {location: {country: NL, lat: 1, lon: 2}}",
        "edge.location: has a `country` and coordinates; one of them places it",
    ),
    ("edge: {nmae: x}", "edge.nmae: unknown key; did you mean `name`?"),
    ("edge: {name: a, name: b}", "edge.name: is given twice"),
    ("dc_options: ''", "dc_options: is empty"),
    (
        "geoip: {overrides: {10.0.0.1/8: {country: NL}}}",
        "geoip.overrides[\"10.0.0.1/8\"]: 10.0.0.1/8 has bits beyond its length; the network is 10.0.0.0/8",
    ),
    (
        "geoip: {overrides: {'64:ff9b::/96': {country: NL}}}",
        "geoip.overrides[\"64:ff9b::/96\"]: 64:ff9b::/96 matches nobody: its addresses carry IPv4 addresses, and clients are looked up by those; name the IPv4 network",
    ),
    (
        "geoip: {overrides: {'64:ff9b::c000:200/120': {country: NL}}}",
        "geoip.overrides[\"64:ff9b::c000:200/120\"]: 64:ff9b::c000:200/120 matches nobody: its addresses carry IPv4 addresses, and clients are looked up by those; name the IPv4 network",
    ),
    (
        "geoip: {overrides: {'2002::/16': {country: NL}}}",
        "geoip.overrides[\"2002::/16\"]: 2002::/16 matches nobody: its addresses carry IPv4 addresses, and clients are looked up by those; name the IPv4 network",
    ),
    (
        "geoip: {overrides: {'2002:c000:204::/48': {country: NL}}}",
        "geoip.overrides[\"2002:c000:204::/48\"]: 2002:c000:204::/48 matches nobody: its addresses carry IPv4 addresses, and clients are looked up by those; name the IPv4 network",
    ),
    (
        "geoip: {overrides: {'2001::/32': {country: NL}}}",
        "geoip.overrides[\"2001::/32\"]: 2001::/32 matches nobody: its addresses carry IPv4 addresses, and clients are looked up by those; name the IPv4 network",
    ),
    (
        "geoip: {overrides: {'2001:0:1::/48': {country: NL}}}",
        "geoip.overrides[\"2001:0:1::/48\"]: 2001:0:1::/48 matches nobody: its addresses carry IPv4 addresses, and clients are looked up by those; name the IPv4 network",
    ),
    (
        "geoip: {overrides: {nonsense: {country: NL}}}",
        "geoip.overrides.nonsense: \"nonsense\" is not a network",
    ),
    (
        "geoip: {overrides: {10.0.0.0/8: none}}",
        "geoip.overrides[\"10.0.0.0/8\"]: is text, not a place: `{country: ..}` or `{lat: .., lon: ..}`",
    ),
    (
        "geoip: {overrides: {'2001:db8::/32': {country: NL}, '2001:DB8::/32': {country: NL}}}",
        "geoip.overrides[\"2001:DB8::/32\"]: is given twice",
    ),
    ("dcs: {id: 2}", "dcs: is a mapping, not a list"),
    ("dcs: [{name: ams}]", "dcs[0]: needs `id`"),
    ("dcs: [{id: 0}]", "dcs[0].id: 0 is not the id of a DC, 1..32767"),
    ("dcs: [{id: 32768}]", "dcs[0].id: 32768 is not the id of a DC, 1..32767"),
    ("dcs: [{id: 2}, {id: 2}]", "dcs[1].id: 2 is already the id of dcs[0]"),
    ("dcs: [{id: 2, name: x}, {id: 3, name: x}]", "dcs[1].name: `x` is already the name of dcs[0]"),
    (
        "dcs: [{id: 2, name: dc3}]",
        "dcs[0].name: `dc3` is how another DC is called when it has no name",
    ),
    ("dcs: [{id: 2, location: {lat: 123, lon: 0}}]", "dcs[0].location.lat: 123 is outside -90..90"),
    (
        "dcs: [{id: 2, location: {lat: 0, lon: .nan}}]",
        "dcs[0].location.lon: NaN is outside -180..180",
    ),
    ("dcs: [{id: 2, weight: -1}]", "dcs[0].weight: -1 is outside 0..10000"),
    ("dcs: [{id: 2, max_connecting: 0}]", "dcs[0].max_connecting: 0 is outside 1..1000000"),
    (
        "dcs: [{id: 2, replicas: [77]}]",
        "dcs[0].replicas[0]: there is no DC 77 in `dcs` or in dc_options",
    ),
    ("dcs: [{id: 2, replicas: [2]}]", "dcs[0].replicas[0]: DC 2 cannot stand in for itself"),
    ("dcs: [{id: 2, replicas: [5, 5]}, {id: 5}]", "dcs[0].replicas[1]: DC 5 is listed twice"),
    ("dcs: [{id: 2, health: {fall: 0}}]", "dcs[0].health.fall: 0 is outside 1..100"),
    (
        "dcs: [{id: 2, health: {startup_grace: 1s}}]",
        "dcs[0].health.startup_grace: unknown key of one DC; it is set for all of them, in `health`",
    ),
    (
        "dcs: [{id: 2, health: {max_in_flight: 100}}]",
        "dcs[0].health.max_in_flight: unknown key of one DC; it is set for all of them, in `health`",
    ),
    (
        "dcs: [{id: 2, health: {hold_down: {max: 10s}}}]",
        "dcs[0].health.hold_down.max: 10s is shorter than `first`, 30s",
    ),
    (
        "dcs: [{id: 2, health: {interval: 100ms}}]",
        "dcs[0].health.fast_interval: 300ms is longer than `interval`, 100ms",
    ),
    (
        "connect: {timeout: 3}",
        "connect.timeout: 3 has no unit; write a time with its unit (ms s m h d), such as `3s`",
    ),
    (
        "connect: {timeout: 3 weeks}",
        "connect.timeout: \"3 weeks\" is not a time with its unit (ms s m h d)",
    ),
    (
        "connect: {timeout: -3s}",
        "connect.timeout: \"-3s\" is not a time with its unit (ms s m h d)",
    ),
    ("connect: {timeout: 0s}", "connect.timeout: 0ms is outside 10ms..1m"),
    (
        "connect: {timeout: 99999999999999999999d}",
        "connect.timeout: \"99999999999999999999d\" is not a time with its unit (ms s m h d)",
    ),
    (
        "connect: {timeout: 9999999999999999999d}",
        "connect.timeout: \"9999999999999999999d\" is too large",
    ),
    ("connect: {deadline: 1s}", "connect.deadline: 1s is shorter than `connect.timeout`, 3s"),
    ("connect: {attempts: 0}", "connect.attempts: 0 is outside 1..64"),
    ("connect: {attempts: 2.5}", "connect.attempts: 2.5 is not a whole number"),
    ("connect: {hedge: {min: 1ms}}", "connect.hedge.min: 1ms is outside 10ms..1m"),
    ("connect: {hedge: {factor: 0.5}}", "connect.hedge.factor: 0.5 is outside 1..100"),
    ("connect: {hedge: {factor: .nan}}", "connect.hedge.factor: NaN is outside 1..100"),
    ("connect: {hedge: {factor: twice}}", "connect.hedge.factor: is text, not a number"),
    ("connect: {hedge: {budget: 101%}}", "connect.hedge.budget: 101% is outside 0%..100%"),
    ("connect: {hedge: off}", "connect.hedge: is text, not a mapping of keys or `none`"),
    (
        "policy: {objective: nearest}",
        "policy.objective: \"nearest\" is not `distance` or `latency` or `balanced`",
    ),
    ("policy: {fail_open: maybe}", "policy.fail_open: is text, not `true` or `false`"),
    ("policy: {bound_fail_open: 1}", "policy.bound_fail_open: is a number, not `true` or `false`"),
    ("policy: {rules: [{deny: true}]}", "policy.rules[0]: needs `match`"),
    (
        "policy: {rules: [{match: {eu: true}}]}",
        "policy.rules[0]: needs one of `deny`, `restrict`, `allow` and `prefer`",
    ),
    (
        "policy: {rules: [{match: {eu: true}, deny: true, prefer: [2]}]}",
        "policy.rules[0]: has `deny` and `prefer`; a rule does one thing",
    ),
    (
        "policy: {rules: [{match: {eu: true}, deny: false}]}",
        "policy.rules[0].deny: is false; leave the key out",
    ),
    (
        "policy: {rules: [{match: {}, deny: true}]}",
        "policy.rules[0].match: says nothing; everybody is `cidr: [0.0.0.0/0, \"::/0\"]`",
    ),
    (
        "policy: {rules: [{match: {contry: DE}, deny: true}]}",
        "policy.rules[0].match.contry: unknown key; did you mean `country`?",
    ),
    (
        "policy: {rules: [{match: {country: []}, deny: true}]}",
        "policy.rules[0].match.country: is an empty list, which fits nobody",
    ),
    (
        "policy: {rules: [{match: {continent: [EU, EUR]}, deny: true}]}",
        "policy.rules[0].match.continent[1]: \"EUR\" is not a continent: AF AN AS EU NA OC SA",
    ),
    (
        "policy: {rules: [{match: {cidr: '2002::/16'}, deny: true}]}",
        "policy.rules[0].match.cidr: 2002::/16 matches nobody: its addresses carry IPv4 addresses, and clients are looked up by those; name the IPv4 network",
    ),
    (
        "policy: {rules: [{match: {asn: 64500}, deny: true}]}",
        "policy.rules[0].match.asn: needs `geoip.asn_database`",
    ),
    (
        "geoip: {asn_database: a.mmdb}\npolicy: {rules: [{match: {asn: as7}, deny: true}]}",
        "policy.rules[0].match.asn: \"as7\" is not an autonomous system, such as AS64500",
    ),
    (
        "policy: {rules: [{match: {eu: true}, restrict: []}]}",
        "policy.rules[0].restrict: names no DC",
    ),
    (
        "policy: {rules: [{match: {eu: true}, restrict: [2, 2]}]}",
        "policy.rules[0].restrict: names DC 2 twice",
    ),
    (
        "policy: {rules: [{match: {eu: true}, prefer: [2, 9]}]}",
        "policy.rules[0].prefer: there is no DC 9 in `dcs` or in dc_options",
    ),
    ("health: {fast_interval: 3s}", "health.fast_interval: 3s is longer than `interval`, 2s"),
    (
        "health: {jitter: 10}",
        "health.jitter: 10 has no unit; write a share with its unit (%), such as `10%`",
    ),
    ("health: {jitter: 101%}", "health.jitter: 101% is outside 0%..100%"),
    ("health: {slow_start: 30s}", "health.slow_start: not in this version"),
    (
        "health: {probe: icmp}",
        "health.probe: \"icmp\" is not `tcp`, `{http: {..}}` or `{mtproto: {..}}`",
    ),
    ("health: {probe: http}", "health.probe: `http` needs more: `{http: {}}`"),
    ("health: {probe: {tcp: {}}}", "health.probe.tcp: takes nothing; write `tcp` alone"),
    (
        "health: {probe: {http: {path: health}}}",
        "health.probe.http.path: \"health\" is not a path: it has to begin with `/`",
    ),
    (
        "health: {probe: {http: {path: /a b}}}",
        "health.probe.http.path: \"/a b\" is not a path: up to 1024 letters, digits and ._~!$&'()*+,;=:@/?%-; others are written as %20",
    ),
    (
        "health: {probe: {http: {host: 'a b'}}}",
        "health.probe.http.host: \"a b\" is not a host, with or without a port",
    ),
    (
        "health: {probe: {http: {host: '2001:db8::1'}}}",
        "health.probe.http.host: \"2001:db8::1\" is not a host, with or without a port",
    ),
    ("health: {probe: {http: {port: 0}}}", "health.probe.http.port: 0 is not a port"),
    (
        "health: {probe: {http: {port: other}}}",
        "health.probe.http.port: is text, not a number or `same`",
    ),
    ("health: {probe: {http: {expect: 600}}}", "health.probe.http.expect: 600 is outside 100..599"),
    (
        "health: {probe: {http: {expect: 2xx}}}",
        "health.probe.http.expect: \"2xx\" is not a status code or a range of them, such as 200 or 200-399",
    ),
    (
        "health: {probe: {http: {expect: 399-200}}}",
        "health.probe.http.expect: 399-200 ends before it begins",
    ),
    ("health: {udp_probe: {expect: any}}", "health.udp_probe: needs `send`"),
    ("health: {udp_probe: ping}", "health.udp_probe: is text, not a mapping of keys or `none`"),
    (
        "health: {udp_probe: {send: 'hex:00 ff'}}",
        "health.udp_probe.send: \"hex:00 ff\" is not hex: digit 3 is none",
    ),
    (
        "dcs: [{id: 2, health: {udp_probe: {send: hex:0}}}]",
        "dcs[0].health.udp_probe.send: \"hex:0\" is not hex: it has an odd number of digits",
    ),
    ("health: {udp_probe: {send: a, expect: ''}}", "health.udp_probe.expect: is empty"),
    (
        "health: {udp_probe: {send: 5}}",
        "health.udp_probe.send: is a number, not text or `hex:` and digits; quote it",
    ),
    (
        "dcs: [{id: 2, source: {addresses: [192.0.2.1, '::']}}]",
        "dcs[0].source.addresses[1]: :: is not the address of a machine",
    ),
    (
        "dcs: [{id: 2, source: {addresses: [239.0.0.1]}}]",
        "dcs[0].source.addresses[0]: 239.0.0.1 is not the address of a machine",
    ),
    (
        "dcs: [{id: 2, source: {addresses: ['2001:db8::1', 192.0.2.1, '2001:DB8::1']}}]",
        "dcs[0].source.addresses[2]: 2001:db8::1 is given twice",
    ),
    (
        "dcs: [{id: 2, source: {addresses: [192.0.2.1/32]}}]",
        "dcs[0].source.addresses[0]: \"192.0.2.1/32\" is not an IP address",
    ),
    (
        "dcs: [{id: 2, source: {interface: eth0/1}}]",
        "dcs[0].source.interface: \"eth0/1\" is not the name of an interface: up to 15 characters",
    ),
    (
        "dcs: [{id: 2, source: {interface: abcdefghijklmnop}}]",
        "dcs[0].source.interface: \"abcdefghijklmnop\" is not the name of an interface: up to 15 characters",
    ),
    ("dcs: [{id: 2, source: {mark: 0}}]", "dcs[0].source.mark: 0 is outside 1..4294967295"),
    ("dcs: [{id: 2, send_proxy: v3}]", "dcs[0].send_proxy: \"v3\" is not `v1` or `v2`"),
    ("dcs: [{id: 2, max_sessions: 0}]", "dcs[0].max_sessions: 0 is outside 1..10000000"),
    ("overflow: spill", "overflow: \"spill\" is not `refuse` or `nearest`"),
    ("health: {max_in_flight: 0}", "health.max_in_flight: 0 is outside 1..100000"),
    ("health: {hold_down: {first: 10m}}", "health.hold_down.max: 5m is shorter than `first`, 10m"),
    ("health: {hold_down: {max: 25h}}", "health.hold_down.max: 25h is outside 0ms..1d"),
    ("guards: {empty_dc: maybe}", "guards.empty_dc: \"maybe\" is not `refuse` or `allow`"),
    (
        "memory: {pending: 256}",
        "memory.pending: 256 has no unit; write a size with its unit (KiB MiB GiB), such as `256MiB`",
    ),
    (
        "memory: {pending: 256MB}",
        "memory.pending: \"256MB\" is not a size with its unit (KiB MiB GiB)",
    ),
    ("memory: {pipes: 64KiB}", "memory.pipes: 64KiB does not hold one pipe of 1MiB"),
    ("memory: {pipe_size: 4KiB}", "memory.pipe_size: 4KiB is outside 64KiB..16MiB"),
    ("shutdown: {grace: 1m}", "shutdown.deadline: 30s is shorter than `shutdown.grace`, 1m"),
    ("metrics: {bind: 9901}", "metrics.bind: is a number, not text; quote it"),
    (
        "metrics: {bind: '127.0.0.1:9900'}",
        "metrics.bind: 127.0.0.1:9900 is already used by admin.bind",
    ),
    (
        "metrics: {bind: '127.0.0.1:443'}",
        "listeners[0].bind: 127.0.0.1:443 is already used by metrics.bind",
    ),
    (
        "metrics: {bind: '0.0.0.0:9900'}",
        "metrics.bind: 0.0.0.0:9900 takes 127.0.0.1:9900 of admin.bind too",
    ),
    (
        "metrics: {bind: '0.0.0.0:443'}",
        "listeners[0].bind: 127.0.0.1:443 is taken by 0.0.0.0:443 of metrics.bind",
    ),
    (
        "log: {level: loud}",
        "log.level: \"loud\" is not `error` or `warn` or `info` or `debug` or `trace`",
    ),
    ("access_log: {to: stdout}", "access_log: not in this version"),
    ("include: a.yaml", "include: is text, not a list"),
    ("liseners: []", "liseners: unknown key; did you mean `listeners`?"),
    ("xyzzy: 1", "xyzzy: unknown key"),
];

#[test]
fn each_broken_key_is_told_with_its_path_and_what_is_wrong() {
    for (keys, problem) in BROKEN {
        assert_eq!(problems(&format!("{LISTENER}{keys}")), [*problem], "{keys}");
    }
}

/// As above, for the keys of a listener.
const BROKEN_LISTENERS: &[(&str, &str)] = &[
    ("{bind: ['127.0.0.1:1']}", "listeners[0]: needs `name`"),
    ("{name: a}", "listeners[0]: needs `bind`, a list of at least one address"),
    ("{name: a, bind: []}", "listeners[0]: needs `bind`, a list of at least one address"),
    ("{name: a, bind: '0.0.0.0:1'}", "listeners[0].bind: is text, not a list"),
    (
        "{name: a, bind: ['localhost:1']}",
        "listeners[0].bind[0]: \"localhost:1\" is not an address with a port",
    ),
    (
        "{name: a, bind: ['224.0.0.1:1']}",
        "listeners[0].bind[0]: 224.0.0.1:1 is a multicast address",
    ),
    (
        "{name: a, bind: ['[::ffff:127.0.0.1]:1']}",
        "listeners[0].bind[0]: ::ffff:127.0.0.1 is the IPv4 address 127.0.0.1; write it as one",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1', '0.0.0.0:1']}",
        "listeners[0].bind: 0.0.0.0:1 is already used by listeners[0].bind",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1']}, {name: b, bind: ['0.0.0.0:1']}",
        "listeners[1].bind: 0.0.0.0:1 is already used by listeners[0].bind",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1']}, {name: b, bind: ['192.0.2.1:1']}",
        "listeners[1].bind: 192.0.2.1:1 is taken by 0.0.0.0:1 of listeners[0].bind",
    ),
    (
        "{name: a, bind: ['[2001:db8::1]:1']}, {name: b, bind: ['0.0.0.0:1', '[::]:1']}",
        "listeners[1].bind: [::]:1 takes [2001:db8::1]:1 of listeners[0].bind too",
    ),
    (
        "{name: a, bind: ['0.0.0.0:9901']}",
        "listeners[0].bind: 0.0.0.0:9901 takes 127.0.0.1:9901 of metrics.bind too",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1']}, {name: a, bind: ['0.0.0.0:2']}",
        "listeners[1].name: `a` is already the name of listeners[0]",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: sctp}",
        "listeners[0].protocol: \"sctp\" is not `tcp` or `udp`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp}, {name: b, bind: ['192.0.2.1:1'], protocol: udp}",
        "listeners[1].bind: 192.0.2.1:1 is taken by 0.0.0.0:1 of listeners[0].bind",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp, route: {mtproto: {trust_plain_dc: known}}}",
        "listeners[0].route.mtproto: goes by the first bytes of sessions: a listener for UDP routes `nearest` or to `{dc: N}`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp, proxy_protocol: {accept_from: [10.0.0.0/8]}}",
        "listeners[0].proxy_protocol.accept_from: wants PROXY headers, which this version reads from sessions only: the listener serves UDP",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp, route: {dc: 2}, advertise: ['192.0.2.10:443']}",
        "listeners[0].advertise: is of a listener for UDP: clients are told addresses for TCP only",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp, udp: {idle: 5s}}",
        "listeners[0].udp.unanswered_idle: 10s is longer than `idle`, 5s",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp, udp: {flows: 0}}",
        "listeners[0].udp.flows: 0 is outside 1..10000000",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp, udp: {flows_per_client: many}}",
        "listeners[0].udp.flows_per_client: is text, not a number or `none`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp, udp: {receive_buffer: 4}}",
        "listeners[0].udp.receive_buffer: 4 has no unit; write a size with its unit (KiB MiB GiB), such as `4MiB`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp, udp: {on_removed: close}}",
        "listeners[0].udp.on_removed: \"close\" is not `keep` or `move`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], limits: {new_per_second: 5}}",
        "listeners[0].limits.new_per_second: is a number, not a mapping of keys",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], limits: {new_per_second: {burst: 5}}}",
        "listeners[0].limits.new_per_second: needs `rate`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], limits: {new_per_second: {rate: 0}}}",
        "listeners[0].limits.new_per_second.rate: 0 is outside 1..10000000",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], limits: {new_per_second: {rate: 5, burst: 0}}}",
        "listeners[0].limits.new_per_second.burst: 0 is outside 1..10000000",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: mtproto}",
        "listeners[0].route: `mtproto` needs more: `{mtproto: {}}`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: closest}",
        "listeners[0].route: \"closest\" is not `nearest`, `{dc: N}` or `{mtproto: {..}}`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {}}",
        "listeners[0].route: is not `nearest`, `{dc: N}` or `{mtproto: {..}}`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 7}}",
        "listeners[0].route.dc: there is no DC 7 in `dcs` or in dc_options",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], advertise: ['192.0.2.10:443']}",
        "listeners[0].advertise: is of a `nearest` listener: clients would file its addresses under one DC, and be given others there; advertise listeners of one DC",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 2}, advertise: []}",
        "listeners[0].advertise: names no address; `none` advertises nothing",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 2}, advertise: '192.0.2.10:443'}",
        "listeners[0].advertise: is text, not a list or `none`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 2}, advertise: ['0.0.0.0:443']}",
        "listeners[0].advertise[0]: 0.0.0.0 is not the address of a machine",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 2}, advertise: ['[::]:443']}",
        "listeners[0].advertise[0]: :: is not the address of a machine",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 2}, advertise: ['192.0.2.10:0']}",
        "listeners[0].advertise[0]: 192.0.2.10:0 has no port that clients could connect to",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 2}, advertise: [192.0.2.10]}",
        "listeners[0].advertise[0]: \"192.0.2.10\" is not an address with a port",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 2}, advertise: ['[fe80::1%2]:443']}",
        "listeners[0].advertise[0]: \"[fe80::1%2]:443\" has a zone, which means nothing to clients",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 2}, advertise: ['192.0.2.1:1', '192.0.2.1:1']}",
        "listeners[0].advertise: 192.0.2.1:1 is already advertised by listeners[0]",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 2}, advertise: ['192.0.2.1:1']}, {name: b, bind: ['0.0.0.0:2'], route: {dc: 2}, class: media, advertise: ['192.0.2.1:1']}",
        "listeners[1].advertise: 192.0.2.1:1 is already advertised by listeners[0]",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], dcs: [2, 8]}",
        "listeners[0].dcs: there is no DC 8 in `dcs` or in dc_options",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], dcs: []}",
        "listeners[0].dcs: names no DC; `all` allows every one",
    ),
    ("{name: a, bind: ['0.0.0.0:1'], dcs: some}", "listeners[0].dcs: is text, not a list or `all`"),
    (
        "{name: a, bind: ['0.0.0.0:1'], class: none}",
        "listeners[0].class: \"none\" is not `main` or `media` or `cdn`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], limits: {sessions_per_client: 0}}",
        "listeners[0].limits.sessions_per_client: 0 is outside 1..10000000",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], limits: {session: 4}}",
        "listeners[0].limits.session: unknown key; did you mean `sessions`?",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], timeouts: {first_byte: 9ms}}",
        "listeners[0].timeouts.first_byte: 9ms is outside 10ms..1h",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], timeouts: {first_byte: 2h}}",
        "listeners[0].timeouts.first_byte: 2h is outside 10ms..1h",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], timeouts: {first_byte: never}}",
        "listeners[0].timeouts.first_byte: \"never\" is not a time with its unit (ms s m h d)",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], timeouts: {idle: 5s, first_byte: 6s}}",
        "listeners[0].timeouts.first_byte: 6s is longer than `idle`, 5s",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], tcp: {keepalive: {idle: 1500ms}}}",
        "listeners[0].tcp.keepalive.idle: keepalive counts whole seconds",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], tcp: {backlog: 0}}",
        "listeners[0].tcp.backlog: 0 is outside 1..65535",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], proxy_protocol: {accept_from: [10.0.0.0/33]}}",
        "listeners[0].proxy_protocol.accept_from[0]: \"10.0.0.0/33\" is not a network",
    ),
];

#[test]
fn each_broken_listener_is_told_with_its_path_and_what_is_wrong() {
    for (listeners, problem) in BROKEN_LISTENERS {
        let main = format!("listeners: [{listeners}]");
        assert_eq!(problems(&main), [*problem], "{listeners}");
    }
    assert_eq!(problems(""), ["needs `listeners`, a list of at least one"]);
    assert_eq!(problems("listeners:"), ["needs `listeners`, a list of at least one"]);
    let main =
        "dcs: [{id: 5}]\nlisteners: [{name: a, bind: ['0.0.0.0:1'], route: {dc: 5}, dcs: [2]}]";
    assert_eq!(problems(main), ["listeners[0].dcs: does not allow DC 5, which `route` asks for"]);
}

#[test]
fn all_problems_of_both_files_are_told_at_once_with_their_lines() {
    let main = "\
edge:
  nmae: x
dcs:
  - id: 2
    location:
      lat: 123
      lon: 4
    health: {fall: 0,
      rise: 0}
  - name: y

admin:
  bind: 0.0.0.0:1
";
    let options = "[\n{\"id\": 2, \"ip_address\": \"192.0.2.1\", \"port\": 0},\n{\"id\": 99999}\n]";
    let error = parse_both(main.as_bytes(), options.as_bytes()).expect_err("many problems");
    assert_eq!(
        error.to_string(),
        "\
/etc/nearpoint/main.yaml: needs `listeners`, a list of at least one
/etc/nearpoint/main.yaml:2: edge.nmae: unknown key; did you mean `name`?
/etc/nearpoint/main.yaml:6: dcs[0].location.lat: 123 is outside -90..90
/etc/nearpoint/main.yaml:8: dcs[0].health.fall: 0 is outside 1..100
/etc/nearpoint/main.yaml:9: dcs[0].health.rise: 0 is outside 1..100
/etc/nearpoint/main.yaml:10: dcs[1]: needs `id`
/etc/nearpoint/main.yaml:13: admin.bind: 0.0.0.0:1 is outside loopback, which needs `tokens_file`
list.yaml:2: dc_options[0].port: 0 is not a port
list.yaml:3: dc_options[1].id: 99999 is not the id of a DC, 1..32767
list.yaml:3: dc_options[1]: needs `ip_address`
list.yaml:3: dc_options[1]: needs `port`"
    );
    let json = serde_json::to_value(&error).expect("findings are plain data");
    assert_eq!(json["problems"][1]["path"], "edge.nmae");
    assert_eq!(json["problems"][1]["line"], 2);
}
