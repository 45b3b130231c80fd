//! Where a client is, and who says so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::CoordinatesView;
use crate::routing::{Location, country};

/// Where a client is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LocationView {
    /// Who says so: `override`, `database`, `country`, `default` or `unknown`.
    pub origin: String,
    /// ISO 3166-1 alpha-2, where it is known.
    pub country: Option<String>,
    /// `null` exactly when `origin` is `unknown`.
    pub coordinates: Option<CoordinatesView>,
    /// Whether it is unknown to policy, which takes `geoip.default` for nobody's country. Then the four
    /// below are `null`, and no rule about a country, a continent or a union fits.
    pub unknown_to_policy: bool,
    /// English.
    pub country_name: Option<String>,
    /// Two letters.
    pub continent: Option<String>,
    /// A member of the European Union.
    pub eu: Option<bool>,
    /// In the European Economic Area.
    pub eea: Option<bool>,
    /// The number of the autonomous system, where a database of them is configured and knows.
    pub asn: Option<u32>,
}

impl From<Location> for LocationView {
    fn from(location: Location) -> Self {
        let code = location.place.and_then(|place| place.country);
        let known = location.country().and_then(country::find);
        Self {
            origin: location.origin.as_str().to_owned(),
            country: code.map(|code| code.to_string()),
            coordinates: location.place.map(|place| CoordinatesView::from(place.coordinates)),
            unknown_to_policy: known.is_none(),
            country_name: known.map(|country| country.name.to_owned()),
            continent: known.map(|country| country.continent.as_str().to_owned()),
            eu: known.map(|country| country.eu),
            eea: known.map(|country| country.eea),
            asn: location.asn.map(|asn| asn.0),
        }
    }
}
