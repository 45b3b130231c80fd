//! Writes the reference of the configuration from its schemas.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use crate::config::schema::RESTART;
use crate::config::value::LATER;

const HEAD: &str = "\
# Configuration

Every key of the main file and of the list of access points. This page is generated from the types that
read them, as are the JSON Schemas in [nearpoint.schema.json](../configs/nearpoint.schema.json) and
[dc_options.schema.json](../configs/dc_options.schema.json), which `nearpoint schema` prints. Editors
check and complete with them where a file begins with `# yaml-language-server: $schema=...`.

Times are written with their unit, `ms s m h d`; sizes with `KiB MiB GiB`; shares with `%`. Relative paths
begin beside the main file. A reload puts a change into force, unless the key *needs a restart*. What is
*not in this version* is refused by its name.
";

const LIST: &str = "
The file that `dc_options` names is a list of these, or a mapping with the list under `dc_options`.
";

const ENTRY: &str = "dc_options[]";

/// The whole page.
pub(super) fn reference(config: &Value, dc_options: &Value) -> String {
    let mut page = HEAD.to_owned();
    Writer { root: config, page: &mut page, seen: BTreeSet::new() }
        .section("The main file", config);
    let entry = &dc_options["$defs"]["AccessPoint"];
    page.push_str(LIST);
    Writer { root: dc_options, page: &mut page, seen: BTreeSet::new() }.section(ENTRY, entry);
    page
}

struct Writer<'s, 'p> {
    root: &'s Value,
    page: &'p mut String,
    seen: BTreeSet<String>,
}

impl<'s> Writer<'s, '_> {
    /// A table of the keys of a mapping, and the tables of what is below.
    fn section(&mut self, title: &str, schema: &'s Value) {
        if !self.seen.insert(title.to_owned()) {
            return;
        }
        let keys = schema["properties"].as_object().expect("a mapping");
        let _ = write!(self.page, "\n## {title}\n\n");
        if let Some(text) = schema["description"].as_str() {
            let _ = write!(self.page, "{text}\n\n");
        }
        self.page.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
        let whole = if schema.get("required").is_some() { schema } else { &schema["anyOf"][0] };
        let required: Vec<&str> =
            whole["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut below = Vec::new();
        for (key, value) in keys {
            let default = match required.contains(&key.as_str()) {
                true => "required".to_owned(),
                false => value.get("default").map_or_else(String::new, default),
            };
            let mut sections = Vec::new();
            let kind = self.kind(value, &mut sections).replace('|', "\\|");
            let meaning = self.meaning(value).replace('|', "\\|");
            let _ = writeln!(self.page, "| `{key}` | {kind} | {default} | {meaning} |");
            let path = match title {
                "The main file" => key.clone(),
                title => format!("{title}.{key}"),
            };
            below.extend(sections.into_iter().map(|(suffix, it)| (format!("{path}{suffix}"), it)));
        }
        for (title, schema) in below {
            self.section(&title, schema);
        }
    }

    fn resolve(&self, schema: &'s Value) -> &'s Value {
        let target = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
        target.and_then(|target| self.root.pointer(target)).unwrap_or(schema)
    }

    /// What stands there, in words; mappings with keys of their own are added to `sections`.
    fn kind(&self, schema: &'s Value, sections: &mut Vec<(String, &'s Value)>) -> String {
        if schema.get(LATER) == Some(&Value::Bool(true)) {
            return String::new();
        }
        let schema = self.resolve(schema);
        if let Some(kind) = schema["x-kind"].as_str() {
            return kind.to_owned();
        }
        if let Some(word) = schema.get("const") {
            return format!("`{}`", plain(word));
        }
        if let Some(words) = schema["enum"].as_array() {
            return words
                .iter()
                .map(|word| format!("`{}`", plain(word)))
                .collect::<Vec<_>>()
                .join(", ");
        }
        let alternatives = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
        if let Some(alternatives) = alternatives.filter(|_| schema.get("properties").is_none()) {
            let kinds: Vec<String> =
                alternatives.iter().map(|it| self.kind(it, sections)).collect();
            return kinds.join(", or ");
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds[0].as_str(),
            kind => kind.as_str(),
        };
        match kind {
            Some("array") => {
                let mut elements = Vec::new();
                let kind = match schema.get("items") {
                    Some(items) => format!("list of: {}", self.kind(items, &mut elements)),
                    None => "`[]`".to_owned(),
                };
                sections
                    .extend(elements.into_iter().map(|(it, schema)| (format!("[]{it}"), schema)));
                kind
            }
            Some("object") => {
                let keys = schema["properties"].as_object().expect("a mapping");
                let is_variant =
                    schema["required"].as_array().is_some_and(|it| it.len() == keys.len());
                match is_variant {
                    true => {
                        let keys = keys.iter().map(|(key, value)| {
                            let mut below = Vec::new();
                            let kind = self.kind(value, &mut below);
                            let below = below.into_iter();
                            sections
                                .extend(below.map(|(it, below)| (format!(".{key}{it}"), below)));
                            format!("{key}: {kind}")
                        });
                        format!("`{{{}}}`", keys.collect::<Vec<_>>().join(", "))
                    }
                    false => {
                        sections.push((String::new(), schema));
                        "see below".to_owned()
                    }
                }
            }
            Some("boolean") => "`true` or `false`".to_owned(),
            Some(other) => other.to_owned(),
            None => String::new(),
        }
    }

    /// What it means, what its words mean, and when it does not.
    fn meaning(&self, schema: &'s Value) -> String {
        let resolved = self.resolve(schema);
        let text = schema["description"].as_str().or(resolved["description"].as_str());
        let mut meaning = text.unwrap_or_default().replace('\n', " ");
        for word in resolved["oneOf"].as_array().into_iter().flatten() {
            if let (Some(name), Some(text)) = (word.get("const"), word["description"].as_str()) {
                let _ = write!(meaning, " `{}`: {}", plain(name), text.replace('\n', " "));
            }
        }
        if schema.get(RESTART).is_some() {
            meaning.push_str(" *Needs a restart.*");
        }
        let mut later = Vec::new();
        collect_later(schema, &mut later);
        if !std::ptr::eq(schema, resolved) {
            collect_later(resolved, &mut later);
        }
        if schema.get(LATER) == Some(&Value::Bool(true)) {
            meaning.push_str(" *Not in this version.*");
        } else if !later.is_empty() {
            later.dedup();
            let _ = write!(meaning, " *Not in this version: {}.*", later.join(", "));
        }
        meaning
    }
}

/// What a value, but not what is below it, cannot be yet.
fn collect_later(schema: &Value, later: &mut Vec<String>) {
    let words = schema[LATER].as_array().into_iter().flatten().filter_map(Value::as_str);
    later.extend(words.map(|word| match word {
        "anything else" => "anything else".to_owned(),
        word => format!("`{word}`"),
    }));
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        collect_later(alternative, later);
    }
}

/// A default that is one line; those of sections are those of their keys.
fn default(value: &Value) -> String {
    match value {
        Value::Object(keys) if keys.len() > 1 => String::new(),
        Value::Object(keys) if keys.values().any(Value::is_object) => String::new(),
        value => format!("`{}`", plain(value)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
