//! Countries and their centroids.

use std::sync::OnceLock;

use super::geo::Coordinates;
use super::place::CountryCode;

/// A country, as far as routing needs it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: CountryCode,
    /// The middle of the country.
    pub centroid: Coordinates,
}

/// The country of a code.
#[must_use]
pub fn find(code: CountryCode) -> Option<&'static Country> {
    static COUNTRIES: OnceLock<Vec<Country>> = OnceLock::new();
    let countries = COUNTRIES.get_or_init(|| {
        [
            ("BR", -10.8, -53.1),
            ("DE", 51.1, 10.4),
            ("NL", 52.1, 5.3),
            ("SG", 1.35, 103.8),
            ("US", 39.8, -98.6),
        ]
        .into_iter()
        .filter_map(|(code, lat, lon)| {
            Some(Country {
                code: CountryCode::new(code)?,
                centroid: Coordinates::new(lat, lon).ok()?,
            })
        })
        .collect()
    });
    countries.iter().find(|country| country.code == code)
}
