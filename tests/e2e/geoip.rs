//! Databases that a running daemon reads: that of autonomous systems beside that of places.

use nearpoint::reload::Outcome;
use nearpoint::routing::{Asn, ClientAddr};
use serde_json::{Value, json};

use crate::places::ip;
use crate::support::lab::{Edge, Lab};
use crate::support::process::output;
use crate::support::{mmdb, within};

const CLIENT: &str = "192.0.2.7";

fn asns(number: u32) -> Vec<u8> {
    let record = json!({"autonomous_system_number": number});
    mmdb::write("Test-ASN", &[("192.0.2.0/24", record)])
}

/// Files that cannot be served with, and what is said of them.
fn bad_files() -> [(Vec<u8>, &'static str); 3] {
    let whole = asns(1103);
    let places = mmdb::write("Places", &[("192.0.2.0/24", json!({"country_code": "NL"}))]);
    [
        (Vec::new(), "is empty"),
        (whole[..whole.len() / 2].to_vec(), "is not a MaxMind DB file or is damaged"),
        (places, "\"Places\", in which no record has the number of an autonomous system"),
    ]
}

fn asn(edge: &Edge) -> Option<Asn> {
    edge.app.reader.load().locate.locate(ClientAddr::new(ip(CLIENT))).asn
}

#[tokio::test]
async fn autonomous_systems_follow_their_file_and_a_bad_one_leaves_the_old_one_in_force() {
    let lab = Lab::new(1);
    lab.configure(&[("geoip", "{asn_database: asn.mmdb}")]);
    lab.write("asn.mmdb", asns(1103));
    let edge = lab.start().await;
    assert_eq!(asn(&edge), Some(Asn(1103)));
    let path = lab.path("asn.mmdb").display().to_string();
    for (bytes, says) in bad_files() {
        lab.write("asn.mmdb", bytes);
        let outcome = within("a reload", edge.app.reload()).await;
        let Outcome::Refused(problems) = outcome else { panic!("{outcome:?}") };
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(problem.starts_with(&path) && problem.contains(says), "{problem}");
        assert_eq!(asn(&edge), Some(Asn(1103)));
    }
    lab.write("asn.mmdb", asns(1104));
    within("a reload", edge.app.reload()).await;
    assert_eq!(asn(&edge), Some(Asn(1104)));

    let status = edge.doors.json("/v1/status").await;
    let places = &status["geoip"];
    assert_eq!((&places["source"], &places["ip_version"]), (&json!("embedded"), &json!(6)));
    let told = &status["geoip_asn"];
    assert_eq!(told["source"], json!(path));
    assert_eq!(told["built"], "2023-11-14T22:13:20Z");
    assert_eq!((&told["stale"], &told["with_asn"]), (&json!(true), &json!(1)));
    let built = |kind| [("database", kind)];
    let scrape = edge.doors.scrape().await;
    let name = "geoip_build_timestamp_seconds";
    assert_eq!(scrape.value(name, &built("asn")), 1_700_000_000.0);
    assert!(scrape.value(name, &built("country")) > 1_700_000_000.0);

    lab.configure(&[("geoip", "{asn_database: none}")]);
    within("a reload", edge.app.reload()).await;
    assert_eq!(asn(&edge), None);
    assert_eq!(edge.doors.json("/v1/status").await["geoip_asn"], Value::Null);
    let scrape = edge.doors.scrape().await;
    assert_eq!(scrape.samples(name, &built("asn")).count(), 0);
    assert_eq!(scrape.samples(name, &built("country")).count(), 1);
}

#[tokio::test]
async fn check_tells_every_bad_database_and_notes_stale_ones() {
    let lab = Lab::new(1);
    let main = lab.main().display().to_string();
    let check = async || {
        let checked = output(&["check", &main]).await;
        (checked.status.code(), String::from_utf8_lossy(&checked.stdout).into_owned())
    };
    lab.configure(&[("geoip", "{database: places.mmdb, asn_database: asn.mmdb}")]);
    lab.write("places.mmdb", "noise");
    for (bytes, says) in bad_files() {
        lab.write("asn.mmdb", bytes);
        let (code, told) = check().await;
        assert_eq!(code, Some(64));
        assert!(told.contains("has 2 problems") && told.contains(says), "{told}");
    }
    lab.configure(&[("geoip", "{asn_database: asn.mmdb}")]);
    lab.write("asn.mmdb", asns(1103));
    let (code, told) = check().await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("asn.mmdb is ") && told.contains("after 90 it is stale"), "{told}");
}

#[tokio::test]
async fn addresses_are_looked_up_without_a_daemon() {
    let lab = Lab::new(1);
    lab.configure(&[("geoip", "{asn_database: asn.mmdb, default: {country: SG}}")]);
    lab.write("asn.mmdb", asns(1103));
    let main = lab.main().display().to_string();
    let found = output(&["geoip", CLIENT, "--json", "--config", &main]).await;
    assert!(found.status.success(), "{found:?}");
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!((&found[0]["origin"], &found[0]["asn"]), (&json!("default"), &json!(1103)));
    assert_eq!(found[0]["country"], Value::Null);

    let path = lab.path("asn.mmdb").display().to_string();
    for (arguments, code) in [
        (["geoip", CLIENT, "--asn-database", &path], 0),
        (["geoip", CLIENT, "--database", &path], 1),
        (["geoip", CLIENT, "--database", "/nowhere"], 1),
        (["geoip", CLIENT, "--config", "/nowhere"], 64),
        (["geoip", "nowhere", "--config", &main], 64),
    ] {
        let ended = output(&arguments).await;
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    }
}
