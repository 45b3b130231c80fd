//! The OpenAPI 3.1 document of the admin API: made of the table of endpoints and of the very types that
//! answers are written from, so that it cannot say anything else than they do.

mod about;

use hyper::StatusCode;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::endpoint::{Access, Endpoint, Route};
use super::view::ErrorView;
use about::{About, Content};

/// The document, in a canonical form: it changes only with what it describes.
pub(super) fn document() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in Endpoint::ALL {
        let Route { method, path, .. } = endpoint.route();
        let operation = operation(endpoint, &mut generator);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(method.as_str().to_ascii_lowercase(), operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "nearpoint admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": TOKEN},
            },
        },
    })
}

const ABOUT: &str = "What operators, load balancers and scripts ask of a nearpoint daemon. Additions \
    are compatible, renames are not. Units are in the names: `_ms` milliseconds, `_km` kilometres, \
    `_seconds` seconds. Times are RFC 3339 in UTC.";

const TOKEN: &str =
    "A token of `admin.tokens_file`. On the Unix socket the daemon's own user needs none.";

fn operation(endpoint: Endpoint, generator: &mut SchemaGenerator) -> Value {
    let Route { path, access, parameters, .. } = endpoint.route();
    let About { summary, answer, body, refusals } = about::about(endpoint, generator);
    let in_path = segments_of(path).map(|name| (name, "path"));
    let in_query = parameters.iter().map(|name| (*name, "query"));
    let parameters = in_path.chain(in_query).map(|(name, place)| {
        let (schema, description) = about::parameter(endpoint, name);
        let required = place == "path" || about::is_required(endpoint, name);
        // A parameter without a value is one that is left out.
        let schema = match required {
            true => schema,
            false => json!({"anyOf": [schema, {"type": "string", "maxLength": 0}]}),
        };
        json!({
            "name": name,
            "in": place,
            "required": required,
            "description": description,
            "schema": schema,
        })
    });
    let mut parameters: Vec<Value> = parameters.collect();
    if let Some(required) = about::if_match(endpoint) {
        parameters.push(json!({
            "name": "If-Match",
            "in": "header",
            "required": required,
            "description": "The ETag of the list that is to be replaced, or `*` for any.",
            "schema": {"type": "string", "pattern": "^(\\*|\"[0-9a-f]{16}\")$"},
        }));
    }
    let mut operation = json!({
        "operationId": format!("{endpoint:?}"),
        "summary": summary,
        "parameters": parameters,
        "responses": responses(access, answer, refusals, generator),
        "security": match access {
            Access::Public => json!([]),
            Access::Local => json!([{}, {"token": []}]),
            Access::Read | Access::Write => json!([{"token": []}]),
        },
    });
    if let Some(body) = body {
        operation["requestBody"] = json!({"required": true, "content": content_of(body)});
    }
    operation
}

fn responses(
    access: Access,
    (answer, etag): (Content, bool),
    refusals: &[StatusCode],
    generator: &mut SchemaGenerator,
) -> Value {
    let mut all: Map<String, Value> = Map::new();
    let mut good = json!({"description": "So it is.", "content": content_of(answer.clone())});
    if etag {
        let schema =
            json!({"schema": {"type": "string"}, "description": "The revision, in quotes."});
        good["headers"] = json!({"ETag": schema});
    }
    all.insert("200".to_owned(), good);
    let error = generator.subschema_for::<ErrorView>();
    let always = [StatusCode::BAD_REQUEST, StatusCode::MISDIRECTED_REQUEST];
    let by_access: &[StatusCode] = match access {
        Access::Public => &[],
        Access::Local | Access::Read | Access::Write => {
            &[StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS]
        }
    };
    for status in always.iter().chain(by_access).chain(refusals) {
        let description = status.canonical_reason().unwrap_or("refused");
        let content = json!({"application/json": {"schema": error}});
        let refusal = json!({"description": description, "content": content});
        all.insert(status.as_str().to_owned(), refusal);
    }
    // Of a probe that says no the answer has the shape of one that says yes.
    if matches!(answer, Content::Verdict(_)) {
        let refusal = json!({"description": "It is not so.", "content": content_of(answer)});
        all.insert(StatusCode::SERVICE_UNAVAILABLE.as_str().to_owned(), refusal);
    }
    Value::Object(all)
}

fn content_of(content: Content) -> Value {
    match content {
        Content::Json(schema) | Content::Verdict(schema) => {
            json!({"application/json": {"schema": schema}})
        }
        Content::List => {
            let list = json!([{"id": 2, "ip": "192.0.2.1", "port": 443}]);
            json!({
                "application/yaml": {"schema": {}, "example": list},
                "application/json": {"schema": {}, "example": list},
            })
        }
    }
}

/// The names in the braces of a path.
fn segments_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// The schema of a type, as a reference into the components.
fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

#[cfg(test)]
mod tests;
