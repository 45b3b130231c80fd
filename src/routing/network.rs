//! Networks: addresses that begin alike.

use std::fmt;
use std::net::IpAddr;

use super::client::ClientAddr;

/// The addresses of one family whose first bits are the same, such as `203.0.113.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    first: IpAddr,
    length: u8,
}

impl Network {
    /// The network of `length` bits that begins at `first`; `None` when it has bits beyond its
    /// length, or its length is beyond what the family has.
    #[must_use]
    pub fn new(first: IpAddr, length: u8) -> Option<Self> {
        let network = Self { first, length };
        (length <= width(first) && network.masked(first) == Some(bits(first))).then_some(network)
    }

    /// Whether the client's canonical address lies in it.
    #[must_use]
    pub fn contains(&self, client: ClientAddr) -> bool {
        self.masked(client.ip()) == Some(bits(self.first))
    }

    /// The leading bits of an address of the same family, the others cleared.
    fn masked(&self, ip: IpAddr) -> Option<u128> {
        let rest = u32::from(width(ip).saturating_sub(self.length));
        let same_family = ip.is_ipv4() == self.first.is_ipv4();
        let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
        same_family.then_some(bits(ip) & mask)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

fn width(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(first: &str, length: u8) -> Option<Network> {
        Network::new(first.parse().expect("an address of the test"), length)
    }

    fn client(ip: &str) -> ClientAddr {
        ClientAddr::new(ip.parse().expect("an address of the test"))
    }

    #[test]
    fn a_network_has_no_bits_beyond_its_length() {
        assert!(network("203.0.113.0", 24).is_some());
        assert!(network("203.0.113.1", 24).is_none());
        assert!(network("203.0.113.1", 33).is_none());
        assert!(network("2001:db8::", 32).is_some());
        assert!(network("2001:db8::1", 64).is_none());
        assert!(network("::", 129).is_none());
    }

    #[test]
    fn it_contains_the_addresses_of_its_family_that_begin_as_it_does() {
        let v4 = network("203.0.113.0", 24).expect("a network");
        assert!(v4.contains(client("203.0.113.0")) && v4.contains(client("203.0.113.255")));
        assert!(v4.contains(client("::ffff:203.0.113.7")), "an IPv4 client in other clothes");
        assert!(!v4.contains(client("203.0.112.255")) && !v4.contains(client("2001:db8::")));
        let (all_v4, all_v6) = (network("0.0.0.0", 0), network("::", 0));
        assert!(all_v4.is_some_and(|all| all.contains(client("198.51.100.1"))));
        assert!(!all_v4.is_some_and(|all| all.contains(client("2001:db8::1"))));
        assert!(all_v6.is_some_and(|all| all.contains(client("2001:db8::1"))));
        let one = network("2001:db8::1", 128).expect("a network");
        assert!(one.contains(client("2001:db8::1")) && !one.contains(client("2001:db8::2")));
    }
}
