//! Who has which address in the lab.
//!
//! All are of the ranges that are kept for benchmarks: 198.18.0.0/15 (RFC 2544) and 2001:2::/48
//! (RFC 5180). They are routed in the lab's namespaces and nowhere else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Where the edge serves clients.
pub(crate) const EDGE_PORT: u16 = 8443;

/// Where access points serve.
pub(crate) const DC_PORT: u16 = 4430;

/// All addresses of clients: whoever connects may come from any of them.
pub(crate) const CLIENTS_V4: &str = "198.18.0.0/16";
pub(crate) const CLIENTS_V6: &str = "2001:2:0:c000::/64";

/// A link between the router and a host. Its networks are /30 and /64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) router_v4: Ipv4Addr,
    pub(crate) router_v6: Ipv6Addr,
    pub(crate) host_v4: Ipv4Addr,
    pub(crate) host_v6: Ipv6Addr,
}

pub(crate) const EDGE_LINK: Link = Link {
    router_v4: Ipv4Addr::new(198, 19, 0, 1),
    router_v6: Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 1),
    host_v4: Ipv4Addr::new(198, 19, 0, 2),
    host_v6: Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 2),
};

/// Networks of clients are routed over it, so that the router does not look for each of their
/// addresses by itself.
pub(crate) const CLIENTS_LINK: Link = Link {
    router_v4: Ipv4Addr::new(198, 19, 255, 1),
    router_v6: Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 1),
    host_v4: Ipv4Addr::new(198, 19, 255, 2),
    host_v6: Ipv6Addr::new(0x2001, 2, 0, 0xffff, 0, 0, 0, 2),
};

/// A data centre of the lab, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Dc {
    Dc1 = 1,
    Dc2 = 2,
    Dc3 = 3,
}

impl Dc {
    pub(crate) const ALL: [Dc; 3] = [Dc::Dc1, Dc::Dc2, Dc::Dc3];

    /// Its place in [`Dc::ALL`].
    pub(crate) fn index(self) -> usize {
        self as usize - 1
    }

    /// As `dc_options` has it.
    pub(crate) fn id(self) -> u16 {
        self as u16
    }

    pub(crate) fn site(self) -> Site {
        match self {
            Dc::Dc1 | Dc::Dc2 => Site::Ams,
            Dc::Dc3 => Site::Sin,
        }
    }

    /// The networks that are routed over its line.
    pub(crate) fn networks(self) -> [String; 2] {
        let id = self.id();
        [format!("198.19.{id}.0/24"), format!("2001:2:0:{id}::/64")]
    }
}

impl fmt::Display for Dc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dc{}", self.id())
    }
}

/// The place whose power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Near the clients: DCs 1 and 2.
    Ams,
    /// Far away: DC 3.
    Sin,
}

impl Site {
    pub(crate) fn dcs(self) -> impl Iterator<Item = Dc> {
        Dc::ALL.into_iter().filter(move |dc| dc.site() == self)
    }
}

/// An address of a DC at which it serves: every DC has two of IPv4, `a` and `b`, and one of IPv6, `v6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AccessPoint {
    pub(crate) dc: Dc,
    pub(crate) door: Door,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Door {
    A,
    B,
    V6,
}

impl AccessPoint {
    pub(crate) fn address(self) -> SocketAddr {
        let id = self.dc.id();
        let v4 = |host| IpAddr::from(Ipv4Addr::new(198, 19, id as u8, host));
        let ip = match self.door {
            Door::A => v4(10),
            Door::B => v4(11),
            Door::V6 => Ipv6Addr::new(0x2001, 2, 0, id, 0, 0, 0, 0x10).into(),
        };
        SocketAddr::new(ip, DC_PORT)
    }
}

impl fmt::Display for AccessPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let door = match self.door {
            Door::A => "a",
            Door::B => "b",
            Door::V6 => "v6",
        };
        write!(f, "{}/{door}", self.dc)
    }
}

/// `dc1/a`
impl FromStr for AccessPoint {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<AccessPoint, UnknownPlace> {
        let unknown = || UnknownPlace(text.to_owned());
        let (dc, door) = text.split_once('/').ok_or_else(unknown)?;
        let door = match door {
            "a" => Door::A,
            "b" => Door::B,
            "v6" => Door::V6,
            _ => return Err(unknown()),
        };
        Ok(AccessPoint { dc: dc.parse().map_err(|_| unknown())?, door })
    }
}

/// `dc1`
impl FromStr for Dc {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<Dc, UnknownPlace> {
        let known = Dc::ALL.into_iter().find(|dc| dc.to_string() == text);
        known.ok_or_else(|| UnknownPlace(text.to_owned()))
    }
}

/// There is nothing of this name in the lab.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownPlace(pub(crate) String);

impl fmt::Display for UnknownPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {:?} in the lab", self.0)
    }
}

impl std::error::Error for UnknownPlace {}

/// Where clients connect to the edge.
pub(crate) fn edge() -> SocketAddr {
    SocketAddr::from((EDGE_LINK.host_v4, EDGE_PORT))
}

/// The same by IPv6.
pub(crate) fn edge_v6() -> SocketAddr {
    SocketAddr::from((EDGE_LINK.host_v6, EDGE_PORT))
}

/// Address number `n` of the clients: any two of fewer than 60,000 that follow each other are of
/// different /24 networks.
pub(crate) fn client(n: u32) -> Ipv4Addr {
    let n = n % 60_000;
    // The third byte counts fastest; hosts 0 and 255 are left out.
    let (network, host) = ((n % 250) as u8, (n / 250) as u8);
    Ipv4Addr::new(198, 18, network, host + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn clients_that_follow_each_other_are_strangers() {
        let all: HashSet<Ipv4Addr> = (0..60_000).map(client).collect();
        assert_eq!(all.len(), 60_000);
        let networks: HashSet<u8> = (0..250).map(|n| client(n).octets()[2]).collect();
        assert_eq!(networks.len(), 250);
    }

    #[test]
    fn access_points_are_read_as_they_are_written() {
        for dc in Dc::ALL {
            for door in [Door::A, Door::B, Door::V6] {
                let access_point = AccessPoint { dc, door };
                assert_eq!(access_point.to_string().parse(), Ok(access_point));
            }
        }
        for text in ["", "dc1", "dc4/a", "dc1/c", "1/a"] {
            assert!(text.parse::<AccessPoint>().is_err(), "{text}");
        }
    }
}
