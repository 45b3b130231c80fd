//! Whether the committed schemas and the reference are current. Run with `NEARPOINT_REWRITE=1` in the
//! environment, these tests write them instead.

mod reference;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::{File, parse};

/// Compares a file of the repository with what it should be, or writes it.
fn assert_current(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("NEARPOINT_REWRITE").is_some() {
        fs::write(&path, wanted).expect("written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{name} is out of date; NEARPOINT_REWRITE=1 in the environment writes it"
    );
}

fn pretty(schema: &Value) -> String {
    serde_json::to_string_pretty(schema).expect("JSON") + "\n"
}

#[test]
fn the_committed_schemas_and_the_reference_are_current() {
    assert_current("configs/nearpoint.schema.json", &pretty(&config()));
    assert_current("configs/dc_options.schema.json", &pretty(&dc_options()));
    assert_current("docs/configuration.md", &reference::reference(&config(), &dc_options()));
}

#[test]
fn every_example_is_valid_and_names_its_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        seen += 1;
        let text = fs::read_to_string(&path).expect("text");
        let is_list = path.to_string_lossy().ends_with("dc_options.yaml");
        let (schema, name) = match is_list {
            true => (dc_options(), "dc_options.schema.json"),
            false => (config(), "nearpoint.schema.json"),
        };
        let line = format!("# yaml-language-server: $schema={name}\n");
        assert!(text.starts_with(&line), "{} names no schema", path.display());
        let value: Value = serde_yaml::from_str(&text).expect("YAML");
        assert_eq!(errors(&schema, &value), "", "{}", path.display());
    }
    assert!(seen >= 4, "{seen}");
}

/// What a validator says.
fn errors(schema: &Value, value: &Value) -> String {
    let validator = jsonschema::validator_for(schema).expect("a schema");
    let told = validator.iter_errors(value).map(|it| format!("{}: {it}", it.instance_path()));
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_schema_takes_and_refuses_what_the_parser_does() {
    let listeners = json!([{"name": "a", "bind": ["127.0.0.1:1"]}]);
    let schema = config();
    for (keys, good) in [
        (json!({"edge": null, "dcs": null, "geoip": {"overrides": null}}), true),
        (json!({"connect": {"hedge": "none"}, "overflow": "refuse"}), true),
        (json!({"connect": {"hedge": {"min": "1s"}}}), false),
        (json!({"overflow": "nearest"}), false),
        (json!({"health": {"slow_start": "1s"}}), false),
        (json!({"dcs": [{"id": 2, "replicas": []}]}), true),
        (json!({"dcs": [{"id": 2, "replicas": [3]}]}), false),
        (json!({"dcs": [{"name": "x"}]}), false),
        (json!({"edge": {"location": {"country": "nl"}}}), true),
        (json!({"edge": {"location": {"country": "ZZ"}}}), false),
        (json!({"edge": {"location": {"lat": 1}}}), false),
        (json!({"edge": {"location": {"lat": 1, "lon": 2, "country": "NL"}}}), false),
        (json!({"edge": {"location": null}}), false),
        (json!({"edge": {"workers": 3.0}}), true),
        (json!({"edge": {"workers": 3.5}}), false),
        (json!({"connect": {"timeout": "3 s"}}), true),
        (json!({"connect": {"timeout": 3}}), false),
        (json!({"guards": {"max_removed": "101%"}}), false),
        (json!({"guards": {"max_removed": "007%"}}), true),
        (json!({"policy": {"rules": [{"match": {"eu": true}, "deny": true}]}}), true),
        (json!({"policy": {"rules": [{"match": {"eu": true}}]}}), false),
        (json!({"policy": {"rules": [{"match": {}, "deny": true}]}}), false),
        (json!({"policy": {"rules": [{"deny": true}]}}), false),
        (json!({"policy": {"rules": [{"match": {"eu": true}, "deny": false}]}}), false),
        (
            json!({"policy": {"rules": [{"match": {"eu": true}, "deny": true, "allow": true}]}}),
            false,
        ),
        (json!({"policy": {"rules": [{"match": {"country": []}, "deny": true}]}}), false),
        (json!({"policy": {"rules": [{"match": {"country": "DE"}, "restrict": [2, 2]}]}}), false),
        (json!({"policy": {"rules": [{"match": {"country": "DE"}, "restrict": [2]}]}}), true),
        (json!({"policy": {"rules": [{"match": {"country": "DE"}, "restrict": []}]}}), false),
        (json!({"admin": {"bind": "0.0.0.0:1"}}), false),
        (json!({"include": [], "log": {"level": "debug"}}), true),
        (json!({"log": {"level": "loud"}}), false),
        (json!({"xyzzy": 1}), false),
    ] {
        let mut main = keys.clone();
        main["listeners"] = listeners.clone();
        let parsed = parse_value(&main, &json!([{"id": 2, "ip": "192.0.2.1", "port": 1}]));
        assert_eq!(parsed.is_ok(), good, "{keys}: {}", parsed.err().unwrap_or_default());
        assert_eq!(errors(&schema, &main).is_empty(), good, "{keys}");
    }
}

fn parse_value(main: &Value, list: &Value) -> Result<(), String> {
    let (main, list) = (main.to_string(), list.to_string());
    let main = File { path: Path::new("m"), bytes: main.as_bytes() };
    let list = File { path: Path::new("l"), bytes: list.as_bytes() };
    parse(main, list).map(drop).map_err(|error| error.to_string())
}

/// A value that a key might have, good or bad.
fn any_value() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "none",
        "all",
        "auto",
        "embedded",
        "tcp",
        "nearest",
        "main",
        "refuse",
        "NL",
        "nl",
        "3s",
        "10m",
        "64KiB",
        "1GiB",
        "10%",
        "192.0.2.1",
        "10.0.0.0/8",
        "127.0.0.1:7",
        "[::1]:9",
        "AS7",
        "allow",
        "off",
        "latency",
        "",
        "x y",
    ]);
    let leaf = prop_oneof![
        4 => words.prop_map(Value::from),
        2 => (0..20).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<f32>().prop_map(|number| json!(number)),
        1 => Just(json!({"country": "NL"})),
        1 => Just(json!({"dc": 2})),
        1 => Just(json!({})),
    ];
    leaf.prop_recursive(1, 4, 3, |leaf| prop::collection::vec(leaf, 0..3).prop_map(Value::from))
}

/// The paths of all keys below a schema, with lists entered.
fn key_paths(root: &Value, schema: &Value, path: &str, paths: &mut Vec<String>) {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
    let schema = reference.and_then(|it| root.pointer(it)).unwrap_or(schema);
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{key}");
        key_paths(root, below, &path, paths);
        paths.push(path);
    }
    if let Some(items) = schema.get("items") {
        key_paths(root, items, &format!("{path}/0"), paths);
    }
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        key_paths(root, alternative, path, paths);
    }
}

/// Puts a value at a path into a tree, making what is on the way.
fn put(tree: &mut Value, path: &[&str], value: Value) {
    match path {
        [] => *tree = value,
        ["0", rest @ ..] => {
            if !tree.is_array() {
                *tree = json!([{}]);
            }
            put(&mut tree[0], rest, value);
        }
        [key, rest @ ..] => {
            if !tree.is_object() {
                *tree = json!({});
            }
            put(&mut tree[*key], rest, value);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_the_parser_accepts_is_valid_by_the_schema(
        entries in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 1..3),
        is_list in any::<bool>(),
    ) {
        let schemas = SCHEMAS.get_or_init(|| [Checked::new(config()), Checked::new(dc_options())]);
        let mut main = json!({
            "listeners": [{"name": "a", "bind": ["127.0.0.1:1"]}],
            "dcs": [{"id": 2}],
        });
        let mut list = json!([{"id": 2, "ip": "192.0.2.1", "port": 1}]);
        let checked = &schemas[usize::from(is_list)];
        for (index, value) in entries {
            let path = index.get(&checked.paths);
            let steps: Vec<&str> = path.split('/').skip(1).collect();
            put(if is_list { &mut list } else { &mut main }, &steps, value);
        }
        if parse_value(&main, &list).is_ok() {
            let value = if is_list { &list } else { &main };
            let told: Vec<String> =
                checked.validator.iter_errors(value).map(|it| it.to_string()).collect();
            prop_assert!(told.is_empty(), "{value}: {told:?}");
        }
    }
}

static SCHEMAS: std::sync::OnceLock<[Checked; 2]> = std::sync::OnceLock::new();

struct Checked {
    validator: jsonschema::Validator,
    paths: Vec<String>,
}

impl Checked {
    fn new(schema: Value) -> Self {
        let mut paths = Vec::new();
        key_paths(&schema, &schema, "", &mut paths);
        Self { validator: jsonschema::validator_for(&schema).expect("a schema"), paths }
    }
}
