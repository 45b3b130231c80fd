use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{country_of, locate, open, open_asn, placed};
use crate::geoip::{Database, DatabaseKind, GeoDbError, GeoDbFault, MAX_FILE_BYTES, mmdb};
use crate::routing::ClientAddr;

#[test]
fn files_that_are_no_database_are_refused_with_path_and_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let asn = json!({"autonomous_system_number": 1103, "autonomous_system_organization": "SURF"});
    let asn = mmdb::write("GeoLite2-ASN", &[("192.0.2.0/24", asn)]);
    let no_map = mmdb::write("Strings", &[("192.0.2.0/24", json!("NL"))]);
    let noise: Vec<u8> = (0..10_000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    for (name, bytes, reason) in [
        ("empty", vec![], "is empty"),
        ("noise", noise, "could not find MaxMind DB metadata"),
        ("text", b"hello\n".to_vec(), "is not a MaxMind DB file"),
        ("asn", asn, "tells autonomous systems, as `asn_database` does"),
        ("no_map", no_map, "\"Strings\", in which no record has a country"),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, bytes).expect("a file");
        let error = open_file(&path).expect_err(name).to_string();
        let path = path.display().to_string();
        assert!(error.starts_with(&format!("{path}: ")), "{error}");
        assert!(error.contains(reason), "{error}");
    }

    let missing = open_file(&directory.path().join("missing")).expect_err("missing");
    assert!(matches!(missing.fault, GeoDbFault::Read(_)));
    assert!(missing.source().is_some());
    let directory = open_file(directory.path()).expect_err("a directory");
    assert!(matches!(directory.fault, GeoDbFault::NotAFile));
}

#[test]
fn files_beyond_the_bound_are_refused_unread() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    // Sparse: takes no space.
    let grown = file.as_file().set_len(MAX_FILE_BYTES + 1);
    grown.expect("a sparse file");
    let error = open_file(file.path()).expect_err("too large");
    assert!(matches!(error.fault, GeoDbFault::TooLarge), "{error}");
}

#[test]
fn a_file_is_read_whole() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), mmdb::write("Test", &[("192.0.2.0/24", placed())])).expect("written");
    let database = open_file(file.path()).expect("a database");
    let location = locate(&database, "192.0.2.1");
    assert_eq!(country_of(location).as_deref(), Some("NL"));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = small();
    for len in 0..whole.len() {
        assert!(open(whole[..len].to_vec()).is_err(), "cut at {len}");
    }
    assert!(open(whole).is_ok());
}

#[test]
fn a_flipped_bit_is_refused_or_harmless() {
    let whole = small();
    let mut refused = 0;
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match open(damaged) {
            Ok(database) => lookup_all_over(&database),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > whole.len(), "only {refused} were noticed");
}

#[test]
fn a_tree_that_runs_in_circles_is_refused() {
    let mut circle = mmdb::write("Test", &[("192.0.2.0/24", placed())]);
    // Both children of the root, in 32 bits each, become the root.
    circle[..8].fill(0);
    let fault = open(circle).expect_err("a circle");
    assert!(matches!(fault, GeoDbFault::Malformed(_)), "{fault}");
}

#[test]
fn the_build_time_of_a_year_that_has_no_date_is_unknown() {
    let mut file = mmdb::write("Test", &[("192.0.2.0/24", placed())]);
    let epoch = 1_700_000_000_u32.to_be_bytes();
    let at = file.windows(4).rposition(|window| window == epoch).expect("it was written");
    let seconds = |database: Database| {
        let since = database.built()?.duration_since(SystemTime::UNIX_EPOCH);
        since.ok().map(|since| since.as_secs())
    };
    let database = open(file.clone()).expect("a database");
    assert_eq!(seconds(database), Some(1_700_000_000));
    // Eight bytes in place of four: the 14th of November 2023 becomes a day of the far future.
    file.splice(at - 2..at, [8, 2]);
    file.splice(at..at, [0x7f, 0xff, 0xff, 0xff]);
    let database = open(file).expect("a database");
    assert_eq!(database.build_epoch(), 0x7fff_ffff_6553_f100);
    assert_eq!(database.built(), None);
}

#[test]
fn maps_in_maps_are_refused_or_harmless_however_deep() {
    for key in ["country", "location", "latitude", "asn", "names"] {
        for depth in [100, 120, 130, 500, 600, 5_000] {
            // As text: a `Value` of this depth would not survive being dropped.
            let file = nested(key, depth);
            if let Ok(database) = open(file.clone()) {
                lookup_all_over(&database);
            }
            if let Ok(database) = open_asn(file) {
                lookup_all_over(&database);
            }
        }
    }
}

/// A database whose first record is a map in a map in a map, all of them behind one key.
fn nested(key: &str, depth: usize) -> Vec<u8> {
    let mark = "where the maps go";
    let record = json!({"country_code": "NL", "asn": 1, key: mark});
    let mut file = mmdb::write("Nested", &[("192.0.2.0/24", record)]);
    let found = file.windows(mark.len()).position(|window| window == mark.as_bytes());
    let at = found.expect("it was written");
    let map_of_one = [&[7 << 5 | 1, 2 << 5 | key.len() as u8], key.as_bytes()].concat();
    let maps = [map_of_one.repeat(depth), vec![7 << 5]].concat();
    // The text and its control byte.
    file.splice(at - 1..at + mark.len(), maps);
    file
}

fn open_file(path: &Path) -> Result<Database, GeoDbError> {
    Database::open(path, DatabaseKind::Country)
}

fn small() -> Vec<u8> {
    let networks = [
        ("192.0.2.0/24", json!({"country_code": "NL"})),
        (
            "2001:db8::/32",
            json!({"country": {"iso_code": "US"}, "location": {"latitude": 1.5, "longitude": 2.5}}),
        ),
    ];
    mmdb::write("Small", &networks)
}

fn lookup_all_over(database: &Database) {
    for ip in ["0.0.0.0", "192.0.2.1", "255.255.255.255", "2001:db8::1", "ffff::"] {
        locate(database, ip);
        let client = ClientAddr::new(ip.parse().expect("an address of the test"));
        let (_, _) = (database.asn(client), database.network(client));
    }
}

/// A value that a record may hold where another was expected. Bounded, as the writer's lengths are.
fn any_value() -> impl Strategy<Value = Value> {
    let texts = prop::sample::select(vec![
        "",
        "NL",
        "nl",
        "ZZ",
        "EU",
        "AS1103",
        "AS99999999999",
        "52.1",
        "-181",
        "NaN",
        "inf",
        "é",
    ]);
    let leaf = prop_oneof![
        texts.prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-200.0_f64..200.0).prop_map(Value::from),
        any::<u64>().prop_map(|number| json!({"$uint64": number})),
        any::<u64>().prop_map(|number| json!({"$uint128": number})),
        any::<u16>().prop_map(|number| json!({"$uint16": number})),
        (-200.0_f64..200.0).prop_map(|number| json!({"$float": number})),
        Just(json!({"$bytes": "NL"})),
    ];
    let key = prop::sample::select(vec![
        "country",
        "country_code",
        "iso_code",
        "location",
        "latitude",
        "longitude",
        "lat",
        "lng",
        "lon",
        "asn",
        "autonomous_system_number",
        "traits",
        "names",
    ]);
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_harmless(
        mut bytes in prop::collection::vec(any::<u8>(), 0..4096),
        is_marked in any::<bool>(),
    ) {
        if is_marked {
            // Where readers look for what the file says of itself.
            let whole = small();
            let mark = whole.windows(3).rposition(|it| it == *b"\xab\xcd\xef");
            bytes.extend(&whole[mark.expect("it was written")..]);
        }
        if let Ok(database) = open(bytes) {
            lookup_all_over(&database);
        }
    }

    #[test]
    fn a_record_of_any_shape_is_read_and_spoils_no_other(
        record in any_value(),
        record_size in prop::sample::select(vec![24, 28, 32]),
        pointers in any::<bool>(),
    ) {
        let layout = mmdb::Layout { record_size, pointers, aliases: false };
        let good = json!({"country_code": "NL", "asn": 1103});
        let networks = [("192.0.2.0/24", record), ("2001:db8::/32", good)];
        let file = mmdb::write_as(layout, "Shapes", &networks);
        let database = open(file.clone()).expect("one record is good");
        lookup_all_over(&database);
        prop_assert_eq!(country_of(locate(&database, "2001:db8::1")), Some("NL".to_owned()));
        prop_assert!(open_asn(file).is_ok());
    }

    #[test]
    fn noise_is_refused_or_harmless(
        at in 0_usize..1 << 20,
        noise in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let mut file = small();
        let at = at % file.len();
        let end = (at + noise.len()).min(file.len());
        file[at..end].copy_from_slice(&noise[..end - at]);
        if let Ok(database) = open(file) {
            lookup_all_over(&database);
        }
    }
}
