use serde_json::{Value, json};

use super::{country_of, locate, open, placed};
use crate::geoip::mmdb;
use crate::routing::{Location, Origin};

#[test]
fn countries_of_every_layout_are_read() {
    for record in [
        json!({"country_code": "SG"}),
        json!({"country_code": "sg", "city": "Singapore"}),
        json!({"country_code": "", "country": "SG"}),
        json!({"country_code": "XX", "country": {"iso_code": "SG"}}),
        // DB-IP Lite: no language but English for the city.
        json!({
            "city": {"names": {"en": "Singapore (Downtown Core)"}},
            "continent": {"code": "AS", "geoname_id": 6_255_147, "names": {"en": "Asia"}},
            "country": {"geoname_id": 1_880_251, "is_in_european_union": false, "iso_code": "SG"},
            "subdivisions": [{"names": {"en": "Central Singapore"}}],
        }),
        // IPinfo, before and after its databases were named Lite.
        json!({"country": "SG", "country_name": "Singapore", "asn": "AS1"}),
        json!({"country": "sg", "continent": "AS", "continent_name": "Asia"}),
        json!({"country": "Singapore", "country_code": "SG", "continent": "Asia"}),
        json!({
            "continent": {"code": "AS", "geoname_id": 1, "names": {"en": "Asia"}},
            "country": {"geoname_id": 2, "iso_code": "SG", "is_in_european_union": false},
            "registered_country": {"iso_code": "NL"},
            "subdivisions": [{"iso_code": "01"}],
        }),
    ] {
        let location = located(record.clone());
        assert_eq!(country_of(location).as_deref(), Some("SG"), "{record}");
        assert_eq!(location.origin, Origin::Country, "{record}");
    }
}

#[test]
fn coordinates_of_every_layout_are_read_and_beat_the_centroid() {
    for record in [
        json!({
            "country": {"iso_code": "US"},
            "location": {"accuracy_radius": 20, "latitude": 25.77, "longitude": -80.19},
        }),
        json!({"country_code": "US", "latitude": 25.77, "longitude": -80.19}),
        json!({"country": "US", "latitude": "25.77", "longitude": "-80.19"}),
        json!({"country": "US", "lat": "25.77", "lng": "-80.19", "postal_code": 33_101}),
        json!({"country": "US", "lat": 25.77, "lon": -80.19}),
        json!({
            "country": {"iso_code": "US"},
            "location": "Miami",
            "latitude": 25.77,
            "longitude": -80.19,
        }),
    ] {
        let location = located(record.clone());
        assert_eq!(location.origin, Origin::Database, "{record}");
        assert_eq!(country_of(location).as_deref(), Some("US"), "{record}");
        let at = location.place.map(|place| place.coordinates.to_string());
        assert_eq!(at.as_deref(), Some("25.77,-80.19"), "{record}");
    }
    let whole_degrees = located(json!({"latitude": 25, "longitude": -80}));
    assert_eq!(whole_degrees.origin, Origin::Database);
    assert_eq!(country_of(whole_degrees), None);
}

#[test]
fn coordinates_that_are_none_leave_the_centroid() {
    for (lat, lon) in [
        (json!(0.0), json!(0.0)),
        (json!(91.0), json!(4.9)),
        (json!("north"), json!("4.9")),
        (json!("NaN"), json!("4.9")),
        (json!("inf"), json!("4.9")),
        (json!(52.0), json!(180.5)),
        (json!(-90.1), json!(4.9)),
        (json!({"$bytes": "52.0"}), json!({"$uint128": 4})),
        (json!([52.0]), json!({"degrees": 4.9})),
        (json!(true), json!(false)),
    ] {
        let record = json!({"country_code": "NL", "latitude": lat, "longitude": lon});
        assert_eq!(located(record.clone()).origin, Origin::Country, "{record}");
    }
    let half = json!({"country": {"iso_code": "NL"}, "location": {"latitude": 52.0}});
    assert_eq!(located(half).origin, Origin::Country);
}

#[test]
fn coordinates_of_a_country_that_does_not_exist_are_a_place_in_no_country() {
    let location = located(json!({"country_code": "EU", "latitude": 50.85, "longitude": 4.35}));
    assert_eq!((location.origin, country_of(location)), (Origin::Database, None));
}

#[test]
fn records_without_a_place_are_unknown() {
    for record in [
        json!("NL"),
        json!(["NL"]),
        json!({"$uint128": 7}),
        json!({"$bytes": "NL"}),
        json!(true),
        json!({"country_code": {"country_code": "NL"}}),
        json!({"country": ["NL"]}),
        json!({"represented_country": {"iso_code": "NL"}, "continent": {"code": "EU"}}),
        json!({"country_code": "EU"}),
        json!({"country_code": "AP"}),
        json!({"country_code": "UK"}),
        json!({}),
        json!({"country_code": ""}),
        json!({"country_code": "-"}),
        json!({"country_code": "ZZ"}),
        json!({"country": 528}),
        json!({"country": {"names": {"en": "Netherlands"}}}),
        json!({"registered_country": {"iso_code": "NL"}}),
    ] {
        assert_eq!(located(record.clone()), Location::UNKNOWN, "{record}");
    }
}

#[test]
fn a_database_of_ipv4_does_not_know_ipv6() {
    let database = open(mmdb::write("Test", &[("192.0.2.0/24", placed())])).expect("a database");
    assert!(!database.has_ipv6());
    assert_eq!(locate(&database, "192.0.2.1").origin, Origin::Country);
    assert_eq!(locate(&database, "192.0.3.1"), Location::UNKNOWN);
    assert_eq!(locate(&database, "2001:db8::1"), Location::UNKNOWN);
}

#[test]
fn a_database_of_ipv6_knows_both() {
    let networks = [
        ("192.0.2.0/24", json!({"country_code": "NL"})),
        ("2001:db8::/32", json!({"country_code": "SG"})),
        ("2001:db8:5::/48", json!({"country_code": "US"})),
    ];
    let database = open(mmdb::write("Test", &networks)).expect("a database");
    assert!(database.has_ipv6());
    for (ip, code) in [("192.0.2.1", "NL"), ("2001:db8::1", "SG"), ("2001:db8:5::1", "US")] {
        assert_eq!(country_of(locate(&database, ip)).as_deref(), Some(code));
    }
}

#[test]
fn a_database_says_what_it_is() {
    let networks = [("192.0.2.0/24", json!({"latitude": 1.0, "longitude": 2.0}))];
    let database = open(mmdb::write("Flat-City", &networks)).expect("a database");
    assert_eq!(database.database_type(), "Flat-City");
    assert_eq!(database.build_epoch(), 1_700_000_000);
    assert_eq!(database.survey().with_coordinates, 1);
}

/// A database of one network, 192.0.2.0/24, and what it says of an address in it.
fn located(record: Value) -> Location {
    let networks = [("192.0.2.0/24", record), ("198.51.100.0/24", placed())];
    let database = open(mmdb::write("Test", &networks)).expect("a database");
    locate(&database, "192.0.2.1")
}
