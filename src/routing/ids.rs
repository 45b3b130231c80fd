//! Names of things: identities that survive a reload, and indexes that hold within one [`Topology`].
//!
//! [`Topology`]: super::Topology

use std::fmt;
use std::net::{AddrParseError, SocketAddr};
use std::str::FromStr;

/// The number of a data centre, as `dc_options` gives it; 1 to 32767 (`int` in TL, an `i16` on the wire).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DcId(pub u16);

impl fmt::Display for DcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What carries the bytes of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// In sessions.
    #[default]
    Tcp,
    /// In flows.
    Udp,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// The word of configuration and API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Where something is dialled, and how. Written `192.0.2.1:443`, and `192.0.2.1:443/udp` for UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialAddress {
    /// The address.
    pub socket: SocketAddr,
    /// How it is spoken to.
    pub protocol: Protocol,
}

impl DialAddress {
    /// This address, by TCP.
    #[must_use]
    pub const fn tcp(socket: SocketAddr) -> Self {
        Self { socket, protocol: Protocol::Tcp }
    }

    /// This address, by UDP.
    #[must_use]
    pub const fn udp(socket: SocketAddr) -> Self {
        Self { socket, protocol: Protocol::Udp }
    }
}

impl FromStr for DialAddress {
    type Err = AddrParseError;

    /// As it is written.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix("/udp") {
            Some(socket) => socket.parse().map(Self::udp),
            None => text.parse().map(Self::tcp),
        }
    }
}

impl fmt::Display for DialAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => self.socket.fmt(f),
            Protocol::Udp => write!(f, "{}/udp", self.socket),
        }
    }
}

/// One dialable address of a DC. Two entries with the same id are the same access point, before and
/// after a reload: health and counters follow this identity. An address that serves TCP and UDP is two
/// access points: what one service shows says nothing of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessPointId {
    /// The DC it belongs to.
    pub dc: DcId,
    /// Where it is dialled.
    pub address: DialAddress,
}

impl fmt::Display for AccessPointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.dc, self.address)
    }
}

/// Position of a DC in [`Topology::dcs`](super::Topology::dcs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DcIndex(pub u32);

/// Position of an access point in [`Topology::access_points`](super::Topology::access_points).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessPointIndex(pub u32);

impl DcIndex {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

impl AccessPointIndex {
    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for text in
            ["192.0.2.1:443", "192.0.2.1:443/udp", "[2001:db8::1]:53", "[2001:db8::1]:53/udp"]
        {
            let address: DialAddress = text.parse().expect("an address");
            assert_eq!(address.to_string(), text);
        }
        assert!("192.0.2.1:443/tcp".parse::<DialAddress>().is_err());
    }
}
