//! A word that may stand in place of a value: `none`, `all`, `auto`, `embedded`,
//! `same`, `any`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::later;

/// One fixed word.
pub(crate) trait Word {
    /// As it is written.
    const WORD: &'static str;
}

/// There is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nothing;

/// Every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct All;

/// As the machine has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Auto;

/// What is within the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Embedded;

/// As it is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Same;

/// Whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Any;

impl Word for Nothing {
    const WORD: &'static str = "none";
}

impl Word for All {
    const WORD: &'static str = "all";
}

impl Word for Auto {
    const WORD: &'static str = "auto";
}

impl Word for Embedded {
    const WORD: &'static str = "embedded";
}

impl Word for Same {
    const WORD: &'static str = "same";
}

impl Word for Any {
    const WORD: &'static str = "any";
}

/// The word or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Or<W, T> {
    /// The word.
    Word(PhantomData<W>),
    /// The value.
    Value(T),
}

/// `none` or a value.
pub(crate) type OrNone<T> = Or<Nothing, T>;

impl<W, T> Or<W, T> {
    /// The value, unless it is the word.
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Word(_) => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// The word.
impl<W, T> Default for Or<W, T> {
    fn default() -> Self {
        Self::Word(PhantomData)
    }
}

impl<'de, W: Word, T: Deserialize<'de>> Deserialize<'de> for Or<W, T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_newtype_struct(W::WORD, WordOrValue(PhantomData))
    }
}

/// Told `none` when the word stood there.
struct WordOrValue<W, T>(PhantomData<(W, T)>);

impl<'de, W: Word, T: Deserialize<'de>> Visitor<'de> for WordOrValue<W, T> {
    type Value = Or<W, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` or a value", W::WORD)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Or::Word(PhantomData))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        T::deserialize(from).map(Or::Value)
    }
}

impl<W: Word, T: Serialize> Serialize for Or<W, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Word(_) => to.serialize_str(W::WORD),
            Self::Value(value) => value.serialize(to),
        }
    }
}

impl<W: Word, T: JsonSchema> JsonSchema for Or<W, T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}_or_{}", W::WORD, T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        match later::is_later(&value) {
            true => json_schema!({ "const": W::WORD, "x-not-in-this-version": ["anything else"] }),
            false => json_schema!({ "anyOf": [{ "const": W::WORD }, value] }),
        }
    }
}
