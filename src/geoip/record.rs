//! What one record of a database says about a place, whatever its vendor's layout.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::routing::{Coordinates, CountryCode};

/// A record, reduced to the place. Borrows from the database while it is read; allocates nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Record {
    pub(super) country: Option<CountryCode>,
    pub(super) coordinates: Option<Coordinates>,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Keys { country_code, country, location, latitude, longitude, lat, lng } =
            Keys::deserialize(deserializer)?;
        let own = location.coordinates();
        let flat = || Scalar::point(latitude, longitude);
        let short = || Scalar::point(lat, lng);
        Ok(Self {
            country: country_code.country().or_else(|| country.country()),
            coordinates: own.or_else(flat).or_else(short),
        })
    }
}

/// The keys that vendors use; `geoip/README.md` says who uses which.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Keys<'a> {
    #[serde(borrow)]
    country_code: Scalar<'a>,
    /// A code, a name, or a map.
    #[serde(borrow)]
    country: Value<'a>,
    #[serde(borrow)]
    location: Value<'a>,
    #[serde(borrow)]
    latitude: Scalar<'a>,
    #[serde(borrow)]
    longitude: Scalar<'a>,
    #[serde(borrow)]
    lat: Scalar<'a>,
    #[serde(borrow)]
    lng: Scalar<'a>,
}

/// The keys of MaxMind's `country` and `location`.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct NestedKeys<'a> {
    #[serde(borrow)]
    iso_code: Scalar<'a>,
    #[serde(borrow)]
    latitude: Scalar<'a>,
    #[serde(borrow)]
    longitude: Scalar<'a>,
}

/// A value that is one thing with one vendor and a map with another.
enum Value<'a> {
    Scalar(Scalar<'a>),
    Nested(NestedKeys<'a>),
}

impl Default for Value<'_> {
    fn default() -> Self {
        Self::Scalar(Scalar::Other)
    }
}

impl Value<'_> {
    fn country(&self) -> Option<CountryCode> {
        match self {
            Self::Scalar(code) => code.country(),
            Self::Nested(keys) => keys.iso_code.country(),
        }
    }

    fn coordinates(&self) -> Option<Coordinates> {
        match self {
            Self::Scalar(_) => None,
            Self::Nested(keys) => Scalar::point(keys.latitude, keys.longitude),
        }
    }
}

/// A text, a number, or what is neither and says nothing about places.
#[derive(Clone, Copy, Default)]
enum Scalar<'a> {
    Text(&'a str),
    Number(f64),
    #[default]
    Other,
}

impl Scalar<'_> {
    fn country(self) -> Option<CountryCode> {
        match self {
            Self::Text(code) => CountryCode::new(code),
            Self::Number(_) | Self::Other => None,
        }
    }

    fn degrees(self) -> Option<f64> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(number),
            Self::Other => None,
        }
    }

    /// `None` also for 0,0: vendors write it where they know nothing, and nobody lives there.
    fn point(latitude: Self, longitude: Self) -> Option<Coordinates> {
        let (lat, lon) = (latitude.degrees()?, longitude.degrees()?);
        let known = lat != 0.0 || lon != 0.0;
        Coordinates::new(lat, lon).ok().filter(|_| known)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Scalar(scalar) => scalar,
            Value::Nested(_) => Self::Other,
        })
    }
}

/// Accepts every type of the format: a key of another meaning must not spoil its record.
struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the MaxMind DB format")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Scalar(Scalar::Text(text)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Value::Scalar(Scalar::Number(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::Scalar(Scalar::Number(number as f64)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::Scalar(Scalar::Number(number as f64)))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Self::Value, E> {
        Ok(Value::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Value::default())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Self::Value, E> {
        Ok(Value::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        NestedKeys::deserialize(MapAccessDeserializer::new(map)).map(Value::Nested)
    }
}
