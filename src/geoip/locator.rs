//! Overrides, then the database, then the default.

use std::sync::Arc;

use super::database::Database;
use super::overrides::Overrides;
use crate::routing::{ClientAddr, Locate, Location, Origin, Place};

/// The one who tells where clients are. Immutable: new configuration makes a new one, around the
/// same database if that has not changed.
#[derive(Clone, Debug)]
pub struct Locator {
    overrides: Overrides,
    database: Arc<Database>,
    default: Option<Place>,
}

impl Locator {
    /// Asks `overrides`, then `database`; `default` is where clients are whom neither knows.
    #[must_use]
    pub fn new(database: Arc<Database>, overrides: Overrides, default: Option<Place>) -> Self {
        Self { overrides, database, default }
    }

    /// The database it asks.
    #[must_use]
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }
}

impl Locate for Locator {
    fn locate(&self, client: ClientAddr) -> Location {
        if let Some(place) = self.overrides.find(client) {
            return Location { place: Some(place), origin: Origin::Override, asn: None };
        }
        match (self.database.locate(client), self.default) {
            (Location { place: None, .. }, Some(default)) => {
                Location { place: Some(default), origin: Origin::Default, asn: None }
            }
            (known_or_not, _) => known_or_not,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Coordinates, CountryCode};
    use std::net::IpAddr;

    fn place(lat: f64) -> Place {
        Place {
            coordinates: Coordinates::new(lat, 100.0).expect("a point of the test"),
            country: None,
        }
    }

    fn locate(locator: &Locator, ip: &str) -> Location {
        let ip: IpAddr = ip.parse().expect("an address of the test");
        locator.locate(ClientAddr::new(ip))
    }

    #[test]
    fn overrides_beat_the_database_and_the_default_comes_last() {
        let database = Arc::new(Database::embedded());
        let network = "8.8.8.0/24".parse().expect("a network of the test");
        let overrides = Overrides::new([(network, place(1.0))]);
        let locator = Locator::new(Arc::clone(&database), overrides, Some(place(2.0)));

        let overridden = locate(&locator, "8.8.8.8");
        assert_eq!(overridden.origin, Origin::Override);
        assert_eq!(overridden.place, Some(place(1.0)));

        let known = locate(&locator, "8.8.4.4");
        assert_eq!(known.origin, Origin::Country);
        let country = known.place.and_then(|place| place.country);
        assert_eq!(country, CountryCode::new("US"));

        let unknown = locate(&locator, "10.1.2.3");
        assert_eq!(unknown.origin, Origin::Default);
        assert_eq!(unknown.place, Some(place(2.0)));

        let without_default = Locator::new(database, Overrides::default(), None);
        assert_eq!(locate(&without_default, "10.1.2.3"), Location::UNKNOWN);
    }
}
