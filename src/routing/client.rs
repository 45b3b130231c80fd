//! A client's address, reduced to the one it really has.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;

/// The address of a client: its IPv4 address wherever one is embedded in an IPv6 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddr(IpAddr);

impl ClientAddr {
    /// Unwraps v4-mapped (RFC 4291 2.5.5.2), NAT64 64:ff9b::/96 (RFC 6052), 6to4 2002::/16
    /// (RFC 3056) and Teredo 2001::/32 (RFC 4380) addresses to the IPv4 address they carry.
    #[must_use]
    pub fn new(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self(ip),
            IpAddr::V6(v6) => Self(embedded_v4(v6).map_or(ip, |(_, v4)| IpAddr::V4(v4))),
        }
    }

    /// The address as it is looked up, hashed and counted.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// What one client owns: an IPv4 address, or the upper 64 bits of an IPv6 one. Families never
    /// meet: an IPv4 address lies in ::/64, which no IPv6 client has.
    #[must_use]
    pub fn prefix(self) -> u64 {
        match self.0 {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64,
        }
    }

    /// The first address of what the client owns: the address itself, or that of its /64.
    #[must_use]
    pub fn first(self) -> Self {
        match self.0 {
            IpAddr::V4(_) => self,
            IpAddr::V6(v6) => {
                Self(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))))
            }
        }
    }

    /// Somebody in nobody's network, for a client of whom only a hash is known: 3fff::/20 is for
    /// documents (RFC 9637), so no rule means it. Hashes that differ above their lowest 20 bits make
    /// prefixes that differ.
    #[must_use]
    pub fn pseudonym(hash: u64) -> Self {
        let prefix = 0x3fff_0000_0000_0000 | hash >> 20;
        Self(IpAddr::V6(Ipv6Addr::from_bits(u128::from(prefix) << 64)))
    }

    /// Whom evidence is counted by.
    #[must_use]
    pub fn network(self) -> ClientPrefix {
        let bits = match self.0 {
            IpAddr::V4(v4) => u64::from(v4.to_bits() >> 8),
            IpAddr::V6(v6) => (v6.to_bits() >> 80) as u64 | FROM_IPV6,
        };
        ClientPrefix(NonZeroU64::new(bits | MARK).unwrap_or(NonZeroU64::MIN))
    }
}

/// Bits that no prefix reaches, so that no two families share one and none is zero.
const FROM_IPV6: u64 = 1 << 62;
const MARK: u64 = 1 << 63;

/// A neighbourhood of clients that one attacker is likely to own: an IPv4 /24 or an IPv6 /48. What
/// one neighbourhood says about an access point counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientPrefix(NonZeroU64);

impl ClientPrefix {
    /// As a number other than 0.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0.get()
    }

    /// The prefix that [`ClientPrefix::bits`] made this number of; `None` for 0.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Self)
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A form of IPv6 address that carries an IPv4 one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// ::ffff:0:0/96, RFC 4291 2.5.5.2: an IPv4 client of a socket of both families.
    V4Mapped,
    /// 64:ff9b::/96, RFC 6052: an IPv4 client behind a translator.
    Nat64,
    /// 2002::/16, RFC 3056.
    SixToFour,
    /// 2001::/32, RFC 4380.
    Teredo,
}

impl Carrier {
    /// What carries an IPv4 address here, if anything does.
    #[must_use]
    pub fn of(ip: IpAddr) -> Option<Self> {
        match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => embedded_v4(v6).map(|(carrier, _)| carrier),
        }
    }

    /// The name that people know.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4Mapped => "v4-mapped",
            Self::Nat64 => "NAT64",
            Self::SixToFour => "6to4",
            Self::Teredo => "Teredo",
        }
    }
}

fn embedded_v4(v6: Ipv6Addr) -> Option<(Carrier, Ipv4Addr)> {
    let low = |shift: u32| Ipv4Addr::from_bits((v6.to_bits() >> shift) as u32);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] => Some((Carrier::V4Mapped, low(0))),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some((Carrier::Nat64, low(0))),
        [0x2002, ..] => Some((Carrier::SixToFour, low(80))),
        // Teredo hides the client's address from rewriting NATs by inverting its bits.
        [0x2001, 0, ..] => Some((Carrier::Teredo, Ipv4Addr::from_bits(!low(0).to_bits()))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(ip: &str) -> ClientAddr {
        ClientAddr::new(ip.parse().expect("an address of the test"))
    }

    #[test]
    fn embedded_ipv4_addresses_are_the_client() {
        for (form, carrier) in [
            ("192.0.2.45", None),
            ("::ffff:192.0.2.45", Some("v4-mapped")),
            ("64:ff9b::192.0.2.45", Some("NAT64")),
            ("2002:c000:22d:1::1", Some("6to4")),
            // RFC 4380: the example of a Teredo address, 192.0.2.45 obfuscated.
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Some("Teredo")),
        ] {
            let ip = form.parse().expect("an address of the test");
            assert_eq!(Carrier::of(ip).map(Carrier::as_str), carrier, "{form}");
            assert_eq!(client(form).ip().to_string(), "192.0.2.45", "{form}");
            assert_eq!(client(form).prefix(), client("192.0.2.45").prefix());
        }
    }

    #[test]
    fn other_ipv6_addresses_stay_and_are_one_client_by_64() {
        for form in ["2001:db8::1", "2001:67c:4e8:f002::a", "::1", "64:ff9b:1::1"] {
            assert_eq!(client(form).ip().to_string(), form);
            assert_eq!(Carrier::of(client(form).ip()), None);
        }
        assert_eq!(client("2001:db8:1:2::1").prefix(), client("2001:db8:1:2:ffff::9").prefix());
        assert_ne!(client("2001:db8:1:2::1").prefix(), client("2001:db8:1:3::1").prefix());
    }

    #[test]
    fn a_pseudonym_is_in_a_network_of_nobody_and_differs_with_the_hash() {
        for hash in [0, 1 << 20, u64::MAX] {
            let IpAddr::V6(v6) = ClientAddr::pseudonym(hash).ip() else { panic!("IPv6") };
            assert_eq!((v6.segments()[0], v6.segments()[1] >> 12), (0x3fff, 0), "{v6}");
        }
        assert_ne!(ClientAddr::pseudonym(0).prefix(), ClientAddr::pseudonym(1 << 20).prefix());
        assert_eq!(client("2001:db8:1:2:3::4").first(), client("2001:db8:1:2::"));
        assert_eq!(client("192.0.2.45").first(), client("192.0.2.45"));
    }

    #[test]
    fn a_neighbourhood_is_a_24_or_a_48() {
        let network = |ip| client(ip).network();
        assert_eq!(network("192.0.2.45"), network("192.0.2.200"));
        assert_ne!(network("192.0.2.45"), network("192.0.3.45"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:ffff::1"));
        assert_ne!(network("2001:db8:1::1"), network("2001:db8:2::1"));
        assert_ne!(network("0.0.0.0"), network("::"));
        let bits = network("192.0.2.45").bits();
        assert_eq!(ClientPrefix::from_bits(bits), Some(network("192.0.2.45")));
    }
}
