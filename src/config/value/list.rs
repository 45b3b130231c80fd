//! Lists, single values that may be lists, and keys that may be absent.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::config::de::{MANY, SLOT};

/// A list whose bad elements are told, and empty here, so that the others keep their index.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct List<T>(Vec<Slot<T>>);

/// A good element of a list, or the place of a bad one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slot<T>(Option<T>);

impl<T> Slot<T> {
    /// What is there, if it was good.
    pub(crate) fn into_value(self) -> Option<T> {
        self.0
    }
}

impl<T> List<T> {
    /// Whether no element was given, good or bad.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many elements were given, good or bad.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all elements that were given are good.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.iter().all(|slot| slot.0.is_some())
    }

    /// The good elements.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|slot| slot.0.as_ref())
    }

    /// The good elements, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().filter_map(|slot| slot.0.as_mut())
    }

    /// The good elements with their indexes.
    pub(crate) fn indexed(&self) -> impl Iterator<Item = (usize, &T)> {
        let slots = self.0.iter().enumerate();
        slots.filter_map(|(index, slot)| Some((index, slot.0.as_ref()?)))
    }

    /// The same, to be changed.
    pub(crate) fn indexed_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        let slots = self.0.iter_mut().enumerate();
        slots.filter_map(|(index, slot)| Some((index, slot.0.as_mut()?)))
    }

    /// The good elements with their indexes, by value.
    pub(crate) fn into_indexed(self) -> impl Iterator<Item = (usize, T)> {
        self.0.into_iter().enumerate().filter_map(|(index, slot)| Some((index, slot.0?)))
    }

    /// Adds elements that have been found elsewhere.
    pub(crate) fn extend(&mut self, elements: impl IntoIterator<Item = T>) {
        self.0.extend(elements.into_iter().map(|element| Slot(Some(element))));
    }

    /// Puts the elements of a list that means a set into order, each once.
    pub(crate) fn sort(&mut self)
    where
        T: Ord,
    {
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
        self.0.dedup();
    }

    /// Puts the elements of a list whose order means nothing into that of what they are known by.
    pub(crate) fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&T) -> K) {
        self.0.sort_by_key(|slot| slot.0.as_ref().map(&key));
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self(elements.into_iter().map(|element| Slot(Some(element))).collect())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::deserialize(from).map(Self)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Slot<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AtMostOne<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMostOne<T> {
            type Value = Slot<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Slot<T>, A::Error> {
                seq.next_element().map(Slot)
            }
        }

        from.deserialize_newtype_struct(SLOT, AtMostOne(PhantomData))
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("list_of_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
    }
}

/// One value or a list of at least one: a set, in order and each value once however it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Many<T>(Vec<T>);

impl<T> Many<T> {
    /// The values; at least one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de> + Ord> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMore<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Ord> Visitor<'de> for OneOrMore<T> {
            type Value = Many<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                from: D,
            ) -> Result<Many<T>, D::Error> {
                Ok(Many(vec![T::deserialize(from)?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Many<T>, A::Error> {
                let mut values = Vec::new();
                let mut given = 0;
                while let Some(Slot(value)) = seq.next_element()? {
                    given += 1;
                    values.extend(value);
                }
                values.sort();
                values.dedup();
                match given {
                    0 => Err(A::Error::custom("is an empty list, which fits nobody")),
                    _ => Ok(Many(values)),
                }
            }
        }

        from.deserialize_newtype_struct(MANY, OneOrMore(PhantomData))
    }
}

impl<T: Serialize> Serialize for Many<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<T: JsonSchema> JsonSchema for Many<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("one_or_more_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// A key that may be absent without a default of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Given<T>(pub(crate) Option<T>);

impl<T> Given<T> {
    /// The value, if there is one.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    /// Whether the key was not given, or was bad.
    pub(crate) fn is_absent(&self) -> bool {
        self.0.is_none()
    }
}

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(|value| Self(Some(value)))
    }
}

impl<T: Serialize> Serialize for Given<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}
