//! Networks whose place the configuration states.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use crate::routing::{ClientAddr, Place};

/// Places by network; the longest prefix counts. A lookup costs one hash for each prefix length in
/// use, however many networks there are.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    v4: Vec<Level>,
    v6: Vec<Level>,
}

impl Overrides {
    /// Takes networks in any order; of equal ones the last counts. A v4-mapped network is the IPv4
    /// network in it, just as a client's v4-mapped address is its IPv4 address. Networks of NAT64,
    /// 6to4 and Teredo would never be found, since those clients are IPv4 addresses too;
    /// configuration refuses them.
    #[must_use]
    pub fn new(places: impl IntoIterator<Item = (IpNet, Place)>) -> Self {
        let mut overrides = Self::default();
        for (network, place) in places {
            let network = canonical(network);
            let levels = match network {
                IpNet::V4(_) => &mut overrides.v4,
                IpNet::V6(_) => &mut overrides.v6,
            };
            let prefix_len = network.prefix_len();
            // Longest first.
            let at = levels.binary_search_by(|level| prefix_len.cmp(&level.prefix_len));
            let at = at.unwrap_or_else(|at| {
                levels.insert(at, Level::new(prefix_len));
                at
            });
            levels[at].places.insert(prefix(network.addr(), prefix_len), place);
        }
        overrides
    }

    /// The place of the longest network around the client.
    #[must_use]
    pub fn find(&self, client: ClientAddr) -> Option<Place> {
        self.find_network(client).map(|(_, place)| place)
    }

    /// The longest network around the client, and its place.
    #[must_use]
    pub fn find_network(&self, client: ClientAddr) -> Option<(IpNet, Place)> {
        let ip = client.ip();
        let levels = match ip {
            IpAddr::V4(_) => &self.v4,
            IpAddr::V6(_) => &self.v6,
        };
        levels.iter().find_map(|level| {
            let place = level.places.get(&prefix(ip, level.prefix_len))?;
            let network = IpNet::new(ip, level.prefix_len).ok()?;
            Some((network.trunc(), *place))
        })
    }
}

/// The networks of one prefix length.
#[derive(Clone, Debug)]
struct Level {
    prefix_len: u8,
    places: HashMap<u128, Place>,
}

impl Level {
    fn new(prefix_len: u8) -> Self {
        Self { prefix_len, places: HashMap::new() }
    }
}

/// The first `len` bits of the address.
fn prefix(ip: IpAddr, len: u8) -> u128 {
    let (bits, width) = match ip {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), u32::BITS),
        IpAddr::V6(v6) => (v6.to_bits(), u128::BITS),
    };
    // A prefix of no bits asks for a shift by the full width.
    bits.checked_shr(width - u32::from(len)).unwrap_or(0)
}

/// Bits of ::ffff:0:0/96, before the IPv4 address.
const MAPPED_BITS: u8 = 96;

fn canonical(network: IpNet) -> IpNet {
    let mapped = || {
        let IpNet::V6(v6) = network else { return None };
        let len = v6.prefix_len().checked_sub(MAPPED_BITS)?;
        Ipv4Net::new(v6.addr().to_ipv4_mapped()?, len).ok()
    };
    mapped().map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::Coordinates;
    use proptest::prelude::*;

    fn place(at: u16) -> Place {
        let coordinates = Coordinates::new(f64::from(at) / 1e3, 7.0).expect("a point of the test");
        Place { coordinates, country: None }
    }

    fn network(text: &str) -> IpNet {
        text.parse().expect("a network of the test")
    }

    fn find(overrides: &Overrides, ip: &str) -> Option<Place> {
        overrides.find(ClientAddr::new(ip.parse().expect("an address of the test")))
    }

    #[test]
    fn longest_prefix_counts_in_any_order() {
        let mut nets = vec![
            (network("10.20.0.0/16"), place(1)),
            (network("10.0.0.0/8"), place(2)),
            (network("10.20.30.40/32"), place(3)),
            (network("2001:db8::/32"), place(4)),
            (network("2001:db8:5::/48"), place(5)),
        ];
        for _ in 0..2 {
            let overrides = Overrides::new(nets.clone());
            assert_eq!(find(&overrides, "10.20.30.40"), Some(place(3)));
            assert_eq!(find(&overrides, "10.20.30.41"), Some(place(1)));
            assert_eq!(find(&overrides, "10.21.0.1"), Some(place(2)));
            assert_eq!(find(&overrides, "11.0.0.1"), None);
            assert_eq!(find(&overrides, "2001:db8:5::1"), Some(place(5)));
            assert_eq!(find(&overrides, "2001:db8:6::1"), Some(place(4)));
            assert_eq!(find(&overrides, "2001:db9::1"), None);
            nets.reverse();
        }
    }

    #[test]
    fn whole_families_can_be_overridden_and_do_not_mix() {
        let overrides = Overrides::new([(network("0.0.0.0/0"), place(4))]);
        assert_eq!(find(&overrides, "255.255.255.255"), Some(place(4)));
        assert_eq!(find(&overrides, "2001:db8::1"), None);
        let overrides = Overrides::new([(network("::/0"), place(6))]);
        assert_eq!(find(&overrides, "2001:db8::1"), Some(place(6)));
        assert_eq!(find(&overrides, "192.0.2.1"), None);
    }

    #[test]
    fn v4_mapped_networks_are_ipv4_networks() {
        let overrides = Overrides::new([(network("::ffff:192.0.2.0/120"), place(1))]);
        for client in ["192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::192.0.2.7"] {
            assert_eq!(find(&overrides, client), Some(place(1)), "{client}");
        }
        assert_eq!(find(&overrides, "192.0.3.7"), None);
    }

    #[test]
    fn host_bits_of_a_network_are_ignored_and_of_equal_networks_the_last_counts() {
        let overrides = Overrides::new([
            (network("192.0.2.0/24"), place(1)),
            (network("192.0.2.99/24"), place(2)),
        ]);
        assert_eq!(find(&overrides, "192.0.2.1"), Some(place(2)));
    }

    fn any_network() -> impl Strategy<Value = IpNet> {
        let v4 = (any::<u8>(), 0_u8..=32).prop_map(|(byte, len)| {
            let ip = IpAddr::from([10, byte & 3, byte >> 4, byte]);
            IpNet::new(ip, len).expect("at most 32 bits")
        });
        let v6 = (any::<u8>(), 0_u8..=128).prop_map(|(byte, len)| {
            let byte = u16::from(byte);
            let ip = IpAddr::from([0x2001, 0xdb8, byte & 3, byte >> 4, 0, 0, 0, byte]);
            IpNet::new(ip, len).expect("at most 128 bits")
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn answers_are_those_of_a_scan(
            networks in prop::collection::vec(any_network(), 0..40),
            client in any_network(),
        ) {
            let client = ClientAddr::new(client.addr());
            let places: Vec<_> = (0..).map(place).zip(networks).map(|(p, n)| (n, p)).collect();
            let around = places.iter().filter(|(network, _)| network.contains(&client.ip()));
            let expected = around.max_by_key(|(network, _)| network.prefix_len());
            let found = Overrides::new(places.clone()).find_network(client);
            // Of equal networks the last counts; which one that is, `max_by_key` agrees.
            prop_assert_eq!(found, expected.map(|(network, place)| (network.trunc(), *place)));
        }
    }
}
