//! What the parser takes is valid by the schema, and what it refuses is not, unless JSON Schema has no
//! words for the reason.

mod mutation;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;

use mutation::{Damage, any_mutation, pointers};

use super::{examples, key_paths, repository};
use crate::config::schema::{config, dc_options};
use crate::config::value::LATER;
use crate::config::{File, Finding, parse};
use serde_json::{Value, json};

/// What the parser says where the schema may be content.
const BEYOND_THE_SCHEMA: &[&str] = &[
    // Elements against each other, by a part of them or by what they mean.
    "repeats the secret of",
    "is already the id of",
    "is already the name of",
    "is how another DC is called when it has no name",
    "is already used by",
    "is already advertised by",
    "is taken by",
    " too",
    "is given twice",
    // Keys against each other.
    "is shorter than",
    "is longer than",
    "does not hold one pipe",
    "does not allow DC",
    "cannot stand in for itself",
    "has no form for UDP",
    "is of a `nearest` listener",
    "is of a listener for UDP",
    "goes by the first bytes of sessions",
    "wants PROXY headers",
    "needs `geoip.asn_database`",
    // One file against another.
    "there is no DC",
    "cannot be read",
    // The ends of a range against each other.
    "ends before it begins",
    "is outside loopback, which needs",
    "means nothing on a Unix socket",
    // A length in bytes, where letters are counted.
    "bytes; 107 at most",
    // What is in a file, or that it is none.
    "is not a file",
    "name, role, token",
    // What the bits of an address mean.
    "has bits beyond its length",
    "matches nobody",
    "is the IPv4 address",
];

const SECRET: &str = "00112233445566778899aabbccddeeff";

/// Every key of the main file that this version reads, each with a value other than its default where
/// there is one.
fn whole_main() -> Value {
    json!({
        "include": [],
        "edge": {"name": "e", "location": {"country": "NL"}, "workers": 4, "state_dir": "state"},
        "dc_options": "list.yaml",
        "geoip": {
            "database": "city.mmdb",
            "asn_database": "asn.mmdb",
            "overrides": {"10.0.0.0/8": {"country": "nl"}, "2001:db8::/32": {"lat": 1, "lon": 2.5}},
            "default": {"lat": -1.5, "lon": 180},
        },
        "dcs": [
            {
                "id": 2, "name": "ams", "location": {"lat": 52.37, "lon": 4.9}, "site": "west",
                "weight": 7, "max_sessions": 5, "max_connecting": 9, "replicas": [3],
                "send_proxy": "v2",
                "source": {"addresses": ["192.0.2.9", "2001:db8::9"], "mark": 7, "interface": "eth1.5"},
                "health": {
                    "probe": {"http": {
                        "path": "/ready?deep=1", "host": "health.example.org:81", "port": 8080,
                        "expect": "200-299",
                    }},
                    "udp_probe": {"send": "hex:00ff", "expect": "pong"}, "interval": "3s", "fast_interval": "1s",
                    "down_interval": "1h", "timeout": "10ms", "fall": 100, "rise": 1,
                    "jitter": "100%", "hold_down": {"first": "10s", "max": "1d"},
                },
            },
            {"id": 3, "max_sessions": "none", "send_proxy": "v1",
              "source": {"mark": "none", "interface": "none"}, "health": {"probe": {"mtproto": {
                "transport": "obfuscated",
                "fingerprints": ["0xc3b42b026ce86b21", "85fd64de851d9dd0", -1, u64::MAX],
            }}}},
        ],
        "listeners": [
            {
                "name": "a", "bind": ["0.0.0.0:443", "[::]:443"], "protocol": "tcp",
                "route": {"dc": 2}, "class": "media", "dcs": [2, 3], "dial": "on_first_byte",
                "sticky": "none", "proxy_protocol": {"accept_from": ["10.0.0.0/8"], "timeout": "1s"},
                "advertise": ["192.0.2.10:443", "[2001:db8::10]:0443"],
                "limits": {
                    "sessions": 5, "sessions_per_client": 4,
                    "new_per_second": {"rate": 5000, "burst": 10_000},
                    "new_per_second_per_client": {"rate": 5, "burst": 10},
                },
                "timeouts": {"idle": "1h", "half_close": "100ms", "first_byte": "10ms"},
                "tcp": {
                    "backlog": 1, "user_timeout": "10s",
                    "keepalive": {"idle": "1000ms", "interval": "5m", "count": 127},
                },
            },
            {
                "name": "b", "bind": ["127.0.0.1:0"], "route": "nearest", "dcs": "all",
                "sticky": {"ttl": "1d", "clients": 1, "when_down": "refuse"}, "advertise": "none",
            },
            {
                "name": "c", "bind": ["127.0.0.1:0"],
                "route": {"mtproto": {
                    "secrets": [SECRET, "3QARIjNEVWZ3iJmqu8zd7v4=", vec![1; 16]],
                    "secrets_file": "examples/one-address/secrets", "trust_plain_dc": "known",
                    "unknown": {"dc": 2}, "sniff_timeout": "100ms",
                }},
            },
            {
                "name": "d", "bind": ["0.0.0.0:443"], "protocol": "udp",
                "limits": {
                    "new_per_second": {"rate": 1}, "sessions_per_client": "none",
                    "new_per_second_per_client": "none",
                },
                "udp": {
                    "idle": "2m", "unanswered_idle": "100ms", "flows": 1, "flows_per_client": 1,
                    "receive_buffer": "4KiB", "on_removed": "move",
                },
            },
        ],
        "connect": {
            "timeout": "1s", "deadline": "2s", "attempts": 3,
            "hedge": {"min": "10ms", "factor": 1.5, "budget": "100%"},
        },
        "policy": {
            "objective": "latency", "tie_margin": "0ms", "fail_open": false,
            "bound_fail_open": true, "default": "deny", "enforce_on_bound": "off",
            "rules": [
                {"match": {"cidr": ["10.0.0.0/8", "::/0"], "country": "DE"}, "deny": true},
                {"match": {"continent": ["EU"], "asn": [7, "AS8"]}, "restrict": [2, 3]},
                {"match": {"eu": true, "eea": false}, "allow": true},
                {"match": {"unknown": true}, "prefer": [3]},
            ],
        },
        "health": {
            "probe": {"http": {"path": "/x", "host": "none", "port": "same", "expect": 204}},
            "udp_probe": "none", "interval": "2s", "fast_interval": "1s",
            "down_interval": "9s", "timeout": "2s", "fall": 1, "rise": 1, "jitter": "0%",
            "hold_down": {"first": "0s", "max": "0s"}, "max_in_flight": 100_000,
            "startup_grace": "0s",
        },
        "on_down": {"sessions": "keep", "rate": 1},
        "failback": {"sessions": "keep"},
        "overflow": "nearest",
        "guards": {"max_removed": "7%", "max_moved": "30%", "empty_dc": "allow"},
        "memory": {"pending": "1GiB", "pipes": "1024KiB", "pipe_size": "64KiB"},
        "shutdown": {"grace": "0s", "deadline": "1d"},
        "admin": {
            "bind": "[::1]:0", "tokens_file": "none",
            // That these can be read is all that is asked of them here.
            "tls": {"cert": "nearpoint.yaml", "key": "nearpoint.yaml", "client_ca": "none"},
            "allowed_hosts": ["edge", "[::1]", "::1"],
        },
        "metrics": {"bind": "none"},
        "access_log": "none",
        "log": {"level": "trace", "format": "json"},
    })
}

/// The same, with another kind of probe.
fn whole_main_of_mtproto() -> Value {
    let mut main = whole_main();
    main["health"]["probe"] = json!({"mtproto": {"transport": "full", "fingerprints": [7]}});
    main["health"]["udp_probe"] = json!({"send": "", "expect": "any"});
    main["admin"] = json!({"bind": "unix:/run/nearpoint/admin.sock", "tls": "none"});
    main["listeners"][3]["udp"]["flows_per_client"] = json!("none");
    main
}

/// Every key of an access point that this version reads.
fn whole_list() -> Value {
    json!([
        {
            "_": "dcOption", "id": 2, "ip_address": "192.0.2.1", "port": 443, "ipv6": false,
            "media_only": null, "tcpo_only": false, "cdn": false, "static": true,
            "this_port_only": false, "flags": 16, "secret": SECRET,
            "weight": 10000, "protocols": ["tcp", "udp"], "for": {"country": ["NL", "be"]},
            "max_sessions": 70,
        },
        {"id": 3, "ip": "2001:db8::1", "port": 1, "secret": [0xdd, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
         "for": {"cidr": "10.0.0.0/8", "continent": "AF", "eu": true, "eea": true, "asn": 7, "unknown": false}},
        {"id": 3, "ip": "192.0.2.3", "port": 1, "secret": "3QARIjNEVWZ3iJmqu8zd7v8="},
    ])
}

/// A configuration that is valid.
struct Seed {
    /// Where the main file is, or would be.
    path: PathBuf,
    /// The main file and the list.
    documents: [Value; 2],
}

/// One of the two documents, by its place among them.
struct Checked {
    validator: jsonschema::Validator,
    /// What its schema has a place for, refused ones included.
    paths: Vec<String>,
}

struct World {
    seeds: Vec<Seed>,
    checked: [Checked; 2],
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let path = repository().join("configs/nowhere.yaml");
        let dump = json!({"_": "config", "date": 1, "dc_options": whole_list()});
        let mut seeds = vec![
            Seed { path: path.clone(), documents: [whole_main(), whole_list()] },
            Seed { path, documents: [whole_main_of_mtproto(), dump] },
        ];
        seeds.extend(examples().map(|(path, documents)| Seed { path, documents }));
        let checked = [config(), dc_options()].map(|schema| {
            let mut paths = Vec::new();
            key_paths(&schema, &schema, "", &mut paths);
            let validator = jsonschema::validator_for(&schema).expect("a schema");
            Checked { validator, paths }
        });
        World { seeds, checked }
    })
}

fn problems_of(path: &Path, [main, list]: &[Value; 2]) -> Vec<Finding> {
    let (main, list) = (main.to_string(), list.to_string());
    let main = File { path, bytes: main.as_bytes() };
    let list = File { path: Path::new("list"), bytes: list.as_bytes() };
    parse(main, list).err().map_or_else(Vec::new, |error| error.problems)
}

/// Whether the schema may take a document that has this problem.
fn is_beyond_the_schema(problem: &Finding, main: &Value) -> bool {
    let includes = main["include"].as_array().is_some_and(|files| !files.is_empty());
    let says = |text: &&str| problem.text.contains(text);
    BEYOND_THE_SCHEMA.iter().any(says) || includes && problem.text.starts_with("needs `listeners`")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_schema_takes_what_the_parser_takes_and_refuses_what_it_can_say(
        seed in any::<Index>(),
        // The two that name every key come as often as all the others.
        is_whole in any::<bool>(),
        which in 0..2_usize,
        mutations in prop::collection::vec(any_mutation(), 1..=3),
    ) {
        let (whole, examples) = world().seeds.split_at(2);
        let seed = seed.get(if is_whole { whole } else { examples });
        let found = disagreements(seed, which, |document, paths| {
            mutations.into_iter().for_each(|mutation| mutation.apply(document, paths));
        });
        prop_assert!(found.is_empty(), "{found:#?}");
    }
}

/// Chance finds what is rare; what is missing, twice, misspelt or another number is tried at each place.
#[test]
fn they_agree_whatever_usual_damage_is_done_wherever() {
    let mut found = Vec::new();
    for seed in &world().seeds[..2] {
        for which in 0..seed.documents.len() {
            let mut places = Vec::new();
            pointers(&seed.documents[which], "", &mut places);
            for place in places {
                for damage in Damage::usual() {
                    let told = format!("{damage:?} at {place}");
                    let of_this =
                        disagreements(seed, which, |document, _| damage.apply(document, &place));
                    found.extend(of_this.into_iter().map(|it| format!("{told}: {it}")));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// What one of parser and schema says of a damaged document where the other says nothing.
fn disagreements(
    seed: &Seed,
    which: usize,
    damage: impl FnOnce(&mut Value, &[String]),
) -> Vec<String> {
    let Seed { path, documents } = seed;
    let mut documents = documents.clone();
    let Checked { validator, paths } = &world().checked[which];
    damage(&mut documents[which], paths);
    let problems = problems_of(path, &documents);
    let told: Vec<String> = validator
        .iter_errors(&documents[which])
        .map(|error| format!("the schema alone: {}: {error}", error.instance_path()))
        .collect();
    match (problems.is_empty(), told.is_empty()) {
        (true, _) => told,
        (false, false) => Vec::new(),
        (false, true) => {
            let within = problems.iter().filter(|it| !is_beyond_the_schema(it, &documents[0]));
            within.map(|it| format!("the parser alone: {it}")).collect()
        }
    }
}

#[test]
fn the_documents_that_are_damaged_are_good_and_name_every_key() {
    let World { seeds, checked } = world();
    for Seed { path, documents } in seeds {
        assert_eq!(problems_of(path, documents), [], "{}", path.display());
        for (document, checked) in documents.iter().zip(checked) {
            assert!(checked.validator.is_valid(document), "{}", path.display());
        }
    }
    let mut found = Vec::new();
    let named = seeds.iter().flat_map(|seed| &seed.documents);
    named.for_each(|document| pointers(document, "", &mut found));
    let is_index = |step: &str| step.parse::<usize>().is_ok();
    let generic = |pointer: &String| {
        let steps = pointer.split('/').map(|step| if is_index(step) { "0" } else { step });
        steps.collect::<Vec<_>>().join("/")
    };
    let found: Vec<String> = found.iter().map(generic).collect();
    for (schema, checked) in [config(), dc_options()].iter().zip(checked) {
        let missing = checked.paths.iter().filter(|path| !found.contains(path));
        let missing: Vec<&String> = missing.filter(|path| !is_later(schema, path)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}

/// Whether this version refuses a key whatever it says.
fn is_later(schema: &Value, path: &str) -> bool {
    let key = path.rsplit('/').next().unwrap_or_default();
    let definitions = schema["$defs"].as_object().into_iter().flatten().map(|(_, it)| it);
    definitions.chain([schema]).any(|it| it["properties"][key][LATER] == json!(true))
}
