//! JSON Schema (2020-12) of the files, from the types that read them.
//!
//! A schema takes what the parser takes, with two exceptions in which it takes more: how values of
//! different keys, elements and files fit together, and what the bits of a network mean. What these
//! are, `tests::agreement` lists.
//!
//! Beside the standard words it has three of its own, which validators ignore: `x-kind` tells people
//! what a value is, `x-needs-restart` that a change waits for a restart, and `x-not-in-this-version` what
//! has its place in the tree and no behaviour yet. `patternErrorMessage` is a word of editors.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::restart;
use super::tree::{Document, Main};
use super::value::LATER;

/// The mark of keys that are read once.
pub(super) const RESTART: &str = "x-needs-restart";

/// The schema of the main file. Files that it includes have some of its keys.
#[must_use]
pub fn config() -> Value {
    let mut schema = schema_of::<Main>();
    for key in restart::KEYS {
        let property = property(&mut schema, key).expect("the table names keys of the tree");
        property.insert(RESTART.to_owned(), true.into());
    }
    schema
}

/// The schema of the list of access points.
#[must_use]
pub fn dc_options() -> Value {
    schema_of::<Document>()
}

fn schema_of<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = Schema::to_value(generator.into_root_schema_for::<T>());
    adapt(&mut schema);
    schema
}

/// Says what the derived schema does not know of the parser, here and below.
fn adapt(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(adapt),
        Value::Object(keys) => {
            keys.values_mut().for_each(adapt);
            leave_out_later(keys);
            admit_null(keys);
            explain_pattern(keys);
            leave_out_refused_default(keys);
            // Nothing is ever written: the schema is for reading.
            keys.remove("writeOnly");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Takes alternatives away that this version does not have, and says which they were.
fn leave_out_later(keys: &mut Map<String, Value>) {
    let mut later = Vec::new();
    for word in ["oneOf", "anyOf"] {
        if let Some(Value::Array(alternatives)) = keys.get_mut(word) {
            alternatives.retain(|alternative| match later_variant(alternative) {
                Some(name) => {
                    later.push(json!(name));
                    false
                }
                None => true,
            });
        }
    }
    if !later.is_empty() {
        keys.insert(LATER.to_owned(), later.into());
    }
    if keys.get("items").is_some_and(is_later) {
        keys.remove("items");
        keys.insert("maxItems".to_owned(), 0.into());
        keys.insert(LATER.to_owned(), json!(["elements"]));
    }
}

fn is_later(schema: &Value) -> bool {
    schema.get(LATER) == Some(&Value::Bool(true))
}

/// The name of a variant whose content nothing satisfies.
fn later_variant(alternative: &Value) -> Option<String> {
    let properties = alternative.get("properties")?.as_object()?;
    let (name, _) = properties.iter().find(|(_, content)| is_later(content))?;
    (properties.len() == 1).then(|| name.clone())
}

/// Sections, maps and lists that may be empty may also be left open: `edge:` and nothing more.
fn admit_null(keys: &mut Map<String, Value>) {
    let bound = match keys.get("type").and_then(Value::as_str) {
        Some("object") => ["required", "minProperties"],
        Some("array") => ["minItems", "minItems"],
        Some(_) | None => return,
    };
    if bound.iter().all(|bound| !keys.contains_key(*bound)) {
        let kind = keys.get("type").cloned();
        keys.insert("type".to_owned(), json!([kind, "null"]));
    }
}

/// What a list that must not be empty is where nothing is said, cannot be said.
fn leave_out_refused_default(keys: &mut Map<String, Value>) {
    if keys.contains_key("minItems") && keys.get("default") == Some(&json!([])) {
        keys.remove("default");
    }
}

/// Editors show this in place of the pattern that a text does not match.
fn explain_pattern(keys: &mut Map<String, Value>) {
    if let (Some(Value::String(kind)), true) = (keys.get("x-kind"), keys.contains_key("pattern")) {
        let expected = format!("expected: {kind}");
        keys.insert("patternErrorMessage".to_owned(), expected.into());
    }
}

/// The schema of a key below the root, by its path; `$ref`s are followed, but not into the last.
fn property<'s>(root: &'s mut Value, path: &str) -> Option<&'s mut Map<String, Value>> {
    let mut pointer = String::new();
    for key in path.split('.') {
        let reference = root.pointer(&pointer)?.get("$ref").and_then(Value::as_str);
        if let Some(definition) = reference.and_then(|it| it.strip_prefix('#')) {
            pointer = definition.to_owned();
        }
        pointer = format!("{pointer}/properties/{key}");
    }
    root.pointer_mut(&pointer)?.as_object_mut()
}

#[cfg(test)]
mod tests;
