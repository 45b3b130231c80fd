use std::error::Error;
use std::fs;

use proptest::prelude::*;
use serde_json::json;

use super::{country_of, locate, open, placed};
use crate::geoip::{Database, GeoDbFault, MAX_FILE_BYTES, mmdb};

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
        ("asn", asn, "\"GeoLite2-ASN\", in which no record has a country"),
        ("no_map", no_map, "is not a MaxMind DB file or is damaged"),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, bytes).expect("a file");
        let error = Database::open(&path).expect_err(name).to_string();
        let path = path.display().to_string();
        assert!(error.starts_with(&format!("{path}: ")), "{error}");
        assert!(error.contains(reason), "{error}");
    }

    let missing = Database::open(&directory.path().join("missing")).expect_err("missing");
    assert!(matches!(missing.fault, GeoDbFault::Read(_)));
    assert!(missing.source().is_some());
    let directory = Database::open(directory.path()).expect_err("a directory");
    assert!(matches!(directory.fault, GeoDbFault::NotAFile));
}

#[test]
fn files_beyond_the_bound_are_refused_unread() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    // Sparse: takes no space.
    let grown = file.as_file().set_len(MAX_FILE_BYTES + 1);
    grown.expect("a sparse file");
    let error = Database::open(file.path()).expect_err("too large");
    assert!(matches!(error.fault, GeoDbFault::TooLarge), "{error}");
}

#[test]
fn a_file_is_read_whole() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), mmdb::write("Test", &[("192.0.2.0/24", placed())])).expect("written");
    let database = Database::open(file.path()).expect("a database");
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
    }
}

proptest! {
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
