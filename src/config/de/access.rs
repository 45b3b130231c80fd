//! The parts of a node, handed to serde one by one.

use std::borrow::Cow;
use std::slice::Iter;

use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::error::Error;
use super::{At, NOT_YET};
use crate::config::key_path::KeyPath;
use crate::config::node::Node;
use crate::config::value::shown;

/// The elements of a list; those that are pruned keep their index and are passed over, except by
/// a [`Slot`], which stays empty.
pub(super) struct Elements<'p, 'de> {
    list: &'p At<'de>,
    left: std::iter::Enumerate<Iter<'de, Node>>,
}

impl<'p, 'de> Elements<'p, 'de> {
    pub(super) fn new(list: &'p At<'de>, elements: &'de [Node]) -> Self {
        Self { list, left: elements.iter().enumerate() }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let next = self.left.next();
        let element = next.map(|(index, node)| self.list.below(node, self.list.path.index(index)));
        element.map(|element| element.visit(seed)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// A list of one value, or of none when that is bad, which is told.
pub(super) struct Slot<'de>(pub(super) Option<At<'de>>);

impl<'de> SeqAccess<'de> for Slot<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let whole = self.0.take().filter(|at| !at.is_pruned());
        // What went wrong has been told.
        Ok(whole.and_then(|at| at.visit(seed).ok()))
    }
}

/// The entries of a mapping that are not pruned.
pub(super) struct Entries<'p, 'de> {
    mapping: &'p At<'de>,
    left: Iter<'de, (String, Node)>,
    /// The keys that are known, so that paths need not copy them.
    keys: &'static [&'static str],
    value: Option<At<'de>>,
}

impl<'p, 'de> Entries<'p, 'de> {
    pub(super) fn new(
        mapping: &'p At<'de>,
        entries: &'de [(String, Node)],
        keys: &'static [&'static str],
    ) -> Self {
        Self { mapping, left: entries.iter(), keys, value: None }
    }

    fn path(&self, key: &str) -> KeyPath {
        let known = self.keys.iter().find(|known| **known == key);
        let key = known.map_or_else(|| Cow::Owned(key.to_owned()), |key| Cow::Borrowed(*key));
        self.mapping.path.key(key)
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let reading = self.mapping.reading;
        let Some((key, node)) = self.left.find(|(_, node)| !reading.is_pruned(node)) else {
            return Ok(None);
        };
        self.value = Some(self.mapping.below(node, self.path(key)));
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().expect("serde asks for a key before its value");
        value.visit(seed)
    }
}

/// One of several things: a word, or a mapping of one key.
pub(super) enum Choice<'de> {
    Word(At<'de>, &'de str),
    Entry(&'de str, At<'de>),
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name = match &self {
            Self::Word(_, word) => *word,
            Self::Entry(key, _) => *key,
        };
        Ok((seed.deserialize(name.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self {
            Self::Word(..) => Ok(()),
            Self::Entry(word, content) => {
                let text = format!("takes nothing; write `{word}` alone");
                Err(content.tell(Error::Said(text)))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        match self {
            Self::Entry(_, content) => content.visit(seed),
            Self::Word(at, word) => {
                let nothing = at.below(&Node::Null, at.path.clone());
                Err(match seed.deserialize(nothing) {
                    Err(Error::Said(text)) if text == NOT_YET => {
                        Error::Said(format!("`{word}`: {NOT_YET}"))
                    }
                    Err(Error::Told) => Error::Told,
                    // A mapping of which every key has a default says so itself: `{word: {}}`.
                    Ok(_) => Error::Said(format!("`{word}` needs more: `{{{word}: {{}}}}`")),
                    Err(Error::Said(_)) => {
                        Error::Said(format!("`{word}` needs more: `{{{word}: ..}}`"))
                    }
                })
            }
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(self.unknown_shape())
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(self.unknown_shape())
    }
}

impl Choice<'_> {
    /// No type of the configuration has such a variant: their contents have types of their own.
    fn unknown_shape(self) -> Error {
        match self {
            Self::Word(_, word) | Self::Entry(word, _) => {
                Error::Said(format!("{} has no such shape", shown(word)))
            }
        }
    }
}
