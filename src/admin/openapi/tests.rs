use std::collections::BTreeSet;
use std::path::Path;

use super::*;

/// Where the document stands in the repository.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

#[test]
fn the_document_in_the_repository_is_this_one() {
    let mut text = serde_json::to_string_pretty(&document()).expect("JSON");
    text.push('\n');
    if std::env::var_os("NEARPOINT_REWRITE").is_some() {
        std::fs::write(FILE, &text).expect("written");
    }
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        written == text,
        "{} is out of date: NEARPOINT_REWRITE=1 cargo test --lib openapi",
        Path::new(FILE).display()
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_referred_to() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let mut referred = BTreeSet::new();
    collect(&document, &mut referred);
    let known: BTreeSet<String> = schemas.keys().cloned().collect();
    assert_eq!(referred, known);
}

fn collect(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(keys) => {
            let reference = keys.get("$ref").and_then(Value::as_str);
            let name = reference.map(|it| it.strip_prefix("#/components/schemas/").expect(it));
            into.extend(name.map(str::to_owned));
            keys.values().for_each(|it| collect(it, into));
        }
        Value::Array(list) => list.iter().for_each(|it| collect(it, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_endpoint_is_described_with_who_may_ask() {
    let document = document();
    for endpoint in Endpoint::ALL {
        let Route { method, path, access, .. } = endpoint.route();
        let operation = &document["paths"][path][method.as_str().to_ascii_lowercase()];
        assert!(operation["summary"].as_str().is_some_and(|it| it.ends_with('.')), "{path}");
        let is_open = operation["security"] == json!([]);
        assert_eq!(is_open, access == Access::Public, "{path}");
        assert_eq!(operation["responses"].get("401").is_some(), access != Access::Public);
    }
}
