//! The format itself: sizes of records, pointers, types, aliases, as vendors' files have them.

use serde_json::{Value, json};

use super::{country_of, locate, open, open_asn};
use crate::geoip::mmdb::{self, Layout};
use crate::geoip::{Database, DatabaseKind};
use crate::routing::{Asn, ClientAddr, Origin};

/// The structure of MaxMind's test databases (source-data of MaxMind-DB), with fewer languages.
fn city(iso_code: &str, name: &str, lat: f64, lon: f64) -> Value {
    json!({
        "city": {"geoname_id": 2_643_743, "names": {"de": name, "en": name, "pt-BR": name}},
        "continent": {
            "code": "EU",
            "geoname_id": 6_255_148,
            "names": {"de": "Europa", "en": "Europe", "pt-BR": "Europa"},
        },
        "country": {
            "geoname_id": 2_635_167,
            "is_in_european_union": true,
            "iso_code": iso_code,
            "names": {"de": "Land", "en": "A country of the test", "pt-BR": "Terra"},
        },
        "location": {
            "accuracy_radius": {"$uint16": 10},
            "latitude": lat,
            "longitude": lon,
            "time_zone": "Europe/London",
        },
        "postal": {"code": "OX1"},
        "registered_country": {"geoname_id": 6_252_001, "iso_code": "US"},
        "represented_country": {"iso_code": "US", "type": "military"},
        "subdivisions": [
            {"geoname_id": 6_269_131, "iso_code": "ENG", "names": {"en": "England"}},
            {"geoname_id": 3_333_217, "iso_code": "WBK", "names": {"en": "West Berkshire"}},
        ],
        "traits": {"is_anonymous_proxy": true},
    })
}

/// 200 networks of each family, so that pointers of every usual size and nodes beyond 8 bits occur.
fn networks() -> Vec<(String, Value)> {
    let v4 = (0..200_u16).map(|n| {
        let code = ["GB", "SE", "CH", "DE"][usize::from(n) % 4];
        let record = city(code, &format!("City {n}"), 50.5 + f64::from(n) / 100.0, 4.25);
        (format!("81.{n}.0.0/16"), record)
    });
    let v6 = (0..200_u16).map(|n| {
        let record = city("NO", &format!("Town {n}"), 59.5, f64::from(n) / 100.0);
        (format!("2a02:{n:x}00::/24"), record)
    });
    v4.chain(v6).collect()
}

fn write(layout: Layout, networks: &[(String, Value)]) -> Vec<u8> {
    let networks: Vec<_> =
        networks.iter().map(|(network, record)| (network.as_str(), record.clone())).collect();
    mmdb::write_as(layout, "GeoIP2-City", &networks)
}

const SIZES: [u16; 3] = [24, 28, 32];

#[test]
fn files_of_every_record_size_say_the_same_with_pointers_and_without() {
    let networks = networks();
    let mut lengths = Vec::new();
    for record_size in SIZES {
        for pointers in [true, false] {
            let bytes = write(Layout { record_size, pointers, aliases: true }, &networks);
            lengths.push(bytes.len());
            let database = open(bytes).expect("a database");
            let survey = database.survey();
            assert_eq!((survey.networks, survey.with_country), (400, 400), "aliases count once");
            assert_eq!((survey.with_coordinates, survey.with_asn), (400, 0));
            for (n, code) in [(0, "GB"), (1, "SE"), (2, "CH"), (199, "DE")] {
                let found = locate(&database, &format!("81.{n}.77.1"));
                assert_eq!(country_of(found).as_deref(), Some(code), "{record_size}");
                let at = found.place.map(|place| place.coordinates.to_string());
                let lat = 50.5 + f64::from(n) / 100.0;
                assert_eq!(at, Some(format!("{lat:.2},4.25")), "{record_size}");
                let found = locate(&database, &format!("2a02:{n:x}00::1"));
                assert_eq!(country_of(found).as_deref(), Some("NO"), "{record_size}");
            }
            assert_eq!(locate(&database, "82.0.0.1").origin, Origin::Unknown);
        }
    }
    assert!(lengths[0] * 2 < lengths[1], "pointers spare what is said again: {lengths:?}");
}

#[test]
fn a_tree_of_both_families_tells_ipv4_by_its_own_networks_and_by_aliases() {
    let layout = Layout { record_size: 24, pointers: true, aliases: true };
    let database = open(write(layout, &networks())).expect("a database");
    for ip in ["81.1.2.3", "::ffff:81.1.2.3", "2002:5101:203::1", "64:ff9b::81.1.2.3"] {
        assert_eq!(country_of(locate(&database, ip)).as_deref(), Some("SE"), "{ip}");
        let client = ClientAddr::new(ip.parse().expect("an address of the test"));
        let network = database.network(client).map(|network| network.to_string());
        assert_eq!(network.as_deref(), Some("81.1.0.0/16"), "{ip}");
    }
}

#[test]
fn an_address_above_the_ipv4_networks_of_a_tree_is_answered_too() {
    // Nothing of IPv4 is in it: the walk to ::/96 ends early.
    let networks = [("2000::/3".to_owned(), city("SE", "Everywhere", 59.3, 18.1))];
    for record_size in SIZES {
        let layout = Layout { record_size, pointers: false, aliases: false };
        let database = open(write(layout, &networks)).expect("a database");
        let client = ClientAddr::new("192.0.2.1".parse().expect("an address of the test"));
        assert_eq!(database.locate(client).origin, Origin::Unknown);
        assert_eq!(database.network(client), None);
    }
}

#[test]
fn numbers_of_every_type_are_read() {
    let networks = |record: &Value| mmdb::write("Types", &[("192.0.2.0/24", record.clone())]);
    for (lat, lon) in [
        (json!(25.5), json!(-80.5)),
        (json!({"$float": 25.5}), json!({"$float": -80.5})),
        (json!("25.5"), json!("-80.5")),
    ] {
        let record = json!({"location": {"latitude": lat, "longitude": lon}});
        let database = open(networks(&record)).expect("a database");
        let at = locate(&database, "192.0.2.1").place.map(|it| it.coordinates.to_string());
        assert_eq!(at.as_deref(), Some("25.50,-80.50"), "{record}");
    }
    for number in [
        json!(15_169),
        json!({"$uint16": 15_169}),
        json!({"$uint64": 15_169}),
        json!({"$float": 15_169.0}),
        json!("15169"),
        json!("AS15169"),
        json!("as15169"),
    ] {
        let record = json!({"asn": number});
        let database = open_asn(networks(&record)).expect("a database");
        assert_eq!(asn_of(&database, "192.0.2.1"), Some(Asn(15_169)), "{record}");
    }
}

#[test]
fn autonomous_systems_of_every_layout_are_read() {
    let organization = "Example Networks";
    for record in [
        // MaxMind GeoLite2-ASN and GeoIP2-ISP, DB-IP, ip-location-db.
        json!({"autonomous_system_number": 4_200_000_001_u32,
            "autonomous_system_organization": organization, "isp": organization}),
        // IPinfo Lite.
        json!({"as_domain": "example.net", "as_name": organization, "asn": "AS4200000001",
            "continent": "Europe", "continent_code": "EU", "country": "Sweden",
            "country_code": "SE"}),
        // IPinfo's ASN database.
        json!({"asn": "AS4200000001", "domain": "example.net", "name": organization,
            "route": "192.0.2.0/24", "type": "isp"}),
        // MaxMind GeoIP2-Enterprise.
        json!({"country": {"iso_code": "SE"},
            "traits": {"autonomous_system_number": 4_200_000_001_u32, "isp": organization}}),
    ] {
        let database = open_asn(asn_file(&record)).expect("a database");
        assert_eq!(asn_of(&database, "192.0.2.1"), Some(Asn(4_200_000_001)), "{record}");
        assert_eq!(asn_of(&database, "192.0.3.1"), None);
        assert_eq!(asn_of(&database, "2001:db8::1"), None);
    }
}

#[test]
fn numbers_that_are_of_no_autonomous_system_are_unknown() {
    for number in [
        json!(0),
        json!("AS0"),
        json!(-1),
        json!(1.5),
        json!({"$uint64": 4_294_967_296_u64}),
        json!("AS4294967296"),
        json!("AS"),
        json!(""),
        json!("AS+1"),
        json!("ASN1"),
        json!("Example"),
        json!(true),
        json!([1]),
        json!({"number": 1}),
        json!({"$bytes": "1"}),
        json!({"$uint128": 1}),
    ] {
        let good = ("198.51.100.0/24", json!({"asn": "AS1103"}));
        let record = json!({"asn": number, "country_code": "NL"});
        let bytes = mmdb::write("Test", &[("192.0.2.0/24", record.clone()), good]);
        let database = open_asn(bytes).expect("one record is good");
        assert_eq!(asn_of(&database, "192.0.2.1"), None, "{record}");
        assert_eq!(database.survey().with_asn, 1, "{record}");
        assert_eq!(country_of(locate(&database, "192.0.2.1")).as_deref(), Some("NL"));
        assert_eq!(asn_of(&database, "198.51.100.1"), Some(Asn(1103)));
    }
}

#[test]
fn a_file_may_be_asked_for_what_it_has_and_nothing_else() {
    let both = json!({"country_code": "SE", "asn": "AS1653"});
    for (record, tells) in [
        (json!({"country_code": "SE"}), [true, false]),
        (json!({"asn": "AS1653"}), [false, true]),
        (both, [true, true]),
    ] {
        let bytes = asn_file(&record);
        assert_eq!([open(bytes.clone()).is_ok(), open_asn(bytes).is_ok()], tells, "{record}");
    }
    let places = open_asn(asn_file(&json!({"country_code": "SE"}))).expect_err("no numbers");
    assert!(places.to_string().contains("no record has the number of an autonomous"), "{places}");
    assert!(Database::embedded().tells(DatabaseKind::Asn).is_err());
}

fn asn_file(record: &Value) -> Vec<u8> {
    mmdb::write("Test-ASN", &[("192.0.2.0/24", record.clone())])
}

fn asn_of(database: &Database, ip: &str) -> Option<Asn> {
    database.asn(ClientAddr::new(ip.parse().expect("an address of the test")))
}
