//! What loads, and as what; what does not is in `broken`, what nobody wrote in `any_input`, what
//! this and later versions know in `documented_tree`.

mod admin;
mod any_input;
mod broken;
mod documented_tree;
mod mtproto;
mod udp;

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::routing::policy::Objective;
use crate::routing::topology::{
    ConnectLimits, Framing, Hedging, HoldDown, HttpProbe, MtprotoProbe, OnDown, Probe, Route,
};
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

fn route_sticky(config: &Config) -> Option<crate::routing::Sticky> {
    config.topology.route("clients").and_then(|route| route.sticky)
}

#[test]
fn defaults_are_those_of_the_documented_tree() {
    let Loaded { config, notes, sources, .. } = good(LISTENER);
    assert_eq!(config.edge, Edge::default());
    assert_eq!(*config.topology.policy(), crate::routing::Policy::default());
    assert_eq!(route_sticky(&config), Some(crate::routing::Sticky::default()));
    assert_eq!(config.edge.workers, Workers::Auto);
    assert_eq!(config.dc_options, Path::new("/etc/nearpoint/dc_options.yaml"));
    assert_eq!(config.geoip, Geoip::default());
    let listener = &config.listeners[0];
    assert_eq!(listener.limits.sessions, 100_000);
    assert_eq!(listener.timeouts.idle, Duration::from_secs(600));
    assert_eq!(listener.timeouts.first_byte, None);
    assert_eq!(listener.tcp.keepalive.count, 3);
    assert!(listener.proxy_protocol.accept_from.is_empty());
    let topology = &config.topology;
    assert_eq!(topology.policy().objective, Objective::Balanced);
    assert_eq!(topology.policy().tie_margin, Millis(5.0));
    assert!(topology.policy().fail_open);
    assert_eq!(topology.connect(), ConnectLimits::default());
    assert_eq!(topology.on_down(), OnDown::Close { rate: 2000 });
    assert_eq!(topology.startup_grace(), Duration::from_secs(2));
    assert_eq!(topology.max_probes(), 512);
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
     health: {fall: 5, interval: 1m, probe: {http: {path: /up, port: 81, expect: 200}}, hold_down: {max: 1h}}}
  - {id: 9, location: none, site: none}
listeners:
  - name: a
    bind: ['0.0.0.0:443', '[::]:443', '127.0.0.1:0']
    protocol: tcp
    route: {dc: 2}
    dcs: [2, 9]
    advertise: ['192.0.2.9:443', '[2001:db8::9]:443', '192.0.2.8:443']
    proxy_protocol: {accept_from: [10.0.0.0/8, '::1'], timeout: 1s}
    limits: {sessions: 5}
    timeouts: {idle: 1h, half_close: 1s, first_byte: 250ms}
    tcp: {backlog: 6, keepalive: {idle: 7s, interval: 8s, count: 9}, user_timeout: 10s}
connect: {timeout: 1s, deadline: 2s, attempts: 3, hedge: {min: 150ms, factor: 2.5, budget: 30%}}
on_down: {rate: 50}
policy: {objective: latency, tie_margin: 0ms, fail_open: false}
health: {probe: {http: {host: H.example}}, interval: 4s, fast_interval: 50ms, down_interval: 9s, timeout: 2s, fall: 1, rise: 1, jitter: 0%, hold_down: {first: 7s}, max_in_flight: 9, startup_grace: 0s}
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
    let told = config.topology.advertisements(&config.topology.dcs()[0]);
    let told: Vec<String> = told[0].of.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["192.0.2.9:443", "[2001:db8::9]:443", "192.0.2.8:443"], "in this order");
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
    let (first, max) = (Duration::from_secs(7), Duration::from_secs(300));
    assert_eq!(nine.health.hold_down, HoldDown { first, max });
    assert_eq!(two.health.hold_down, HoldDown { first, max: Duration::from_secs(3600) });
    let host = Some("h.example".into());
    let everybodys = HttpProbe { path: "/".into(), host, port: None, expect: 200..=399 };
    assert_eq!(nine.health.probe, Probe::Http(everybodys.into()));
    // A probe is one thing: that of a DC has nothing of the global one.
    let own = HttpProbe { path: "/up".into(), host: None, port: Some(81), expect: 200..=200 };
    assert_eq!(two.health.probe, Probe::Http(own.into()));
    assert_eq!(config.topology.max_probes(), 9);
    let mtproto =
        "health: {probe: {mtproto: {transport: full, fingerprints: [0x7, '00000000000000ff']}}}
dcs: [{id: 2, health: {probe: {mtproto: {transport: obfuscated}}}}, {id: 3}]";
    let asked = good(&format!("{LISTENER}{mtproto}")).config;
    let [two, three] = asked.topology.dcs() else { panic!("two DCs") };
    let probe = |framing, is_obfuscated, pins: &[u64]| {
        Probe::Mtproto(MtprotoProbe::new(framing, is_obfuscated, pins.to_vec()).into())
    };
    assert_eq!(two.health.probe, probe(Framing::Intermediate, true, &[]));
    assert_eq!(three.health.probe, probe(Framing::Full, false, &[255, 7]));
    let bare = good(&format!("{LISTENER}health: {{probe: {{mtproto: {{}}}}}}")).config;
    assert_eq!(bare.topology.dcs()[0].health.probe, probe(Framing::Abridged, false, &[]));

    let hedging = Hedging { min: Duration::from_millis(150), factor: 2.5, budget_percent: 30 };
    assert_eq!(config.topology.connect().hedging, Some(hedging));
    let unhedged = good(&format!("{LISTENER}connect: {{hedge: none}}")).config;
    assert_eq!(unhedged.topology.connect().hedging, None);

    assert_eq!(config.topology.on_down(), OnDown::Close { rate: 50 });
    let kept = good(&format!("{LISTENER}on_down: {{sessions: keep, rate: 7}}")).config;
    assert_eq!(kept.topology.on_down(), OnDown::Keep);

    let listener = &config.listeners[0];
    assert_eq!(listener.bind.len(), 3);
    assert_eq!(listener.proxy_protocol.accept_from.len(), 2);
    assert_eq!(listener.tcp.keepalive.interval, Duration::from_secs(8));
    assert_eq!(listener.timeouts.first_byte, Some(Duration::from_millis(250)));
    let route = config.topology.route("a").expect("the route of the listener");
    assert_eq!(route.route, Route::Dc(DcId(2)));
    assert!(route.dcs.as_ref().is_some_and(|dcs| dcs.contains(&DcId(9))));
    assert_eq!(config.guards.empty_dc, EmptyDc::Allow);
    assert_eq!(config.memory.pipes, 0);
    assert_eq!(config.metrics.bind, Bind::Off);
    let hosts: Vec<&str> = config.admin.allowed_hosts.iter().map(|host| &**host).collect();
    assert_eq!(hosts, ["edge.example", "[::1]", "::1"]);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.topology.policy().tie_margin, Millis(0.0));
}

#[test]
fn rules_and_offers_arrive_in_routing() {
    let main = format!(
        "{LISTENER}geoip: {{asn_database: a.mmdb}}
policy:
  default: deny
  enforce_on_bound: enforce
  rules:
  - {{match: {{cidr: [0.0.0.0/0, '2001:db8::/32'], country: de}}, restrict: [2]}}
  - {{match: {{continent: [EU, AF], asn: [64500, AS7]}}, prefer: [2]}}
  - {{match: {{eu: true, eea: false, unknown: false}}, allow: true}}
  - {{match: {{unknown: true}}, deny: true}}
"
    );
    let list = "[{id: 2, ip: 192.0.2.1, port: 1, for: {country: [NL, BE]}},
        {id: 2, ip: 192.0.2.1, port: 1, for: {eu: true}}, {id: 2, ip: 192.0.2.2, port: 1, for: {eu: true}},
        {id: 2, ip: 192.0.2.2, port: 1}]";
    let loaded = parse_both(main.as_bytes(), list.as_bytes()).unwrap_or_else(|it| panic!("{it}"));
    let topology = loaded.config.topology;
    let policy = topology.policy();
    let rules: Vec<String> = policy.rules.iter().map(ToString::to_string).collect();
    assert_eq!(
        rules,
        [
            "restrict cidr 0.0.0.0/0, 2001:db8::/32 and country DE to DC 2",
            "prefer DC 2 for continent AF, EU and asn AS7, AS64500",
            "allow eu and not eea and not unknown",
            "deny unknown",
        ]
    );
    assert_eq!(policy.default, crate::routing::policy::Admission::Deny);
    assert_eq!(policy.enforce_on_bound, crate::routing::policy::EnforceOnBound::Enforce);
    let offers: Vec<Vec<String>> = topology
        .access_points()
        .iter()
        .map(|it| it.offered_to.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(offers, [vec!["eu".to_owned(), "country BE, NL".to_owned()], vec![]]);
}

#[test]
fn a_rule_that_never_counts_and_sticky_of_a_bound_listener_are_noted() {
    let main = "listeners: [{name: a, bind: ['127.0.0.1:1'], route: {dc: 2}, sticky: {ttl: 1d}}]
dcs: [{id: 2}]
policy: {rules: [{match: {country: DE}, deny: true}, {match: {country: DE}, allow: true},
  {match: {country: [DE]}, deny: true}]}";
    let loaded = good(main);
    let told: Vec<String> =
        loaded.notes.iter().map(|note| format!("{}: {}", note.path, note.text)).collect();
    assert_eq!(
        told,
        [
            "listeners[0].sticky: means nothing here: `route` fixes the DC of every client",
            "policy.rules[2]: never counts: policy.rules[0] has the same match, and comes first",
        ]
    );
    let sticky = |config: &Config, name| config.topology.route(name).and_then(|it| it.sticky);
    assert_eq!(sticky(&loaded.config, "a"), None);
    for (written, wanted) in [("sticky:", true), ("sticky: {}", true), ("sticky: none", false)] {
        let main = format!("listeners:\n- name: a\n  bind: ['127.0.0.1:1']\n  {written}");
        assert_eq!(sticky(&good(&main).config, "a").is_some(), wanted, "{written}");
    }
}

#[test]
fn both_families_share_a_port_and_port_0_may_repeat() {
    good("listeners: [{name: a, bind: ['0.0.0.0:443', '[::]:443', '[::1]:0', '[::1]:0']}]");
    good(&format!("{LISTENER}admin: {{bind: '127.0.0.1:0'}}\nmetrics: {{bind: '127.0.0.1:0'}}"));
    good(&format!("{LISTENER}metrics: {{bind: '0.0.0.0:9901'}}"));
    good(
        "listeners: [{name: a, bind: ['[::]:443', '[::1]:444']}, {name: b, bind: ['192.0.2.1:443']}]",
    );
    good(
        "listeners: [{name: a, bind: ['0.0.0.0:443']}, {name: b, bind: ['192.0.2.1:444', '[::1]:443']}]",
    );
}

#[test]
fn the_address_of_the_admin_listener_is_an_allowed_host() {
    let hosts = |admin: &str| good(&format!("{LISTENER}admin: {{{admin}}}")).config.admin;
    let hosts = |admin: &str| hosts(admin).allowed_hosts.join(" ");
    assert_eq!(hosts(""), "localhost 127.0.0.1");
    assert_eq!(hosts("bind: '127.77.0.1:9900'"), "localhost 127.0.0.1 127.77.0.1");
    assert_eq!(hosts("bind: '[0:0::1]:9900', allowed_hosts: []"), "::1");
    assert_eq!(hosts("bind: none, allowed_hosts: [edge]"), "edge");
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
fn access_points_that_are_only_connected_to_are_noted() {
    let list =
        "[{id: 2, ip: 192.0.2.1, port: 443, secret: ee00112233445566778899aabbccddeeff6578616d},
        {id: 2, ip: 192.0.2.2, port: 443, secret: dd00112233445566778899aabbccddeeff},
        {id: 2, ip: 192.0.2.3, port: 443, tcpo_only: true}, {id: 2, ip: 192.0.2.4, port: 443}]";
    let notes = |probe: &str| {
        let main = format!("{LISTENER}dcs: [{{id: 2}}]\nhealth: {{probe: {probe}}}");
        let loaded = parse_both(main.as_bytes(), list.as_bytes());
        let notes = loaded.unwrap_or_else(|error| panic!("{error}")).notes;
        notes.into_iter().map(|note| note.text).collect::<Vec<_>>()
    };
    assert_eq!(
        notes("{mtproto: {}}"),
        ["192.0.2.1:443 of DC 2 is probed by `tcp`: an `mtproto` probe speaks no fake TLS"]
    );
    let http = "192.0.2.1:443 and 2 more of DC 2 are probed by `tcp`: an `http` probe would say in \
                clear what it hides";
    assert_eq!(notes("{http: {}}"), [http]);
    assert_eq!(notes("{http: {port: 443}}"), [http]);
    for quiet in ["tcp", "{http: {port: 8080}}"] {
        assert_eq!(notes(quiet), [] as [&str; 0], "{quiet}");
    }
}

#[test]
fn examples_load_without_a_remark() {
    for (name, dcs) in [
        ("nearpoint.yaml", ["mia", "ams", "sin"]),
        ("demo.yaml", ["Miami", "Amsterdam", "Singapore"]),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs").join(name);
        let loaded = load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.notes, [], "{name}");
        let names: Vec<&str> = loaded.config.topology.dcs().iter().map(|dc| &*dc.name).collect();
        assert_eq!(names, dcs);
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
