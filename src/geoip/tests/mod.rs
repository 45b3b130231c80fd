//! Databases as a whole: the embedded one, every layout, and files that are none.

mod embedded;
mod layouts;
mod refusals;
mod structure;

use std::borrow::Cow;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Database, DatabaseKind, GeoDbFault};
use crate::routing::{ClientAddr, Location};

fn locate(database: &Database, ip: &str) -> Location {
    let ip: IpAddr = ip.parse().expect("an address of the test");
    database.locate(ClientAddr::new(ip))
}

fn country_of(location: Location) -> Option<String> {
    let place = location.place?;
    Some(place.country?.to_string())
}

fn open(bytes: Vec<u8>) -> Result<Database, GeoDbFault> {
    Database::read(Cow::Owned(bytes), DatabaseKind::Country)
}

fn open_asn(bytes: Vec<u8>) -> Result<Database, GeoDbFault> {
    Database::read(Cow::Owned(bytes), DatabaseKind::Asn)
}

/// A record that every database of places may have.
fn placed() -> Value {
    json!({"country_code": "NL"})
}
