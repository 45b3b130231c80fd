use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::routing::topology::{Objective, Route};
use crate::routing::{CountryCode, DcId, Millis};

const LISTENER: &str = "listeners: [{name: clients, bind: ['127.0.0.1:443']}]\n";
const OPTIONS: &str = "- {id: 2, ip: 192.0.2.1, port: 443}";

fn parse_both(main: &[u8], options: &[u8]) -> Result<Loaded, ConfigError> {
    let main = File { path: Path::new("/etc/nearpoint/main.yaml"), bytes: main };
    let options = File { path: Path::new("list.yaml"), bytes: options };
    parse(main, options)
}

fn good(main: &str) -> Loaded {
    let loaded = parse_both(main.as_bytes(), OPTIONS.as_bytes());
    loaded.unwrap_or_else(|error| panic!("{error}\nin\n{main}"))
}

/// The problems as they are shown, without the file.
fn problems(main: &str) -> Vec<String> {
    let error = parse_both(main.as_bytes(), OPTIONS.as_bytes()).expect_err(main);
    let without_file = |problem: Finding| match problem.path.is_empty() {
        true => problem.text,
        false => format!("{}: {}", problem.path, problem.text),
    };
    error.problems.into_iter().map(without_file).collect()
}

#[test]
fn defaults_are_those_of_the_documented_tree() {
    let Loaded { config, notes, sources } = good(LISTENER);
    assert_eq!(config.edge, Edge::default());
    assert_eq!(config.edge.workers, Workers::Auto);
    assert_eq!(config.dc_options, Path::new("/etc/nearpoint/dc_options.yaml"));
    assert_eq!(config.geoip, Geoip::default());
    let listener = &config.listeners[0];
    assert_eq!(listener.limits.sessions, 100_000);
    assert_eq!(listener.timeouts.idle, Duration::from_secs(600));
    assert_eq!(listener.tcp.keepalive.count, 3);
    assert!(listener.proxy_protocol.accept_from.is_empty());
    let topology = &config.topology;
    assert_eq!(topology.policy().objective, Objective::Balanced);
    assert_eq!(topology.policy().tie_margin, Millis(5.0));
    assert!(topology.policy().fail_open);
    assert_eq!(topology.connect().attempts, 5);
    assert_eq!(topology.startup_grace(), Duration::from_secs(2));
    assert_eq!(topology.dcs()[0].max_connecting, 512);
    assert_eq!(topology.dcs()[0].health, crate::routing::topology::HealthSettings::default());
    let route = topology.route("clients").expect("the route of the listener");
    assert_eq!((route.route, &route.dcs), (Route::Nearest, &None));
    assert_eq!(config.guards.max_removed, 50);
    assert_eq!(config.memory.pending, 256 << 20);
    assert_eq!(config.shutdown.deadline, Duration::from_secs(30));
    assert_eq!(config.log.level, LogLevel::Info);
    let files: Vec<&Path> = sources.paths().collect();
    assert_eq!(
        files,
        [Path::new("/etc/nearpoint/main.yaml"), Path::new("/etc/nearpoint/dc_options.yaml")]
    );
    // DC 2 has no entry in `dcs`: that is told, and no problem.
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].to_string().starts_with("list.yaml: DC 2 is not in `dcs`"));
}

#[test]
fn every_key_arrives_where_it_belongs() {
    let config = good(
        "
edge: {name: e, location: {country: nl}, workers: 3}
dc_options: lists/now.json
geoip:
  database: geo/city.mmdb
  overrides: {10.0.0.0/8: {country: SG}, '2001:db8::/32': {lat: -1, lon: 2.5}, 127.0.0.1: {country: DE}}
  default: {lat: 0, lon: 0}
dcs:
  - {id: 2, name: ams, location: {lat: 52.37, lon: 4.9}, site: nikhef, weight: 7, max_connecting: 9,
     health: {fall: 5, interval: 1m}}
  - {id: 9, location: none, site: none}
listeners:
  - name: a
    bind: ['0.0.0.0:443', '[::]:443', '127.0.0.1:0']
    protocol: tcp
    route: {dc: 2}
    dcs: [2, 9]
    proxy_protocol: {accept_from: [10.0.0.0/8, '::1'], timeout: 1s}
    limits: {sessions: 5}
    timeouts: {idle: 1h, half_close: 1s}
    tcp: {backlog: 6, keepalive: {idle: 7s, interval: 8s, count: 9}, user_timeout: 10s}
connect: {timeout: 1s, deadline: 2s, attempts: 3}
policy: {objective: latency, tie_margin: 0ms, fail_open: false}
health: {probe: tcp, interval: 4s, fast_interval: 50ms, down_interval: 9s, timeout: 2s, fall: 1, rise: 1, jitter: 0%, startup_grace: 0s}
guards: {max_removed: 100%, empty_dc: allow}
memory: {pending: 1GiB, pipes: 0KiB, pipe_size: 64KiB}
shutdown: {grace: 0s, deadline: 1d}
admin: {bind: '[::1]:0', allowed_hosts: [Edge.Example, '[::1]']}
metrics: {bind: none}
log: {level: debug, format: json}
",
    )
    .config;
    assert_eq!(&*config.edge.name, "e");
    let place = config.edge.location.expect("a location");
    assert_eq!(place.country, CountryCode::new("NL"));
    assert_eq!(config.topology.edge(), Some(place.coordinates));
    assert!(matches!(config.edge.workers, Workers::Count(n) if n.get() == 3));
    assert_eq!(config.dc_options, Path::new("/etc/nearpoint/lists/now.json"));
    let database = GeoipDatabase::File("/etc/nearpoint/geo/city.mmdb".into());
    assert_eq!(config.geoip.database, database);
    let networks: Vec<String> = config.geoip.overrides.iter().map(|(n, _)| n.to_string()).collect();
    assert_eq!(networks, ["10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32"]);
    assert!(config.geoip.default.is_some());

    let [two, nine] = config.topology.dcs() else {
        panic!("two DCs");
    };
    assert_eq!((&*two.name, &*two.site, two.weight, two.max_connecting), ("ams", "nikhef", 7, 9));
    assert_eq!(two.health.fall, 5);
    assert_eq!(two.health.interval, Duration::from_secs(60));
    // What a DC does not override is the global setting, not the default.
    assert_eq!(two.health.timeout, Duration::from_secs(2));
    assert_eq!((&*nine.name, &*nine.site, nine.location), ("dc9", "dc9", None));
    assert_eq!(nine.health.fall, 1);

    let listener = &config.listeners[0];
    assert_eq!(listener.bind.len(), 3);
    assert_eq!(listener.proxy_protocol.accept_from.len(), 2);
    assert_eq!(listener.tcp.keepalive.interval, Duration::from_secs(8));
    let route = config.topology.route("a").expect("the route of the listener");
    assert_eq!(route.route, Route::Dc(DcId(2)));
    assert!(route.dcs.as_ref().is_some_and(|dcs| dcs.contains(&DcId(9))));
    assert_eq!(config.guards.empty_dc, EmptyDc::Allow);
    assert_eq!(config.memory.pipes, 0);
    assert_eq!(config.metrics.bind, Bind::Off);
    let hosts: Vec<&str> = config.admin.allowed_hosts.iter().map(|host| &**host).collect();
    assert_eq!(hosts, ["edge.example", "[::1]"]);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.topology.policy().tie_margin, Millis(0.0));
}

/// Each row: keys of the main file beside a good listener, and the only problem they have.
const BROKEN: &[(&str, &str)] = &[
    ("edge: [1]", "edge: is a list, not a mapping of keys"),
    ("edge: {name: 5}", "edge.name: is a number, not text; quote it"),
    (
        "edge: {name: 'a b'}",
        "edge.name: \"a b\" is not a name: up to 64 letters, digits, `-`, `_` and `.`",
    ),
    ("edge: {workers: 0}", "edge.workers: 0 is outside 1..1024"),
    ("edge: {workers: many}", "edge.workers: is not `auto` or a number of threads"),
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
    ("edge: {state_dir: /var}", "edge.state_dir: not in this version"),
    ("edge: {name: a, name: b}", "edge.name: is given twice"),
    ("dc_options: ''", "dc_options: is empty"),
    ("geoip: {database: none, asn_database: x}", "geoip.asn_database: not in this version"),
    (
        "geoip: {overrides: {10.0.0.1/8: {country: NL}}}",
        "geoip.overrides[\"10.0.0.1/8\"]: 10.0.0.1/8 has bits beyond its length; the network is 10.0.0.0/8",
    ),
    (
        "geoip: {overrides: {nonsense: {country: NL}}}",
        "geoip.overrides.nonsense: \"nonsense\" is not a network",
    ),
    (
        "geoip: {overrides: {10.0.0.0/8: none}}",
        "geoip.overrides[\"10.0.0.0/8\"]: 10.0.0.0/8 needs a place",
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
    ("dcs: [{id: 2, replicas: [1]}]", "dcs[0].replicas: not in this version"),
    ("dcs: [{id: 2, health: {fall: 0}}]", "dcs[0].health.fall: 0 is outside 1..100"),
    ("dcs: [{id: 2, health: {startup_grace: 1s}}]", "dcs[0].health.startup_grace: unknown key"),
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
    ("connect: {hedge: none}", "connect.hedge: not in this version"),
    (
        "policy: {objective: nearest}",
        "policy.objective: \"nearest\" is not `distance` or `latency` or `balanced`",
    ),
    ("policy: {fail_open: maybe}", "policy.fail_open: is text, not `true` or `false`"),
    ("policy: {rules: []}", "policy.rules: not in this version"),
    ("health: {probe: {http: {path: /}}}", "health.probe.http: not in this version"),
    ("health: {probe: udp}", "health.probe: \"udp\" is not `tcp`"),
    ("health: {fast_interval: 3s}", "health.fast_interval: 3s is longer than `interval`, 2s"),
    (
        "health: {jitter: 10}",
        "health.jitter: 10 has no unit; write a share with its unit (%), such as `10%`",
    ),
    ("health: {jitter: 101%}", "health.jitter: 101% is outside 0%..100%"),
    ("health: {slow_start: 30s}", "health.slow_start: not in this version"),
    ("guards: {empty_dc: maybe}", "guards.empty_dc: \"maybe\" is not `refuse` or `allow`"),
    ("guards: {max_moved: 50%}", "guards.max_moved: not in this version"),
    (
        "memory: {pending: 256}",
        "memory.pending: 256 has no unit; write a size with its unit (KiB MiB GiB), such as `256MiB`",
    ),
    (
        "memory: {pending: 256MB}",
        "memory.pending: \"256MB\" is not a size with its unit (KiB MiB GiB)",
    ),
    ("memory: {pipes: 64KiB}", "memory.pipes: 64KiB does not hold one pipe of 256KiB"),
    ("memory: {pipe_size: 4KiB}", "memory.pipe_size: 4KiB is outside 64KiB..16MiB"),
    ("shutdown: {grace: 1m}", "shutdown.deadline: 30s is shorter than `shutdown.grace`, 1m"),
    (
        "admin: {bind: '0.0.0.0:9900'}",
        "admin.bind: 0.0.0.0:9900 is outside loopback, which needs tokens: not in this version",
    ),
    ("admin: {bind: 'unix:/run/admin.sock'}", "admin.bind: `unix:`: not in this version"),
    ("admin: {tls: none}", "admin.tls: not in this version"),
    (
        "admin: {allowed_hosts: ['localhost:9900']}",
        "admin.allowed_hosts[0]: \"localhost:9900\" is not a host without a port",
    ),
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
        "log: {level: loud}",
        "log.level: \"loud\" is not `error` or `warn` or `info` or `debug` or `trace`",
    ),
    ("access_log: none", "access_log: not in this version"),
    ("include: [a.yaml]", "include: not in this version"),
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
        "{name: a, bind: ['0.0.0.0:1']}, {name: a, bind: ['0.0.0.0:2']}",
        "listeners[1].name: `a` is already the name of listeners[0]",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: udp}",
        "listeners[0].protocol: `udp`: not in this version",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], protocol: sctp}",
        "listeners[0].protocol: \"sctp\" is not `tcp`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {mtproto: {secrets: []}}}",
        "listeners[0].route.mtproto: not in this version",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: closest}",
        "listeners[0].route: \"closest\" is not `nearest`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {}}",
        "listeners[0].route: is not `nearest` or `{dc: N}`",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], route: {dc: 7}}",
        "listeners[0].route.dc: there is no DC 7 in `dcs` or in dc_options",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], dcs: [2, 8]}",
        "listeners[0].dcs: there is no DC 8 in `dcs` or in dc_options",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], dcs: []}",
        "listeners[0].dcs: names no DC; `all` allows every one",
    ),
    ("{name: a, bind: ['0.0.0.0:1'], dcs: some}", "listeners[0].dcs: is text, not a list"),
    ("{name: a, bind: ['0.0.0.0:1'], sticky: none}", "listeners[0].sticky: not in this version"),
    (
        "{name: a, bind: ['0.0.0.0:1'], limits: {sessions_per_client: 4}}",
        "listeners[0].limits.sessions_per_client: not in this version",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], limits: {session: 4}}",
        "listeners[0].limits.session: unknown key; did you mean `sessions`?",
    ),
    (
        "{name: a, bind: ['0.0.0.0:1'], timeouts: {first_byte: none}}",
        "listeners[0].timeouts.first_byte: not in this version",
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
/etc/nearpoint/main.yaml:1: needs `listeners`, a list of at least one
/etc/nearpoint/main.yaml:2: edge.nmae: unknown key; did you mean `name`?
/etc/nearpoint/main.yaml:6: dcs[0].location.lat: 123 is outside -90..90
/etc/nearpoint/main.yaml:8: dcs[0].health.fall: 0 is outside 1..100
/etc/nearpoint/main.yaml:9: dcs[0].health.rise: 0 is outside 1..100
/etc/nearpoint/main.yaml:10: dcs[1]: needs `id`
/etc/nearpoint/main.yaml:13: admin.bind: 0.0.0.0:1 is outside loopback, which needs tokens: not in this version
list.yaml:2: dc_options[0].port: 0 is not a port
list.yaml:3: dc_options[1]: needs `ip_address`
list.yaml:3: dc_options[1]: needs `port`
list.yaml:3: dc_options[1].id: 99999 is not the id of a DC, 1..32767"
    );
    let json = serde_json::to_value(&error).expect("findings are plain data");
    assert_eq!(json["problems"][1]["path"], "edge.nmae");
    assert_eq!(json["problems"][1]["line"], 2);
}

#[test]
fn both_families_share_a_port_and_port_0_may_repeat() {
    good("listeners: [{name: a, bind: ['0.0.0.0:443', '[::]:443', '[::1]:0', '[::1]:0']}]");
    good(&format!("{LISTENER}admin: {{bind: '127.0.0.1:0'}}\nmetrics: {{bind: '127.0.0.1:0'}}"));
    good(&format!("{LISTENER}metrics: {{bind: '0.0.0.0:9901'}}"));
}

#[test]
fn a_dc_without_access_points_is_noted() {
    let notes = good(&format!("{LISTENER}dcs:\n- id: 2\n- id: 7\n")).notes;
    assert_eq!(
        notes.iter().map(Finding::to_string).collect::<Vec<_>>(),
        ["/etc/nearpoint/main.yaml:4: dcs[1]: DC 7 has no access point in dc_options"]
    );
}

#[test]
fn examples_load_without_a_remark() {
    for name in ["nearpoint.yaml", "demo.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs").join(name);
        let loaded = load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.notes, [], "{name}");
        let names: Vec<&str> = loaded.config.topology.dcs().iter().map(|dc| &*dc.name).collect();
        assert_eq!(names, ["mia", "ams", "sin"]);
        for host in &loaded.config.admin.allowed_hosts {
            assert!(!host.is_empty());
        }
    }
}

#[test]
fn the_example_shows_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/nearpoint.yaml");
    let shown = load(&path).unwrap_or_else(|error| panic!("{error}")).config;
    let bare = good(LISTENER).config;
    assert_eq!(shown.guards, bare.guards);
    assert_eq!(shown.memory, bare.memory);
    assert_eq!(shown.shutdown, bare.shutdown);
    assert_eq!(shown.admin, bare.admin);
    assert_eq!(shown.metrics, bare.metrics);
    assert_eq!(shown.log, bare.log);
    assert_eq!(shown.geoip, bare.geoip);
    assert_eq!(shown.topology.policy(), bare.topology.policy());
    assert_eq!(shown.topology.connect(), bare.topology.connect());
    assert_eq!(shown.topology.dcs()[1].health, bare.topology.dcs()[0].health);
    let (shown, bare) = (&shown.listeners[0], &bare.listeners[0]);
    assert_eq!(shown.proxy_protocol, bare.proxy_protocol);
    assert_eq!(shown.limits, bare.limits);
    assert_eq!(shown.timeouts, bare.timeouts);
    assert_eq!(shown.tcp, bare.tcp);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let main = dir.path().join("nearpoint.yaml");
    let error = load(&main).expect_err("no file").to_string();
    assert!(error.contains("nearpoint.yaml: cannot be read: "), "{error}");
    std::fs::write(&main, format!("{LISTENER}xyzzy: 1")).expect("a file");
    let error = load(&main).expect_err("no list").to_string();
    assert!(error.contains("nearpoint.yaml:2: xyzzy: unknown key\n"), "{error}");
    assert!(error.contains("dc_options.yaml: cannot be read: "), "{error}");
}

/// Documents that are nearly right, so that generation reaches beyond the first check.
fn any_node() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let key = prop::sample::select(vec![
        "edge",
        "dcs",
        "id",
        "listeners",
        "bind",
        "route",
        "dc",
        "health",
        "location",
        "country",
        "lat",
        "lon",
        "geoip",
        "overrides",
        "dc_options",
        "ip",
        "port",
        "flags",
        "secret",
        "name",
        "tcp",
        "keepalive",
        "10.0.0.0/8",
        "<<",
        "",
        "é",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["none", "auto", "3s", "0.0.0.0:1", "::1", "nearest", "NL"])
            .prop_map(Value::from),
        (0..70_000).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let entries = prop::collection::vec((key.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            entries.prop_map(|entries| {
                Value::Object(
                    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_tree_panics_and_every_refusal_says_why(main in any_node(), options in any_node()) {
        let yaml = serde_yaml::to_string(&main).expect("YAML");
        if let Err(error) = parse_both(yaml.as_bytes(), options.to_string().as_bytes()) {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.problems.iter().all(|problem| !problem.text.is_empty()));
        }
    }

    #[test]
    fn no_bytes_panic(main in prop::collection::vec(any::<u8>(), 0..200), text in "[-:{}\\[\\],&*!<'\"a0 \\n\\t#|>?]{0,80}") {
        prop_assert!(parse_both(&main, OPTIONS.as_bytes()).is_err());
        prop_assert!(parse_both(text.as_bytes(), &main).is_err());
        prop_assert!(parse_both(LISTENER.as_bytes(), text.as_bytes()).is_err());
    }

    #[test]
    fn a_cut_list_is_refused_or_shorter(cut in 0_usize..1000) {
        let list: String = (1..=9).map(|n| format!("- {{id: 2, ip: 192.0.2.{n}, port: 443}}\n")).collect();
        let cut = cut % list.len();
        match parse_both(LISTENER.as_bytes(), &list.as_bytes()[..cut]) {
            Ok(loaded) => prop_assert!(loaded.config.topology.access_points().len() <= 9),
            Err(error) => prop_assert!(!error.problems.is_empty()),
        }
    }
}
