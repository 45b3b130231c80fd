//! A node as serde reads it.

use serde::de::{Deserializer, Expected, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Choice, Elements, Entries, Slot};
use super::error::{Error, alternatives};
use super::{At, not_a};
use crate::config::node::Node;

/// The newtype that asks for a value which may fail without its list failing.
pub(in crate::config) const SLOT: &str = "[slot]";

/// The newtype that asks for a list or a single value.
pub(in crate::config) const MANY: &str = "[many]";

impl<'de> At<'de> {
    fn is_not(&self, expected: &str) -> Error {
        Error::Said(format!("is {}, not {expected}", self.node.kind()))
    }

    /// What a visitor says it takes, or `usual` if that is only what derived code says.
    fn expected(visitor: &dyn Expected, derived: &str, usual: impl FnOnce() -> String) -> String {
        let said = visitor.to_string();
        match said.starts_with(derived) {
            true => usual(),
            false => said,
        }
    }
}

impl<'de> Deserializer<'de> for At<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => visitor.visit_i64(number),
                (Err(_), Ok(number)) => visitor.visit_u64(number),
                (Err(_), Err(_)) => visitor.visit_i128(*number),
            },
            Node::Float(number) => visitor.visit_f64(*number),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::List(list) => visitor.visit_seq(Elements::new(&self, list)),
            Node::Map(entries) => visitor.visit_map(Entries::new(&self, entries, &[])),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Null
            | Node::Integer(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::List(_)
            | Node::Map(_) => Err(self.is_not("`true` or `false`")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Node::Null => visitor.visit_seq(Elements::new(&self, &[])),
            Node::List(list) => visitor.visit_seq(Elements::new(&self, list)),
            Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) | Node::Map(_) => {
                Err(self.is_not("a list"))
            }
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node {
            Node::Null => visitor.visit_map(Entries::new(&self, &[], &[])),
            Node::Map(entries) => visitor.visit_map(Entries::new(&self, entries, &[])),
            Node::Bool(_) | Node::Integer(_) | Node::Float(_) | Node::Text(_) | Node::List(_) => {
                Err(self.is_not("a mapping"))
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.node {
            Node::Null => visitor.visit_map(Entries::new(&self, &[], keys)),
            Node::Map(entries) => {
                self.check_keys(entries, keys);
                visitor.visit_map(Entries::new(&self, entries, keys))
            }
            _ => Err(self
                .is_not(&Self::expected(&visitor, "struct ", || "a mapping of keys".to_owned()))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let expected = || Self::expected(&visitor, "enum ", || alternatives(variants));
        match self.node {
            Node::Text(word) if variants.contains(&word.as_str()) => {
                visitor.visit_enum(Choice::Word(self, word))
            }
            Node::Map(entries) => {
                self.check_keys(entries, variants);
                let mut left = entries.iter().filter(|(_, node)| !self.reading.is_pruned(node));
                match (left.next(), left.next()) {
                    (Some((key, node)), None) => {
                        let content = self.below(node, self.path.key(key.clone()));
                        visitor.visit_enum(Choice::Entry(key, content))
                    }
                    (None, _) | (Some(_), Some(_)) => Err(not_a(self.node, expected())),
                }
            }
            other => Err(not_a(other, expected())),
        }
    }

    /// The name says what is asked for: a [`SLOT`], [`MANY`], or the word that may stand here in
    /// place of a value.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match (name, self.node) {
            (SLOT, _) => visitor.visit_seq(Slot(Some(self))),
            (MANY, Node::List(list)) => visitor.visit_seq(Elements::new(&self, list)),
            (MANY, _) => visitor.visit_newtype_struct(self),
            (word, Node::Text(text)) if text == word => visitor.visit_none(),
            // Who writes `off` or `false`, or nothing, may mean the word.
            (word, Node::Text(_) | Node::Bool(_) | Node::Null) => {
                let is_not = format!("is {}, not ", self.node.kind());
                visitor.visit_some(self).map_err(|error| match error {
                    Error::Said(text)
                        if text.starts_with(&is_not) && !text.ends_with("quote it") =>
                    {
                        Error::Said(format!("{text} or `{word}`"))
                    }
                    Error::Said(_) | Error::Told => error,
                })
            }
            (_, _) => visitor.visit_some(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple tuple_struct identifier
    }
}
