//! Places, and descriptions of clients.

use schemars::JsonSchema;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use crate::config::value::{AsNumber, ClientNetwork, Continent, Country, Degrees, Given, Many};
use crate::routing::{self, Coordinates, country};

/// A place on earth: `{country: NL}`, or `{lat: 52.37, lon: 4.90}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Place {
    /// Where the people of a country live.
    Country {
        /// The country.
        country: Country,
    },
    /// A point.
    Point {
        /// Latitude, north of the equator.
        lat: Degrees<90>,
        /// Longitude, east of Greenwich.
        lon: Degrees<180>,
    },
}

impl Place {
    /// Its coordinates, and the country that was named.
    pub(crate) fn resolve(self) -> Option<routing::Place> {
        match self {
            Self::Country { country } => {
                let code = country.get();
                let centroid = country::find(code)?.centroid;
                Some(routing::Place { coordinates: centroid, country: Some(code) })
            }
            Self::Point { lat, lon } => {
                let coordinates = Coordinates::new(lat.get(), lon.get()).ok()?;
                Some(routing::Place { coordinates, country: None })
            }
        }
    }
}

/// The keys of both shapes, so that what is missing or too much can be said.
#[derive(Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a place: `{country: ..}` or `{lat: .., lon: ..}`"
)]
struct PlaceKeys {
    country: Given<Country>,
    lat: Given<Degrees<90>>,
    lon: Given<Degrees<180>>,
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let PlaceKeys { country, lat, lon } = PlaceKeys::deserialize(from)?;
        let problem = match (country.0, lat.0, lon.0) {
            (Some(country), None, None) => return Ok(Self::Country { country }),
            (None, Some(lat), Some(lon)) => return Ok(Self::Point { lat, lon }),
            (Some(_), _, _) => "has a `country` and coordinates; one of them places it",
            (None, Some(_), None) => "needs `lon` beside `lat`",
            (None, None, Some(_)) => "needs `lat` beside `lon`",
            (None, None, None) => "needs `country`, or `lat` and `lon`",
        };
        Err(D::Error::custom(problem))
    }
}

/// Which clients are meant: all keys that are given must fit, and of a list one member. At least one
/// key.
///
/// The country of a client is what `geoip.overrides` and the databases say, not `geoip.default`. One
/// whose country is unknown is neither inside nor outside of any country, continent or union.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct Clients {
    /// Networks; `0.0.0.0/0` and `::/0` together are everybody.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) cidr: Given<Many<ClientNetwork>>,
    /// Countries.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) country: Given<Many<Country>>,
    /// Continents.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) continent: Given<Many<Continent>>,
    /// In the European Union, or known to be outside of it.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) eu: Given<bool>,
    /// In the European Economic Area, or known to be outside of it.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) eea: Given<bool>,
    /// Autonomous systems; needs `geoip.asn_database`.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) asn: Given<Many<AsNumber>>,
    /// Whether the country is unknown.
    #[serde(skip_serializing_if = "Given::is_absent")]
    pub(crate) unknown: Given<bool>,
}

impl Clients {
    /// Whether it says nothing of anybody.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
