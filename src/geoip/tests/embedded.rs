use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::{country_of, locate};
use crate::geoip::Database;
use crate::geoip::record::Record;
use crate::routing::{ClientAddr, Location, Origin, country};

/// Networks of universities and registries, which have not moved for decades.
const STABLE: [(&str, &str); 28] = [
    ("130.89.1.1", "NL"),
    ("193.0.6.139", "NL"),
    ("129.132.1.1", "CH"),
    ("141.20.1.1", "DE"),
    ("131.111.8.42", "GB"),
    ("130.225.1.1", "DK"),
    ("129.240.1.1", "NO"),
    ("130.237.1.1", "SE"),
    ("128.214.1.1", "FI"),
    ("130.208.1.1", "IS"),
    ("158.64.1.1", "LU"),
    ("134.157.1.1", "FR"),
    ("157.193.1.1", "BE"),
    ("147.32.1.1", "CZ"),
    ("148.81.1.1", "PL"),
    ("193.136.1.1", "PT"),
    ("161.116.1.1", "ES"),
    ("131.114.1.1", "IT"),
    ("147.102.1.1", "GR"),
    ("132.66.1.1", "IL"),
    ("144.122.1.1", "TR"),
    ("133.11.1.1", "JP"),
    ("143.248.1.1", "KR"),
    ("140.112.1.1", "TW"),
    ("132.248.10.44", "MX"),
    ("200.144.248.41", "BR"),
    ("2001:6b0::1", "SE"),
    ("2001:67c:2e8:22::c100:68b", "NL"),
];

#[test]
fn embedded_database_knows_whole_countries_of_both_families() {
    let database = Database::embedded();
    assert!(database.has_ipv6());
    let survey = database.survey();
    assert!(survey.networks > 400_000, "{survey:?}");
    assert_eq!((survey.with_coordinates, survey.with_asn), (0, 0));
    // The few others are of nobody: reserved, or not handed out.
    assert!(survey.with_country > survey.networks / 100 * 99, "{survey:?}");
    assert!(database.build_epoch() > 1_700_000_000);
    for (ip, code) in STABLE {
        let location = locate(&database, ip);
        assert_eq!(country_of(location).as_deref(), Some(code), "{ip}");
        assert_eq!(location.origin, Origin::Country);
        let home = location.place.and_then(|place| place.country);
        let centroid = home.and_then(country::find).map(|home| home.centroid);
        assert_eq!(location.place.map(|place| place.coordinates), centroid);
    }
}

#[test]
fn every_country_of_the_embedded_database_is_in_the_table() {
    let database = include_bytes!("../../../geoip/dbip-country.mmdb");
    let reader = maxminddb::Reader::from_source(database).expect("the embedded database");
    let networks = reader.networks(Default::default()).expect("a tree");
    let mut networks: Vec<_> = networks.map(|network| network.expect("a network")).collect();
    networks.sort_by_key(|network| network.offset());
    networks.dedup_by_key(|network| network.offset());
    assert!(networks.len() > 200);
    for network in networks {
        let record: Record = network.decode().expect("a record").expect("not empty");
        let code = record.country.expect("a country code");
        assert!(country::find(code).is_some(), "{code} is not in the table");
    }
}

#[test]
fn addresses_that_belong_to_nobody_are_unknown() {
    let database = Database::embedded();
    for ip in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "172.16.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "2001:db8::1",
        "fd00::1",
        "fe80::1",
        "ff02::1",
    ] {
        assert_eq!(locate(&database, ip), Location::UNKNOWN, "{ip}");
    }
}

#[test]
fn embedded_ipv4_addresses_are_located_as_ipv4() {
    let database = Database::embedded();
    for (ip, _) in STABLE {
        let Ok(v4) = ip.parse::<Ipv4Addr>() else {
            continue;
        };
        let [a, b, c, d] = v4.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        for form in [
            v4.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 1, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, 0x63bf, !high, !low),
        ] {
            let wrapped = locate(&database, &form.to_string());
            assert_eq!(wrapped, locate(&database, ip), "{form} of {ip}");
        }
    }
}

fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        // Global unicast, where the networks are.
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits >> 3 | 1 << 125))),
    ]
}

proptest! {
    #[test]
    fn every_address_has_an_answer(ips in prop::collection::vec(any_ip(), 500)) {
        static DATABASE: LazyLock<Database> = LazyLock::new(Database::embedded);
        for ip in ips {
            let Location { place, origin, .. } = DATABASE.locate(ClientAddr::new(ip));
            prop_assert_eq!(place.is_none(), origin == Origin::Unknown);
        }
    }
}
