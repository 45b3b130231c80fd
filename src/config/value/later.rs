//! Places in the tree whose behaviour does not exist yet. What names them is refused by that name,
//! never ignored, and not called unknown.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny};
use serde::ser::{Serialize, Serializer};

use super::parse::Parsed;
use super::{Scalar, scalar};
use crate::config::de::NOT_YET;
use crate::config::node::Node;

/// A value that no document of this version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Later {}

/// A key that no document of this version has, since no value of it means what this version does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NotYet;

/// A key that the section for all DCs has and no DC of its own. Schemas do not know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfAllDcs;

/// The mark of schemas that nothing satisfies.
pub(in crate::config) const LATER: &str = "x-not-in-this-version";

/// Whether nothing satisfies a schema in this version.
pub(super) fn is_later(schema: &Schema) -> bool {
    schema.get(LATER) == Some(&true.into())
}

fn nothing() -> Schema {
    json_schema!({ "not": {}, "x-not-in-this-version": true })
}

impl<'de> Deserialize<'de> for Later {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(from)?;
        Err(D::Error::custom(NOT_YET))
    }
}

impl Serialize for Later {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl JsonSchema for Later {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Later".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        nothing()
    }
}

impl<'de> Deserialize<'de> for NotYet {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Later::deserialize(from).map(|later| match later {})
    }
}

impl JsonSchema for NotYet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NotYet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        nothing()
    }
}

impl<'de> Deserialize<'de> for OfAllDcs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(from)?;
        Err(D::Error::custom("unknown key of one DC; it is set for all of them, in `health`"))
    }
}

/// A word that needs no value, in a mapping: `deny: true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OnlyTrue;

impl Scalar for OnlyTrue {
    fn parse(node: &Node) -> Parsed<Self> {
        match node {
            Node::Bool(true) => Ok(Self),
            Node::Bool(false) => Err("is false; leave the key out".to_owned()),
            other => Err(format!("is {}, not `true`", other.kind())),
        }
    }

    fn written(&self) -> impl Serialize {
        true
    }

    fn schema() -> Schema {
        json_schema!({ "const": true })
    }
}

scalar!(OnlyTrue);
