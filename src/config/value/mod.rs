//! The values of the configuration. Each type says in one place what it takes, how it is written,
//! and how a JSON Schema says the same.

mod address;
mod choice;
mod country;
mod fingerprint;
mod http;
mod later;
mod list;
mod listener_secret;
mod number;
mod parse;
pub(in crate::config) mod pattern;
mod payload;
mod quantity;
mod secret;
mod word;

pub(super) use address::{
    AdminAddress, AdvertisedAddress, ClientNetwork, Ip, ListenAddress, Port, SourceNetwork,
};
pub(super) use choice::{All, Any, Auto, Embedded, Or, OrNone, Same};
pub(super) use country::{AsNumber, Continent, Country};
pub(super) use fingerprint::Fingerprint;
pub(super) use http::{HostHeader, RequestPath, StatusCodes};
pub(super) use later::{LATER, Later, NotYet, OfAllDcs, OnlyTrue};
pub(super) use list::{Given, List, Many, Slot};
pub use listener_secret::ListenerSecret;
pub(super) use number::{Count, DcNumber, Degrees, Factor, FlagBits};
pub(super) use parse::{client_network, shown, spoken, spoken_size};
pub(super) use pattern::whole_seconds;
pub(super) use payload::Payload;
pub(super) use quantity::{Percent, Size, Time};
pub(super) use secret::{OptionalSecret, Secret};
pub(super) use word::{FilePath, Flag, Host, Interface, Name};

use std::cell::Cell;
use std::fmt;

use schemars::Schema;
use serde::Serialize;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};

use super::node::{Node, NodeSeed};
use parse::Parsed;

/// One value without parts, or one whose parts mean nothing alone.
trait Scalar: Sized {
    /// Whether schemas repeat what it takes wherever it is used, since that is short.
    const INLINE: bool = true;

    /// Reads it, or says in words for the operator why it cannot be.
    fn parse(node: &Node) -> Parsed<Self>;

    /// How it is written in its canonical form.
    fn written(&self) -> impl Serialize;

    /// What JSON Schema can say of it.
    fn schema() -> Schema;
}

/// Makes a [`Scalar`] known to serde and to schemars.
macro_rules! scalar {
    ($type:ident $(<$(const $parameter:ident: $of:ty),+>)?) => {
        impl<'de $($(, const $parameter: $of)+)?> serde::Deserialize<'de>
            for $type $(<$($parameter),+>)?
        {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let node = from.deserialize_any($crate::config::value::WholeNode)?;
                $crate::config::value::Scalar::parse(&node).map_err(serde::de::Error::custom)
            }
        }

        impl $(<$(const $parameter: $of),+>)? serde::Serialize for $type $(<$($parameter),+>)? {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::config::value::Scalar::written(self).serialize(to)
            }
        }

        impl $(<$(const $parameter: $of),+>)? schemars::JsonSchema for $type $(<$($parameter),+>)? {
            fn inline_schema() -> bool {
                <Self as $crate::config::value::Scalar>::INLINE
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as $crate::config::value::Scalar>::schema()
            }
        }
    };
}

use scalar;

/// Takes a node as it is.
struct WholeNode;

impl<'de> Visitor<'de> for WholeNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        // What there is has been parsed within a budget already.
        let budget = Cell::new(usize::MAX);
        let mut list = Vec::new();
        while let Some(node) = seq.next_element_seed(NodeSeed { budget: &budget })? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        // No value is a mapping: it is enough to know that it is one.
        Ok(Node::Map(Vec::new()))
    }
}

#[cfg(test)]
mod tests;
