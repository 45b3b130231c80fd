//! `geoip`: where clients are.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::Place;
use crate::config::value::{ClientNetwork, Embedded, FilePath, Or, OrNone, Slot};

/// How clients are located, for all `nearest` listeners.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Geoip {
    /// Countries or cities: `embedded`, the country database within the program, or the path of a
    /// file in MaxMind's format (.mmdb). Watched.
    pub(crate) database: Or<Embedded, FilePath>,
    /// Autonomous systems: the path of a file in MaxMind's format (.mmdb). Watched.
    pub(crate) asn_database: OrNone<FilePath>,
    /// Networks whose place is known better, such as `10.20.0.0/16: {country: NL}`. The longest
    /// prefix wins, and wins over the databases.
    pub(crate) overrides: Overrides,
    /// Where clients are taken to be whom nobody can locate. For cost only: the rules of `policy` see
    /// them as unknown.
    pub(crate) default: OrNone<Place>,
}

/// Places by network, as they are written; a bad place is told and empty here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Overrides(Vec<(String, Option<Place>)>);

impl Overrides {
    /// The networks as they are written, each with its place if that is good.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Option<Place>)> {
        self.0.iter().map(|(network, place)| (network.as_str(), *place))
    }
}

/// In their canonical form.
impl FromIterator<(String, Place)> for Overrides {
    fn from_iter<I: IntoIterator<Item = (String, Place)>>(places: I) -> Self {
        Self(places.into_iter().map(|(network, place)| (network, Some(place))).collect())
    }
}

impl<'de> Deserialize<'de> for Overrides {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Overrides;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of networks")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Overrides, A::Error> {
                let mut places = Vec::new();
                while let Some((network, place)) = map.next_entry::<String, Slot<Place>>()? {
                    places.push((network, place.into_value()));
                }
                Ok(Overrides(places))
            }
        }

        from.deserialize_map(Entries)
    }
}

impl Serialize for Overrides {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (network, place) in &self.0 {
            map.serialize_entry(network, place)?;
        }
        map.end()
    }
}

impl JsonSchema for Overrides {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Overrides".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let network = generator.subschema_for::<ClientNetwork>();
        let place = generator.subschema_for::<Place>();
        json_schema!({
            "type": "object",
            "propertyNames": network,
            "additionalProperties": place,
            "x-kind": "places by network",
        })
    }
}
