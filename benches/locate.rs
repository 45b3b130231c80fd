//! What it costs to locate one client: `cargo bench --bench locate`.
//!
//! Looked up are 1,024 addresses from all over the space that is in use, one after the other.

#[path = "../tests/support/mmdb.rs"]
mod mmdb;

use std::borrow::Cow;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ipnet::IpNet;
use nearpoint::geoip::{Database, DatabaseKind, Databases, Locator, Overrides};
use nearpoint::routing::{ClientAddr, Coordinates, Locate, Place};
use serde_json::json;

criterion_group!(benches, locate);
criterion_main!(benches);

/// Addresses that are looked up, in turn.
const CLIENTS: usize = 1024;

fn locate(criterion: &mut Criterion) {
    let with_asns = Databases { asn: Some(asns()), ..embedded_only() };
    // Records as long as MaxMind's: names in many languages beside what is needed.
    let cities = Databases { country: city_like(), asn: None };
    let locators = [
        ("embedded", Locator::new(embedded_only(), Overrides::default(), None)),
        ("with 1,000 overrides", Locator::new(embedded_only(), overrides(), None)),
        ("with autonomous systems", Locator::new(with_asns, Overrides::default(), None)),
        ("cities", Locator::new(cities, Overrides::default(), None)),
    ];
    for (name, locator) in &locators {
        let mut group = criterion.benchmark_group(format!("locate, {name}"));
        for (family, clients) in [("IPv4", clients(Family::V4)), ("IPv6", clients(Family::V6))] {
            let mut next = clients.iter().cycle();
            group.bench_function(family, |bencher| {
                bencher.iter(|| {
                    let client = next.next().expect("it starts again");
                    black_box(locator.locate(black_box(*client)))
                });
            });
        }
        group.finish();
    }
}

/// Which addresses are looked up.
#[derive(Clone, Copy, Debug)]
enum Family {
    V4,
    V6,
}

fn embedded_only() -> Databases {
    Databases { country: Arc::new(Database::embedded()), asn: None }
}

/// Networks of four lengths, as when sites, offices and a few machines are known better.
fn overrides() -> Overrides {
    let at = Coordinates::new(52.37, 4.9).expect("a point");
    let place = Place { coordinates: at, country: None };
    let networks = (0..1000_u32).map(|n| {
        let ip = Ipv4Addr::from_bits(10 << 24 | n << 12);
        IpNet::new(IpAddr::V4(ip), [16, 20, 24, 32][n as usize % 4]).expect("a length")
    });
    Overrides::new(networks.map(|network| (network, place)))
}

/// 65,536 networks of both families.
fn asns() -> Arc<Database> {
    let records = networks().into_iter().zip(1_u32..).map(|(network, number)| {
        let organization = format!("Autonomous System {number} of a test");
        (
            network,
            json!({
                "autonomous_system_number": number,
                "autonomous_system_organization": organization,
            }),
        )
    });
    database("Bench-ASN", DatabaseKind::Asn, records.collect())
}

fn city_like() -> Arc<Database> {
    let names = |name: &str| {
        let languages = ["de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"];
        let names =
            languages.map(|language| (language.to_owned(), json!(format!("{name} {language}"))));
        serde_json::Value::Object(names.into_iter().collect())
    };
    let records = networks().into_iter().zip(0_u32..).map(|(network, number)| {
        let (lat, lon) = (f64::from(number % 120) - 60.5, f64::from(number % 360) - 180.5);
        (network, json!({
            "city": {"geoname_id": number, "names": names(&format!("City {}", number % 5000))},
            "continent": {"code": "EU", "geoname_id": 6_255_148, "names": names("Europe")},
            "country": {"geoname_id": 2_750_405, "iso_code": "NL", "names": names("Netherlands")},
            "location": {"accuracy_radius": 20, "latitude": lat, "longitude": lon,
                "time_zone": "Europe/Amsterdam"},
            "registered_country": {"geoname_id": 2_750_405, "iso_code": "NL",
                "names": names("Netherlands")},
        }))
    });
    database("Bench-City", DatabaseKind::Country, records.collect())
}

fn networks() -> Vec<String> {
    let v4 = (0..32_768_u32).map(|n| format!("{}/16", Ipv4Addr::from_bits(n << 17)));
    let v6 = (0..32_768_u128).map(|n| format!("{}/32", Ipv6Addr::from_bits(1 << 125 | n << 96)));
    v4.chain(v6).collect()
}

/// As vendors write large files, or as plainly as the format allows.
fn database(
    name: &str,
    kind: DatabaseKind,
    records: Vec<(String, serde_json::Value)>,
) -> Arc<Database> {
    let records: Vec<_> =
        records.iter().map(|(network, record)| (network.as_str(), record.clone())).collect();
    let bytes = match kind {
        DatabaseKind::Country => {
            let layout = mmdb::Layout { record_size: 28, pointers: true, aliases: false };
            mmdb::write_as(layout, name, &records)
        }
        DatabaseKind::Asn => mmdb::write(name, &records),
    };
    Arc::new(Database::read(Cow::Owned(bytes), kind).expect("a database"))
}

/// Addresses all over the space that is in use, always the same ones.
fn clients(family: Family) -> Vec<ClientAddr> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    };
    let mut client = || match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from_bits((random() % 0xdf00_0000) as u32 | 1 << 24)),
        // Where registries hand out networks: 2400::/8 to 2aff::/8.
        Family::V6 => {
            let high = 0x2400_0000 + random() % 0x0700_0000;
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 96 | u128::from(random())))
        }
    };
    (0..CLIENTS).map(|_| ClientAddr::new(client())).collect()
}
