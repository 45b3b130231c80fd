//! Values that are written as text, and are read where they stand, so that errors name their place.

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use super::expect::Bound;
use crate::failover::phase::ByPhase;

/// `dc1`, `5%`: what a type reads from text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Text<T>(pub(super) T);

/// `500ms`, `10s`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Length(pub(super) Duration);

/// One bound for all phases, or bounds for some of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds(pub(super) ByPhase<Option<Bound>>);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<T>, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<T: FromStr<Err: Display>> Visitor<'_> for Reader<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
                text.parse().map(Text).map_err(E::custom)
            }

            // Bare numbers are read as what they say: `failed: 0`.
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text<T>, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Length, String> {
        let length = humantime::parse_duration(text);
        length.map(Length).map_err(|error| format!("{text:?} is no time: {error}"))
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Length, D::Error> {
        Text::deserialize(deserializer).map(|Text(length)| length)
    }
}

impl<'de> Deserialize<'de> for Bounds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bounds, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Bounds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0, `at most 3`, `at most 2%`, or one of these for each phase")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Bounds, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bounds, E> {
                let bound = text.parse().map_err(E::custom)?;
                Ok(Bounds(ByPhase::of(|_| Some(bound))))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Bounds, A::Error> {
                #[derive(Default, Deserialize)]
                #[serde(default, deny_unknown_fields)]
                struct Each {
                    before: Option<Text<Bound>>,
                    fault: Option<Text<Bound>>,
                    after: Option<Text<Bound>>,
                }
                let Each { before, fault, after } =
                    Each::deserialize(MapAccessDeserializer::new(map))?;
                let bound = |it: Option<Text<Bound>>| it.map(|Text(bound)| bound);
                Ok(Bounds(ByPhase {
                    before: bound(before),
                    fault: bound(fault),
                    after: bound(after),
                }))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
