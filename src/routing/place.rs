//! Where a client is, and the trait that tells it.

use std::fmt;

use super::client::ClientAddr;
use super::geo::Coordinates;

/// Turns a client's address into a location. Implemented by the GeoIP database; called once at the
/// start of each session, so it must neither wait nor allocate.
pub trait Locate: Send + Sync + 'static {
    /// Where `client` is, as far as anybody knows.
    fn locate(&self, client: ClientAddr) -> Location;
}

/// An ISO 3166-1 alpha-2 code in capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// Reads two ASCII letters of either case; `None` for anything else. Whether such a country
    /// exists is for the country table to say.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        match code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("two ASCII letters")
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A continent, by the codes that GeoIP databases use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Continent {
    /// AF
    Africa,
    /// AN
    Antarctica,
    /// AS
    Asia,
    /// EU
    Europe,
    /// NA
    NorthAmerica,
    /// OC
    Oceania,
    /// SA
    SouthAmerica,
}

impl Continent {
    /// The two-letter code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Africa => "AF",
            Self::Antarctica => "AN",
            Self::Asia => "AS",
            Self::Europe => "EU",
            Self::NorthAmerica => "NA",
            Self::Oceania => "OC",
            Self::SouthAmerica => "SA",
        }
    }

    /// Reads a two-letter code in capitals.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        [
            Self::Africa,
            Self::Antarctica,
            Self::Asia,
            Self::Europe,
            Self::NorthAmerica,
            Self::Oceania,
            Self::SouthAmerica,
        ]
        .into_iter()
        .find(|continent| continent.as_str() == code)
    }
}

/// The number of an autonomous system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

/// A point, and the country it is in where that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Where distances are measured from.
    pub coordinates: Coordinates,
    /// `None` when only coordinates were given.
    pub country: Option<CountryCode>,
}

/// Where a location came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `geoip.overrides`.
    Override,
    /// The database's own coordinates.
    Database,
    /// The database's country; the coordinates are the country's centroid.
    Country,
    /// `geoip.default`: a place for cost only.
    Default,
    /// Nobody knows.
    Unknown,
}

impl Origin {
    /// All of them, for metrics.
    pub const ALL: [Self; 5] =
        [Self::Override, Self::Database, Self::Country, Self::Default, Self::Unknown];

    /// A fixed word, used as a metric label and in `explain`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Database => "database",
            Self::Country => "country",
            Self::Default => "default",
            Self::Unknown => "unknown",
        }
    }
}

/// The answer to "where is this client?"
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    /// `None` exactly when `origin` is [`Origin::Unknown`].
    pub place: Option<Place>,
    /// Who said so.
    pub origin: Origin,
    /// The autonomous system that announces the client's address, where a database of them says so.
    pub asn: Option<Asn>,
}

impl Location {
    /// The location of a client that nobody knows.
    pub const UNKNOWN: Self = Self { place: None, origin: Origin::Unknown, asn: None };

    /// The country the client is known to be in. `geoip.default` is a place for cost only and
    /// nobody's country.
    #[must_use]
    pub fn country(&self) -> Option<CountryCode> {
        match self.origin {
            Origin::Override | Origin::Database | Origin::Country => self.place?.country,
            Origin::Default | Origin::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn country_codes_are_two_letters_of_either_case() {
        assert_eq!(CountryCode::new("nl").map(|code| code.to_string()), Some("NL".into()));
        for bad in ["", "N", "NLD", "N1", "ñ", "é"] {
            assert_eq!(CountryCode::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn continent_codes_are_read_back() {
        for code in ["AF", "AN", "AS", "EU", "NA", "OC", "SA"] {
            assert_eq!(Continent::new(code).map(Continent::as_str), Some(code));
        }
        assert_eq!(Continent::new("XX"), None);
    }
}
