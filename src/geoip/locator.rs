//! Overrides, then the database, then the default; and, whatever they say, the autonomous system.

use ipnet::IpNet;

use super::databases::Databases;
use super::overrides::Overrides;
use crate::routing::{ClientAddr, Locate, Location, Origin, Place};

/// The one who tells where clients are. Immutable: new configuration makes a new one, around the
/// same databases if those have not changed.
#[derive(Clone, Debug)]
pub struct Locator {
    overrides: Overrides,
    databases: Databases,
    default: Option<Place>,
}

/// How a client was located.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trace {
    /// What [`Locate::locate`] answers.
    pub location: Location,
    /// The network that the place is stated of: of the override, or of the database's record.
    pub network: Option<IpNet>,
    /// The network of the record in the database of autonomous systems.
    pub asn_network: Option<IpNet>,
}

impl Locator {
    /// Asks `overrides`, then the database of places; `default` is where clients are whom neither
    /// knows. An override states a place and leaves the autonomous system to the other database.
    #[must_use]
    pub fn new(databases: Databases, overrides: Overrides, default: Option<Place>) -> Self {
        Self { overrides, databases, default }
    }

    /// The same answer as [`Locate::locate`] gives, and where it comes from.
    #[must_use]
    pub fn trace(&self, client: ClientAddr) -> Trace {
        let location = self.locate(client);
        let network = match location.origin {
            Origin::Override => self.overrides.find_network(client).map(|(network, _)| network),
            Origin::Database | Origin::Country | Origin::Default | Origin::Unknown => {
                self.databases.country.network(client)
            }
        };
        let asn = self.databases.asn.as_ref();
        Trace { location, network, asn_network: asn.and_then(|asn| asn.network(client)) }
    }

    fn place(&self, client: ClientAddr) -> Location {
        if let Some(place) = self.overrides.find(client) {
            return Location { place: Some(place), origin: Origin::Override, asn: None };
        }
        match (self.databases.country.locate(client), self.default) {
            (Location { place: None, .. }, Some(default)) => {
                Location { place: Some(default), origin: Origin::Default, asn: None }
            }
            (known_or_not, _) => known_or_not,
        }
    }
}

impl Locate for Locator {
    fn locate(&self, client: ClientAddr) -> Location {
        let asn = self.databases.asn.as_ref().and_then(|database| database.asn(client));
        Location { asn, ..self.place(client) }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::net::IpAddr;
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::geoip::{Database, DatabaseKind, mmdb};
    use crate::routing::{Asn, Coordinates, CountryCode};

    fn place(lat: f64) -> Place {
        Place {
            coordinates: Coordinates::new(lat, 100.0).expect("a point of the test"),
            country: None,
        }
    }

    fn client(ip: &str) -> ClientAddr {
        let ip: IpAddr = ip.parse().expect("an address of the test");
        ClientAddr::new(ip)
    }

    fn overrides() -> Overrides {
        let network = "8.8.8.0/24".parse().expect("a network of the test");
        Overrides::new([(network, place(1.0))])
    }

    fn embedded() -> Databases {
        Databases { country: Arc::new(Database::embedded()), asn: None }
    }

    /// 8.8.0.0/16 and private addresses have autonomous systems here.
    fn asns() -> Arc<Database> {
        let networks = [
            ("8.8.0.0/16", json!({"autonomous_system_number": 15_169})),
            ("10.0.0.0/8", json!({"asn": "AS64512"})),
        ];
        let bytes = mmdb::write("Test-ASN", &networks);
        let database = Database::read(Cow::Owned(bytes), DatabaseKind::Asn);
        Arc::new(database.expect("a database"))
    }

    #[test]
    fn overrides_beat_the_database_and_the_default_comes_last() {
        let locator = Locator::new(embedded(), overrides(), Some(place(2.0)));

        let overridden = locator.locate(client("8.8.8.8"));
        assert_eq!(overridden.origin, Origin::Override);
        assert_eq!(overridden.place, Some(place(1.0)));

        let known = locator.locate(client("8.8.4.4"));
        assert_eq!(known.origin, Origin::Country);
        let country = known.place.and_then(|place| place.country);
        assert_eq!(country, CountryCode::new("US"));

        let unknown = locator.locate(client("10.1.2.3"));
        assert_eq!(unknown.origin, Origin::Default);
        assert_eq!(unknown.place, Some(place(2.0)));
        assert_eq!(unknown.country(), None, "the default is nobody's country");

        let without_default = Locator::new(embedded(), Overrides::default(), None);
        assert_eq!(without_default.locate(client("10.1.2.3")), Location::UNKNOWN);
    }

    #[test]
    fn everybody_has_the_autonomous_system_that_the_database_tells() {
        let databases = Databases { asn: Some(asns()), ..embedded() };
        let with_default = Locator::new(databases.clone(), overrides(), Some(place(2.0)));
        let without = Locator::new(databases, overrides(), None);
        for (locator, ip, origin, asn) in [
            (&with_default, "8.8.8.8", Origin::Override, Some(15_169)),
            (&with_default, "8.8.4.4", Origin::Country, Some(15_169)),
            (&with_default, "::ffff:8.8.4.4", Origin::Country, Some(15_169)),
            (&with_default, "10.1.2.3", Origin::Default, Some(64_512)),
            (&without, "10.1.2.3", Origin::Unknown, Some(64_512)),
            (&without, "9.9.9.9", Origin::Country, None),
            // It is a database of IPv4.
            (&without, "2001:6b0::1", Origin::Country, None),
        ] {
            let location = locator.locate(client(ip));
            assert_eq!((location.origin, location.asn), (origin, asn.map(Asn)), "{ip}");
        }
    }

    #[test]
    fn a_database_of_places_is_not_asked_for_autonomous_systems_unless_it_is_named_for_them() {
        let record = json!({"country": "Canada", "country_code": "CA", "asn": "AS174"});
        let bytes = mmdb::write("Lite", &[("192.0.2.0/24", record)]);
        let both = Database::read(Cow::Owned(bytes), DatabaseKind::Country).expect("a database");
        let both = Arc::new(both);
        let locate = |asn: Option<&Arc<Database>>| {
            let databases = Databases { country: Arc::clone(&both), asn: asn.cloned() };
            Locator::new(databases, Overrides::default(), None).locate(client("192.0.2.1"))
        };
        assert_eq!(locate(None).country(), CountryCode::new("CA"));
        assert_eq!(locate(None).asn, None);
        assert_eq!(locate(Some(&both)).asn, Some(Asn(174)));
    }

    #[test]
    fn a_trace_names_the_networks_that_an_answer_rests_on() {
        let databases = Databases { asn: Some(asns()), ..embedded() };
        let locator = Locator::new(databases, overrides(), Some(place(2.0)));
        let text = |network: Option<IpNet>| network.map(|network| network.to_string());
        for (ip, network, asn_network) in [
            ("8.8.8.8", Some("8.8.8.0/24"), Some("8.8.0.0/16")),
            ("64:ff9b::8.8.8.8", Some("8.8.8.0/24"), Some("8.8.0.0/16")),
            ("10.1.2.3", None, Some("10.0.0.0/8")),
            ("192.0.2.1", None, None),
        ] {
            let trace = locator.trace(client(ip));
            assert_eq!(trace.location, locator.locate(client(ip)), "{ip}");
            assert_eq!(text(trace.network).as_deref(), network, "{ip}");
            assert_eq!(text(trace.asn_network).as_deref(), asn_network, "{ip}");
        }
        for ip in ["8.8.4.4", "2001:6b0::1"] {
            let network = locator.trace(client(ip)).network.expect("it is known");
            assert!(network.contains(&client(ip).ip()), "{network} of {ip}");
        }
    }
}
