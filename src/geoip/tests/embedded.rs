use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::{country_of, locate};
use crate::geoip::Database;
use crate::geoip::record::Record;
use crate::routing::{ClientAddr, Location, Origin, country};

/// Networks that universities, research networks and a registry have held since the addresses were
/// handed out, most of them whole class B networks of the 1980s: they are not sold, and their users
/// sit in one country.
const STABLE: [(&str, &str, &str); 58] = [
    ("130.89.1.1", "NL", "University of Twente"),
    ("129.132.1.1", "CH", "ETH Zurich"),
    ("141.20.1.1", "DE", "Humboldt University, Berlin"),
    ("131.111.8.42", "GB", "University of Cambridge"),
    ("130.225.1.1", "DK", "DeiC, the Danish research network"),
    ("129.240.1.1", "NO", "University of Oslo"),
    ("130.237.1.1", "SE", "Stockholm University"),
    ("128.214.1.1", "FI", "University of Helsinki"),
    ("130.208.1.1", "IS", "University of Iceland"),
    ("158.64.1.1", "LU", "RESTENA, the research network"),
    ("134.157.1.1", "FR", "Sorbonne University"),
    ("157.193.1.1", "BE", "Ghent University"),
    ("147.32.1.1", "CZ", "Czech Technical University"),
    ("148.81.1.1", "PL", "NASK, the research network"),
    ("193.136.1.1", "PT", "FCCN, the research network"),
    ("161.116.1.1", "ES", "University of Barcelona"),
    ("131.114.1.1", "IT", "University of Pisa"),
    ("147.102.1.1", "GR", "National Technical University of Athens"),
    ("131.130.1.1", "AT", "University of Vienna"),
    ("134.226.1.1", "IE", "Trinity College Dublin"),
    ("147.175.1.1", "SK", "Slovak University of Technology"),
    ("193.2.1.66", "SI", "ARNES, the research network"),
    ("161.53.1.1", "HR", "CARNet, the research network"),
    ("147.91.1.1", "RS", "AMRES, the research network"),
    ("152.66.1.1", "HU", "Budapest University of Technology"),
    ("141.85.1.1", "RO", "Politehnica University of Bucharest"),
    ("194.141.1.1", "BG", "BREN, the research network"),
    ("193.40.1.1", "EE", "EENet, the research network"),
    ("159.148.1.1", "LV", "University of Latvia"),
    ("158.129.1.1", "LT", "LITNET, the research network"),
    ("194.42.1.1", "CY", "University of Cyprus"),
    ("193.188.32.1", "MT", "University of Malta"),
    ("195.19.1.1", "RU", "research networks of Russia"),
    ("194.44.1.1", "UA", "UARNet, the research network"),
    ("132.66.1.1", "IL", "Tel Aviv University"),
    ("144.122.1.1", "TR", "Middle East Technical University"),
    ("133.11.1.1", "JP", "University of Tokyo"),
    ("143.248.1.1", "KR", "KAIST"),
    ("140.112.1.1", "TW", "National Taiwan University"),
    ("166.111.1.1", "CN", "Tsinghua University"),
    ("147.8.1.1", "HK", "University of Hong Kong"),
    ("137.132.1.1", "SG", "National University of Singapore"),
    ("161.200.1.1", "TH", "Chulalongkorn University"),
    ("152.118.1.1", "ID", "University of Indonesia"),
    ("130.56.1.1", "AU", "Australian National University"),
    ("130.216.1.1", "NZ", "University of Auckland"),
    ("146.141.1.1", "ZA", "University of the Witwatersrand"),
    ("41.89.1.1", "KE", "KENET, the research network"),
    ("128.100.1.1", "CA", "University of Toronto"),
    ("18.9.22.69", "US", "MIT"),
    ("132.248.10.44", "MX", "UNAM"),
    ("200.144.248.41", "BR", "University of Sao Paulo"),
    ("157.92.1.1", "AR", "University of Buenos Aires"),
    ("146.83.1.1", "CL", "REUNA, the research network"),
    ("168.176.1.1", "CO", "National University of Colombia"),
    ("164.73.1.1", "UY", "University of the Republic"),
    ("2001:6b0::1", "SE", "SUNET, the research network"),
    ("2001:67c:2e8:22::c100:68b", "NL", "RIPE NCC, the registry"),
];

#[test]
fn embedded_database_knows_whole_countries_of_both_families() {
    let database = Database::embedded();
    assert!(database.has_ipv6());
    let survey = database.survey();
    assert!(survey.networks > 400_000, "{survey:?}");
    assert_eq!((survey.with_coordinates, survey.with_asn), (0, 0));
    assert_eq!(survey.with_country, survey.networks);
    assert!(database.build_epoch() > 1_700_000_000);
    let mut countries = BTreeSet::new();
    for (ip, code, holder) in STABLE {
        let location = locate(&database, ip);
        assert_eq!(country_of(location).as_deref(), Some(code), "{ip}, {holder}");
        countries.insert(code);
        assert_eq!(location.origin, Origin::Country);
        let home = location.place.and_then(|place| place.country);
        let centroid = home.and_then(country::find).map(|home| home.centroid);
        assert_eq!(location.place.map(|place| place.coordinates), centroid);
    }
    assert!(countries.len() > 40);
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
    for (ip, ..) in STABLE {
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
