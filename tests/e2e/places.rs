//! Addresses of the real world.

use std::net::IpAddr;

use crate::support::lab::{AMSTERDAM, MIAMI, SINGAPORE};

/// An address of a university or an operator, its country, and the DC that a map shows to be the
/// closest of the three, by 500 km and more.
pub(crate) const PLACES: [(&str, &str, u16); 20] = [
    ("145.97.1.1", "NL", AMSTERDAM),
    ("141.20.1.1", "DE", AMSTERDAM),
    ("131.111.8.46", "GB", AMSTERDAM),
    ("130.206.1.1", "ES", AMSTERDAM),
    ("153.19.1.1", "PL", AMSTERDAM),
    ("144.122.1.1", "TR", AMSTERDAM),
    ("193.227.1.1", "EG", AMSTERDAM),
    ("196.220.1.1", "NG", AMSTERDAM),
    ("8.8.8.8", "US", MIAMI),
    ("142.1.1.1", "CA", MIAMI),
    ("132.248.10.1", "MX", MIAMI),
    ("143.107.1.1", "BR", MIAMI),
    ("146.83.1.1", "CL", MIAMI),
    ("168.176.1.1", "CO", MIAMI),
    ("133.11.1.1", "JP", SINGAPORE),
    ("147.46.1.1", "KR", SINGAPORE),
    ("166.111.8.1", "CN", SINGAPORE),
    ("14.139.1.1", "IN", SINGAPORE),
    ("152.118.1.1", "ID", SINGAPORE),
    ("130.102.1.1", "AU", SINGAPORE),
];

/// An address of the test.
pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address of the test")
}

/// So many different clients, from all the places in turn.
pub(crate) fn clients(count: usize) -> Vec<IpAddr> {
    let client = |number: usize| match ip(PLACES[number % PLACES.len()].0) {
        IpAddr::V4(v4) => {
            IpAddr::from((v4.to_bits() + (number / PLACES.len()) as u32).to_be_bytes())
        }
        v6 @ IpAddr::V6(_) => v6,
    };
    (0..count).map(client).collect()
}
