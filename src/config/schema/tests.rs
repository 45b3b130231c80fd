//! Whether the committed schemas and the reference are current. Run with `NEARPOINT_REWRITE=1` in the
//! environment, these tests write them instead.

mod agreement;
mod reference;

use std::fs;
use std::path::{Path, PathBuf};

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
fn the_schemas_are_schemas_whose_defaults_and_examples_are_valid_by_them() {
    for schema in [config(), dc_options()] {
        if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
            panic!("{}: {error}", error.instance_path());
        }
        let mut seen = 0;
        each_part(&schema, &mut |part| {
            let defaults = part.get("default").into_iter();
            let examples = part.get("examples").and_then(Value::as_array).into_iter().flatten();
            let mut values = defaults.chain(examples).peekable();
            if values.peek().is_none() {
                return;
            }
            let mut alone = part.clone();
            alone["$defs"] = schema["$defs"].clone();
            for value in values {
                seen += 1;
                assert_eq!(errors(&alone, value), "", "{value} in {part}");
            }
        });
        assert!(seen > 0);
    }
}

#[test]
fn every_key_says_what_it_means() {
    for schema in [config(), dc_options()] {
        each_part(&schema, &mut |part| {
            let keys = part["properties"].as_object();
            // What a single key means, its mapping may say.
            let keys = keys.filter(|keys| keys.len() > 1 || part.get("description").is_none());
            for (key, value) in keys.into_iter().flatten() {
                let is_said = part.get("type").is_none() || value.get("description").is_some();
                assert!(is_said, "{key} of {part}");
            }
        });
    }
}

/// Every part of a schema that may be a schema itself.
fn each_part(schema: &Value, seen: &mut impl FnMut(&Value)) {
    match schema {
        Value::Object(keys) => {
            seen(schema);
            let parts =
                keys.iter().filter(|(key, _)| !["default", "examples"].contains(&key.as_str()));
            parts.for_each(|(_, part)| each_part(part, seen));
        }
        Value::Array(parts) => parts.iter().for_each(|part| each_part(part, seen)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_example_is_valid_and_those_beside_the_schemas_name_them() {
    let (main_schema, list_schema) = (config(), dc_options());
    // What is included has some of the sections.
    let mut section_schema = config();
    section_schema.as_object_mut().expect("an object").remove("anyOf");
    let (mut seen, mut included) = (0, 0);
    for (path, documents) in examples() {
        let folder = path.parent().expect("a folder");
        seen += 1;
        for (schema, document) in [&main_schema, &list_schema].into_iter().zip(&documents) {
            assert_eq!(errors(schema, document), "", "{}", path.display());
        }
        for file in documents[0]["include"].as_array().into_iter().flatten() {
            included += 1;
            let file = folder.join(file.as_str().expect("a path"));
            assert_eq!(errors(&section_schema, &read(&file)), "", "{}", file.display());
        }
        if folder.ends_with("configs") {
            let list = documents[0]["dc_options"].as_str().unwrap_or("dc_options.yaml");
            let (list, main) = (folder.join(list), path.clone());
            for (file, schema) in [(main, "nearpoint"), (list, "dc_options")] {
                let text = fs::read_to_string(&file).expect("text");
                let line = format!("# yaml-language-server: $schema={schema}.schema.json\n");
                assert!(text.starts_with(&line), "{} names no schema", file.display());
            }
        }
    }
    assert!(seen >= 7 && included >= 2, "{seen} {included}");
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
    serde_yaml::from_str(&text).expect("YAML")
}

/// The main files of the repository, each with the list that it names.
fn examples() -> impl Iterator<Item = (PathBuf, [Value; 2])> {
    let below = |folder: PathBuf| {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut paths: Vec<PathBuf> = entries.map(|it| it.expect("an entry").path()).collect();
        paths.sort();
        paths
    };
    let configs = repository().join("configs");
    let folders = below(configs.join("examples")).into_iter().filter(|it| it.is_dir());
    let mains = ["nearpoint.yaml", "demo.yaml"].map(|name| configs.join(name));
    let all = mains.into_iter().chain(folders.map(|folder| folder.join("nearpoint.yaml")));
    all.map(|path| {
        let main = read(&path);
        let list = path.with_file_name(main["dc_options"].as_str().unwrap_or("dc_options.yaml"));
        (path, [main, read(&list)])
    })
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
        (json!({"connect": {"hedge": {"min": "1s", "factor": 1.5, "budget": "0%"}}}), true),
        (json!({"connect": {"hedge": {"factor": 0.9}}}), false),
        (json!({"connect": {"hedge": {"factor": "2"}}}), false),
        (json!({"connect": {"hedge": "off"}}), false),
        (json!({"overflow": "nearest"}), true),
        (json!({"health": {"slow_start": "1s"}}), false),
        (json!({"health": {"probe": "tcp", "max_in_flight": 1}}), true),
        (json!({"health": {"probe": "http"}}), false),
        (json!({"health": {"probe": {"http": {}}}}), true),
        (json!({"health": {"probe": {"http": null}}}), true),
        (json!({"health": {"probe": {"http": {"expect": 200}}}}), true),
        (json!({"health": {"probe": {"http": {"expect": "200"}}}}), false),
        (json!({"health": {"probe": {"http": {"expect": "200-"}}}}), false),
        (json!({"health": {"probe": {"http": {"host": "[::1]:80"}}}}), true),
        (json!({"health": {"probe": {"http": {"host": "::1"}}}}), false),
        (json!({"health": {"probe": {"http": {"host": "a:080"}}}}), false),
        (json!({"health": {"probe": {"http": {"host": "a:65536"}}}}), false),
        (json!({"health": {"probe": {"http": {"path": "/é"}}}}), false),
        (json!({"health": {"probe": {"http": {"path": "/a#b"}}}}), false),
        (json!({"health": {"probe": {"http": {"port": "same"}}}}), true),
        (json!({"health": {"probe": "mtproto"}}), false),
        (json!({"health": {"probe": {"mtproto": null}}}), true),
        (json!({"health": {"probe": {"mtproto": {"transport": "udp"}}}}), false),
        (json!({"health": {"probe": {"mtproto": {"fingerprints": "0x7"}}}}), false),
        (json!({"health": {"probe": {"mtproto": {"fingerprints": vec![1; 64]}}}}), true),
        (json!({"health": {"probe": {"mtproto": {"fingerprints": vec![1; 65]}}}}), false),
        (
            json!({"dcs": [{"id": 2, "health": {"probe": {"mtproto": {"fingerprints": vec![1; 65]}}}}]}),
            false,
        ),
        (json!({"health": {"probe": {"mtproto": {"fingerprints": ["7"]}}}}), false),
        (json!({"health": {"udp_probe": "none"}}), true),
        (json!({"health": {"udp_probe": "ping"}}), false),
        (json!({"health": {"udp_probe": null}}), false),
        (json!({"health": {"udp_probe": {"expect": "any"}}}), false),
        (json!({"health": {"udp_probe": {"send": ""}}}), true),
        (json!({"health": {"udp_probe": {"send": "é"}}}), true),
        (json!({"health": {"udp_probe": {"send": "hex:"}}}), true),
        (json!({"health": {"udp_probe": {"send": "hex:0"}}}), false),
        (json!({"health": {"udp_probe": {"send": "hex:0g"}}}), false),
        (json!({"health": {"udp_probe": {"send": 5}}}), false),
        (json!({"health": {"udp_probe": {"send": "x".repeat(1201)}}}), false),
        (json!({"health": {"udp_probe": {"send": format!("hex:{}", "00".repeat(1201))}}}), false),
        (json!({"health": {"udp_probe": {"send": "a", "expect": ""}}}), false),
        (json!({"health": {"udp_probe": {"send": "a", "expect": "hex:"}}}), false),
        (json!({"health": {"udp_probe": {"send": "a", "expect": "any"}}}), true),
        (json!({"dcs": [{"id": 2, "source": {"addresses": ["192.0.2.9"]}}]}), true),
        (json!({"dcs": [{"id": 2, "source": {"addresses": ["0.0.0.0"]}}]}), false),
        (json!({"dcs": [{"id": 2, "source": {"addresses": ["ff02::1"]}}]}), false),
        (json!({"dcs": [{"id": 2, "source": {"mark": 7}}]}), true),
        (json!({"health": {"hold_down": {"first": "0s"}}}), true),
        (json!({"dcs": [{"id": 2, "health": {"hold_down": {"max": "1h"}}}]}), true),
        (json!({"dcs": [{"id": 2, "health": {"max_in_flight": 5}}]}), false),
        (json!({"dcs": [{"id": 2, "replicas": []}]}), true),
        (json!({"dcs": [{"id": 2, "replicas": ["x"]}]}), false),
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
        (json!({"admin": {"bind": "unix:/run/nearpoint/admin.sock"}}), true),
        (json!({"admin": {"bind": "unix:admin.sock"}}), false),
        (json!({"admin": {"bind": "224.0.0.1:1"}}), false),
        (json!({"admin": {"tls": {}}}), false),
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
    for alternative in ["anyOf", "oneOf"].iter().flat_map(|word| schema[word].as_array()).flatten()
    {
        key_paths(root, alternative, path, paths);
    }
}

/// Puts a value at a path into a tree, making what is on the way.
fn put(tree: &mut Value, path: &[&str], value: Value) {
    match path {
        [] => *tree = value,
        ["0", rest @ ..] => {
            if tree.as_array().is_none_or(Vec::is_empty) {
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
