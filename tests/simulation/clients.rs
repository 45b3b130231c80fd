//! Who comes: streams of clients, from where, how often, and how they behave.

use std::net::Ipv4Addr;
use std::time::Duration;

use nearpoint::routing::{
    Client, ClientAddr, Coordinates, Locate, Location, Origin, Place as Spot,
};

use crate::random::Random;

/// Where sites are, and clients: near Frankfurt, Miami, Singapore, Johannesburg, São Paulo.
pub(crate) const CITIES: [(f64, f64); 5] =
    [(50.1, 8.7), (25.8, -80.2), (1.35, 103.8), (-26.2, 28.0), (-23.5, -46.6)];

/// Clients that keep coming.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    /// Between two of them, on average.
    pub(crate) gap: Duration,
    /// What they do.
    pub(crate) manner: Manner,
    /// Their city; `None` for all.
    pub(crate) city: Option<usize>,
    /// How many /24 of a city they come from.
    pub(crate) prefixes: u64,
    /// The listener they come to.
    pub(crate) listener: &'static str,
}

/// What a client does once it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Sends a byte and wants one back.
    Ordinary,
    /// Leaves at once.
    Scanner,
    /// Sends what no upstream bears, which closes on it.
    Garbage,
}

impl Stream {
    /// Ordinary clients of everywhere, so many in a second.
    pub(crate) fn ordinary(per_second: u32) -> Self {
        Self {
            gap: Duration::from_secs(1) / per_second,
            manner: Manner::Ordinary,
            city: None,
            prefixes: 200,
            listener: "nearest",
        }
    }

    /// The next client, and the pause after it.
    pub(crate) fn next(&self, random: &mut Random) -> (Client, Duration) {
        let city = self.city.unwrap_or_else(|| random.number(0..=4) as usize);
        let [a, b, ..] = city_network(city);
        let third = random.number(1..=self.prefixes) as u8;
        let ip = Ipv4Addr::new(a, b, third, random.number(0..=255) as u8);
        let addr = ClientAddr::new(ip.into());
        (Client::new(addr, Cities.locate(addr)), self.gap.mul_f64(2.0 * random.share()))
    }
}

/// The first address of the /16 of a city.
pub(crate) fn city_network(city: usize) -> [u8; 4] {
    [100, city as u8, 0, 0]
}

/// Knows where clients are by the second part of their address.
pub(crate) struct Cities;

impl Locate for Cities {
    fn locate(&self, client: ClientAddr) -> Location {
        let std::net::IpAddr::V4(ip) = client.ip() else { return Location::UNKNOWN };
        let Some((lat, lon)) = CITIES.get(usize::from(ip.octets()[1])) else {
            return Location::UNKNOWN;
        };
        let coordinates = Coordinates::new(*lat, *lon).expect("a city");
        let place = Some(Spot { coordinates, country: None });
        Location { place, origin: Origin::Database, asn: None }
    }
}
