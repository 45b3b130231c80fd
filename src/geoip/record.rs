//! What one record of a database says of an address, whatever its vendor's layout.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::routing::{Asn, Coordinates, CountryCode, country};

/// A record, reduced to what clients are located by. Borrows from the database while it is read;
/// allocates nothing.
///
/// What cannot be understood (another type, coordinates outside the globe, a country that does not
/// exist) is unknown, and no fault of the rest of the record.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Record {
    /// Where the address is used; a country of the table.
    pub(super) country: Option<CountryCode>,
    /// Its own ones, not the country's.
    pub(super) coordinates: Option<Coordinates>,
    /// Who announces the address.
    pub(super) asn: Option<Asn>,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Shape::<Keys>::deserialize(deserializer)? {
            Shape::Map(keys) => keys.record(),
            Shape::Scalar(_) => Self::default(),
        })
    }
}

/// The keys that vendors use; `geoip/README.md` says who uses which. The country where the network
/// is registered (`registered_country`) says nothing of where it is used and is not among them.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Keys<'a> {
    #[serde(borrow)]
    country_code: Scalar<'a>,
    /// A code, a name, or a map.
    #[serde(borrow)]
    country: Shape<'a, NestedKeys<'a>>,
    #[serde(borrow)]
    location: Shape<'a, NestedKeys<'a>>,
    #[serde(borrow)]
    latitude: Scalar<'a>,
    #[serde(borrow)]
    longitude: Scalar<'a>,
    #[serde(borrow)]
    lat: Scalar<'a>,
    #[serde(borrow)]
    lng: Scalar<'a>,
    #[serde(borrow)]
    lon: Scalar<'a>,
    #[serde(borrow)]
    autonomous_system_number: Scalar<'a>,
    #[serde(borrow)]
    asn: Scalar<'a>,
    #[serde(borrow)]
    traits: Shape<'a, NestedKeys<'a>>,
}

impl Keys<'_> {
    fn record(&self) -> Record {
        let nested = self.location.nested();
        let points = [
            nested.and_then(|keys| Scalar::point(keys.latitude, keys.longitude)),
            Scalar::point(self.latitude, self.longitude),
            Scalar::point(self.lat, self.lng),
            Scalar::point(self.lat, self.lon),
        ];
        let country = match &self.country {
            Shape::Scalar(code) => *code,
            Shape::Map(keys) => keys.iso_code,
        };
        let traits = self.traits.nested().map(|keys| keys.autonomous_system_number);
        let asns = [self.autonomous_system_number, self.asn, traits.unwrap_or_default()];
        Record {
            country: self.country_code.country().or_else(|| country.country()),
            coordinates: points.into_iter().flatten().next(),
            asn: asns.into_iter().find_map(Scalar::asn),
        }
    }
}

/// The keys of MaxMind's `country`, `location` and `traits`.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct NestedKeys<'a> {
    #[serde(borrow)]
    iso_code: Scalar<'a>,
    #[serde(borrow)]
    latitude: Scalar<'a>,
    #[serde(borrow)]
    longitude: Scalar<'a>,
    #[serde(borrow)]
    autonomous_system_number: Scalar<'a>,
}

/// A value that is one thing with one vendor and a map with another.
enum Shape<'a, M> {
    Scalar(Scalar<'a>),
    Map(M),
}

impl<M> Default for Shape<'_, M> {
    fn default() -> Self {
        Self::Scalar(Scalar::Other)
    }
}

impl<M> Shape<'_, M> {
    fn nested(&self) -> Option<&M> {
        match self {
            Self::Scalar(_) => None,
            Self::Map(keys) => Some(keys),
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
            Self::Text(code) => CountryCode::new(code).filter(|it| country::find(*it).is_some()),
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

    /// A number, or digits with or without `AS` before them. `None` for 0, which is nobody's
    /// (RFC 7607) and stands for unknown.
    fn asn(self) -> Option<Asn> {
        let number = match self {
            Self::Text(text) => {
                let digits = text.strip_prefix("AS").or_else(|| text.strip_prefix("as"));
                let digits = digits.unwrap_or(text);
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                digits.parse().ok().filter(|_| is_number)?
            }
            Self::Number(number) => {
                let rounded = number as u32;
                Some(rounded).filter(|_| f64::from(rounded) == number)?
            }
            Self::Other => return None,
        };
        Some(Asn(number)).filter(|asn| asn.0 != 0)
    }
}

impl<'de: 'a, 'a, M: Deserialize<'de>> Deserialize<'de> for Shape<'a, M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A map is skipped, not read: keys that lead into each other must not use up the stack.
        Ok(match Shape::<IgnoredAny>::deserialize(deserializer)? {
            Shape::Scalar(scalar) => scalar,
            Shape::Map(IgnoredAny) => Self::Other,
        })
    }
}

/// Accepts every type of the format: a key of another meaning must not spoil its record.
struct AnyValue<M>(PhantomData<M>);

impl<'de, M: Deserialize<'de>> Visitor<'de> for AnyValue<M> {
    type Value = Shape<'de, M>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the MaxMind DB format")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Scalar::Text(text)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Scalar::Number(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Scalar::Number(number as f64)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Shape::Scalar(Scalar::Number(number as f64)))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Self::Value, E> {
        Ok(Shape::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Shape::default())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Self::Value, E> {
        Ok(Shape::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shape::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        M::deserialize(MapAccessDeserializer::new(map)).map(Shape::Map)
    }
}
